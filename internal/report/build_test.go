package report_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lighten/lighten/internal/report"
)

var update = flag.Bool("update", false, "write the golden files anew")

// whole has something of everything that a report can say.
func whole() *report.Build {
	return &report.Build{
		Schema: report.BuildSchema, Project: "shop", Engine: "embedded", Winner: "slim", Seconds: 12.5,
		Candidates: []report.Candidate{
			{Name: "original", Source: "Dockerfile", Base: "docker.io/library/python:3.11", PullBytes: 299_100_000, DiskBytes: 862_400_000, Layers: 10, Files: 19457, Packages: 444,
				Libc: "glibc 2.36", User: "root", Shell: "/bin/sh", Setuid: []string{"/bin/su"}, BuildSeconds: 11.7, StartMS: 239, RSSBytes: 39_670_000, ChecksPassed: 2, ChecksTotal: 2, Verdict: report.Passed},
			{Name: "slim", Source: "Dockerfile", Base: "python:3.11-slim@sha256:00", PullBytes: 57_030_000, DiskBytes: 147_600_000, Layers: 8, Files: 6462, Packages: 119,
				Libc: "glibc 2.36", User: "app", Shell: "/bin/sh", Setuid: []string{}, BuildSeconds: 3.6, StartMS: 241, RSSBytes: 36_110_000, ChecksPassed: 2, ChecksTotal: 2, Verdict: report.Passed, Notes: []string{"libpq5 is installed"}},
			{Name: "alpine", Base: "python:3.11-alpine", PullBytes: 21_260_000, DiskBytes: 56_320_000, Layers: 5, Files: 2460, Libc: "musl", User: "root", Setuid: []string{},
				ChecksPassed: 2, ChecksTotal: 2, Verdict: report.Withheld, Reason: "it runs on musl instead of glibc 2.36, so it is not chosen by itself: --allow libc lets it win",
				Notes: []string{"libc changes from glibc 2.36 to musl: locale, resolver, iconv and threads may behave otherwise than the checks can tell"}},
			{Name: "distroless", Setuid: []string{}, Verdict: report.Refused, Reason: "distroless has Python 3.11, the program wants 3.12"},
			{Name: "mine", Base: "debian", Layers: 2, Setuid: []string{}, ChecksTotal: 2, Verdict: report.Failed, Reason: "module requests is not in the image", Details: []string{"log: \x1b[31mTraceback\x1b[0m"}},
			{Name: "theirs", Base: "debian", Setuid: []string{}, Verdict: report.Broken, Reason: "building Dockerfile.theirs:3: the command ended with exit code 1", Details: []string{">    3 | RUN false"}},
		},
		Waterfall: []report.Step{{What: "base image", Before: 852_000_000, After: 129_000_000}, {What: "system packages", Before: 10_400_000, After: 18_600_000}},
		Context:   &report.Context{Before: 1_000_000, After: 1_000, Items: []report.ContextItem{{Pattern: ".git", Why: "history", Files: 12, Bytes: 999_000}}, Text: ".git\n"},
		Checks:    report.Checks{Source: "guessed", Why: []string{"GET /: port 8000, most likely HTTP"}, YAML: "checks:\n- http:\n    port: 8000\n"},
		Budget:    []report.Budget{{What: "pull", Limit: 60_000_000, Found: 57_030_000}, {What: "disk", Limit: 100_000_000, Found: 147_600_000}},
		Written:   []report.Written{{Dest: "oci:out:shop", Digest: "sha256:00", PullBytes: 57_030_000}},
		Next:      []string{"docker run --rm shop"},
	}
}

// A carved winner's waterfall has a column for what it was carved from.
func TestWaterfallOfCarved(t *testing.T) {
	b := whole()
	b.Candidates = append(b.Candidates, report.Candidate{Name: "carved", Base: "slim", Verdict: report.Passed})
	b.Winner = "carved"
	b.Waterfall = []report.Step{{What: "base image", Before: 852_000_000, Via: new(int64(129_000_000)), After: 36_000_000}, {What: "the program", Before: 2_000, Via: new(int64(1_000)), After: 1_000}}
	var out bytes.Buffer
	if err := b.Write(&out, "table", 0); err != nil {
		t.Fatal(err)
	}
	const want = `where the bytes on disk went  original   slim  carved  saved
──────────────────────────────────────────────────────────────
base image                       852MB  129MB    36MB  816MB
the program                        2kB    1kB     1kB    1kB
all                              852MB  129MB    36MB  816MB
`
	if !strings.Contains(out.String(), want) {
		t.Errorf("want\n%s\nin\n%s", want, out.String())
	}
}

func TestWrite(t *testing.T) {
	for _, c := range []struct {
		file, format string
		width        int
	}{{"wide.txt", "table", 0}, {"narrow.txt", "table", 100}, {"terminal.txt", "table", 80}, {"build.md", "markdown", 0}, {"build.json", "json", 0}} {
		var out bytes.Buffer
		if err := whole().Write(&out, c.format, c.width); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(out.String(), "\x1b") {
			t.Errorf("%s: an escape sequence of the program's log came through", c.file)
		}
		file := filepath.Join("testdata", c.file)
		if *update {
			if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got := out.String(); got != string(want) {
			t.Errorf("%s: got\n%s\nwant\n%s", c.file, got, want)
		}
	}
	if err := whole().Write(&bytes.Buffer{}, "xml", 0); err == nil {
		t.Error("format xml: got no error")
	}
}

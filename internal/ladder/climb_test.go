package ladder_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/lighten/lighten/internal/check"
	"github.com/lighten/lighten/internal/engine"
	"github.com/lighten/lighten/internal/ladder"
	"github.com/lighten/lighten/internal/report"
	"github.com/lighten/lighten/internal/testimage"
)

// The test binary is also the supervisor inside the candidates.
func TestMain(m *testing.M) {
	if code, ok := check.Inside(os.Args); ok {
		os.Exit(code)
	}
	os.Exit(m.Run())
}

// Every form of real programs is built with real pip installs, checked, and compared.
func TestClimb(t *testing.T) {
	testimage.Need(t, "root", "runc", "base:python:3.11-slim", "base:python:3.11-alpine", "base:gcr.io/distroless/python3-debian12")
	root, err := testimage.Root()
	if err != nil {
		t.Fatal(err)
	}
	access := testimage.Access(t)
	e, err := engine.Open(t.Context(), engine.Options{State: t.TempDir(), Access: access})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Errorf("closing the engine: %v", err)
		}
	})
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	verdicts := map[string]string{
		"original": report.Passed, "tidy": report.Passed, "slim": report.Refused, "multi-stage": report.Passed, "alpine": report.Withheld, "distroless": report.Passed,
		ladder.Carved: report.Passed,
	}
	for _, c := range []struct {
		dir, user string
	}{{"cli", "root"}, {"worker", "worker"}, {"fastapi", "root"}} {
		t.Run(c.dir, func(t *testing.T) {
			dir := filepath.Join(root, "examples", c.dir)
			src, err := os.ReadFile(filepath.Join(dir, "lighten.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			checks, err := check.Parse("lighten.yaml", src)
			if err != nil {
				t.Fatal(err)
			}
			p, err := ladder.Open(dir, "", nil, access)
			if err != nil {
				t.Fatal(err)
			}
			progress, err := engine.NewProgress(t.Output(), "plain")
			if err != nil {
				t.Fatal(err)
			}
			defer progress.Close()
			res, err := p.Climb(t.Context(), ladder.Options{
				Engine: e, Build: engine.Build{Progress: progress}, Checks: checks, Source: "lighten.yaml", Binary: binary, CacheDir: t.TempDir(),
			})
			if err != nil {
				t.Fatal(err)
			}
			judge(t, res, verdicts, c.user)
		})
	}
}

func judge(t *testing.T, res *ladder.Result, verdicts map[string]string, user string) {
	t.Helper()
	if res.Report.Winner != ladder.Carved {
		t.Errorf("got winner %q, want %s", res.Report.Winner, ladder.Carved)
	}
	for _, c := range res.Report.Candidates {
		if c.Verdict != verdicts[c.Name] {
			t.Errorf("%s: got %s (%s), want %s\n%s", c.Name, c.Verdict, c.Reason, verdicts[c.Name], strings.Join(c.Details, "\n"))
		}
		if c.Verdict == report.Refused {
			continue
		}
		if c.User != user {
			t.Errorf("%s: got user %q, want %q", c.Name, c.User, user)
		}
		if c.PullBytes <= 0 || c.DiskBytes <= c.PullBytes || c.ChecksPassed != c.ChecksTotal || c.ChecksTotal == 0 {
			t.Errorf("%s: %d bytes to pull, %d on disk, %d of %d checks", c.Name, c.PullBytes, c.DiskBytes, c.ChecksPassed, c.ChecksTotal)
		}
		if err := validate.Image(res.Image(c.Name), validate.Fast); err != nil {
			t.Errorf("%s: %v", c.Name, err)
		}
	}
	var before, after int64
	for _, s := range res.Report.Waterfall {
		before, after = before+s.Before, after+s.After
	}
	if o, w := res.Report.Find("original"), res.Report.Find(res.Report.Winner); before != o.DiskBytes || after != w.DiskBytes {
		t.Errorf("the waterfall goes from %d to %d bytes, want from %d to %d", before, after, o.DiskBytes, w.DiskBytes)
	}
}

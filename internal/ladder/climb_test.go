package ladder_test

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/lighten/lighten/internal/check"
	"github.com/lighten/lighten/internal/engine"
	"github.com/lighten/lighten/internal/engine/enginetest"
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
	e := enginetest.Open(t)
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
			res, err := climb(t, e, dir, ladder.Options{Checks: checks, Source: "lighten.yaml", CacheDir: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			judge(t, res, verdicts, c.user)
		})
	}
}

func climb(t *testing.T, e *engine.Engine, dir string, o ladder.Options) (*ladder.Result, error) {
	t.Helper()
	p, err := ladder.Open(dir, "", nil, testimage.Access(t))
	if err != nil {
		t.Fatal(err)
	}
	progress, err := engine.NewProgress(t.Output(), "plain")
	if err != nil {
		t.Fatal(err)
	}
	defer progress.Close()
	o.Engine, o.Build.Progress = e, progress
	if o.Binary, err = os.Executable(); err != nil {
		t.Fatal(err)
	}
	return p.Climb(t.Context(), o)
}

// The user's own Dockerfiles are built beside the original, and judged only when that has passed.
func TestClimbOwn(t *testing.T) {
	testimage.Need(t, "root", "runc", "base:alpine:3.20")
	e := enginetest.Open(t)
	for _, c := range []struct {
		name, original string
		jobs           int
		err            error
		want           map[string]string
	}{
		{"the original passes", "FROM alpine:3.20\nCMD [\"echo\", \"hello\"]\n", 1, nil, map[string]string{
			"original": report.Passed, "Dockerfile.broken": report.Broken, "Dockerfile.other": report.Failed, "Dockerfile.same": report.Passed,
		}},
		{"the original fails", "FROM alpine:3.20\nCMD [\"echo\", \"bye\"]\n", 2, ladder.ErrOriginal, map[string]string{"original": report.Failed}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range map[string]string{
				"Dockerfile":        c.original,
				"Dockerfile.broken": "FROM alpine:3.20\nRUN exit 7\n",
				"Dockerfile.other":  "FROM alpine:3.20\nCMD [\"echo\", \"other\"]\n",
				"Dockerfile.same":   "FROM alpine:3.20\nRUN echo more > /more\nCMD [\"echo\", \"hello\"]\n",
			} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			checks, err := check.Parse("lighten.yaml", []byte("checks:\n  - exit: {code: 0, stdout: hello}\n"))
			if err != nil {
				t.Fatal(err)
			}
			only := slices.Sorted(maps.Keys(c.want))
			if c.err != nil {
				only = nil
			}
			res, err := climb(t, e, dir, ladder.Options{Checks: checks, Source: "lighten.yaml", CacheDir: t.TempDir(), Jobs: c.jobs, Only: only})
			if !errors.Is(err, c.err) {
				t.Fatalf("got error %v, want %v", err, c.err)
			}
			got := map[string]string{}
			for _, x := range res.Report.Candidates {
				got[x.Name] = x.Verdict
			}
			if !maps.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

// A file without checks leaves them to be guessed, and keeps what else it says.
func TestClimbGuesses(t *testing.T) {
	testimage.Need(t, "root", "runc", "base:alpine:3.20")
	e, dir := enginetest.Open(t), t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM alpine:3.20\nCMD [\"sh\", \"-c\", \"echo $WORD\"]\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	checks, err := check.Parse("lighten.yaml", []byte("env: {WORD: hello}\n"))
	if err != nil {
		t.Fatal(err)
	}
	res, err := climb(t, e, dir, ladder.Options{Checks: checks, Source: "lighten.yaml", CacheDir: t.TempDir(), Only: []string{ladder.Original}})
	if err != nil {
		t.Fatal(err)
	}
	if c := res.Report.Find(ladder.Original); res.Report.Checks.Source != "guessed" || c.ChecksPassed != 1 || c.ChecksTotal != 1 || !strings.Contains(res.Report.Checks.YAML, "hello") {
		t.Errorf("%d of %d checks passed, by %+v", c.ChecksPassed, c.ChecksTotal, res.Report.Checks)
	}
}

// What is remembered of an image is what reading it tells.
func TestClimbRemembers(t *testing.T) {
	testimage.Need(t, "root", "runc", "base:alpine:3.20")
	e, dir, cache := enginetest.Open(t), t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM alpine:3.20\nRUN echo x > /x && chmod 4755 /x\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	sums := func() []string {
		files, err := filepath.Glob(filepath.Join(cache, "*.sum-*"))
		if err != nil {
			t.Fatal(err)
		}
		return files
	}
	alone := func() report.Candidate {
		res, err := climb(t, e, dir, ladder.Options{NoChecks: true, CacheDir: cache, Only: []string{ladder.Original}})
		if err != nil {
			t.Fatal(err)
		}
		c := res.Report.Candidates[0]
		c.BuildSeconds = 0
		return c
	}
	read := alone()
	if len(sums()) != 1 {
		t.Fatalf("got %q, want one sum", sums())
	}
	if remembered := alone(); !reflect.DeepEqual(remembered, read) {
		t.Errorf("got  %+v\nwant %+v", remembered, read)
	}
	if err := os.WriteFile(sums()[0], []byte(`{"Pull":1,`), 0o644); err != nil {
		t.Fatal(err)
	}
	if again := alone(); !reflect.DeepEqual(again, read) {
		t.Errorf("from a broken sum: got  %+v\nwant %+v", again, read)
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

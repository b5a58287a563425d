package heal_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/lighten/lighten/internal/check"
	"github.com/lighten/lighten/internal/closure"
	"github.com/lighten/lighten/internal/engine"
	"github.com/lighten/lighten/internal/engine/enginetest"
	"github.com/lighten/lighten/internal/heal"
	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/testimage"
	"github.com/lighten/lighten/internal/trial"
)

// Inside a container the test binary is the supervisor and the tracer's trampoline.
func TestMain(m *testing.M) {
	if code, ok := check.Inside(os.Args); ok {
		os.Exit(code)
	}
	os.Exit(m.Run())
}

// Programs from Debian's packages, carved by what a check or two show of them, do all that their hold-out checks ask: before
// anything is healed, and with the modes and owners of the original.
func TestCarve(t *testing.T) {
	testimage.Need(t, "root", "runc", "base:debian:bookworm-slim")
	root, err := testimage.Root()
	if err != nil {
		t.Fatal(err)
	}
	e := enginetest.Open(t)
	for _, c := range []struct {
		program string
		share   int64 // the carved image is at least so many times lighter to pull
		same    []string
	}{
		{"nginx", 6, []string{"/etc", "/usr/sbin/nginx", "/var/log/nginx", "/var/log/nginx/access.log", "/tmp", "/var/lib/nginx"}},
		{"perl", 2, []string{"/etc", "/usr/bin/perl", "/tmp"}}, // not redis: what its benchmark prints differs by chance
	} {
		t.Run(c.program, func(t *testing.T) {
			res := carve(t, e, filepath.Join(root, "internal", "carve", "testdata", "programs", c.program))
			if res.Rejected != "" {
				t.Fatalf("rejected: %s\n%+v", res.Rejected, res.Differences)
			}
			if res.Before != res.Holdouts || res.After != res.Holdouts || res.Holdouts == 0 {
				t.Errorf("%d hold-out checks of %d pass before healing, %d after: %+v", res.Before, res.Holdouts, res.After, res.Misses)
			}
			if err := validate.Image(res.Image, validate.Fast); err != nil {
				t.Error(err)
			}
			light, err := image.ReadTree(t.Context(), res.Image, image.TreeOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if was, is := res.Tree.Measure().Pull, light.Measure().Pull; is*c.share > was {
				t.Errorf("%d bytes to pull of %d, want a %dth at most", is, was, c.share)
			}
			for _, p := range c.same {
				was, is := res.Tree.Get(p), light.Get(p)
				if was == nil {
					continue // the package of another day has it elsewhere
				}
				if is == nil || is.Mode != was.Mode || is.UID != was.UID || is.GID != was.GID || is.Linkname != was.Linkname {
					t.Errorf("%s: got %+v, want %+v", p, is, was)
				}
			}
			if d := light.Get("/etc"); d == nil || d.Mode != fs.ModeDir|0o755 {
				t.Errorf("/etc: got %+v, want a directory 0755", d)
			}
		})
	}
}

func carve(t *testing.T, e *engine.Engine, dir string) *heal.Result {
	t.Helper()
	src, err := os.ReadFile(filepath.Join(dir, "lighten.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	checks, err := check.Parse("lighten.yaml", src)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	progress, err := engine.NewProgress(t.Output(), "plain")
	if err != nil {
		t.Fatal(err)
	}
	defer progress.Close()
	img, err := e.Build(t.Context(), engine.Build{Context: dir, Dockerfile: text, Progress: progress}, nil)
	if err != nil {
		t.Fatal(err)
	}
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	res, err := heal.Carve(t.Context(), img, heal.Options{
		Engine: e, Progress: progress, Level: closure.Safe, Trial: &trial.Trial{File: checks, Source: "lighten.yaml", Binary: binary}, CacheDir: t.TempDir(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

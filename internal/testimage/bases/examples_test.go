package bases_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/lighten/lighten/internal/engine"
	"github.com/lighten/lighten/internal/engine/enginetest"
	"github.com/lighten/lighten/internal/testimage"
)

// Every Dockerfile of the examples builds, and holds what it is there to show.
func TestExamples(t *testing.T) {
	testimage.Need(t, "root", "runc", "bases")
	root, err := testimage.Root()
	if err != nil {
		t.Fatal(err)
	}
	e := enginetest.Open(t)
	const site = "/usr/local/lib/python3.11/site-packages/"
	for _, c := range []struct {
		file, base string
		has, not   []string
	}{
		{"flask/Dockerfile", "python:3.11", []string{"/app/app.py", site + "flask/app.py"}, nil},
		{"flask/Dockerfile.alpine", "python:3.11-alpine", []string{"/app/app.py", site + "flask/app.py"}, nil},
		{"flask/Dockerfile.multistage", "python:3.11-alpine", []string{"/app/app.py", site + "flask/app.py"}, []string{"/usr/bin/gcc"}},
		{"flask/Dockerfile.distroless", "gcr.io/distroless/python3", []string{"/app/app.py"},
			[]string{site + "flask/app.py", "/app/flask/app.py", "/usr/lib/python3/dist-packages/flask/app.py"}},
		{"native/Dockerfile", "python:3.11", []string{"/app/app.py", site + "psycopg2/__init__.py", site + "lxml/etree.h"}, []string{"/app/db/Dockerfile"}},
		{"native/db/Dockerfile", "debian:bookworm-slim", []string{"/var/lib/postgresql/data/PG_VERSION"}, nil},
		{"fastapi/Dockerfile", "python:3.11-slim", []string{"/srv/main.py", site + "uvicorn/main.py", "/usr/local/bin/uvicorn"}, nil},
		{"cli/Dockerfile", "python:3.11-slim", []string{"/app/wordcount.py", site + "tabulate/__init__.py"}, nil},
		{"worker/Dockerfile", "python:3.11-slim", []string{"/app/worker.py", site + "yaml/__init__.py"}, nil},
	} {
		t.Run(c.file, func(t *testing.T) {
			testimage.Need(t, "base:"+c.base)
			if strings.Contains(c.base, "alpine") {
				testimage.Need(t, "apk")
			}
			buildExample(t, e, filepath.Join(root, "examples", c.file), c.has, c.not)
		})
	}
}

func buildExample(t *testing.T, e *engine.Engine, file string, has, not []string) {
	t.Helper()
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	p, err := engine.NewProgress(t.Output(), "plain")
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	b := engine.Build{Context: filepath.Dir(file), Dockerfile: src, Filename: file, Progress: p}
	img, err := e.Build(t.Context(), b, func(ctx context.Context, built *engine.Built) error {
		for _, path := range has {
			if _, err := built.ReadFile(ctx, path); err != nil {
				t.Errorf("%s: %v", path, err)
			}
		}
		for _, path := range not {
			if _, err := built.ReadFile(ctx, path); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: got error %v, want that it does not exist", path, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(img, validate.Fast); err != nil {
		t.Error(err)
	}
}

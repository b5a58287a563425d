package bases_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lighten/lighten/internal/dockerfile"
	"github.com/lighten/lighten/internal/testimage"
	"github.com/lighten/lighten/internal/testimage/bases"
)

func TestRecipesParse(t *testing.T) {
	n := 0
	for _, ref := range bases.Recipes() {
		if testimage.FullRef(ref) != ref {
			t.Errorf("%s is not spelt in full", ref)
		}
		src := bases.Dockerfile(ref)
		if src == "" {
			continue
		}
		n++
		doc, err := dockerfile.Parse(ref, []byte(src))
		if err != nil {
			t.Errorf("%s: %v", ref, err)
		} else if doc.Final() == nil {
			t.Errorf("%s: no stage", ref)
		}
	}
	if n == 0 {
		t.Error("no recipe is a Dockerfile")
	}
}

// ready makes the machine look as if these were its ready images, and nothing was assembled yet.
func ready(t *testing.T, images map[string]v1.Image) {
	t.Helper()
	shared := t.TempDir()
	if err := os.Rename(testimage.Layout(t, images), filepath.Join(shared, "oci")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("LIGHTEN_SHARED", shared)
	t.Setenv("LIGHTEN_BASES", filepath.Join(t.TempDir(), "bases"))
}

// What is ready is not made again, what nobody can make is named, and neither needs an engine.
func TestEnsureWithoutEngine(t *testing.T) {
	img := testimage.Image(t, v1.Config{}, testimage.Tree{"/a": "file 0644 x"})
	ready(t, map[string]v1.Image{"debian:bookworm-slim": img, "python:3.11": img})
	var log bytes.Buffer
	res, err := bases.Ensure(context.Background(), bases.Options{
		Need: []string{"python:3.11", "alpine:3.20", "debian:bookworm-slim", "python:3.11"}, Progress: &log,
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"docker.io/library/python:3.11", "docker.io/library/debian:bookworm-slim"}; !slices.Equal(res.Ready, want) {
		t.Errorf("ready: %q, want %q", res.Ready, want)
	}
	if want := []string{"docker.io/library/alpine:3.20"}; !slices.Equal(res.Unknown, want) {
		t.Errorf("unknown: %q, want %q", res.Unknown, want)
	}
	if len(res.Assembled)+len(res.Cached) > 0 || log.Len() > 0 {
		t.Errorf("assembled %q, cached %q, log %q; want nothing of it", res.Assembled, res.Cached, &log)
	}
}

// An image is assembled once, found on the next run, and served beside the ready ones.
func TestAssemble(t *testing.T) {
	testimage.Need(t, "root", "runc", "base:debian:bookworm-slim")
	t.Setenv("LIGHTEN_STATE", t.TempDir())
	t.Setenv("LIGHTEN_BASES", filepath.Join(t.TempDir(), "bases"))
	if testimage.Shared() == "" {
		t.Skip("no ready images here: assembling is what made this run's")
	}
	full := testimage.FullRef("gcr.io/distroless/static")
	// Hide the ready one, but not the base it is made from.
	hidden := hide(t, full)
	t.Setenv("LIGHTEN_SHARED", hidden)
	o := bases.Options{Need: []string{"gcr.io/distroless/static"}, Progress: t.Output(), Mode: "plain"}
	res, err := bases.Ensure(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(res.Assembled, full) || !testimage.Has(full) {
		t.Fatalf("assembled %q, want %s in it and in the layout", res.Assembled, full)
	}
	res, err = bases.Ensure(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(res.Cached, full) || len(res.Assembled) > 0 {
		t.Errorf("second run: cached %q, assembled %q", res.Cached, res.Assembled)
	}
}

// hide returns a copy of the ready images' directory without one reference.
func hide(t *testing.T, ref string) string {
	t.Helper()
	src, dst := filepath.Join(testimage.Shared(), "oci"), t.TempDir()
	if err := os.Mkdir(filepath.Join(dst, "oci"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(src, "blobs"), filepath.Join(dst, "oci", "blobs")); err != nil {
		t.Fatal(err)
	}
	index, err := os.ReadFile(filepath.Join(src, "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(index), `"`+ref+`"`) {
		t.Fatalf("%s is not ready here", ref)
	}
	index = bytes.ReplaceAll(index, []byte(`"`+ref+`"`), []byte(`"hidden.invalid/x:1"`))
	if err := os.WriteFile(filepath.Join(dst, "oci", "index.json"), index, 0o644); err != nil {
		t.Fatal(err)
	}
	return dst
}

package image_test

import (
	"fmt"
	"path"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/testimage"
)

// What many files say is in memory once, whether the layer is read or its index.
func TestFactsAreShared(t *testing.T) {
	o := image.TreeOptions{CacheDir: t.TempDir(), KeepName: "test", Distil: func(p string, _ int64) func([]byte) []string {
		return func(b []byte) []string { return []string{"own " + path.Base(p), fmt.Sprintf("says %s", b)} }
	}}
	img := testimage.Image(t, v1.Config{}, testimage.Tree{"/a": "file 0644 same", "/b": "file 0644 same", "/c": "file 0644 other"})
	for _, how := range []string{"read", "cached"} {
		tree, err := image.ReadTree(t.Context(), img, o)
		if err != nil {
			t.Fatal(err)
		}
		a, b, c := tree.Get("/a").Facts, tree.Get("/b").Facts, tree.Get("/c").Facts
		if got := fmt.Sprint(a, b, c); got != "[own a says same] [own b says same] [own c says other]" {
			t.Errorf("%s: %s", how, got)
		}
		if unsafe.StringData(a[1]) != unsafe.StringData(b[1]) {
			t.Errorf("%s: the same fact is there twice", how)
		}
	}
}

// An index comes into memory once, the contents that it keeps included.
func TestCachedIndexMemory(t *testing.T) {
	const size = 16 << 20
	o := image.TreeOptions{CacheDir: t.TempDir(), KeepName: "test", Keep: func(string, int64) bool { return true }}
	img := testimage.Image(t, v1.Config{}, testimage.Tree{"/big": "file 0644 " + strings.Repeat("0123456789abcdef", size/16)})
	if _, err := image.ReadTree(t.Context(), img, o); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	tree, err := image.ReadTree(t.Context(), img, o)
	if err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > size*5/4 {
		t.Errorf("%d bytes for an index of %d", n, size)
	}
	if b, ok := tree.Content("/big"); !ok || len(b) != size {
		t.Error(len(b), ok)
	}
}

// With Headers the same is measured, and content is left alone. It makes no index for those who want more.
func TestHeaders(t *testing.T) {
	elf := testimage.Tree{"/lib/x": "file 0755 \x7fELF", "/bin/sh": "file 4755 #!/bin/x\n", "/l": "symlink bin", "/h": "hardlink /bin/sh"}
	img := testimage.Image(t, v1.Config{}, elf)
	dir := t.TempDir()
	lean, err := image.ReadTree(t.Context(), img, image.TreeOptions{Headers: true, CacheDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	full, err := image.ReadTree(t.Context(), img, image.TreeOptions{CacheDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if a, b := fmt.Sprint(lean.Measure()), fmt.Sprint(full.Measure()); a != b {
		t.Errorf("%s, want %s", a, b)
	}
	if s := lean.Get("/bin/sh").Shebang; s != "" {
		t.Errorf("content was looked at: %q", s)
	}
	if s := full.Get("/bin/sh").Shebang; s != "/bin/x" {
		t.Errorf("the shebang is %q: the index of headers was used", s)
	}
}

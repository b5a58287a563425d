package testimage_test

import (
	"archive/tar"
	"bytes"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lighten/lighten/internal/testimage"
)

func TestTree(t *testing.T) {
	tree := testimage.Tree{
		"/app/":          "dir 0755",
		"/app/run":       "file 4755 #!/bin/sh\n",
		"/app/data":      "file 0640 @33:34 some text",
		"/app/empty":     "file 0644",
		"/app/owned/":    "dir 1777 @1:2",
		"/app/link":      "symlink ../app/run",
		"/app/a-link":    "hardlink /app/run",
		"/app/.wh.old":   "file 0000",
		"/dev/null":      "char 0666 1:3",
		"/dev/disk":      "block 0660 @0:6 8:0",
		"/run/some.pipe": "fifo 0600",
	}
	got, err := testimage.ReadTree(bytes.NewReader(testimage.Tar(t, tree)))
	if err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(got, tree) {
		t.Errorf("got %q\nwant %q", got, tree)
	}
}

func TestTreeErrors(t *testing.T) {
	for p, text := range map[string]string{
		"a":   "file 0644 x",
		"/a/": "file 0644 x",
		"/a":  "dir 0755",
		"/b":  "file rw x",
		"/c":  "file 0644 @root x",
		"/d":  "fiel 0644 x",
		"/e":  "noise 0644 many",
		"/f":  "char 0644 1",
	} {
		if _, err := (testimage.Tree{p: text}).Entries(); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%q: %q: got error %v, want one that quotes it", p, text, err)
		}
	}
}

// Noise is the same every time, or digests of test images would not be.
func TestNoise(t *testing.T) {
	digest := func() v1.Hash {
		h, err := testimage.Image(t, v1.Config{}, testimage.Tree{"/a": "noise 0644 100000", "/b": "noise 0644 100000", "/z": "zeros 0644 1000"}).Digest()
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	if a, b := digest(), digest(); a != b {
		t.Errorf("the same tree gave images %s and %s", a, b)
	}
}

func TestDir(t *testing.T) {
	dir := testimage.Dir(t, testimage.Tree{"/a/": "dir 0700", "/a/f": "file 0600 x", "/a/l": "symlink f", "/h": "hardlink /a/f"})
	fi, err := os.Stat(filepath.Join(dir, "a"))
	if err != nil || fi.Mode() != fs.ModeDir|0o700 {
		t.Errorf("a: %v, error %v", fi.Mode(), err)
	}
	for _, name := range []string{"a/f", "a/l", "h"} {
		if b, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(b) != "x" {
			t.Errorf("%s: %q, error %v", name, b, err)
		}
	}
}

// Odd images can be read to the end, layer by layer; broken ones cannot, or break a rule that shows in their parts.
func TestHostile(t *testing.T) {
	for _, c := range testimage.Hostile(t) {
		t.Run(c.Name, func(t *testing.T) {
			err := readAll(c.Image)
			if c.Broken && err == nil {
				t.Error("a broken image was read without an error")
			} else if !c.Broken && err != nil {
				t.Error(err)
			}
			if !c.Broken && c.Tree == nil {
				t.Error("no tree is said")
			}
		})
	}
}

func readAll(img v1.Image) error {
	layers, err := img.Layers()
	if err != nil {
		return err
	}
	cf, err := img.ConfigFile()
	if err != nil {
		return err
	}
	if len(cf.RootFS.DiffIDs) != len(layers) {
		return io.ErrUnexpectedEOF
	}
	for i, l := range layers {
		if err := readLayer(l, cf.RootFS.DiffIDs[i]); err != nil {
			return err
		}
	}
	return nil
}

func readLayer(l v1.Layer, want v1.Hash) error {
	r, err := l.Uncompressed()
	if err != nil {
		return err
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if got, _, _ := v1.SHA256(bytes.NewReader(b)); got != want {
		return io.ErrUnexpectedEOF
	}
	names := map[string]bool{}
	for tr := tar.NewReader(bytes.NewReader(b)); ; {
		h, err := tr.Next()
		if err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if strings.HasPrefix(h.Name, "..") || h.Typeflag == tar.TypeLink && !names[h.Linkname] {
			return fs.ErrInvalid
		}
		names[h.Name] = true
	}
}

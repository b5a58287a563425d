package image_test

import (
	"bytes"
	"os"
	"path"
	"strings"
	"testing"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/testimage"
)

func FuzzParseReference(f *testing.F) {
	for _, s := range []string{"alpine", "docker://alpine:3.20", "oci:dir:tag", "oci:a:b:c@sha256:00", "docker-archive:x", "docker-daemon:x", "-", "oci:", "a@sha256:" + strings.Repeat("0", 64)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		again, err := image.ParseLocation(s)
		if err != nil || s == "-" {
			return
		}
		if third, err := image.ParseLocation(again); err != nil || third != again {
			t.Errorf("%q is printed as %q, which is read as %q, %v", s, again, third, err)
		}
	})
}

func FuzzReadLayer(f *testing.F) {
	f.Add(testimage.Tar(f, testimage.Tree{"/d/": "dir 0755", "/d/a": "file 0644 x", "/d/.wh.b": "file 0000", "/l": "symlink d", "/h": "hardlink /d/a", "/n": "char 0666 1:3"}))
	f.Add(testimage.Tar(f, testimage.Tree{"/" + strings.Repeat("x", 300): "file 4755 y", "/d/.wh..wh..opq": "file 0000"}))
	f.Fuzz(func(t *testing.T, b []byte) {
		paths, err := image.ReadLayer(bytes.NewReader(b))
		if err != nil {
			return
		}
		seen := map[string]bool{}
		for _, p := range paths {
			if !path.IsAbs(p) || path.Clean(p) != p {
				t.Errorf("%q is not absolute and clean", p)
			}
			if seen[p] {
				t.Errorf("%q comes twice", p)
			}
			seen[p] = true
		}
	})
}

func FuzzReadELF(f *testing.F) {
	for _, p := range []string{"/bin/true", "/lib64/ld-linux-x86-64.so.2"} {
		if b, err := os.ReadFile(p); err == nil && len(b) < 1<<20 {
			f.Add(b[:min(len(b), 64<<10)])
		}
	}
	f.Add([]byte("\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 60)))
	f.Fuzz(func(t *testing.T, b []byte) {
		e := image.ReadELF(b)
		if e == nil {
			return
		}
		if e.Debug < 0 || e.Debug > int64(len(b)) {
			t.Errorf("%d bytes of debug information in %d", e.Debug, len(b))
		}
		for _, s := range append(append([]string{e.Interp, e.Soname}, e.Needed...), e.Runpath...) {
			if len(s) > 4096 || strings.ContainsRune(s, 0) {
				t.Errorf("a string of %d bytes", len(s))
			}
		}
	})
}

func FuzzDecodeIndex(f *testing.F) {
	b, err := image.EncodeIndex(testimage.Tar(f, testimage.Tree{"/d/a": "file 0644 x", "/d/.wh.b": "file 0000", "/l": "symlink d"}))
	if err != nil {
		f.Fatal(err)
	}
	if !image.DecodeIndex(b) {
		f.Fatal("what was written cannot be read")
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) { image.DecodeIndex(b) })
}

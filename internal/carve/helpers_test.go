package carve_test

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/lighten/lighten/internal/carve"
	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/testimage"
)

func readTree(t testing.TB, img v1.Image) *image.Tree {
	t.Helper()
	tree, err := image.ReadTree(context.Background(), img, image.TreeOptions{Keep: func(string, int64) bool { return true }})
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func readTreeWithoutContent(t testing.TB, img v1.Image) *image.Tree {
	t.Helper()
	tree, err := image.ReadTree(context.Background(), img, image.TreeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// keep keeps the given paths.
func keep(paths ...string) func(*image.Entry) (int, bool) {
	return func(e *image.Entry) (int, bool) { return 0, slices.Contains(paths, e.Path) }
}

func everything(*image.Entry) (int, bool) { return 0, true }

// mustCarve carves an image and has the library look over the result.
func mustCarve(t testing.TB, img v1.Image, o carve.Options) v1.Image {
	t.Helper()
	out, err := carve.Carve(context.Background(), img, readTree(t, img), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(out); err != nil {
		t.Fatal(err)
	}
	return out
}

// dumpLayers returns what each layer of an image holds.
func dumpLayers(t testing.TB, img v1.Image) []testimage.Tree {
	t.Helper()
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	var trees []testimage.Tree
	for _, l := range layers {
		trees = append(trees, testimage.DumpLayer(t, l))
	}
	return trees
}

// compare reports every difference between two trees.
func compare(t testing.TB, got, want testimage.Tree) {
	t.Helper()
	for p, w := range want {
		if got[p] != w {
			t.Errorf("%q: got %.80q, want %.80q", p, got[p], w)
		}
	}
	for p, g := range got {
		if _, ok := want[p]; !ok {
			t.Errorf("%q: got %.80q, want nothing", p, g)
		}
	}
}

func compareLayers(t testing.TB, got, want []testimage.Tree) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d layers, want %d: %v", len(got), len(want), got)
	}
	for n := range want {
		compare(t, got[n], want[n])
	}
}

// headers reads the headers of every layer of an image by path; a path that is in several is what the topmost says.
func headers(t testing.TB, img v1.Image) map[string]*tar.Header {
	t.Helper()
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]*tar.Header{}
	for _, l := range layers {
		rc, err := l.Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		tr := tar.NewReader(rc)
		for {
			h, err := tr.Next()
			if err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			all[path.Clean("/"+h.Name)] = h
		}
		if err := rc.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func digest(t testing.TB, img v1.Image) string {
	t.Helper()
	h, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return h.String()
}

// sameEntries compares two trees entry by entry: got must be what want has of the paths in kept, and nothing else.
func sameEntries(t testing.TB, want, got *image.Tree, kept map[string]bool) {
	t.Helper()
	for e := range got.All() {
		if !kept[e.Path] && e.Path != "/" {
			t.Errorf("%q: there, but was not kept", e.Path)
		}
	}
	names := map[image.Origin]string{} // origin in want -> first name
	first := map[string]string{}       // path -> first name of the same file in want
	for e := range want.All() {
		if !kept[e.Path] {
			continue
		}
		if o, ok := e.Origin(); ok {
			if names[o] == "" {
				names[o] = e.Path
			}
			first[e.Path] = names[o]
		}
		g := got.Get(e.Path)
		if g == nil {
			t.Errorf("%q: missing", e.Path)
			continue
		}
		if a, b := describe(want, e), describe(got, g); a != b {
			t.Errorf("%q: got %s, want %s", e.Path, b, a)
		}
	}
	for p, f := range first {
		a, b := got.Get(p), got.Get(f)
		if a == nil || b == nil {
			continue
		}
		ao, _ := a.Origin()
		bo, _ := b.Origin()
		if ao != bo {
			t.Errorf("%q is no longer another name of %q", p, f)
		}
	}
}

func describe(t *image.Tree, e *image.Entry) string {
	link, content := "", ""
	if e.Type == tar.TypeSymlink {
		link = e.Linkname
	}
	if e.IsFile() {
		b, _ := t.Content(e.Path)
		content = fmt.Sprintf("%d bytes %.40q", len(b), b)
	}
	mtime := e.ModTime.UnixNano()
	if _, ok := e.Origin(); !ok || mtime < 0 {
		mtime = 0
	}
	return strings.Join([]string{e.Mode.String(), fmt.Sprint(e.UID, ":", e.GID), fmt.Sprint(e.Size, mtime), link, content, fmt.Sprint(e.ELF != nil)}, " ")
}

// withParents returns the paths and the directories above them.
func withParents(paths ...string) map[string]bool {
	all := map[string]bool{}
	for _, p := range paths {
		for ; p != "/"; p = path.Dir(p) {
			all[p] = true
		}
	}
	return all
}

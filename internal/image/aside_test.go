package image_test

import (
	"archive/tar"
	"context"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/testimage"
)

// openedLayer counts how often it is read.
type openedLayer struct {
	v1.Layer
	opened *atomic.Int32
}

func (l openedLayer) Compressed() (io.ReadCloser, error) {
	l.opened.Add(1)
	return l.Layer.Compressed()
}

// A compressed layer is decompressed once while the tree lasts, be its index new or cached, and again where there is no room for its
// content or that has been given back. What is read is the same.
func TestAside(t *testing.T) {
	body := strings.Repeat("0123456789", 200<<10)
	tree := testimage.Tree{"/a": "file 0640 " + body, "/b/": "dir 0700", "/c": "hardlink /a", "/d": "symlink b"}
	for _, c := range []struct {
		name  string
		aside bool
		leave int64
		plain bool
		want  [4]int32 // reads by ReadTree, and twice by ReadLayer; then after Release
	}{
		{name: "set aside", aside: true, want: [4]int32{1, 1, 1, 2}},
		{name: "not asked for", want: [4]int32{1, 2, 3, 4}},
		{name: "no room", aside: true, leave: 1 << 60, want: [4]int32{1, 2, 3, 4}},
		{name: "not compressed", aside: true, plain: true, want: [4]int32{1, 2, 3, 4}},
	} {
		t.Run(c.name, func(t *testing.T) {
			defer image.LeaveAside(c.leave)()
			ctx, opened, dir := context.Background(), new(atomic.Int32), t.TempDir()
			l := testimage.Layer(t, tree)
			if c.plain {
				img, err := image.Open(ctx, testimage.Plain(t, testimage.ImageOf(t, v1.Config{}, l)), image.Options{})
				if err != nil {
					t.Fatal(err)
				}
				layers, err := img.Layers()
				if err != nil {
					t.Fatal(err)
				}
				l = layers[0]
			}
			img := testimage.ImageOf(t, v1.Config{}, openedLayer{l, opened})
			for _, cached := range []bool{false, true} {
				opened.Store(0)
				tr, err := image.ReadTree(ctx, img, image.TreeOptions{Aside: c.aside, CacheDir: dir})
				if err != nil {
					t.Fatal(err)
				}
				if cached { // the first to read the layer is ReadLayer
					if n := opened.Load(); n != 0 {
						t.Fatalf("cached: read %d times", n)
					}
					readsAs(t, tr, img, body)
				}
				for n, want := range c.want {
					if n == 3 {
						tr.Release()
					}
					if n > 0 {
						readsAs(t, tr, img, body)
					}
					if got := opened.Load(); got != want {
						t.Errorf("cached %v, step %d: read %d times, want %d", cached, n, got, want)
					}
				}
			}
		})
	}
}

// readsAs compares what ReadLayer reads of the one layer.
func readsAs(t *testing.T, tr *image.Tree, img v1.Image, body string) {
	t.Helper()
	var names []string
	err := tr.ReadLayer(context.Background(), img, 0, func(n int, h *tar.Header, content io.Reader) error {
		names = append(names, h.Name)
		b, err := io.ReadAll(content)
		if h.Typeflag == tar.TypeReg && string(b) != body {
			t.Errorf("%s: %d bytes that are not its own", h.Name, len(b))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(names, " "); got != "a b/ d c" {
		t.Errorf("entries %s", got)
	}
}

// A layer that is not what its diff ID says is not set aside either.
func TestAsideDamaged(t *testing.T) {
	ctx := context.Background()
	img := testimage.Image(t, v1.Config{}, testimage.Tree{"/a": "file 0644 1"})
	dir := t.TempDir()
	var tr *image.Tree
	for range 2 { // the second time the layer is not read
		var err error
		if tr, err = image.ReadTree(ctx, img, image.TreeOptions{Aside: true, CacheDir: dir}); err != nil {
			t.Fatal(err)
		}
	}
	tr.Layers[0].DiffID.Hex = strings.Repeat("0", 64)
	for range 2 {
		err := tr.ReadLayer(ctx, img, 0, func(int, *tar.Header, io.Reader) error { return nil })
		if err == nil || !strings.Contains(err.Error(), "diff ID") {
			t.Errorf("got %v, want an error that names the diff ID", err)
		}
	}
}

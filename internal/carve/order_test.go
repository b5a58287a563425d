package carve_test

import (
	"archive/tar"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lighten/lighten/internal/carve"
	"github.com/lighten/lighten/internal/testimage"
)

// A file follows the one that it resembles most, whatever their names; more files than are ordered at once all arrive.
func TestLikeFilesLieTogether(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	text := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = 'a' + byte(random.IntN(26))
		}
		return string(b)
	}
	ours, theirs, end := text(10_000), text(10_000), text(8_000)
	tree := testimage.Tree{
		"/1": "file 0644 " + ours, "/2": "file 0644 " + theirs, "/3": "file 0644 " + text(40_000) + end, "/4": "file 0644 " + theirs + text(500), "/5": "file 0644 " + text(300) + ours,
		"/6": "file 0644 " + end + text(40_000),
	}
	order := names(t, mustCarve(t, testimage.Image(t, v1.Config{}, tree), carve.Options{Keep: everything}))
	for _, pair := range []string{"1 5", "2 4", "3 6"} {
		if !strings.Contains(strings.Join(order, " "), pair) {
			t.Errorf("the order is %v, want %s in it", order, pair)
		}
	}
	restore := carve.SetDense(100_000)
	if order := names(t, mustCarve(t, testimage.Image(t, v1.Config{}, tree), carve.Options{Keep: everything})); !slices.IsSorted(order) {
		t.Errorf("the order of a layer that is not compressed densely is %v, want that of paths", order)
	}
	restore()
	tree["/many/"] = "dir 0755"
	for i := range 2500 {
		tree[fmt.Sprintf("/many/%d", i)] = "file 0644 " + strings.Repeat(fmt.Sprintf("file %d of few\n", i%7), i%13+1)
	}
	img := testimage.Image(t, v1.Config{}, tree)
	out := mustCarve(t, img, carve.Options{Keep: everything})
	compareLayers(t, dumpLayers(t, out), []testimage.Tree{tree})
	if again := mustCarve(t, img, carve.Options{Keep: everything}); digest(t, again) != digest(t, out) {
		t.Error("the same image, another digest")
	}
}

// names are those of the files of an image's one layer, in their order.
func names(t *testing.T, img v1.Image) []string {
	t.Helper()
	layers, err := img.Layers()
	if err != nil || len(layers) != 1 {
		t.Fatal(len(layers), err)
	}
	r, err := layers[0].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var names []string
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if err == io.EOF {
			return names
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			names = append(names, h.Name)
		}
	}
}

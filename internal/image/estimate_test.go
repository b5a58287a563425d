package image_test

import (
	"archive/tar"
	"bytes"
	"math/rand/v2"
	"path/filepath"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/testimage"
)

// A layer that lies uncompressed in an archive is estimated to be about as large as it will be, whether it compresses or not.
func TestEstimate(t *testing.T) {
	noise := make([]byte, 2<<20)
	rand.NewChaCha8([32]byte{1}).Read(noise)
	for name, content := range map[string][]byte{
		"noise": noise,
		"text":  bytes.Repeat([]byte("It fits where it was made for, and nowhere else.\n"), 40_000),
	} {
		entry := testimage.Entry{Header: tar.Header{Typeflag: tar.TypeReg, Name: "a", Mode: 0o644, Size: int64(len(content))}, Content: content}
		img := testimage.ImageOf(t, v1.Config{}, testimage.RawLayer(t, entry))
		exact := readTree(t, img).Layers[0].PullBytes
		file := filepath.Join(t.TempDir(), "saved.tar")
		testimage.Save(t, img, file)
		tree, err := image.ReadTree(t.Context(), mustOpen(t, "docker-archive:"+file, image.Options{}), image.TreeOptions{Account: true})
		if err != nil {
			t.Fatal(err)
		}
		got := tree.Layers[0]
		if off := float64(got.PullBytes-exact) / float64(len(content)); !got.Estimated || off < -0.02 || off > 0.02 {
			t.Errorf("%s: %d bytes (estimated: %v), it is %d", name, got.PullBytes, got.Estimated, exact)
		}
	}
}

package image_test

import (
	"archive/tar"
	"context"
	"io"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/lighten/lighten/internal/image"
)

// A layer that is written plain and compressed later is the one that would have been compressed at once, but for how well that is done.
func TestDensest(t *testing.T) {
	for _, c := range []struct {
		first, then image.Compression
		plain       types.MediaType
		dense       types.MediaType
	}{
		{image.Keep, image.Keep, types.OCIUncompressedLayer, types.OCILayer},
		{image.Keep, image.Gzip, types.OCIUncompressedLayer, types.OCILayer},
		{image.Keep, image.Zstd, types.OCIUncompressedLayer, types.OCILayerZStd},
		{image.Gzip, image.Gzip, types.OCILayer, types.OCILayer},
	} {
		t.Run(string(c.first+" "+c.then), func(t *testing.T) {
			ctx := context.Background()
			l, err := image.NewLayer(ctx, c.first, func(w io.Writer) error {
				tw := tar.NewWriter(w)
				body := make([]byte, 70<<10)
				if err := tw.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "zeros", Mode: 0o644, Size: int64(len(body))}); err != nil {
					return err
				}
				if _, err := tw.Write(body); err != nil {
					return err
				}
				return tw.Close()
			})
			if err != nil {
				t.Fatal(err)
			}
			diffID, err := l.DiffID()
			if err != nil {
				t.Fatal(err)
			}
			config := `{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["` + diffID.String() + `"]}}`
			img, err := image.New([]byte(config), []v1.Layer{l}, nil)
			if err != nil {
				t.Fatal(err)
			}
			plainSize := valid(t, img, c.plain)
			if img, err = image.Densest(ctx, img, c.then); err != nil {
				t.Fatal(err)
			}
			if size := valid(t, img, c.dense); size >= plainSize || size > 500 {
				t.Errorf("%d bytes of zeros and a header take %d bytes, %d before", 70<<10, size, plainSize)
			}
		})
	}
}

// valid returns the size of the one layer of a sound image, which must be of that type.
func valid(t *testing.T, img v1.Image, want types.MediaType) int64 {
	t.Helper()
	if err := validate.Image(img); err != nil && want != types.OCILayerZStd && want != types.OCIUncompressedLayer { // it knows gzip alone
		t.Error(err)
	}
	m, err := img.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Layers[0].MediaType; got != want {
		t.Errorf("media type %s, want %s", got, want)
	}
	return m.Layers[0].Size
}

package image_test

import (
	"archive/tar"
	"fmt"
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
			body := make([]byte, 70<<10)
			img := made(t, c.first, body)
			plainSize := valid(t, img, c.plain)
			far := new(image.Progress)
			img, err := image.Densest(t.Context(), img, c.then, far)
			if err != nil {
				t.Fatal(err)
			}
			if size := valid(t, img, c.dense); size >= plainSize || size > 500 {
				t.Errorf("%d bytes of zeros and a header take %d bytes, %d before", len(body), size, plainSize)
			}
			if done, all := far.Layers(); done != 1 || all != 1 || far.Bytes() < int64(len(body)) {
				t.Errorf("told that %d of %d layers are compressed, %d bytes", done, all, far.Bytes())
			}
		})
	}
}

// A very large layer is not compressed for minutes.
func TestDensestLarge(t *testing.T) {
	var body []byte
	for i := range 3000 {
		body = fmt.Appendf(body, "%d times %d is %d\n", i, i, i*i)
	}
	plain := valid(t, made(t, image.Keep, body), types.OCIUncompressedLayer)
	size := func(bound int64) int64 {
		defer image.DenseUpTo(bound)()
		img, err := image.Densest(t.Context(), made(t, image.Keep, body), image.Gzip, nil)
		if err != nil {
			t.Fatal(err)
		}
		return valid(t, img, types.OCILayer)
	}
	if dense, quick := size(plain), size(plain-1); dense >= quick {
		t.Errorf("%d bytes of an archive become %d up to the bound, and %d above it", plain, dense, quick)
	}
}

// made returns an image of one layer with one file.
func made(t *testing.T, c image.Compression, body []byte) v1.Image {
	t.Helper()
	l, err := image.NewLayer(t.Context(), c, func(w io.Writer) error {
		tw := tar.NewWriter(w)
		if err := tw.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "file", Mode: 0o644, Size: int64(len(body))}); err != nil {
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
	img, err := image.New([]byte(`{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["`+diffID.String()+`"]}}`), []v1.Layer{l}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return img
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

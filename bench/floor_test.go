package bench

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/cespare/xxhash/v2"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/lighten/lighten/internal/image"
)

// floorVariable has the test binary be the floor: it walks the image named by it, and ends.
const floorVariable = "LIGHTEN_BENCH_FLOOR"

func TestMain(m *testing.M) {
	if ref := os.Getenv(floorVariable); ref != "" {
		if err := floor(ref); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// floor does what nobody who looks at an image's files and does not believe all that is handed to him can go without, one
// layer after another: decompress it with the decoder that lighten uses, make sure that the blob is the one of the
// manifest (image.Open sees to that) and its content the one of the configuration, walk the tar archive with archive/tar,
// hash each file (xxHash64). An uncompressed blob is its content, so that one digest says both.
func floor(ref string) error {
	img, err := image.Open(context.Background(), ref, image.Options{})
	if err != nil {
		return err
	}
	layers, err := img.Layers()
	if err != nil {
		return err
	}
	for _, l := range layers {
		rc, err := l.Compressed()
		if err != nil {
			return err
		}
		mt, err := l.MediaType()
		if err != nil {
			return err
		}
		r := io.Reader(rc)
		switch {
		case strings.HasSuffix(string(mt), "gzip"):
			if r, err = gzip.NewReader(rc); err != nil {
				return err
			}
		case strings.HasSuffix(string(mt), "zstd"):
			zr, err := zstd.NewReader(rc, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
			if err != nil {
				return err
			}
			r = zr
		}
		want, err := l.DiffID()
		if err != nil {
			return err
		}
		digest, err := l.Digest()
		if err != nil {
			return err
		}
		var sum hash.Hash
		if digest != want {
			sum = sha256.New()
			r = io.TeeReader(r, sum)
		}
		if err := errors.Join(walk(r), rc.Close()); err != nil {
			return err
		}
		if sum != nil && fmt.Sprintf("%x", sum.Sum(nil)) != want.Hex {
			return fmt.Errorf("layer %s is not what it should be", digest)
		}
	}
	return nil
}

func walk(r io.Reader) error {
	tr := tar.NewReader(r)
	buf := make([]byte, 256<<10)
	h := xxhash.New()
	for {
		if _, err := tr.Next(); errors.Is(err, io.EOF) {
			_, err := io.Copy(io.Discard, r)
			return err
		} else if err != nil {
			return err
		}
		h.Reset()
		if _, err := io.CopyBuffer(struct{ io.Writer }{h}, struct{ io.Reader }{tr}, buf); err != nil {
			return err
		}
	}
}

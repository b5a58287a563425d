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

// floorVariable has the test binary be the floor: it walks the image named by it, "KIND REFERENCE", and ends.
const floorVariable = "LIGHTEN_BENCH_FLOOR"

func TestMain(m *testing.M) {
	if kind, ref, ok := strings.Cut(os.Getenv(floorVariable), " "); ok {
		if err := floor(ref, kind == "sha256"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// floor does what nobody who looks at an image's files can go without, one layer after another: decompress, walk the tar
// archive, hash each file (xxHash64). With diffID it also makes sure that the layer is the one that the configuration
// names, as everything that must not believe its input has to.
func floor(ref string, diffID bool) error {
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
		var sum hash.Hash
		if diffID {
			sum = sha256.New()
			r = io.TeeReader(r, sum)
		}
		if err := errors.Join(walk(r), rc.Close()); err != nil {
			return err
		}
		if diffID {
			if want, err := l.DiffID(); err != nil || fmt.Sprintf("%x", sum.Sum(nil)) != want.Hex {
				return fmt.Errorf("not the layer that it should be (%v)", err)
			}
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

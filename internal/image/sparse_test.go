package image_test

import (
	"archive/tar"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/testimage"
)

// A file that is a hole of petabytes takes 512 bytes of an archive, and would be read for days.
func TestReadTreeHole(t *testing.T) {
	for size, want := range map[uint64]string{1 << 20: "", 1 << 52: `"hole": sparse files of more than 16 GiB`} {
		img := testimage.ImageOf(t, v1.Config{}, testimage.ArchiveLayer(t, hole(size)))
		_, err := image.ReadTree(t.Context(), img, image.TreeOptions{Account: true})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%d bytes: %v, want %q", size, err, want)
		}
	}
}

// hole is an archive with a file of size bytes, all of them a hole, as GNU tar wrote such (tar.h, struct oldgnu_header).
func hole(size uint64) []byte {
	b := make([]byte, 3*512)
	number := func(at int, n uint64) {
		b[at] = 0x80 // base 256
		binary.BigEndian.PutUint64(b[at+4:], n)
	}
	copy(b, "hole")
	copy(b[100:], "0000644")
	copy(b[257:], "ustar  ")
	b[156] = tar.TypeGNUSparse
	number(386, size) // where its only piece is, of no bytes
	number(398, 0)
	number(483, size)
	copy(b[148:], "        ")
	sum := 0
	for _, c := range b[:512] {
		sum += int(c)
	}
	copy(b[148:], fmt.Sprintf("%06o\x00 ", sum))
	return b
}

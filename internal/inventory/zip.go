package inventory

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
)

// Bounds on archives. The directory of the largest known jar takes 3 MB.
const (
	maxZipDirectory = 16 << 20 // bytes read to learn what is in one
	maxZipped       = 1 << 20  // bytes of a manifest in one
	maxInnerZip     = 32 << 20 // bytes of a compressed archive in one
)

// errZipDirectory is what a reader with a bound says.
var errZipDirectory = errors.New("its directory is too large")

// bounded reads no more than some bytes until it is let go.
type bounded struct {
	io.ReaderAt
	left int64 // negative: no bound
}

func (b *bounded) ReadAt(p []byte, off int64) (int, error) {
	if b.left >= 0 {
		if int64(len(p)) > b.left {
			return 0, errZipDirectory
		}
		b.left -= int64(len(p))
	}
	return b.ReaderAt.ReadAt(p, off)
}

// openZip reads an archive's directory, of which it bounds the size: memory is taken for each line of it.
func openZip(r io.ReaderAt, size int64) (*zip.Reader, error) {
	b := &bounded{r, maxZipDirectory}
	z, err := zip.NewReader(b, size)
	b.left = -1
	return z, err
}

// readZipped reads a file of an archive that is not larger than limit.
func readZipped(f *zip.File, limit int64) ([]byte, error) {
	if f.UncompressedSize64 > uint64(limit) {
		return nil, fmt.Errorf("%s has %d bytes, more than %d", f.Name, f.UncompressedSize64, limit)
	}
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(io.LimitReader(r, limit))
}

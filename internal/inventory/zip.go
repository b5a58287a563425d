package inventory

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
)

// Bounds on an archive, with all archives in it. The directory of the largest known jar takes 3 MB.
const (
	maxZipDirectory = 16 << 20  // bytes read to learn what is in them
	maxInflated     = 256 << 20 // bytes taken out of them
	maxZipped       = 1 << 20   // bytes of a manifest
	maxInnerZip     = 32 << 20  // bytes of a compressed archive in one
)

// unzipper reads archives within those bounds.
type unzipper struct {
	directory, inflated int64 // bytes so far
}

var errZipTooLarge = errors.New("the archive holds too much")

// bounded counts the bytes that are read until it is let go.
type bounded struct {
	io.ReaderAt
	u *unzipper // nil: let go
}

func (b *bounded) ReadAt(p []byte, off int64) (int, error) {
	if b.u != nil {
		if b.u.directory += int64(len(p)); b.u.directory > maxZipDirectory {
			return 0, errZipTooLarge
		}
	}
	return b.ReaderAt.ReadAt(p, off)
}

// open reads an archive's directory: memory is taken for each line of it.
func (u *unzipper) open(r io.ReaderAt, size int64) (*zip.Reader, error) {
	b := &bounded{r, u}
	z, err := zip.NewReader(b, size)
	b.u = nil
	return z, err
}

// OpenZip reads the directory of a foreign archive, unless that is larger than any that is known.
func OpenZip(r io.ReaderAt, size int64) (*zip.Reader, error) { return (&unzipper{}).open(r, size) }

// read reads a file of an archive that is not larger than limit.
func (u *unzipper) read(f *zip.File, limit int64) ([]byte, error) {
	if f.UncompressedSize64 > uint64(limit) {
		return nil, fmt.Errorf("%s has %d bytes, more than %d", f.Name, f.UncompressedSize64, limit)
	}
	if u.inflated += int64(f.UncompressedSize64); u.inflated > maxInflated {
		return nil, errZipTooLarge
	}
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(io.LimitReader(r, int64(f.UncompressedSize64))) // which may be a lie
}

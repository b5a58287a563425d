package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// TempFile opens a file without a name in $TMPDIR: it is gone with its last descriptor, even after kill -9.
func TempFile() (*os.File, error) { return tempFile(os.TempDir()) }

func tempFile(dir string) (*os.File, error) {
	if fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600); err == nil {
		return os.NewFile(uintptr(fd), filepath.Join(dir, "lighten-unnamed")), nil
	}
	f, err := os.CreateTemp(dir, "lighten-") // a file system without O_TMPFILE
	if err != nil {
		return nil, fmt.Errorf("making a temporary file: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// spool copies a stream to a temporary file without a name and returns it rewound.
func spool(ctx context.Context, r io.Reader) (*os.File, error) {
	f, err := TempFile()
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(f, contextReader{ctx, r}); err != nil {
		return nil, errors.Join(fmt.Errorf("spooling to %s: %w", os.TempDir(), err), f.Close())
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// openFile opens a regular file; anything else that can be read (a pipe, /dev/stdin) is spooled.
func openFile(path string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	fi, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if fi.IsDir() {
		f.Close()
		return nil, fmt.Errorf("%s is a directory, not an archive; an OCI layout is oci:%s", path, path)
	}
	if fi.Mode().IsRegular() {
		return f, nil
	}
	defer f.Close()
	return spool(context.Background(), f)
}

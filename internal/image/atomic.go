package image

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// pending is a file that appears under its name whole, by commit, or not at all. Until then it has no name where the
// file system can do that, so that even kill -9 leaves nothing.
type pending struct {
	*os.File
	path string
	temp string // its name until then; "" without one
}

// newPending makes a file that will be path. Its mode is that of any new file.
func newPending(path string) (*pending, error) {
	dir := filepath.Dir(path)
	if fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_WRONLY|unix.O_CLOEXEC, 0o666); err == nil {
		return &pending{File: os.NewFile(uintptr(fd), path), path: path}, nil
	}
	f, err := os.OpenFile(siblingName(path), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, err
	}
	return &pending{File: f, path: path, temp: f.Name()}, nil
}

// siblingName is a hidden name beside path that no other process uses.
func siblingName(path string) string {
	return filepath.Join(filepath.Dir(path), fmt.Sprintf(".%s.%d-%d.part", filepath.Base(path), os.Getpid(), siblings.next()))
}

// commit makes what was written durable and gives it its name, in place of what had it.
func (p *pending) commit() error {
	if err := p.Sync(); err != nil {
		return errors.Join(err, p.discard())
	}
	if p.temp == "" { // linkat does not replace: give it a name first, then the right one
		temp := siblingName(p.path)
		proc := fmt.Sprintf("/proc/self/fd/%d", p.Fd())
		if err := unix.Linkat(unix.AT_FDCWD, proc, unix.AT_FDCWD, temp, unix.AT_SYMLINK_FOLLOW); err != nil {
			return errors.Join(&fs.PathError{Op: "linkat", Path: p.path, Err: err}, p.discard())
		}
		p.temp = temp
	}
	if err := os.Rename(p.temp, p.path); err != nil {
		return errors.Join(err, p.discard())
	}
	p.temp = ""
	return errors.Join(p.Close(), syncDir(filepath.Dir(p.path)))
}

// discard forgets what was written.
func (p *pending) discard() error {
	err := p.Close()
	if p.temp != "" {
		err = errors.Join(err, os.Remove(p.temp))
	}
	return err
}

// syncDir makes the names in dir durable. Some file systems cannot; their answer is no failure of ours.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return nil
}

// writeFile writes a file by write, whole or not at all; compressed when its name says so. What exists and is no
// regular file (a pipe, /dev/null) is written to as it is.
func writeFile(ctx context.Context, path string, write func(io.Writer) error) error {
	if fi, err := os.Stat(path); err == nil && !fi.Mode().IsRegular() {
		if fi.IsDir() {
			return fmt.Errorf("%s is a directory; an OCI layout is oci:%s", path, path)
		}
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		return errors.Join(write(f), f.Close())
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real // replace what a link points to, not the link
	}
	p, err := newPending(path)
	if err != nil {
		return err
	}
	if err := writeCompressed(p, strings.HasSuffix(path, "gz"), write); err != nil {
		return errors.Join(err, p.discard())
	}
	if err := ctx.Err(); err != nil {
		return errors.Join(err, p.discard())
	}
	return p.commit()
}

func writeCompressed(w io.Writer, zip bool, write func(io.Writer) error) error {
	bw := bufio.NewWriterSize(w, 1<<20)
	if !zip {
		if err := write(bw); err != nil {
			return err
		}
		return bw.Flush()
	}
	zw, err := gzip.NewWriterLevel(bw, gzip.BestSpeed) // layers are compressed already
	if err != nil {
		return err
	}
	if err := errors.Join(write(zw), zw.Close()); err != nil {
		return err
	}
	return bw.Flush()
}

package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// siblings numbers temporary names within this process.
var siblings sequence

type sequence struct{ n atomic.Int64 }

func (s *sequence) next() int64 { return s.n.Add(1) }

// layoutWriter adds an image to a layout directory and can take back all it did before index.json was replaced.
type layoutWriter struct {
	dir string

	mu   sync.Mutex
	made []string // files and directories that were not there, in order
}

// writeLayout adds c to the OCI layout in dir, which need not exist. The blobs come first and index.json last, by a
// rename, so that a reader sees the old images or all of the new one.
func writeLayout(ctx context.Context, c *contents, dir string) error {
	w := &layoutWriter{dir: dir}
	if err := w.mkdir(filepath.Join(dir, "blobs", "sha256")); err != nil {
		return errors.Join(err, w.undo())
	}
	unlock, err := lockDir(ctx, dir)
	if err != nil {
		return errors.Join(err, w.undo())
	}
	defer unlock()
	if err := w.write(ctx, c); err != nil {
		return errors.Join(err, w.undo()) // before another writer may count on our blobs
	}
	return nil
}

func (w *layoutWriter) write(ctx context.Context, c *contents) error {
	index, err := w.readIndex()
	if err != nil {
		return err
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for _, b := range c.blobs {
		g.Go(func() error {
			if err := w.blob(gctx, b); err != nil {
				return fmt.Errorf("writing blob %s: %w", b.Digest, err)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if err := syncDir(filepath.Join(w.dir, "blobs", "sha256")); err != nil {
		return err
	}
	if err := w.file("oci-layout", []byte(layoutVersion), false); err != nil {
		return err
	}
	for _, d := range c.manifests {
		index.Manifests = replace(index.Manifests, d)
	}
	b, err := json.MarshalIndent(index, "", "  ")
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return w.file("index.json", append(b, '\n'), true)
}

// replace puts d in the place of what had its name, or at the end. An image without a name takes the place of the one without
// a name, of the same platform: who writes to the same directory again does not ask for a second image there, which would make oci:DIR
// name two.
func replace(entries []v1.Descriptor, d v1.Descriptor) []v1.Descriptor {
	tag := d.Annotations[refName]
	same := func(e v1.Descriptor) bool {
		if tag != "" || e.Annotations[refName] != "" {
			return e.Annotations[refName] == tag
		}
		return e.Digest == d.Digest || mayBeImage(e) && mayBeImage(d) && samePlatform(e.Platform, d.Platform)
	}
	i := slices.IndexFunc(entries, same)
	if i < 0 {
		return append(entries, d)
	}
	entries[i] = d
	return append(entries[:i+1], slices.DeleteFunc(entries[i+1:], same)...)
}

// readIndex returns the layout's index, a new one when there is no layout.
func (w *layoutWriter) readIndex() (*v1.IndexManifest, error) {
	b, err := readDocument(dirStore(w.dir), "index.json")
	if errors.Is(err, fs.ErrNotExist) {
		return &v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex}, w.empty()
	} else if err != nil {
		return nil, err
	}
	var index v1.IndexManifest
	if err := json.Unmarshal(b, &index); err != nil {
		return nil, fmt.Errorf("reading index.json: %w", err)
	}
	return &index, nil
}

// empty refuses to make a layout among somebody's other files.
func (w *layoutWriter) empty() error {
	names, err := os.ReadDir(w.dir)
	if err != nil {
		return err
	}
	for _, n := range names {
		if n.Name() != "blobs" && n.Name() != "oci-layout" && !strings.HasSuffix(n.Name(), ".part") {
			return fmt.Errorf("%s is neither empty nor an OCI layout: it holds %s; name another directory", w.dir, n.Name())
		}
	}
	return nil
}

// mkdir makes dir and those above it, and notes which it made.
func (w *layoutWriter) mkdir(dir string) error {
	var missing []string
	for d := filepath.Clean(dir); ; d = filepath.Dir(d) {
		if _, err := os.Stat(d); err == nil || d == filepath.Dir(d) {
			break
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		missing = append(missing, d)
	}
	for _, d := range slices.Backward(missing) {
		if err := os.Mkdir(d, 0o777); err == nil {
			w.note(d)
		} else if !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}

func (w *layoutWriter) note(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.made = append(w.made, name)
}

// undo removes what was made. A directory in which somebody else put something meanwhile stays.
func (w *layoutWriter) undo() error {
	var errs []error
	for _, name := range slices.Backward(w.made) {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTEMPTY) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// blob writes a blob unless it is there.
func (w *layoutWriter) blob(ctx context.Context, b blob) error {
	path := filepath.Join(w.dir, filepath.FromSlash(blobName(b.Digest)))
	if fi, err := os.Stat(path); err == nil && fi.Size() == b.Size {
		return nil
	}
	rc, err := b.open()
	if err != nil {
		return err
	}
	defer rc.Close()
	p, err := newPending(path)
	if err != nil {
		return err
	}
	src := onlyReader{contextReader{ctx, rc}}
	if _, err := io.CopyBuffer(struct{ io.Writer }{p}, src, make([]byte, 256<<10)); err != nil {
		return errors.Join(err, p.discard())
	}
	if err := p.commit(); err != nil {
		return err
	}
	w.note(path)
	return nil
}

// file writes one of the layout's own files; one that is there is left alone unless it is to be replaced.
func (w *layoutWriter) file(name string, content []byte, replace bool) error {
	path := filepath.Join(w.dir, name)
	_, err := os.Stat(path)
	if err == nil && !replace {
		return nil
	}
	fresh := errors.Is(err, fs.ErrNotExist)
	p, err := newPending(path)
	if err != nil {
		return err
	}
	if _, err := p.Write(content); err != nil {
		return errors.Join(err, p.discard())
	}
	if err := p.commit(); err != nil {
		return err
	}
	if fresh {
		w.note(path)
	}
	return nil
}

// lockDir takes the lock on a layout, so that writers of several images do not overwrite each other's index. It is
// the kernel's and ends with the process.
func lockDir(ctx context.Context, dir string) (func(), error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	for {
		err := unix.Flock(int(d.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil || errors.Is(err, unix.ENOTSUP) || errors.Is(err, unix.ENOLCK) {
			return func() { d.Close() }, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return nil, errors.Join(fmt.Errorf("locking %s: %w", dir, err), d.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("waiting for another process that writes to %s: %w", dir, ctx.Err()), d.Close())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

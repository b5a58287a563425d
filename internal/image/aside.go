package image

import (
	"context"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// asides hold the uncompressed content of layers that were read, for [Tree.ReadLayer]: to read a file takes a tenth of what decompressing
// takes. The files have no name and are gone with the process. What finds no room there is decompressed again.
type asides struct {
	dir   string // "": nothing is set aside
	mu    sync.Mutex
	files map[int]*os.File // by layer; all of it has the layer's diff ID
	bytes int64            // in all files, those being written too
}

// newAside returns a file for the content of a layer; nil when there is to be none.
func (a *asides) newAside(rc *layerReader) *aside {
	if a == nil || a.dir == "" || rc.plain {
		return nil
	}
	f, err := tempFile(a.dir)
	if err != nil {
		return nil // it would only save time
	}
	return &aside{all: a, f: f}
}

// keep has f read instead of layer i from now on.
func (a *asides) keep(i int, s *aside) {
	if s == nil || s.f == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.files[i] != nil { // somebody else was as fast
		s.drop()
		return
	}
	a.files[i] = s.f
}

func (a *asides) file(i int) *os.File {
	if a == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.files[i]
}

// Release gives back the disk that TreeOptions.Aside took. The tree stays as it is; nothing may be reading its layers.
func (t *Tree) Release() {
	if t == nil || t.asides == nil {
		return
	}
	t.asides.mu.Lock()
	defer t.asides.mu.Unlock()
	for _, f := range t.asides.files {
		f.Close() // nothing is lost with it
	}
	clear(t.asides.files)
	t.asides.dir = ""
}

// aside takes what is written to it, as long as there is room.
type aside struct {
	all  *asides
	f    *os.File // nil: no more
	n    int64
	seen int64 // n when the room was looked at
}

// asideEvery is how many bytes are written before the room is looked at again.
const asideEvery = 16 << 20

// asideLeave are bytes of the disk that others may need, apart from as many as are set aside: the carved layers are written too.
var asideLeave int64 = 1 << 30

func (s *aside) write(b []byte) {
	if s == nil || s.f == nil {
		return
	}
	if s.n >= s.seen {
		if s.seen = s.n + asideEvery; !s.room() {
			s.drop()
			return
		}
	}
	if _, err := s.f.Write(b); err != nil {
		s.drop()
		return
	}
	s.n += int64(len(b))
}

// room reports whether enough is left of the disk for the next bytes.
func (s *aside) room() bool {
	s.all.mu.Lock()
	defer s.all.mu.Unlock()
	s.all.bytes += asideEvery
	var fs unix.Statfs_t
	if err := unix.Fstatfs(int(s.f.Fd()), &fs); err != nil {
		return false
	}
	return int64(fs.Bavail)*fs.Bsize > s.all.bytes+asideLeave
}

func (s *aside) drop() {
	if s != nil && s.f != nil {
		s.f.Close()
		s.f = nil
	}
}

// readAside reads a layer that was set aside.
func readAside(ctx context.Context, f *os.File, read func(*ahead) error) error {
	a := readAhead(ctx, &fileFrom{f: f}, nil)
	defer a.end()
	a.sum = nil // it was looked at when it was written, and nobody else has the file
	return read(a)
}

// fileFrom reads a file from its beginning, whoever else does.
type fileFrom struct {
	f  *os.File
	at int64
}

func (r *fileFrom) Read(b []byte) (int, error) {
	n, err := r.f.ReadAt(b, r.at)
	r.at += int64(n)
	return n, err
}

package embedded

import (
	"io"
	"sync"
	"sync/atomic"
)

// Pieces in flight between a stream and those who read it ahead: enough to ride over a slow write, 4 MiB in all.
const (
	pieceSize = 256 << 10
	pieces    = 16
)

var piecePool = sync.Pool{New: func() any { return &piece{buf: make([]byte, pieceSize)} }}

// piece is a filled buffer that goes back to the pool with the last of its readers.
type piece struct {
	buf     []byte
	n       int
	readers atomic.Int32
}

func (p *piece) release() {
	if p.readers.Add(-1) == 0 {
		piecePool.Put(p)
	}
}

// forerunner reads a stream ahead of its readers, each of which gets all of it.
type forerunner struct {
	r    io.Reader
	out  []*aheadReader
	stop chan struct{}
	once sync.Once
	done chan struct{} // closed when nothing reads r any more
}

// readAhead begins to read r, for n readers. Each must read to the end or be closed: the slowest sets the pace.
func readAhead(r io.Reader, n int) (*forerunner, []*aheadReader) {
	f := &forerunner{r: r, stop: make(chan struct{}), done: make(chan struct{})}
	for range n {
		f.out = append(f.out, &aheadReader{pieces: make(chan *piece, pieces), gone: make(chan struct{})})
	}
	go f.run()
	return f, f.out
}

func (f *forerunner) run() {
	defer close(f.done)
	var err error
	for err == nil {
		p := piecePool.Get().(*piece)
		p.n, err = fill(f.r, p.buf)
		p.readers.Store(int32(len(f.out)))
		for _, o := range f.out {
			select {
			case o.pieces <- p:
			case <-o.gone:
				p.release()
			case <-f.stop:
				p.release()
				err = io.ErrClosedPipe
			}
		}
	}
	for _, o := range f.out {
		o.err = err
		close(o.pieces)
	}
}

// fill reads until b is full or the stream ends, with its own error.
func fill(r io.Reader, b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		var m int
		m, err = r.Read(b[n:])
		n += m
	}
	return n, err
}

// end stops reading; readers that are not at the end fail with [io.ErrClosedPipe].
func (f *forerunner) end() {
	f.once.Do(func() { close(f.stop) })
	<-f.done
}

// aheadReader is one reader of a stream that is read ahead.
type aheadReader struct {
	pieces chan *piece
	gone   chan struct{}
	once   sync.Once
	now    *piece
	at     int
	err    error // set before pieces is closed
}

// Read implements io.Reader.
func (a *aheadReader) Read(b []byte) (int, error) {
	for a.now == nil || a.at == a.now.n {
		if a.now != nil {
			a.now.release()
		}
		var ok bool
		if a.now, ok = <-a.pieces; !ok {
			a.now = nil
			return 0, a.err
		}
		a.at = 0
	}
	n := copy(b, a.now.buf[a.at:a.now.n])
	a.at += n
	return n, nil
}

// Close says that this reader wants no more. The others go on.
func (a *aheadReader) Close() error {
	a.once.Do(func() { close(a.gone) })
	return nil
}

package image

import (
	"io"
	"sync/atomic"
)

// Progress tells how far [ReadTree] has got with one image or, in turn, several, or the compression of one's layers. It may be asked at any time.
type Progress struct {
	layers, done atomic.Int32
	bytes, total atomic.Int64
}

// Layers returns how many layers there are, of all images so far, and how many are done.
func (p *Progress) Layers() (done, all int) { return int(p.done.Load()), int(p.layers.Load()) }

// Bytes returns how many bytes of content were done.
func (p *Progress) Bytes() int64 { return p.bytes.Load() }

// Amount returns [Progress.Bytes] and how many bytes there are, 0 while that is unknown. Of nil it is nothing.
func (p *Progress) Amount() (done, all int64) {
	if p == nil {
		return 0, 0
	}
	return p.bytes.Load(), p.total.Load()
}

// tally counts what is read.
type tally struct {
	io.Reader
	n *atomic.Int64
}

func (t tally) Read(b []byte) (int, error) {
	n, err := t.Reader.Read(b)
	t.n.Add(int64(n))
	return n, err
}

// Package deflate writes gzip streams (RFC 1952) as densely as their format allows at a bearable cost: matches come from
// binary trees, what is made of them is the cheapest path through all of them, and blocks end where statistics change.
// Layers are compressed once and pulled often. No kept library of pure Go does that: on the layers of a Python image
// compress/gzip at its best level is 8 % larger, klauspost/compress 9 %.
//
// The method is that of libdeflate (Eric Biggers) and zopfli (Lode Vandevenne, Jyrki Alakuijala); the code is ours.
package deflate

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"runtime"
	"sync"
)

const (
	window  = 32 << 10                // how far back a match may lie (RFC 1951, 2)
	segment = size - window - padding // bytes that a goroutine compresses: fixed, so that the output does not depend on the number of processors
	most    = 16                      // goroutines: each takes some 5 MB
)

// Effort is how long is sought for the shortest stream.
type Effort struct{ depth, parses int }

var (
	Thorough = Effort{depth: 32, parses: 3}
	Utmost   = Effort{depth: deepest, parses: 4} // 0.15 % smaller in 1.4 times the time
)

// Writer compresses what is written to it. Segments are compressed by several goroutines; the output depends on the input
// alone. It must be closed.
type Writer struct {
	w     io.Writer
	how   Effort
	now   *job   // the segment that grows
	past  int    // how many bytes of its text are the segment's before
	end   int    // of the segment
	sum   uint32 // CRC-32 of all
	size  uint32 // modulo 2^32
	queue []*job // what is being compressed, in order
	free  *job   // done: the next one takes its memory
	limit int    // how many may be compressed at a time
	err   error
}

// job is a segment on its way.
type job struct {
	text *room // the last bytes of the segment before, then the segment
	out  []byte
	done chan struct{}
}

func newJob() *job { return &job{text: new(room), done: make(chan struct{})} }

// NewWriter returns a writer of a gzip stream, without a name and a time in its header.
func NewWriter(w io.Writer, how Effort) *Writer {
	z := &Writer{w: w, how: how, limit: min(runtime.GOMAXPROCS(0), most), now: newJob()}
	_, z.err = w.Write([]byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 255}) // the slowest method; an unknown system
	return z
}

func (z *Writer) Write(p []byte) (int, error) {
	written := 0
	for len(p) > 0 && z.err == nil {
		n := copy(z.now.text[z.end:z.past+segment], p)
		z.end += n
		z.sum = crc32.Update(z.sum, crc32.IEEETable, p[:n])
		z.size += uint32(n)
		p, written = p[n:], written+n
		if z.end == z.past+segment {
			z.next(false)
		}
	}
	return written, z.err
}

// next has the segment compressed, and begins a new one.
func (z *Writer) next(last bool) {
	for len(z.queue) >= z.limit {
		z.wait()
	}
	if z.err != nil {
		return
	}
	j, past, end := z.now, z.past, z.end
	z.queue = append(z.queue, j)
	go func() {
		defer close(j.done)
		working <- struct{}{}
		defer func() { <-working }()
		c := compressors.Get().(*compressor)
		defer compressors.Put(c)
		c.finder.depth, c.parses = z.how.depth, z.how.parses
		j.out = c.compress(j.out[:0], j.text, past, end, last)
	}()
	if z.now, z.free = z.free, nil; z.now == nil {
		z.now = newJob()
	}
	z.past = copy(z.now.text[:window], j.text[max(0, end-window):end])
	z.end = z.past
}

// compressors holds *compressor. There are as many as processors for all writers together: more would be no faster, and layers are
// compressed side by side.
var (
	compressors = sync.Pool{New: func() any { return new(compressor) }}
	working     = make(chan struct{}, min(runtime.GOMAXPROCS(0), most))
)

// wait writes the first segment of the queue.
func (z *Writer) wait() {
	j := z.queue[0]
	z.queue = z.queue[1:]
	<-j.done
	if z.err == nil {
		_, z.err = z.w.Write(j.out)
	}
	j.done = make(chan struct{})
	z.free = j
}

var errClosed = errors.New("deflate: the stream is closed")

// Close writes what is left and the end of the stream. It does not close the writer below.
func (z *Writer) Close() error {
	if z.err == errClosed {
		return nil
	}
	z.next(true)
	for len(z.queue) > 0 {
		z.wait()
	}
	if z.err != nil {
		return z.err
	}
	end := binary.LittleEndian.AppendUint32(nil, z.sum)
	if _, z.err = z.w.Write(binary.LittleEndian.AppendUint32(end, z.size)); z.err != nil {
		return z.err
	}
	z.err = errClosed
	return nil
}

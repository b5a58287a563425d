package image

import (
	"context"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"sync"
)

// ahead reads a layer's content in a goroutine of its own, a few buffers before whoever reads from it, and hashes it on
// the way: decompression runs beside hashing and reading, so that a layer of its own keeps both cores busy.
type ahead struct {
	full chan []byte // filled buffers; closed at the end, err is set by then
	free chan []byte
	own  *[aheadBuffers][aheadSize]byte
	stop chan struct{}
	err  error

	sum       hash.Hash // of what was read; nil: nobody asks for it
	aside     *aside    // takes what was read; nil: it is not set aside
	buf, rest []byte
	n         int64 // bytes handed out
}

const (
	aheadSize    = 256 << 10
	aheadBuffers = 3
)

// aheadPool holds *[aheadBuffers][aheadSize]byte: an image may have hundreds of layers with next to nothing in them.
var aheadPool = sync.Pool{New: func() any { return new([aheadBuffers][aheadSize]byte) }}

// readAhead begins to read r. note, if given, is called by the reading goroutine with the number of bytes read so far.
func readAhead(ctx context.Context, r io.Reader, note func(plain int64)) *ahead {
	a := &ahead{full: make(chan []byte, aheadBuffers), free: make(chan []byte, aheadBuffers), stop: make(chan struct{}), sum: sha256.New()}
	a.own = aheadPool.Get().(*[aheadBuffers][aheadSize]byte)
	for n := range a.own {
		a.free <- a.own[n][:]
	}
	go a.run(ctx, r, note)
	return a
}

func (a *ahead) run(ctx context.Context, r io.Reader, note func(int64)) {
	defer close(a.full)
	var plain int64
	for {
		var buf []byte
		select {
		case <-a.stop:
			return
		case buf = <-a.free:
		}
		n := 0
		for n < len(buf) && a.err == nil {
			var k int
			if a.err = ctx.Err(); a.err != nil {
				break
			}
			k, a.err = r.Read(buf[n:])
			n += k
			if plain += int64(k); note != nil && k > 0 {
				note(plain)
			}
		}
		if n > 0 {
			a.full <- buf[:n] // there is room: no more buffers than it takes
		}
		if a.err != nil {
			return
		}
	}
}

// Read hands out what was read ahead.
func (a *ahead) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	b, err := a.piece(int64(len(p)))
	return copy(p, b), err
}

// piece hands out at least one byte and at most limit, without copying: they are there until the next call.
func (a *ahead) piece(limit int64) ([]byte, error) {
	if err := a.fill(); err != nil {
		return nil, err
	}
	b := a.rest[:min(limit, int64(len(a.rest)))]
	a.rest = a.rest[len(b):]
	a.n += int64(len(b))
	return b, nil
}

// fill makes sure that there is something to hand out.
func (a *ahead) fill() error {
	for len(a.rest) == 0 {
		if a.buf != nil {
			a.free <- a.buf[:cap(a.buf)]
		}
		var ok bool
		if a.buf, ok = <-a.full; !ok {
			a.buf = nil
			return a.err
		}
		if a.sum != nil {
			a.sum.Write(a.buf)
		}
		a.aside.write(a.buf)
		a.rest = a.buf
	}
	return nil
}

// block hands out the next block of an archive, which is in buf or there until the next call. It returns io.EOF where
// nothing is left, io.ErrUnexpectedEOF where less than a block is.
func (a *ahead) block(buf *[tarBlock]byte) ([]byte, error) {
	b, err := a.piece(tarBlock)
	if err != nil || len(b) == tarBlock {
		return b, err
	}
	n := copy(buf[:], b)
	for n < tarBlock {
		b, err := a.piece(int64(tarBlock - n))
		if errors.Is(err, io.EOF) {
			return nil, io.ErrUnexpectedEOF
		} else if err != nil {
			return nil, err
		}
		n += copy(buf[n:], b)
	}
	return buf[:], nil
}

// end waits until nothing reads any more; the layer may be closed then. What was handed out is gone.
func (a *ahead) end() {
	close(a.stop)
	for range a.full {
	}
	aheadPool.Put(a.own)
}

// drain reads what is left, which counts for the digest.
func (a *ahead) drain() error {
	for {
		a.n += int64(len(a.rest))
		a.rest = nil
		if err := a.fill(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

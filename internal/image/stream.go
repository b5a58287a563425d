package image

import (
	"bufio"
	"compress/bzip2"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// contextReader ends a stream when its context does.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// verifier passes a blob through and fails at its end unless it was the one expected.
type verifier struct {
	ctx  context.Context
	rc   io.ReadCloser
	want v1.Hash
	size int64 // as announced; -1: unknown
	n    int64
	sum  hash.Hash
}

func verified(ctx context.Context, rc io.ReadCloser, want v1.Hash, size int64) io.ReadCloser {
	return &verifier{ctx: ctx, rc: rc, want: want, size: size, sum: sha256.New()}
}

func (v *verifier) Read(p []byte) (int, error) {
	if err := v.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := v.rc.Read(p)
	v.n += int64(n)
	v.sum.Write(p[:n])
	switch {
	case v.size >= 0 && v.n > v.size:
		return n, fmt.Errorf("layer %s is damaged: longer than the %d bytes it should have", v.want, v.size)
	case !errors.Is(err, io.EOF):
		return n, err
	case v.size >= 0 && v.n < v.size:
		return n, fmt.Errorf("layer %s is cut off: %d of %d bytes: %w", v.want, v.n, v.size, io.ErrUnexpectedEOF)
	}
	if got := hex.EncodeToString(v.sum.Sum(nil)); got != v.want.Hex {
		return n, fmt.Errorf("layer %s is damaged: its content has digest sha256:%s", v.want, got)
	}
	return n, err
}

func (v *verifier) Close() error { return v.rc.Close() }

// compressionOf tells a compression by its first bytes: "gzip", "zstd", "bzip2", "xz" or "" for none of them.
func compressionOf(magic []byte) string {
	has := func(s string) bool { return len(magic) >= len(s) && string(magic[:len(s)]) == s }
	switch {
	case has("\x1f\x8b\x08"):
		return "gzip"
	case has("\x28\xb5\x2f\xfd") || len(magic) >= 4 && magic[0]&0xf0 == 0x50 && has(string(magic[0])+"\x2a\x4d\x18"):
		return "zstd" // a frame, or a skippable one as seekable layers begin with
	case has("BZh"):
		return "bzip2"
	case has("\xfd7zXZ\x00"):
		return "xz"
	}
	return ""
}

// zstd decoders and gzip readers own buffers of megabytes: they are used again.
var (
	gzipReaders sync.Pool
	zstdReaders sync.Pool
)

// maxWindow bounds a zstd decoder's memory: what `zstd --ultra -22` writes, the most that registries see.
const maxWindow = 128 << 20

// decompress returns r's content whatever it is compressed with, told by its first bytes: media types lie often
// enough. Closing the result gives the decoder back, it does not close r.
func decompress(r io.Reader) (io.ReadCloser, error) {
	return decompressBuffered(bufio.NewReaderSize(r, decompressBuffer))
}

const decompressBuffer = 64 << 10

// decompressBuffered takes no more of br than it needs, in units of a block.
func decompressBuffered(br *bufio.Reader) (io.ReadCloser, error) {
	magic, err := br.Peek(6)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch c := compressionOf(magic); c {
	case "":
		return io.NopCloser(br), nil
	case "gzip":
		return gunzip(br)
	case "zstd":
		return unzstd(br)
	case "bzip2":
		return io.NopCloser(bzip2.NewReader(br)), nil
	default:
		return nil, fmt.Errorf("compressed with %s, which image layers must not be (gzip, zstd or none)", c)
	}
}

type pooled struct {
	io.Reader
	release func()
	once    sync.Once
}

func (p *pooled) Close() error {
	p.once.Do(func() {
		p.Reader = closedReader{}
		p.release()
	})
	return nil
}

type closedReader struct{}

func (closedReader) Read([]byte) (int, error) { return 0, os.ErrClosed }

func gunzip(br *bufio.Reader) (io.ReadCloser, error) {
	zr, _ := gzipReaders.Get().(*gzip.Reader)
	if zr == nil {
		zr = new(gzip.Reader)
	}
	if err := zr.Reset(br); err != nil {
		return nil, err
	}
	return &pooled{Reader: zr, release: func() { gzipReaders.Put(zr) }}, nil
}

// roomyWindow is the largest window that a zstd decoder has in memory twice, so that it moves along once a window; else it moves once
// a MB, which takes a fifth of all that indexing a layer does. It is what encoders use but at their highest levels.
const roomyWindow = 8 << 20

// roomyZstdReaders holds decoders of such windows until [letGo]: a sync.Pool would keep them longer.
var roomyZstdReaders = make(chan *zstd.Decoder, maxWindows)

// letGo gives the memory of decoders back that nobody uses.
func letGo() {
	for {
		select {
		case <-roomyZstdReaders:
		default:
			return
		}
	}
}

func unzstd(br *bufio.Reader) (io.ReadCloser, error) {
	start, _ := br.Peek(zstd.HeaderMaxSize) // a short or damaged one is the decoder's to refuse
	var h zstd.Header
	roomy := h.Decode(start) == nil && !h.Skippable && h.WindowSize <= roomyWindow
	var zr *zstd.Decoder
	if roomy {
		select {
		case zr = <-roomyZstdReaders:
		default:
		}
	} else {
		zr, _ = zstdReaders.Get().(*zstd.Decoder)
	}
	if zr == nil {
		var err error
		if zr, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(!roomy), zstd.WithDecoderMaxWindow(maxWindow)); err != nil {
			return nil, err
		}
	}
	if err := zr.Reset(br); err != nil {
		return nil, err
	}
	return &pooled{Reader: zr, release: func() {
		zr.Reset(nil) // lets go of br; with nil it cannot fail
		if !roomy {
			zstdReaders.Put(zr)
			return
		}
		select {
		case roomyZstdReaders <- zr:
		default:
		}
	}}, nil
}

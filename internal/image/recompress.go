package image

import (
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"slices"
	"sync"
	"sync/atomic"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/lighten/lighten/internal/deflate"
)

// Compression is how layers are compressed.
type Compression string

const (
	Keep Compression = ""     // as they are
	Gzip Compression = "gzip" // read by everything
	Zstd Compression = "zstd" // smaller and faster to unpack; read by Docker 23, containerd 1.5, podman and later
)

// ParseCompression reads a flag's value: "gzip", "zstd" or "" for as it is.
func ParseCompression(s string) (Compression, error) {
	switch c := Compression(s); c {
	case Keep, Gzip, Zstd:
		return c, nil
	}
	return Keep, fmt.Errorf("unknown compression %q; there is gzip and zstd", s)
}

// spooledLayer is the compressed form of a layer, made once and kept in a temporary file without a name.
type spooledLayer struct {
	ctx    context.Context
	src    func() (io.ReadCloser, error) // uncompressed
	diffID v1.Hash
	comp   Compression
	effort effort
	media  types.MediaType
	plain  int64     // uncompressed bytes, where [NewLayer] made it
	far    *Progress // of an image's layers; nil: nobody asks

	once   sync.Once
	filled atomic.Bool // once is over
	f      *os.File
	digest v1.Hash
	size   int64
	err    error
}

func newSpooledLayer(ctx context.Context, src func() (io.ReadCloser, error), diffID v1.Hash, c Compression, media types.MediaType) v1.Layer {
	return &spooledLayer{ctx: ctx, src: src, diffID: diffID, comp: c, media: media}
}

func (l *spooledLayer) DiffID() (v1.Hash, error)             { return l.diffID, nil }
func (l *spooledLayer) MediaType() (types.MediaType, error)  { return l.media, nil }
func (l *spooledLayer) Uncompressed() (io.ReadCloser, error) { return l.src() }

func (l *spooledLayer) Digest() (v1.Hash, error) {
	l.once.Do(l.fill)
	return l.digest, l.err
}

func (l *spooledLayer) Size() (int64, error) {
	l.once.Do(l.fill)
	return l.size, l.err
}

func (l *spooledLayer) Compressed() (io.ReadCloser, error) {
	if l.once.Do(l.fill); l.err != nil {
		return nil, l.err
	}
	return io.NopCloser(contextReader{l.ctx, io.NewSectionReader(l.f, 0, l.size)}), nil
}

func (l *spooledLayer) fill() {
	defer l.filled.Store(true)
	if err := l.compress(); err != nil {
		l.err = fmt.Errorf("compressing layer %s: %w", l.diffID, err)
	}
}

func (l *spooledLayer) compress() (err error) {
	src, err := l.src()
	if err != nil {
		return err
	}
	defer src.Close()
	in := io.Reader(src)
	if l.far != nil {
		in = tally{in, &l.far.bytes}
		defer l.far.done.Add(1)
	}
	f, err := TempFile()
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	sum, plain := sha256.New(), sha256.New()
	out := &counter{w: io.MultiWriter(f, sum)}
	zw, err := newCompressor(out, l.comp, l.effort)
	if err != nil {
		return err
	}
	buf := make([]byte, 256<<10)
	if _, err := io.CopyBuffer(io.MultiWriter(zw, plain), onlyReader{contextReader{l.ctx, in}}, buf); err != nil {
		return errors.Join(err, zw.Close())
	}
	if err := zw.Close(); err != nil {
		return err
	}
	if got := hashOf(plain); got != l.diffID {
		return fmt.Errorf("damaged: its content has diff ID %s", got)
	}
	if l.effort > quick && l.comp == Gzip {
		if err := holds(io.NewSectionReader(f, 0, out.n), l.diffID); err != nil {
			return err
		}
	}
	l.f, l.digest, l.size = f, hashOf(sum), out.n
	return nil
}

// holds reads a gzip stream of this program's own encoder as everybody will, with another one's decoder.
func holds(r io.Reader, diffID v1.Hash) error {
	zr, err := gzip.NewReader(r)
	if err != nil {
		return fmt.Errorf("reading it again: %w", err)
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, zr); err != nil {
		return fmt.Errorf("reading it again: %w", err)
	}
	if got := hashOf(sum); got != diffID {
		return fmt.Errorf("reading it again: its content has diff ID %s", got)
	}
	return nil
}

// newCompressor returns a compressor whose output depends on its input alone: no name, no time. A dense one takes its time: on the
// layers of a Python image package deflate is 10 % smaller than gzip's level 6 at ten times the CPU time, 6 MB/s; zstd's
// best is 6.6 % smaller than better at four times.
func newCompressor(w io.Writer, c Compression, how effort) (io.WriteCloser, error) {
	if c == Zstd {
		level := zstd.SpeedBetterCompression
		if how > quick {
			level = zstd.SpeedBestCompression
		}
		return zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(level),
			zstd.WithWindowSize(8<<20)) // what every decoder must be ready for (RFC 8878, 3.1.1.1.2)
	}
	switch how {
	case utmost:
		return deflate.NewWriter(w, deflate.Utmost), nil
	case thorough:
		return deflate.NewWriter(w, deflate.Thorough), nil
	}
	return gzip.NewWriterLevel(w, gzip.DefaultCompression)
}

// Sizer tells to how many bytes a compression brings what is written to it, at the level of layers that are compressed for
// transport.
type Sizer struct {
	out counter
	zw  interface {
		io.WriteCloser
		Reset(io.Writer)
	} // nil: no compression
}

// NewSizer returns a Sizer for c; Keep is no compression.
func NewSizer(c Compression) (*Sizer, error) {
	s := &Sizer{out: counter{w: io.Discard}}
	if c == Keep {
		return s, nil
	}
	zw, err := newCompressor(&s.out, c, quick)
	if err != nil {
		return nil, err
	}
	s.zw = zw.(interface {
		io.WriteCloser
		Reset(io.Writer)
	})
	return s, nil
}

func (s *Sizer) Write(b []byte) (int, error) {
	if s.zw == nil {
		return s.out.Write(b)
	}
	return s.zw.Write(b)
}

// Size returns the compressed size of what was written since it was called last, and begins anew.
func (s *Sizer) Size() (int64, error) {
	var err error
	if s.zw != nil {
		err = s.zw.Close()
	}
	n := s.out.n
	s.out.n = 0
	if s.zw != nil {
		s.zw.Reset(&s.out)
	}
	return n, err
}

// onlyReader hides WriterTo and its like, so that the given buffer is the one used.
type onlyReader struct{ io.Reader }

// counter counts what passes.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

func hashOf(h hash.Hash) v1.Hash {
	return v1.Hash{Algorithm: "sha256", Hex: fmt.Sprintf("%x", h.Sum(nil))}
}

// Recompress returns img with its layers compressed with c; layers that already are keep their bytes. Nothing is
// compressed until a digest, a size or content is asked for. For zstd the image becomes an OCI one: Docker's media
// types know gzip alone.
func Recompress(img v1.Image, c Compression) (v1.Image, error) {
	return recompress(context.Background(), img, c)
}

func recompress(ctx context.Context, img v1.Image, c Compression) (v1.Image, error) {
	if c == Keep {
		return img, nil
	}
	layers, err := img.Layers()
	if err != nil {
		return nil, fmt.Errorf("reading the layers: %w", err)
	}
	changed := false
	result := make([]v1.Layer, len(layers))
	for n, l := range layers {
		have, err := layerCompression(l)
		if err != nil {
			return nil, err
		}
		if result[n] = l; have == c {
			continue
		}
		changed = true
		diffID, err := l.DiffID()
		if err != nil {
			return nil, fmt.Errorf("reading the diff ID: %w", err)
		}
		result[n] = newSpooledLayer(ctx, func() (io.ReadCloser, error) { return uncompressed(l) }, diffID, c, types.OCILayer)
	}
	if !changed {
		return img, nil
	}
	return rebuild(img, result)
}

// mostDense is up to how many bytes of an archive are compressed densely. At 6 to 10 MB/s a processor, larger ones would take minutes,
// longer than pulls of what is saved: 8 % of a gigabyte of libraries.
var mostDense int64 = 512 << 20

// mostUtmost is up to how many bytes of an archive the utmost is tried: it takes a few seconds.
const mostUtmost = 32 << 20

// Dense reports whether [Densest] compresses an archive of so many bytes densely.
func Dense(plain int64) bool { return plain <= mostDense }

// effort is how much time compressing takes.
type effort int

const (
	quick effort = iota
	thorough
	utmost
)

// effortFor is the effort of [Densest] for an archive of so many bytes.
func effortFor(plain int64) effort {
	switch {
	case !Dense(plain):
		return quick
	case plain <= mostUtmost:
		return utmost
	}
	return thorough
}

// Densest returns img with those of its layers that [NewLayer] made compressed with c (Keep: gzip) as densely as that can: what is pulled
// often may take its time once, unless it is very large. Diff IDs and configuration stay. Nothing is compressed until it is asked for, and far,
// unless it is nil, told then.
func Densest(ctx context.Context, img v1.Image, c Compression, far *Progress) (v1.Image, error) {
	c = cmp.Or(c, Gzip)
	layers, err := img.Layers()
	if err != nil {
		return nil, fmt.Errorf("reading the layers: %w", err)
	}
	result := make([]v1.Layer, len(layers))
	for n, l := range layers {
		if o, ok := l.(ociLayer); ok {
			l = o.Layer
		}
		if s, ok := l.(*spooledLayer); ok {
			l = &spooledLayer{ctx: ctx, src: s.src, diffID: s.diffID, comp: c, effort: effortFor(s.plain), media: ociMedia(c), plain: s.plain, far: far}
			if far != nil {
				far.layers.Add(1)
				far.total.Add(s.plain)
			}
		}
		result[n] = l
	}
	return rebuild(img, result)
}

// asOCI returns img with OCI's media types, in which the layers stay as they are: OCI layouts hold no others.
func asOCI(img v1.Image) (v1.Image, error) {
	media, err := img.MediaType()
	if err != nil {
		return nil, fmt.Errorf("reading the media type: %w", err)
	}
	if media == types.OCIManifestSchema1 {
		return img, nil
	}
	layers, err := img.Layers()
	if err != nil {
		return nil, fmt.Errorf("reading the layers: %w", err)
	}
	return rebuild(img, slices.Clone(layers))
}

// layerCompression tells how a layer is compressed, by its media type, or by its content where that says nothing: to
// look into a layer of a registry is a request.
func layerCompression(l v1.Layer) (Compression, error) {
	mt, err := l.MediaType()
	if err != nil {
		return Keep, fmt.Errorf("reading the media type: %w", err)
	}
	if o, ok := l.(ociLayer); ok {
		l = o.Layer
	}
	if s, ok := l.(*spooledLayer); ok {
		return s.comp, nil
	}
	switch mt {
	case types.OCILayerZStd:
		return Zstd, nil
	case types.OCILayer, types.DockerLayer:
		return Gzip, nil
	case types.OCIUncompressedLayer, types.DockerUncompressedLayer:
		return Keep, nil
	}
	rc, err := l.Compressed()
	if err != nil {
		return Keep, err
	}
	defer rc.Close()
	magic := make([]byte, 6)
	n, err := io.ReadFull(rc, magic)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return Keep, err
	}
	return Compression(compressionOf(magic[:n])), nil
}

// uncompressed is l.Uncompressed with a faster decoder.
func uncompressed(l v1.Layer) (*layerReader, error) {
	if o, ok := l.(ociLayer); ok {
		l = o.Layer
	}
	if s, ok := l.(*spooledLayer); ok {
		rc, err := s.src()
		if err != nil {
			return nil, err
		}
		return &layerReader{Reader: rc, plain: s.comp == Keep, close: rc.Close}, nil
	}
	rc, err := l.Compressed()
	if err != nil {
		return nil, err
	}
	in := &countingReader{r: rc}
	br := bufio.NewReaderSize(in, decompressBuffer)
	magic, _ := br.Peek(6) // decompressBuffered says what went wrong
	zr, err := decompressBuffered(br)
	if err != nil {
		return nil, errors.Join(err, rc.Close())
	}
	var blob v1.Hash
	if v, ok := rc.(*verifier); ok {
		blob = v.want
	}
	return &layerReader{Reader: zr, rest: br, plain: compressionOf(magic) == "", blob: blob, close: func() error { return errors.Join(zr.Close(), rc.Close()) },
		packed: func() int64 { return in.n - int64(br.Buffered()) }}, nil
}

// layerReader reads what follows the compressed data too, so that a blob's own digest is checked to the end.
type layerReader struct {
	io.Reader
	rest   io.Reader    // nil: there is no compressed form
	plain  bool         // it lies uncompressed where it is
	packed func() int64 // bytes of the compressed form taken so far; nil: there is none
	blob   v1.Hash      // what the blob is checked against on the way; empty: it is not
	close  func() error
}

func (l *layerReader) Read(p []byte) (int, error) {
	n, err := l.Reader.Read(p)
	if errors.Is(err, io.EOF) && l.rest != nil {
		if _, e := io.Copy(io.Discard, l.rest); e != nil {
			return n, e
		}
	}
	return n, err
}

type countingReader struct {
	r io.Reader
	n int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

func (l *layerReader) Close() error { return l.close() }

// rebuild makes an OCI image of img's configuration with other layers of the same diff IDs.
func rebuild(img v1.Image, layers []v1.Layer) (v1.Image, error) {
	m, err := img.Manifest()
	if err != nil {
		return nil, fmt.Errorf("reading the manifest: %w", err)
	}
	config, err := img.RawConfigFile()
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	for n, l := range layers {
		layers[n] = ociLayer{l}
	}
	return newLayeredImage(config, types.OCIManifestSchema1, types.OCIConfigJSON, layers, m.Annotations)
}

// ociLayer names a layer by OCI's media types.
type ociLayer struct{ v1.Layer }

func (l ociLayer) MediaType() (types.MediaType, error) {
	c, err := layerCompression(l.Layer)
	if err != nil {
		return "", err
	}
	return ociMedia(c), nil
}

// ociMedia is OCI's name for layers that are compressed with c.
func ociMedia(c Compression) types.MediaType {
	switch c {
	case Zstd:
		return types.OCILayerZStd
	case Gzip:
		return types.OCILayer
	}
	return types.OCIUncompressedLayer
}

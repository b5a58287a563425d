package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/errdefs"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// imageBlobs are the blobs of an image as a store in the session. Layers are read as streams, wherever the image has them from.
type imageBlobs struct {
	small  map[digest.Digest][]byte // manifest and configuration
	layers map[digest.Digest]v1.Layer
	sizes  map[digest.Digest]int64 // of the layers, as the manifest says

	mu     sync.Mutex
	idle   map[digest.Digest][]*layerStream
	closed bool
}

// newImageBlobs returns the store and the digest of the manifest.
func newImageBlobs(img v1.Image) (*imageBlobs, digest.Digest, error) {
	raw, err := img.RawManifest()
	if err != nil {
		return nil, "", err
	}
	config, err := img.RawConfigFile()
	if err != nil {
		return nil, "", err
	}
	m, err := img.Manifest()
	if err != nil {
		return nil, "", err
	}
	layers, err := img.Layers()
	if err != nil {
		return nil, "", err
	}
	if len(layers) != len(m.Layers) {
		return nil, "", fmt.Errorf("reading the manifest: it has %d layers, the image has %d", len(m.Layers), len(layers))
	}
	d := digest.FromBytes(raw)
	b := &imageBlobs{
		small:  map[digest.Digest][]byte{d: raw, digest.Digest(m.Config.Digest.String()): config},
		layers: map[digest.Digest]v1.Layer{}, sizes: map[digest.Digest]int64{}, idle: map[digest.Digest][]*layerStream{},
	}
	for i, l := range layers {
		ld := digest.Digest(m.Layers[i].Digest.String())
		b.layers[ld], b.sizes[ld] = l, m.Layers[i].Size
	}
	return b, d, nil
}

// Info implements blobs.
func (b *imageBlobs) Info(_ context.Context, d digest.Digest) (content.Info, error) {
	if s, ok := b.small[d]; ok {
		return content.Info{Digest: d, Size: int64(len(s))}, nil
	}
	if _, ok := b.layers[d]; ok {
		return content.Info{Digest: d, Size: b.sizes[d]}, nil
	}
	return content.Info{}, fmt.Errorf("content %s: %w", d, errdefs.ErrNotFound)
}

// Walk implements blobs. Nothing asks what an image in a session consists of but by its manifest.
func (b *imageBlobs) Walk(context.Context, content.WalkFunc, ...string) error { return nil }

// ReaderAt implements blobs.
func (b *imageBlobs) ReaderAt(_ context.Context, desc ocispecs.Descriptor) (content.ReaderAt, error) {
	if s, ok := b.small[desc.Digest]; ok {
		return smallReader{bytes.NewReader(s)}, nil
	}
	if _, ok := b.layers[desc.Digest]; ok {
		return &layerReader{b, desc.Digest}, nil
	}
	return nil, fmt.Errorf("content %s: %w", desc.Digest, errdefs.ErrNotFound)
}

type smallReader struct{ *bytes.Reader }

// Close implements content.ReaderAt.
func (smallReader) Close() error { return nil }

// layerStream is a layer that has been read up to an offset.
type layerStream struct {
	rc io.ReadCloser
	at int64
}

// layerReader reads a layer at offsets. The engine asks for one piece after the other, each with a reader of its own
// (containerd's proxy store), so streams outlive readers: the next piece continues where the last one ended.
type layerReader struct {
	b *imageBlobs
	d digest.Digest
}

// Size implements content.ReaderAt.
func (r *layerReader) Size() int64 { return r.b.sizes[r.d] }

// Close implements content.ReaderAt.
func (r *layerReader) Close() error { return nil }

// ReadAt implements content.ReaderAt.
func (r *layerReader) ReadAt(p []byte, off int64) (int, error) {
	size := r.Size()
	if off >= size {
		return 0, io.EOF
	}
	var short error
	if int64(len(p)) > size-off {
		p, short = p[:size-off], io.EOF
	}
	s, err := r.b.take(r.d, off)
	if err != nil {
		return 0, fmt.Errorf("reading layer %s: %w", r.d, err)
	}
	n, err := io.ReadFull(s.rc, p)
	s.at += int64(n)
	if err == nil && s.at == size {
		err = s.end()
	}
	if err != nil || s.at == size {
		err = errors.Join(err, s.rc.Close())
	} else {
		r.b.give(r.d, s)
	}
	if err != nil {
		return n, fmt.Errorf("reading layer %s: %w", r.d, err)
	}
	return n, short
}

// end reads on to where the stream ends: layers that verify their digest do it there.
func (s *layerStream) end() error {
	var one [1]byte
	switch n, err := io.ReadFull(s.rc, one[:]); {
	case n > 0:
		return errors.New("it is longer than its manifest says")
	case errors.Is(err, io.EOF):
		return nil
	default:
		return err
	}
}

// take returns a stream of the layer at an offset: one that was left there, or a new one.
func (b *imageBlobs) take(d digest.Digest, off int64) (*layerStream, error) {
	b.mu.Lock()
	for i, s := range b.idle[d] {
		if s.at == off {
			b.idle[d] = append(b.idle[d][:i], b.idle[d][i+1:]...)
			b.mu.Unlock()
			return s, nil
		}
	}
	b.mu.Unlock()
	rc, err := b.layers[d].Compressed()
	if err != nil {
		return nil, err
	}
	if _, err := io.CopyN(io.Discard, rc, off); err != nil {
		return nil, errors.Join(err, rc.Close())
	}
	return &layerStream{rc: rc, at: off}, nil
}

// maxIdle bounds the open streams of a layer that nobody reads at the moment.
const maxIdle = 2

func (b *imageBlobs) give(d digest.Digest, s *layerStream) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		_ = s.rc.Close() // read only
		return
	}
	b.idle[d] = append(b.idle[d], s)
	if len(b.idle[d]) > maxIdle {
		_ = b.idle[d][0].rc.Close() // read only
		b.idle[d] = b.idle[d][1:]
	}
}

// close ends all streams.
func (b *imageBlobs) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	for _, l := range b.idle {
		for _, s := range l {
			_ = s.rc.Close() // read only
		}
	}
	b.idle = nil
}

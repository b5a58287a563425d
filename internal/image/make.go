package image

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// ReadLayer reads layer i of the image that t was read from, once from its beginning to its end, and calls f with every
// header in it. [Entry.Origin] tells by its number which of them a path is. What f was given is to be believed only
// once ReadLayer has returned without an error: a layer whose digest or diff ID lies is found out at its end.
func (t *Tree) ReadLayer(ctx context.Context, img v1.Image, i int, f func(n int, h *tar.Header, content io.Reader) error) error {
	info := t.Layers[i]
	err := func() error {
		each := func(r *ahead) error { return eachHeader(r, f) }
		if aside := t.asides.file(i); aside != nil {
			return readAside(ctx, aside, each)
		}
		layers, err := img.Layers()
		if err != nil {
			return err
		}
		if len(layers) != len(t.Layers) {
			return fmt.Errorf("the image has %d layers, its tree %d", len(layers), len(t.Layers))
		}
		rc, err := uncompressed(t.blobChecked(ctx, layers[i], i))
		if err != nil {
			return err
		}
		defer rc.Close()
		return t.checked(ctx, rc, i, nil, each)
	}()
	if err != nil {
		return fmt.Errorf("reading layer %s (%d of %d): %w", info.Name(), i+1, len(t.Layers), err)
	}
	return nil
}

func (t *Tree) blobChecked(ctx context.Context, l v1.Layer, i int) v1.Layer {
	if o, ok := l.(ociLayer); ok {
		l = o.Layer
	}
	if _, ok := l.(*spooledLayer); ok {
		return l // its blob is of our own making, perhaps not even made yet
	}
	return blobChecked{l, ctx, t.Layers[i].Digest, t.Layers[i].PullBytes}
}

// blobChecked is a layer whose blob must be what its digest says, wherever it comes from.
type blobChecked struct {
	v1.Layer
	ctx    context.Context
	digest v1.Hash
	size   int64
}

func (l blobChecked) Compressed() (io.ReadCloser, error) {
	rc, err := l.Layer.Compressed()
	if err != nil {
		return nil, err
	}
	return verified(l.ctx, rc, l.digest, l.size), nil
}

// NewLayer returns a layer of what write writes, a tar archive, compressed quickly with c (Keep: not at all); [Densest] does it better. The
// same archive gives the same layer. It lies in a temporary file without a name. write is called once,
// before NewLayer returns.
func NewLayer(ctx context.Context, c Compression, write func(io.Writer) error) (_ v1.Layer, err error) {
	f, err := TempFile()
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("writing a layer: %w", err), f.Close())
		}
	}()
	sum, plain := sha256.New(), sha256.New()
	out := &counter{w: io.MultiWriter(f, sum)}
	zw := io.WriteCloser(unpacked{out})
	if c != Keep {
		if zw, err = newCompressor(out, c, quick); err != nil {
			return nil, err
		}
	}
	in := &counter{w: io.MultiWriter(zw, plain)}
	if err := write(contextWriter{ctx, in}); err != nil {
		return nil, errors.Join(err, zw.Close())
	}
	if err := zw.Close(); err != nil {
		return nil, err
	}
	l := &spooledLayer{ctx: ctx, comp: c, media: ociMedia(c), diffID: hashOf(plain), plain: in.n, f: f, digest: hashOf(sum), size: out.n}
	l.once.Do(func() { l.filled.Store(true) })
	l.src = func() (io.ReadCloser, error) {
		return decompress(contextReader{ctx, io.NewSectionReader(f, 0, l.size)})
	}
	return l, nil
}

// unpacked is the compressor that does nothing.
type unpacked struct{ io.Writer }

func (unpacked) Close() error { return nil }

// contextWriter ends a stream when its context does.
type contextWriter struct {
	ctx context.Context
	w   io.Writer
}

func (c contextWriter) Write(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.w.Write(p)
}

// New returns an OCI image of a configuration, in JSON, and the layers that its diff IDs name.
func New(config []byte, layers []v1.Layer, annotations map[string]string) (v1.Image, error) {
	return newLayeredImage(config, types.OCIManifestSchema1, types.OCIConfigJSON, layers, annotations)
}

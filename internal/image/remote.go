package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// remoteImage is a registry's image whose layers survive broken connections.
type remoteImage struct {
	v1.Image
	ctx context.Context
	ref name.Reference
}

func (i *remoteImage) LayerByDigest(h v1.Hash) (partial.CompressedLayer, error) {
	l, err := i.Image.LayerByDigest(h)
	if err != nil {
		return nil, err
	}
	return &remoteLayer{Layer: l, image: i}, nil
}

type remoteLayer struct {
	v1.Layer
	image *remoteImage
}

// Descriptor keeps what the manifest says of the layer.
func (l *remoteLayer) Descriptor() (*v1.Descriptor, error) { return partial.Descriptor(l.Layer) }

// MediaType is here for partial, which asks the compressed layer alone.
func (l *remoteLayer) MediaType() (types.MediaType, error) { return l.Layer.MediaType() }

func (l *remoteLayer) Compressed() (io.ReadCloser, error) {
	digest, err := l.Digest()
	if err != nil {
		return nil, err
	}
	size, err := l.Size()
	if err != nil {
		return nil, err
	}
	r := &resumer{ctx: l.image.ctx, open: l.Layer.Compressed, size: size, left: retries.Steps - 1, wait: retries.Duration}
	r.fail = func(err error) error {
		return fmt.Errorf("downloading layer %s of %s: %w%s", digest, l.image.ref, short(err), hint(l.image.ref, err))
	}
	if err := r.connect(); err != nil {
		return nil, r.fail(err)
	}
	return verified(l.image.ctx, r, digest, size), nil
}

// hint is what to do about a download that failed for good.
func hint(ref name.Reference, err error) string {
	if a := advice(ref.Context().RegistryStr(), err); a != "" {
		return a
	}
	return "; the connection broke off again and again: try again, or check the proxy between here and the registry"
}

// resumer is a download that goes on where a broken connection left it. What came before is read again and thrown
// away: not every registry's storage answers a request for a range. The verifier around it sees one stream.
type resumer struct {
	ctx  context.Context
	open func() (io.ReadCloser, error)
	fail func(error) error
	size int64
	rc   io.ReadCloser
	n    int64 // bytes delivered
	left int   // attempts
	wait time.Duration
}

func (r *resumer) connect() error {
	rc, err := r.open()
	if err != nil {
		return err
	}
	if _, err := io.CopyN(io.Discard, rc, r.n); err != nil {
		return errors.Join(err, rc.Close())
	}
	r.rc = rc
	return nil
}

func (r *resumer) Read(p []byte) (int, error) {
	n, err := r.rc.Read(p)
	r.n += int64(n)
	if err == nil || errors.Is(err, io.EOF) && r.n >= r.size {
		return n, err
	}
	if n > 0 {
		return n, nil // the error comes again
	}
	for ; r.left > 0 && r.ctx.Err() == nil; r.left-- {
		select {
		case <-time.After(r.wait):
		case <-r.ctx.Done():
			return 0, r.ctx.Err()
		}
		r.wait *= 3
		r.rc.Close()
		e := r.connect()
		if e == nil {
			r.left--
			return 0, nil
		}
		err = e
	}
	if e := r.ctx.Err(); e != nil {
		return 0, e
	}
	return 0, r.fail(err)
}

func (r *resumer) Close() error { return r.rc.Close() }

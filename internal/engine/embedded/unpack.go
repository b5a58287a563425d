package embedded

import (
	"context"
	"io"

	"github.com/containerd/containerd/v2/core/diff"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/containerd/v2/pkg/archive/compression"
	"github.com/containerd/containerd/v2/pkg/labels"
	"github.com/containerd/typeurl/v2"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// Watch is asked about each layer that the engine unpacks, by its diff ID, and about each that it makes of what a step has
// left, by "". It returns nil for one it does not want, else a function that reads the layer's uncompressed content on its
// way, instead of decompressing all of it once more later. What that returns (nil: nothing) is called once the content is known
// to have the diff ID; the content ends with an error when unpacking fails, and early when making the layer does.
type Watch func(diffID string) func(content io.Reader) (verified func(diffID string))

// applier unpacks layers. containerd's own reads, decompresses, hashes and writes in turn; here decompression runs ahead
// on another core.
type applier struct {
	diff.Applier
	watch Watch // may be nil
}

func init() { diff.RegisterProcessor(decompressor) }

type unpackKey struct{}

// unpacking is one layer on its way.
type unpacking struct {
	watch    func(io.Reader) func(string) // may be nil
	verified func(string)
	watched  chan struct{} // closed when watch has returned; nil: it was never called
}

// Apply implements diff.Applier.
func (a *applier) Apply(ctx context.Context, desc ocispecs.Descriptor, mounts []mount.Mount, opts ...diff.ApplyOpt) (ocispecs.Descriptor, error) {
	u := &unpacking{}
	want := digest.Digest(desc.Annotations[labels.LabelUncompressed])
	if a.watch != nil && want.Validate() == nil {
		u.watch = a.watch(want.String())
	}
	out, err := a.Applier.Apply(context.WithValue(ctx, unpackKey{}, u), desc, mounts, opts...)
	if u.watched == nil {
		return out, err
	}
	<-u.watched
	if err == nil && out.Digest == want && u.verified != nil {
		u.verified(want.String())
	}
	return out, err
}

// decompressor is the stream processor for layers that an [*applier] unpacks. containerd's registry of them is the
// process's; other appliers get its own.
func decompressor(ctx context.Context, mediaType string) (diff.StreamProcessorInit, bool) {
	u, ok := ctx.Value(unpackKey{}).(*unpacking)
	if !ok {
		return nil, false
	}
	kind, err := images.DiffCompression(ctx, mediaType)
	if err != nil {
		return nil, false
	}
	return func(_ context.Context, s diff.StreamProcessor, _ map[string]typeurl.Any) (diff.StreamProcessor, error) {
		var rc io.ReadCloser = s
		if kind != "" {
			var err error
			if rc, err = compression.DecompressStream(s); err != nil {
				return nil, err
			}
		}
		return u.start(rc), nil
	}, true
}

// start reads rc ahead for the one who unpacks and, where there is one, for who watches.
func (u *unpacking) start(rc io.ReadCloser) diff.StreamProcessor {
	if u.watch == nil {
		f, out := readAhead(rc, 1)
		return &layerStream{out[0], f, rc}
	}
	f, out := readAhead(rc, 2)
	u.watched = make(chan struct{})
	go func() {
		defer close(u.watched)
		defer out[1].Close()
		u.verified = u.watch(out[1])
	}()
	return &layerStream{out[0], f, rc}
}

// layerStream is an uncompressed layer.
type layerStream struct {
	*aheadReader
	f  *forerunner
	rc io.ReadCloser
}

func (*layerStream) MediaType() string { return ocispecs.MediaTypeImageLayer }

// Close ends reading ahead; what is read from may be closed then.
func (s *layerStream) Close() error {
	s.f.end()
	return s.rc.Close()
}

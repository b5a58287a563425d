package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// WriteOptions say how an image is written.
type WriteOptions struct {
	Options
	Name        string                  // the reference that archives record and Docker knows it by; "" where the destination says it, or none
	Compression Compression             // of the layers; docker archives and the local Docker always get gzip
	Stdout      io.Writer               // what the destination "-" writes, a docker archive
	Attach      []Attachment            // written beside the image; registries, OCI layouts and OCI archives take them, others refuse
	Progress    func(done, total int64) // bytes of layers; called from several goroutines; nil: nobody asks
}

// Write writes img to dest, a reference as [Open] reads it. A file, a tag in a layout and a tag in a registry is
// written whole or stays what it was; after an error or the end of ctx nothing of the image remains on this machine.
// The same image gives the same bytes. An OCI layout keeps its other images.
//
// Docker archives have no media types, and Docker before 23 reads gzip alone: zstd layers are recompressed for them.
func Write(ctx context.Context, img v1.Image, dest string, o WriteOptions) error {
	l, err := parseLocation(dest)
	if err != nil {
		return err
	}
	return writing(l, write(ctx, img, l, o))
}

// writing says of an error where it happened and, of a full disk, what to do.
func writing(l location, err error) error {
	if err == nil {
		return nil
	}
	where := l.String()
	if l.transport == transportStream {
		where = "standard output"
	}
	if errors.Is(err, syscall.ENOSPC) {
		err = fmt.Errorf("%w; free some space, or set TMPDIR if the full disk is that of temporary files", err)
	}
	return fmt.Errorf("writing %s: %w", where, err)
}

func write(ctx context.Context, img v1.Image, l location, o WriteOptions) error {
	recorded, err := destination(l, &o)
	if err != nil {
		return err
	}
	w, arts, err := ready(ctx, img, l, o)
	if err != nil {
		return err
	}
	if err := deliver(ctx, w, arts, l, recorded, o); err != nil {
		return err
	}
	if o.Progress != nil {
		o.Progress(w.total, w.total) // what was there already is done too
	}
	return nil
}

// destination returns the name by which an image is known at l, and has it compressed as is understood there.
func destination(l location, o *WriteOptions) (recorded string, err error) {
	if isImageID(l.selector) || l.transport == transportRegistry && strings.Contains(l.name, "@") {
		return "", errDigest
	}
	if l.transport == transportContainerd {
		return "", errors.New("containerd's store is read alone; write oci-archive:FILE and load it by `ctr images import FILE`")
	}
	if l.docker() {
		o.Compression = Gzip
		if len(o.Attach) > 0 {
			return "", errors.New("no attached documents in Docker's formats; write them to files")
		}
	}
	return recordedName(l, o.Name)
}

// CheckDestination finds what can be told to be wrong with a destination of [Write] before there is an image.
func CheckDestination(dest string) error {
	l, err := parseLocation(dest)
	if err != nil {
		return err
	}
	_, err = destination(l, &WriteOptions{})
	switch l.transport {
	case transportDockerArchive, transportOCIArchive:
		fi, statErr := os.Stat(filepath.Dir(l.path))
		switch {
		case statErr != nil:
			err = statErr
		case !fi.IsDir():
			err = fmt.Errorf("%s is no directory", filepath.Dir(l.path))
		}
		if fi, statErr := os.Stat(l.path); statErr == nil && fi.IsDir() {
			err = fmt.Errorf("%s is a directory; an archive is a file", l.path)
		}
	case transportOCI:
		if fi, statErr := os.Stat(l.path); statErr == nil && !fi.IsDir() {
			err = fmt.Errorf("%s is a file; a layout is a directory, and oci-archive:FILE one in a file", l.path)
		}
	}
	return writing(l, err)
}

var errDigest = errors.New("a digest names what is there already; give a tag")

// ready returns img as it is written to l, with the artifacts about it.
func ready(ctx context.Context, img v1.Image, l location, o WriteOptions) (*watchedImage, []v1.Image, error) {
	img, err := recompress(ctx, img, o.Compression)
	if err != nil {
		return nil, nil, err
	}
	if l.transport == transportOCI || l.transport == transportOCIArchive {
		if img, err = asOCI(img); err != nil {
			return nil, nil, err
		}
	}
	w, err := watched(ctx, img, o.Progress)
	if err != nil {
		return nil, nil, err
	}
	arts, err := artifacts(img, o.Attach)
	return w, arts, err
}

// deliver brings img, and then the artifacts about it, to where it is to go.
func deliver(ctx context.Context, img v1.Image, arts []v1.Image, l location, recorded string, o WriteOptions) error {
	archive := func(w io.Writer) error { return writeDockerArchive(img, recorded, w) }
	switch l.transport {
	case transportRegistry:
		if err := push(ctx, img, l.name, o); err != nil {
			return err
		}
		return pushAttachments(ctx, arts, l.name, o)
	case transportDaemon, transportPodman:
		return loadDaemon(ctx, l.transport, archive)
	case transportOCI, transportOCIArchive:
		c, err := contentsOf(img, arts, recorded)
		if err != nil {
			return err
		}
		return writeContents(ctx, c, l)
	case transportDockerArchive:
		return writeFile(ctx, l.path, archive)
	}
	if o.Stdout == nil {
		return errors.New("no standard output here; name a file")
	}
	return writeCompressed(o.Stdout, false, archive)
}

// writeContents writes an OCI layout, as a directory or as an archive.
func writeContents(ctx context.Context, c *contents, l location) error {
	if l.transport == transportOCI {
		return writeLayout(ctx, c, l.path)
	}
	return writeFile(ctx, l.path, func(w io.Writer) error { return writeOCIArchive(c, w) })
}

// recordedName is the name that an archive records.
func recordedName(l location, given string) (string, error) {
	switch {
	case l.daemon():
		if _, err := name.NewTag(l.name); err != nil {
			return "", fmt.Errorf("%w; a local daemon wants NAME[:TAG]", err)
		}
		return l.name, nil
	case l.transport == transportOCI || l.transport == transportOCIArchive && l.selector != "":
		return l.selector, nil
	case l.transport == transportRegistry || given == "":
		return given, nil
	}
	if _, err := name.NewTag(given); err != nil {
		return "", fmt.Errorf("recording the name %q: %w", given, err)
	}
	return given, nil
}

// push writes img to a registry: its layers, then its manifest.
func push(ctx context.Context, img v1.Image, ref string, o WriteOptions) error {
	at, err := pushRef(ref, o)
	if err != nil {
		return err
	}
	return pushed(ctx, at, remote.Write(at, img, remoteOptions(ctx, o.Options)...))
}

// pushed says of an error what was pushed and what to do.
func pushed(ctx context.Context, at name.Reference, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return registryError(at, err)
}

// pushRef is where ref is pushed to.
func pushRef(ref string, o WriteOptions) (name.Reference, error) {
	want, err := name.ParseReference(ref)
	if err != nil {
		return nil, err
	}
	endpoints := o.Access.Endpoints(want.Context().RegistryStr())
	return endpointRef(want, endpoints[len(endpoints)-1]) // the registry itself: a mirror is for reading
}

// watchedImage is an image whose layers end with a context, tell how far they have been read, and fail at their end
// when they are not what their digests say.
type watchedImage struct {
	v1.Image
	layers []v1.Layer
	total  int64 // bytes of layers
}

func watched(ctx context.Context, img v1.Image, progress func(done, total int64)) (*watchedImage, error) {
	m, err := img.Manifest()
	if err != nil {
		return nil, fmt.Errorf("reading the manifest: %w", err)
	}
	layers, err := img.Layers()
	if err != nil {
		return nil, fmt.Errorf("reading the layers: %w", err)
	}
	w := &watchedImage{Image: img}
	for _, d := range m.Layers {
		w.total += d.Size
	}
	var done atomic.Int64
	for _, l := range layers {
		w.layers = append(w.layers, &watchedLayer{Layer: l, ctx: ctx, add: func(n int) {
			if now := done.Add(int64(n)); progress != nil && n > 0 {
				progress(min(now, w.total), w.total) // a retry reads some bytes twice
			}
		}})
	}
	return w, nil
}

func (w *watchedImage) Layers() ([]v1.Layer, error) { return w.layers, nil }

func (w *watchedImage) LayerByDigest(h v1.Hash) (v1.Layer, error) {
	for _, l := range w.layers {
		if d, err := l.Digest(); err == nil && d == h {
			return l, nil
		}
	}
	return w.Image.LayerByDigest(h)
}

type watchedLayer struct {
	v1.Layer
	ctx context.Context
	add func(n int)
}

// Descriptor keeps what the manifest says of the layer.
func (l *watchedLayer) Descriptor() (*v1.Descriptor, error) { return partial.Descriptor(l.Layer) }

func (l *watchedLayer) MediaType() (types.MediaType, error) { return l.Layer.MediaType() }

func (l *watchedLayer) Compressed() (io.ReadCloser, error) {
	digest, err := l.Digest()
	if err != nil {
		return nil, err
	}
	size, err := l.Size()
	if err != nil {
		return nil, err
	}
	rc, err := l.Layer.Compressed()
	if err != nil {
		return nil, err
	}
	return &progressReader{verified(l.ctx, rc, digest, size), l.add}, nil
}

type progressReader struct {
	io.ReadCloser
	add func(n int)
}

func (p *progressReader) Read(b []byte) (int, error) {
	n, err := p.ReadCloser.Read(b)
	p.add(n)
	return n, err
}

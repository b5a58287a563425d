// Package carve makes of an image one that holds some of its paths alone, each exactly as it was.
//
// Nothing is taken from a container that ran: content and attributes are copied from the original's layers, so that
// modes, owners, times, extended attributes, file capabilities and hard links are the original's, and nothing that a
// run wrote is in the result. The same input gives the same digest.
package carve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lighten/lighten/internal/image"
)

// Options say what is kept and how it is laid out.
type Options struct {
	// Keep says of a path of the tree whether it is kept, and in which of Layers. It is asked once for each entry, in
	// the order of paths, and must give the same answer for the same entry. The directories above a kept path are kept
	// whatever Keep says, in every layer that holds something below them: without them, unpacking would make up their
	// attributes. A directory's own layer counts only when nothing below it is kept. The names of one file, hard links
	// of each other, go to the lowest layer that one of them is given.
	Keep func(e *image.Entry) (layer int, keep bool)

	// Replace gives a kept regular file other content, with its own attributes: a package database tells of what is
	// left. It is called from several goroutines; nil: every file stays what it is.
	Replace func(path string) (content []byte, ok bool)

	Layers      []string          // names of the new layers, from the bottom: what changes least first, so that pulls share it; nil: one
	Squash      bool              // one layer, whatever Keep says
	Compression image.Compression // of the new layers; image.Keep: gzip
	Plain       bool              // they are not compressed: for what is only tried, or compressed by [image.Densest] later
	Labels      map[string]string // added to the configuration's
	Annotations map[string]string // added to the manifest's
	Comment     string            // for the history entry of each new layer
}

// Carve returns an OCI image with those paths of img that o keeps; t is img's tree. Layers of which nothing is kept are
// not read, the others once, and are checked against their digests and diff IDs: errors name the layer. New layers that
// would be empty are left out. The configuration stays what it was, to the fields that nobody knows, but for the layers:
// its history keeps the original's entries, as ones without a layer, before those of the new layers.
//
// The new layers lie in temporary files without a name and can be read as long as ctx lives.
func Carve(ctx context.Context, img v1.Image, t *image.Tree, o Options) (v1.Image, error) {
	if o.Keep == nil {
		return nil, errors.New("carving: nothing says what to keep")
	}
	result, err := carve(ctx, img, t, o)
	if errors.Is(err, syscall.ENOSPC) {
		err = fmt.Errorf("%w; free some space in %s, or set TMPDIR", err, os.TempDir())
	}
	if err != nil {
		return nil, fmt.Errorf("carving: %w", err)
	}
	return result, nil
}

func (o *Options) compression() image.Compression {
	if o.Plain {
		return image.Keep
	}
	return cmp.Or(o.Compression, image.Gzip)
}

func carve(ctx context.Context, img v1.Image, t *image.Tree, o Options) (v1.Image, error) {
	if len(o.Layers) == 0 {
		o.Layers = []string{"files"}
	}
	if o.Squash {
		o.Layers = []string{"squashed"}
	}
	p, err := newPlan(t, &o)
	if err != nil {
		return nil, err
	}
	sources, err := readSources(ctx, img, t, p, o.Replace)
	if err != nil {
		return nil, err
	}
	defer sources.close()
	layers, err := sources.layers(ctx, p, o.compression())
	if err != nil {
		return nil, err
	}
	return assemble(img, p, layers, &o)
}

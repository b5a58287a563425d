// Package image opens and writes container images, and reads the tree of files they make.
//
// An image is a [v1.Image]; where it lies is told by its reference: NAME[:TAG|@DIGEST] or docker://NAME in a registry,
// docker-daemon:NAME in the local Docker, podman:NAME in the local podman, containerd:NAME in the local containerd, docker-archive:FILE, oci:DIR[:TAG|@DIGEST], oci-archive:FILE, and "-" for an
// archive on standard input or output. Layers are streamed wherever they go; what must be read twice lies in
// temporary files without a name.
package image

import (
	"context"
	"fmt"
	"io"
	"runtime"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lighten/lighten/internal/access"
)

// Options say how images are reached.
type Options struct {
	Platform *v1.Platform  // which image of an index; nil: linux on this machine's architecture
	Access   access.Config // mirrors, plain http, certificate authorities, proxies
	Stdin    io.Reader     // what the reference "-" reads
}

func (o Options) platform() v1.Platform {
	if o.Platform != nil {
		return *o.Platform
	}
	return v1.Platform{OS: "linux", Architecture: runtime.GOARCH}
}

// Open returns the image that ref names. Its manifest is read by then, its layers are not: they come when they are
// asked for, each time anew, as long as ctx lives. Where ref names an index, the image of o.Platform is taken.
func Open(ctx context.Context, ref string, o Options) (v1.Image, error) {
	l, err := parseLocation(ref)
	if err != nil {
		return nil, err
	}
	img, err := open(ctx, l, o)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", l, err)
	}
	return img, nil
}

func open(ctx context.Context, l location, o Options) (v1.Image, error) {
	switch l.transport {
	case transportRegistry:
		return openRegistry(ctx, l.name, o)
	case transportDaemon, transportPodman:
		return openDaemon(ctx, l, o)
	case transportContainerd:
		return openContainerd(ctx, l, o)
	case transportOCI:
		return openLayout(ctx, dirStore(l.path), l.selector, o)
	case transportStream:
		if o.Stdin == nil {
			return nil, fmt.Errorf("no standard input here; name an image or a file")
		}
		f, err := spool(ctx, o.Stdin)
		if err != nil {
			return nil, err
		}
		return openArchive(ctx, f, l, o)
	}
	f, err := openFile(l.path)
	if err != nil {
		return nil, err
	}
	return openArchive(ctx, f, l, o)
}

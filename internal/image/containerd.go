package image

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	imagesapi "github.com/containerd/containerd/api/services/images/v1"
	contentstore "github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/content/proxy"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/errdefs"
	"github.com/containerd/errdefs/pkg/errgrpc"
	"github.com/distribution/reference"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// containerdStore is what containerd holds of one image, as an OCI layout of it.
type containerdStore struct {
	ctx   context.Context // with the name space
	blobs contentstore.Store
	index []byte
}

// openContainerd asks containerd at $CONTAINERD_ADDRESS for an image of $CONTAINERD_NAMESPACE, as ctr(8) and nerdctl do. The
// connection lasts as long as ctx.
func openContainerd(ctx context.Context, l location, o Options) (v1.Image, error) {
	s, err := dialContainerd(ctx, l.name)
	if err != nil {
		return nil, err
	}
	return openLayout(ctx, s, "", o)
}

func dialContainerd(ctx context.Context, ref string) (*containerdStore, error) {
	socket := cmp.Or(os.Getenv("CONTAINERD_ADDRESS"), "/run/containerd/containerd.sock")
	space := cmp.Or(os.Getenv(namespaces.NamespaceEnvVar), namespaces.Default)
	conn, err := grpc.NewClient("unix://"+strings.TrimPrefix(socket, "unix://"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, fmt.Errorf("connecting to containerd at %s: %w", socket, err)
	}
	context.AfterFunc(ctx, func() { conn.Close() })
	s := &containerdStore{ctx: namespaces.WithNamespace(ctx, space), blobs: proxy.NewContentStore(conn)}
	target, err := s.find(imagesapi.NewImagesClient(conn), ref)
	switch {
	case errdefs.IsNotFound(err):
		return nil, fmt.Errorf("containerd has no such image in its name space %q; CONTAINERD_NAMESPACE names another: k8s.io is that of Kubernetes, moby that of Docker", space)
	case err != nil:
		return nil, fmt.Errorf("asking containerd at %s: %w; is it running, and may this user use it? CONTAINERD_ADDRESS names another socket; without one, `ctr images export` writes an oci-archive:FILE", socket, err)
	}
	s.index, err = json.Marshal(v1.IndexManifest{SchemaVersion: 2, Manifests: []v1.Descriptor{target}})
	return s, err
}

// find returns what a name stands for: as it is written, else as Docker would complete it ("alpine" is
// docker.io/library/alpine:latest).
func (s *containerdStore) find(images imagesapi.ImagesClient, ref string) (v1.Descriptor, error) {
	names := []string{ref}
	if full, err := reference.ParseDockerRef(ref); err == nil && full.String() != ref {
		names = append(names, full.String())
	}
	var found *imagesapi.GetImageResponse
	var err error
	for _, n := range names {
		if found, err = images.Get(s.ctx, &imagesapi.GetImageRequest{Name: n}); err == nil {
			break
		}
	}
	if err != nil {
		return v1.Descriptor{}, errgrpc.ToNative(err)
	}
	d := found.GetImage().GetTarget()
	h, err := v1.NewHash(d.GetDigest())
	return v1.Descriptor{MediaType: types.MediaType(d.GetMediaType()), Digest: h, Size: d.GetSize()}, err
}

func (s *containerdStore) open(name string) (io.ReadCloser, error) {
	if name == "index.json" {
		return io.NopCloser(bytes.NewReader(s.index)), nil
	}
	algorithm, hex := path.Split(strings.TrimPrefix(name, "blobs/"))
	ra, err := s.blobs.ReaderAt(s.ctx, ocispec.Descriptor{Digest: digest.NewDigestFromEncoded(digest.Algorithm(path.Clean(algorithm)), hex)})
	if errdefs.IsNotFound(err) {
		return nil, fmt.Errorf("%w: containerd does not hold it: pull the image once more, with `ctr content fetch` where only what runs was unpacked", fs.ErrNotExist)
	} else if err != nil {
		return nil, fmt.Errorf("asking containerd: %w", err)
	}
	return struct {
		io.Reader
		io.Closer
	}{bufio.NewReaderSize(io.NewSectionReader(ra, 0, ra.Size()), containerdBuffer), ra}, nil
}

// containerdBuffer is how much of a blob containerd is asked for at a time: each time is a call.
const containerdBuffer = 1 << 20

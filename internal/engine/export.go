package engine

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/containerd/errdefs"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/match"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// export is how the image of one build leaves the engine.
type export struct {
	e     *Engine
	dir   string
	entry client.ExportEntry
}

func (e *Engine) newExport(b *Build) (*export, error) {
	x := &export{e: e, dir: b.Store}
	attrs := map[string]string{}
	if b.Epoch != nil {
		attrs["source-date-epoch"] = epochString(b.Epoch)
		attrs["rewrite-timestamp"] = "true"
	}
	if e.docker != nil {
		// The daemon of Docker before its containerd store has one exporter: into its own images.
		x.entry = client.ExportEntry{Type: "moby", Attrs: attrs}
		return x, os.MkdirAll(b.Store, 0o755)
	}
	attrs["tar"] = "false"
	attrs["oci-mediatypes"] = "true"
	if err := initLayout(b.Store); err != nil {
		return nil, fmt.Errorf("making the image directory %s: %w", b.Store, err)
	}
	inner, err := local.NewStore(b.Store)
	if err != nil {
		return nil, fmt.Errorf("opening the image directory %s: %w", b.Store, err)
	}
	st := &linkStore{Store: inner, dir: b.Store}
	if e.inner != nil {
		st.from = e.inner.Content()
	}
	x.entry = client.ExportEntry{Type: client.ExporterOCI, Attrs: attrs, OutputStore: st}
	return x, nil
}

// indexes serializes changes of index files: candidates may share a directory.
var indexes sync.Mutex

// initLayout makes dir an OCI layout unless it is one.
func initLayout(dir string) error {
	indexes.Lock()
	defer indexes.Unlock()
	if _, err := os.Stat(filepath.Join(dir, ocispecs.ImageIndexFile)); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Join(dir, ocispecs.ImageBlobsDir, "sha256"), 0o755); err != nil {
		return err
	}
	layoutFile := []byte(`{"imageLayoutVersion":"` + ocispecs.ImageLayoutVersion + `"}`)
	if err := os.WriteFile(filepath.Join(dir, ocispecs.ImageLayoutFile), layoutFile, 0o644); err != nil {
		return err
	}
	index := []byte(`{"schemaVersion":2,"mediaType":"` + ocispecs.MediaTypeImageIndex + `","manifests":[]}`)
	return writeWhole(filepath.Join(dir, ocispecs.ImageIndexFile), index)
}

// writeWhole replaces a file at once.
func writeWhole(name string, b []byte) error {
	tmp := name + ".tmp"
	if err := os.WriteFile(tmp, b, 0o644); err != nil {
		return err
	}
	return os.Rename(tmp, name)
}

// abort removes what an export that failed has left unfinished.
func (x *export) abort() error {
	if x.e.docker != nil {
		return nil
	}
	err := os.RemoveAll(filepath.Join(x.dir, "ingest"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// image is the exported image, read from its directory.
func (x *export) image(ctx context.Context, resp *client.SolveResponse) (v1.Image, error) {
	if x.e.docker != nil {
		return x.e.docker.Image(ctx, resp.ExporterResponse, x.dir)
	}
	raw, err := base64.StdEncoding.DecodeString(resp.ExporterResponse[exptypes.ExporterImageDescriptorKey])
	if err != nil {
		return nil, fmt.Errorf("reading the exported image's descriptor: %w", err)
	}
	var desc v1.Descriptor
	if err := json.Unmarshal(raw, &desc); err != nil {
		return nil, fmt.Errorf("reading the exported image's descriptor: %w", err)
	}
	desc.Annotations = nil // holds the time of this export: the index would differ from run to run
	indexes.Lock()
	defer indexes.Unlock()
	// containerd's store keeps unfinished blobs there; a layout has no such directory.
	_ = os.Remove(filepath.Join(x.dir, "ingest")) // stays while another export into this directory is at work
	path, err := layout.FromPath(x.dir)
	if err != nil {
		return nil, fmt.Errorf("reading the exported image from %s: %w", x.dir, err)
	}
	if err := putIndex(path, desc); err != nil {
		return nil, fmt.Errorf("writing the index of %s: %w", x.dir, err)
	}
	img, err := path.Image(desc.Digest)
	if err != nil {
		return nil, fmt.Errorf("reading the exported image from %s: %w", x.dir, err)
	}
	return img, nil
}

func putIndex(path layout.Path, desc v1.Descriptor) error {
	idx, err := path.ImageIndex()
	if err != nil {
		return err
	}
	man, err := idx.IndexManifest()
	if err != nil {
		return err
	}
	has := match.Digests(desc.Digest)
	for _, m := range man.Manifests {
		if has(m) {
			return nil
		}
	}
	man = man.DeepCopy()
	man.Manifests = append(man.Manifests, desc)
	b, err := json.MarshalIndent(man, "", "  ")
	if err != nil {
		return err
	}
	return writeWhole(filepath.Join(string(path), ocispecs.ImageIndexFile), b)
}

// linkStore is an OCI layout as a content store that, instead of receiving a blob, makes a hard link to the engine's
// own file of it: an image of a gigabyte is exported in no time and takes no space.
type linkStore struct {
	content.Store
	dir  string
	from string // the engine's blobs; "": receive
}

// Writer implements content.Store.
func (s *linkStore) Writer(ctx context.Context, opts ...content.WriterOpt) (content.Writer, error) {
	var o content.WriterOpts
	for _, f := range opts {
		if err := f(&o); err != nil {
			return nil, err
		}
	}
	if s.from != "" && s.link(o.Desc.Digest) {
		return nil, fmt.Errorf("content %s: %w", o.Desc.Digest, errdefs.ErrAlreadyExists)
	}
	return s.Store.Writer(ctx, opts...)
}

// link reports whether the blob is there now. Any failure (another file system, no permission) means: receive it.
func (s *linkStore) link(d digest.Digest) bool {
	if d.Validate() != nil {
		return false
	}
	src := filepath.Join(s.from, d.Algorithm().String(), d.Encoded())
	dst := filepath.Join(s.dir, ocispecs.ImageBlobsDir, d.Algorithm().String(), d.Encoded())
	err := os.Link(src, dst)
	return err == nil || errors.Is(err, fs.ErrExist)
}

package image

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// refName is the annotation under which an OCI layout names a manifest (image-spec, annotations.md).
const refName = "org.opencontainers.image.ref.name"

// maxDocument bounds manifests, indexes and configurations, which are held in memory. Registries refuse manifests
// above 4 MiB; configurations with a long history stay far below as well.
const maxDocument = 32 << 20

// store is an OCI image layout, in a directory or in an archive.
type store interface {
	// open opens a file of the layout by its slash-separated name; the error is fs.ErrNotExist's kind when absent.
	open(name string) (io.ReadCloser, error)
}

// dirStore is a layout in a directory.
type dirStore string

func (d dirStore) open(name string) (io.ReadCloser, error) {
	f, err := os.Open(filepath.Join(string(d), filepath.FromSlash(name)))
	if err != nil {
		return nil, err
	}
	return f, nil
}

func blobName(h v1.Hash) string { return "blobs/" + h.Algorithm + "/" + h.Hex }

// readDocument reads a small file of the layout.
func readDocument(s store, name string) ([]byte, error) {
	rc, err := s.open(name)
	if err != nil {
		return nil, err
	}
	defer rc.Close()
	b, err := io.ReadAll(io.LimitReader(rc, maxDocument+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	if len(b) > maxDocument {
		return nil, fmt.Errorf("reading %s: larger than %d MiB, no manifest or configuration is", name, maxDocument>>20)
	}
	return b, nil
}

// readBlob reads a small blob and checks that it is the one asked for.
func readBlob(s store, h v1.Hash) ([]byte, error) {
	b, err := readDocument(s, blobName(h))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("blob %s is missing", h)
	} else if err != nil {
		return nil, err
	}
	got, _, err := v1.SHA256(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	if got != h {
		return nil, fmt.Errorf("blob %s is damaged: its content has digest %s", h, got)
	}
	return b, nil
}

// openLayout opens the image that selector names in a layout: a tag, "sha256:…", or "" for the only one.
func openLayout(ctx context.Context, s store, selector string, o Options) (v1.Image, error) {
	entries, err := selectEntries(s, selector)
	if err != nil {
		return nil, err
	}
	d := entries[0]
	if len(entries) > 1 {
		if d, err = choose(entries, o.platform()); err != nil {
			return nil, err
		}
	}
	top, err := topIndex(s)
	if err != nil {
		return nil, err
	}
	index := top.Manifests
	for range 8 { // an index may hold an index; nobody nests them deeper than once
		if !d.MediaType.IsIndex() {
			img, err := newStoreImage(ctx, s, d, o)
			if err != nil {
				return nil, err
			}
			return withAttestations(img, d, index, storeBlobs(s)), nil
		}
		idx, err := readIndex(s, d.Digest)
		if err != nil {
			return nil, err
		}
		index = idx.Manifests
		if d, err = choose(index, o.platform()); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("index %s: indexes in indexes in indexes", d.Digest)
}

// readIndex reads an index of the layout.
func readIndex(s store, h v1.Hash) (*v1.IndexManifest, error) {
	b, err := readBlob(s, h)
	if err != nil {
		return nil, fmt.Errorf("reading the index: %w", err)
	}
	var idx v1.IndexManifest
	if err := json.Unmarshal(b, &idx); err != nil {
		return nil, fmt.Errorf("reading index %s: %w", h, err)
	}
	return &idx, nil
}

// topIndex reads index.json.
func topIndex(s store) (*v1.IndexManifest, error) {
	b, err := readDocument(s, "index.json")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no OCI image layout: %w", err)
	} else if err != nil {
		return nil, err
	}
	var idx v1.IndexManifest
	if err := json.Unmarshal(b, &idx); err != nil {
		return nil, fmt.Errorf("reading index.json: %w", err)
	}
	return &idx, nil
}

// selectEntries finds the entry of index.json that selector names. There are several when index.json is itself the index of one
// image's platforms.
func selectEntries(s store, selector string) ([]v1.Descriptor, error) {
	idx, err := topIndex(s)
	if err != nil {
		return nil, err
	}
	entries := runnable(idx.Manifests)
	if selector != "" {
		d, err := byTag(entries, selector)
		if strings.HasPrefix(selector, "sha256:") {
			d, err = byDigest(s, entries, selector)
		}
		return []v1.Descriptor{d}, err
	}
	var distinct []v1.Descriptor
	for _, d := range entries {
		if !slices.ContainsFunc(distinct, func(e v1.Descriptor) bool { return e.Digest == d.Digest }) {
			distinct = append(distinct, d)
		}
	}
	switch {
	case len(distinct) == 0:
		return nil, errors.New("the layout holds no image")
	case !onePerPlatform(distinct):
		return nil, fmt.Errorf("%d images there; add one of %s", len(distinct), tagList(entries))
	}
	return distinct, nil
}

// onePerPlatform tells whether entries can be one image: without a name, each of another platform.
func onePerPlatform(entries []v1.Descriptor) bool {
	for i, d := range entries {
		twin := func(e v1.Descriptor) bool { return samePlatform(d.Platform, e.Platform) }
		if len(entries) > 1 && d.Annotations[refName] != "" || slices.ContainsFunc(entries[:i], twin) {
			return false
		}
	}
	return true
}

func byDigest(s store, entries []v1.Descriptor, digest string) (v1.Descriptor, error) {
	h, err := v1.NewHash(digest)
	if err != nil {
		return v1.Descriptor{}, fmt.Errorf("%q is no digest: %w", digest, err)
	}
	for _, d := range entries {
		if d.Digest == h {
			return d, nil
		}
	}
	// Not in index.json itself: an image of one of its indexes.
	b, err := readBlob(s, h)
	if err != nil {
		return v1.Descriptor{}, err
	}
	var m struct {
		MediaType types.MediaType   `json:"mediaType"`
		Manifests []json.RawMessage `json:"manifests"`
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return v1.Descriptor{}, fmt.Errorf("blob %s is no manifest: %w", h, err)
	}
	if m.MediaType == "" {
		m.MediaType = types.OCIManifestSchema1
		if m.Manifests != nil {
			m.MediaType = types.OCIImageIndex
		}
	}
	return v1.Descriptor{MediaType: m.MediaType, Digest: h, Size: int64(len(b))}, nil
}

// byTag finds a tag as written, else a reference that means the same ("alpine:3.20" for
// "docker.io/library/alpine:3.20").
func byTag(entries []v1.Descriptor, tag string) (v1.Descriptor, error) {
	for i := len(entries) - 1; i >= 0; i-- { // the last of several is the newest
		if entries[i].Annotations[refName] == tag {
			return entries[i], nil
		}
	}
	if want, err := name.ParseReference(tag); err == nil {
		for _, d := range entries {
			if have, err := name.ParseReference(d.Annotations[refName]); err == nil && have.Name() == want.Name() {
				return d, nil
			}
		}
	}
	return v1.Descriptor{}, fmt.Errorf("no image %q there; there is %s", tag, tagList(entries))
}

// tagList names the images of a layout for a message, a few of many.
func tagList(entries []v1.Descriptor) string {
	var have []string
	for _, d := range entries {
		if t := d.Annotations[refName]; t != "" {
			have = append(have, ":"+t)
		} else {
			have = append(have, "@"+d.Digest.String())
		}
	}
	if len(have) == 0 {
		return "none"
	}
	slices.Sort(have)
	if len(have) > 20 {
		have = append(have[:20], fmt.Sprintf("%d more", len(have)-20))
	}
	return strings.Join(have, ", ")
}

// storeImage is an image of a layout; partial completes it.
type storeImage struct {
	ctx      context.Context
	store    store
	media    types.MediaType
	raw      []byte
	config   []byte
	manifest *v1.Manifest
}

func newStoreImage(ctx context.Context, s store, d v1.Descriptor, o Options) (v1.Image, error) {
	i := &storeImage{ctx: ctx, store: s, media: d.MediaType}
	var err error
	if i.raw, err = readBlob(s, d.Digest); err != nil {
		return nil, fmt.Errorf("reading the manifest: %w", err)
	}
	if i.manifest, err = v1.ParseManifest(bytes.NewReader(i.raw)); err != nil {
		return nil, fmt.Errorf("reading manifest %s: %w", d.Digest, err)
	}
	if i.config, err = readBlob(s, i.manifest.Config.Digest); err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	img, err := partial.CompressedToImage(i)
	if err != nil {
		return nil, err
	}
	return img, checkImage(img, o)
}

// checkImage refuses what is no runnable image, and one that is not of the platform which was asked for by name.
func checkImage(img v1.Image, o Options) error {
	cfg, err := img.ConfigFile()
	if err != nil {
		return fmt.Errorf("reading the configuration: %w", err)
	}
	m, _, err := manifestOf(img, true)
	if err != nil {
		return fmt.Errorf("reading the manifest: %w", err)
	}
	if len(m.Layers) != len(cfg.RootFS.DiffIDs) {
		return fmt.Errorf("no container image: its manifest has %d layers, its configuration %d diff IDs", len(m.Layers), len(cfg.RootFS.DiffIDs))
	}
	if o.Platform == nil || cfg.Architecture == "" {
		return nil
	}
	have := v1.Platform{OS: cfg.OS, Architecture: cfg.Architecture, Variant: cfg.Variant}
	if !matches(have, *o.Platform, false) {
		return fmt.Errorf("%w %s; it is %s", errNoPlatform, o.Platform, have)
	}
	return nil
}

func (i *storeImage) RawManifest() ([]byte, error)        { return i.raw, nil }
func (i *storeImage) RawConfigFile() ([]byte, error)      { return i.config, nil }
func (i *storeImage) MediaType() (types.MediaType, error) { return i.media, nil }

func (i *storeImage) LayerByDigest(h v1.Hash) (partial.CompressedLayer, error) {
	for n, d := range i.manifest.Layers {
		if d.Digest == h {
			return &storeLayer{image: i, desc: d, index: n}, nil
		}
	}
	if h == i.manifest.Config.Digest {
		return partial.ConfigLayer(i)
	}
	return nil, fmt.Errorf("no layer %s in the image", h)
}

// storeLayer is a layer of a storeImage.
type storeLayer struct {
	image *storeImage
	desc  v1.Descriptor
	index int
}

func (l *storeLayer) Digest() (v1.Hash, error)            { return l.desc.Digest, nil }
func (l *storeLayer) Size() (int64, error)                { return l.desc.Size, nil }
func (l *storeLayer) MediaType() (types.MediaType, error) { return l.desc.MediaType, nil }
func (l *storeLayer) Descriptor() (*v1.Descriptor, error) { return &l.desc, nil }

// DiffID is the configuration's: computing it would read the layer.
func (l *storeLayer) DiffID() (v1.Hash, error) {
	cfg, err := partial.ConfigFile(l.image)
	if err != nil {
		return v1.Hash{}, err
	}
	if l.index >= len(cfg.RootFS.DiffIDs) {
		return v1.Hash{}, fmt.Errorf("layer %s has no diff ID in the configuration", l.desc.Digest)
	}
	return cfg.RootFS.DiffIDs[l.index], nil
}

func (l *storeLayer) Compressed() (io.ReadCloser, error) {
	rc, err := l.image.store.open(blobName(l.desc.Digest))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("layer %s is missing", l.desc.Digest)
	} else if err != nil {
		return nil, fmt.Errorf("opening layer %s: %w", l.desc.Digest, err)
	}
	return verified(l.image.ctx, rc, l.desc.Digest, l.desc.Size), nil
}

package image

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// Listing is what a reference offers.
type Listing struct {
	Index       bool              // it names an index; else an image, which is the only one of Images
	Images      []v1.Descriptor   // in the index's order, each with its platform
	Annotations map[string]string // the index's
	Left        []string          // what else is in the index, one line each: attestations, and what cannot be told apart
}

// List tells the platforms of what ref names. No layer is read.
func List(ctx context.Context, ref string, o Options) (*Listing, error) {
	l, err := parseLocation(ref)
	if err != nil {
		return nil, err
	}
	list, err := listAt(ctx, l, o)
	if err != nil {
		return nil, fmt.Errorf("listing %s: %w", l, err)
	}
	return list, nil
}

func listAt(ctx context.Context, l location, o Options) (*Listing, error) {
	var m *v1.IndexManifest
	var err error
	switch l.transport {
	case transportStream:
		return nil, errors.New("it can be read once only; save it as a file, oci-archive:FILE")
	case transportRegistry:
		m, err = remoteIndex(ctx, l.name, o)
	case transportContainerd:
		var st *containerdStore
		if st, err = dialContainerd(ctx, l.name); err == nil {
			m, err = storeIndex(st, "")
		}
	case transportOCI:
		m, err = storeIndex(dirStore(l.path), l.selector)
	case transportOCIArchive:
		m, err = archiveIndex(ctx, l)
	}
	if err != nil {
		return nil, err
	}
	if m != nil {
		return listing(m), nil
	}
	img, err := open(ctx, l, o)
	if err != nil {
		return nil, err
	}
	cfg, err := img.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	return &Listing{Images: []v1.Descriptor{{Platform: &v1.Platform{OS: cfg.OS, Architecture: cfg.Architecture, Variant: cfg.Variant}}}}, nil
}

// listing sorts the entries of an index.
func listing(m *v1.IndexManifest) *Listing {
	l := &Listing{Index: true, Annotations: m.Annotations}
	images := runnable(m.Manifests)
	for _, d := range m.Manifests {
		switch {
		case !slices.ContainsFunc(images, func(i v1.Descriptor) bool { return i.Digest == d.Digest }):
			what := d.Annotations[attestation]
			if what == "" {
				what = strings.TrimSpace("artifact " + d.ArtifactType)
			}
			l.Left = append(l.Left, what+" "+d.Digest.String())
		case d.MediaType.IsIndex() || d.Platform == nil:
			l.Left = append(l.Left, "entry without a platform "+d.Digest.String())
		default:
			l.Images = append(l.Images, d)
		}
	}
	return l
}

// Choose returns the entries for platforms, such as "linux/amd64,linux/arm64", in the index's order; "all" are all.
func (l *Listing) Choose(platforms string) ([]v1.Descriptor, error) {
	if platforms == "all" {
		return l.Images, nil
	}
	wanted := map[v1.Hash]bool{}
	for p := range strings.SplitSeq(platforms, ",") {
		want, err := v1.ParsePlatform(p)
		if err != nil || want.OS == "" || want.Architecture == "" {
			return nil, fmt.Errorf("reading the platform %q: want OS/ARCH[/VARIANT], such as linux/arm64", p)
		}
		d, err := choose(l.Images, *want)
		if err != nil {
			return nil, err
		}
		wanted[d.Digest] = true
	}
	return slices.DeleteFunc(slices.Clone(l.Images), func(d v1.Descriptor) bool { return !wanted[d.Digest] }), nil
}

// remoteIndex returns the index that ref names in its registry; nil when it names an image.
func remoteIndex(ctx context.Context, ref string, o Options) (m *v1.IndexManifest, err error) {
	err = atEndpoints(ctx, ref, o, func(puller *remote.Puller, at name.Reference) error {
		m = nil
		d, err := puller.Get(ctx, at)
		if err != nil || !d.MediaType.IsIndex() {
			return err
		}
		idx, err := d.ImageIndex()
		if err != nil {
			return err
		}
		m, err = idx.IndexManifest()
		return err
	})
	return m, err
}

// storeIndex returns the index that selector names in a layout; nil when it names an image.
func storeIndex(s store, selector string) (*v1.IndexManifest, error) {
	entries, err := selectEntries(s, selector)
	if err != nil {
		return nil, err
	}
	if len(entries) > 1 {
		return &v1.IndexManifest{Manifests: entries}, nil
	}
	if !entries[0].MediaType.IsIndex() {
		return nil, nil
	}
	return readIndex(s, entries[0].Digest)
}

func archiveIndex(ctx context.Context, l location) (*v1.IndexManifest, error) {
	f, err := openFile(l.path)
	if err != nil {
		return nil, err
	}
	s, err := openTar(ctx, f)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	defer s.f.Close()
	if !s.has("index.json") {
		return nil, wrongArchive(s.has("manifest.json"), "no OCI archive: index.json is missing", "it is a docker-archive:")
	}
	return storeIndex(s, l.selector)
}

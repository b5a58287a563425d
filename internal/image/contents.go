package image

import (
	"bytes"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// blob is a blob of an image, to be written to a layout.
type blob struct {
	v1.Descriptor
	open func() (io.ReadCloser, error)
}

// contents is what is to be written to an OCI layout.
type contents struct {
	blobs     []blob          // each once
	manifests []v1.Descriptor // entries of index.json
}

// contentsOf is an image with the artifacts about it. The image is to be known by the name recorded, "" for none.
func contentsOf(img v1.Image, arts []v1.Image, recorded string) (*contents, error) {
	c := &contents{}
	d, err := c.add(img)
	if err != nil {
		return nil, err
	}
	c.entry(d, recorded)
	return c, c.attach(arts)
}

// attach adds artifacts, each with an entry of its own, which has no name.
func (c *contents) attach(arts []v1.Image) error {
	for _, a := range arts {
		d, err := c.add(a)
		if err != nil {
			return err
		}
		c.entry(d, "")
	}
	return nil
}

func (c *contents) entry(d v1.Descriptor, recorded string) {
	if recorded != "" {
		d.Annotations = map[string]string{refName: recorded}
	}
	c.manifests = append(c.manifests, d)
}

// add adds the blobs of an image: layers, configuration, manifest. It returns the descriptor of the manifest, with the platform.
func (c *contents) add(img v1.Image) (v1.Descriptor, error) {
	layers, err := img.Layers()
	if err != nil {
		return v1.Descriptor{}, err
	}
	for _, l := range layers {
		d, err := partial.Descriptor(l)
		if err != nil {
			return v1.Descriptor{}, err
		}
		c.blob(*d, l.Compressed)
	}
	config, err := img.RawConfigFile()
	if err != nil {
		return v1.Descriptor{}, err
	}
	manifest, err := img.RawManifest()
	if err != nil {
		return v1.Descriptor{}, err
	}
	media, err := img.MediaType()
	if err != nil {
		return v1.Descriptor{}, err
	}
	m, err := img.Manifest()
	if err != nil {
		return v1.Descriptor{}, err
	}
	if _, err := c.document(config, m.Config.MediaType); err != nil {
		return v1.Descriptor{}, err
	}
	d, err := c.document(manifest, media)
	if err != nil {
		return v1.Descriptor{}, err
	}
	if d.ArtifactType = m.ArtifactType; m.ArtifactType != "" {
		return d, nil // no image
	}
	cfg, err := img.ConfigFile()
	if err != nil {
		return v1.Descriptor{}, err
	}
	if cfg.OS != "" && cfg.Architecture != "" {
		d.Platform = &v1.Platform{OS: cfg.OS, Architecture: cfg.Architecture, Variant: cfg.Variant}
	}
	return d, nil
}

// document adds a small blob.
func (c *contents) document(b []byte, media types.MediaType) (v1.Descriptor, error) {
	digest, size, err := v1.SHA256(bytes.NewReader(b))
	if err != nil {
		return v1.Descriptor{}, err
	}
	d := v1.Descriptor{MediaType: media, Digest: digest, Size: size}
	c.blob(d, func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil })
	return d, nil
}

func (c *contents) blob(d v1.Descriptor, open func() (io.ReadCloser, error)) {
	for _, have := range c.blobs {
		if have.Digest == d.Digest {
			return
		}
	}
	c.blobs = append(c.blobs, blob{d, open})
}

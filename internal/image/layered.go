package image

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sync/errgroup"
)

// layeredImage is an image of which configuration and layers are known and the manifest is made when it is asked
// for: that may take a compression of every layer.
type layeredImage struct {
	config      []byte
	media       types.MediaType
	configMedia types.MediaType
	layers      []v1.Layer
	annotations map[string]string
	artifact    string         // artifact type of what is no image
	subject     *v1.Descriptor // the manifest it is about

	once sync.Once
	raw  []byte
	err  error
}

func newLayeredImage(config []byte, media, configMedia types.MediaType, layers []v1.Layer, annotations map[string]string) (v1.Image, error) {
	return &layeredImage{config: config, media: media, configMedia: configMedia, layers: layers, annotations: annotations}, nil
}

func (i *layeredImage) MediaType() (types.MediaType, error) { return i.media, nil }
func (i *layeredImage) RawConfigFile() ([]byte, error)      { return i.config, nil }
func (i *layeredImage) ConfigFile() (*v1.ConfigFile, error) { return partial.ConfigFile(i) }
func (i *layeredImage) ConfigName() (v1.Hash, error)        { return partial.ConfigName(i) }
func (i *layeredImage) Layers() ([]v1.Layer, error)         { return i.layers, nil }
func (i *layeredImage) Manifest() (*v1.Manifest, error)     { return partial.Manifest(i) }
func (i *layeredImage) Digest() (v1.Hash, error)            { return partial.Digest(i) }
func (i *layeredImage) Size() (int64, error)                { return partial.Size(i) }

func (i *layeredImage) RawManifest() ([]byte, error) {
	i.once.Do(func() { i.raw, i.err = i.makeManifest() })
	return i.raw, i.err
}

func (i *layeredImage) makeManifest() ([]byte, error) {
	m, err := i.startManifest()
	if err != nil {
		return nil, err
	}
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0)) // a compression each
	for n, l := range i.layers {
		g.Go(func() error {
			d, err := partial.Descriptor(l)
			if err == nil {
				m.Layers[n] = *d
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return json.Marshal(m)
}

// unfinished reports whether to make the manifest layers would have to be compressed.
func (i *layeredImage) unfinished() bool {
	return slices.ContainsFunc(i.layers, isUnfinished)
}

func isUnfinished(l v1.Layer) bool {
	s, ok := l.(*spooledLayer)
	return ok && !s.filled.Load()
}

// sketch is the manifest without what compressing layers would tell.
func (i *layeredImage) sketch() (*v1.Manifest, error) {
	m, err := i.startManifest()
	if err != nil {
		return nil, err
	}
	for n, l := range i.layers {
		if isUnfinished(l) {
			m.Layers[n].MediaType = types.DockerLayer
			continue
		}
		d, err := partial.Descriptor(l)
		if err != nil {
			return nil, err
		}
		m.Layers[n] = *d
	}
	return m, nil
}

func (i *layeredImage) startManifest() (*v1.Manifest, error) {
	digest, size, err := v1.SHA256(bytes.NewReader(i.config))
	if err != nil {
		return nil, err
	}
	return &v1.Manifest{
		SchemaVersion: 2, MediaType: i.media, Annotations: i.annotations, ArtifactType: i.artifact, Subject: i.subject,
		Config: v1.Descriptor{MediaType: i.configMedia, Digest: digest, Size: size},
		Layers: make([]v1.Descriptor, len(i.layers)),
	}, nil
}

func (i *layeredImage) LayerByDigest(h v1.Hash) (v1.Layer, error) {
	for _, l := range i.layers {
		if d, err := l.Digest(); err != nil {
			return nil, err
		} else if d == h {
			return l, nil
		}
	}
	if c, err := partial.ConfigLayer(i); err == nil {
		if d, err := c.Digest(); err == nil && d == h {
			return c, nil
		}
	}
	return nil, fmt.Errorf("no layer %s in the image", h)
}

func (i *layeredImage) LayerByDiffID(h v1.Hash) (v1.Layer, error) {
	for _, l := range i.layers {
		if d, err := l.DiffID(); err != nil {
			return nil, err
		} else if d == h {
			return l, nil
		}
	}
	return nil, fmt.Errorf("no layer with diff ID %s in the image", h)
}

// foundLayer is a compressed layer of which nobody wrote down the digest.
type foundLayer struct {
	raw    func() (io.ReadCloser, error)
	size   int64
	diffID v1.Hash
	media  types.MediaType

	once   sync.Once
	digest v1.Hash
	err    error
}

func (l *foundLayer) Size() (int64, error)                { return l.size, nil }
func (l *foundLayer) DiffID() (v1.Hash, error)            { return l.diffID, nil }
func (l *foundLayer) MediaType() (types.MediaType, error) { return l.media, nil }
func (l *foundLayer) Compressed() (io.ReadCloser, error)  { return l.raw() }

func (l *foundLayer) Digest() (v1.Hash, error) {
	l.once.Do(func() {
		rc, err := l.raw()
		if err != nil {
			l.err = err
			return
		}
		defer rc.Close()
		l.digest, _, l.err = v1.SHA256(rc)
	})
	return l.digest, l.err
}

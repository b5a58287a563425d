package image

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// writeDockerArchive writes img as `docker save` does. The library's writer gives the same bytes for one image.
func writeDockerArchive(img v1.Image, recorded string, w io.Writer) error {
	var ref name.Reference
	if recorded != "" {
		tag, err := name.NewTag(recorded)
		if err != nil {
			return err
		}
		ref = tag
	} else {
		digest, err := img.Digest()
		if err != nil {
			return err
		}
		// A reference by digest records no name.
		if ref, err = name.NewDigest("unnamed@" + digest.String()); err != nil {
			return err
		}
	}
	return tarball.Write(ref, img, w)
}

// layoutVersion is the content of the file oci-layout (image-spec, image-layout.md).
const layoutVersion = `{"imageLayoutVersion":"1.0.0"}`

// blob is a blob of an image, to be written to a layout.
type blob struct {
	v1.Descriptor
	open func() (io.ReadCloser, error)
}

// blobsOf lists the blobs of an image, each once: layers, configuration, manifest. It returns the descriptor of the
// manifest too, with platform and name.
func blobsOf(img v1.Image, recorded string) ([]blob, v1.Descriptor, error) {
	var blobs []blob
	seen := map[v1.Hash]bool{}
	layers, err := img.Layers()
	if err != nil {
		return nil, v1.Descriptor{}, err
	}
	for _, l := range layers {
		d, err := partial.Descriptor(l)
		if err != nil {
			return nil, v1.Descriptor{}, err
		}
		if !seen[d.Digest] {
			seen[d.Digest] = true
			blobs = append(blobs, blob{*d, l.Compressed})
		}
	}
	config, err := img.RawConfigFile()
	if err != nil {
		return nil, v1.Descriptor{}, err
	}
	manifest, err := img.RawManifest()
	if err != nil {
		return nil, v1.Descriptor{}, err
	}
	media, err := img.MediaType()
	if err != nil {
		return nil, v1.Descriptor{}, err
	}
	m, err := img.Manifest()
	if err != nil {
		return nil, v1.Descriptor{}, err
	}
	var last v1.Descriptor
	for _, b := range [][]byte{config, manifest} {
		digest, size, err := v1.SHA256(bytes.NewReader(b))
		if err != nil {
			return nil, v1.Descriptor{}, err
		}
		last = v1.Descriptor{MediaType: media, Digest: digest, Size: size}
		blobs = append(blobs, blob{last, func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }})
	}
	if last.ArtifactType = m.ArtifactType; m.ArtifactType != "" {
		return blobs, last, nil // no image
	}
	cfg, err := img.ConfigFile()
	if err != nil {
		return nil, v1.Descriptor{}, err
	}
	if cfg.OS != "" && cfg.Architecture != "" {
		last.Platform = &v1.Platform{OS: cfg.OS, Architecture: cfg.Architecture, Variant: cfg.Variant}
	}
	if recorded != "" {
		last.Annotations = map[string]string{refName: recorded}
	}
	return blobs, last, nil
}

// writeOCIArchive writes an OCI layout with img, and the artifacts about it, as a tar archive.
func writeOCIArchive(img v1.Image, arts []v1.Image, recorded string, w io.Writer) error {
	blobs, manifest, err := blobsOf(img, recorded)
	if err != nil {
		return err
	}
	manifests := []v1.Descriptor{manifest}
	for _, a := range arts {
		more, manifest, err := blobsOf(a, "")
		if err != nil {
			return err
		}
		for _, b := range more {
			if !slices.ContainsFunc(blobs, func(have blob) bool { return have.Digest == b.Digest }) { // they share a configuration
				blobs = append(blobs, b)
			}
		}
		manifests = append(manifests, manifest)
	}
	index, err := json.Marshal(v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: manifests})
	if err != nil {
		return err
	}
	tw := tar.NewWriter(w)
	small := func(name string, content []byte) error {
		if err := tw.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(content))}); err != nil {
			return err
		}
		_, err := tw.Write(content)
		return err
	}
	if err := small("oci-layout", []byte(layoutVersion)); err != nil {
		return err
	}
	if err := small("index.json", index); err != nil {
		return err
	}
	for _, b := range blobs {
		if err := writeBlobEntry(tw, b); err != nil {
			return fmt.Errorf("writing blob %s: %w", b.Digest, err)
		}
	}
	return tw.Close()
}

func writeBlobEntry(tw *tar.Writer, b blob) error {
	rc, err := b.open()
	if err != nil {
		return err
	}
	defer rc.Close()
	if err := tw.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: blobName(b.Digest), Mode: 0o644, Size: b.Size}); err != nil {
		return err
	}
	n, err := io.CopyBuffer(struct{ io.Writer }{tw}, onlyReader{rc}, make([]byte, 256<<10))
	if err == nil && n != b.Size {
		err = fmt.Errorf("%d of %d bytes: %w", n, b.Size, io.ErrUnexpectedEOF)
	}
	return err
}

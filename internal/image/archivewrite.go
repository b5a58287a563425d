package image

import (
	"archive/tar"
	"encoding/json"
	"fmt"
	"io"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
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

// writeOCIArchive writes an OCI layout as a tar archive.
func writeOCIArchive(c *contents, w io.Writer) error {
	index, err := json.Marshal(v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: c.manifests})
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
	for _, b := range c.blobs {
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

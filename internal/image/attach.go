package image

import (
	"context"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Attachment is a document about an image that is written beside it: an artifact whose subject the image is
// (image-spec 1.1, manifest.md; distribution-spec 1.1, "listing referrers").
type Attachment struct {
	Type    string // media type: "application/spdx+json"
	Name    string // file name for those who download it
	Content []byte
}

// TakesAttachments tells whether documents can be attached to an image at dest, a reference as [Write] takes it: in a registry, an
// OCI layout or an OCI archive.
func TakesAttachments(dest string) bool {
	l, err := parseLocation(dest)
	return err == nil && !l.docker()
}

// emptyConfig is the configuration of what is no image (image-spec 1.1, "guidance for an empty descriptor").
const emptyConfig types.MediaType = "application/vnd.oci.empty.v1+json"

// artifacts makes an artifact of each attachment of img, which must be as it is written: its digest counts.
func artifacts(img v1.Image, attachments []Attachment) ([]v1.Image, error) {
	if len(attachments) == 0 {
		return nil, nil
	}
	subject, err := partial.Descriptor(img)
	if err != nil {
		return nil, fmt.Errorf("reading the manifest: %w", err)
	}
	var all []v1.Image
	for _, a := range attachments {
		all = append(all, &layeredImage{
			config: []byte("{}"), media: types.OCIManifestSchema1, configMedia: emptyConfig, artifact: a.Type,
			layers:  []v1.Layer{&document{static.NewLayer(a.Content, types.MediaType(a.Type)), a.Name}},
			subject: &v1.Descriptor{MediaType: subject.MediaType, Digest: subject.Digest, Size: subject.Size},
		})
	}
	return all, nil
}

// document is an attachment's one layer.
type document struct {
	v1.Layer
	name string
}

// Descriptor names the layer as other tools do when they store files.
func (d *document) Descriptor() (*v1.Descriptor, error) {
	desc, err := partial.Descriptor(d.Layer)
	if err != nil {
		return nil, err
	}
	desc.Annotations = map[string]string{"org.opencontainers.image.title": d.name}
	return desc, nil
}

// pushAttachments writes artifacts to the registry that holds their subject. Where it has no list of referrers, the
// library keeps one under a tag.
func pushAttachments(ctx context.Context, arts []v1.Image, ref string, o WriteOptions) error {
	for _, a := range arts {
		at, err := pushRef(ref, o)
		if err != nil {
			return err
		}
		digest, err := a.Digest()
		if err != nil {
			return err
		}
		if err := pushed(ctx, at, remote.Write(at.Context().Digest(digest.String()), a, remoteOptions(ctx, o.Options)...)); err != nil {
			return fmt.Errorf("attaching a document: %w", err)
		}
	}
	return nil
}

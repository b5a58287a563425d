package image

import (
	"context"
	"encoding/json"
	"errors"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Part is an image of an index that is to be written.
type Part struct {
	Image  v1.Image
	Entry  v1.Descriptor // of which the platform and the annotations are taken
	Attach []Attachment  // written beside it
}

// WriteIndex writes an OCI index of images, in the given order, to a registry, an OCI layout or an OCI archive, and returns
// its descriptor. What [Write] says holds here too; of o, Attach and Progress are not looked at: each part has its own documents.
func WriteIndex(ctx context.Context, parts []Part, annotations map[string]string, dest string, o WriteOptions) (v1.Descriptor, error) {
	l, err := parseLocation(dest)
	if err != nil {
		return v1.Descriptor{}, err
	}
	d, err := writeIndex(ctx, parts, annotations, l, o)
	return d, writing(l, err)
}

func writeIndex(ctx context.Context, parts []Part, annotations map[string]string, l location, o WriteOptions) (v1.Descriptor, error) {
	if l.docker() {
		return v1.Descriptor{}, errors.New("no index in Docker's formats, which hold one platform; write it to a registry, an OCI layout or an OCI archive")
	}
	o.Attach, o.Progress = nil, nil
	recorded, err := destination(l, &o)
	if err != nil {
		return v1.Descriptor{}, err
	}
	x := &index{manifest: v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Annotations: annotations, Manifests: []v1.Descriptor{}}}
	for _, p := range parts {
		if err := x.add(ctx, p, l, o); err != nil {
			return v1.Descriptor{}, err
		}
	}
	if x.raw, err = json.Marshal(x.manifest); err != nil {
		return v1.Descriptor{}, err
	}
	d, err := x.contents.document(x.raw, types.OCIImageIndex)
	if err != nil {
		return d, err
	}
	if l.transport == transportRegistry {
		return d, x.push(ctx, l.name, o)
	}
	x.contents.entry(d, recorded)
	for _, arts := range x.arts {
		if err := x.contents.attach(arts); err != nil {
			return d, err
		}
	}
	return d, writeContents(ctx, &x.contents, l)
}

// index is one that is being made.
type index struct {
	manifest v1.IndexManifest
	raw      []byte
	images   []v1.Image
	arts     [][]v1.Image // about each image
	contents contents
}

func (x *index) add(ctx context.Context, p Part, l location, o WriteOptions) error {
	img, err := asOCI(p.Image)
	if err != nil {
		return err
	}
	o.Attach = p.Attach
	w, arts, err := ready(ctx, img, l, o)
	if err != nil {
		return err
	}
	d, err := x.contents.add(w)
	if err != nil {
		return err
	}
	if p.Entry.Platform != nil {
		d.Platform = p.Entry.Platform
	}
	d.Annotations = p.Entry.Annotations
	x.manifest.Manifests = append(x.manifest.Manifests, d)
	x.images, x.arts = append(x.images, w), append(x.arts, arts)
	return nil
}

// push writes the images by their digests, then the index, then what is attached.
func (x *index) push(ctx context.Context, ref string, o WriteOptions) error {
	at, err := pushRef(ref, o)
	if err != nil {
		return err
	}
	for n, img := range x.images {
		by := at.Context().Digest(x.manifest.Manifests[n].Digest.String())
		if err := pushed(ctx, by, remote.Write(by, img, remoteOptions(ctx, o.Options)...)); err != nil {
			return err
		}
	}
	if err := pushed(ctx, at, remote.Put(at, rawIndex(x.raw), remoteOptions(ctx, o.Options)...)); err != nil {
		return err
	}
	for _, arts := range x.arts {
		if err := pushAttachments(ctx, arts, ref, o); err != nil {
			return err
		}
	}
	return nil
}

// rawIndex is an index as it is pushed.
type rawIndex []byte

func (r rawIndex) RawManifest() ([]byte, error)        { return r, nil }
func (r rawIndex) MediaType() (types.MediaType, error) { return types.OCIImageIndex, nil }

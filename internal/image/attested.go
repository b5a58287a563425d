package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

const (
	attestationOf = "vnd.docker.reference.digest" // in an index: the digest of the image that an attestation is of
	predicateType = "in-toto.io/predicate-type"   // in an attestation's manifest: what a statement says
)

// Bounds of what is read of attestations. The provenance of a build of 120 steps is some 2 MB.
const (
	maxStatement    = 16 << 20 // bytes
	maxAttestations = 8        // manifests, and statements of each
)

// attestedImage is an image of an index that holds attestations of it (moby/buildkit, docs/attestations/attestation-storage.md).
type attestedImage struct {
	v1.Image
	manifests []v1.Hash
	blob      func(v1.Hash, bool) ([]byte, error) // reads a small blob; true: a manifest
}

// withAttestations adds to img, which the entry d of an index names, what the index holds of it.
func withAttestations(img v1.Image, d v1.Descriptor, index []v1.Descriptor, blob func(v1.Hash, bool) ([]byte, error)) v1.Image {
	a := &attestedImage{Image: img, blob: blob}
	for _, e := range index {
		if e.Annotations[attestation] == "attestation-manifest" && e.Annotations[attestationOf] == d.Digest.String() && len(a.manifests) < maxAttestations {
			a.manifests = append(a.manifests, e.Digest)
		}
	}
	if len(a.manifests) == 0 {
		return img
	}
	return a
}

// Statements returns the in-toto statements of the given predicate types that the index holds of an image which was opened from it,
// and what is wrong with others. There are none of an image of no index.
func Statements(img v1.Image, predicates ...string) ([][]byte, error) {
	a, ok := img.(*attestedImage)
	if !ok {
		return nil, nil
	}
	var all [][]byte
	var errs []error
	for _, h := range a.manifests {
		found, err := a.statements(h, predicates)
		all, errs = append(all, found...), append(errs, err)
	}
	return all, errors.Join(errs...)
}

func (a *attestedImage) statements(manifest v1.Hash, predicates []string) (all [][]byte, err error) {
	raw, err := a.blob(manifest, true)
	if err != nil {
		return nil, fmt.Errorf("reading attestation %s: %w", manifest, err)
	}
	m, err := v1.ParseManifest(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("reading attestation %s: %w", manifest, err)
	}
	for _, l := range m.Layers {
		if !slices.Contains(predicates, l.Annotations[predicateType]) || len(all) == maxAttestations {
			continue
		}
		b, err := a.blob(l.Digest, false)
		if err == nil && len(b) > maxStatement {
			err = fmt.Errorf("blob %s is larger than %d MiB", l.Digest, maxStatement>>20)
		}
		if err != nil {
			return all, fmt.Errorf("reading attestation %s: %w", manifest, err)
		}
		all = append(all, b)
	}
	return all, nil
}

// storeBlobs reads blobs of a layout.
func storeBlobs(s store) func(v1.Hash, bool) ([]byte, error) {
	return func(h v1.Hash, _ bool) ([]byte, error) { return readBlob(s, h) }
}

// remoteBlobs reads blobs of a registry's repository.
func remoteBlobs(ctx context.Context, puller *remote.Puller, repo name.Repository) func(v1.Hash, bool) ([]byte, error) {
	return func(h v1.Hash, manifest bool) ([]byte, error) {
		at := repo.Digest(h.String())
		if manifest {
			d, err := puller.Get(ctx, at)
			if err != nil {
				return nil, short(err)
			}
			return d.Manifest, nil
		}
		l, err := puller.Layer(ctx, at)
		if err != nil {
			return nil, short(err)
		}
		rc, err := l.Compressed()
		if err != nil {
			return nil, short(err)
		}
		defer rc.Close()
		return io.ReadAll(io.LimitReader(rc, maxStatement+1)) // the library compares the digest where the stream ends
	}
}

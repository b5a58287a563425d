package image

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// errNoPlatform tells a caller who asks several places that this one has the image, but not for the platform.
var errNoPlatform = errors.New("no image for the platform")

// attestation marks an index entry that describes another one and is no image (BuildKit's attestation storage).
const attestation = "vnd.docker.reference.type"

// isArtifact tells what is attached to an image from images: those have a configuration's type as theirs, or none.
func isArtifact(d v1.Descriptor) bool {
	return d.ArtifactType != "" && !d.MediaType.IsIndex() && !types.MediaType(d.ArtifactType).IsConfig()
}

// runnable returns the entries of an index that can be images, without attestations.
func runnable(m []v1.Descriptor) []v1.Descriptor {
	return slices.DeleteFunc(slices.Clone(m), func(d v1.Descriptor) bool { return !mayBeImage(d) })
}

func mayBeImage(d v1.Descriptor) bool {
	return d.Annotations[attestation] == "" && !isArtifact(d) && (d.MediaType.IsImage() || d.MediaType.IsIndex()) &&
		(d.Platform == nil || d.Platform.OS != "unknown" || d.Platform.Architecture != "unknown")
}

// samePlatform tells whether two entries of an index may be for one platform; an entry need not name it.
func samePlatform(a, b *v1.Platform) bool {
	return a == nil || b == nil || a.Equals(*b)
}

// choose picks the entry of an index for the platform want.
func choose(m []v1.Descriptor, want v1.Platform) (v1.Descriptor, error) {
	m = runnable(m)
	if len(m) == 1 && m[0].Platform == nil {
		return m[0], nil
	}
	if want.Variant == "" && want.Architecture == "arm64" {
		want.Variant = "v8" // the only one; older indexes leave it out, see below
	}
	for _, exact := range []bool{true, false} {
		for _, d := range m {
			if d.Platform != nil && matches(*d.Platform, want, exact) {
				return d, nil
			}
		}
	}
	var have []string
	for _, d := range m {
		if d.Platform != nil {
			have = append(have, d.Platform.String())
		}
	}
	if len(have) == 0 {
		return v1.Descriptor{}, fmt.Errorf("%w %s: the index holds no image", errNoPlatform, want)
	}
	slices.Sort(have)
	return v1.Descriptor{}, fmt.Errorf("%w %s; there is %s", errNoPlatform, want, strings.Join(slices.Compact(have), ", "))
}

// matches compares platforms; unless exact, a variant that one side leaves open fits any.
func matches(have, want v1.Platform, exact bool) bool {
	if have.OS != want.OS || have.Architecture != want.Architecture {
		return false
	}
	return have.Variant == want.Variant || !exact && (have.Variant == "" || want.Variant == "")
}

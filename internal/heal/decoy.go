package heal

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/lighten/lighten/internal/closure"
	"github.com/lighten/lighten/internal/image"
)

// nowhere is where decoys point to: a path that no image has.
const nowhere = "/dev/.lighten/dropped"

// decoys puts a layer of dangling links over a carved image that is to be observed: one in the place of every dropped module of
// Python. Python reads a directory once, and what it does not see there it never looks up: an import in vain would leave no trace,
// and one within try and except no message either. A dangling link is seen, looked up, and not there.
func decoys(ctx context.Context, img v1.Image, k *closure.Keep) (v1.Image, error) {
	n := 0
	l, err := image.NewLayer(ctx, image.Keep, func(w io.Writer) error {
		tw := tar.NewWriter(w)
		for p := range k.Decoys() {
			n++
			h := &tar.Header{Typeflag: tar.TypeSymlink, Name: strings.TrimPrefix(p, "/"), Linkname: nowhere, Mode: 0o777, Format: tar.FormatPAX}
			if err := tw.WriteHeader(h); err != nil {
				return fmt.Errorf("%q: %w", p, err)
			}
		}
		return tw.Close()
	})
	if err != nil {
		return nil, fmt.Errorf("preparing the carved image to be observed: %w", err)
	}
	if n == 0 {
		return img, nil
	}
	return mutate.AppendLayers(img, l)
}

package cli

import (
	"context"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/spf13/cobra"

	"github.com/lighten/lighten/internal/access"
	"github.com/lighten/lighten/internal/base"
	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/report"
)

// baseOf recognises what an image was built on. Registries are asked only when the base was named.
func baseOf(c *cobra.Command, a access.Config, img v1.Image, t *image.Tree, named, platform string) (*report.InspectBase, error) {
	var open base.Open
	if named != "" {
		open = func(_ context.Context, ref string) (v1.Image, error) { return openImage(c, a, ref, platform) }
	}
	b, err := base.Recognise(c.Context(), img, t, named, open)
	if b == nil || err != nil {
		return nil, err
	}
	how := b.How
	if b.Guess {
		how = "a guess by " + b.How
	}
	return &report.InspectBase{Name: b.Name, Digest: b.Digest, Layers: b.Layers, How: how, Guess: b.Guess, PullBytes: b.Pull, DiskBytes: b.Disk, Advice: b.Advice(report.Bytes)}, nil
}

package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/spf13/cobra"

	"github.com/lighten/lighten/internal/access"
	"github.com/lighten/lighten/internal/image"
)

// platforms are the flags of a verb that takes several images of an index.
type platforms struct {
	platform string
	skip     bool
}

func (p *platforms) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&p.platform, "platform", "", "of an index: OS/ARCH, several with commas, or all (default: this machine's)")
	f.BoolVar(&p.skip, "skip-platforms", false, "with several platforms, leave out those that cannot be run here")
}

// several tells whether an index is meant, not one image.
func (p *platforms) several() bool { return p.platform == "all" || strings.Contains(p.platform, ",") }

func (p *platforms) check() error {
	if p.skip && !p.several() {
		return errors.New("reading --skip-platforms: it is for --platform all, or several platforms")
	}
	return nil
}

// entries lists the images of ref that the flags name.
func (p *platforms) entries(c *cobra.Command, a access.Config, ref string) (*image.Listing, []v1.Descriptor, error) {
	list, err := image.List(c.Context(), ref, image.Options{Access: a})
	if err != nil {
		return nil, nil, err
	}
	entries, err := list.Choose(p.platform)
	if err != nil {
		return nil, nil, fmt.Errorf("opening %s: %w", ref, err)
	}
	return list, entries, nil
}

// runnable leaves out what cannot be run, when the flags let it. Advice is what else a user can do.
func (p *platforms) runnable(entries []v1.Descriptor, can func(platform string) error, advice string) (able []v1.Descriptor, left []string, err error) {
	var errs []error
	able = slices.DeleteFunc(slices.Clone(entries), func(d v1.Descriptor) bool {
		err := can(d.Platform.String())
		if err != nil {
			errs = append(errs, err)
			left = append(left, d.Platform.String()+", which cannot be run here")
		}
		return err != nil
	})
	switch {
	case len(errs) == 0 || p.skip && len(able) > 0:
		return able, left, nil
	case len(able) > 0:
		advice = "leave such platforms out with --skip-platforms" + advice
	}
	return nil, nil, fmt.Errorf("%w; %s", errors.Join(errs...), strings.TrimPrefix(advice, ", or "))
}

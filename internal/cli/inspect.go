package cli

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/inventory"
	"github.com/lighten/lighten/internal/report"
	"github.com/lighten/lighten/internal/waste"
)

const inspectLong = `Say where every byte of an image comes from, what of it nobody can see, what it
could do without, and what would remove that.

Bytes on disk are exact, and so is what later layers hide: overwritten, copied for
another mode or owner, removed, made opaque, replaced. What files take of a
compressed layer is estimated from the layer's own compression and marked with ~.

IMAGE is NAME[:TAG|@DIGEST], docker-daemon:NAME, docker-archive:FILE, oci:DIR[:TAG],
oci-archive:FILE, or - for an archive on standard input. Nothing of it is run.

Exit code: 0 fine, 2 the job could not be done.`

const inspectExamples = `  lighten inspect python:3.11-slim
  lighten inspect docker-daemon:shop --format json --files
  lighten inspect shop:1 --base python:3.11
  docker save shop | lighten inspect - --format markdown`

// inspectFlags are the flags of `lighten inspect`.
type inspectFlags struct {
	platform, format, base string
	files                  bool
}

// inspectCommand is `lighten inspect`.
func inspectCommand(g *global) *cobra.Command {
	var o inspectFlags
	c := &cobra.Command{
		Use: "inspect IMAGE", Short: "Say where every byte of an image comes from, and what is wasted",
		Long: inspectLong, Example: inspectExamples, Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return inspect(c, g, args[0], &o) },
	}
	f := c.Flags()
	f.StringVar(&o.platform, "platform", "", "OS/ARCH of an index (default: this machine's)")
	f.StringVar(&o.format, "format", "table", "of the result: "+strings.Join(report.InspectFormats, ", "))
	f.StringVar(&o.base, "base", "", "the image that it was built on: its layers are named, and smaller forms of it are asked for")
	f.BoolVar(&o.files, "files", false, "list every path of every layer too (json, csv)")
	fixed(c, map[string][]string{"format": report.InspectFormats})
	return c
}

func inspect(c *cobra.Command, g *global, ref string, o *inspectFlags) error {
	start := time.Now()
	if !slices.Contains(report.InspectFormats, o.format) {
		return fmt.Errorf("reading --format %q: want one of %s", o.format, strings.Join(report.InspectFormats, ", "))
	}
	a, err := g.access()
	if err != nil {
		return err
	}
	img, err := openImage(c, a, ref, o.platform)
	if err != nil {
		return err
	}
	to := waste.Options()
	to.CacheDir = filepath.Join(g.stateDir(), "layers")
	t, err := image.ReadTree(c.Context(), img, to)
	if err != nil {
		return fmt.Errorf("reading %s: %w", ref, err)
	}
	inv, err := inventory.Read(t)
	if err != nil {
		return fmt.Errorf("reading %s: %w", ref, err)
	}
	rep, err := inspectReport(ref, img, waste.Analyse(t, inv), o.files)
	if err != nil {
		return fmt.Errorf("reading %s: %w", ref, err)
	}
	if rep.Base, err = baseOf(c, a, img, t, o.base, o.platform); err != nil {
		return fmt.Errorf("reading %s: %w", ref, err)
	}
	rep.Seconds = time.Since(start).Seconds()
	return rep.Write(c.OutOrStdout(), o.format, width(c.OutOrStdout()))
}

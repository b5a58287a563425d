package cli

import (
	"errors"
	"fmt"
	"path/filepath"
	runtimedebug "runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lighten/lighten/internal/explore"
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
<<<<<<< HEAD
  lighten inspect shop:1 --base python:3.11
=======
  lighten inspect -i oci:layout:shop
>>>>>>> 38cdcbc (Add a terminal program to lighten inspect: each layer and the image as a tree, with what it adds, changes, removes and hides)
  docker save shop | lighten inspect - --format markdown`

// inspectFlags are the flags of `lighten inspect`.
type inspectFlags struct {
	platform, format, base string
	files, explore         bool
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
	f.BoolVarP(&o.explore, "interactive", "i", false, "look around in a full-screen terminal program (? in it lists the keys)")
	f.BoolVar(&o.files, "files", false, "list every path of every layer too (json, csv)")
	fixed(c, map[string][]string{"format": report.InspectFormats})
	return c
}

func inspect(c *cobra.Command, g *global, ref string, o *inspectFlags) error {
	start := time.Now()
	if !slices.Contains(report.InspectFormats, o.format) {
		return fmt.Errorf("reading --format %q: want one of %s", o.format, strings.Join(report.InspectFormats, ", "))
	}
	if o.explore {
		if c.Flags().Changed("format") {
			return errors.New("reading -i and --format: the terminal program takes the place of what --format prints: leave one out")
		}
		if err := explore.Check(c.OutOrStdout()); err != nil {
			return err
		}
	}
	rep, err := inspectImage(c, g, ref, o)
	if err != nil {
		return err
	}
	if o.explore {
		runtimedebug.FreeOSMemory() // what the report was made from: the program may stay open for long
		return explore.Run(c.Context(), rep, c.OutOrStdout())
	}
	rep.Seconds = time.Since(start).Seconds()
	return rep.Write(c.OutOrStdout(), o.format, width(c.OutOrStdout()))
}

// inspectImage reads an image and takes it apart.
func inspectImage(c *cobra.Command, g *global, ref string, o *inspectFlags) (*report.Inspect, error) {
	a, err := g.access()
	if err != nil {
		return nil, err
	}
	img, err := openImage(c, a, ref, o.platform)
	if err != nil {
		return nil, err
	}
	to := waste.Options()
	to.CacheDir = filepath.Join(g.stateDir(), "layers")
	t, err := image.ReadTree(c.Context(), img, to)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", ref, err)
	}
	inv, err := inventory.Read(t)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", ref, err)
	}
	rep, err := inspectReport(ref, img, waste.Analyse(t, inv), o.files || o.explore)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", ref, err)
	}
	if rep.Base, err = baseOf(c, a, img, t, o.base, o.platform); err != nil {
		return nil, fmt.Errorf("reading %s: %w", ref, err)
	}
	return rep, nil
}

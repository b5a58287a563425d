package cli

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	runtimedebug "runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lighten/lighten/internal/check"
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

IMAGE is NAME[:TAG|@DIGEST], docker-daemon:NAME, podman:NAME, containerd:NAME,
docker-archive:FILE, oci:DIR[:TAG], oci-archive:FILE, or - for an archive on standard
input. Nothing of it is run.

With --ci the image is held against the budget in lighten.yaml here and against
dive's .dive-ci, with --budget against a limit of your own: efficiency (at least),
wasted, user-wasted, pull, disk, layers, or the rule of any finding.

Exit code: 0 fine, 1 a budget is exceeded, 2 the job could not be done.`

const inspectExamples = `  lighten inspect python:3.11-slim
  lighten inspect docker-daemon:shop --format json --files
  lighten inspect shop:1 --base python:3.11
  lighten inspect -i oci:layout:shop
  lighten inspect shop:1 --html shop.html
  docker save shop | lighten inspect - --format markdown
  lighten inspect shop:1 --ci
  lighten inspect shop:1 --budget efficiency=95% --budget wasted=20MB --budget secrets=0`

// inspectFlags are the flags of `lighten inspect`.
type inspectFlags struct {
	platform, format, base, html string
	files, explore               bool
	ci, exact                    bool
	maxEntries, maxPath          int
	maxNames                     check.Size
	budget                       []string
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
	f.StringVar(&o.html, "html", "", "write a page for a browser to this file: map, findings, layers and files (-: standard output, instead of --format)")
	f.BoolVar(&o.exact, "exact", false, "measure what findings take of the compressed layers instead of estimating it: compress these without them (some seconds more)")
	f.IntVar(&o.maxEntries, "max-entries", 2_000_000, "refuse an image with more files in all layers; each takes some 250 bytes of memory")
	f.IntVar(&o.maxPath, "max-path", 16<<10, "refuse a layer with a longer path, in bytes")
	o.maxNames = 1 << 30
	f.Var(&o.maxNames, "max-names", "refuse a layer with more bytes of names together")
	f.BoolVar(&o.ci, "ci", false, "exit 1 above the budget of lighten.yaml or .dive-ci in the working directory")
	f.StringArrayVar(&o.budget, "budget", nil, "exit 1 above it: NAME=LIMIT, such as wasted=20MB, efficiency=95% or apt-lists=0")
	f.BoolVar(&o.files, "files", false, "list every path of every layer too (json, csv)")
	fixed(c, map[string][]string{"format": report.InspectFormats, "budget": budgetNames()})
	return c
}

func inspect(c *cobra.Command, g *global, ref string, o *inspectFlags) error {
	start := time.Now()
	if !slices.Contains(report.InspectFormats, o.format) {
		return fmt.Errorf("reading --format %q: want one of %s", o.format, strings.Join(report.InspectFormats, ", "))
	}
	limits, err := inspectLimits(o)
	if err != nil {
		return err
	}
	defer tightMemory(60<<20, 30)()
	if o.explore {
		if c.Flags().Changed("format") || o.html == "-" {
			return errors.New("reading -i: the terminal program takes the place of what --format and --html - print: leave one out")
		}
		if err := explore.Check(c.OutOrStdout()); err != nil {
			return err
		}
	}
	rep, err := inspectImage(c, g, ref, o, limits)
	if err != nil {
		return err
	}
	rep.Seconds = time.Since(start).Seconds()
	if err := showInspect(c, rep, o); err != nil {
		return err
	}
	return overBudget(rep.Budget)
}

// showInspect brings the report to where the flags say.
func showInspect(c *cobra.Command, rep *report.Inspect, o *inspectFlags) error {
	out := c.OutOrStdout()
	switch o.html {
	case "":
	case "-":
		return rep.HTML(out)
	default:
		if err := savePage(o.html, rep); err != nil {
			return err
		}
	}
	if o.explore {
		runtimedebug.FreeOSMemory() // what the report was made from: the program may stay open for long
		return explore.Run(c.Context(), rep, out)
	}
	if !o.files {
		rep.Files = nil // the page alone wanted them
	}
	return rep.Write(out, o.format, width(out))
}

// savePage writes a report's page to a file, whole or not at all.
func savePage(file string, rep *report.Inspect) error {
	var page bytes.Buffer
	if err := rep.HTML(&page); err != nil {
		return err
	}
	return save(file, page.Bytes())
}

// inspectImage reads an image, takes it apart and holds it against limits.
func inspectImage(c *cobra.Command, g *global, ref string, o *inspectFlags, limits []waste.Limit) (*report.Inspect, error) {
	a, err := g.access()
	if err != nil {
		return nil, err
	}
	to := o.treeOptions(g)
	to.Progress = new(image.Progress)
	shown := showStatus(c.ErrOrStderr(), reading(ref, to.Progress))
	defer shown()
	img, err := openImage(c, a, ref, o.platform)
	if err != nil {
		return nil, err
	}
	t, err := image.ReadTree(c.Context(), img, to)
	if errors.Is(err, image.ErrLimit) {
		return nil, fmt.Errorf("reading %s: %w; --max-entries, --max-path and --max-names set the limits", ref, err)
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", ref, err)
	}
	inv, err := inventory.Read(t)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", ref, err)
	}
	found := waste.Analyse(t, inv)
	if o.exact {
		shown()
		progress := func(i int) {
			fmt.Fprintf(c.ErrOrStderr(), "lighten: compressing layer %d of %d without what was found\n", i+1, len(found.Layers))
		}
		if err := found.Measure(c.Context(), img, progress); err != nil {
			return nil, err
		}
	}
	rep, err := inspectReport(ref, img, found, o.files || o.explore || o.html != "")
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", ref, err)
	}
	rep.Notes = append(rep.Notes, addSources(rep.Layers, img)...)
	if rep.Base, err = baseOf(c, a, img, t, o.base, o.platform); err != nil {
		return nil, fmt.Errorf("reading %s: %w", ref, err)
	}
	rep.Budget = judge(found, limits)
	return rep, nil
}

// treeOptions say how the layers are read, within the limits of the flags.
func (o *inspectFlags) treeOptions(g *global) image.TreeOptions {
	to := waste.Options()
	to.CacheDir = filepath.Join(g.stateDir(), "layers")
	to.MaxEntries, to.MaxPath, to.MaxNames = o.maxEntries, o.maxPath, int64(o.maxNames)
	return to
}

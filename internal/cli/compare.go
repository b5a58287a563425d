package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/spf13/cobra"

	"github.com/lighten/lighten/internal/access"
	"github.com/lighten/lighten/internal/compare"
	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/inventory"
	"github.com/lighten/lighten/internal/report"
	"github.com/lighten/lighten/internal/vuln"
)

const compareLong = `Put images side by side: what they weigh and share, and what each has that the
first has not: packages, files, configuration, attack surface, vulnerabilities.

Layers are the same by their diff IDs. With --held, what is left to pull is told
for a machine or registry that holds those images already.

With --against FILE, the images are compared with those of an earlier
"lighten compare --format json": with the one in it, or each with the one at its
place. Their files are not in it, so these are not compared.

--allow-growth WHAT=AMOUNT judges each image against the first, or the earlier
one. WHAT is pull, disk, layers, files, packages, setuid, capabilities, ports or
vulnerabilities. With --against and without it, pull=0 and disk=0 are allowed.

Exit code: 0 fine, 1 an image grew beyond what is allowed, 2 the job could not be done.`

const compareExamples = `  lighten compare shop:1 shop:2
  lighten compare python:3.11 python:3.11-slim python:3.11-alpine --format markdown
  lighten compare shop:2 docker-daemon:shop --held python:3.11-slim
  lighten compare shop:1 shop:2 --vulndb Debian/all.zip
  lighten compare shop:main --format json > base.json                  # on the main branch
  lighten compare shop:pr --against base.json --allow-growth pull=2%   # on every other`

// maxCompared is how many images are compared at once.
const maxCompared = 10

// compareFlags are the flags of `lighten compare`.
type compareFlags struct {
	platform, format, against, vulndb string
	held, growth                      []string
	files                             bool
}

// compareCommand is `lighten compare`.
func compareCommand(g *global) *cobra.Command {
	var o compareFlags
	c := &cobra.Command{
		Use: "compare IMAGE...", Short: "Put images side by side: sizes, packages, files, configuration, attack surface",
		Long: compareLong, Example: compareExamples, Args: cobra.RangeArgs(1, maxCompared),
		RunE: func(c *cobra.Command, args []string) error { return o.run(c, g, args) },
	}
	f := c.Flags()
	f.StringVar(&o.platform, "platform", "", "OS/ARCH of an index (default: this machine's)")
	f.StringVar(&o.format, "format", "table", "of the result: "+strings.Join(report.CompareFormats, ", "))
	f.StringArrayVar(&o.held, "held", nil, "an image that the machine or registry has already: its layers need not be pulled")
	f.StringVar(&o.against, "against", "", "compare with an earlier --format json, of this file")
	f.StringArrayVar(&o.growth, "allow-growth", nil, "exit 1 beyond it: pull=2MB, disk=5%, packages=3, …")
	f.StringVar(&o.vulndb, "vulndb", "", "export of the OSV database: a directory of JSON files or a zip file")
	f.BoolVar(&o.files, "files", false, "list every path that differs too (json, csv)")
	fixed(c, map[string][]string{"format": report.CompareFormats})
	return c
}

func (o *compareFlags) run(c *cobra.Command, g *global, refs []string) error {
	start := time.Now()
	if !slices.Contains(report.CompareFormats, o.format) {
		return fmt.Errorf("reading --format %q: want one of %s", o.format, strings.Join(report.CompareFormats, ", "))
	}
	limits, err := o.limits()
	if err != nil {
		return err
	}
	rep := &report.Compare{Schema: report.CompareSchema, Against: o.against, Held: o.held, VulnDB: o.vulndb, Images: []compare.Image{}, Pairs: []compare.Pair{}}
	if err := o.earlier(rep, len(refs), limits); err != nil {
		return err
	}
	a, err := g.access()
	if err != nil {
		return err
	}
	sides, err := o.read(c, g, a, refs, rep)
	if err != nil {
		return err
	}
	held, err := o.open(c, a, o.held)
	if err != nil {
		return err
	}
	if rep.Together, err = compare.Share(rep.Images, held); err != nil {
		return fmt.Errorf("reading the held images: %w", err)
	}
	o.pairs(rep, sides, limits)
	rep.Seconds = time.Since(start).Seconds()
	if err := rep.Write(c.OutOrStdout(), o.format, width(c.OutOrStdout())); err != nil {
		return err
	}
	if rep.Over() {
		return findings{"an image grew beyond what is allowed"}
	}
	return nil
}

func (o *compareFlags) limits() ([]compare.Growth, error) {
	var limits []compare.Growth
	for _, s := range o.growth {
		l, err := compare.ParseGrowth(s)
		if err != nil {
			return nil, fmt.Errorf("reading --allow-growth %w", err)
		}
		if l.What == "vulnerabilities" && o.vulndb == "" {
			return nil, fmt.Errorf("reading --allow-growth %q: --vulndb names no database of them", s)
		}
		limits = append(limits, l)
	}
	if o.against != "" && len(limits) == 0 {
		limits = []compare.Growth{{What: "pull"}, {What: "disk"}}
	}
	return limits, nil
}

// earlier puts the images of an earlier report first.
func (o *compareFlags) earlier(rep *report.Compare, now int, limits []compare.Growth) error {
	if o.against == "" {
		return nil
	}
	f, err := os.Open(o.against)
	if err != nil {
		return fmt.Errorf("reading --against: %w", err)
	}
	defer f.Close()
	old, err := report.ReadCompare(f)
	if err != nil {
		return fmt.Errorf("reading --against %s: %w", o.against, err)
	}
	images := old.Images[old.Earlier:] // what was the earlier one then is no matter of now
	for _, i := range images {
		if o.vulndb != "" && i.Vulnerabilities == nil && slices.ContainsFunc(limits, func(l compare.Growth) bool { return l.What == "vulnerabilities" }) {
			return fmt.Errorf("reading --against %s: the vulnerabilities of %s are not in it: write it with --vulndb", o.against, i.Name)
		}
	}
	if len(images) != 1 && len(images) != now {
		return fmt.Errorf("reading --against %s: it has %d images, and %d are named: want as many, or one", o.against, len(images), now)
	}
	rep.Images, rep.Earlier = append(rep.Images, images...), len(images)
	return nil
}

// open opens images without reading their layers.
func (o *compareFlags) open(c *cobra.Command, a access.Config, refs []string) ([]v1.Image, error) {
	var all []v1.Image
	for _, ref := range refs {
		img, err := openImage(c, a, ref, o.platform)
		if err != nil {
			return nil, err
		}
		all = append(all, img)
	}
	return all, nil
}

// read reads the named images, and the vulnerabilities of their packages.
func (o *compareFlags) read(c *cobra.Command, g *global, a access.Config, refs []string, rep *report.Compare) ([]compare.Side, error) {
	to := compare.Rules()
	to.CacheDir = filepath.Join(g.stateDir(), "layers")
	to.Progress = new(image.Progress)
	defer showStatus(c.ErrOrStderr(), reading(strings.Join(refs, ", "), to.Progress))()
	imgs, err := o.open(c, a, refs)
	if err != nil {
		return nil, err
	}
	var sides []compare.Side
	var all []vuln.Packages
	for n, img := range imgs {
		t, err := image.ReadTree(c.Context(), img, to)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", refs[n], err)
		}
		inv, err := inventory.Read(t)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", refs[n], err)
		}
		x, err := compare.Of(refs[n], img, t, inv)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", refs[n], err)
		}
		rep.Images = append(rep.Images, x)
		sides = append(sides, compare.Side{Tree: t, Inventory: inv})
		all = append(all, vuln.Packages{Distro: inventory.ReadDistro(t), Packages: inv.Packages()})
	}
	if o.vulndb == "" {
		return sides, nil
	}
	found, err := vuln.Find(c.Context(), o.vulndb, all)
	if err != nil {
		return nil, err
	}
	for n := range found {
		rep.Images[rep.Earlier+n].Vulnerabilities = found[n]
	}
	return sides, nil
}

// pairs compares each image with the first, or with its earlier one.
func (o *compareFlags) pairs(rep *report.Compare, sides []compare.Side, limits []compare.Growth) {
	for n := range sides {
		from, to := 0, rep.Earlier+n
		if rep.Earlier > 1 {
			from = n
		}
		if from == to {
			continue
		}
		p := compare.Between(rep.Images, from, to)
		if rep.Earlier == 0 {
			p.Files = compare.FilesOf(sides[from], sides[to])
			if !o.files && o.format != "table" && o.format != "markdown" {
				p.Files.List = nil
			}
		}
		rep.Pairs = append(rep.Pairs, p)
		for _, l := range limits {
			j := l.Judge(&rep.Images[from], &rep.Images[to])
			j.From, j.To = from+1, to+1
			rep.Growth = append(rep.Growth, j)
		}
	}
}

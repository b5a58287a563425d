package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/spf13/cobra"

	"github.com/lighten/lighten/internal/access"
	"github.com/lighten/lighten/internal/carve"
	"github.com/lighten/lighten/internal/check"
	"github.com/lighten/lighten/internal/closure"
	"github.com/lighten/lighten/internal/engine"
	"github.com/lighten/lighten/internal/heal"
	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/report"
	"github.com/lighten/lighten/internal/trial"
)

const carveLong = `Carve an image down to what its program needs, without its source, and prove that
it still works.

The program runs in the original while its checks are asked, and every path that
it looks up is evidence. What the evidence leads to stays: whole packages at the
level safe, touched files and what these need at the level tight. The carved
image then runs the same checks and the hold-out checks, from which no evidence
came; what the program looks up in vain and the original has is put back, until
nothing is missed and the answers are the original's.

Checks come from --checks, or lighten.yaml in the working directory; without
either they are guessed from the image's configuration.

With --lock FILE what stays is written down, with its reasons: packages and
directories first, single paths where a part stays. With --locked the image is
carved by that file and nothing is run; an image that no longer fits it (a
package of another version, a listed path that is gone) is refused.

Exit code: 0 fine, 1 the carved image does not do what the original does, or a
budget is exceeded, 2 the job could not be done.`

const carveExamples = `  lighten carve python:3.11-app --checks lighten.yaml --output oci:light
  lighten carve docker-daemon:shop:latest --load --tag shop:light
  lighten carve docker-archive:shop.tar --level tight -o docker-archive:light.tar
  lighten carve shop:1 --lock lighten.lock -o oci:light     # what stays, and why, for review
  lighten carve shop:2 --locked -o oci:light                # by that lock, without running anything
  lighten carve shop:1 --guard -o oci:light                 # and then: lighten why oci:light /usr/bin/perl
  lighten carve registry.example/shop --keep '/app/plugins/**' -o registry.example/shop:light`

// carveFlags are the flags of `lighten carve`.
type carveFlags struct {
	checks, platform, level, format, progress, compression, tag, lock string
	outputs, keep, drop, budget                                       []string
	load, squash, locked, guard                                       bool
}

func carveCommand(g *global) *cobra.Command {
	k := &carveFlags{}
	c := &cobra.Command{
		Use: "carve IMAGE", Short: "Carve an image down to what its program needs, and prove that it still works",
		Long: carveLong, Example: carveExamples, Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return k.run(c, g, args[0]) },
	}
	f := c.Flags()
	f.StringVar(&k.checks, "checks", "", "file with checks (default lighten.yaml here, else guessed)")
	f.StringVar(&k.platform, "platform", "", "OS/ARCH of an index (default: this machine's)")
	f.StringVar(&k.level, "level", "", "safe: whole packages; tight: touched files and what these need (default: the checks file's, else safe)")
	f.StringArrayVar(&k.keep, "keep", nil, "glob of paths that stay whatever the evidence, such as '/app/plugins/**'")
	f.StringArrayVar(&k.drop, "drop", nil, "glob of paths that go unless the evidence wants them")
	f.StringVar(&k.lock, "lock", "", "save what stays, and why, to this file for review; with --locked: carve by it (default lighten.lock)")
	f.BoolVar(&k.locked, "locked", false, "carve as the lock says, without running anything; fails when the image no longer fits")
	f.BoolVar(&k.guard, "guard", false, "label the result with what stays and what went, for lighten why")
	f.BoolVar(&k.squash, "squash", false, "one layer, instead of system, runtime, dependencies and application")
	f.StringArrayVarP(&k.outputs, "output", "o", nil, "write the result: REFERENCE, docker-archive:FILE, oci:DIR[:TAG], oci-archive:FILE, docker-daemon:NAME or -")
	f.BoolVar(&k.load, "load", false, "load the result into the local Docker, as --tag")
	f.StringVarP(&k.tag, "tag", "t", "", "name of the result (default: that of the image, with :light)")
	f.StringVar(&k.compression, "compression", "gzip", "of the layers: gzip or zstd")
	f.StringArrayVar(&k.budget, "budget", nil, "exit 1 above it: pull=30MB or disk=100MB")
	f.StringVar(&k.format, "format", "table", "of the result: "+strings.Join(report.Formats, ", "))
	f.StringVar(&k.progress, "progress", "auto", "display on standard error: auto, tty, plain, quiet or rawjson")
	fixed(c, map[string][]string{
		"format": report.Formats, "progress": progressKinds, "compression": {"gzip", "zstd"}, "level": {string(closure.Safe), string(closure.Tight)},
	})
	return c
}

func (k *carveFlags) run(c *cobra.Command, g *global, ref string) error {
	start := time.Now()
	if !slices.Contains(report.Formats, k.format) {
		return fmt.Errorf("reading --format %q: want one of %s", k.format, strings.Join(report.Formats, ", "))
	}
	if slices.Contains(k.outputs, "-") && k.format != "table" {
		return fmt.Errorf("reading --output -: the image and the %s report cannot both go to standard output; write one to a file", k.format)
	}
	a, err := g.access()
	if err != nil {
		return err
	}
	img, err := openImage(c, a, ref, k.platform)
	if err != nil {
		return err
	}
	file, checks, err := imageChecks(k.checks, img)
	if err != nil {
		return err
	}
	limits, err := limitsOf(file, k.budget)
	if err != nil {
		return err
	}
	if k.locked {
		return k.runLocked(c, g, a, img, ref, limits, start)
	}
	e, err := g.open(c, a, nil)
	if err != nil {
		return err
	}
	defer e.Close()
	o, err := k.options(c, g, file)
	if err != nil {
		return err
	}
	o.Engine, o.Name = e, ref
	if o.Trial, err = newTrial(file, checks.Source); err != nil {
		return err
	}
	if o.Progress, err = engine.NewProgress(c.ErrOrStderr(), k.progress); err != nil {
		return err
	}
	res, err := heal.Carve(c.Context(), img, o)
	if perr := o.Progress.Close(); err == nil {
		err = perr
	}
	if err != nil && !errors.Is(err, heal.ErrOriginal) {
		return err
	}
	rep, merr := carveReport(c.Context(), res)
	if merr != nil {
		return errors.Join(err, merr)
	}
	rep.Image, rep.Engine, rep.Platform, rep.Level, rep.Checks = ref, e.String(), o.Platform, string(o.Level), checks
	if k.lock != "" && rep.Verdict == report.Passed {
		f, err := res.Lock(o)
		if err == nil {
			err = saveLock(k.lock, f)
		}
		if err != nil {
			return err
		}
		rep.Lock = k.lock
	}
	return errors.Join(err, k.deliver(c, a, rep, res, limits, start))
}

// newTrial is how images are tried with the checks of a file.
func newTrial(f *check.File, source string) (*trial.Trial, error) {
	binary, err := self()
	if err != nil {
		return nil, err
	}
	services, err := trial.Services(f, source, filepath.Dir(source))
	if err != nil {
		return nil, err
	}
	return &trial.Trial{File: f, Source: source, Services: services, Binary: binary}, nil
}

// step tells the user what is being done.
func step(c *cobra.Command, progress string) func(string) {
	if progress == "quiet" || progress == "rawjson" {
		return nil
	}
	return func(s string) { fmt.Fprintln(c.ErrOrStderr(), "lighten:", s) }
}

func (k *carveFlags) options(c *cobra.Command, g *global, f *check.File) (heal.Options, error) {
	o := heal.Options{Guard: k.guard, Platform: k.platform, Level: cmp.Or(closure.Level(k.level), closure.Level(f.Level), closure.Safe), CacheDir: filepath.Join(g.stateDir(), "layers")}
	if o.Level != closure.Safe && o.Level != closure.Tight {
		return o, fmt.Errorf("reading --level %q: want safe or tight", k.level)
	}
	o.Keep = slices.Concat(f.Keep, k.keep)
	o.Drop = slices.Concat(f.Drop, k.drop)
	comp, err := image.ParseCompression(k.compression)
	if err != nil {
		return o, err
	}
	o.Carve = carve.Options{Squash: k.squash, Compression: comp, Comment: "lighten carve"}
	o.Step = step(c, k.progress)
	return o, nil
}

// deliver writes what was asked for, prints the report, and turns its verdict into an exit code.
func (k *carveFlags) deliver(c *cobra.Command, a access.Config, rep *report.Carve, res *heal.Result, limits []report.Budget, start time.Time) error {
	if rep.Light != nil {
		rep.Budget = within(limits, rep.Light.PullBytes, rep.Light.DiskBytes)
	}
	if rep.Verdict == report.Passed || rep.Verdict == report.Unchecked {
		name := k.tag
		if name == "" {
			name = lightName(rep.Image)
		}
		dests := k.outputs
		if k.load {
			dests = append(slices.Clone(dests), "docker-daemon:"+name)
		}
		for _, d := range dests {
			w, err := write(c, res.Image, d, image.WriteOptions{
				Options: image.Options{Access: a}, Name: name, Compression: image.Compression(k.compression), Stdout: c.OutOrStdout(),
			})
			if err != nil {
				return err
			}
			rep.Written = append(rep.Written, w)
		}
		if len(dests) == 0 {
			rep.Next = []string{fmt.Sprintf("lighten carve %s --load --tag %s", rep.Image, name)}
		}
	}
	rep.Seconds = time.Since(start).Seconds()
	if err := rep.Write(c.OutOrStdout(), k.format); err != nil {
		return err
	}
	switch {
	case rep.Verdict == report.Failed && rep.Light != nil:
		return findings{"the carved image does not do what the original does"}
	case slices.ContainsFunc(rep.Budget, report.Budget.Over):
		return findings{"the carved image is over budget"}
	}
	return nil
}

// lightName is the name of the carved form of an image: the same repository, tag light.
func lightName(ref string) string {
	for _, t := range []string{"docker://", "docker-daemon:"} {
		ref = strings.TrimPrefix(ref, t)
	}
	if ref == "-" || strings.ContainsAny(ref, "@") || strings.Contains(ref, "archive:") || strings.HasPrefix(ref, "oci:") {
		return "carved:light"
	}
	if i := strings.LastIndexByte(ref, ':'); i > strings.LastIndexByte(ref, '/') {
		ref = ref[:i]
	}
	return ref + ":light"
}

// openImage opens the image that a user names.
func openImage(c *cobra.Command, a access.Config, ref, platform string) (v1.Image, error) {
	o := image.Options{Access: a, Stdin: c.InOrStdin()}
	if platform != "" {
		p, err := v1.ParsePlatform(platform)
		if err != nil {
			return nil, fmt.Errorf("reading --platform %q: %w", platform, err)
		}
		o.Platform = p
	}
	return image.Open(c.Context(), ref, o)
}

// imageChecks reads the checks that the user names, those in the working directory, or guesses.
func imageChecks(path string, img v1.Image) (*check.File, report.Checks, error) {
	optional := path == ""
	if optional {
		path = "lighten.yaml"
	}
	src, err := os.ReadFile(path)
	if err == nil {
		f, err := check.Parse(path, src)
		return f, report.Checks{Source: path}, err
	}
	if !optional || !errors.Is(err, os.ErrNotExist) {
		return nil, report.Checks{}, fmt.Errorf("reading the checks: %w", err)
	}
	cfg, err := img.ConfigFile()
	if err != nil {
		return nil, report.Checks{}, fmt.Errorf("reading the image's configuration: %w", err)
	}
	f, why := check.Guess(cfg, check.Hints{})
	return f, report.Checks{Source: "guessed", Why: why, YAML: string(f.YAML())}, nil
}

// carveReport sums up what came of carving.
func carveReport(ctx context.Context, res *heal.Result) (*report.Carve, error) {
	rep := &report.Carve{
		Schema: report.CarveSchema, Rounds: res.Rounds, Before: res.Before, After: res.After, Holdouts: res.Holdouts, Verdict: report.Failed,
		Layers: []report.Layer{}, Misses: []report.Missed{}, Differences: []string{}, Dropped: []report.Dropped{}, Kept: []report.KeptPart{},
		Results: []report.Check{}, Notes: []string{},
	}
	rep.Original = side(res.Tree.Measure(), res.Original)
	if res.Traced != nil {
		rep.TracedMS = res.Traced.Report.StartMillis
	}
	rep.Original.Packages = len(res.Inventory.Packages())
	shown := res.Original
	if res.Image == nil {
		rep.Reason = heal.ErrOriginal.Error()
	} else {
		if err := carved(ctx, rep, res); err != nil {
			return nil, err
		}
		shown = res.Light
		rep.Verdict, rep.Reason = report.Passed, ""
		if res.Rejected != "" {
			rep.Verdict, rep.Reason = report.Failed, res.Rejected
		}
	}
	rep.Results, rep.Details = resultsOf(shown)
	return rep, nil
}

func carved(ctx context.Context, rep *report.Carve, res *heal.Result) error {
	tree, err := image.ReadTree(ctx, res.Image, image.TreeOptions{})
	if err != nil {
		return fmt.Errorf("measuring the carved image: %w", err)
	}
	light := side(tree.Measure(), res.Light)
	for _, p := range res.Keep.Packages() {
		rep.Kept = append(rep.Kept, report.KeptPart{Ecosystem: p.Ecosystem, Name: p.Name, Version: p.Version, Files: p.Kept, AllFiles: p.Paths, Bytes: p.KeptBytes})
	}
	light.Packages = len(rep.Kept)
	rep.Light = &light
	for _, l := range tree.Layers {
		rep.Layers = append(rep.Layers, report.Layer{Name: l.CreatedBy, PullBytes: l.PullBytes, Digest: l.Digest.String()})
	}
	rep.Misses, rep.Differences = missedOf(res.Misses), differencesOf(res.Differences)
	for _, d := range res.Keep.Dropped() {
		rep.Dropped = append(rep.Dropped, report.Dropped(d))
	}
	rep.Notes = append(rep.Notes, res.Keep.Notes...)
	d, err := res.Image.Digest()
	rep.Digest = d.String()
	return err
}

func side(m image.Size, r *check.Report) report.Side {
	s := report.Side{PullBytes: m.Pull, DiskBytes: m.Disk, Layers: m.Layers, Files: m.Files, Setuid: m.Setuid, Shell: m.Shell}
	if s.Setuid == nil {
		s.Setuid = []string{}
	}
	if r != nil {
		s.StartMS, s.RSSBytes, s.Total = r.StartMillis, r.RSSBytes, len(r.Results)
		for _, x := range r.Results {
			if x.Passed {
				s.Passed++
			}
		}
	}
	return s
}

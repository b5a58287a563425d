package cli

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lighten/lighten/internal/access"
	"github.com/lighten/lighten/internal/check"
	"github.com/lighten/lighten/internal/engine"
	"github.com/lighten/lighten/internal/heal"
	"github.com/lighten/lighten/internal/report"
)

const verifyLong = `Run the same checks in two images and compare what they answer: status, headers
that matter, bodies, exit codes and output, less what differs between two runs of
the original itself. The light image runs once more while its look-ups are
watched: what its program looks for in vain, and the original has, is named.

Checks come from --checks, or lighten.yaml in the working directory; without
either they are guessed from the original's configuration.

Of an index, the images for this machine are compared; --platform names another
platform, several, or all that the original has and that can be run here.

Exit code: 0 both answer the same, 1 they do not or a check fails, 2 the job could
not be done.`

const verifyExamples = `  lighten verify shop:latest shop:light
  lighten verify docker-daemon:shop oci:light --checks lighten.yaml
  lighten verify oci:big oci:light --format json
  lighten verify registry.example/shop registry.example/shop:light --platform all`

// verifyFlags are the flags of `lighten verify`.
type verifyFlags struct {
	checks, format, progress string
	platforms
}

// verifyCommand is `lighten verify`.
func verifyCommand(g *global) *cobra.Command {
	v := &verifyFlags{}
	c := &cobra.Command{
		Use: "verify ORIGINAL LIGHT", Short: "Run the same checks in two images, and show what differs",
		Long: verifyLong, Example: verifyExamples, Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error { return v.run(c, g, args[0], args[1]) },
	}
	f := c.Flags()
	f.StringVar(&v.checks, "checks", "", "file with checks (default lighten.yaml here, else guessed)")
	v.platforms.flags(c)
	f.StringVar(&v.format, "format", "table", "of the result: "+strings.Join(report.Formats, ", "))
	f.StringVar(&v.progress, "progress", "auto", "display on standard error: auto, tty, plain, quiet or rawjson")
	fixed(c, map[string][]string{"format": report.Formats, "progress": progressKinds})
	return c
}

func (v *verifyFlags) run(c *cobra.Command, g *global, original, light string) (err error) {
	defer tightMemory(64<<20, 30)()
	if !slices.Contains(report.Formats, v.format) {
		return fmt.Errorf("reading --format %q: want one of %s", v.format, strings.Join(report.Formats, ", "))
	}
	if err := v.platforms.check(); err != nil {
		return err
	}
	r := &verifyRun{verifyFlags: v, c: c, g: g, original: original, light: light}
	if r.access, err = g.access(); err != nil {
		return err
	}
	defer r.close()
	if v.several() {
		return r.index()
	}
	rep, err := r.pair(v.platform)
	if rep == nil {
		return err
	}
	if werr := rep.Write(c.OutOrStdout(), v.format); werr != nil {
		return errors.Join(err, werr)
	}
	return verified(err, rep)
}

// verifyRun is one run of `lighten verify`.
type verifyRun struct {
	*verifyFlags
	c               *cobra.Command
	g               *global
	access          access.Config
	original, light string
	engine          *engine.Engine // nil until something is run
}

// open starts the engine, once.
func (r *verifyRun) open() (err error) {
	if r.engine == nil {
		r.engine, err = r.g.open(r.c, r.access, nil)
	}
	return err
}

func (r *verifyRun) close() {
	if r.engine != nil {
		r.engine.Close()
	}
}

// pair compares the images of one platform. When the original does not pass its checks, what is known comes with [heal.ErrOriginal].
func (r *verifyRun) pair(platform string) (*report.Verify, error) {
	start := time.Now()
	img, err := openImage(r.c, r.access, r.original, platform)
	if err != nil {
		return nil, err
	}
	other, err := openImage(r.c, r.access, r.light, platform)
	if err != nil {
		return nil, err
	}
	file, from, err := imageChecks(r.checks, img)
	if err != nil {
		return nil, err
	}
	if err := r.open(); err != nil {
		return nil, err
	}
	o := heal.Options{Engine: r.engine, Platform: platform, CacheDir: filepath.Join(r.g.stateDir(), "layers")}
	if o.Trial, err = newTrial(file, from.Source); err != nil {
		return nil, err
	}
	if o.Progress, err = engine.NewProgress(r.c.ErrOrStderr(), r.progress); err != nil {
		return nil, err
	}
	res, err := heal.Verify(r.c.Context(), img, other, o)
	if perr := o.Progress.Close(); err == nil {
		err = perr
	}
	if err != nil && !errors.Is(err, heal.ErrOriginal) {
		return nil, err
	}
	rep := verifyReport(res)
	rep.Image, rep.Other, rep.Engine, rep.Platform, rep.Checks = r.original, r.light, r.engine.String(), platform, from
	rep.Seconds = time.Since(start).Seconds()
	return rep, err
}

// verified is the error of a comparison: what kept it from being made, or what it found.
func verified(err error, all ...*report.Verify) error {
	if err == nil && slices.ContainsFunc(all, func(v *report.Verify) bool { return v.Verdict != report.Passed }) {
		return findings{"the light image does not do what the original does"}
	}
	return err
}

// index compares the images of several platforms.
func (r *verifyRun) index() error {
	list, entries, err := r.entries(r.c, r.access, r.original)
	if err != nil {
		return err
	}
	if err := r.open(); err != nil {
		return err
	}
	rep := &report.VerifyIndex{Schema: report.VerifyIndexSchema, Image: r.original, Other: r.light, Left: list.Left}
	entries, left, err := r.runnable(entries, r.engine.CheckPlatform, "")
	if err != nil {
		return err
	}
	rep.Left = append(rep.Left, left...)
	var errs []error
	for _, e := range entries {
		one, err := r.pair(e.Platform.String())
		if one == nil {
			return fmt.Errorf("comparing for %s: %w", e.Platform, err)
		}
		rep.Platforms, errs = append(rep.Platforms, one), append(errs, err)
	}
	if err := rep.Write(r.c.OutOrStdout(), r.format); err != nil {
		return err
	}
	return verified(errors.Join(errs...), rep.Platforms...)
}

// notKnown says what is not known of misses, and why.
func notKnown(res *heal.Comparison) string {
	if len(res.Misses) > 0 {
		return "the light image may miss more than is listed: " + res.Untraced
	}
	return "what the light image misses is not known: " + res.Untraced
}

// verifyReport sums up what came of comparing.
func verifyReport(res *heal.Comparison) *report.Verify {
	rep := &report.Verify{
		Schema: report.VerifySchema, Verdict: report.Passed, Misses: missedOf(res.Misses), Differences: differencesOf(res.Differences), Results: []report.Check{}, Notes: []string{},
		Original: side(res.Tree.Measure(), res.Original), Light: side(res.LightTree.Measure(), res.Light),
	}
	rep.Original.Packages, rep.Light.Packages = len(res.Inventory.Packages()), len(res.LightInventory.Packages())
	if res.Untraced != "" {
		rep.Notes = append(rep.Notes, notKnown(res))
	}
	rep.Notes, rep.Advice = append(rep.Notes, unordered(res.Unordered)...), differenceAdvice(res.Differences)
	shown := res.Light
	switch {
	case res.Light == nil:
		rep.Verdict, rep.Reason, shown = report.Failed, heal.ErrOriginal.Error(), res.Original
	case !res.Light.Passed():
		rep.Verdict, rep.Reason = report.Failed, "checks fail in the light image"
	case len(res.Differences) > 0:
		rep.Verdict, rep.Reason = report.Failed, "it answers otherwise than the original"
	}
	rep.Results, rep.Details = resultsOf(shown)
	return rep
}

func missedOf(misses []heal.Miss) []report.Missed {
	out := []report.Missed{}
	for _, m := range misses {
		out = append(out, report.Missed{Path: m.Path, Round: m.Round, During: m.Phase, By: m.By, Holdout: m.Holdout})
	}
	return out
}

func differencesOf(all []check.Difference) []report.Difference {
	out := []report.Difference{}
	for _, d := range all {
		out = append(out, report.Difference(d))
	}
	return out
}

// resultsOf are a report's checks, and the log of a failure.
func resultsOf(r *check.Report) (results []report.Check, details []string) {
	results = []report.Check{}
	if r == nil {
		return results, nil
	}
	for _, x := range r.Results {
		results = append(results, report.Check{Name: x.Name, Passed: x.Passed, Holdout: x.Holdout, Expected: x.Expected, Found: x.Found, MS: x.Millis})
	}
	for _, l := range r.LogTail {
		details = append(details, "log: "+l)
	}
	return results, details
}

package cli

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

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

Exit code: 0 both answer the same, 1 they do not or a check fails, 2 the job could
not be done.`

const verifyExamples = `  lighten verify shop:latest shop:light
  lighten verify docker-daemon:shop oci:light --checks lighten.yaml
  lighten verify oci:big oci:light --format json`

// verifyCommand is `lighten verify`.
func verifyCommand(g *global) *cobra.Command {
	var checks, platform, format, progress string
	c := &cobra.Command{
		Use: "verify ORIGINAL LIGHT", Short: "Run the same checks in two images, and show what differs",
		Long: verifyLong, Example: verifyExamples, Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			return verify(c, g, args[0], args[1], checks, platform, format, progress)
		},
	}
	f := c.Flags()
	f.StringVar(&checks, "checks", "", "file with checks (default lighten.yaml here, else guessed)")
	f.StringVar(&platform, "platform", "", "OS/ARCH of an index (default: this machine's)")
	f.StringVar(&format, "format", "table", "of the result: "+strings.Join(report.Formats, ", "))
	f.StringVar(&progress, "progress", "auto", "display on standard error: auto, tty, plain, quiet or rawjson")
	fixed(c, map[string][]string{"format": report.Formats, "progress": progressKinds})
	return c
}

func verify(c *cobra.Command, g *global, original, light, checks, platform, format, progress string) error {
	start := time.Now()
	if !slices.Contains(report.Formats, format) {
		return fmt.Errorf("reading --format %q: want one of %s", format, strings.Join(report.Formats, ", "))
	}
	a, err := g.access()
	if err != nil {
		return err
	}
	img, err := openImage(c, a, original, platform)
	if err != nil {
		return err
	}
	other, err := openImage(c, a, light, platform)
	if err != nil {
		return err
	}
	file, from, err := imageChecks(checks, img)
	if err != nil {
		return err
	}
	e, err := g.open(c, a, nil)
	if err != nil {
		return err
	}
	defer e.Close()
	o := heal.Options{Engine: e, Platform: platform, CacheDir: filepath.Join(g.stateDir(), "layers"), Step: step(c, progress)}
	if o.Trial, err = newTrial(file, from.Source); err != nil {
		return err
	}
	if o.Progress, err = engine.NewProgress(c.ErrOrStderr(), progress); err != nil {
		return err
	}
	res, err := heal.Verify(c.Context(), img, other, o)
	if perr := o.Progress.Close(); err == nil {
		err = perr
	}
	if err != nil && !errors.Is(err, heal.ErrOriginal) {
		return err
	}
	rep := verifyReport(res)
	rep.Image, rep.Other, rep.Engine, rep.Platform, rep.Checks = original, light, e.String(), platform, from
	rep.Seconds = time.Since(start).Seconds()
	if werr := rep.Write(c.OutOrStdout(), format); werr != nil {
		return errors.Join(err, werr)
	}
	if err == nil && rep.Verdict != report.Passed {
		err = findings{"the light image does not do what the original does"}
	}
	return err
}

// verifyReport sums up what came of comparing.
func verifyReport(res *heal.Comparison) *report.Verify {
	rep := &report.Verify{
		Schema: report.VerifySchema, Verdict: report.Passed, Misses: missedOf(res.Misses), Differences: differencesOf(res.Differences), Results: []report.Check{}, Notes: []string{},
		Original: side(res.Tree.Measure(), res.Original), Light: side(res.LightTree.Measure(), res.Light),
	}
	rep.Original.Packages, rep.Light.Packages = len(res.Inventory.Packages()), len(res.LightInventory.Packages())
	if res.Untraced != "" {
		rep.Notes = append(rep.Notes, "what the light image misses is not known: "+res.Untraced)
	}
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

func differencesOf(all []check.Difference) []string {
	out := []string{}
	for _, d := range all {
		out = append(out, d.String())
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

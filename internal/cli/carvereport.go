package cli

import (
	"context"
	"fmt"
	"slices"

	"github.com/docker/go-units"

	"github.com/lighten/lighten/internal/check"
	"github.com/lighten/lighten/internal/closure"
	"github.com/lighten/lighten/internal/heal"
	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/inventory"
	"github.com/lighten/lighten/internal/report"
)

// carveReport sums up what came of carving.
func carveReport(ctx context.Context, res *heal.Result) (*report.Carve, error) {
	rep := &report.Carve{
		Schema: report.CarveSchema, Rounds: res.Rounds, Before: res.Before, Helped: res.Helped, After: res.After, Holdouts: res.Holdouts, Verdict: report.Failed,
		Layers: []report.Layer{}, Misses: []report.Missed{}, Differences: []report.Difference{}, Dropped: []report.Dropped{}, Kept: []report.KeptPart{},
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
	rep.Notes = append(rep.Notes, unordered(res.Unordered)...)
	if rep.Verdict == report.Passed {
		rep.Notes = append(rep.Notes, unseen(res, rep.Light.DiskBytes)...)
	}
	return rep, nil
}

// others counts the packages of which something stays and that are not kept as packages: Go's in a program, npm's in a directory. The original's
// are counted too.
func others(k *closure.Keep, t *image.Tree, inv *inventory.Inventory) int {
	stay := map[[4]string]bool{}
	note := func(p inventory.Package) {
		if !closure.Knows(p) {
			stay[[...]string{p.Ecosystem, p.Name, p.Version, p.File}] = true
		}
	}
	for e := range t.All() {
		if p := inv.OwnerOf(e); p != nil && k.Has(e.Path) {
			note(*p)
		}
	}
	for _, p := range inv.Packages() {
		if p.File != "" && k.Has(p.File) {
			note(p)
		}
	}
	return len(stay)
}

// unseen names the largest dependencies that stay although nothing of them was looked up, where they are a good part of the image.
func unseen(res *heal.Result, disk int64) (notes []string) {
	const part, most = 20, 3
	all := res.Keep.Unseen(max(disk/part, 1<<20), res.Tried)
	for _, u := range all[:min(len(all), most)] {
		note := fmt.Sprintf("%s of %s stay, of which no check looked anything up: it belongs to the program", units.HumanSize(float64(u.Bytes)), u.Name)
		if u.Dir != "" {
			note += fmt.Sprintf("; if that does without, --drop '%s/**' takes it away", u.Dir)
		}
		notes = append(notes, note)
	}
	return notes
}

// carveAdvice is how an image that was rejected may pass: what a hold-out check asked is no evidence until it is asked as a check.
func carveAdvice(res *heal.Result, level closure.Level) (lines []string) {
	if res.Image == nil || res.Rejected == "" {
		return nil
	}
	if light(res).OverLimits() { // what it used tells nothing of what it needs
		return []string{"where its program may use so much, say so by limits: in lighten.yaml"}
	}
	wrong := map[string]bool{}
	for _, d := range res.Differences {
		wrong[d.Check] = true
	}
	if slices.ContainsFunc(light(res).Results, func(x check.Result) bool { return x.Holdout && (!x.Passed || wrong[x.Name]) }) {
		lines = append(lines, "move a hold-out check that fails from holdout: to checks: in lighten.yaml, so that what it looks up is evidence")
	}
	lines = append(lines, "name what the program wants by --keep GLOB, or keep: in lighten.yaml")
	if level == closure.Tight {
		lines = append(lines, "carve with --level safe, which keeps whole packages")
	}
	return append(lines, differenceAdvice(res.Differences)...)
}

// notTried says what a passed image was not asked, where no hold-out check judges it.
func notTried(f *check.File) []string {
	if len(f.Holdout) > 0 {
		return nil
	}
	if !slices.ContainsFunc(f.Checks, func(c check.Check) bool { return c.TCP == nil && c.Log == nil }) {
		return []string{"proved is only that it starts as the original does: no check asks the program anything. Ask in lighten.yaml for what matters (docs/checks.md)"}
	}
	return []string{"proved is what the checks ask, and evidence came from all of them: ask for more below holdout: in lighten.yaml, which judges alone"}
}

// light is what the carved image answered; empty when it was given up before.
func light(res *heal.Result) *check.Report {
	if res.Light == nil {
		return &check.Report{}
	}
	return res.Light
}

func differenceAdvice(all []check.Difference) []string {
	fails := func(name string) bool {
		return slices.ContainsFunc(all, func(d check.Difference) bool { return d.Check == name && d.Part == "result" })
	}
	for _, d := range all {
		if !fails(d.Check) {
			return []string{"where an answer may well differ, say what in it by ignore: REGEX beside the check in lighten.yaml"}
		}
	}
	return nil
}

// unordered says of which checks less was compared than the text.
func unordered(names []string) (notes []string) {
	for _, n := range names {
		notes = append(notes, fmt.Sprintf("the original answers %q with its lines in another order each time: they are compared in any order", n))
	}
	return notes
}

func carved(ctx context.Context, rep *report.Carve, res *heal.Result) error {
	tree, err := image.ReadTree(ctx, res.Image, image.TreeOptions{Headers: true})
	if err != nil {
		return fmt.Errorf("measuring the carved image: %w", err)
	}
	light := side(tree.Measure(), res.Light)
	for _, p := range res.Keep.Packages() {
		rep.Kept = append(rep.Kept, report.KeptPart{Ecosystem: p.Ecosystem, Name: p.Name, Version: p.Version, Files: p.Kept, AllFiles: p.Paths, Bytes: p.KeptBytes})
	}
	light.Packages = len(rep.Kept) + others(res.Keep, res.Tree, res.Inventory)
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

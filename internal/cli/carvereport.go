package cli

import (
	"context"
	"fmt"

	"github.com/lighten/lighten/internal/check"
	"github.com/lighten/lighten/internal/heal"
	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/report"
)

// carveReport sums up what came of carving.
func carveReport(ctx context.Context, res *heal.Result) (*report.Carve, error) {
	rep := &report.Carve{
		Schema: report.CarveSchema, Rounds: res.Rounds, Before: res.Before, Helped: res.Helped, After: res.After, Holdouts: res.Holdouts, Verdict: report.Failed,
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

package heal

import (
	"context"
	"fmt"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lighten/lighten/internal/check"
	"github.com/lighten/lighten/internal/closure"
	"github.com/lighten/lighten/internal/engine"
	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/inventory"
	"github.com/lighten/lighten/internal/trial"
)

// Comparison is what came of asking two images the same.
type Comparison struct {
	Tree, LightTree           *image.Tree
	Inventory, LightInventory *inventory.Inventory
	Original, Light           *check.Report // untraced; Light is nil when the original failed
	Misses                    []Miss        // paths that the light image's program looked up in vain and the original has
	Differences               []check.Difference
	Unordered                 []string // checks of which the order of lines was not compared: see [check.Unordered]
	Untraced                  string   // why misses are not known; "" when they are
}

// Verify asks the checks of the original, twice so that what changes from run to run is known, and of the light image, and
// compares the answers. Both are asked again where they differ, as after carving. The light image runs once more, traced for what it
// misses. What differs stands in the result; an error is what kept the checks from being asked. With [ErrOriginal] the result says what the original failed. Of o, what is
// about carving is not looked at.
func Verify(ctx context.Context, original, light v1.Image, o Options) (*Comparison, error) {
	h := newHealer(original, o)
	h.res.Rounds = 1
	defer func() { h.end() }()
	if err := h.read(ctx); err != nil {
		return nil, err
	}
	c := &Comparison{Tree: h.res.Tree, Inventory: h.res.Inventory}
	var err error
	h.step("reading the layers of the light image", nil)
	if c.LightTree, c.LightInventory, err = Read(ctx, light, o.CacheDir); err != nil {
		return nil, fmt.Errorf("reading the light image: %w", err)
	}
	if err := h.Engine.Room(ctx, c.LightTree.Measure().Disk); err != nil {
		return nil, err
	}
	err = h.Engine.UseImage(ctx, original, h.Platform, h.Progress, func(ctx context.Context, b *engine.Built) error { return h.ask(ctx, b) })
	c.Original = h.res.Original
	if err != nil {
		return c, err
	}
	observed, err := h.look(ctx, light, c)
	if err != nil {
		return nil, err
	}
	h.step("checking the light image", nil)
	out, err := h.run(ctx, light, trial.Options{Holdout: true, Answers: true})
	if err != nil {
		return nil, fmt.Errorf("checking the light image: %w", err)
	}
	h.res.Image, h.res.Light, h.res.Differences = light, out.Report, check.Compare(h.answers, out.Report)
	if out.Report.Passed() && len(h.res.Differences) > 0 {
		if err := h.again(ctx); err != nil {
			return nil, err
		}
	}
	c.Light, c.Differences, c.Unordered = h.res.Light, h.res.Differences, check.Unordered(h.answers)
	h.told(c, observed)
	c.Misses = h.res.Misses
	if c.Untraced == "" && !observed.Passed() {
		c.Untraced = "the checks do not pass while the program is observed"
		if c.Light.Passed() { // else what fails is told of that run
			c.Untraced += ": " + observed.FirstFailure()
		}
	}
	return c, nil
}

// told adds to the misses what a check that fails names as missing, where the original's did not: nobody looks for the command of a check
// but lighten, and Python knows from its directories what it has not.
func (h *healer) told(c *Comparison, observed *check.Report) {
	for _, r := range []*check.Report{observed, c.Light} {
		if r.Passed() {
			continue
		}
		for _, m := range r.Missing {
			if slices.Contains(c.Original.Missing, m) {
				continue
			}
			for _, p := range h.find(m) {
				if c.LightTree.Get(p) == nil && !slices.ContainsFunc(h.res.Misses, func(x Miss) bool { return x.Path == p }) {
					h.note(p, saidMissing, m.NeededBy)
				}
			}
		}
	}
}

// look finds what the light image misses. It returns what that answered meanwhile.
func (h *healer) look(ctx context.Context, light v1.Image, c *Comparison) (*check.Report, error) {
	common := map[string][]closure.Reason{}
	for e := range c.Tree.All() {
		if c.LightTree.Get(e.Path) != nil {
			common[e.Path] = nil
		}
	}
	observed, err := decoys(ctx, light, closure.Restore(c.Tree, c.Inventory, common))
	if err != nil {
		return nil, err
	}
	h.step("looking for what the light image misses", nil)
	out, err := h.run(ctx, observed, trial.Options{Trace: true, Holdout: true})
	if err != nil {
		return nil, fmt.Errorf("observing the light image: %w", err)
	}
	for _, p := range out.Record.Paths {
		if closure.MissedIn(c.LightTree, c.Tree, p) {
			h.note(p.Name, phase(out.Record, p.Phase), p.By)
		}
	}
	c.Untraced = out.Record.Untraced
	return out.Report, nil
}

package ladder

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lighten/lighten/internal/carve"
	"github.com/lighten/lighten/internal/check"
	"github.com/lighten/lighten/internal/closure"
	"github.com/lighten/lighten/internal/engine"
	"github.com/lighten/lighten/internal/heal"
	"github.com/lighten/lighten/internal/report"
)

// Carved is the name of the candidate that is made from the lightest other one by what its program was seen to need.
const Carved = "carved"

// carve makes the candidate that no Dockerfile reaches. What is wrong with it goes into its report.
func (c *climb) carve(ctx context.Context, from, original *rung) (*rung, error) {
	r := &rung{from: from, Candidate: Candidate{Name: Carved, Source: from.Source, Base: from.Name, Dockerfile: from.Dockerfile}}
	r.report = report.Candidate{Name: r.Name, Source: r.Source, Base: r.Base, Dockerfile: string(r.Dockerfile)}
	began := time.Now()
	defer func() { r.report.BuildSeconds = time.Since(began).Seconds() }() // observing and proving it are how it is made
	level := cmp.Or(closure.Level(c.trial.File.Level), closure.Safe)
	o := heal.Options{
		Engine: c.o.Engine, Platform: c.o.Build.Platform, Progress: c.o.Build.Progress, Trial: c.trial, Level: level, Name: lockedFrom + from.Name,
		Keep: c.trial.File.Keep, Drop: c.trial.File.Drop, CacheDir: c.o.CacheDir, Carve: carve.Options{Comment: "lighten build"},
		Asked: from.check,
	}
	if c.o.Lock != nil {
		return c.locked(ctx, r, from, original, o)
	}
	res, err := heal.Carve(ctx, from.img, o)
	if errors.Is(err, heal.ErrOriginal) {
		r.report.Verdict, r.report.Reason = report.Refused, "candidate "+from.Name+" does not pass its checks every time"
		return r, nil
	}
	if err != nil {
		return nil, fmt.Errorf("carving %s: %w", from.Name, err)
	}
	if r.lock, err = res.Lock(o); err != nil {
		return nil, fmt.Errorf("carving %s: %w", from.Name, err)
	}
	r.img, r.check = res.Image, res.Light
	if r.check == nil { // it was given up before the proof
		r.check = &check.Report{Error: res.Rejected}
	}
	if err := c.measure(ctx, r); err != nil {
		return nil, err
	}
	r.report.Notes = append(r.report.Notes, "made from "+from.Name+" at the level "+string(level))
	if res.Holdouts > 0 {
		r.report.Notes = append(r.report.Notes, fmt.Sprintf("hold-out checks, which no evidence came from: %d/%d before healing, %d/%d after",
			res.Before, res.Holdouts, res.After, res.Holdouts))
	}
	if n := len(res.Misses); n > 0 {
		r.report.Notes = append(r.report.Notes, fmt.Sprintf("%d paths were put back in %d rounds, because the program looked for them in vain", n, res.Rounds-1))
	}
	r.report.Notes = append(r.report.Notes, res.Keep.Notes...)
	c.verdict(r, original)
	if res.Rejected != "" && r.report.Verdict == report.Passed {
		r.report.Verdict, r.report.Reason = report.Failed, res.Rejected
		for _, d := range res.Differences {
			r.report.Details = append(r.report.Details, "other answer: "+d.String())
		}
	}
	return r, nil
}

// lockedFrom begins what a lock of a carved candidate says it was made from.
const lockedFrom = "candidate "

// source is the candidate that is carved: the lightest that passes, or the one that the lock was made from.
func (c *climb) source(res *Result) *rung {
	if c.o.Lock != nil {
		if r := res.find(strings.TrimPrefix(c.o.Lock.Image, lockedFrom)); r != nil && r.report.Verdict == report.Passed {
			return r
		}
	}
	return res.lightest(c.o)
}

// locked makes the candidate as a lock says; its checks run as every candidate's do.
func (c *climb) locked(ctx context.Context, r, from, original *rung, o heal.Options) (*rung, error) {
	res, err := heal.Locked(ctx, from.img, c.o.Lock, c.o.LockName, o)
	if err != nil {
		return nil, fmt.Errorf("carving %s: %w", from.Name, err)
	}
	r.img, r.lock = res.Image, c.o.Lock
	err = c.o.Engine.UseImage(ctx, r.img, o.Platform, o.Progress, func(ctx context.Context, b *engine.Built) error {
		return c.prove(ctx, r, b)
	})
	if err != nil {
		return nil, err
	}
	if err := c.measure(ctx, r); err != nil {
		return nil, err
	}
	r.report.Notes = append(r.report.Notes, "made from "+from.Name+" as "+c.o.LockName+" says")
	c.verdict(r, original)
	return r, nil
}

// carves tells whether the carved candidate is wanted and can be made.
func (c *climb) carves() bool {
	return !c.o.NoChecks && (len(c.o.Only) == 0 || slices.Contains(c.o.Only, Carved))
}

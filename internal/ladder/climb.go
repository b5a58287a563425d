package ladder

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/lighten/lighten/internal/check"
	"github.com/lighten/lighten/internal/dockerfile"
	"github.com/lighten/lighten/internal/engine"
	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/inventory"
	"github.com/lighten/lighten/internal/lock"
	"github.com/lighten/lighten/internal/report"
	"github.com/lighten/lighten/internal/trial"
	"golang.org/x/sync/errgroup"
)

// Options say how candidates are built and judged.
type Options struct {
	Engine   *engine.Engine
	Build    engine.Build // what all builds share: arguments, secrets, platform, progress, …
	Checks   *check.File  // nil: guessed from the original
	Source   string       // where Checks came from
	NoChecks bool
	Only     []string   // names of candidates; nil: all. The original is always built
	Allow    []string   // "libc": a candidate with another libc may win
	Binary   string     // this program's file, run inside candidates as their supervisor
	CacheDir string     // indexes of layers, kept between runs
	Jobs     int        // candidates at a time; 0: 2
	Lock     *lock.File // what the carved candidate is made by; nil: its program is observed
	LockName string     // of the lock, for errors
}

// ErrOriginal says that the original does not pass its own checks: there is
// nothing to compare with.
var ErrOriginal = errors.New("the original does not pass its own checks")

// rung is a candidate with all that was found of it.
type rung struct {
	Candidate
	report report.Candidate
	img    v1.Image
	tree   *image.Tree
	owners *inventory.Inventory
	check  *check.Report
	base   int // layers that come from the base image

	baseIDs []v1.Hash  // diff IDs of the base image
	lock    *lock.File // of the carved one
}

// Result is a climbed ladder.
type Result struct {
	Report report.Build
	rungs  []*rung
}

// Image returns the image of a candidate, or nil.
func (r *Result) Image(name string) v1.Image {
	if x := r.find(name); x != nil {
		return x.img
	}
	return nil
}

// Lock returns what the carved candidate keeps, when it was carved and may be used; else nil.
func (r *Result) Lock() *lock.File {
	if x := r.find(Carved); x != nil && x.report.Verdict == report.Passed {
		return x.lock
	}
	return nil
}

type climb struct {
	*Project
	o     Options
	trial *trial.Trial // its File is guessed from the original when the user gave none
	store string
}

// Climb builds the original, then everything else, and compares. The result is
// returned along with ErrOriginal too, to be shown.
func (p *Project) Climb(ctx context.Context, o Options) (*Result, error) {
	start := time.Now()
	store, err := o.Engine.TempDir("images")
	if err != nil {
		return nil, err
	}
	services, err := trial.Services(o.Checks, o.Source, p.Dir)
	if err != nil {
		return nil, err
	}
	c := &climb{Project: p, o: o, store: store, trial: &trial.Trial{File: o.Checks, Source: o.Source, Services: services, Binary: o.Binary}}
	var named []string
	if o.Checks != nil {
		named = append(named, string(o.Checks.YAML()))
	}
	if err := p.ScanContext(named...); err != nil {
		return nil, err
	}
	res := &Result{Report: report.Build{Schema: report.BuildSchema, Project: p.Dir, Engine: o.Engine.String(), Platform: o.Build.Platform}}
	res.Report.Checks.Source = o.Source
	first := &rung{Candidate: p.First()}
	if err := c.one(ctx, first, nil, &res.Report.Checks); err != nil {
		return nil, err
	}
	res.rungs = []*rung{first}
	if first.report.Verdict == report.Failed {
		res.finish(c, start)
		return res, ErrOriginal
	}
	if len(o.Only) > 0 && !slices.ContainsFunc(o.Only, func(n string) bool { return n != Original }) {
		res.judge(o)
		res.finish(c, start)
		return res, nil
	}
	evidence, err := c.evidence(ctx, first)
	if err != nil {
		return nil, err
	}
	for _, cand := range p.Candidates(ctx, evidence) {
		if len(o.Only) == 0 || slices.Contains(o.Only, cand.Name) {
			res.rungs = append(res.rungs, &rung{Candidate: cand})
		}
	}
	g, gctx := errgroup.WithContext(ctx)
	jobs := o.Jobs
	if jobs <= 0 {
		jobs = 2
	}
	g.SetLimit(jobs)
	for _, r := range res.rungs[1:] {
		g.Go(func() error { return c.one(gctx, r, first, nil) })
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	if from := c.source(res); from != nil && c.carves() {
		r, err := c.carve(ctx, from, first)
		if err != nil {
			return nil, err
		}
		res.rungs = append(res.rungs, r)
	}
	res.judge(o)
	res.finish(c, start)
	return res, nil
}

func (r *Result) finish(c *climb, start time.Time) {
	for _, x := range r.rungs {
		r.Report.Candidates = append(r.Report.Candidates, x.report)
	}
	r.Report.Context = c.ContextReport()
	r.Report.Waterfall = waterfall(r.find(Original), r.find(r.Report.Winner))
	r.Report.Seconds = time.Since(start).Seconds()
}

func (r *Result) find(name string) *rung {
	for _, x := range r.rungs {
		if x.Name == name {
			return x
		}
	}
	return nil
}

// one builds, checks and measures a candidate. What is wrong with the
// candidate goes into its report; an error is what stops the whole run.
func (c *climb) one(ctx context.Context, r, original *rung, from *report.Checks) error {
	r.report = report.Candidate{Name: r.Name, Source: r.Source, Base: r.Base, Notes: r.Notes, Dockerfile: string(r.Dockerfile)}
	if r.Refused != "" {
		r.report.Verdict, r.report.Reason = report.Refused, r.Refused
		return nil
	}
	b := c.o.Build
	b.Name, b.Context, b.Dockerfile, b.Filename, b.Store = r.Name, c.Dir, r.Dockerfile, r.Source, c.store
	var err error
	if b.Ignore, err = c.ignoreFor(r); err != nil {
		return err
	}
	if d, err := dockerfile.Parse(r.Source, r.Dockerfile); err == nil && d.StageNamed(b.Target) == nil {
		b.Target = "" // the stage is one of the original's
	}
	img, err := c.o.Engine.Build(ctx, b, func(ctx context.Context, built *engine.Built) error {
		r.report.BuildSeconds = built.Seconds
		if err := r.findBase(ctx, built); err != nil {
			return err
		}
		if c.o.NoChecks {
			return nil
		}
		if c.trial.File == nil { // only the original comes here: everything else waits for it
			var why []string
			c.trial.File, why = check.Guess(built.Config(), c.hints())
			*from = report.Checks{Source: "guessed", Why: why, YAML: string(c.trial.File.YAML())}
		}
		return c.prove(ctx, r, built)
	})
	if err != nil {
		var be *engine.BuildError
		if ctx.Err() != nil || !errors.As(err, &be) || original == nil {
			return err
		}
		r.report.Verdict, r.report.Reason = report.Broken, be.Error()
		r.report.Details = strings.Split(strings.TrimRight(be.Details(), "\n"), "\n")
		return nil
	}
	r.img = img
	if err := c.measure(ctx, r); err != nil {
		return err
	}
	c.verdict(r, original)
	return nil
}

// ignoreFor gives a candidate the ignore file that its source would have had.
func (c *climb) ignoreFor(r *rung) ([]byte, error) {
	if r.Ignore != nil {
		return r.Ignore, nil
	}
	return c.readIgnore(r.Source + ".dockerignore") // nil: BuildKit then reads .dockerignore
}

func (c *climb) hints() check.Hints {
	return c.Stack.Hints()
}

// prove runs the checks in the built candidate.
func (c *climb) prove(ctx context.Context, r *rung, built *engine.Built) error {
	out, err := c.trial.Run(ctx, built, trial.Options{Holdout: true})
	if err != nil {
		return fmt.Errorf("checking %s: %w", r.Name, err)
	}
	r.check = out.Report
	return nil
}

func (c *climb) measure(ctx context.Context, r *rung) error {
	var err error
	r.tree, err = image.ReadTree(ctx, r.img, treeOptions(c.o.CacheDir))
	if err != nil {
		return fmt.Errorf("measuring %s: %w", r.Name, err)
	}
	if r.owners, err = inventory.Read(r.tree); err != nil {
		return fmt.Errorf("measuring %s: %w", r.Name, err)
	}
	d, err := r.img.Digest()
	if err != nil {
		return fmt.Errorf("measuring %s: %w", r.Name, err)
	}
	m := r.tree.Measure()
	r.report.Digest = d.String()
	r.report.PullBytes, r.report.DiskBytes, r.report.Layers, r.report.Files = m.Pull, m.Disk, m.Layers, m.Files
	r.report.Libc, r.report.User, r.report.Shell, r.report.Setuid = m.Libc, m.User, m.Shell, m.Setuid
	r.report.Packages = len(r.owners.Packages())
	if r.report.Setuid == nil {
		r.report.Setuid = []string{}
	}
	r.countBase()
	return nil
}

// findBase notes the layers of the candidate's base image.
func (r *rung) findBase(ctx context.Context, built *engine.Built) error {
	if r.Base == "" || r.Base == "scratch" {
		return nil
	}
	cf, err := built.ImageConfig(ctx, r.Base)
	var be *engine.BuildError
	if errors.As(err, &be) && ctx.Err() == nil { // the base is another stage or a named context: no layer is attributed to it
		return nil
	}
	if err == nil {
		r.baseIDs = cf.RootFS.DiffIDs
	}
	return err
}

// countBase counts how many of the image's layers are its base image's.
func (r *rung) countBase() {
	for r.base < len(r.baseIDs) && r.base < len(r.tree.Layers) && r.tree.Layers[r.base].DiffID == r.baseIDs[r.base] {
		r.base++
	}
}

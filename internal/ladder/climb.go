package ladder

import (
	"context"
	"errors"
	"fmt"
	"runtime"
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
	Checks   *check.File  // nil, or without checks: guessed from the original
	Source   string       // where Checks came from
	NoChecks bool
	Only     []string   // names of candidates; nil: all. The original is always built
	Allow    []string   // "libc": a candidate with another libc may win
	Binary   string     // this program's file, run inside candidates as their supervisor
	CacheDir string     // indexes of layers, kept between runs
	Jobs     int        // candidates at a time; 0: [DefaultJobs]
	Lock     *lock.File // what the carved candidate is made by; nil: its program is observed
	LockName string     // of the lock, for errors
}

// DefaultJobs is how many candidates are at work at a time: two for each processor, for a step that installs packages waits for the network
// half of its time.
func DefaultJobs() int { return 2 * runtime.GOMAXPROCS(0) }

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

	done    chan struct{} // closed when it was built, checked and measured; nil for the original and the carved one
	baseIDs []v1.Hash     // diff IDs of the base image
	from    *rung         // of the carved one: what it was made from
	lock    *lock.File    // of the carved one
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
	o      Options
	trial  *trial.Trial // its File is guessed from the original when the user gave none
	store  string
	slots  chan struct{} // one for each candidate at work
	passed chan struct{} // closed when the original has passed
	carved *rung         // made before all others were done; nil: not yet
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
	jobs := o.Jobs
	if jobs <= 0 {
		jobs = DefaultJobs()
	}
	c := &climb{
		Project: p, o: o, store: store, slots: make(chan struct{}, jobs), passed: make(chan struct{}),
		trial: &trial.Trial{File: o.Checks, Source: o.Source, Services: services, Binary: o.Binary},
	}
	var named []string
	if o.Checks != nil {
		named = append(named, string(o.Checks.YAML()))
	}
	if err := p.ScanContext(named...); err != nil {
		return nil, err
	}
	res := &Result{Report: report.Build{Schema: report.BuildSchema, Project: p.Dir, Engine: o.Engine.String(), Platform: o.Build.Platform}}
	res.Report.Checks.Source = o.Source
	if err := c.climb(ctx, res); errors.Is(err, ErrOriginal) {
		res.finish(c, start)
		return res, err
	} else if err != nil {
		return nil, err
	}
	if from := c.source(res); from != nil && c.carves() {
		if c.carved == nil || c.carved.Base != from.Name {
			if c.carved, err = c.carve(ctx, from, res.rungs[0]); err != nil {
				return nil, err
			}
		}
		res.rungs = append(res.rungs, c.carved)
	}
	res.judge(o)
	for w := res.find(res.Report.Winner); w != nil && !c.alone(); w = w.from {
		if w.tree == nil {
			if err := c.read(ctx, w); err != nil {
				return nil, err
			}
		}
	}
	res.finish(c, start)
	return res, nil
}

// climb builds, checks and measures everything that is made of Dockerfiles. The user's own other Dockerfiles are built
// beside the original, and checked when that has passed; what lighten makes of the original waits for what it tells.
func (c *climb) climb(ctx context.Context, res *Result) error {
	first := &rung{Candidate: c.First()}
	res.rungs = []*rung{first}
	var own, made []*rung
	for _, n := range c.Siblings {
		own = append(own, c.wanted(c.sibling(n))...)
	}
	whole := ctx
	g, ctx := errgroup.WithContext(ctx)
	c.slots <- struct{}{} // the original comes first
	g.Go(func() error {
		err := c.one(ctx, first, nil, &res.Report.Checks)
		<-c.slots
		if err != nil {
			return err
		}
		if first.report.Verdict == report.Failed {
			return ErrOriginal
		}
		close(c.passed)
		if c.alone() {
			return nil
		}
		evidence, err := c.evidence(ctx, first)
		if err != nil {
			return err
		}
		made = c.wanted(c.Made(evidence))
		c.start(ctx, g, made, first)
		if c.carves() && c.o.Lock == nil {
			return c.carveAhead(whole, ctx, first, slices.Concat([]*rung{first}, made, own))
		}
		return nil
	})
	c.start(ctx, g, own, first)
	if err := g.Wait(); err != nil {
		return err
	}
	res.rungs = append(append(res.rungs, made...), own...)
	return nil
}

// wanted are the candidates that --only leaves.
func (c *climb) wanted(all []Candidate) []*rung {
	var out []*rung
	for _, x := range all {
		if len(c.o.Only) == 0 || slices.Contains(c.o.Only, x.Name) {
			out = append(out, &rung{Candidate: x, done: make(chan struct{})})
		}
	}
	return out
}

// start has candidates built, checked and measured, as many at a time as there are slots. Those come first that may win: one
// of them is carved when all are done. It returns when the last has begun.
func (c *climb) start(ctx context.Context, g *errgroup.Group, rungs []*rung, original *rung) {
	loses := func(r *rung) bool { return !c.mayWin(r, original) }
	rungs = slices.Concat(slices.DeleteFunc(slices.Clone(rungs), loses), slices.DeleteFunc(slices.Clone(rungs), func(r *rung) bool { return !loses(r) }))
	for _, r := range rungs {
		c.slots <- struct{}{}
		g.Go(func() error {
			defer func() { <-c.slots }()
			defer close(r.done)
			return c.one(ctx, r, original, nil)
		})
	}
}

// carveAhead carves the lightest candidate as soon as those are done that may win: the ones on another C library, which are
// often the last, are still at work then. whole is the context of all that the climb's result is used for, ctx that of those others.
func (c *climb) carveAhead(whole, ctx context.Context, first *rung, all []*rung) error {
	var heirs Result
	for _, r := range all {
		if !c.mayWin(r, first) {
			continue
		}
		heirs.rungs = append(heirs.rungs, r)
		if r == first {
			continue
		}
		select {
		case <-r.done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	from := heirs.lightest(c.o)
	if from == nil {
		return nil
	}
	c.slots <- struct{}{}
	defer func() { <-c.slots }()
	// The image is read, to be written, when all of this is over: it must not end with the others' context, only with their failure.
	life, end := context.WithCancel(whole)
	stop := context.AfterFunc(ctx, end)
	var err error
	if c.carved, err = c.carve(life, from, first); err != nil || !stop() {
		end()
		return errors.Join(err, context.Cause(ctx))
	}
	return nil
}

// mayWin tells, by the base's name, whether a candidate that passes its checks can be the winner.
func (c *climb) mayWin(r, original *rung) bool {
	musl := func(r *rung) bool { return strings.Contains(r.Base, "alpine") }
	return musl(r) == musl(original) || slices.Contains(c.o.Allow, "libc")
}

// pass waits until the original has passed its checks. Others use the slot meanwhile.
func (c *climb) pass(ctx context.Context) error {
	<-c.slots
	defer func() { c.slots <- struct{}{} }()
	select {
	case <-c.passed:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
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
		if original != nil {
			if err := c.pass(ctx); err != nil {
				return err
			}
		}
		if c.o.NoChecks {
			return nil
		}
		if c.trial.File != nil && len(c.trial.File.Checks) > 0 {
			return c.prove(ctx, r, built)
		}
		// Only the original comes here: everything else waited for it.
		guess, why := check.Guess(built.Config(), c.hints())
		c.trial.File = c.trial.File.Guessing(guess)
		err := c.prove(ctx, r, built)
		if err == nil {
			why = append(why, c.trial.File.Settle(r.check)...)
		}
		*from = report.Checks{Source: "guessed", Why: why, YAML: string(c.trial.File.YAML())}
		return err
	})
	if err != nil {
		var be *engine.BuildError
		if ctx.Err() != nil || !errors.As(err, &be) {
			return err
		}
		if original == nil {
			if missed, e := c.missed(be.Log, "step"); e == nil && be.Hint == "" {
				be.Hint = strings.Join(missed, "; ")
			}
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
	if original == nil && r.report.Verdict == report.Failed {
		missed, err := c.missed(r.check.LogTail, "program")
		if err != nil {
			return err
		}
		r.report.Notes = append(r.report.Notes, missed...)
	}
	if original != nil { // with what all others are compared; of the winner they are read again
		r.tree, r.owners = nil, nil
	}
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
	out, err := c.trial.Run(ctx, built, trial.Options{Holdout: true, Answers: c.carves()}) // it may be the one to be carved
	if err != nil {
		return fmt.Errorf("checking %s: %w", r.Name, err)
	}
	r.check = out.Report
	return nil
}

// measure reads the candidate's files and sums them up. Those of an original that is compared with nothing are not read
// when it was summed up before.
func (c *climb) measure(ctx context.Context, r *rung) error {
	d, err := r.img.Digest()
	if err != nil {
		return fmt.Errorf("measuring %s: %w", r.Name, err)
	}
	known := sums{c.o.CacheDir}
	x := known.load(d)
	if x == nil || !c.alone() {
		if err := c.read(ctx, r); err != nil {
			return err
		}
	}
	if x == nil {
		x = &sum{r.tree.Measure(), len(r.owners.Packages())}
		known.save(d, *x)
	}
	r.report.Digest = d.String()
	r.report.PullBytes, r.report.DiskBytes, r.report.Layers, r.report.Files = x.Pull, x.Disk, x.Layers, x.Files
	r.report.Libc, r.report.User, r.report.Shell, r.report.Setuid = x.Libc, x.User, x.Shell, x.Setuid
	r.report.Packages = x.Packages
	if r.report.Setuid == nil {
		r.report.Setuid = []string{}
	}
	return nil
}

// read reads the candidate's files, and who owns them.
func (c *climb) read(ctx context.Context, r *rung) (err error) {
	if r.tree, err = image.ReadTree(ctx, r.img, treeOptions(c.o.CacheDir)); err != nil {
		return fmt.Errorf("measuring %s: %w", r.Name, err)
	}
	if r.owners, err = inventory.Read(r.tree); err != nil {
		return fmt.Errorf("measuring %s: %w", r.Name, err)
	}
	r.countBase()
	return nil
}

// alone tells whether nothing but the original is wanted.
func (c *climb) alone() bool {
	return len(c.o.Only) > 0 && !slices.ContainsFunc(c.o.Only, func(n string) bool { return n != Original })
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

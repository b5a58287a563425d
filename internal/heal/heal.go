// Package heal carves an image down to what its program needs, and proves that the result still works: it observes the
// program in the original, keeps what the evidence leads to, carves, tries the result, and puts back what the program
// misses, until it misses nothing and answers as the original does.
package heal

import (
	"context"
	"errors"
	"fmt"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lighten/lighten/internal/carve"
	"github.com/lighten/lighten/internal/check"
	"github.com/lighten/lighten/internal/closure"
	"github.com/lighten/lighten/internal/engine"
	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/inventory"
	"github.com/lighten/lighten/internal/lock"
	"github.com/lighten/lighten/internal/observe"
	"github.com/lighten/lighten/internal/trial"
)

// Options say how an image is carved and tried.
type Options struct {
	Engine   *engine.Engine
	Platform string // OS/ARCH; "": what the image says of itself
	Progress *engine.Progress
	Trial    *trial.Trial
	Level    closure.Level
	Keep     []string // globs of paths that stay whatever the evidence
	Drop     []string // globs of paths that go unless the evidence wants them
	Carve    carve.Options
	CacheDir string        // indexes of layers, kept between runs
	Rounds   int           // how often the image may be carved; 0: 20
	Asked    *check.Report // what img answered all checks in an untraced run before; nil: none, so it is asked once more

	Name  string // of the image, for its lock
	Guard bool   // label the carved image with what [lock.Guard] tells of its paths
}

const defaultRounds = 20

// ErrOriginal says that the original does not pass its own checks: nothing can be proved.
var ErrOriginal = errors.New("the original does not pass its own checks")

// Result is what came of it.
type Result struct {
	Tree      *image.Tree // of the original
	Inventory *inventory.Inventory
	Original  *check.Report // of the original, untraced
	Traced    *trial.Outcome

	Image       v1.Image // the carved image; nil when the original failed
	Keep        *closure.Keep
	Light       *check.Report   // of the carved image, untraced
	Tried       *observe.Record // what was looked up in it, before that
	Misses      []Miss          // what healing put back, in the order of its rounds
	Differences []check.Difference
	Unordered   []string // checks of which the order of lines was not compared: see [check.Unordered]
	Rounds      int      // how often it was carved
	Before      int      // hold-out checks that passed in the first carved image, before any healing: the honest figure
	Helped      []string // those that did not
	After       int      // and in the last
	Holdouts    int

	Rejected string // why the carved image must not be used; "" when it may
}

// Miss is a path that a program looked up in vain in a carved image, and that the original has.
type Miss struct {
	Path    string `json:"path"`
	Round   int    `json:"round"`           // the carved image in which it was missed, from 1
	Phase   string `json:"phase,omitempty"` // the check during which it was looked up
	By      string `json:"by,omitempty"`    // the program that looked it up
	Holdout bool   `json:"holdout,omitempty"`
}

// Carve carves img. What is wrong with the carved image stands in the result; an error is what kept the work from being
// done. With [ErrOriginal] the result says what the original failed.
func Carve(ctx context.Context, img v1.Image, o Options) (*Result, error) {
	h := newHealer(img, o)
	h.res.Holdouts = len(o.Trial.File.Holdout)
	defer func() { h.res.Tree.Release() }()
	defer func() { h.end() }()
	if err := h.read(ctx); err != nil {
		return nil, err
	}
	if err := h.observe(ctx); err != nil {
		return h.res, err
	}
	if err := h.rounds(ctx); err != nil {
		return nil, err
	}
	if h.res.Rounds == 1 && h.res.Rejected == "" { // nothing was put back: an answer that differed at first changes by itself
		h.res.Before, h.res.Helped = h.res.After, nil
	}
	h.res.Unordered = check.Unordered(h.answers)
	return h.res, h.compress(ctx)
}

// compress packs the result as densely as it goes. What is only tried is not packed.
func (h *healer) compress(ctx context.Context) (err error) {
	far := new(image.Progress)
	h.step("compressing the layers", far)
	if h.res.Image, err = image.Densest(ctx, h.res.Image, h.Options.Carve.Compression, far); err != nil {
		return err
	}
	_, err = h.res.Image.Digest() // of all that are compressed for it
	return err
}

// step tells what is done from now on and, unless that is nil, how far it gets.
func (h *healer) step(what string, far *image.Progress) {
	h.end()
	h.end = h.Progress.Step(what, far.Amount)
}

type healer struct {
	Options
	img      v1.Image
	end      func() // ends what is shown as being done
	res      *Result
	evidence []closure.Evidence
	answers  []*check.Report // of the original
	lock     *lock.File      // what is carved by; nil: what was observed
	mark     map[string]bool // what the engine kept before the first carved image

	withheld bool // something was looked up that is not taken as missed: see [closure.AskedInVain]
	inVain   bool // and it is now, because the image did not pass without
	modules  bool // likewise [closure.Input].Modules, at the level tight
}

func newHealer(img v1.Image, o Options) *healer {
	if o.Rounds == 0 {
		o.Rounds = defaultRounds
	}
	return &healer{Options: o, img: img, res: &Result{}, end: func() {}}
}

func (h *healer) read(ctx context.Context) error {
	o := closure.Rules()
	o.CacheDir, o.Aside, o.Progress = h.CacheDir, true, new(image.Progress) // every round carves from the layers again
	h.step("reading the layers of the original", o.Progress)
	var err error
	h.res.Tree, h.res.Inventory, err = read(ctx, h.img, o)
	if err != nil {
		return fmt.Errorf("reading the original: %w", err)
	}
	if h.Engine == nil {
		return nil
	}
	disk := h.res.Tree.Measure().Disk
	if h.Engine.Room(ctx, disk) == nil {
		return nil
	}
	h.res.Tree.Release() // what is set aside may be what is missing
	return h.Engine.Room(ctx, disk)
}

// Read reads an image's files and who owns them, as far as carving needs them.
func Read(ctx context.Context, img v1.Image, cacheDir string) (*image.Tree, *inventory.Inventory, error) {
	o := closure.Rules()
	o.CacheDir = cacheDir
	return read(ctx, img, o)
}

func read(ctx context.Context, img v1.Image, o image.TreeOptions) (*image.Tree, *inventory.Inventory, error) {
	t, err := image.ReadTree(ctx, img, o)
	if err != nil {
		return nil, nil, err
	}
	inv, err := inventory.Read(t)
	return t, inv, err
}

// observe runs the original: untraced for its answers, twice so that what changes from run to run is known, and traced
// for the evidence. The hold-out checks are never asked of a traced original.
func (h *healer) observe(ctx context.Context) error {
	return h.Engine.UseImage(ctx, h.img, h.Platform, h.Progress, func(ctx context.Context, b *engine.Built) error {
		if err := h.ask(ctx, b); err != nil {
			return err
		}
		h.step("observing the original", nil)
		var out *trial.Outcome
		for range observations {
			var err error
			if out, err = h.Trial.Run(ctx, b, trial.Options{Trace: true, Answers: true}); err != nil {
				return fmt.Errorf("observing the original: %w", err)
			}
			if out.Report.Passed() {
				break
			}
		}
		h.res.Traced = out
		if !out.Report.Passed() {
			// What the program does under observation is no evidence of what it needs; files alone say it then.
			out.Record.Untraced = "the checks do not pass while the program is observed: " + out.Report.FirstFailure()
		}
		h.evidence = append(h.evidence, closure.Evidence{Record: out.Record})
		return nil
	})
}

// observations is how often a program may fail its checks under observation: a signal that arrives while the kernel waits for the
// tracer to take a call makes that call fail with EINTR, where untraced it could not (seccomp_unotify(2)), and few programs try again.
const observations = 3

// ask checks the original, untraced and twice, with what it was asked before.
func (h *healer) ask(ctx context.Context, b *engine.Built) error {
	asked := h.Asked
	for n := range 2 {
		if n > 0 || asked == nil {
			h.step([]string{"checking the original", "checking the original again, for what differs from run to run"}[n], nil)
			out, err := h.Trial.Run(ctx, b, trial.Options{Holdout: true, Answers: true})
			if err != nil {
				return fmt.Errorf("checking the original: %w", err)
			}
			asked = out.Report
		}
		if n == 0 || asked.StartMillis < h.res.Original.StartMillis {
			h.res.Original = asked
		}
		h.answers = append(h.answers, asked)
		if !asked.Passed() {
			h.res.Original = asked
			return ErrOriginal
		}
	}
	return nil
}

func holdoutsPassed(r *check.Report) int {
	n := 0
	for _, x := range r.Results {
		if x.Holdout && x.Passed {
			n++
		}
	}
	return n
}

// rounds carves and tries until nothing is missed any more.
func (h *healer) rounds(ctx context.Context) error {
	for {
		h.res.Rounds++
		if err := h.carve(ctx); err != nil {
			return err
		}
		again, err := h.try(ctx)
		if err != nil || !again {
			return err
		}
		if h.res.Rounds == h.Options.Rounds {
			h.res.Rejected = fmt.Sprintf("after %d rounds of healing it still misses files", h.res.Rounds)
			return nil
		}
	}
}

func (h *healer) carve(ctx context.Context) error {
	h.step(fmt.Sprintf("carving, round %d", h.res.Rounds), nil)
	var err error
	h.res.Keep, err = closure.Make(closure.Input{
		Tree: h.res.Tree, Inventory: h.res.Inventory, Evidence: h.evidence, Level: h.Level, Keep: h.Options.Keep, Drop: h.Drop, InVain: h.inVain, Modules: h.modules,
	})
	if err != nil {
		return err
	}
	if err := h.Engine.Room(ctx, copies*h.res.Keep.Bytes()); err != nil {
		return err
	}
	return h.apply(ctx)
}

// copies is how often a carved image lies on the disk while it is tried: as its layers, as the engine's copy of these, unpacked.
const copies = 3

// apply carves by what is to be kept.
func (h *healer) apply(ctx context.Context) error {
	o, err := h.labelled()
	if err != nil {
		return err
	}
	h.res.Image, err = Apply(ctx, h.img, h.res.Tree, h.res.Keep, o)
	return err
}

// Apply carves an image by a Keep: groups of it become layers, which are not compressed, and the package databases tell of what is left.
func Apply(ctx context.Context, img v1.Image, t *image.Tree, k *closure.Keep, o carve.Options) (v1.Image, error) {
	o.Layers = closure.Groups()
	o.Keep = func(e *image.Entry) (int, bool) { return int(k.Group(e.Path)), k.Has(e.Path) }
	o.Replace, o.Plain = k.Rewritten, true
	return carve.Carve(ctx, img, t, o)
}

// try runs the carved image, traced for what it misses; when it misses nothing, untraced for the proof. It reports
// whether something was put back.
func (h *healer) try(ctx context.Context) (again bool, err error) {
	observed, err := decoys(ctx, h.res.Image, h.res.Keep)
	if err != nil {
		return false, err
	}
	h.step(fmt.Sprintf("looking for what the carved image misses, round %d", h.res.Rounds), nil)
	there, err := h.Engine.Mark(ctx)
	if err != nil {
		return false, err
	}
	if h.res.Rounds == 1 {
		h.mark = there
	}
	out, err := h.run(ctx, observed, trial.Options{Trace: true, Holdout: true, Answers: true})
	if err != nil {
		return false, fmt.Errorf("trying the carved image: %w", err)
	}
	// What is left of the rounds before is of no use. Layers that did not change stay, since this round's image has them.
	if err := h.Engine.Forget(ctx, h.mark, there); err != nil {
		return false, err
	}
	h.res.Tried = out.Record
	missed := h.missed(out)
	if h.res.Rounds == 1 {
		if err := h.before(ctx, out.Report); err != nil {
			return false, err
		}
	}
	if named := h.named(out.Report); missed || named {
		return true, nil
	}
	h.step("checking the carved image", nil)
	proof, err := h.run(ctx, h.res.Image, trial.Options{Holdout: true, Answers: true})
	if err != nil {
		return false, fmt.Errorf("checking the carved image: %w", err)
	}
	h.res.Light, h.res.After = proof.Report, holdoutsPassed(proof.Report)
	h.res.Differences = check.Compare(h.answers, proof.Report)
	if h.named(proof.Report) {
		return true, nil
	}
	if proof.Report.Passed() && len(h.res.Differences) > 0 {
		if err := h.again(ctx); err != nil {
			return false, err
		}
	}
	h.judge(h.res.Light)
	if h.res.Rounds == 1 {
		h.withoutDecoys()
	}
	return h.generous(), nil
}

// generous has a rejected image carved once more, with what no look-up brings back.
func (h *healer) generous() bool {
	switch {
	case h.res.Rejected == "" || h.lock != nil:
		return false
	case h.withheld && !h.inVain:
		h.inVain = true
	case h.Level == closure.Tight && !h.modules:
		h.modules = true
	default:
		return false
	}
	h.res.Rejected = ""
	return true
}

// run tries a carved image out.
func (h *healer) run(ctx context.Context, img v1.Image, o trial.Options) (out *trial.Outcome, err error) {
	o.Original = h.res.Original
	err = h.Engine.UseImage(ctx, img, h.Platform, h.Progress, func(ctx context.Context, b *engine.Built) error {
		out, err = h.Trial.Run(ctx, b, o)
		return err
	})
	return out, err
}

func (h *healer) judge(r *check.Report) {
	switch {
	case !r.Passed():
		h.res.Rejected = r.FirstFailure()
	case len(h.res.Differences) > 0:
		h.res.Rejected = "it answers otherwise than the original: " + h.res.Differences[0].String()
	}
}

// isHoldout tells the phase of a hold-out check.
func isHoldout(phase string) bool { return strings.HasPrefix(phase, "holdout ") }

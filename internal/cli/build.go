package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lighten/lighten/internal/access"
	"github.com/lighten/lighten/internal/check"
	"github.com/lighten/lighten/internal/dockerfile"
	"github.com/lighten/lighten/internal/engine"
	"github.com/lighten/lighten/internal/ladder"
	"github.com/lighten/lighten/internal/lock"
	"github.com/lighten/lighten/internal/report"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

const buildLong = `Build the program in DIR as its Dockerfile stands and in every lighter form that
fits, run the same checks in each, and compare: the lightest that passes wins.

The candidates are original (as it stands), tidy (same base, nothing wasteful),
slim (slim base of the same distribution), multi-stage (builder and final
stage), alpine (musl; wins only with --allow libc), distroless, and the
project's own Dockerfile.* files. Checks come from lighten.yaml beside the
Dockerfile; without it they are guessed, and the guess is printed to keep.

Exit code: 0 fine, 1 no candidate passes or a budget is exceeded, 2 the job
could not be done.`

const buildExamples = `  lighten build .                                    # compare everything
  lighten build . --list                             # what would be built, without building
  lighten build . --load --tag shop                  # the winner into the local Docker
  lighten build . --output oci:out:shop --compression zstd
  lighten build . -o registry.example/shop:1 --sbom spdx   # with the list of its packages attached
  lighten build . --candidate mine=Dockerfile.mine --allow libc
  lighten build . --only slim --diff                 # what slim changes
  lighten build . --lock lighten.lock                # what the candidate carved keeps, for review
  lighten build . --locked                           # carve by the lock, without observing
  lighten build . --budget pull=60MB --format json   # in CI`

// buildFlags are the flags of `lighten build`.
type buildFlags struct {
	file, checks, target, platform, format, progress, write, lock string
	only, allow, candidates, budget                               []string
	args, secrets, ssh, contexts, labels                          []string
	noChecks, noCache, pull, list, diff, locked                   bool
	jobs                                                          int
	out                                                           output
}

func buildCommand(g *global) *cobra.Command {
	b := &buildFlags{}
	c := &cobra.Command{
		Use: "build DIR", Short: "Build the program in every lighter form, check and compare them",
		Long: buildLong, Example: buildExamples, Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return b.run(c, g, args[0]) },
	}
	f := c.Flags()
	f.StringVarP(&b.file, "file", "f", "", "the Dockerfile, in the working directory or in DIR (default DIR/Dockerfile)")
	f.StringVar(&b.checks, "checks", "", "file with checks (default lighten.yaml beside the Dockerfile)")
	f.BoolVar(&b.noChecks, "no-checks", false, "build and measure only; nothing wins")
	f.StringSliceVar(&b.only, "only", nil, "build only these candidates beside the original")
	f.StringArrayVar(&b.candidates, "candidate", nil, "another Dockerfile that competes: NAME=FILE")
	f.StringSliceVar(&b.allow, "allow", nil, "let a candidate win although it changes: libc")
	f.BoolVar(&b.list, "list", false, "show the candidates without building")
	f.BoolVar(&b.diff, "diff", false, "show how candidates differ from the Dockerfile")
	f.StringVar(&b.write, "write", "", "save the winner's Dockerfile (with --list: that of --only) to this file")
	b.out.flags(c, "the winner", "the directory's name")
	f.StringVar(&b.lock, "lock", "", "save what the candidate carved keeps, and why, to this file; with --locked: carve by it")
	f.BoolVar(&b.locked, "locked", false, "carve by the lock (default lighten.lock beside the Dockerfile) instead of observing the program")
	f.StringArrayVar(&b.budget, "budget", nil, "exit 1 above it: pull=30MB or disk=100MB")
	f.StringVar(&b.format, "format", "table", "of the result: "+strings.Join(report.Formats, ", "))
	f.StringVar(&b.progress, "progress", "auto", "display on standard error: auto, tty, plain, quiet or rawjson")
	f.IntVar(&b.jobs, "jobs", ladder.DefaultJobs(), "candidates built at a time")
	f.StringVar(&b.target, "target", "", "stage to build of the original")
	f.StringVar(&b.platform, "platform", "", "OS/ARCH (default: this machine's)")
	f.StringArrayVar(&b.args, "build-arg", nil, "NAME=VALUE, or NAME to take it from the environment")
	f.StringArrayVar(&b.secrets, "secret", nil, "id=ID,src=FILE or id=ID,env=NAME")
	f.StringArrayVar(&b.ssh, "ssh", nil, "default, or ID=SOCKET|KEY")
	f.StringArrayVar(&b.contexts, "build-context", nil, "NAME=DIR, docker-image://REF or oci-layout://DIR")
	f.StringArrayVar(&b.labels, "label", nil, "NAME=VALUE for the image's configuration")
	f.BoolVar(&b.noCache, "no-cache", false, "run every step anew")
	f.BoolVar(&b.pull, "pull", false, "look for newer base images")
	fixed(c, map[string][]string{
		"format": report.Formats, "progress": progressKinds, "allow": {"libc"}, "only": ladder.Names,
	})
	return c
}

// stages names those that can be built.
func stages(d *dockerfile.Document) string {
	var names []string
	for _, s := range d.Stages {
		if s.Name != "" {
			names = append(names, s.Name)
		}
	}
	if len(names) == 0 {
		return "; none of its stages has a name"
	}
	return "; it has " + strings.Join(names, ", ")
}

func (b *buildFlags) run(c *cobra.Command, g *global, dir string) error {
	defer tightMemory(64<<20, 100)()
	if err := b.validate(); err != nil {
		return err
	}
	a, err := g.access()
	if err != nil {
		return err
	}
	extra, err := named(b.candidates)
	if err != nil {
		return err
	}
	p, err := ladder.Open(dir, b.file, extra, a)
	if err != nil {
		return err
	}
	for _, n := range b.only {
		if !p.Has(n) {
			return fmt.Errorf("reading --only %s: there is no such candidate; lighten build %s --list shows all", n, dir)
		}
	}
	template, err := b.template()
	if err != nil {
		return err
	}
	if b.target != "" && p.Doc.StageNamed(b.target) == nil {
		return fmt.Errorf("reading --target %s: %s has no such stage%s", b.target, p.File, stages(p.Doc))
	}
	p.Target, p.Doc.BuildArgs = b.target, template.Args
	if b.list {
		return b.show(c, p)
	}
	checks, source, err := b.readChecks(dir)
	if err != nil {
		return err
	}
	limits, err := limitsOf(checks, b.budget)
	if err != nil {
		return err
	}
	var lk *lock.File
	if b.locked {
		if b.lock == "" {
			b.lock = filepath.Join(dir, lock.Name)
		}
		if lk, err = readLock(b.lock); err != nil {
			return err
		}
	}
	binary, err := self()
	if err != nil {
		return err
	}
	layers := filepath.Join(g.stateDir(), "layers")
	e, err := g.open(c, a, ladder.Watch(layers))
	if err != nil {
		return err
	}
	defer e.Close()
	if template.Progress, err = engine.NewProgress(c.ErrOrStderr(), b.progress); err != nil {
		return err
	}
	res, err := p.Climb(c.Context(), ladder.Options{
		Engine: e, Build: template, Checks: checks, Source: source, NoChecks: b.noChecks, Only: b.only, Allow: b.allow,
		Binary: binary, CacheDir: layers, Jobs: b.jobs, Lock: lk, LockName: b.lock,
	})
	if perr := template.Progress.Close(); err == nil {
		err = perr
	}
	if err != nil && !errors.Is(err, ladder.ErrOriginal) {
		return err
	}
	shown := b.deliver(c, p, a, res, limits)
	if err != nil && errors.As(shown, &findings{}) { // that nothing wins is no finding where nothing was compared
		return fmt.Errorf("%w: nothing can be compared; mend it, or say in lighten.yaml what is to hold, and what it needs (env, services)", err)
	}
	return errors.Join(err, shown)
}

// deliver writes what was asked for, prints the report, and turns its verdict
// into an exit code.
func (b *buildFlags) deliver(c *cobra.Command, p *ladder.Project, a access.Config, res *ladder.Result, limits []report.Budget) error {
	rep := &res.Report
	if w := rep.Find(rep.Winner); w != nil {
		rep.Budget = within(limits, w.PullBytes, w.DiskBytes)
		var err error
		if rep.Written, rep.Bills, err = b.out.write(c, a, res.Image(rep.Winner), b.name(res)); err != nil {
			return err
		}
		if b.write != "" {
			if err := save(b.write, []byte(w.Dockerfile)); err != nil {
				return err
			}
			if rep.Context != nil && slices.Contains(ladder.Names[1:], w.Name) {
				if err := save(b.write+".dockerignore", []byte(rep.Context.Text)); err != nil {
					return err
				}
			}
		}
		rep.Next = b.next(c, p, res)
	}
	if err := b.saveLock(c, res); err != nil {
		return err
	}
	out := c.OutOrStdout()
	if slices.Contains(b.out.dests, "-") { // the image goes there
		out = c.ErrOrStderr()
	}
	if err := rep.Write(out, b.format, width(out)); err != nil {
		return err
	}
	if b.diff {
		for i := range rep.Candidates {
			fmt.Fprint(out, "\n", p.Diff(rep.Candidates[i].Name, []byte(rep.Candidates[i].Dockerfile)))
		}
	}
	switch {
	case rep.Winner == "" && !b.noChecks:
		return findings{"no candidate passes"}
	case slices.ContainsFunc(rep.Budget, report.Budget.Over):
		return findings{"the winner is over budget"}
	}
	return nil
}

func (b *buildFlags) validate() error {
	if err := b.out.check(); err != nil {
		return err
	}
	if b.lock != "" && !b.locked {
		if err := canSave(b.lock); err != nil {
			return err
		}
	}
	if b.jobs < 1 {
		return fmt.Errorf("reading --jobs %d: want 1 or more", b.jobs)
	}
	if !slices.Contains(report.Formats, b.format) {
		return fmt.Errorf("reading --format %q: want one of %s", b.format, strings.Join(report.Formats, ", "))
	}
	for _, x := range b.allow {
		if x != "libc" {
			return fmt.Errorf("reading --allow %q: only libc is known", x)
		}
	}
	if slices.Contains(b.out.dests, "-") && b.format != "table" {
		return fmt.Errorf("reading --output -: the image and the %s report cannot both go to standard output; write one to a file", b.format)
	}
	if b.locked && b.noChecks {
		return errors.New("reading the flags: --no-checks carves nothing, so --locked has nothing to act on")
	}
	if b.noChecks && (len(b.out.dests) > 0 || b.out.load || len(b.out.bills) > 0 || len(b.budget) > 0) {
		return errors.New("reading the flags: --no-checks finds no winner, so --output, --load, --sbom and --budget have nothing to act on")
	}
	return nil
}

func named(settings []string) ([]ladder.Named, error) {
	var out []ladder.Named
	for _, s := range settings {
		n, f, ok := strings.Cut(s, "=")
		if !ok || n == "" || f == "" {
			return nil, fmt.Errorf("reading --candidate %q: want NAME=FILE", s)
		}
		out = append(out, ladder.Named{Name: n, File: f})
	}
	return out, nil
}

func (b *buildFlags) readChecks(dir string) (*check.File, string, error) {
	path, optional := b.checks, false
	if path == "" {
		path, optional = filepath.Join(dir, "lighten.yaml"), true
	}
	src, err := os.ReadFile(path)
	if optional && errors.Is(err, os.ErrNotExist) {
		return nil, "guessed", nil
	}
	if err != nil {
		return nil, "", fmt.Errorf("reading the checks: %w", err)
	}
	f, err := check.Parse(path, src)
	return f, path, err
}

// limitsOf joins the limits of the checks file and those of --budget, which win.
func limitsOf(f *check.File, flags []string) ([]report.Budget, error) {
	var out []report.Budget
	if f != nil {
		if f.Budget.Pull > 0 {
			out = append(out, report.Budget{What: "pull", Limit: int64(f.Budget.Pull)})
		}
		if f.Budget.Disk > 0 {
			out = append(out, report.Budget{What: "disk", Limit: int64(f.Budget.Disk)})
		}
	}
	for _, s := range flags {
		what, size, ok := strings.Cut(s, "=")
		n, err := check.ParseSize(size)
		if !ok || err != nil || what != "pull" && what != "disk" {
			return nil, fmt.Errorf("reading --budget %q: want pull=SIZE or disk=SIZE, such as pull=30MB", s)
		}
		out = slices.DeleteFunc(out, func(x report.Budget) bool { return x.What == what })
		out = append(out, report.Budget{What: what, Limit: int64(n)})
	}
	return out, nil
}

// within says what an image needs of each limit.
func within(limits []report.Budget, pull, disk int64) []report.Budget {
	out := slices.Clone(limits)
	for i := range out {
		out[i].Found = pull
		if out[i].What == "disk" {
			out[i].Found = disk
		}
	}
	return out
}

// template is what all builds of a run share.
func (b *buildFlags) template() (engine.Build, error) {
	t := engine.Build{Target: b.target, Platform: b.platform, NoCache: b.noCache, Pull: b.pull, Secrets: b.secrets, SSH: b.ssh}
	var err error
	if t.Args, err = pairs("--build-arg", b.args, true); err != nil {
		return t, err
	}
	if t.Contexts, err = pairs("--build-context", b.contexts, false); err != nil {
		return t, err
	}
	if t.Labels, err = pairs("--label", b.labels, false); err != nil {
		return t, err
	}
	if s := os.Getenv("SOURCE_DATE_EPOCH"); s != "" {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return t, fmt.Errorf("reading SOURCE_DATE_EPOCH=%q: want seconds since 1970", s)
		}
		at := time.Unix(n, 0).UTC()
		t.Epoch = &at
	}
	return t, nil
}

func pairs(flag string, settings []string, fromEnv bool) (map[string]string, error) {
	out := map[string]string{}
	for _, s := range settings {
		k, v, ok := strings.Cut(s, "=")
		if !ok && fromEnv {
			v, ok = os.LookupEnv(k)
			if !ok {
				continue // as docker does: an argument without a value is not set
			}
		}
		if !ok || k == "" {
			return nil, fmt.Errorf("reading %s %q: want NAME=VALUE", flag, s)
		}
		out[k] = v
	}
	return out, nil
}

// width is the terminal's, 0 when the output is no terminal.
func width(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0
	}
	n, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return n
}

package cli

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/spf13/cobra"

	"github.com/lighten/lighten/internal/access"
	"github.com/lighten/lighten/internal/carve"
	"github.com/lighten/lighten/internal/check"
	"github.com/lighten/lighten/internal/closure"
	"github.com/lighten/lighten/internal/engine"
	"github.com/lighten/lighten/internal/heal"
	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/lock"
	"github.com/lighten/lighten/internal/report"
	"github.com/lighten/lighten/internal/trial"
)

const carveLong = `Carve an image down to what its program needs, without its source, and prove that
it still works.

The program runs in the original while its checks are asked, and every path that
it looks up is evidence. What the evidence leads to stays: whole packages at the
level safe, touched files and what these need at the level tight. The carved
image then runs the same checks and the hold-out checks, from which no evidence
came; what the program looks up in vain and the original has is put back, until
nothing is missed and the answers are the original's.

Checks come from --checks, or lighten.yaml in the working directory; without
either they are guessed from the image's configuration.

With --lock FILE what stays is written down, with its reasons: packages and
directories first, single paths where a part stays. With --locked the image is
carved by that file and nothing is run; an image that no longer fits it (a
package of another version, a listed path that is gone) is refused.

Of an index, the image for this machine is carved. --platform names another one,
several (linux/amd64,linux/arm64) or all: then the result is an index. What cannot
be run here is not carved: that is an error, or with --skip-platforms left out.
With --locked nothing is run, so every platform with a lock can be carved anywhere;
of several platforms each has a lock of its own, such as lighten.linux-arm64.lock.

--sbom lists the packages that are left, attached to the result in registries and
OCI layouts, or in a file.

Exit code: 0 fine, 1 the carved image does not do what the original does, or a
budget is exceeded, 2 the job could not be done.`

const carveExamples = `  lighten carve python:3.11-app --checks lighten.yaml --output oci:light
  lighten carve docker-daemon:shop:latest --load --tag shop:light
  lighten carve docker-archive:shop.tar --level tight -o docker-archive:light.tar
  lighten carve shop:1 --lock lighten.lock -o oci:light     # what stays, and why, for review
  lighten carve shop:2 --locked -o oci:light                # by that lock, without running anything
  lighten carve shop:1 --guard -o oci:light                 # and then: lighten why oci:light /usr/bin/perl
  lighten carve shop:1 -o registry.example/shop:light --sbom spdx --sbom cyclonedx=shop.cdx.json
  lighten carve registry.example/shop --platform all -o registry.example/shop:light
  lighten carve registry.example/shop --keep '/app/plugins/**' -o registry.example/shop:light`

// carveFlags are the flags of `lighten carve`.
type carveFlags struct {
	checks, level, format, progress, lock string
	keep, drop, budget                    []string
	squash, locked, guard                 bool
	platforms
	out output
}

func carveCommand(g *global) *cobra.Command {
	k := &carveFlags{}
	c := &cobra.Command{
		Use: "carve IMAGE", Short: "Carve an image down to what its program needs, and prove that it still works",
		Long: carveLong, Example: carveExamples, Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return k.run(c, g, args[0]) },
	}
	f := c.Flags()
	f.StringVar(&k.checks, "checks", "", "file with checks (default lighten.yaml here, else guessed)")
	k.platforms.flags(c)
	f.StringVar(&k.level, "level", "", "safe: whole packages; tight: touched files and what these need (default: the checks file's, else safe)")
	f.StringArrayVar(&k.keep, "keep", nil, "glob of paths that stay whatever the evidence, such as '/app/plugins/**'")
	f.StringArrayVar(&k.drop, "drop", nil, "glob of paths that go unless the evidence wants them")
	f.StringVar(&k.lock, "lock", "", "save what stays, and why, to this file for review; with --locked: carve by it (default lighten.lock)")
	f.BoolVar(&k.locked, "locked", false, "carve as the lock says, without running anything; fails when the image no longer fits")
	f.BoolVar(&k.guard, "guard", false, "label the result with what stays and what went, for lighten why")
	f.BoolVar(&k.squash, "squash", false, "one layer, instead of system, runtime, dependencies and application")
	k.out.flags(c, "the result", "that of the image, with :light")
	f.StringArrayVar(&k.budget, "budget", nil, "exit 1 above it: pull=30MB or disk=100MB")
	f.StringVar(&k.format, "format", "table", "of the result: "+strings.Join(report.Formats, ", "))
	f.StringVar(&k.progress, "progress", "auto", "display on standard error: auto, tty, plain, quiet or rawjson")
	fixed(c, map[string][]string{
		"format": report.Formats, "progress": progressKinds, "level": {string(closure.Safe), string(closure.Tight)},
	})
	return c
}

func (k *carveFlags) run(c *cobra.Command, g *global, ref string) (err error) {
	defer tightMemory(64<<20, 30)()
	r := &carveRun{carveFlags: k, c: c, g: g, ref: ref, start: time.Now()}
	if err := k.check(); err != nil {
		return err
	}
	if r.access, err = g.access(); err != nil {
		return err
	}
	defer r.close()
	if k.several() {
		return r.index()
	}
	img, err := openImage(c, r.access, ref, k.platform)
	if err != nil {
		return err
	}
	done, err := r.one(img, k.platform)
	if done == nil {
		return err
	}
	return errors.Join(err, r.deliver(done))
}

// check finds mistakes before anything is done.
func (k *carveFlags) check() error {
	if !slices.Contains(report.Formats, k.format) {
		return fmt.Errorf("reading --format %q: want one of %s", k.format, strings.Join(report.Formats, ", "))
	}
	if slices.Contains(k.out.dests, "-") && k.format != "table" {
		return fmt.Errorf("reading --output -: the image and the %s report cannot both go to standard output; write one to a file", k.format)
	}
	if k.locked && (k.level != "" || k.keep != nil || k.drop != nil) {
		return errors.New("reading the flags: with --locked the lock says what stays, so --level, --keep and --drop have nothing to act on; carve with --lock to write another")
	}
	if err := k.platforms.check(); err != nil {
		return err
	}
	if k.locked && k.lock == "" {
		k.lock = lock.Name
	}
	if k.lock != "" && !k.locked {
		if err := canSave(k.lock); err != nil {
			return err
		}
	}
	return k.out.check()
}

// carveRun is one run of `lighten carve`.
type carveRun struct {
	*carveFlags
	c      *cobra.Command
	g      *global
	access access.Config
	ref    string
	engine *engine.Engine // nil until something is run
	start  time.Time
}

// carvedImage is what came of one image.
type carvedImage struct {
	report *report.Carve
	result *heal.Result
}

// open starts the engine, once.
func (r *carveRun) open() (err error) {
	if r.engine == nil {
		r.engine, err = r.g.open(r.c, r.access, nil)
	}
	return err
}

func (r *carveRun) close() {
	if r.engine != nil {
		r.engine.Close()
	}
}

// one carves an image. When the original does not pass its checks, what is known comes with [heal.ErrOriginal].
func (r *carveRun) one(img v1.Image, platform string) (*carvedImage, error) {
	file, checks, err := imageChecks(r.checks, img)
	if err != nil {
		return nil, err
	}
	limits, err := limitsOf(file, r.budget)
	if err != nil {
		return nil, err
	}
	var done *carvedImage
	if r.locked {
		done, err = r.byLock(img, platform)
	} else {
		done, err = r.observed(img, platform, file, checks)
	}
	if done != nil && done.report.Light != nil {
		done.report.Budget = within(limits, done.report.Light.PullBytes, done.report.Light.DiskBytes)
	}
	return done, err
}

// observed carves by what is seen of the program.
func (r *carveRun) observed(img v1.Image, platform string, file *check.File, checks report.Checks) (*carvedImage, error) {
	if err := r.open(); err != nil {
		return nil, err
	}
	o, err := r.options(file, platform)
	if err != nil {
		return nil, err
	}
	if o.Trial, err = newTrial(file, checks.Source); err != nil {
		return nil, err
	}
	if o.Progress, err = engine.NewProgress(r.c.ErrOrStderr(), r.progress); err != nil {
		return nil, err
	}
	res, err := heal.Carve(r.c.Context(), img, o)
	if perr := o.Progress.Close(); err == nil {
		err = perr
	}
	if err != nil && !errors.Is(err, heal.ErrOriginal) {
		return nil, err
	}
	rep, merr := carveReport(r.c.Context(), res)
	if merr != nil {
		return nil, errors.Join(err, merr)
	}
	rep.Image, rep.Engine, rep.Platform, rep.Level, rep.Checks = r.ref, r.engine.String(), platform, string(o.Level), checks
	rep.Advice = carveAdvice(res, o.Level)
	if rep.Verdict == report.Passed {
		rep.Notes = append(rep.Notes, notTried(file)...)
	}
	if r.lock != "" && rep.Verdict == report.Passed {
		rep.Lock = r.lockOf(platform)
		f, err := res.Lock(o)
		if err == nil {
			err = saveLock(rep.Lock, f)
		}
		if err != nil {
			return nil, err
		}
	}
	return &carvedImage{rep, res}, err
}

// newTrial is how images are tried with the checks of a file.
func newTrial(f *check.File, source string) (*trial.Trial, error) {
	binary, err := self()
	if err != nil {
		return nil, err
	}
	services, err := trial.Services(f, source, filepath.Dir(source))
	if err != nil {
		return nil, err
	}
	return &trial.Trial{File: f, Source: source, Services: services, Binary: binary}, nil
}

func (r *carveRun) options(f *check.File, platform string) (heal.Options, error) {
	o := heal.Options{
		Engine: r.engine, Name: r.ref, Guard: r.guard, Platform: platform, Level: cmp.Or(closure.Level(r.level), closure.Level(f.Level), closure.Safe),
		CacheDir: filepath.Join(r.g.stateDir(), "layers"), Keep: slices.Concat(f.Keep, r.keep), Drop: slices.Concat(f.Drop, r.drop),
		Carve: carve.Options{Squash: r.squash, Compression: image.Compression(r.out.compression), Comment: "lighten carve"},
	}
	if o.Level != closure.Safe && o.Level != closure.Tight {
		return o, fmt.Errorf("reading --level %q: want safe or tight", r.level)
	}
	return o, nil
}

// deliver writes what was asked for, prints the report, and turns its verdict into an exit code.
func (r *carveRun) deliver(done *carvedImage) error {
	rep := done.report
	if rep.Verdict == report.Passed || rep.Verdict == report.Unchecked {
		name := cmp.Or(r.out.tag, lightName(rep.Image))
		var err error
		if rep.Written, rep.Bills, err = r.out.write(r.c, r.access, done.result.Image, name); err != nil {
			return err
		}
		if len(rep.Written) == 0 {
			less := []string{"lock"} // it is written already
			if r.locked {
				less = nil
			}
			rep.Next = []string{"lighten carve " + quote(rep.Image) + same(r.c, less...) + " --load --tag " + name}
		}
	}
	rep.Seconds = time.Since(r.start).Seconds()
	if err := rep.Write(r.c.OutOrStdout(), r.format); err != nil {
		return err
	}
	return found(rep)
}

// found is the error of a carved image that is not as it should be.
func found(rep *report.Carve) error {
	switch {
	case rep.Verdict == report.Failed && rep.Light != nil:
		return findings{"the carved image does not do what the original does"}
	case slices.ContainsFunc(rep.Budget, report.Budget.Over):
		return findings{"the carved image is over budget"}
	}
	return nil
}

// lightName is the name of the carved form of an image: the same repository, tag light.
func lightName(ref string) string {
	for _, t := range []string{"docker://", "docker-daemon:", "podman:", "containerd:"} {
		ref = strings.TrimPrefix(ref, t)
	}
	if ref == "-" || strings.ContainsAny(ref, "@") || strings.Contains(ref, "archive:") || strings.HasPrefix(ref, "oci:") {
		return "carved:light"
	}
	if i := strings.LastIndexByte(ref, ':'); i > strings.LastIndexByte(ref, '/') {
		ref = ref[:i]
	}
	return ref + ":light"
}

// openImage opens the image that a user names.
func openImage(c *cobra.Command, a access.Config, ref, platform string) (v1.Image, error) {
	o := image.Options{Access: a, Stdin: c.InOrStdin()}
	if platform != "" {
		p, err := v1.ParsePlatform(platform)
		if err != nil {
			return nil, fmt.Errorf("reading --platform %q: %w", platform, err)
		}
		o.Platform = p
	}
	return image.Open(c.Context(), ref, o)
}

// imageChecks reads the checks that the user names, those in the working directory, or guesses.
func imageChecks(path string, img v1.Image) (*check.File, report.Checks, error) {
	optional := path == ""
	if optional {
		path = "lighten.yaml"
	}
	src, err := os.ReadFile(path)
	var own *check.File
	if err == nil {
		if own, err = check.Parse(path, src); err != nil || len(own.Checks) > 0 {
			return own, report.Checks{Source: path}, err
		}
	}
	if err != nil && (!optional || !errors.Is(err, os.ErrNotExist)) {
		return nil, report.Checks{}, fmt.Errorf("reading the checks: %w", err)
	}
	cfg, err := img.ConfigFile()
	if err != nil {
		return nil, report.Checks{}, fmt.Errorf("reading the image's configuration: %w", err)
	}
	guess, why := check.Guess(cfg, check.Hints{})
	f := own.Guessing(guess)
	return f, report.Checks{Source: "guessed", Why: why, YAML: string(f.YAML())}, nil
}

// Package trial tries an image out: it starts its program with the services it needs, inside the engine, and tells what the checks found.
package trial

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lighten/lighten/internal/check"
	"github.com/lighten/lighten/internal/engine"
	"github.com/lighten/lighten/internal/observe"
)

// Trial is what the same checks ask of several images. Its methods may be called concurrently; runs wait for each other, so that
// start-up times compare.
type Trial struct {
	File     *check.File
	Source   string                  // where File came from, for errors
	Services map[string]engine.Build // those of File's services that are built from a Dockerfile; see [Services]
	Binary   string                  // this program's file, run inside the image as supervisor

	one sync.Mutex
}

// Options say how an image is tried.
type Options struct {
	Trace   bool // record what the program looks up
	Holdout bool // ask the hold-out checks too
	Answers bool // keep what was answered, to be compared with another image's answers

	Original *check.Report // of the image that this is a lighter form of, which passed; nil: it is none
}

// Outcome is what came of it.
type Outcome struct {
	Report *check.Report
	Record *observe.Record // nil unless it was traced
}

// Services reads the Dockerfiles of the services that are built, whose directories are named relative to dir. Source names the file
// that mentions them.
func Services(f *check.File, source, dir string) (map[string]engine.Build, error) {
	out := map[string]engine.Build{}
	if f == nil {
		return out, nil
	}
	for _, name := range slices.Sorted(maps.Keys(f.Services)) {
		s := f.Services[name]
		if s.Build == "" {
			continue
		}
		context := filepath.Join(dir, s.Build)
		file := filepath.Join(context, "Dockerfile")
		src, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("reading service %q of %s: %w", name, source, err)
		}
		out[name] = engine.Build{Name: name, Context: context, Dockerfile: src, Filename: file}
	}
	return out, nil
}

// Run runs the program of the image and asks the checks. Checks that fail stand in the report; an error is what kept them from
// being asked.
func (t *Trial) Run(ctx context.Context, b *engine.Built, o Options) (*Outcome, error) {
	roots, err := t.start(ctx, b)
	if err != nil {
		return nil, err
	}
	configs, hosts := map[string]*v1.ConfigFile{}, map[string]string{}
	for name, r := range roots {
		configs[name], hosts[name] = r.Config(), "127.0.0.1"
	}
	plan, err := check.NewPlan(t.File, b.Config(), configs)
	if err != nil {
		return nil, err
	}
	if !o.Holdout {
		plan.Holdout = nil
	}
	plan.Trace, plan.Answers = o.Trace, o.Answers
	if o.Original != nil {
		plan.Form, plan.Known = true, o.Original.Missing
	}
	js, err := plan.Marshal()
	if err != nil {
		return nil, err
	}
	limits := plan.Limits.WithDefaults()
	t.one.Lock()
	defer t.one.Unlock()
	name := "run the checks"
	if o.Trace {
		name = "run the checks, traced"
	}
	out, err := b.Run(ctx, engine.Run{
		Name: name, Args: check.SupervisorArgs(), Binary: t.Binary, Network: t.File.Network, Hosts: hosts, Roots: roots,
		Files: map[string][]byte{check.PlanFile: js}, Outputs: []string{check.ReportFile, check.RecordFile}, Timeout: plan.Deadline() + 30*time.Second,
		// The supervisor ends what exceeds its limits; the engine holds on while it does.
		Processes: limits.Processes + 128, Memory: int64(limits.Memory) + 64<<20,
	})
	if killed(err) {
		got := &Outcome{Report: plan.Killed()}
		if o.Trace {
			got.Record = &observe.Record{Untraced: got.Report.Error}
		}
		return got, nil
	}
	if err != nil {
		return nil, fmt.Errorf("running the checks: %w", err)
	}
	report, err := check.ParseReport(out[check.ReportFile])
	if err != nil {
		return nil, fmt.Errorf("running the checks: %w", err)
	}
	got := &Outcome{Report: report}
	if o.Trace {
		if got.Record, err = check.ParseRecord(out[check.RecordFile]); err != nil {
			return nil, fmt.Errorf("running the checks: %w", err)
		}
	}
	return got, nil
}

// killed tells whether the supervisor was ended by SIGKILL.
func killed(err error) bool {
	var ended *engine.BuildError
	return errors.As(err, &ended) && ended.ExitCode == 128+int(syscall.SIGKILL)
}

// start makes the services' images ready.
func (t *Trial) start(ctx context.Context, b *engine.Built) (map[string]*engine.Built, error) {
	roots := map[string]*engine.Built{}
	for _, name := range slices.Sorted(maps.Keys(t.File.Services)) {
		var err error
		if s := t.File.Services[name]; s.Build == "" {
			roots[name], err = b.Image(ctx, s.Image)
		} else if build, ok := t.Services[name]; ok {
			roots[name], err = b.Also(ctx, build)
		} else {
			err = fmt.Errorf("the Dockerfile in %s was not read", s.Build)
		}
		if err != nil {
			return nil, fmt.Errorf("starting service %q of %s: %w", name, t.Source, err)
		}
	}
	return roots, nil
}

// Package engine builds Dockerfiles and runs programs in what came out, with BuildKit.
//
// BuildKit is embedded in this process (the default), or the one in a Docker daemon, or a buildkitd elsewhere. All are
// the same client, and the Dockerfile frontend runs in this process, so all read the same Dockerfile language.
package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/moby/buildkit/client"

	"github.com/lighten/lighten/internal/access"
	"github.com/lighten/lighten/internal/engine/docker"
	"github.com/lighten/lighten/internal/engine/embedded"
)

// Version is BuildKit's release that is embedded.
const Version = "v0.34.2"

// Options say which engine, and how it reaches the world.
type Options struct {
	// Address is "" or "embedded"; "docker" or "docker://SOCKET"; "unix://SOCKET" or "tcp://HOST:PORT" of a buildkitd.
	Address string
	State   string        // directory kept between runs; "": [DefaultState]
	Wait    bool          // wait for another process on the same state instead of failing
	Access  access.Config // registries, certificate authority, proxies
	Warn    func(string)  // receives what the user should know; nil: dropped
	Watch   Watch         // sees the content of layers that the embedded engine unpacks or makes, on its way; nil: nobody does
}

// Watch is asked about each layer that is unpacked or made.
type Watch = embedded.Watch

// Engine is an open engine. Its methods may be called concurrently.
type Engine struct {
	opts    Options
	name    string
	client  *client.Client
	inner   *embedded.Engine // nil unless embedded
	docker  *docker.Daemon   // nil unless Docker's
	lock    *embedded.Lock   // nil unless embedded
	scratch string           // emptied on Close, and at the next Open when this process is killed

	mu       sync.Mutex
	binaries map[string]string // host file -> copy in scratch named "lighten"
}

// DefaultState is $LIGHTEN_STATE, else lighten below $XDG_STATE_HOME or ~/.local/state.
func DefaultState() string {
	if d := os.Getenv("LIGHTEN_STATE"); d != "" {
		return d
	}
	if d := os.Getenv("XDG_STATE_HOME"); d != "" {
		return filepath.Join(d, "lighten")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return filepath.Join(os.TempDir(), fmt.Sprintf("lighten-%d", os.Getuid()))
	}
	return filepath.Join(home, ".local", "state", "lighten")
}

// Open starts or reaches the engine. For the embedded one it takes the state directory (a [*embedded.HeldError] says who
// has it) and clears what a killed run left there.
func Open(ctx context.Context, o Options) (*Engine, error) {
	if o.State == "" {
		o.State = DefaultState()
	}
	if o.Warn == nil {
		o.Warn = func(string) {}
	}
	state, err := filepath.Abs(o.State)
	if err != nil {
		return nil, fmt.Errorf("finding the state directory %s: %w", o.State, err)
	}
	o.State = state
	e := &Engine{opts: o, binaries: map[string]string{}}
	switch kind, rest, _ := strings.Cut(o.Address, "://"); kind {
	case "", "embedded":
		err = e.openEmbedded(ctx)
	case "docker":
		err = e.openDocker(ctx, rest)
	case "unix", "tcp":
		err = e.openRemote(ctx)
	default:
		return nil, fmt.Errorf("opening engine %q: unknown kind: give embedded, docker, docker://SOCKET, unix://SOCKET or tcp://HOST:PORT", o.Address)
	}
	if err != nil {
		return nil, err
	}
	return e, nil
}

func (e *Engine) openEmbedded(ctx context.Context) error {
	if os.Geteuid() != 0 {
		return embedded.ErrNotRoot
	}
	if _, err := embedded.Runtime(); err != nil {
		return err
	}
	lock, err := embedded.TakeLock(ctx, e.opts.State, e.opts.Wait, e.opts.Warn)
	if err != nil {
		return err
	}
	// Overlay mounts name their layers by path: the directory's own name must be free of symbolic links.
	if e.opts.State, err = filepath.EvalSymlinks(e.opts.State); err != nil {
		return errors.Join(err, lock.Release())
	}
	if _, err := embedded.Sweep(ctx, e.opts.State); err != nil {
		return errors.Join(err, lock.Release())
	}
	temp := embedded.Scratch(e.opts.State)
	if err := os.MkdirAll(temp, 0o700); err != nil {
		return errors.Join(fmt.Errorf("making %s: %w", temp, err), lock.Release())
	}
	if e.scratch, err = os.MkdirTemp(temp, "run-"); err != nil {
		return errors.Join(fmt.Errorf("making a temporary directory: %w", err), lock.Release())
	}
	inner, err := embedded.New(embedded.Options{State: e.opts.State, Access: e.opts.Access, Watch: e.opts.Watch, Warn: e.opts.Warn})
	if err != nil {
		return errors.Join(err, lock.Release())
	}
	c, err := inner.Client(ctx)
	if err != nil {
		return errors.Join(err, inner.Close(), lock.Release())
	}
	e.inner, e.client, e.lock, e.name = inner, c, lock, "embedded BuildKit "+Version
	return nil
}

func (e *Engine) openDocker(ctx context.Context, socket string) error {
	d, err := docker.Open(ctx, socket)
	if err != nil {
		return err
	}
	c, err := d.Client(ctx)
	if err != nil {
		return errors.Join(err, d.Close())
	}
	e.docker, e.client, e.name = d, c, "BuildKit in "+d.String()
	return e.makeScratch()
}

// remoteDeadline is how long a daemon may take to answer at all.
const remoteDeadline = 10 * time.Second

func (e *Engine) openRemote(ctx context.Context) error {
	c, err := client.New(ctx, e.opts.Address)
	if err != nil {
		return fmt.Errorf("reaching buildkitd at %s: %w", e.opts.Address, err)
	}
	ictx, cancel := context.WithTimeout(ctx, remoteDeadline)
	defer cancel()
	workers, err := c.ListWorkers(ictx)
	if err != nil {
		return errors.Join(fmt.Errorf("reaching buildkitd at %s: %w: check that it runs and that you may use its socket", e.opts.Address, err), c.Close())
	}
	version := ""
	if len(workers) > 0 {
		version = " " + workers[0].BuildkitVersion.Version
	}
	e.client, e.name = c, "buildkitd"+version+" at "+e.opts.Address
	return e.makeScratch()
}

func (e *Engine) makeScratch() error {
	dir, err := os.MkdirTemp("", "lighten-")
	if err != nil {
		return errors.Join(fmt.Errorf("making a temporary directory: %w", err), e.client.Close())
	}
	e.scratch = dir
	return nil
}

// String names the engine and its version.
func (e *Engine) String() string { return e.name }

// TempDir makes a directory that lives until Close, on the file system of the engine's own blobs: images exported to
// a directory below it take no further space. What a killed process leaves is removed at the next Open.
func (e *Engine) TempDir(name string) (string, error) {
	dir, err := os.MkdirTemp(e.scratch, name+"-")
	if err != nil {
		return "", fmt.Errorf("making a temporary directory: %w", err)
	}
	return dir, nil
}

// Close stops the engine, removes its temporary directories and frees the state.
func (e *Engine) Close() error {
	errs := []error{e.client.Close()}
	if e.inner != nil {
		errs = append(errs, e.inner.Close())
	}
	if e.docker != nil {
		errs = append(errs, e.docker.Close())
	}
	errs = append(errs, os.RemoveAll(e.scratch))
	if e.lock != nil {
		errs = append(errs, e.lock.Release())
	}
	return errors.Join(errs...)
}

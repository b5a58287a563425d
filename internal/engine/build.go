package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	dockerfile "github.com/moby/buildkit/frontend/dockerfile/builder"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	gw "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/util/entitlements"

	"github.com/distribution/reference"
)

// dockerfileName is the Dockerfile's name towards the engine; what the user reads has its own name in its place.
const dockerfileName = "Dockerfile"

// Build is one Dockerfile to build.
type Build struct {
	Name       string            // prefix of its steps in the progress display, e.g. "slim"
	Context    string            // directory
	Dockerfile []byte            // its text
	Filename   string            // the name shown in errors; need not exist on disk; "": Dockerfile
	Ignore     []byte            // the text of .dockerignore; nil: FILENAME.dockerignore or .dockerignore of the context
	Target     string            // stage; "": the last
	Platform   string            // OS/ARCH; "": this machine's
	Args       map[string]string // build arguments
	NoCache    bool              // run every step anew
	Pull       bool              // ask registries whether images they named before have changed
	Secrets    []string          // id=ID,src=FILE or id=ID,env=NAME
	SSH        []string          // default or ID=SOCKET|KEY
	Contexts   map[string]string // name -> DIR, docker-image://REF, oci-layout://DIR[:TAG|@DIGEST], or a URL
	Labels     map[string]string // added to the image's configuration
	Epoch      *time.Time        // SOURCE_DATE_EPOCH: the time of everything in the image
	Progress   *Progress         // nil: none
	Store      string            // OCI layout directory for the image; "": a directory of the engine's own until Close
}

// filename is the Dockerfile's name as the user knows it.
func (b *Build) filename() string {
	if b.Filename == "" {
		return dockerfileName
	}
	return b.Filename
}

// Build builds b. When use is given, it is called with the result before the image is exported; its error is returned
// as it is and nothing is exported. The image reads from b.Store.
func (e *Engine) Build(ctx context.Context, b Build, use func(context.Context, *Built) error) (v1.Image, error) {
	if b.Store == "" {
		dir, err := e.TempDir("store")
		if err != nil {
			return nil, err
		}
		b.Store = dir
	}
	s, err := e.newSolve(&b)
	if err != nil {
		return nil, err
	}
	defer s.close()
	out, err := e.newExport(&b)
	if err != nil {
		return nil, err
	}
	s.opt.Exports = []client.ExportEntry{out.entry}
	resp, err := s.run(ctx, func(ctx context.Context, c gw.Client) (*gw.Result, error) {
		built, err := s.build(ctx, c, &b)
		if err != nil {
			return nil, err
		}
		if use != nil {
			if err := use(ctx, built); err != nil {
				return nil, &useError{err}
			}
		}
		return built.result, nil
	})
	if err != nil {
		return nil, errors.Join(err, out.abort())
	}
	return out.image(ctx, resp)
}

// Use makes the image ref ready and calls use with it. Nothing is exported.
func (e *Engine) Use(ctx context.Context, ref, platform string, p *Progress, use func(context.Context, *Built) error) error {
	b := Build{Name: "", Platform: platform, Progress: p}
	s, err := e.newSolve(&b)
	if err != nil {
		return err
	}
	defer s.close()
	_, err = s.run(ctx, func(ctx context.Context, c gw.Client) (*gw.Result, error) {
		built, err := s.image(ctx, c, ref, platform)
		if err != nil {
			return nil, err
		}
		if err := use(ctx, built); err != nil {
			return nil, &useError{err}
		}
		return gw.NewResult(), nil
	})
	return err
}

// useError marks an error that is the caller's own.
type useError struct{ error }

func (e *useError) Unwrap() error { return e.error }

// solve is one session with the engine.
type solve struct {
	e       *Engine
	b       *Build // the session's first build: owns secrets, progress
	opt     client.SolveOpt
	dirs    *dirs
	layouts *layouts
	logs    *logTail
	temp    string
	onClose []func()
}

func (e *Engine) newSolve(b *Build) (*solve, error) {
	temp, err := e.TempDir("build")
	if err != nil {
		return nil, err
	}
	s := &solve{e: e, b: b, temp: temp, dirs: newDirs(), layouts: &layouts{}, logs: newLogTail()}
	att, err := e.attachables(b, s.dirs)
	if err != nil {
		s.close()
		return nil, err
	}
	s.opt = client.SolveOpt{
		Session:             att,
		Internal:            e.inner != nil, // no record of the build is kept beside its cache
		OCIStores:           map[string]content.Store{layoutsID: s.layouts},
		AllowedEntitlements: []string{entitlements.EntitlementNetworkHost.String()},
		FrontendAttrs:       map[string]string{},
	}
	return s, nil
}

func (s *solve) close() {
	for _, f := range s.onClose {
		f()
	}
	_ = os.RemoveAll(s.temp) // swept at the next Open at the latest
}

// run runs f in the session, with its progress shown, and explains what went wrong.
func (s *solve) run(ctx context.Context, f gw.BuildFunc) (*client.SolveResponse, error) {
	var fErr error
	status, done := s.b.Progress.attach(s.b.Name, s.logs)
	resp, err := s.e.client.Build(ctx, s.opt, "lighten", func(ctx context.Context, c gw.Client) (*gw.Result, error) {
		res, err := f(ctx, c)
		fErr = err
		return res, err
	}, status)
	<-done
	if fErr != nil { // the reason itself, not what became of it on the way through the engine
		err = fErr
	}
	if err == nil {
		return resp, nil
	}
	var own *useError
	if errors.As(err, &own) {
		return nil, own.error
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("building %s: %w", s.b.filename(), context.Cause(ctx))
	}
	return nil, s.explain(err, s.b)
}

// build runs the Dockerfile frontend for b and waits until all its steps are done.
func (s *solve) build(ctx context.Context, c gw.Client, b *Build) (*Built, error) {
	start := time.Now()
	g, err := s.gateway(c, b)
	if err != nil {
		return nil, err
	}
	res, err := dockerfile.Build(ctx, g)
	if err != nil {
		return nil, err
	}
	if len(res.Refs) > 0 {
		return nil, fmt.Errorf("building %s: the frontend made an image for several platforms: give one platform", b.filename())
	}
	built := &Built{solve: s, client: c, result: res, ref: res.Ref, platform: b.Platform}
	if built.config, err = parseConfig(res.Metadata[exptypes.ExporterImageConfigKey]); err != nil {
		return nil, err
	}
	if built.ref != nil { // an image of no layers has none
		if err := built.ref.Evaluate(ctx); err != nil {
			return nil, err
		}
	}
	built.Seconds = time.Since(start).Seconds()
	return built, nil
}

// gateway is the client for b's frontend, with b's files in the session.
func (s *solve) gateway(c gw.Client, b *Build) (*gateway, error) {
	opts, err := s.e.frontendOpts(b)
	if err != nil {
		return nil, err
	}
	g := &gateway{Client: c, opts: opts, locals: map[string]string{}, trust: s.e.trustFor(c)}
	if g.locals["context"], err = s.dirs.add("context", b.Context); err != nil {
		return nil, err
	}
	if g.locals["dockerfile"], err = s.writeDockerfile(b); err != nil {
		return nil, err
	}
	if err := s.namedContexts(b, g); err != nil {
		return nil, err
	}
	return g, nil
}

// writeDockerfile shares the Dockerfile and its ignore file in a directory of their own: neither need exist, and a context whose
// Dockerfile is replaced is the same context. The directory's name in the session is made of their text, so that the engine keeps each text once,
// not once for every build.
func (s *solve) writeDockerfile(b *Build) (string, error) {
	dir, err := os.MkdirTemp(s.temp, "dockerfile-")
	if err != nil {
		return "", fmt.Errorf("writing %s: %w", b.filename(), err)
	}
	if err := writeUndated(filepath.Join(dir, dockerfileName), b.Dockerfile); err != nil {
		return "", fmt.Errorf("writing %s: %w", b.filename(), err)
	}
	ignore := b.Ignore
	if ignore == nil && b.Context != "" {
		for _, p := range []string{b.filename() + ".dockerignore", filepath.Join(b.Context, filepath.Base(b.filename())+".dockerignore")} {
			if ignore, err = os.ReadFile(p); err == nil {
				break
			}
		}
	}
	if ignore == nil { // the frontend looks for .dockerignore in the context
		return s.dirs.addAs("dockerfile", string(b.Dockerfile), dir)
	}
	if err := writeUndated(filepath.Join(dir, dockerfileName+".dockerignore"), ignore); err != nil {
		return "", fmt.Errorf("writing the ignore file of %s: %w", b.filename(), err)
	}
	return s.dirs.addAs("dockerfile", string(b.Dockerfile)+"\x00"+string(ignore), dir)
}

// writeUndated writes a file whose time is no news: the engine fetches a file again when that has changed.
func writeUndated(name string, b []byte) error {
	if err := os.WriteFile(name, b, 0o644); err != nil {
		return err
	}
	return os.Chtimes(name, time.Time{}, time.Unix(0, 0))
}

func parseConfig(b []byte) (*v1.ConfigFile, error) {
	cfg := &v1.ConfigFile{}
	if len(b) == 0 {
		return cfg, nil
	}
	if err := json.Unmarshal(b, cfg); err != nil {
		return nil, fmt.Errorf("reading the configuration of the built image: %w", err)
	}
	return cfg, nil
}

// ownSyntax reports that a Dockerfile's syntax line asks for the language which is built in.
func ownSyntax(src []byte) bool {
	ref, _, _, ok := parser.DetectSyntax(src)
	if !ok {
		return true
	}
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return false
	}
	switch named.Name() {
	case "docker.io/docker/dockerfile", "docker.io/docker/dockerfile-upstream":
		return true
	}
	return false
}

func epochString(t *time.Time) string { return strconv.FormatInt(t.Unix(), 10) }

package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"github.com/containerd/platforms"
	"github.com/distribution/reference"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	gw "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/identity"
	"github.com/moby/buildkit/solver/pb"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/lighten/lighten/internal/engine/embedded"
	"github.com/lighten/lighten/internal/engine/trust"
)

// Built is an image inside the engine, before any export. It is valid only during the call it was handed to.
type Built struct {
	Seconds float64 // how long its steps took

	solve    *solve
	client   gw.Client
	result   *gw.Result
	ref      gw.Reference // nil: no layers
	config   *v1.ConfigFile
	platform string
}

// Config is the image's configuration.
func (b *Built) Config() *v1.ConfigFile { return b.config }

// maxRead bounds what ReadFile holds in memory, and is what one message to the engine may carry.
const maxRead = 16 << 20

// ReadFile reads a file of the image's root file system, following symbolic links inside it. It fails with
// [fs.ErrNotExist] when there is none.
func (b *Built) ReadFile(ctx context.Context, name string) ([]byte, error) {
	if b.ref == nil {
		return nil, &fs.PathError{Op: "read", Path: name, Err: fs.ErrNotExist}
	}
	st, err := b.ref.StatFile(ctx, gw.StatRequest{Path: name})
	if err != nil {
		return nil, pathError("read", name, err)
	}
	if st.Size > maxRead {
		return nil, fmt.Errorf("reading %s of the image: %d bytes are more than the %d that are read at once", name, st.Size, maxRead)
	}
	out, err := b.ref.ReadFile(ctx, gw.ReadRequest{Filename: name})
	if err != nil {
		return nil, pathError("read", name, err)
	}
	return out, nil
}

// ReadDir lists a directory of the image's root file system, sorted.
func (b *Built) ReadDir(ctx context.Context, name string) ([]string, error) {
	if b.ref == nil {
		return nil, &fs.PathError{Op: "list", Path: name, Err: fs.ErrNotExist}
	}
	ents, err := b.ref.ReadDir(ctx, gw.ReadDirRequest{Path: name})
	if err != nil {
		return nil, pathError("list", name, err)
	}
	out := make([]string, 0, len(ents))
	for _, e := range ents {
		out = append(out, path.Base(e.Path))
	}
	sort.Strings(out)
	return out, nil
}

// pathError gives an error that crossed a connection its meaning back.
func pathError(op, name string, err error) error {
	if s := err.Error(); errors.Is(err, fs.ErrNotExist) || strings.Contains(s, "no such file or directory") || strings.Contains(s, "not a directory") {
		return &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
	}
	return fmt.Errorf("reading %s of the image: %w", name, err)
}

// Also builds another Dockerfile in the same session, e.g. a service's. Its Secrets, SSH, Progress and Store are the
// first build's.
func (b *Built) Also(ctx context.Context, o Build) (*Built, error) {
	built, err := b.solve.build(ctx, b.client, &o)
	if err != nil {
		return nil, b.solve.explain(err, &o)
	}
	return built, nil
}

// Image makes an image ready in the same session, e.g. a service's.
func (b *Built) Image(ctx context.Context, ref string) (*Built, error) {
	built, err := b.solve.image(ctx, b.client, ref, b.platform)
	if err != nil {
		return nil, b.solve.explain(err, &Build{Filename: ref})
	}
	return built, nil
}

// ImageConfig is the configuration of an image of a registry, which is not unpacked for it.
func (b *Built) ImageConfig(ctx context.Context, ref string) (*v1.ConfigFile, error) {
	_, config, _, err := resolve(ctx, b.client, ref, b.platform)
	if err != nil {
		return nil, b.solve.explain(err, &Build{Filename: ref})
	}
	return config, nil
}

// image resolves and unpacks an image of a registry.
func (s *solve) image(ctx context.Context, c gw.Client, ref, platform string) (*Built, error) {
	start := time.Now()
	full, config, opts, err := resolve(ctx, c, ref, platform)
	if err != nil {
		return nil, err
	}
	b := &Built{solve: s, client: c, platform: platform, config: config}
	def, err := llb.Image(full, opts...).Marshal(ctx)
	if err != nil {
		return nil, err
	}
	if b.result, err = c.Solve(ctx, gw.SolveRequest{Definition: def.ToPB(), Evaluate: true}); err != nil {
		return nil, err
	}
	b.ref = b.result.Ref
	b.Seconds = time.Since(start).Seconds()
	return b, nil
}

// resolve finds an image of a registry: its name with its digest, its configuration, and how it becomes a step's input.
func resolve(ctx context.Context, c gw.Client, ref, platform string) (string, *v1.ConfigFile, []llb.ImageOption, error) {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return "", nil, nil, fmt.Errorf("reading the image name %q: %w", ref, err)
	}
	var plat *ocispecs.Platform
	opts := []llb.ImageOption{llb.WithCustomName("image " + ref)}
	if platform != "" {
		p, err := platforms.Parse(platform)
		if err != nil {
			return "", nil, nil, fmt.Errorf("reading the platform %q: %w", platform, err)
		}
		plat = &p
		opts = append(opts, llb.Platform(p))
	}
	full, _, raw, err := c.ResolveImageConfig(ctx, reference.TagNameOnly(named).String(), sourceresolver.Opt{
		LogName: "load metadata for " + ref, ImageOpt: &sourceresolver.ResolveImageOpt{Platform: plat},
	})
	if err != nil {
		return "", nil, nil, fmt.Errorf("%s: %w", ref, err)
	}
	config, err := parseConfig(raw)
	return full, config, opts, err
}

// Run is a program of lighten's own to run in an image's root file system.
type Run struct {
	Name    string            // how its progress is shown; "": by its Args
	Args    []string          // Args[0] is a name only: the program is Binary
	Env     []string          // NAME=value
	Network string            // "none" or "": a network of its own with loopback only; "host": the engine's machine's
	Binary  string            // the host's file that is run, as /dev/.lighten/bin/lighten
	Files   map[string][]byte // name -> content in /dev/.lighten/in, read-only
	Roots   map[string]*Built // name -> root file system at /dev/.lighten/root/NAME, writable
	Hosts   map[string]string // host name -> address
	Outputs []string          // names of files the program writes in /dev/.lighten/out
	Timeout time.Duration     // 0: none but ctx's

	// Limits of all its processes together, where the engine is embedded and the kernel's cgroups can be used; 0: none. With
	// more memory its largest process is killed, with more processes forks fail.
	Processes int
	Memory    int64 // bytes
}

// Run runs a program in the image as uid 0 with a container's usual capabilities. The root file systems are writable
// and thrown away; the result is never cached. It returns those Outputs that the program wrote. A program that ends
// with a code other than 0 is an error.
func (b *Built) Run(ctx context.Context, r Run) (map[string][]byte, error) {
	if r.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, r.Timeout, fmt.Errorf("it did not end within %s", r.Timeout))
		defer cancel()
	}
	out, err := b.run(ctx, r)
	if err == nil {
		return out, nil
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("running %s in the image: %w", strings.Join(r.Args, " "), context.Cause(ctx))
	}
	return nil, b.solve.explain(err, &Build{Filename: strings.Join(r.Args, " ")})
}

func (b *Built) run(ctx context.Context, r Run) (map[string][]byte, error) {
	def, err := b.define(ctx, r)
	if err != nil {
		return nil, err
	}
	res, err := b.client.Solve(ctx, gw.SolveRequest{Definition: def.ToPB(), Evaluate: true})
	if err != nil {
		return nil, err
	}
	ref, err := res.SingleRef()
	if err != nil {
		return nil, err
	}
	outs := map[string][]byte{}
	got := &Built{ref: ref}
	for _, name := range r.Outputs {
		content, err := got.output(ctx, "/out/"+name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		outs[name] = content
	}
	return outs, nil
}

// maxOutput bounds what a program may hand out.
const maxOutput = 512 << 20

// output reads a file in pieces, each as large as one message to the engine may be.
func (b *Built) output(ctx context.Context, name string) ([]byte, error) {
	st, err := b.ref.StatFile(ctx, gw.StatRequest{Path: name})
	if err != nil {
		return nil, pathError("read", name, err)
	}
	if st.Size > maxOutput {
		return nil, fmt.Errorf("reading the program's output %s: %d bytes are more than the %d that it may have", name, st.Size, maxOutput)
	}
	var out []byte
	for int64(len(out)) < st.Size {
		piece, err := b.ref.ReadFile(ctx, gw.ReadRequest{Filename: name, Range: &gw.FileRange{Offset: len(out), Length: maxRead / 2}})
		if err != nil {
			return nil, pathError("read", name, err)
		}
		if len(piece) == 0 {
			return nil, fmt.Errorf("reading the program's output %s: %w", name, io.ErrUnexpectedEOF)
		}
		out = append(out, piece...)
	}
	return out, nil
}

func (b *Built) define(ctx context.Context, r Run) (*llb.Definition, error) {
	root, err := b.state()
	if err != nil {
		return nil, err
	}
	bin, err := b.solve.binary(r.Binary)
	if err != nil {
		return nil, err
	}
	in, err := inputs(r.Files)
	if err != nil {
		return nil, err
	}
	args := append([]string{trust.Dir + "bin/lighten"}, r.Args[min(1, len(r.Args)):]...)
	opts := []llb.RunOption{
		llb.Args(args), llb.Dir("/"), llb.IgnoreCache, llb.WithCustomName(cmp.Or(r.Name, "run "+strings.Join(r.Args, " "))),
		// Two equal steps at one time would be run once.
		llb.AddEnv("LIGHTEN_RUN", identity.NewID()), bin,
		llb.AddMount(trust.Dir+"in", in, llb.Readonly, llb.SourcePath("/in")),
	}
	if b.solve.e.inner != nil {
		for k, v := range embedded.Limit(r.Processes, r.Memory) {
			opts = append(opts, llb.AddEnv(k, v))
		}
	}
	for _, kv := range r.Env {
		k, v, _ := strings.Cut(kv, "=")
		opts = append(opts, llb.AddEnv(k, v))
	}
	switch r.Network {
	case "", "none":
		opts = append(opts, llb.Network(pb.NetMode_NONE))
	case "host":
		opts = append(opts, llb.Network(pb.NetMode_HOST))
	default:
		return nil, fmt.Errorf("reading the network %q: give none or host", r.Network)
	}
	for _, h := range sorted(r.Hosts) {
		ip := net.ParseIP(r.Hosts[h])
		if ip == nil {
			return nil, fmt.Errorf("reading the address %q of host %s: it is no IP address", r.Hosts[h], h)
		}
		opts = append(opts, llb.AddExtraHost(h, ip))
	}
	if b.platform != "" {
		p, err := platforms.Parse(b.platform)
		if err != nil {
			return nil, err
		}
		opts = append(opts, llb.Platform(p))
	}
	exec := root.Run(opts...)
	for _, name := range sorted(r.Roots) {
		st, err := r.Roots[name].state()
		if err != nil {
			return nil, err
		}
		exec.AddMount(trust.Dir+"root/"+name, st)
	}
	outDir := llb.Scratch().File(llb.Mkdir("/out", 0o777), llb.WithCustomName("prepare outputs"))
	return exec.AddMount(trust.Dir+"out", outDir, llb.SourcePath("/out")).Marshal(ctx)
}

func sorted[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

// state is the root file system as an input of further steps.
func (b *Built) state() (llb.State, error) {
	if b.ref == nil {
		return llb.Scratch(), nil
	}
	st, err := b.ref.ToState()
	if err != nil {
		return llb.State{}, fmt.Errorf("using the built image as an input: %w", err)
	}
	return st, nil
}

// inputs is a file system with the files in /in.
func inputs(files map[string][]byte) (llb.State, error) {
	st := llb.Mkdir("/in", 0o755)
	for _, name := range sorted(files) {
		if name != path.Base(name) || name == "." || name == ".." {
			return llb.State{}, fmt.Errorf("reading the input name %q: give a plain file name", name)
		}
		st = st.Mkfile("/in/"+name, 0o444, files[name])
	}
	return llb.Scratch().File(st, llb.WithCustomName("prepare inputs")), nil
}

// binary has a step find the host's file as bin/lighten in [trust.Dir]: itself where the engine is in this process, else sent there.
func (s *solve) binary(file string) (llb.RunOption, error) {
	dir, err := s.e.binary(file)
	if err != nil {
		return nil, err
	}
	if s.e.inner != nil {
		return llb.AddEnv(s.e.inner.Offer(filepath.Join(dir, "lighten"))), nil
	}
	id, err := s.dirs.addAs("bin", file, dir)
	if err != nil {
		return nil, err
	}
	bin := llb.Local(id, llb.FollowPaths([]string{"lighten"}), llb.SharedKeyHint("lighten-bin-"+filepath.Base(file)),
		llb.WithCustomName("load lighten"))
	return llb.AddMount(trust.Dir+"bin", bin, llb.Readonly), nil
}

// binary is a directory with the host's file under the name "lighten".
func (e *Engine) binary(file string) (string, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if dir, ok := e.binaries[file]; ok {
		return dir, nil
	}
	dir, err := e.TempDir("bin")
	if err != nil {
		return "", err
	}
	to := filepath.Join(dir, "lighten")
	if os.Link(file, to) != nil {
		if err := copyFile(file, to); err != nil {
			return "", fmt.Errorf("copying %s for the container: %w", file, err)
		}
	}
	e.binaries[file] = dir
	return dir, nil
}

func copyFile(from, to string) error {
	r, err := os.Open(from)
	if err != nil {
		return err
	}
	defer r.Close()
	w, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	if err != nil {
		return err
	}
	if _, err := io.Copy(w, r); err != nil {
		return errors.Join(err, w.Close())
	}
	return w.Close()
}

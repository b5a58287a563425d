package engine

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	gw "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/pb"

	"github.com/lighten/lighten/internal/engine/trust"
)

// gateway is the client a Dockerfile frontend sees: it has the options of one build (several builds may share one
// session), its local directories are renamed to that build's, and its steps get the certificate authority.
type gateway struct {
	gw.Client
	opts   map[string]string
	locals map[string]string // the frontend's name of a local directory -> the session's
	trust  trustMode
}

// trustMode says how steps get the certificate authority.
type trustMode int

const (
	trustNone   trustMode = iota // there is none, or the engine adds it when it starts the step
	trustSecret                  // as an optional secret, with secret environment variables
	trustEnv                     // the engine knows no secret environment: plain variables that name the secret's file
)

// BuildOpts are the session's with the build's own options.
func (g *gateway) BuildOpts() gw.BuildOpts {
	o := g.Client.BuildOpts()
	o.Opts = maps.Clone(g.opts)
	return o
}

// Solve solves the definition after rewriting it.
func (g *gateway) Solve(ctx context.Context, req gw.SolveRequest) (*gw.Result, error) {
	def, err := rewriteDefinition(req.Definition, g.edit)
	if err != nil {
		return nil, err
	}
	req.Definition = def
	return g.Client.Solve(ctx, req)
}

func (g *gateway) edit(op *pb.Op) bool {
	switch {
	case op.GetSource() != nil:
		return g.editLocal(op.GetSource())
	case op.GetExec() != nil:
		dated := addEpoch(op.GetExec(), g.opts[epochOption])
		return addTrust(op.GetExec(), g.trust) || dated
	}
	return false
}

// editLocal points a local source at this build's directory. The shared key lets the engine send only what changed
// since the last build of the same directory.
func (g *gateway) editLocal(src *pb.SourceOp) bool {
	name, ok := strings.CutPrefix(src.Identifier, "local://")
	if !ok {
		return false
	}
	to, ok := g.locals[name]
	if !ok {
		return false
	}
	src.Identifier = "local://" + to
	if hint, ok := src.Attrs[pb.AttrSharedKeyHint]; ok {
		src.Attrs[pb.AttrSharedKeyHint] = to + "/" + hint
	}
	return true
}

// addTrust hands the bundle to a step, unless lighten's own or one that has a mount over that place.
func addTrust(op *pb.ExecOp, mode trustMode) bool {
	if mode == trustNone || op.Meta == nil {
		return false
	}
	for _, m := range op.Mounts {
		if strings.HasPrefix(m.Dest, trust.Dir) || path.Clean(m.Dest) == "/dev" || slices.ContainsFunc(trust.Forms, func(f trust.Form) bool { return f.Place == m.Dest }) {
			return false
		}
	}
	for _, f := range trust.Forms {
		op.Mounts = append(op.Mounts, &pb.Mount{
			Input: int64(pb.Empty), Output: int64(pb.SkipOutput), Dest: f.Place, MountType: pb.MountType_SECRET,
			SecretOpt: &pb.SecretOpt{ID: f.ID, Mode: 0o444, Optional: true},
		})
	}
	env := op.Meta.Env
	for _, s := range op.Secretenv {
		env = append(env[:len(env):len(env)], s.Name+"=")
	}
	for _, v := range trust.Missing(env) {
		if mode == trustSecret {
			op.Secretenv = append(op.Secretenv, &pb.SecretEnv{ID: v.ID, Name: v.Name, Optional: true})
		} else {
			op.Meta.Env = append(op.Meta.Env, v.Name+"="+v.Value)
		}
	}
	return true
}

const epochOption = "build-arg:SOURCE_DATE_EPOCH"

// addEpoch tells a step the time that is asked for, as the convention has it: Python then compiles bytecode that names its source by
// hash instead of by time, tar and gzip write that time, and the image comes out the same every time.
func addEpoch(op *pb.ExecOp, epoch string) bool {
	const name = "SOURCE_DATE_EPOCH="
	if epoch == "" || op.Meta == nil || slices.ContainsFunc(op.Meta.Env, func(v string) bool { return strings.HasPrefix(v, name) }) {
		return false
	}
	op.Meta.Env = append(op.Meta.Env, name+epoch)
	return true
}

// trustFor picks the way for an engine that is not embedded: only it can leave the step's definition alone.
func (e *Engine) trustFor(c gw.Client) trustMode {
	if e.inner != nil || len(e.opts.Access.CA) == 0 {
		return trustNone
	}
	caps := c.BuildOpts().LLBCaps
	if caps.Supports(pb.CapExecSecretEnv) != nil {
		return trustEnv
	}
	return trustSecret
}

func (e *Engine) trustSecrets() (map[string][]byte, error) {
	if e.inner != nil || len(e.opts.Access.CA) == 0 {
		return nil, nil
	}
	return trust.Secrets(e.opts.Access.CA)
}

// frontendOpts are the attributes the Dockerfile frontend reads.
func (e *Engine) frontendOpts(b *Build) (map[string]string, error) {
	o := map[string]string{"filename": dockerfileName}
	if ownSyntax(b.Dockerfile) {
		// The frontend in this process speaks the language of docker/dockerfile: "# syntax=docker/dockerfile:1" asks for
		// what is here already. A command line set is how the frontend is told not to fetch it.
		o["cmdline"] = "docker/dockerfile"
	}
	for k, v := range e.opts.Access.Proxy {
		// Predefined arguments: the frontend hands them to steps outside of cache keys and history.
		if v != "" {
			o["build-arg:"+strings.ToUpper(k)] = v
		}
	}
	for k, v := range b.Args {
		o["build-arg:"+k] = v
	}
	for k, v := range b.Labels {
		o["label:"+k] = v
	}
	if b.Target != "" {
		o["target"] = b.Target
	}
	if b.Platform != "" {
		if err := e.CheckPlatform(b.Platform); err != nil {
			return nil, err
		}
		o["platform"] = b.Platform
	}
	if b.NoCache {
		o["no-cache"] = ""
	}
	if b.Pull {
		o["image-resolve-mode"] = "pull"
	}
	if b.Epoch != nil {
		o[epochOption] = fmt.Sprint(b.Epoch.Unix())
	}
	return o, nil
}

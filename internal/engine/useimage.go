package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/containerd/platforms"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/buildkit/client/llb"
	gw "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/pb"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// UseImage makes img ready and calls use with it, so that its programs can be run. Its layers are streamed to the engine, each
// only when the engine does not have it: an image that differs in its last layer costs that layer. Nothing is exported; the error
// of use is returned as it is. platform is OS/ARCH; "": what img says of itself.
func (e *Engine) UseImage(ctx context.Context, img v1.Image, platform string, p *Progress, use func(context.Context, *Built) error) error {
	d, err := img.Digest()
	if err != nil {
		return fmt.Errorf("reading the image to run: %w", err)
	}
	name := "image " + d.String()
	config, err := img.ConfigFile()
	if err != nil {
		return fmt.Errorf("reading the configuration of %s: %w", name, err)
	}
	if platform == "" {
		platform = platformOf(config)
	}
	if platform != "" {
		if err := e.CheckPlatform(platform); err != nil {
			return err
		}
	}
	s, err := e.newSolve(&Build{Filename: name, Platform: platform, Progress: p})
	if err != nil {
		return err
	}
	defer s.close()
	_, err = s.run(ctx, func(ctx context.Context, c gw.Client) (*gw.Result, error) {
		built, err := s.given(ctx, c, img, config, platform)
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

// platformOf is OS/ARCH[/VARIANT], or "" where the configuration does not say.
func platformOf(c *v1.ConfigFile) string {
	if c.OS == "" || c.Architecture == "" {
		return ""
	}
	return platforms.Format(platforms.Normalize(ocispecs.Platform{OS: c.OS, Architecture: c.Architecture, Variant: c.Variant}))
}

// given hands the engine an image of this process.
func (s *solve) given(ctx context.Context, c gw.Client, img v1.Image, config *v1.ConfigFile, platform string) (*Built, error) {
	start := time.Now()
	b := &Built{solve: s, client: c, config: config.DeepCopy(), platform: platform}
	layers, err := img.Layers()
	if err != nil {
		return nil, err
	}
	if len(layers) == 0 { // the engine has no root file system of nothing; a run takes an empty one
		return b, nil
	}
	opts := []llb.ConstraintsOpt{llb.WithCustomName("load image")}
	if platform != "" {
		p, err := platforms.Parse(platform)
		if err != nil {
			return nil, fmt.Errorf("reading the platform %q: %w", platform, err)
		}
		opts = append(opts, llb.Platform(p))
	}
	st, err := s.source(ctx, c, img, opts)
	if err != nil {
		return nil, err
	}
	def, err := st.Marshal(ctx)
	if err != nil {
		return nil, err
	}
	if b.result, err = c.Solve(ctx, gw.SolveRequest{Definition: def.ToPB(), Evaluate: true}); err != nil {
		return nil, err
	}
	b.ref = b.result.Ref
	// Solving does not unpack what nobody has looked at yet: what is wrong with a layer is to be said now.
	if _, err := b.ref.StatFile(ctx, gw.StatRequest{Path: "/"}); err != nil {
		return nil, err
	}
	b.Seconds = time.Since(start).Seconds()
	return b, nil
}

// source is the image as the engine can read it: from this session, or, by a daemon that does not know how (Docker before 23),
// from its own images under a name that lives as long as the session.
func (s *solve) source(ctx context.Context, c gw.Client, img v1.Image, opts []llb.ConstraintsOpt) (llb.State, error) {
	bo := c.BuildOpts()
	err := bo.LLBCaps.Supports(pb.CapSourceOCILayout)
	if err == nil {
		blobs, d, err := newImageBlobs(img)
		if err != nil {
			return llb.State{}, err
		}
		s.layouts.addStore(blobs)
		s.onClose = append(s.onClose, blobs.close)
		src := []llb.OCILayoutOption{llb.OCIStore(bo.SessionID, layoutsID)}
		for _, o := range opts {
			src = append(src, o)
		}
		return llb.OCILayout("lighten/image@"+d.String(), src...), nil // the name says nothing, but has to be in full form
	}
	if s.e.docker == nil {
		return llb.State{}, fmt.Errorf("the engine takes no image from this process: %w: it needs BuildKit 0.11 or later", err)
	}
	name, remove, err := s.e.docker.Load(ctx, img)
	if err != nil {
		return llb.State{}, err
	}
	s.onClose = append(s.onClose, remove)
	src := []llb.ImageOption{llb.ResolveModePreferLocal}
	for _, o := range opts {
		src = append(src, o)
	}
	return llb.Image(name, src...), nil
}

// Package bases assembles base images that are missing on a machine from Debian's packages: the recipes are the
// Dockerfiles beside this file, built by lighten's own engine into an OCI layout that is kept.
package bases

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/match"

	"github.com/lighten/lighten/internal/testimage"
)

//go:embed *.Dockerfile
var files embed.FS

// Annotations of a manifest in the layout of assembled images.
const (
	annotationRef    = "org.opencontainers.image.ref.name"
	annotationRecipe = "lighten.recipe" // digest of what it was made from; another one: assembled anew
)

// recipe says how a base image is made.
type recipe struct {
	ref    string   // full reference
	also   []string // other full references of the same image
	file   string   // Dockerfile in this directory; "": by debootstrap
	target string   // its stage
	from   []string // base images it needs
}

const (
	debianSlim = "docker.io/library/debian:bookworm-slim"
	pythonSlim = "docker.io/library/python:3.11-slim"
)

var recipes = []recipe{
	{ref: debianSlim},
	{ref: pythonSlim, also: []string{"docker.io/library/python:3.11-slim-bookworm"}, file: "python-3.11-slim.Dockerfile", from: []string{debianSlim}},
	{ref: "docker.io/library/python:3.11", also: []string{"docker.io/library/python:3.11-bookworm"}, file: "python-3.11.Dockerfile", from: []string{debianSlim, pythonSlim}},
	{ref: "docker.io/library/node:20-slim", also: []string{"docker.io/library/node:20-bookworm-slim"}, file: "node-20-slim.Dockerfile", from: []string{debianSlim, pythonSlim}},
	{ref: "docker.io/library/golang:1.26", also: []string{"docker.io/library/golang:1.26-bookworm"}, file: "golang.Dockerfile", from: []string{debianSlim}},
	distroless("static"),
	distroless("base"),
	distroless("cc"),
	distroless("python3"),
}

func distroless(name string) recipe {
	return recipe{
		ref:  "gcr.io/distroless/" + name + "-debian12:latest",
		also: []string{"gcr.io/distroless/" + name + ":latest"},
		file: "distroless.Dockerfile", target: name, from: []string{debianSlim},
	}
}

func find(ref string) *recipe {
	for i, r := range recipes {
		if r.ref == ref || slices.Contains(r.also, ref) {
			return &recipes[i]
		}
	}
	return nil
}

// digest names all that an image of this recipe depends on. have maps references to the digests of images at hand.
func (r *recipe) digest(have map[string]testimage.Base) (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, r.target)
	if r.file == "" {
		fmt.Fprint(h, debootstrapRecipe)
	} else {
		b, err := files.ReadFile(r.file)
		if err != nil {
			return "", err
		}
		h.Write(b)
	}
	for _, f := range r.from {
		fmt.Fprintln(h, f, have[f].Digest)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Options say what is wanted.
type Options struct {
	Need     []string  // references as in a Dockerfile
	Progress io.Writer // one line at each start and end, and the build's own progress
	Mode     string    // how that is shown, as in [engine.NewProgress]; "": auto
}

// Result is what came of it.
type Result struct {
	Ready     []string // in the layout of ready images
	Cached    []string // assembled on an earlier run
	Assembled []string // assembled now
	Unknown   []string // neither there nor to be made from Debian's packages
}

// Ensure sees to it that this machine's layouts hold the base images that are asked for, and assembles what is
// missing into [testimage.Cache].
func Ensure(ctx context.Context, o Options) (Result, error) {
	var res Result
	cache, err := testimage.Cache()
	if err != nil {
		return res, err
	}
	a := &assembler{cache: cache, progress: o.Progress, mode: o.Mode}
	if a.mode == "" {
		a.mode = "auto"
	}
	for _, ref := range o.Need {
		if err := a.ensure(ctx, testimage.FullRef(ref), &res); err != nil {
			return res, err
		}
	}
	return res, nil
}

type assembler struct {
	cache    string
	progress io.Writer
	mode     string
}

// have returns the images at hand, and of the assembled ones what they were made from.
func (a *assembler) have() (ready, cached map[string]testimage.Base, recipes map[string]string, err error) {
	ready, cached, recipes = map[string]testimage.Base{}, map[string]testimage.Base{}, map[string]string{}
	dirs, err := testimage.Layouts()
	if err != nil {
		return nil, nil, nil, err
	}
	for _, dir := range dirs {
		into := ready
		if dir == a.cache {
			into = cached
		}
		bases, err := testimage.ReadLayout(dir)
		if err != nil {
			return nil, nil, nil, err
		}
		for _, b := range bases {
			into[b.Ref] = b
		}
	}
	if len(cached) == 0 {
		return ready, cached, recipes, nil
	}
	p, err := layout.FromPath(a.cache)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("reading assembled base images: %w", err)
	}
	idx, err := p.ImageIndex()
	if err != nil {
		return nil, nil, nil, fmt.Errorf("reading assembled base images: %w", err)
	}
	m, err := idx.IndexManifest()
	if err != nil {
		return nil, nil, nil, fmt.Errorf("reading assembled base images: %w", err)
	}
	for _, d := range m.Manifests {
		recipes[d.Annotations[annotationRef]] = d.Annotations[annotationRecipe]
	}
	return ready, cached, recipes, nil
}

func (a *assembler) ensure(ctx context.Context, ref string, res *Result) error {
	ready, cached, _, err := a.have()
	if err != nil {
		return err
	}
	r := find(ref)
	switch _, ok := ready[ref]; {
	case ok:
		res.Ready = add(res.Ready, ref)
		return nil
	case r == nil:
		if _, ok := cached[ref]; ok {
			res.Cached = add(res.Cached, ref)
		} else {
			res.Unknown = add(res.Unknown, ref)
		}
		return nil
	}
	for _, f := range r.from {
		if err := a.ensure(ctx, f, res); err != nil {
			return err
		}
	}
	ready, cached, made, err := a.have()
	if err != nil {
		return err
	}
	for k, b := range ready {
		cached[k] = b
	}
	digest, err := r.digest(cached)
	if err != nil {
		return err
	}
	if made[ref] == digest {
		if !slices.Contains(res.Assembled, ref) {
			res.Cached = add(res.Cached, ref)
		}
		return nil
	}
	if err := a.assemble(ctx, r, digest); err != nil {
		return fmt.Errorf("assembling %s: %w", ref, err)
	}
	res.Assembled = add(res.Assembled, ref)
	return nil
}

func add(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

func (a *assembler) assemble(ctx context.Context, r *recipe, digest string) error {
	start := time.Now()
	fmt.Fprintf(a.progress, "assembling %s from Debian's packages (kept in %s)\n", r.ref, a.cache)
	if err := os.MkdirAll(filepath.Dir(a.cache), 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp(filepath.Dir(a.cache), "assembling-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	var img v1.Image
	if r.file == "" {
		img, err = debootstrap(ctx, work)
	} else {
		img, err = a.build(ctx, r, work)
	}
	if err != nil {
		return err
	}
	if err := a.keep(img, r, digest); err != nil {
		return err
	}
	size, err := pullSize(img)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.progress, "assembled %s: %.1f MB compressed, in %.0f s\n", r.ref, float64(size)/1e6, time.Since(start).Seconds())
	return nil
}

// keep adds img to the layout of assembled images under every reference of its recipe. The index is written last,
// so that an interrupt leaves at most blobs that nothing names.
func (a *assembler) keep(img v1.Image, r *recipe, digest string) error {
	p, err := layout.FromPath(a.cache)
	if errors.Is(err, os.ErrNotExist) {
		p, err = layout.Write(a.cache, empty.Index)
	}
	if err != nil {
		return err
	}
	for _, ref := range append([]string{r.ref}, r.also...) {
		err := p.ReplaceImage(img, match.Annotation(annotationRef, ref), layout.WithAnnotations(map[string]string{
			annotationRef: ref, annotationRecipe: digest,
		}))
		if err != nil {
			return fmt.Errorf("keeping the image: %w", err)
		}
	}
	return nil
}

func pullSize(img v1.Image) (int64, error) {
	m, err := img.Manifest()
	if err != nil {
		return 0, err
	}
	n := m.Config.Size
	for _, l := range m.Layers {
		n += l.Size
	}
	return n, nil
}

// Recipes returns the references that can be assembled, in the order of the recipes.
func Recipes() []string {
	var refs []string
	for _, r := range recipes {
		refs = append(refs, r.ref)
		refs = append(refs, r.also...)
	}
	return refs
}

// Dockerfile returns the recipe of ref, or "" when it is none of [Recipes] or made by debootstrap.
func Dockerfile(ref string) string {
	r := find(testimage.FullRef(ref))
	if r == nil || r.file == "" {
		return ""
	}
	b, err := files.ReadFile(r.file)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b)) + "\n"
}

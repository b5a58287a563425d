// Package ladder makes the lighter forms of a program, has each built and
// checked, and finds the lightest that works.
package ladder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lighten/lighten/internal/access"
	"github.com/lighten/lighten/internal/dockerfile"
	"github.com/lighten/lighten/internal/dockerfile/ignore"
	"github.com/lighten/lighten/internal/dockerfile/rewrite"
	"github.com/lighten/lighten/internal/stack"
)

// Candidate is one form of the program, as a Dockerfile.
type Candidate struct {
	Name       string
	Source     string // the Dockerfile it is, or was made from, relative to the project
	Base       string // base image of the final stage
	Dockerfile []byte
	Ignore     []byte   // .dockerignore to build it with; nil: the project's own
	Notes      []string // what a reader must know
	Refused    string   // why it is not attempted; "" when it is
}

// Original is the name of the candidate that is the program as it stands.
const Original = "original"

// Names of the candidates that lighten makes, from the gentlest to the boldest.
var Names = []string{Original, "tidy", "slim", "multi-stage", "alpine", "distroless", Carved}

// Named is a Dockerfile of the user's that competes too.
type Named struct{ Name, File string }

// Project is a source tree as the ladder sees it.
type Project struct {
	Dir      string
	File     string // of the Dockerfile, relative to Dir where below it
	Doc      *dockerfile.Document
	Stack    stack.Project
	Siblings []Named
	Target   string // the stage that is built; "" is the last
	access   access.Config
	context  *ignore.Report
}

// ErrNoDockerfile says that there is nothing to start from.
var ErrNoDockerfile = errors.New("no Dockerfile")

// Open reads the project's Dockerfile and what its sources say. File "" is DIR/Dockerfile; another one is searched for in the working
// directory, then in DIR. Extra candidates are added to the DIR/Dockerfile.* files.
func Open(dir, file string, extra []Named, a access.Config) (*Project, error) {
	if fi, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("opening the project: %w", err)
	} else if !fi.IsDir() {
		return nil, fmt.Errorf("opening the project: %s is a file; name its directory, and the Dockerfile with --file", dir)
	}
	path := file
	if path == "" {
		path = filepath.Join(dir, "Dockerfile")
	}
	src, err := os.ReadFile(path)
	if in := filepath.Join(dir, file); errors.Is(err, fs.ErrNotExist) && file != "" && !filepath.IsAbs(file) {
		if src, err = os.ReadFile(in); err == nil {
			path = in
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("opening the project: %w at %s; write one there or name it with --file", ErrNoDockerfile, path)
	}
	if err != nil {
		return nil, fmt.Errorf("opening the project: %w", err)
	}
	p := &Project{Dir: dir, File: relative(dir, path), access: a}
	if p.Doc, err = dockerfile.Parse(p.File, src); err != nil {
		return nil, err
	}
	if p.Stack, err = stack.Detect(os.DirFS(dir), p.Doc); err != nil {
		return nil, fmt.Errorf("reading the project's sources: %w", err)
	}
	p.Siblings, err = siblings(dir, path, extra)
	return p, err
}

func relative(dir, path string) string {
	if r, err := filepath.Rel(dir, path); err == nil && !strings.HasPrefix(r, "..") {
		return r
	}
	return path
}

// siblings are the user's own other Dockerfiles: by convention Dockerfile.NAME
// beside the first one.
func siblings(dir, first string, extra []Named) ([]Named, error) {
	found, err := os.ReadDir(dir) // sorted
	if err != nil {
		return nil, fmt.Errorf("looking for Dockerfiles: %w", err)
	}
	own, err := os.Stat(first)
	if err != nil {
		return nil, fmt.Errorf("looking for Dockerfiles: %w", err)
	}
	var out []Named
	for _, e := range found {
		if !strings.HasPrefix(e.Name(), "Dockerfile.") || strings.HasSuffix(e.Name(), ".dockerignore") {
			continue
		}
		f := filepath.Join(dir, e.Name())
		if fi, err := os.Stat(f); err == nil && fi.Mode().IsRegular() && !os.SameFile(fi, own) {
			out = append(out, Named{e.Name(), f})
		}
	}
	for _, n := range extra {
		if slices.Contains(Names, n.Name) || slices.ContainsFunc(out, func(o Named) bool { return o.Name == n.Name }) {
			return nil, fmt.Errorf("reading --candidate %s: the name is taken", n.Name)
		}
		if _, err := os.Stat(n.File); err != nil { // known before the original is built
			return nil, fmt.Errorf("reading --candidate %s: %w", n.Name, err)
		}
		out = append(out, n)
	}
	return out, nil
}

// Has tells whether a candidate can have the name.
func (p *Project) Has(name string) bool {
	name = strings.TrimSuffix(name, repaired)
	return slices.Contains(Names, name) || slices.ContainsFunc(p.Siblings, func(n Named) bool { return n.Name == name })
}

// repaired follows the name of a sibling's mended form.
const repaired = "+repair"

// First is the original as a candidate.
func (p *Project) First() Candidate {
	return Candidate{Name: Original, Source: p.File, Base: p.base(p.Doc), Dockerfile: p.Doc.Source}
}

// base is the image on which the stage that is built stands.
func (p *Project) base(d *dockerfile.Document) string {
	s := d.Built(p.Target)
	for s.Parent != nil {
		s = s.Parent
	}
	return d.Expand(s.Base, nil)
}

// Candidates makes every form but the original. Evidence is what the built
// original told; its zero value gives the Dockerfiles as far as they can be
// known without building.
func (p *Project) Candidates(e rewrite.Evidence) []Candidate {
	out := p.Made(e)
	for _, n := range p.Siblings {
		out = append(out, p.sibling(n)...)
	}
	return out
}

// Made are the candidates that lighten makes of the original.
func (p *Project) Made(e rewrite.Evidence) []Candidate {
	out := []Candidate{p.tidy()}
	in := rewrite.Input{Doc: p.Doc, Project: p.Stack, Context: os.DirFS(p.Dir), Target: p.Target, Evidence: e}
	for _, s := range []struct {
		name string
		make func(rewrite.Input) (rewrite.Output, error)
	}{
		{"slim", rewrite.Slim}, {"multi-stage", rewrite.MultiStage}, {"alpine", rewrite.Alpine}, {"distroless", rewrite.Distroless},
	} {
		out = append(out, p.made(s.name, in, s.make))
	}
	for i := range out {
		if out[i].Refused == "" && p.ignored() {
			out[i].Ignore = p.context.Text
		}
	}
	return out
}

func (p *Project) made(name string, in rewrite.Input, make func(rewrite.Input) (rewrite.Output, error)) Candidate {
	c := Candidate{Name: name, Source: p.File}
	o, err := make(in)
	if err != nil {
		c.Refused = err.Error()
		return c
	}
	c.Dockerfile, c.Base, c.Notes = o.Dockerfile, o.Base, o.Notes
	return c
}

// sibling is a Dockerfile of the user's as it stands and, where it is one that
// is known not to start, its repaired form.
func (p *Project) sibling(n Named) []Candidate {
	c := Candidate{Name: n.Name, Source: relative(p.Dir, n.File)}
	src, err := os.ReadFile(n.File)
	if err != nil {
		c.Refused = err.Error()
		return []Candidate{c}
	}
	doc, err := dockerfile.Parse(c.Source, src)
	if err != nil {
		c.Refused = err.Error()
		return []Candidate{c}
	}
	c.Dockerfile, c.Base = src, p.base(doc)
	fixed, why, err := rewrite.Repair(doc)
	if err != nil || why == "" {
		return []Candidate{c}
	}
	c.Notes = append(c.Notes, why)
	return []Candidate{c, {Name: n.Name + repaired, Source: c.Source, Base: fixed.Base, Dockerfile: fixed.Dockerfile, Notes: fixed.Notes}}
}

func (p *Project) tidy() Candidate {
	c := Candidate{Name: "tidy", Source: p.File, Base: p.First().Base}
	edits := rewrite.Tidy(p.Doc, rewrite.TidyOptions{Context: os.DirFS(p.Dir), Target: p.Target})
	d, err := p.Doc.Apply(edits...)
	if err != nil {
		c.Refused = err.Error()
		return c
	}
	for _, e := range edits {
		for why := range strings.Lines(e.Why) { // an edit may carry out several rules
			if why = strings.TrimSpace(why); why != "" && !slices.Contains(c.Notes, why) {
				c.Notes = append(c.Notes, why)
			}
		}
	}
	if len(edits) == 0 {
		c.Notes = append(c.Notes, "the Dockerfile is tidy as it stands: only the .dockerignore may differ")
	}
	c.Dockerfile = d.Source
	return c
}

package rewrite

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/lighten/lighten/internal/dockerfile"
	"github.com/lighten/lighten/internal/stack"
)

// Evidence is what the built original tells of the program. The zero value is
// that of a program which was not built yet.
type Evidence struct {
	Built      bool
	Codename   string            // of the original's Debian release: "bookworm"
	Libraries  []string          // Debian packages whose libraries the native modules load, sorted
	Slim       []string          // of them, those that the slim base does not have
	Distroless []string          // of them, those that distroless does not have
	Unowned    []string          // libraries that they load and no package owns
	Dists      []Dist            // the distributions that the Dockerfile installs, sorted
	Scripts    []string          // names of the commands that they bring
	Env        []string          // NAME=VALUE that the base image sets
	IDs        map[string]string // number of each user in the image, by name
}

// Python is the version that the base image names, "" when it does not.
func (e Evidence) Python() string {
	for _, v := range e.Env {
		if v, ok := strings.CutPrefix(v, "PYTHON_VERSION="); ok {
			if major, rest, ok := strings.Cut(v, "."); ok {
				minor, _, _ := strings.Cut(rest, ".")
				return major + "." + minor
			}
		}
	}
	return ""
}

// Dist is an installed Python distribution.
type Dist struct {
	Name, Version string
	Native        bool // it has compiled modules
	Compiled      bool // they were compiled here, not taken from a wheel of the index
	NoMusl        bool // the index has no wheel of it for musl
}

// Input is what a strategy starts from.
type Input struct {
	Doc      *dockerfile.Document
	Project  stack.Project
	Context  fs.FS // the build context; nil: nothing is known of it
	Evidence Evidence
}

// Output is a Dockerfile that a person would write and keep.
type Output struct {
	Dockerfile []byte
	Base       string   // of the final stage
	Notes      []string // what a reader must know
}

// Refusal says why a strategy does not fit.
type Refusal struct{ Reason string }

func (r *Refusal) Error() string { return r.Reason }

func refuse(format string, args ...any) error { return &Refusal{fmt.Sprintf(format, args...)} }

// step is an instruction of the final stage, with what it does as far as it is
// understood.
type step struct {
	*dockerfile.Instruction
	apt  []string // packages that it installs, when it does nothing else
	pip  [][]string
	rest []string   // commands beside pip, in order; only with pip
	owns *ownership // when it, or the rest beside pip, only makes users and directories
}

// recipe is the tidied original in steps.
type recipe struct {
	head    string // all before the first FROM: directives, comments, arguments
	base    string
	tag     string // of an official Python image
	version string // of Python, "3.11"; "" when it is not known before building
	steps   []step
}

// read takes a single-stage Dockerfile on an official Python image apart.
func read(in Input) (*recipe, error) {
	if in.Project.Language != "python" {
		return nil, refuse("only Python programs are rewritten yet")
	}
	d, err := in.Doc.Apply(Tidy(in.Doc, TidyOptions{KeepRecommends: true, Context: in.Context})...)
	if err != nil {
		return nil, err
	}
	if len(d.Stages) > 1 {
		return nil, refuse("the Dockerfile has several stages already")
	}
	if in.Project.Version == "" {
		in.Project.Version = in.Evidence.Python()
	}
	r := &recipe{base: d.Expand(d.Final().Base, nil), version: in.Project.Version}
	if strings.Contains(r.base, "@") {
		return nil, refuse("the base %s is pinned by digest: name the lighter base and its digest yourself", r.base)
	}
	name, tag, _ := strings.Cut(path.Base(r.base), ":")
	if name != "python" {
		return nil, refuse("the base %s is no official Python image, so the place of its Python is not known", r.base)
	}
	r.tag = tag
	start := d.Final().From.Range.Start
	if c := d.Final().From.Comments; len(c) > 0 {
		start = c[0].Start
	}
	r.head = string(d.Source[:start])
	for _, i := range d.Final().Instructions {
		s, err := understand(i)
		if err != nil {
			return nil, err
		}
		r.steps = append(r.steps, s)
	}
	return r, nil
}

// understand finds out what a RUN does. What is not understood stays as it is.
func understand(i *dockerfile.Instruction) (step, error) {
	s := step{Instruction: i}
	if i.Name != "RUN" || i.JSON || len(i.Heredocs) > 0 {
		return s, nil
	}
	sh, err := i.Shell()
	if err != nil {
		return s, nil
	}
	apt, aptOnly := []string{}, true
	var others []dockerfile.Command
	for _, c := range sh.Commands {
		if c.Nested || c.Op != "" && c.Op != "&&" {
			return s, nil
		}
		switch args, ok := pipArgs(c); {
		case ok:
			words, err := pipWords(i, args)
			if err != nil {
				return s, err
			}
			s.pip, aptOnly = append(s.pip, words), false
		case isAptInstall(c):
			apt = append(apt, packages(c.Args)...)
		case isApt(c), c.Name == "rm" && hasArg(c.Args, "-rf"):
			s.rest = append(s.rest, i.Document().Text(c.Range))
		default:
			s.rest, aptOnly = append(s.rest, i.Document().Text(c.Range)), false
			others = append(others, c)
		}
	}
	if o, ok := readOwning(i, others); ok && len(s.rest) == len(others) && len(others) > 0 && len(i.Flags) == 0 {
		s.owns = &o
	}
	if aptOnly && len(apt) > 0 {
		s.apt = apt
	}
	if len(apt) > 0 && len(s.pip) > 0 {
		return s, refuse("line %d installs system packages and Python packages in one RUN: split it, and the rest is done for you", i.Line)
	}
	return s, nil
}

// pipWords are the arguments of a pip install, less those about its cache.
func pipWords(i *dockerfile.Instruction, args []dockerfile.Word) ([]string, error) {
	var out []string
	for _, a := range args {
		switch flag, _, _ := strings.Cut(a.Value, "="); flag {
		case "install", "--no-cache-dir":
			continue
		case "--prefix", "--target", "-t", "--user", "--root", "-e", "--editable":
			return nil, refuse("line %d: pip install %s puts packages where the rewrite would", i.Line, flag)
		}
		out = append(out, i.Document().Text(a.Range))
	}
	return out, nil
}

func packages(args []dockerfile.Word) []string {
	var out []string
	for _, a := range args {
		if a.Value != "install" && !strings.HasPrefix(a.Value, "-") {
			out = append(out, a.Value)
		}
	}
	return out
}

// buildOnly tells a package that only compiling needs. Source: Debian's naming
// policy for -dev packages, and the members of build-essential.
func buildOnly(p string) bool {
	p, _, _ = strings.Cut(p, "=")
	return strings.HasSuffix(p, "-dev") || slices.Contains([]string{
		"gcc", "g++", "make", "cmake", "build-essential", "pkg-config", "autoconf", "automake", "libtool", "ninja-build",
		"cargo", "rustc", "gfortran", "swig", "patch", "bison", "flex", "dpkg-dev",
	}, p)
}

// system splits the original's own packages.
func (r *recipe) system() (build, run []string) {
	for _, s := range r.steps {
		for _, p := range s.apt {
			if buildOnly(p) {
				build = append(build, p)
			} else {
				run = append(run, p)
			}
		}
	}
	return build, run
}

// compiles tells whether installing the dependencies needs a compiler.
func (r *recipe) compiles(e Evidence) bool {
	build, _ := r.system()
	if len(build) > 0 {
		return true
	}
	for _, s := range r.steps {
		for _, p := range s.pip {
			if slices.ContainsFunc(p, func(a string) bool { return strings.HasPrefix(a, "--no-binary") }) {
				return true
			}
		}
	}
	return slices.ContainsFunc(e.Dists, func(d Dist) bool { return d.Compiled })
}

func (r *recipe) installs() bool {
	return slices.ContainsFunc(r.steps, func(s step) bool { return len(s.pip) > 0 })
}

// lastPip is the index of the last step that installs Python packages.
func (r *recipe) lastPip() int {
	n := -1
	for i, s := range r.steps {
		if len(s.pip) > 0 {
			n = i
		}
	}
	return n
}

// slimTag is the slim form of an official Python tag.
func slimTag(tag string) (string, bool) {
	switch {
	case strings.Contains(tag, "slim"):
		return tag, true
	case strings.Contains(tag, "alpine"), strings.Contains(tag, "windows"):
		return "", false
	case tag == "" || tag == "latest":
		return "slim", true
	}
	for _, release := range []string{"trixie", "bookworm", "bullseye", "buster"} {
		if v, ok := strings.CutSuffix(tag, release); ok {
			return v + "slim-" + release, true
		}
	}
	return tag + "-slim", true
}

func (r *recipe) withTag(tag string) string {
	return strings.TrimSuffix(r.base, ":"+r.tag) + ":" + tag
}

// SlimBase is the slim form of an official Python image, if there is one.
func SlimBase(base string) (string, bool) {
	name, tag, _ := strings.Cut(path.Base(base), ":")
	if name != "python" {
		return "", false
	}
	slim, ok := slimTag(tag)
	return strings.TrimSuffix(base, ":"+tag) + ":" + slim, ok
}

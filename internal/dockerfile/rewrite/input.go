package rewrite

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
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
	OtherHash     bool // the requirements list no hash of a file of it that can be installed on musl
}

// Input is what a strategy starts from.
type Input struct {
	Doc      *dockerfile.Document
	Project  stack.Project
	Context  fs.FS  // the build context; nil: nothing is known of it
	Target   string // the stage that is built; "" is the last
	Evidence Evidence

	tidy     bool              // Doc needs no tidying any more
	edits    []dockerfile.Edit // that tidied it
	splitOff bool              // split gave the environment a stage of its own
}

// tidied is in with its Dockerfile tidied, once.
func (in Input) tidied() (Input, error) {
	if in.tidy {
		return in, nil
	}
	edits := Tidy(in.Doc, TidyOptions{Context: in.Context, Target: in.Target})
	d, err := in.Doc.Apply(edits...)
	if err != nil {
		return in, err
	}
	in.Doc, in.tidy, in.edits = d, true, edits
	return in, nil
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

var toolName = regexp.MustCompile(`^[a-z]+`)

var versionTag = regexp.MustCompile(`^\d+\.\d+`)

func refuse(format string, args ...any) error { return &Refusal{fmt.Sprintf(format, args...)} }

// step is an instruction of the final stage, with what it does as far as it is
// understood.
type step struct {
	*dockerfile.Instruction
	apt    []string // packages that it installs, when it does nothing else
	pip    []pipInstall
	rest   []string   // commands beside pip, in order; only with pip
	owns   *ownership // when it, or the rest beside pip, only makes users and directories
	placed string     // why its Python packages cannot be installed elsewhere; "" when they can, or when there are none
}

// pipInstall is a pip install.
type pipInstall struct {
	uv   bool     // uv does it, into the image's Python
	env  string   // assignments before it, with the blank behind them
	args []string // less those about its cache
	// itself is set when it renews pip: with --prefix it would remove the pip that runs.
	itself bool
	tools  []string // what it names beside pip then
	getsUV bool     // it gets uv, and nothing else
}

// recipe is the tidied original in steps.
type recipe struct {
	head      string              // all before the final stage: directives, comments, arguments, the stages it takes files from
	preamble  string              // of head, what stands before the first stage
	earlier   []*dockerfile.Stage // the stages in head
	platform  string              // flags of FROM, each with a blank behind it
	base      string
	origin    *dockerfile.Stage // whose FROM names base
	tag       string            // of an official Python image
	version   string            // of Python, "3.11"; "" when it is not known before building
	steps     []step            // of the final stage and of those that it is built on
	stage     string            // name for a stage that installs the dependencies
	libraries string            // name for a stage that unpacks libraries
	notes     []string
}

// read takes a Dockerfile whose final stage is built on an official Python image apart.
func read(in Input) (*recipe, error) {
	if in.Project.Language != "python" {
		return nil, refuse("only Python programs are rewritten yet")
	}
	in, err := in.tidied()
	if err != nil {
		return nil, err
	}
	d := in.Doc
	final := d.Built(in.Target)
	line := lineage(final)
	r := &recipe{base: d.Expand(line[0].Base, nil), origin: line[0], version: in.Project.Version}
	if strings.Contains(r.base, "@") {
		return nil, refuse("the base %s is pinned by digest: name the lighter base and its digest yourself", r.base)
	}
	name, tag, _ := strings.Cut(path.Base(r.base), ":")
	if name != "python" {
		return nil, refuse("the base %s is no official Python image, so the place of its Python is not known", r.base)
	}
	r.tag = tag
	if v := versionTag.FindString(tag); v != "" { // another stage may have another one
		r.version = v
	} else if len(d.Stages) > 1 || r.version == "" {
		r.version = in.Evidence.Python()
	}
	for _, f := range line[0].From.Flags {
		r.platform += d.Text(f.Range) + " "
	}
	r.readEarlier(d, final)
	if slices.ContainsFunc(in.edits, func(e dockerfile.Edit) bool { return strings.Contains(e.Why, whyRecommends) }) {
		r.notes = append(r.notes, whyRecommends)
	}
	for _, s := range line {
		for _, i := range s.Instructions {
			s, err := understand(i)
			if err != nil {
				return nil, err
			}
			r.steps = append(r.steps, s)
		}
	}
	r.stage, r.libraries = r.unused("builder", "dependencies"), r.unused("libraries", "debian-libraries")
	if len(r.earlier) > 0 && !r.installs() {
		r.stage = r.unused("files")
	}
	return r, nil
}

// understand finds out what a RUN does. What is not understood stays as it is.
func understand(i *dockerfile.Instruction) (step, error) {
	plain := step{Instruction: i}
	if i.Name != "RUN" || i.JSON || len(i.Heredocs) > 0 {
		return plain, nil
	}
	sh, err := i.Shell()
	if err != nil {
		return plain, nil
	}
	s := plain
	var apt []string
	aptOnly := true
	var others []dockerfile.Command
	for _, c := range sh.Commands {
		if c.Nested || c.Op != "" && c.Op != "&&" || len(c.Stmt.Redirs) > 0 {
			return plain, nil
		}
		args, isPip := pipArgs(c)
		sub := subcommand(args)
		switch {
		case isPip && sub >= 0 && args[sub].Value == "install":
			p, placed := readPip(i, c, args)
			if placed != "" {
				plain.placed = placed
				return plain, nil
			}
			s.pip, aptOnly = append(s.pip, p), false
		case isUVInstall(i, c):
			p, placed := readPip(i, c, c.Args[1:])
			if placed != "" {
				plain.placed = placed
				return plain, nil
			}
			s.pip, aptOnly = append(s.pip, p), false
		case isPip && sub >= 0 && args[sub].Value == "cache": // nothing is left in it
		case isPip:
			return plain, nil
		case isAptInstall(c):
			names, ok := packages(c.Args)
			if !ok {
				return plain, nil
			}
			apt = append(apt, names...)
		case isAptTidying(c):
			s.rest = append(s.rest, i.Document().Text(c.Range))
		default:
			s.rest, aptOnly = append(s.rest, i.Document().Text(c.Range)), false
			others = append(others, c)
		}
	}
	if len(s.pip) > 0 && len(others) > 0 && len(i.Flags) > 0 { // which of them needs the mounts is not known
		plain.placed = fmt.Sprintf("line %d runs pip and other commands in one RUN with %s: split it, and the rest is done for you", i.Line, i.Document().Text(i.Flags[0].Range))
		return plain, nil
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

// isAptTidying tells a command that only fetches or clears what apt needs for itself.
func isAptTidying(c dockerfile.Command) bool {
	if isApt(c) {
		return hasArg(c.Args, "update", "clean", "autoclean", "autoremove")
	}
	return c.Name == "rm" && !slices.ContainsFunc(c.Args, func(w dockerfile.Word) bool {
		return !strings.HasPrefix(w.Value, "-") &&
			!slices.ContainsFunc([]string{"/var/lib/apt/", "/var/cache/", "/var/lib/cache", "/var/log", "/var/tmp", "/tmp/"}, func(d string) bool { return strings.HasPrefix(w.Value, d) })
	})
}

// readPip reads a pip install; placed says why it cannot go elsewhere.
func readPip(i *dockerfile.Instruction, c dockerfile.Command, args []dockerfile.Word) (p pipInstall, placed string) {
	p.env, p.uv = i.Document().Text(dockerfile.Range{Start: c.Range.Start, End: c.NameAt.Start}), c.Name == "uv"
	for _, a := range args {
		switch flag, _, _ := strings.Cut(a.Value, "="); flag {
		case "install", "--no-cache-dir", "--no-cache":
			continue
		case "--prefix", "--target", "-t", "--user", "--root", "-e", "--editable":
			return p, fmt.Sprintf("line %d: pip install %s puts packages where the rewrite would", i.Line, flag)
		}
		p.args = append(p.args, i.Document().Text(a.Range))
		switch name := toolName.FindString(a.Value); {
		case p.uv:
		case name == "uv":
			p.getsUV = true
		case name == "pip":
			p.itself = true
		case name == "setuptools" || name == "wheel":
			p.tools = append(p.tools, i.Document().Text(a.Range))
		}
	}
	p.getsUV = p.getsUV && !slices.ContainsFunc(args[1:], func(a dockerfile.Word) bool {
		return !strings.HasPrefix(a.Value, "-") && toolName.FindString(a.Value) != "uv" || strings.HasPrefix(a.Value, "-r")
	})
	if strings.Contains(c.Name, "/") && !strings.HasPrefix(c.Name, "/usr/") {
		return p, fmt.Sprintf("line %d installs with %s into an environment of its own", i.Line, c.Name)
	}
	return p, ""
}

// packages are what an apt-get install names; false when it does more than install these from where apt finds them.
func packages(args []dockerfile.Word) ([]string, bool) {
	var out []string
	for _, a := range args {
		switch {
		case !a.Static:
			return nil, false
		case a.Value == "install", a.Value == "--no-install-recommends", a.Value == "--fix-missing", slices.Contains(aptYes, a.Value):
		case strings.HasPrefix(a.Value, "-"), strings.ContainsAny(a.Value, "/*"), a.Value == "build-dep", a.Value == "satisfy":
			return nil, false
		default:
			out = append(out, a.Value)
		}
	}
	return out, true
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
			if slices.ContainsFunc(p.args, func(a string) bool { return strings.HasPrefix(a, "--no-binary") }) {
				return true
			}
		}
	}
	return slices.ContainsFunc(e.Dists, func(d Dist) bool { return d.Compiled })
}

func (r *recipe) installs() bool {
	return slices.ContainsFunc(r.steps, func(s step) bool { return len(s.pip) > 0 })
}

// placed is why a step's Python packages cannot be installed elsewhere.
func (r *recipe) placed() string {
	for _, s := range r.steps {
		if s.placed != "" {
			return s.placed
		}
	}
	return ""
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

func (r *recipe) withTag(tag string) string {
	return strings.TrimSuffix(r.base, ":"+r.tag) + ":" + tag
}

var variable = regexp.MustCompile(`\$(\w+|\{[^}]*\})`)

// likewise writes a base with the variables of the FROM of s, where it is another form of the same image: who gives the argument another
// value, or changes it, wants all stages to follow.
func likewise(s *dockerfile.Stage, base string) string {
	d, all := s.From.Document(), variable.FindAllStringIndex(s.Base, -1)
	if len(all) == 0 {
		return base
	}
	head := s.Base[:all[len(all)-1][1]]
	rest, ok := strings.CutPrefix(base, d.Expand(head, nil))
	if out := head + rest; ok && d.Expand(out, nil) == base {
		return out
	}
	return base
}

// SlimBase is the slim form of an official Python image, if there is one.
func SlimBase(base string) (string, bool) {
	name, tag, _ := strings.Cut(path.Base(base), ":")
	if name != "python" {
		return "", false
	}
	slim, ok := stack.SlimTag(tag)
	return strings.TrimSuffix(base, ":"+tag) + ":" + slim, ok
}

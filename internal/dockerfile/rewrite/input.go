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

// recipe is the tidied original in steps.
type recipe struct {
	head      string              // all before the final stage: directives, comments, arguments, the stages it takes files from
	preamble  string              // of head, what stands before the first stage
	earlier   []*dockerfile.Stage // the stages in head
	platform  string              // flags of FROM, each with a blank behind it
	as        string              // the final stage's name as FROM gives it, with the blanks before it; "" when it has none
	base      string
	origin    *dockerfile.Stage // whose FROM names base
	tag       string            // of an official image of Python, Debian or Ubuntu
	version   string            // of Python, "3.11"; "" when it is not known before building
	steps     []step            // of the final stage and of those that it is built on
	stage     string            // name for a stage that installs the dependencies
	libraries string            // name for a stage that unpacks libraries
	notes     []string

	// distribution is set on Debian's and Ubuntu's own images: Python is a package, and what pip installs beside it cannot be moved.
	distribution bool

	splitOff   bool     // the stage above was made of this one
	context    fs.FS    // nil: nothing is known of it
	asks       []string // tools that are installed for HEALTHCHECK alone
	hasProject bool     // the context has a pyproject.toml
	hashed     bool     // pipenv's lock file has a hash of everything
	clones     bool     // a requirement is in a repository
}

// read takes a Dockerfile whose final stage is built on an official Python image apart.
func read(in Input) (*recipe, error) {
	if in.Project.Language != "python" {
		return nil, refuse("nothing tells of a Python program here, and only these are rewritten")
	}
	in, err := in.tidied()
	if err != nil {
		return nil, err
	}
	d := in.Doc
	final := d.Built(in.Target)
	line := lineage(final)
	r := &recipe{splitOff: in.splitOff, context: in.Context, base: d.Expand(line[0].Base, nil), origin: line[0], version: in.Project.Version}
	if strings.Contains(r.base, "@") {
		return nil, refuse("the base %s is pinned by digest: name the lighter base and its digest yourself", r.base)
	}
	name, tag, _ := strings.Cut(path.Base(r.base), ":")
	r.tag, r.distribution = tag, name == "debian" || name == "ubuntu"
	if name != "python" && !r.distribution {
		return nil, refuse("the base %s is no official Python image, so the place of its Python is not known", r.base)
	}
	if v := versionTag.FindString(tag); v != "" { // another stage may have another one
		r.version = v
	} else if len(d.Stages) > 1 || r.version == "" {
		r.version = in.Evidence.Python()
	}
	for _, f := range line[0].From.Flags {
		r.platform += d.Text(f.Range) + " "
	}
	if final.Name != "" {
		r.as = " AS " + final.Name
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
	r.stayPut(in.Context)
	r.forget()
	r.pass()
	r.readProject(in.Context)
	r.findAsking(in.Context)
	r.stage, r.libraries = r.unused("builder", "dependencies"), r.unused("libraries", "debian-libraries")
	if len(r.earlier) > 0 && !r.installs() {
		r.stage = r.unused("files")
	}
	return r, nil
}

// system splits the original's own packages.
func (r *recipe) system() (build, run []string) {
	for _, s := range r.steps {
		for _, p := range s.packages {
			if buildOnly(p) || slices.Contains(s.gone, bare(p)) {
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
	if build, _ := r.system(); len(build) > 0 || r.clones { // what comes from a repository is built, and git only the full image has
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

// SlimBase is the slim form of an official image of Python or Debian, if there is one; of Alpine and Ubuntu it is the image itself.
func SlimBase(base string) (string, bool) {
	name, tag, _ := strings.Cut(path.Base(base), ":")
	slim, ok := tag, true
	switch {
	case name == "debian":
		slim, ok = stack.DebianSlimTag(tag)
	case name == "python" && !strings.Contains(tag, "alpine"):
		slim, ok = stack.SlimTag(tag)
	case name == "python", name == "ubuntu":
		return base, true
	default:
		return "", false
	}
	return strings.TrimSuffix(base, ":"+tag) + ":" + slim, ok
}

// moves refuses what is made for the Python of official images.
func (r *recipe) moves() error {
	if r.distribution {
		return refuse("the program runs on Python of the distribution, not on an official image of Python: another one has other packages")
	}
	return nil
}

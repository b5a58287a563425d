package rewrite

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/lighten/lighten/internal/dockerfile"
)

// lineage are the stages that a stage is built on, the first before it, and itself.
func lineage(s *dockerfile.Stage) []*dockerfile.Stage {
	var out []*dockerfile.Stage
	for ; s != nil; s = s.Parent {
		out = append(out, s)
	}
	slices.Reverse(out)
	return out
}

// readEarlier finds the stages that the final one takes files from. Those that it is built on become part
// of it, and stand by themselves only where another stage needs them.
func (r *recipe) readEarlier(d *dockerfile.Document, final *dockerfile.Stage) {
	needed := map[*dockerfile.Stage]bool{}
	byNumber := false
	var visit func(*dockerfile.Stage)
	visit = func(s *dockerfile.Stage) {
		for _, name := range references(s) {
			if _, err := strconv.Atoi(name); err == nil {
				byNumber = true
			}
			if o := d.StageNamed(name); o != nil && o.Index < s.Index && !needed[o] {
				for _, a := range lineage(o) {
					needed[a] = true
					visit(a)
				}
			}
		}
	}
	for _, s := range lineage(final) {
		visit(s)
	}
	r.preamble = d.Text(dockerfile.Range{Start: 0, End: start(d.Stages[0])})
	r.head = r.preamble
	var dropped []string
	ours := lineage(final)
	for _, s := range d.Stages[:final.Index] {
		switch {
		case needed[s] || byNumber: // a number counts all stages above it
			r.earlier = append(r.earlier, s)
			r.head += d.Text(dockerfile.Range{Start: start(s), End: start(d.Stages[s.Index+1])})
		case s.Name != "" && !slices.Contains(ours, s):
			dropped = append(dropped, s.Name)
		}
	}
	if len(dropped) > 0 {
		r.notes = append(r.notes, fmt.Sprintf("%s left out, for the image takes nothing from there: %s", plural(len(dropped), "a stage is", "stages are"), strings.Join(dropped, ", ")))
	}
	if len(r.earlier) > 0 {
		r.head = strings.TrimRight(r.head, "\n") + "\n\n"
	}
}

// start is where the comments above a stage begin.
func start(s *dockerfile.Stage) int {
	if c := s.From.Comments; len(c) > 0 {
		return c[0].Start
	}
	return s.From.Range.Start
}

// unused is the first name that no stage has.
func (r *recipe) unused(names ...string) string {
	for n := 2; ; n++ {
		for _, name := range names {
			if r.as != " AS "+name && !slices.ContainsFunc(r.earlier, func(s *dockerfile.Stage) bool { return s.Name == name }) {
				return name
			}
		}
		names = []string{names[0] + strconv.Itoa(n)}
	}
}

// references are the stages, by name or number, that a stage takes files from.
func references(s *dockerfile.Stage) []string {
	var out []string
	for _, i := range s.Instructions {
		if f := i.Flag("from"); f != nil {
			out = append(out, i.Expand(f.Value))
		}
		mounts, err := i.Mounts()
		if err != nil {
			continue // its variables are not known yet
		}
		for _, m := range mounts {
			if m.From != "" {
				out = append(out, m.From)
			}
		}
	}
	return out
}

// glibcPython is the tag of the official Python image with glibc that a stage is built on.
func glibcPython(s *dockerfile.Stage) (tag string, ok bool) {
	root := lineage(s)[0]
	base := root.From.Document().Expand(root.Base, nil)
	name, tag, _ := strings.Cut(path.Base(base), ":")
	return tag, name == "python" && !strings.Contains(base, "@") && !strings.Contains(tag, "alpine")
}

// alpineHead writes the earlier stages, Python's ones on Alpine too: what was compiled for glibc does not
// load on musl. Stages of other languages stay, for what they bring is rarely a program.
func (r *recipe) alpineHead(p *page, e Evidence, build []string) error {
	p.WriteString(r.preamble)
	if r.installs() {
		build = nil // they are for the stage that is added
	}
	for _, s := range r.earlier {
		d := s.From.Document()
		tag, ok := glibcPython(s)
		if !ok {
			p.WriteString(d.Text(dockerfile.Range{Start: start(s), End: start(d.Stages[s.Index+1])}))
			continue
		}
		for _, c := range s.From.Comments {
			p.line("%s", d.Text(c))
		}
		if s.Parent == nil {
			version := versionTag.FindString(tag)
			if version == "" {
				version = r.version
			}
			base := strings.TrimSuffix(d.Expand(s.Base, nil), ":"+tag) + ":" + version + "-alpine"
			p.line("%s", strings.Replace(d.Text(s.From.Range), s.Base, likewise(s, base), 1))
			p.apk(build)
		} else {
			p.line("%s", d.Text(s.From.Range))
		}
		for _, i := range s.Instructions {
			if err := p.earlierOnAlpine(i, e, build); err != nil {
				return err
			}
		}
		p.line("")
	}
	return nil
}

// earlierOnAlpine writes an instruction of an earlier stage, which has the packages for building already.
func (p *page) earlierOnAlpine(i *dockerfile.Instruction, e Evidence, build []string) error {
	s, err := understand(i)
	if err != nil {
		return err
	}
	if err := untranslated(s); err != nil {
		return err
	}
	if len(s.packages) > 0 && len(s.pip) > 0 {
		return refuse("line %d installs system packages and Python packages in one RUN: split it, and the rest is done for you", i.Line)
	}
	if len(s.packages) > 0 {
		var pkgs []string
		for _, d := range s.packages {
			if names, err := translated([]string{d}, alpineNames); err == nil {
				pkgs = append(pkgs, names...)
			} else if names, err := translated([]string{d}, alpineHeaders); err == nil {
				pkgs = append(pkgs, names...)
				if d == "gcc" || d == "g++" {
					pkgs = append(pkgs, "musl-dev") // Debian's compilers bring the C library's headers
				}
			} else if len(build) == 0 || !buildOnly(d) {
				return err
			}
		}
		if pkgs = missing(pkgs, build); len(pkgs) > 0 {
			comments(p, s)
			p.apk(pkgs)
		}
		return nil
	}
	if s.owns != nil && len(s.pip) == 0 {
		p.onAlpine(s, e)
		return nil
	}
	p.keep(s)
	return nil
}

// carried are installed Python packages that the final stage copies from an earlier one.
type carried struct {
	stage     string // as COPY --from names it
	site, bin string // directories in that stage; "" when it brings none
	to        string // the directory that holds them in the original's final stage
}

// carries reads a COPY --from of installed packages; false for any other instruction.
func (r *recipe) carries(s step) (carried, bool) {
	c, ok := s.Command.(*instructions.CopyCommand)
	if !ok || s.flag("from") == "" || len(c.SourcePaths) != 1 {
		return carried{}, false
	}
	from := path.Clean("/" + s.Expand(c.SourcePaths[0]))
	to := resolve(workdir(s.Instruction), s.Expand(c.DestPath))
	x := carried{stage: s.flag("from"), to: to}
	lib := "lib/python" + r.version + "/site-packages"
	switch {
	case path.Base(from) == "site-packages":
		x.site = from
	case to == "/usr/local/bin" && path.Base(from) == "bin":
		x.bin = from
	case to == "/usr/local" || path.Base(to) == ".local" || from == to && r.isEnvironment(s, to):
		x.site, x.bin = path.Join(from, lib), path.Join(from, "bin")
	default:
		return carried{}, false
	}
	return x, true
}

// isEnvironment tells whether the stage that a COPY names makes a virtual environment there.
func (r *recipe) isEnvironment(s step, dir string) bool {
	for _, e := range r.earlier {
		if e.Name != strings.ToLower(s.flag("from")) && strconv.Itoa(e.Index) != s.flag("from") {
			continue
		}
		for _, a := range lineage(e) {
			for _, i := range a.Instructions {
				text := i.Document().Text(i.Range)
				if i.Name == "RUN" && strings.Contains(text, "venv") && strings.Contains(text, dir) {
					return true
				}
			}
		}
	}
	return path.Base(dir) == "venv" || path.Base(dir) == ".venv"
}

// pointsInto tells an ENV that only puts a carried environment in front.
func (r *recipe) pointsInto(s step, all []carried) bool {
	c, ok := s.Command.(*instructions.EnvCommand)
	if !ok {
		return false
	}
	for _, kv := range c.Env {
		switch kv.Key {
		case "PATH", "VIRTUAL_ENV":
		default:
			return false
		}
		first, _, _ := strings.Cut(s.Expand(kv.Value), ":")
		if !slices.ContainsFunc(all, func(x carried) bool { return path.IsAbs(first) && within(first, x.to) }) {
			return false
		}
	}
	return true
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

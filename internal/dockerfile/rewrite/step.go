package rewrite

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lighten/lighten/internal/dockerfile"
	"github.com/lighten/lighten/internal/lazy"
)

// step is an instruction of the final stage, with what it does as far as it is
// understood.
type step struct {
	*dockerfile.Instruction
	packages []string // of the distribution, that it installs, when it does nothing else than that and pip
	removed  []string // those that it removes, by name or together
	together string   // the name under which apk knows these
	these    []string
	gone     []string // of its packages, those that it or a later step removes
	pip      []pipInstall
	rest     []string   // commands beside these, in order; only with pip
	owns     *ownership // when it, or the rest beside pip, only makes users and directories
	placed   string     // why its Python packages cannot be installed elsewhere; "" when they can, or when there are none
	passing  bool       // what it copies is for pip alone and removed again, or it is that removal
}

// understand finds out what a RUN does. What is not understood stays as it is.
func understand(i *dockerfile.Instruction) (step, error) {
	plain := step{Instruction: i}
	x, ok := readScript(i)
	if !ok || x.sh == nil || len(i.Heredocs) > 0 && !x.strict() {
		return plain, nil
	}
	s := plain
	var others []dockerfile.Command // neither packages nor pip
	var before []string             // what stands before the next pip: where it runs, and with what
	sets := 0
	var tidying []string
	end := 0 // of the command at the top
	for _, c := range x.commands {
		if c.Nested && c.Range.End <= end { // a substitution in its words
			continue
		}
		end = c.Range.End
		if c.Nested || c.Op != "" && c.Op != "&&" && !(c.Op == ";" && x.strict()) || len(c.Stmt.Redirs) > 0 {
			return plain, nil
		}
		args, isPip := pipArgs(c)
		sub := subcommand(args)
		if c.Name == "pipenv" || isUVInstall(i, c) {
			isPip, args, sub = true, c.Args, 0
			if c.Name == "uv" {
				args = c.Args[1:]
			}
		}
		text := i.Document().Text(c.Range)
		switch {
		case c.Name == "pipenv", isPip && sub >= 0 && args[sub].Value == "install":
			p, placed := readPip(i, c, args)
			if placed != "" {
				plain.placed = placed
				return plain, nil
			}
			p.before = slices.Clone(before)
			before = slices.DeleteFunc(before, func(b string) bool { return !setsScene(b) })
			s.pip = append(s.pip, p)
		case isPip && sub >= 0 && args[sub].Value == "cache", removesPipCache(c): // nothing is left in it
		case isPip:
			return plain, nil
		case isAptInstall(c):
			names, ok := packages(c.Args)
			if !ok {
				return plain, nil
			}
			s.packages = append(s.packages, names...)
		case does(c, "apk", "add"):
			names, together, ok := apkPackages(c.Args)
			if !ok || together != "" && s.together != "" {
				return plain, nil
			}
			if together != "" {
				s.together, s.these = together, names
			}
			s.packages = append(s.packages, names...)
		case isApt(c) && hasArg(c.Args, "remove", "purge"), does(c, "apk", "del"):
			names, ok := uninstalled(c.Args)
			if !ok {
				return plain, nil
			}
			s.removed = append(s.removed, names...)
		case isAptTidying(c), does(c, "apk", "update", "cache"):
			tidying = append(tidying, text)
			s.rest = append(s.rest, text)
		default:
			s.rest, before = append(s.rest, text), append(before, text)
			if setsScene(text) {
				sets++
			}
			others = append(others, c)
		}
	}
	if len(s.pip) > 0 && len(others) > sets && len(i.Flags) > 0 { // which of them needs the mounts is not known
		plain.placed = fmt.Sprintf("line %d runs pip and other commands in one RUN with %s: split it, and the rest is done for you", i.Line, i.Document().Text(i.Flags[0].Range))
		return plain, nil
	}
	if s.managesPackages() && (len(others) > sets || len(s.pip) > 0 && len(missing(s.removed, append(s.packages, s.together))) > 0) {
		if len(s.pip) > 0 {
			return s, refuse("line %d installs system packages and Python packages, and does more, in one RUN: split it, and the rest is done for you", i.Line)
		}
		return plain, nil
	}
	if o, ok := readOwning(i, others); ok && len(tidying) == 0 && len(others) > 0 && len(i.Flags) == 0 {
		s.owns = &o
		for n := range s.pip {
			s.pip[n].before = nil
		}
	}
	switch {
	case s.managesPackages(): // so that is what was tidied
		s.rest = nil
	case len(others) == sets:
		s.rest = tidying
	}
	return s, nil
}

// managesPackages tells a step that installs or removes packages of the distribution.
func (s step) managesPackages() bool { return len(s.packages)+len(s.removed) > 0 }

// strict tells a script that ends where a command fails: its lines are as good as joined by &&.
func (s script) strict() bool {
	if c := s.commands; len(c) > 1 && c[0].Name == "set" && !c[0].Nested && len(c[0].Args) > 0 && errexit.MatchString(c[0].Args[0].Value) {
		return true
	}
	strict := false
	for _, a := range lineage(s.Stage) {
		for _, i := range a.Instructions {
			if i.Line >= s.Line {
				return strict
			}
			if i.Name == "SHELL" {
				strict = slices.ContainsFunc(i.Args[1:], func(w dockerfile.Word) bool { return errexit.MatchString(w.Value) })
			}
		}
	}
	return strict
}

// errexit is an argument of a shell, or of its command set, that turns its option of this name on.
var errexit = lazy.MustCompile(`^-[a-zA-Z]*e[a-zA-Z]*$`)

// setsScene tells a command that changes nothing but how those behind it run in the same RUN.
func setsScene(command string) bool {
	name, _, _ := strings.Cut(command, " ")
	return slices.Contains([]string{"cd", "export", "set", "umask"}, name)
}

// removesPipCache tells a command that removes what pip keeps of its downloads, and nothing else.
func removesPipCache(c dockerfile.Command) bool {
	return c.Name == "rm" && len(c.Args) > 1 && !slices.ContainsFunc(c.Args, func(w dockerfile.Word) bool {
		v := strings.TrimRight(strings.Replace(w.Value, "~", "/root", 1), "/*")
		return !strings.HasPrefix(v, "-") && v != "/root/.cache" && v != "/root/.cache/pip"
	})
}

// pass finds what is copied into the image for pip alone, and removed again when that is done.
func (r *recipe) pass() {
	for n := range r.steps[:r.lastPip()+1] {
		c := &r.steps[n]
		if c.Name != "COPY" && c.Name != "ADD" || len(c.Heredocs) > 0 || len(c.Args) < 2 {
			continue
		}
		dir := resolve(workdir(c.Instruction), c.Expand(c.Args[len(c.Args)-1].Value))
		if dir == "" || systemDir(dir) {
			continue
		}
		used := false
		for k := n + 1; k < len(r.steps); k++ {
			s := &r.steps[k]
			text := s.Document().Text(s.Range)
			used = used || len(s.pip) > 0
			if s.Name == "RUN" && used && s.drops(dir) {
				c.passing = true
				break
			}
			if namesPath(text, dir) && len(s.pip) == 0 || s.Name != "RUN" && namesPath(s.Expand(text), dir) {
				break
			}
			if len(s.pip) > 0 && len(s.rest) > 0 { // it may work on the files
				break
			}
		}
	}
}

// drops takes the removal of dir from a step, and tells whether there was one.
func (s *step) drops(dir string) bool {
	x, ok := readScript(s.Instruction)
	if !ok {
		return false
	}
	for n, c := range x.commands {
		if c.Name != "rm" || c.Nested {
			continue
		}
		var paths []string
		for _, a := range c.Args {
			if !strings.HasPrefix(a.Value, "-") {
				paths = append(paths, resolve(workdir(s.Instruction), a.Value))
			}
		}
		works := slices.DeleteFunc(slices.Clone(s.rest), setsScene)
		switch {
		case len(paths) != 1 || paths[0] != dir:
		case len(s.pip) > 0 && len(works) == 1 && works[0] == s.Document().Text(c.Range):
			s.rest = nil
			return true
		case len(s.pip) == 0 && len(x.commands) == 1 && n == 0:
			s.passing = true
			return true
		}
	}
	return false
}

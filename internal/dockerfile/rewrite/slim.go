package rewrite

import (
	"fmt"
	"slices"
	"strings"
)

// Slim puts the program on the slim image of the same distribution. What its
// native modules load at run time is installed; compilers stay in a builder.
func Slim(in Input) (Output, error) {
	r, err := read(in)
	if err != nil {
		return Output{}, err
	}
	base, ok := SlimBase(r.base)
	switch {
	case r.onAlpine() || !ok || base == r.base && r.distribution && !strings.HasSuffix(r.tag, "-slim"):
		return Output{}, refuse("the base %s has no slim form with the same libc", r.base)
	case base != r.base && r.distribution:
		return r.onBase(in, "slim", base)
	}
	staged := r.installs() && r.compiles(in.Evidence)
	if base == r.base && !staged {
		return Output{}, refuse("the base is slim already; tidy is this form")
	}
	if staged {
		if in, err = split(in); err != nil {
			return Output{}, err
		} else if in.splitOff {
			if r, err = read(in); err != nil {
				return Output{}, err
			}
			return r.onBase(in, "slim", base)
		}
	}
	build, run := r.system()
	if why := r.placed(); why != "" && len(build) == 0 && r.compiles(in.Evidence) {
		return Output{}, refuse("%s, and it needs a compiler, which the slim image does not have", why)
	} else if why != "" || !staged {
		return r.onBase(in, "slim", base)
	}
	return r.staged(in, "slim", base, append(run, in.Evidence.Slim...))
}

// missing are the packages that are not named yet.
func missing(pkgs, named []string) []string {
	return slices.DeleteFunc(slices.Clone(pkgs), func(p string) bool { return slices.Contains(named, p) })
}

// staged installs the dependencies in a builder, of which the final stage takes nothing else.
func (r *recipe) staged(in Input, name, base string, run []string) (Output, error) {
	from := base
	why := "# Everything that only installing needs stays in this stage."
	if r.compiles(in.Evidence) {
		from, why = r.base, "# Compilers and headers stay in this stage."
	}
	var p page
	p.WriteString(r.head)
	p.line("%s", why)
	r.builder(&p, from, r.install, r.prefixed)
	p.line("\n# The program and its dependencies, nothing else.")
	p.line("FROM %s%s%s", r.platform, likewise(r.origin, base), r.as)
	tools, more := r.toolsOf(base)
	run = append(run, tools...)
	r.final(&p, func(p *page) { r.install(p, run) }, func(p *page) { p.line("COPY --from=%s /install /usr/local", r.stage) }, p.asIs)
	return r.output(&p, name, base, append(slimNotes(in), append(more, r.askNotes()...)...))
}

// inOrder is the original with another base, every step where it was and to the letter.
func (r *recipe) inOrder(base string, libraries []string) *page {
	var p page
	p.WriteString(r.head)
	switch {
	case r.splitOff:
		p.line("# The program and its dependencies, nothing else.")
	case base == r.base:
	case r.distribution:
		p.line("# The slim image of the same release: the same packages, without their documentation.")
	default:
		p.line("# The slim image of the same release: the same Python, without compilers and headers.")
	}
	p.line("FROM %s%s%s", r.platform, likewise(r.origin, base), r.as)
	r.install(&p, libraries)
	for _, s := range r.steps {
		if len(r.asks) > 0 || !r.keepHealth(&p, s, "python") { // its tool is installed here
			p.keep(s)
		}
	}
	return &p
}

func slimNotes(in Input) []string {
	var out []string
	if len(in.Evidence.Slim) > 0 {
		out = append(out, "native modules load libraries of "+strings.Join(in.Evidence.Slim, ", ")+", which the slim base does not have: installed")
	}
	return append(out, unowned(in)...)
}

func unowned(in Input) []string {
	if len(in.Evidence.Unowned) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("no package owns %s, which native modules load", strings.Join(in.Evidence.Unowned, ", "))}
}

// MultiStage installs the dependencies in a builder and copies only them.
func MultiStage(in Input) (Output, error) {
	in, err := split(in)
	if err != nil {
		return Output{}, err
	}
	r, err := read(in)
	if err != nil {
		return Output{}, err
	}
	base, ok := SlimBase(r.base)
	if !ok {
		base = r.base
	}
	switch why := r.placed(); {
	case why != "":
		return Output{}, refuse("%s", why)
	case in.splitOff:
		return r.onBase(in, "multi-stage", base)
	case r.distribution:
		return Output{}, refuse("the packages that pip installs lie among the distribution's: with a virtual environment (python3 -m venv), the rest is done for you")
	case !r.installs() && len(r.earlier) > 0:
		return Output{}, refuse("the Dockerfile has a builder already; its lighter forms are the other candidates")
	case !r.installs():
		return Output{}, refuse("the Dockerfile installs nothing with pip, so a builder has nothing to build")
	}
	_, run := r.system()
	return r.staged(in, "multi-stage", base, append(run, in.Evidence.Slim...))
}

// onBase is the original with another base and the libraries that this one lacks.
func (r *recipe) onBase(in Input, name, base string) (Output, error) {
	_, run := r.system()
	tools, notes := r.toolsOf(base)
	return r.output(r.inOrder(base, append(missing(in.Evidence.Slim, run), tools...)), name, base, append(slimNotes(in), notes...))
}

package rewrite

import (
	"fmt"
	"strings"
)

// Slim puts the program on the slim image of the same distribution. What its
// native modules load at run time is installed; compilers stay in a builder.
func Slim(in Input) (Output, error) {
	r, err := read(in)
	if err != nil {
		return Output{}, err
	}
	tag, ok := slimTag(r.tag)
	if !ok {
		return Output{}, refuse("the base %s has no slim form with the same libc", r.base)
	}
	base := r.withTag(tag)
	if base == r.base && !r.compiles(in.Evidence) {
		return Output{}, refuse("the base is slim already; tidy is this form")
	}
	_, run := r.system()
	if !r.compiles(in.Evidence) {
		return r.output(r.inOrder(base, append(run, in.Evidence.Slim...)), "slim", base, slimNotes(in))
	}
	return r.staged(in, "slim", base, append(run, in.Evidence.Slim...))
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
	r.builder(&p, from, (*page).apt, prefixed)
	p.line("\n# The program and its dependencies, nothing else.")
	p.line("FROM %s", base)
	r.final(&p, func(p *page) { p.apt(run) }, func(p *page) { p.line("COPY --from=builder /install /usr/local") }, p.asIs)
	return r.output(&p, name, base, slimNotes(in))
}

// inOrder is the original with another base, every step where it was.
func (r *recipe) inOrder(base string, run []string) *page {
	var p page
	p.WriteString(r.head)
	p.line("# The slim image of the same release: the same Python, without compilers and headers.")
	p.line("FROM %s", base)
	p.apt(run)
	for _, s := range r.steps {
		if len(s.apt) == 0 {
			if len(s.pip) > 0 {
				comments(&p, s)
				cmds := make([]string, 0, len(s.pip)+len(s.rest))
				for _, c := range s.pip {
					cmds = append(cmds, "pip install --no-cache-dir "+strings.Join(c, " "))
				}
				p.run(append(cmds, s.rest...))
				continue
			}
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
	r, err := read(in)
	if err != nil {
		return Output{}, err
	}
	if !r.installs() {
		return Output{}, refuse("the Dockerfile installs nothing with pip, so a builder has nothing to build")
	}
	tag, ok := slimTag(r.tag)
	if !ok {
		tag = r.tag
	}
	base := r.withTag(tag)
	_, run := r.system()
	return r.staged(in, "multi-stage", base, append(run, in.Evidence.Slim...))
}

// prefixed installs into /install, which holds nothing but the dependencies.
func prefixed(p *page, s step) {
	for _, c := range s.pip {
		p.line("RUN pip install --no-cache-dir --prefix=/install %s", strings.Join(c, " "))
	}
}

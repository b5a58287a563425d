package rewrite

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/lighten/lighten/internal/dockerfile"
)

// page is a Dockerfile being written.
type page struct{ strings.Builder }

func (p *page) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

// keep writes an instruction to the letter, with the comments above it.
func (p *page) keep(s step) {
	d := s.Document()
	comments(p, s)
	text := strings.TrimRight(d.Text(s.Range), "\r\n")
	if len(s.Heredocs) == 0 { // whose lines are content
		text = strings.ReplaceAll(text, "\r\n", "\n")
	}
	p.line("%s", text)
}

// apt writes a RUN that installs Debian packages and leaves no lists behind.
func (p *page) apt(pkgs []string) {
	if len(pkgs) == 0 {
		return
	}
	p.line("RUN apt-get update \\")
	p.line(" && apt-get install -y --no-install-recommends %s \\", strings.Join(unique(pkgs), " "))
	p.line(" && rm -rf /var/lib/apt/lists/*")
}

// run writes a RUN of several commands, a line each, with its flags, a blank behind each.
func (p *page) run(cmds []string, flags string) {
	p.line("RUN %s%s", flags, strings.Join(cmds, " \\\n && "))
}

func unique(s []string) []string {
	s = slices.Sorted(slices.Values(s))
	return slices.Compact(s)
}

// forBuilder tells the instructions that a builder stage needs before pip.
func forBuilder(s step) bool {
	return slices.Contains([]string{"ARG", "ENV", "WORKDIR", "COPY", "ADD", "SHELL", "RUN"}, s.Name)
}

// builder writes the stage that installs the dependencies. install writes one
// step's pip commands; apt decides how system packages are put in, and is nil where they are there already.
func (r *recipe) builder(p *page, base string, apt func(*page, []string), install func(*page, step)) {
	p.line("FROM %s%s AS %s", r.platform, likewise(r.origin, base), r.stage)
	r.builderSteps(p, apt, install)
}

func (r *recipe) builderSteps(p *page, apt func(*page, []string), install func(*page, step)) {
	for i, s := range r.steps {
		switch {
		case i > r.lastPip():
			return
		case s.passing && s.Name == "RUN":
		case s.managesPackages() || len(s.pip) > 0:
			if pkgs := s.forBuilding(); len(pkgs) > 0 && apt != nil {
				comments(p, s)
				apt(p, pkgs)
			}
			if len(s.pip) > 0 {
				if len(s.packages) == 0 {
					comments(p, s)
				}
				install(p, s)
			}
		case forBuilder(s) && s.owns == nil:
			p.keep(s)
		}
	}
}

func comments(p *page, s step) {
	p.gap(s)
	for _, c := range s.Comments {
		p.line("%s", strings.TrimRight(s.Document().Text(c), "\r"))
	}
}

// final writes the steps of the last stage: system and pip stand in for what
// the original did there, keep writes every other step.
func (r *recipe) final(p *page, system, pip func(*page), keep func(step)) {
	system(p)
	done := false
	for i, s := range r.steps {
		switch {
		case s.passing, len(s.packages) > 0 && len(s.pip) == 0: // system has done it
		case len(s.pip) > 0:
			if !done {
				p.gap(s)
				pip(p)
				done = true
			}
			if s.owns != nil {
				keep(s)
			} else if len(s.rest) > 0 {
				p.run(s.rest, "")
			}
		case i < r.lastPip() && r.feedsPipOnly(i), r.onlyInstaller(i), r.keepHealth(p, s, "python"):
		default:
			keep(s)
		}
	}
}

// gap leaves a line empty where there is one above the step in the source, but none below FROM or a comment.
func (p *page) gap(s step) {
	d, at := s.Document(), s.Range.Start
	if len(s.Comments) > 0 {
		at = s.Comments[0].Start
	}
	above := strings.TrimRight(d.Text(dockerfile.Range{Start: 0, End: lineStart(d, at)}), " \t")
	text := strings.TrimSuffix(p.String(), "\n")
	last := text[strings.LastIndexByte(text, '\n')+1:]
	if (strings.HasSuffix(above, "\n\n") || strings.HasSuffix(above, "\n\r\n")) && last != "" && last[0] != '#' && !strings.HasPrefix(last, "FROM ") {
		p.line("")
	}
}

// asIs writes a step to the letter, or what is left of it without pip.
func (p *page) asIs(s step) {
	if len(s.pip) > 0 {
		p.run(s.rest, "")
		return
	}
	p.keep(s)
}

// feedsPipOnly tells a COPY of single files that a later COPY of the whole
// context brings again.
func (r *recipe) feedsPipOnly(n int) bool {
	s := r.steps[n]
	if s.Name != "COPY" || len(s.Flags) > 0 || len(s.Args) < 2 {
		return false
	}
	dest := strings.TrimRight(s.Args[len(s.Args)-1].Value, "/")
	for _, l := range r.steps[n+1:] {
		if l.Name == "WORKDIR" {
			return false
		}
		if l.Name == "COPY" && len(l.Args) == 2 && (l.Args[0].Value == "." || l.Args[0].Value == "./") && l.flag("from") == "" {
			to := strings.TrimRight(l.Args[1].Value, "/")
			return to == dest || dest == "." || dest == "./" || to == "."
		}
	}
	return false
}

func (s step) flag(name string) string {
	if f := s.Flag(name); f != nil {
		return f.Value
	}
	return ""
}

// output checks what was written with the grammar before anyone sees it.
func (r *recipe) output(p *page, name, base string, notes []string) (Output, error) {
	d, err := dockerfile.Parse(name, []byte(p.String()))
	if err != nil {
		return Output{}, fmt.Errorf("writing the %s candidate: %w", name, err)
	}
	return Output{Dockerfile: d.Source, Base: base, Notes: append(slices.Clone(r.notes), notes...)}, nil
}

// jsonList is a command in exec form.
func jsonList(argv []string) string {
	b, _ := json.Marshal(argv) // of strings, which cannot fail
	return strings.ReplaceAll(string(b), `","`, `", "`)
}

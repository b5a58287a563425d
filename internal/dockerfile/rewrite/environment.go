package rewrite

import (
	"path"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/lighten/lighten/internal/dockerfile"
	"github.com/lighten/lighten/internal/lazy"
)

// An environment is a virtual environment that a stage makes and installs into, with pip, uv or Poetry.
type environment struct {
	dir  string
	last int         // index of the last instruction that installs into it
	only map[int]int // instructions that do nothing but that (fillsIt), or get the tools for it (getsTools)
}

// split gives a Dockerfile that makes a virtual environment in its only stage of Python a stage of its own for that. The
// final stage takes the environment from there, to the place where it was made: commands in it name their interpreter by
// its path. Where there is none, in is only tidied.
func split(in Input) (Input, error) {
	in, err := in.tidied()
	if err != nil {
		return in, err
	}
	d := in.Doc
	final := d.Built(in.Target)
	if p := final.Parent; p != nil {
		if e, err := findEnvironment(p); e != nil || err != nil {
			return in, refuse("stage %s, which the final one is built on, makes a virtual environment: copy that from a stage of its own, and the rest is done for you", p.Name)
		}
	}
	e, err := findEnvironment(final)
	if e == nil && err == nil && final.Parent == nil {
		if d, err = withEnvironment(d, final); err != nil {
			return in, err
		}
		final = d.Stages[final.Index]
		e, err = findEnvironment(final)
	}
	if e == nil || err != nil || final.Parent != nil {
		return in, err
	}
	r := &recipe{earlier: d.Stages[:final.Index], as: " AS " + final.Name}
	name := r.unused("builder", "dependencies")
	from := d.Text(dockerfile.Range{Start: final.From.Keyword.Start, End: final.From.Range.End})
	if final.Name != "" {
		from = from[:strings.LastIndex(strings.ToLower(from), " as ")]
	}
	system := &recipe{tag: d.Expand(final.Base, nil)}
	var p page
	p.WriteString(d.Text(dockerfile.Range{Start: 0, End: start(final)}))
	p.line("# Everything that only installing needs stays in this stage.")
	p.line("%s AS %s", strings.TrimRight(from, " "), name)
	var lines []int // of d, by the instructions written after those above the final stage
	write := func(i *dockerfile.Instruction) {
		p.keep(step{Instruction: i})
		lines = append(lines, i.Line)
	}
	lines = append(lines, final.From.Line)
	for n, i := range final.Instructions[:e.last+1] {
		// Who installs owns the files: the user is the same.
		if !forBuilder(step{Instruction: i}) && (i.Name != "USER" || n == e.last) {
			continue
		}
		s, err := understand(i)
		if pkgs := s.forBuilding(); err == nil && len(s.pip) == 0 && len(pkgs) < len(s.packages) {
			if len(pkgs) > 0 {
				comments(&p, s)
				system.install(&p, pkgs)
				lines = append(lines, i.Line)
			}
			continue
		}
		write(i)
	}
	p.line("")
	write(final.From)
	copied, onPath, keepsTools := false, false, e.keepsTools(final, in.Context)
	for n, i := range final.Instructions {
		argv := toolRun(i)
		switch {
		case argv != nil && !keepsTools: // the environment's own command, without the 20 MB that start it
			if !onPath && !e.active(i) {
				p.line("ENV PATH=\"%s/bin:$PATH\"", e.dir)
				lines = append(lines, i.Line)
			}
			onPath = true
			comments(&p, step{Instruction: i})
			p.line("%s %s", i.Name, jsonList(argv))
			lines = append(lines, i.Line)
		case keepsTools && (e.only[n] == getsTools || bringsTool(i)):
			write(i)
		case e.only[n] == fillsIt && !copied:
			copied = true
			p.line("COPY --from=%s %s %s", name, e.dir, e.dir)
			lines = append(lines, i.Line)
		case e.only[n] != foreign, n < e.last && bringsTool(i):
		default:
			if s, err := understand(i); err == nil && n < e.last && len(s.pip) == 0 {
				if run := withoutBuilding(s.packages); len(run) < len(s.packages) || !slices.Equal(run, s.packages) {
					if len(run) > 0 {
						comments(&p, s)
						system.install(&p, run)
						lines = append(lines, i.Line)
					}
					continue
				}
			}
			if n < e.last && !keepsTools && e.onlyTells(i, final) {
				continue
			}
			write(i)
		}
	}
	for _, s := range d.Stages[final.Index+1:] { // not built, but the user's
		p.line("")
		write(s.From)
		for _, i := range s.Instructions {
			write(i)
		}
	}
	out, err := dockerfile.Parse(d.Name, []byte(p.String()))
	if err != nil {
		return in, err
	}
	out.BuildArgs = d.BuildArgs
	if out, err = out.Apply(Tidy(out, TidyOptions{Context: in.Context, Target: in.Target})...); err != nil {
		return in, err
	}
	if all := out.Instructions; len(all) >= len(lines) { // a refusal names the line of the user's own file
		for n, i := range all[len(all)-len(lines):] {
			i.Line = lines[n]
		}
	}
	in.Doc, in.splitOff = out, true
	return in, nil
}

// findEnvironment finds the one environment that a stage makes; nil when there is none. It refuses one that cannot be told apart.
func findEnvironment(s *dockerfile.Stage) (*environment, error) {
	e := &environment{last: -1, only: map[int]int{}}
	for n, i := range s.Instructions {
		if i.Name != "RUN" {
			continue
		}
		switch role := e.read(i); role {
		case fillsIt:
			e.last, e.only[n] = n, role
		case getsTools:
			e.only[n] = role
		case mixed:
			return nil, refuse("line %d makes a virtual environment, or installs into it, and does more in the same RUN: split it, and the rest is done for you", i.Line)
		}
	}
	if e.last < 0 {
		return nil, nil
	}
	for n := range e.only { // a tool got after the last installation is there for something else
		if n > e.last {
			delete(e.only, n)
		}
	}
	return e, nil
}

// What a RUN is to an environment.
const (
	foreign   = iota // nothing
	getsTools        // it installs pip, uv, Poetry and the like
	fillsIt          // it makes the environment, or installs into it, and does nothing else
	mixed            // it does that and more
)

// read finds out what a RUN is to the environment, whose place it notes.
func (e *environment) read(i *dockerfile.Instruction) int {
	x, ok := readScript(i)
	if !ok {
		return foreign
	}
	if x.fetchesInstaller() {
		return getsTools
	}
	var fills, tools, others bool
	active := e.active(i)
	for _, c := range x.commands {
		if c.Nested || c.Op != "" && c.Op != "&&" || c.Stmt != nil && len(c.Stmt.Redirs) > 0 {
			others = true
			continue
		}
		argv := e.words(i, c)
		switch dir := makes(i, argv); {
		case dir != "" && (e.dir == "" || e.dir == dir):
			e.dir, fills = dir, true
		case dir != "": // a second one
			return mixed
		case len(argv) == 2 && (argv[0] == "." || argv[0] == "source") && e.dir != "" && argv[1] == e.dir+"/bin/activate":
			active = true
		case e.dir != "" && e.installs(argv, active):
			fills = true
		case installsTools(argv) && !active:
			tools = true
		case isAptTidying(c), len(argv) > 1 && argv[0] == "poetry" && (argv[1] == "config" || argv[1] == "cache"), len(argv) > 1 && argv[0] == "uv" && argv[1] == "cache":
		default:
			others = true
		}
	}
	switch {
	case fills && others:
		return mixed
	case fills:
		return fillsIt
	case tools && !others:
		return getsTools
	}
	return foreign
}

// words are a command as it is run, with the variables that the Dockerfile sets.
func (e *environment) words(i *dockerfile.Instruction, c dockerfile.Command) []string {
	out := []string{i.Expand(i.Document().Text(c.NameAt))}
	for _, a := range c.Args {
		v := a.Value
		if !a.Static {
			v = i.Expand(i.Document().Text(a.Range))
		}
		out = append(out, v)
	}
	return out
}

// active tells whether commands of the environment come first on the PATH.
func (e *environment) active(i *dockerfile.Instruction) bool {
	env := i.Env()
	return e.dir != "" && (strings.HasPrefix(i.Expand(env["PATH"]), e.dir+"/bin:") || i.Expand(env["VIRTUAL_ENV"]) == e.dir)
}

// makes is the directory of the environment that a command makes; "" when it makes none.
func makes(i *dockerfile.Instruction, argv []string) string {
	at := func(args []string, usual string) string {
		dir := usual
		for _, a := range args {
			if !strings.HasPrefix(a, "-") {
				dir = a
			}
		}
		return resolve(workdir(i), dir)
	}
	env := i.Env()
	switch {
	case len(argv) > 3 && pythonName.MatchString(path.Base(argv[0])) && argv[1] == "-m" && (argv[2] == "venv" || argv[2] == "virtualenv"):
		return at(argv[3:], "")
	case len(argv) > 1 && argv[0] == "virtualenv":
		return at(argv[1:], "")
	case len(argv) > 1 && argv[0] == "uv" && argv[1] == "venv":
		return at(argv[2:], ".venv")
	case len(argv) > 1 && argv[0] == "uv" && argv[1] == "sync":
		if dir := env["UV_PROJECT_ENVIRONMENT"]; dir != "" {
			return resolve(workdir(i), i.Expand(dir))
		}
		return resolve(workdir(i), ".venv")
	case len(argv) > 1 && argv[0] == "poetry" && argv[1] == "install" && isOn(env["POETRY_VIRTUALENVS_IN_PROJECT"]):
		return resolve(workdir(i), ".venv")
	}
	return ""
}

// installs tells a command that installs into the environment.
func (e *environment) installs(argv []string, active bool) bool {
	if slices.ContainsFunc(argv, func(a string) bool {
		flag, _, _ := strings.Cut(a, "=")
		return slices.Contains([]string{"--prefix", "--target", "-t", "--user", "--root", "--system"}, flag)
	}) {
		return false
	}
	name, dir := path.Base(argv[0]), path.Dir(argv[0])
	inside := dir == e.dir+"/bin" || active && dir == "."
	switch {
	case name == "uv" && len(argv) > 2 && argv[1] == "pip":
		return active && (argv[2] == "install" || argv[2] == "sync")
	case name == "poetry":
		return active && len(argv) > 1 && argv[1] == "install"
	case pythonName.MatchString(name) && len(argv) > 3 && argv[1] == "-m" && argv[2] == "pip":
		return inside && argv[3] == "install"
	}
	return inside && pipName.MatchString(name) && len(argv) > 1 && argv[1] == "install"
}

// toolNames are distributions that install others, and that no program needs at run time.
var toolNames = lazy.MustCompile(`^(pip|setuptools|wheel|uv|poetry|virtualenv|pipenv|pip-tools|poetry-plugin-export)($|[=<>~!\[])`)

// installsTools tells a pip install of nothing but tools.
func installsTools(argv []string) bool {
	switch {
	case pipName.MatchString(argv[0]):
		argv = argv[1:]
	case pythonName.MatchString(argv[0]) && len(argv) > 3 && argv[1] == "-m" && argv[2] == "pip":
		argv = argv[3:]
	default:
		return false
	}
	if len(argv) < 2 || argv[0] != "install" {
		return false
	}
	for _, a := range argv[1:] {
		if !strings.HasPrefix(a, "-") && !toolNames.MatchString(a) || strings.HasPrefix(a, "-r") || a == "-c" || a == "-e" {
			return false
		}
	}
	return true
}

// bringsTool tells a COPY of uv's programs, from the image in which they are published.
func bringsTool(i *dockerfile.Instruction) bool {
	c, ok := i.Command.(*instructions.CopyCommand)
	if !ok || i.Flag("from") == nil {
		return false
	}
	return !slices.ContainsFunc(c.SourcePaths, func(p string) bool { return path.Base(p) != "uv" && path.Base(p) != "uvx" })
}

// withoutBuilding are the packages less those that only building needs, and that make environments: of these, Python itself stays.
func withoutBuilding(pkgs []string) []string {
	run := slices.DeleteFunc(slices.Clone(pkgs), func(p string) bool {
		return buildOnly(p) || slices.Contains([]string{"python3-venv", "python3-pip", "python3-virtualenv", "virtualenv"}, bare(p))
	})
	if len(run) < len(pkgs) && slices.ContainsFunc(pkgs, func(p string) bool { return strings.HasPrefix(p, "python3") }) && !slices.Contains(run, "python3") {
		run = append(run, "python3")
	}
	return run
}

// onlyTells tells an ENV that sets nothing but how the tools install which are left out, and that nothing later uses.
func (e *environment) onlyTells(i *dockerfile.Instruction, final *dockerfile.Stage) bool {
	c, ok := i.Command.(*instructions.EnvCommand)
	if !ok {
		return false
	}
	for _, kv := range c.Env {
		if !strings.HasPrefix(kv.Key, "UV_") && !strings.HasPrefix(kv.Key, "POETRY_") {
			return false
		}
		for _, o := range final.Instructions {
			if o.Line > i.Line && strings.Contains(o.Document().Text(o.Range), kv.Key) {
				return false
			}
		}
	}
	return true
}

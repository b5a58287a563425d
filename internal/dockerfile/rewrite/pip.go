package rewrite

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/lighten/lighten/internal/dockerfile"
	"github.com/lighten/lighten/internal/lazy"
)

// pipInstall is a pip install, or what another tool does with pip.
type pipInstall struct {
	tool   string   // "uv" or "pipenv", when that does it, into the image's Python
	env    string   // assignments before it, with the blank behind them
	before []string // commands of the same RUN that it needs to have run
	args   []string // less those about its cache
	// itself is set when it renews pip: with --prefix it would remove the pip that runs.
	itself bool
	own    []string // the arguments for that, and for
	tools  []string // what it names beside pip, of what the base has too
	others []string // all arguments without these; only when it installs more
	gets   string   // it gets this tool, and nothing else
	local  bool     // it installs a project of the context, which stays where it is
}

// readPip reads a pip install; placed says why it cannot go elsewhere.
func readPip(i *dockerfile.Instruction, c dockerfile.Command, args []dockerfile.Word) (p pipInstall, placed string) {
	text := i.Document().Text
	p.env = text(dockerfile.Range{Start: c.Range.Start, End: c.NameAt.Start})
	if c.Name == "pipenv" {
		return readPipenv(i, p, args)
	}
	if c.Name == "uv" {
		p.tool = "uv"
	}
	more := false
	for n, a := range args {
		switch flag, _, _ := strings.Cut(a.Value, "="); flag {
		case "install", "--no-cache-dir", "--no-cache":
			continue
		case "-e", "--editable":
			if n+1 < len(args) && inContext.MatchString(strings.Trim(text(args[n+1].Range), `'"`)) {
				p.local = true
				break
			}
			return p, fmt.Sprintf("line %d: pip install %s installs a program where its source is: without %[2]s, the rest is done for you", i.Line, flag)
		case "--user":
			return p, fmt.Sprintf("line %d: pip install --user puts packages into a home directory: before USER and without --user, the rest is done for you", i.Line)
		case "--prefix", "--target", "-t", "--root":
			return p, fmt.Sprintf("line %d: pip install %s puts packages at a place of its own: without %[2]s, the rest is done for you", i.Line, flag)
		}
		p.args = append(p.args, text(a.Range))
		name := toolName.FindString(a.Value)
		if p.tool == "" && (name == "uv" || name == "pipenv") {
			p.gets = name
		}
		flag, _, _ := strings.Cut(args[max(n-1, 0)].Value, "=")
		files := strings.HasPrefix(a.Value, "-r") || a.Value == "-c" || strings.HasPrefix(a.Value, "--requirement") || strings.HasPrefix(a.Value, "--constraint")
		switch option := strings.HasPrefix(a.Value, "-") || pipFlags[flag]; {
		case p.tool == "" && name == "pip":
			p.itself = true
			p.own = append(p.own, text(a.Range))
		case p.tool == "" && (name == "setuptools" || name == "wheel"):
			p.own, p.tools = append(p.own, text(a.Range)), append(p.tools, text(a.Range))
		case option && !files:
			p.own, p.others = append(p.own, text(a.Range)), append(p.others, text(a.Range))
		default:
			p.others, more = append(p.others, text(a.Range)), true
		}
	}
	if !more {
		p.others = nil
	}
	if slices.ContainsFunc(args[1:], func(a dockerfile.Word) bool {
		return !strings.HasPrefix(a.Value, "-") && toolName.FindString(a.Value) != p.gets || strings.HasPrefix(a.Value, "-r")
	}) {
		p.gets = ""
	}
	if strings.Contains(c.Name, "/") && !strings.HasPrefix(c.Name, "/usr/") {
		return p, fmt.Sprintf("line %d installs with %s into an environment of its own", i.Line, c.Name)
	}
	return p, ""
}

// inContext is a requirement that is a directory, relative to where pip runs, perhaps with extras.
var inContext = lazy.MustCompile(`^\.(/[\w./-]*)?(\[[\w,-]+\])?$`)

// readPipenv reads a pipenv install into the image's Python.
func readPipenv(i *dockerfile.Instruction, p pipInstall, args []dockerfile.Word) (pipInstall, string) {
	p.tool = "pipenv"
	if len(args) == 0 || args[0].Value != "install" && args[0].Value != "sync" || !hasArg(args, "--system") {
		return p, fmt.Sprintf("line %d runs pipenv in a way that is not understood", i.Line)
	}
	for _, a := range args[1:] {
		switch a.Value {
		case "--system", "--ignore-pipfile", "--clear", "--verbose", "-v", "--quiet", "-q":
		case "--deploy", "--dev", "-d":
			p.args = append(p.args, a.Value)
		default:
			return p, fmt.Sprintf("line %d: pipenv with %s is not understood", i.Line, a.Value)
		}
	}
	return p, ""
}

// builds are what a project runs, or writes beside its source, when it is installed. Where there is one, an editable
// installation is more than a note of where the source is.
var builds = lazy.MustCompile(`ext_modules|cython|setuptools[_-]scm|versioneer|hatch-vcs|maturin|setuptools-rust|scikit-build|meson|cffi_modules|write_to|version_file`)

// stayPut leaves editable installations where they are that do more than note where the source is.
func (r *recipe) stayPut(context fs.FS) {
	writes := false
	for _, name := range []string{"setup.py", "setup.cfg", "pyproject.toml"} {
		if context != nil {
			src, _ := readSmall(context, name)
			writes = writes || builds.Match(src)
		}
	}
	for n := range r.steps {
		s := &r.steps[n]
		if writes && slices.ContainsFunc(s.pip, func(p pipInstall) bool { return p.local }) {
			*s = step{Instruction: s.Instruction, placed: fmt.Sprintf("line %d: pip install -e writes what it builds beside the source: without -e, the rest is done for you", s.Line)}
		}
	}
}

// prefixed installs into /install, which holds nothing but the dependencies.
func (r *recipe) prefixed(p *page, s step) {
	var flags string // mounts hold what it installs from, and its secrets
	for _, f := range s.Flags {
		flags += s.Document().Text(f.Range) + " "
	}
	cache := " --no-cache-dir"
	if x, ok := readScript(s.Instruction); ok && x.hasCacheMount() {
		cache = ""
	}
	for _, c := range s.pip {
		run := func(format string, args ...any) {
			p.run(append(slices.Clone(c.before), fmt.Sprintf(format, args...)), flags)
		}
		install := func(args ...string) { run("%spip install%s %s", c.env, cache, strings.Join(args, " ")) }
		to := []string{"--prefix=/install"}
		switch {
		case c.tool == "uv":
			run("%suv pip install%s --prefix=/install %s", c.env, strings.TrimSuffix(cache, "-dir"), strings.Join(c.args, " "))
		case c.tool == "pipenv":
			r.fromLock(p, c, flags, cache)
		case c.gets != "" && r.installsWith(c.gets):
			install(c.args...)
			if r.runs(c.gets) {
				install(append(to, append([]string{"--ignore-installed"}, c.args...)...)...)
			}
		case c.itself:
			install(c.own...)
			if len(c.tools) > 0 {
				install(append(to, append([]string{"--ignore-installed"}, c.tools...)...)...)
			}
			if len(c.others) > 0 {
				install(append(to, c.others...)...)
			}
		default:
			if slices.Contains(c.args, "--no-build-isolation") && r.version != "" { // what was installed before builds it
				c.env = "PYTHONPATH=/install/lib/python" + r.version + "/site-packages " + c.env
			}
			if c.local && !r.hasProject { // else an old pip asks setuptools, which wants the directory on sys.path
				to = append(to, "--use-pep517")
			}
			install(append(to, c.args...)...)
		}
	}
}

// fromLock writes the pip install of what pipenv has locked: pipenv itself cannot be told where to install to.
func (r *recipe) fromLock(p *page, c pipInstall, flags, cache string) {
	cmds := slices.Clone(c.before)
	requirements := c.env + "pipenv requirements"
	if slices.Contains(c.args, "--dev") || slices.Contains(c.args, "-d") {
		requirements += " --dev"
	}
	if r.hashed {
		requirements += " --hash"
	}
	if slices.Contains(c.args, "--deploy") {
		cmds = append(cmds, c.env+"pipenv verify")
	}
	cmds = append(cmds, requirements+" > /tmp/requirements.txt",
		fmt.Sprintf("%spip install%s --prefix=/install -r /tmp/requirements.txt", c.env, cache))
	p.run(cmds, flags)
}

// readProject notes what the context tells of how the project is installed.
func (r *recipe) readProject(context fs.FS) {
	for _, s := range r.steps {
		r.clones = r.clones || len(s.pip) > 0 && inRepository.MatchString(s.Document().Text(s.Range))
	}
	if context == nil {
		return
	}
	_, err := fs.Stat(context, "pyproject.toml")
	r.hasProject = err == nil
	// pip holds all requirements against their hashes or none, and a repository or a directory has none.
	lock, ok := readSmall(context, "Pipfile.lock")
	r.hashed = ok && !notHashed.Match(lock)
	lists, _ := fs.Glob(context, "*requirements*.txt") // the pattern is right
	more, _ := fs.Glob(context, "requirements/*.txt")
	for _, name := range append(append(lists, more...), "pyproject.toml", "setup.py", "setup.cfg") {
		src, _ := readSmall(context, name)
		r.clones = r.clones || inRepository.Match(src)
	}
}

// inRepository finds a requirement that pip gets with git.
var inRepository = lazy.MustCompile(`(?m)^[^#\n]*\bgit\+(https?|ssh|file|git)://`)

var notHashed = lazy.MustCompile(`"(git|hg|svn|bzr|path|file|editable)":`)

package closure

import (
	"bytes"
	"slices"
	"strings"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/lazy"
)

// factInstalled begins what a source or a file of settings among the installed distributions would tell if it were the program's. It
// counts when it is: `pip install .` puts a program among its dependencies.
const factInstalled = "installed "

// isLocal tells a file of a distribution that was installed from a directory, an archive or a repository: the program itself.
func (m *maker) isLocal(e *image.Entry) bool {
	o := m.keep.owner[e.Path]
	return o != nil && o.local
}

// facts are an entry's, those of [factInstalled] among them where they count.
func (m *maker) facts(e *image.Entry) []string {
	if !m.isLocal(e) {
		return e.Facts
	}
	facts := slices.Clone(e.Facts)
	for i, f := range facts {
		facts[i] = strings.TrimPrefix(f, factInstalled)
	}
	return facts
}

// installedFacts finds what a source among the installed distributions tells if it is the program's: commands, paths.
func installedFacts(b []byte, facts map[string]bool, ext string) {
	found := map[string]bool{}
	if ext != ".py" || runsCommands(b) {
		runFacts(b, found, ext)
	}
	if ext == ".py" && namesPaths(b) {
		pathFacts(b, found, false)
		madePaths(b, found)
	}
	for f := range found {
		facts[factInstalled+f] = true
	}
}

// namesPaths tells cheaply whether a source may have an absolute path among its strings: few of what is installed do.
func namesPaths(b []byte) bool {
	for _, root := range []string{"/etc", "/usr", "/var", "/opt", "/srv", "/home", "/app", "/data"} {
		if bytes.Contains(b, []byte(`"`+root)) || bytes.Contains(b, []byte("'"+root)) {
			return true
		}
	}
	return false
}

// maxNested is how many directories deep in a distribution its settings lie at most. Large distributions have thousands of tables below.
const maxNested = 3

// installedSettings tells what is a file of settings of the program if a program was installed as a distribution.
func installedSettings(p string, size int64) bool {
	site := siteDir.FindString(p)
	return site != "" && size <= maxSettings && strings.Count(p[len(site):], "/") <= maxNested && settingsFile.MatchString(p) &&
		!strings.Contains(p, "-info/") && !developers.MatchString(p)
}

// factComputes tells that a source imports modules by names which it computes, of which any may be one of the standard library's.
const factComputes = "computes"

var computedImport = lazy.MustCompile(`\b(?:import_module|__import__)\(\s*([A-Za-z_]\w*)["']?`)

// importsByName tells whether a source may import modules by names which no statement shows.
func importsByName(b []byte) bool {
	return bytes.Contains(b, []byte("import_module")) || bytes.Contains(b, []byte("__import__"))
}

// computesImports tells a source that imports what a variable, a parameter or a call of a function names. A literal text that the name begins
// with says where the module lies, and of the program's own package nothing is away.
func computesImports(b []byte) bool {
	for _, m := range computedImport.FindAllSubmatch(b, -1) {
		switch name := string(m[1]); {
		case strings.HasSuffix(string(m[0]), `"`), strings.HasSuffix(string(m[0]), "'"), name == "__name__", name == "__package__":
		default:
			return true
		}
	}
	return false
}

// factBegins is what the name of a module begins with that a source computes: "begins anyio._backends._".
const factBegins = "begins "

var beginning = lazy.MustCompile(`["']([A-Za-z_]\w*(?:\.\w+)*\.\w*)(?:\{|%s|["']\s*[+%])`)

// begun are the modules of an installed module's own distribution whose names it computes with a literal beginning, such as that of its back ends:
// which one it imports, a request or a setting says.
func (m *maker) begun(e *image.Entry) []string {
	o := m.keep.owner[e.Path]
	if o == nil {
		return nil
	}
	var names []string
	for _, f := range e.Facts {
		prefix, ok := strings.CutPrefix(f, factBegins)
		if !ok {
			continue
		}
		for _, x := range o.files {
			site := siteDir.FindString(x.Path)
			name, cache := moduleOf(x.Path[len(site):])
			if rest, ok := strings.CutPrefix(name, prefix); ok && rest != "" && site != "" && !cache && !strings.Contains(rest, ".") {
				names = append(names, name)
			}
		}
	}
	return names
}

// factLists tells that a source asks for all that is installed (importlib.metadata, pkg_resources).
const factLists = "lists"

var listing = lazy.MustCompile(`\b(?:packages_)?distributions\(\s*\)|\bentry_points\(\s*\)|\bworking_set\b`)

// factWalks is a package through which a source of the program walks: "walks jinja2" of pkgutil.walk_packages(jinja2.__path__).
const factWalks = "walks "

var (
	walkers = anywhere("walk_packages", "iter_modules")
	walked  = lazy.MustCompile(`(?:\b([A-Za-z_]\w*)(?:\.\w+)*|import_module\(\s*["']([A-Za-z_]\w*)[\w.]*["']\s*\))\.__path__`)
)

func walkFacts(b []byte, facts map[string]bool) {
	if !walkers.in(b) {
		return
	}
	for _, g := range walked.FindAllSubmatch(b, maxWords) {
		facts[factWalks+string(g[1])+string(g[2])] = true
	}
}

// walkedPackages keeps, at the level tight, the distributions whole through whose packages the program walks: the import system lists the same
// directories, so that nothing tells of what is not found.
func walkedPackages(m *maker, e *image.Entry, _ strength) {
	if m.Level != Tight {
		return
	}
	for _, name := range factsOf(e, factWalks) {
		if x, ok := m.Inventory.Module(name); ok {
			for _, o := range m.distributionsNamed(x.Name) {
				m.distribution(o, e.Path, true)
			}
		}
	}
}

// listedDistributions keeps what describes distributions that do not stay themselves, such as pip, where the program lists all that are installed.
func (m *maker) listedDistributions() {
	if !m.lists {
		return
	}
	for _, o := range m.dists {
		if !slices.ContainsFunc(m.stdlib, func(l *library) bool { return m.foundBy(o, l.dir) }) {
			continue
		}
		for _, f := range o.files {
			if siteDir.MatchString(f.Path) && strings.HasSuffix(topPackage(f.Path), "-info") {
				m.along(f, weak, Reason{Rule: "distribution", Note: "the program lists what is installed"})
			}
		}
	}
}

// anyModule tells whether modules of a library stay that no import leads to. At the level tight that is so where the program computes names of
// modules, and a carved image lacked one that no statement and no string names: the next request may ask for any other. Private ones are asked for by
// the library itself.
func (m *maker) anyModule(l *library) bool {
	if m.allModules() {
		return true
	}
	if !m.computes {
		return false
	}
	surprises := map[string]bool{}
	for name, x := range l.modules {
		if !strings.Contains(name, ".") && name[0] != '_' && slices.ContainsFunc(x.files, func(e *image.Entry) bool { return m.missed[e.Path] }) {
			surprises[name] = true
		}
	}
	for _, n := range m.keep.nodes {
		if len(surprises) == 0 {
			return false
		}
		for _, f := range n.entry.Facts {
			for _, kind := range []string{factImport, factNeeds, factString} {
				if name, ok := strings.CutPrefix(f, kind); ok {
					top, _, _ := strings.Cut(name, ".")
					delete(surprises, top)
				}
			}
		}
	}
	return len(surprises) > 0
}

// neverComputed is what of [neverImported] stays away even where names of modules are computed: it needs a screen, is for tests or building, or
// is megabytes.
var neverComputed = lazy.MustCompile(`^(?:test|tests|idlelib|turtledemo|turtle\.py|tkinter|ensurepip|pydoc_data|config-[^/]+|__phello__[^/]*|distutils|msilib)(?:/|$)` +
	`|/(?:tests?|idle_test)/|^lib-dynload/(?:_test|xx|_ctypes_test|_tkinter|_xx)`)

// unlikely tells whether a module of the standard library stays although it is of [neverImported].
func (m *maker) unlikely(l *library, x *module, e *image.Entry) bool {
	if !l.any {
		return false
	}
	if main := parentModule(x.name); strings.HasSuffix(x.name, ".__main__") && l.reached[main] {
		return true // python -m unittest, beside what imports it
	}
	return m.computes && !neverComputed.MatchString(e.Path[len(l.dir)+1:]) && !(e.ELF != nil && m.foreign(e))
}

package closure

import (
	"iter"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/inventory"
	"github.com/lighten/lighten/internal/lazy"
)

var (
	pythonDir  = lazy.MustCompile(`^(/.*)?/lib(?:64)?/(?:python|pypy)3(?:\.\d+)?t?(?:/|$)`)
	siteDir    = lazy.MustCompile(`^(/.*)?/(?:site-packages|dist-packages)(?:/|$)`)
	pythonFile = lazy.MustCompile(`^(?:lib)?(?:python|pypy)3`)
)

// pythonPath tells the directories that Python's import system lists: its standard library and what is installed.
func pythonPath(p string) bool { return pythonDir.MatchString(p) || siteDir.MatchString(p) }

// python keeps what belongs to a Python that runs: its standard library, the names of the interpreter, and installed
// distributions by their records.
func python(m *maker, e *image.Entry, s strength) {
	if d := pythonDir.FindString(e.Path); s == strong && d != "" && !siteDir.MatchString(e.Path) {
		m.standardLibrary(strings.TrimSuffix(d, "/"), e)
	}
	// What embeds the interpreter, such as PL/Python, does not start without the standard library, however it came in.
	if s == strong || m.Level == Safe && e.ELF != nil && strings.HasPrefix(path.Base(e.Path), "libpython") {
		if pythonFile.MatchString(path.Base(e.Path)) && (e.ELF != nil || e.Type == symlink) {
			m.interpreterNames(e)
			m.libraryOf(e)
		}
	}
	o := m.keep.owner[e.Path]
	if o != nil && o.Ecosystem == inventory.PyPI && s == strong {
		top := topPackage(e.Path)
		whole := m.allModules() || m.missed[e.Path] && !strings.HasSuffix(top, "-info")
		if installers[inventory.PyPIName(o.Name)] && top != inventory.PyPIName(o.Name) {
			m.partOf(o, top, e.Path, whole)
		} else {
			m.distribution(o, e.Path, whole)
		}
	}
	if site := siteDir.FindString(e.Path); s == strong && site != "" && o == nil {
		m.unownedModule(strings.TrimSuffix(site, "/"), e)
	}
	if s == strong && strings.HasSuffix(e.Path, ".py") {
		m.bytecode(e)
	}
}

// allModules tells whether distributions stay whole. At the level tight they do where answers differ although nothing was missed: Python lists
// the directories that it imports from, so that of a program which walks through a package no look-up tells.
func (m *maker) allModules() bool { return m.Level == Safe || m.Modules }

// isEnvironment tells the directory of a virtual environment (PEP 405).
func isEnvironment(t *image.Tree, dir string) bool { return t.Get(path.Join(dir, "pyvenv.cfg")) != nil }

// installedOf reports whether a path belongs to a distribution that lies where a Python looks, its commands included: the rule of
// distributions says whether it stays. Sources that `pip install -e .` left where they were are the program's directory.
func (m *maker) installedOf(p string) bool {
	o := m.keep.owner[p]
	return o != nil && o.site && (!o.local || siteDir.MatchString(p) || path.Base(path.Dir(p)) == "bin")
}

// optimised is bytecode for `python -O`, which nothing reads unless PYTHONOPTIMIZE says so.
var optimised = lazy.MustCompile(`\.opt-[12]\.pyc$`)

func (m *maker) optimises() bool {
	for _, v := range m.Tree.Config.Config.Env {
		if strings.HasPrefix(v, "PYTHONOPTIMIZE=") {
			return true
		}
	}
	return false
}

// interpreterNames keeps every name under which an interpreter that runs is found in its directory.
func (m *maker) interpreterNames(e *image.Entry) {
	dir := path.Dir(e.Path)
	for x := range m.Tree.Under(dir + "/py") {
		if x.Type != symlink {
			continue
		}
		if to := m.Tree.Resolve(x.Path); to != nil && to.Path == e.Path {
			m.enter(x, weak, Reason{Rule: "link", By: e.Path, Note: "another name of the interpreter"})
		}
	}
}

// libraryOf keeps the standard library that belongs to an interpreter: PREFIX/bin/python3.11 has PREFIX/lib/python3.11. Both are found
// by name, so a program that was not traced keeps it too. Where it has its own, /usr/lib/python3.11 is another Python's: the distribution's.
func (m *maker) libraryOf(e *image.Entry) {
	version := strings.TrimPrefix(path.Base(e.Path), "lib")
	version, _, _ = strings.Cut(version, ".so")
	for _, prefix := range []string{path.Dir(path.Dir(e.Path)), "/usr"} {
		for _, lib := range []string{"lib", "lib64"} {
			dir := path.Join(prefix, lib, version)
			if landmark := m.Tree.Get(dir + "/os.py"); landmark != nil {
				m.enter(landmark, strong, Reason{Rule: "standard library", By: e.Path, Note: "by it Python finds its library"})
				return
			}
		}
	}
}

// installers are distributions that install, build, test or check others. They come into an image with Python itself or with a
// list of requirements for development; a program does not import them unless evidence, or a distribution that stays, says so.
var installers = map[string]bool{
	"pip": true, "setuptools": true, "wheel": true, "pipenv": true, "poetry": true, "poetry-core": true, "uv": true, "virtualenv": true, "build": true,
	"pip-tools": true, "flit": true, "flit-core": true, "hatch": true, "hatchling": true, "pdm": true, "twine": true, "cython": true,
	"pytest": true, "tox": true, "nox": true, "coverage": true, "mypy": true, "pylint": true, "flake8": true, "black": true, "ruff": true, "isort": true,
	"pre-commit": true,
}

// topPackage is the first name below site-packages of a path: the package or file that it belongs to.
func topPackage(p string) string {
	top, _, _ := strings.Cut(p[len(siteDir.FindString(p)):], "/")
	return top
}

// partOf keeps one package of an installer and what describes the installer, but for the list of its files: setuptools has a hook that every
// start of Python reads, and which does nothing without the rest.
func (m *maker) partOf(o *owned, top, by string, whole bool) {
	if !m.once("part", o.Name, top) {
		return
	}
	for _, f := range o.files {
		if t := topPackage(f.Path); path.Base(f.Path) == "RECORD" {
			m.keep.drops[f.Path] = "lists of the files of distributions that do not stay"
		} else if t == top || strings.HasSuffix(t, "-info") {
			m.module(f, Reason{Rule: "distribution", By: by, Note: "of " + o.Name + ", which is not needed as a whole"}, whole)
		}
	}
}

// installed keeps, at the level safe, every distribution that a Python finds, less [installers] that nothing asks for.
func (m *maker) installed(stdlib string, by *image.Entry) {
	for _, o := range m.dists {
		if !installers[inventory.PyPIName(o.Name)] && m.foundBy(o, stdlib) {
			m.distribution(o, by.Path, true)
		}
	}
}

// foundBy tells whether a distribution lies where the Python of that standard library looks: its own site-packages, a virtual
// environment's, or a directory that PYTHONPATH names.
func (m *maker) foundBy(o *owned, stdlib string) bool {
	version := path.Base(stdlib)
	for _, f := range o.files {
		site := siteDir.FindString(f.Path)
		if site == "" {
			continue
		}
		if strings.HasPrefix(site, stdlib+"/") || path.Base(path.Dir(strings.TrimSuffix(site, "/"))) == version ||
			strings.HasPrefix(site, "/usr/lib/python3/") && strings.HasPrefix(stdlib, "/usr/lib/") {
			return true
		}
	}
	return false
}

var libraryTests = lazy.MustCompile(`/(?:site|dist)-packages/(?:.*/)?tests?/`)

// distribution keeps a Python distribution by its record: modules, metadata, data, commands, and the distributions that
// it requires. What lies among its modules without being recorded belongs to it too. Unless it is kept whole, its modules come by
// evidence alone.
func (m *maker) distribution(o *owned, by string, whole bool) {
	if !m.once("distribution", o.key, strconv.FormatBool(whole)) {
		return
	}
	r := Reason{Rule: "distribution", By: by, Note: "part of " + o.Name + " " + o.Version}
	tops := map[string]bool{}
	for _, f := range m.withhold(o.files) {
		if site := siteDir.FindString(f.Path); site != "" {
			top, _, nested := strings.Cut(f.Path[len(site):], "/")
			if nested && !strings.HasSuffix(top, "-info") && top != "__pycache__" {
				tops[site+top] = true
			}
		}
		m.module(f, r, whole)
	}
	for _, top := range slices.Sorted(maps.Keys(tops)) {
		for x := range m.Tree.Under(top + "/") {
			if m.keep.owner[x.Path] == nil {
				m.module(x, r, whole)
			}
		}
	}
	for _, d := range o.Depends {
		for _, other := range m.distributionsNamed(d) {
			m.distribution(other, by, m.allModules())
		}
	}
}

// module keeps one file of a distribution, unless it is a test of the library or bytecode for python -O.
func (m *maker) module(e *image.Entry, r Reason, whole bool) {
	switch {
	case e.IsDir() && !m.empty(e):
		return
	case isLibraryTest(e.Path):
		m.keep.drops[e.Path] = "tests of libraries"
		return
	case optimised.MatchString(e.Path) && !m.optimises():
		m.keep.drops[e.Path] = "bytecode for python -O"
		return
	}
	if !whole && !m.keep.Has(e.Path) && (strings.HasSuffix(e.Path, ".py") || strings.HasSuffix(e.Path, ".pyi") || e.ELF != nil) {
		m.keep.drops[e.Path] = "modules of distributions that were not imported"
		return
	}
	if IsBytecode(e.Path) && !m.keep.Has(e.Path) {
		m.keep.drops[e.Path] = UnseenBytecode // evidence brings it, or its source's does
		return
	}
	m.along(e, weak, r)
	if e.Size >= slowModule && strings.HasSuffix(e.Path, ".py") {
		m.bytecode(e)
	}
}

// slowModule is the size of a module, in bytes, from which on it is not compiled at each start, although no check imported it: tables of
// telephone numbers take seconds.
const slowModule = 256 << 10

// empty reports whether nothing lies in a directory.
func (m *maker) empty(e *image.Entry) bool {
	for range m.Tree.Under(e.Path + "/") {
		return false
	}
	return true
}

func (m *maker) distributionsNamed(name string) []*owned {
	if m.distsNamed == nil {
		m.distsNamed = map[string][]*owned{}
		for _, o := range m.dists {
			n := inventory.PyPIName(o.Name)
			m.distsNamed[n] = append(m.distsNamed[n], o)
		}
	}
	return m.distsNamed[inventory.PyPIName(name)]
}

// imported keeps, at the level tight, what the program's own sources import and no check has imported: of a distribution of which
// nothing is evident all, else the module and the packages that it lies in.
func (m *maker) imported(names []string) {
	for _, name := range names {
		p, ok := m.Inventory.Module(name)
		if !ok || p.Ecosystem != inventory.PyPI {
			continue
		}
		for _, o := range m.distributionsNamed(p.Name) {
			r := Reason{Rule: "distribution", Note: "the program imports " + name}
			if m.once("imported", o.key) && !m.seen(o) {
				for _, f := range o.files {
					if !libraryTests.MatchString(f.Path) && !strings.HasSuffix(f.Path, ".pyc") {
						m.along(f, weak, r)
						m.compiledOfRequired(o, f)
					}
				}
			}
			for at := name; at != "" && at != "." && m.once("imported", o.key, at); at = parentModule(at) {
				for _, f := range m.modulesOf(o)[at] {
					m.along(f, weak, r)
					if f.ELF != nil {
						m.beside(o, f)
						m.compiledOfRequired(o, f)
					}
				}
			}
		}
	}
}

// seen tells whether evidence shows a module of a distribution. Its commands and its metadata show none.
func (m *maker) seen(o *owned) bool {
	for _, files := range m.modulesOf(o) {
		if m.anyEvident(files) {
			return true
		}
	}
	return false
}

func (m *maker) anyEvident(files []*image.Entry) bool {
	return slices.ContainsFunc(files, func(e *image.Entry) bool { return m.keep.Evident(e.Path) })
}

// beside keeps the modules beside a compiled one that nothing has loaded: what it imports, its source alone would tell.
func (m *maker) beside(o *owned, e *image.Entry) {
	for _, f := range o.files {
		if path.Dir(f.Path) == path.Dir(e.Path) && !m.keep.Evident(e.Path) && strings.HasSuffix(f.Path, ".py") {
			m.along(f, weak, Reason{Rule: "distribution", By: e.Path, Note: "a compiled module may import what lies beside it"})
		}
	}
}

// compiledModules is [maker.compiledOfRequired] for a compiled module of the distribution's.
func compiledModules(m *maker, e *image.Entry, _ strength) {
	if e.ELF != nil && siteDir.MatchString(e.Path) && m.ownedBySystem(e.Path) {
		m.compiledOfRequired(m.keep.owner[e.Path], e)
	}
}

// compiledOfRequired keeps the compiled modules that lie at the top of the packages which a compiled one requires that nothing has loaded: it
// imports them itself, as all that cffi makes do with _cffi_backend, and no source tells.
func (m *maker) compiledOfRequired(o *owned, e *image.Entry) {
	if e.ELF == nil || m.keep.Evident(e.Path) || !m.once("compiled of required", o.key) {
		return
	}
	for _, d := range o.Depends {
		others := m.systemPackages()[o.Ecosystem+" "+d]
		if o.Ecosystem == inventory.PyPI {
			others = m.distributionsNamed(d)
		}
		for _, other := range others {
			for _, f := range other.files {
				if f.ELF != nil && topPackage(f.Path) == path.Base(f.Path) && siteDir.MatchString(f.Path) {
					m.along(f, weak, Reason{Rule: "distribution", By: e.Path, Note: "a compiled module may import it"})
				}
			}
		}
	}
}

// modulesOf are the sources and shared objects of a distribution by the modules that they are.
func (m *maker) modulesOf(o *owned) map[string][]*image.Entry {
	modules := m.modules[o]
	if modules == nil {
		modules = map[string][]*image.Entry{}
		m.modules[o] = modules
		sites := sitesOf(o)
		for _, f := range o.files {
			if name := moduleIn(sites, f); name != "" {
				modules[name] = append(modules[name], f)
			}
		}
	}
	return modules
}

// moduleIn tells which module a file is for a Python that looks in these directories; "" when it is none, or the compiled form of one.
func moduleIn(sites []string, e *image.Entry) string {
	for _, site := range sites {
		rel, ok := strings.CutPrefix(e.Path, site)
		if !ok {
			continue
		}
		if e.ELF != nil { // which a source of the same name would be
			stem, _, _ := strings.Cut(path.Base(rel), ".")
			rel = path.Join(path.Dir(rel), stem+".py")
		}
		if name, cache := moduleOf(rel); !cache {
			return name
		}
	}
	return ""
}

// installedModule is [moduleIn] for a file that lies where Pythons look for what is installed.
func installedModule(e *image.Entry) string { return moduleIn([]string{siteDir.FindString(e.Path)}, e) }

// metadata is the directory, or the file, that tells of a distribution. It lies where its modules are imported from.
var metadata = lazy.MustCompile(`^(.*/)[^/]+\.(?:dist|egg)-info(?:/|$)`)

// sitesOf are the directories that a distribution's modules are imported from, each with a slash behind it. It has several when it was
// installed more than once.
func sitesOf(o *owned) []string {
	var sites []string
	for _, f := range o.files {
		if found := metadata.FindStringSubmatch(f.Path); found != nil && !slices.Contains(sites, found[1]) {
			sites = append(sites, found[1])
		}
	}
	return sites
}

// forBuilding are sources of a program that its tests, its building or its developers import, and never the program.
var forBuilding = lazy.MustCompile(`/(?:setup|conftest|noxfile|test_[^/]*|[^/]*_test)\.py$|/tests?/`)

// importedInstallers keeps those of [installers] that the program itself imports or runs as a module, such as setuptools for pkg_resources.
func (m *maker) importedInstallers() {
	for _, p := range slices.Sorted(maps.Keys(m.keep.nodes)) {
		e := m.keep.nodes[p].entry
		if !strings.HasSuffix(p, ".py") || siteDir.MatchString(p) && !m.isLocal(e) || m.inLibrary(p) || forBuilding.MatchString(p) {
			continue
		}
		for _, f := range m.facts(e) {
			name, ok := strings.CutPrefix(f, factImport)
			if !ok {
				continue
			}
			name, _, _ = strings.Cut(name, ".")
			if x, ok := m.Inventory.Module(name); ok && installers[inventory.PyPIName(x.Name)] {
				for _, o := range m.distributionsNamed(x.Name) {
					m.distribution(o, p, true)
				}
			}
		}
	}
}

// unownedModule keeps all of a package that lies in site-packages without a record, and what steers the import system.
func (m *maker) unownedModule(site string, e *image.Entry) {
	for x := range m.Tree.Under(site + "/") {
		if rel := x.Path[len(site)+1:]; !strings.Contains(rel, "/") && (strings.HasSuffix(rel, ".pth") || strings.HasSuffix(rel, "customize.py")) {
			m.enter(x, weak, Reason{Rule: "distribution", By: e.Path, Note: "steers the import system"})
		}
	}
	top, _, nested := strings.Cut(e.Path[min(len(site)+1, len(e.Path)):], "/")
	if !nested || top == "__pycache__" || !m.once("unowned module", site, top) {
		return
	}
	for x := range m.Tree.Under(site + "/" + top + "/") {
		m.module(x, Reason{Rule: "distribution", By: e.Path, Note: "lies in the same package"}, m.allModules())
	}
}

// bytecode keeps the compiled form of a module: without it a start takes four times as long.
func (m *maker) bytecode(e *image.Entry) {
	dir, base := path.Split(e.Path)
	for x := range m.Tree.Under(dir + "__pycache__/" + strings.TrimSuffix(base, "py")) {
		if strings.HasSuffix(x.Path, ".pyc") && (!optimised.MatchString(x.Path) || m.optimises()) {
			m.enter(x, weak, Reason{Rule: "bytecode", By: e.Path, Note: "its compiled form"})
		}
	}
}

// Decoys returns the dropped paths that Python's import system would see in a directory that stays: modules and packages. Sorted.
func (k *Keep) Decoys() iter.Seq[string] {
	return func(yield func(string) bool) {
		for e := range k.tree.All() {
			importable := e.IsDir() || strings.HasSuffix(e.Path, ".py") || strings.HasSuffix(e.Path, ".so")
			if importable && pythonPath(e.Path) && !k.Has(e.Path) && k.Has(path.Dir(e.Path)) && path.Base(e.Path) != "__pycache__" && !yield(e.Path) {
				return
			}
		}
	}
}

package closure

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/inventory"
	"github.com/lighten/lighten/internal/lazy"
)

// neverImported are parts of the standard library that a service does not import: tests, editors, teaching programs,
// installers, tools for developers, what only builds Python, what PEP 594 gave up, and the server of XML-RPC, which brings pydoc. What evidence or a
// source names stays.
var neverImported = lazy.MustCompile(`^(?:test|tests|idlelib|turtledemo|turtle\.py|tkinter|ensurepip|lib2to3|pydoc_data|config-[^/]+|__phello__[^/]*|` +
	`distutils|venv|unittest|(?:antigravity|this|zipapp|pydoc|doctest|pdb|bdb|profile|cProfile|pstats|trace|tabnanny|pyclbr|modulefinder|pickletools|py_compile|compileall|symtable)\.py|` +
	`(?:aifc|asynchat|asyncore|cgi|cgitb|chunk|crypt|imghdr|mailcap|msilib|nntplib|pipes|smtpd|sndhdr|sunau|telnetlib|uu|xdrlib|xmlrpc/server)\.py|msilib)(?:/|$)` +
	`|/(?:tests?|idle_test)/|^lib-dynload/(?:_test|xx|_ctypes_test|_tkinter|_xx|_crypt|audioop|nis|ossaudiodev|spwd|_lsprof)[^/]*$`)

// neverHere are modules that nothing on Linux imports, although import statements name them: what is for other systems, the
// Python twins of what is compiled in, and what the interpreter has frozen in itself. A program that names one itself has it.
var neverHere = lazy.MustCompile(`^(?:_pydecimal|_pyio|_osx_support|_aix_support|_bootsubprocess|nturl2path|winreg|asyncio/windows_(?:events|utils)|asyncio/proactor_events|` +
	`encodings/(?:mbcs|oem)|multiprocessing/popen_spawn_win32|ctypes/(?:_aix|wintypes)|importlib/_bootstrap(?:_external)?)\.py$|^ctypes/macholib/.`)

// unseenLibrary is the rule that drops [neverImported].
const unseenLibrary = "Python's own tests, tools and what is given up"

// otherSystems is the rule that drops [neverHere].
const otherSystems = "modules of Python for other systems, and twins of compiled ones"

// standardLibrary keeps Python's own modules. At the level safe that is all of them, less [neverImported] and, of what
// no import of the program, its distributions or the library leads to, the shared objects that would bring further libraries. At the
// level tight it is what imports lead to. Bytecode stays of the modules that were seen to be imported: others work without.
func (m *maker) standardLibrary(dir string, by *image.Entry) {
	if !m.once("standard library", dir) {
		return
	}
	m.stdlib = append(m.stdlib, m.readLibrary(dir))
	if m.Level == Safe {
		m.installed(dir, by)
	}
}

// ofLibrary tells whether a package's file belongs to a standard library, whose rule is asked for it then.
func (m *maker) ofLibrary(e *image.Entry) bool {
	dir := strings.TrimSuffix(pythonDir.FindString(e.Path), "/")
	if dir == "" || siteDir.MatchString(e.Path) || m.Tree.Get(dir+"/os.py") == nil {
		return false
	}
	m.standardLibrary(dir, e)
	return true
}

// atAnyTime are modules that the interpreter itself imports while a program runs, by names in its own code (grep
// PyImport_Import in CPython).
var atAnyTime = []string{
	"encodings", "codecs", "io", "abc", "site", "os", "warnings", "traceback", "linecache", "tokenize", "threading", "_strptime", "copyreg", "stringprep",
}

// byName are modules that others import by names which no import statement shows.
var byName = []string{
	"stat", "posixpath", "genericpath", "_collections_abc", "_sitebuiltins", "importlib", "importlib.util",
	"importlib.machinery", "importlib.metadata", "importlib.resources", "types", "enum", "collections",
	"collections.abc", "re", "unicodedata", "pickle", "_compat_pickle", "datetime", "decimal", "locale", "runpy", "pkgutil",
	"zipimport", "zoneinfo", "ast", "inspect", "weakref", "functools", "contextlib", "keyword", "multiprocessing.resource_tracker", "multiprocessing.spawn",
	"multiprocessing.forkserver", "concurrent.futures.thread", "concurrent.futures.process", "ctypes.util", "subprocess", "logging.handlers", "logging.config",
}

// UnseenBytecode is the rule that drops bytecode: a module that a later request imports is compiled then.
const UnseenBytecode = "bytecode of modules that were not imported"

// interactive are modules for people at a prompt. The library imports them where somebody is there.
var interactive = map[string]bool{
	"pydoc": true, "pdb": true, "doctest": true, "unittest": true, "tkinter": true, "idlelib": true, "turtle": true, "test": true, "cProfile": true, "readline": true,
	"curses": true, "rlcompleter": true, "pydoc_data": true, "code": true, "webbrowser": true, "lib2to3": true, "ensurepip": true, "distutils": true, "venv": true,
}

// onScreen are those that need a screen. Libraries have parts for programs that have one, such as PIL.ImageTk.
var onScreen = map[string]bool{"tkinter": true, "turtle": true, "idlelib": true}

// importedOf collects what sources outside of the library import, or name in strings, sorted. Of what is for people at a prompt, an
// installed one needs what it cannot be loaded without.
func (m *maker) importedOf() []string {
	var names []string
	for _, n := range m.keep.nodes {
		if m.Level == Tight && slices.Contains(n.entry.Facts, factCommand) {
			m.lateNames = append(m.lateNames, m.laterOfCommand(n.entry)...)
		}
		if p := n.entry.Path; !strings.HasSuffix(p, ".py") && !m.ownScript(n.entry) && !ownSettings(p, n.entry.Size) && !m.runsAsPython(n.entry) || m.inLibrary(p) {
			continue
		}
		installed := siteDir.MatchString(n.entry.Path) && !m.isLocal(n.entry)
		if installed && m.Level == Tight {
			names = append(names, m.unseenImports(n.entry)...)
			continue
		}
		for _, f := range m.facts(n.entry) {
			m.computes, m.lists = m.computes || f == factComputes, m.lists || f == factLists
			x, needs := strings.CutPrefix(f, factNeeds)
			ok := needs
			for _, kind := range []string{factImport, factString} {
				if !ok {
					x, ok = strings.CutPrefix(f, kind)
				}
			}
			if top, _, _ := strings.Cut(x, "."); ok && top != "" && (needs || !installed || !interactive[top]) {
				names = append(names, x)
			}
		}
	}
	slices.Sort(names)
	for _, n := range names {
		m.fully[n] = true
	}
	return slices.Compact(names)
}

// runsAsPython tells a command of Python that is run, or that was missed: a check may have seen neither it nor what it imports.
func (m *maker) runsAsPython(e *image.Entry) bool {
	return (m.ran[e.Path] || m.missed[e.Path]) && slices.Contains(e.Facts, factCommand)
}

// unseenImports are what an installed module imports that no check has imported, so that it came in because another one imports it. One
// that was seen has imported what it needed to be loaded: of it, what its functions import counts. Of what is for people at a prompt, those
// count without which it cannot be loaded.
func (m *maker) unseenImports(e *image.Entry) []string {
	at := installedModule(e)
	names := m.begun(e)
	if m.keep.Evident(e.Path) && !m.missed[e.Path] || m.later[at] && !m.fully[at] {
		m.lateNames = append(m.lateNames, m.laterOf(e, at)...)
		return names
	}
	for _, f := range e.Facts {
		if n, ok := strings.CutPrefix(f, factNeeds); ok {
			names = append(names, n)
		}
	}
	for name := range importsOf(e, at) {
		if top, _, _ := strings.Cut(name, "."); top == "" || interactive[top] {
			continue
		}
		if x, ok := m.Inventory.Module(name); !ok || !installers[inventory.PyPIName(x.Name)] {
			names = append(names, name)
		}
	}
	return names
}

func (m *maker) inLibrary(p string) bool {
	return slices.ContainsFunc(m.stdlib, func(l *library) bool { return strings.HasPrefix(p, l.dir+"/") && !siteDir.MatchString(p) })
}

// reach follows imports through the library, and brings in what they lead to. It is called when nothing else comes in any
// more, and reports whether it brought something.
func (m *maker) reach() bool {
	before := len(m.keep.nodes)
	m.perlWaiting()
	m.compiles()
	m.declared()
	m.javaReleases()
	m.compilesAhead()
	m.unfit = map[string]bool{} // more may stay now
	m.importedPackages()
	outside := m.importedOf()
	m.listedDistributions()
	if m.Level == Tight {
		m.imported(outside)
		m.imported(m.lateNames)
		m.lateNames = nil
	} else {
		m.importedInstallers()
		m.configured()
		m.seldomCommands()
		m.compilesNative()
	}
	for _, l := range m.stdlib {
		wave := slices.Concat(outside, atAnyTime)
		for _, name := range outside {
			top, _, _ := strings.Cut(name, ".")
			l.asked[name], l.tops[top] = true, true
		}
		l.any = l.any || m.anyModule(l)
		if m.Level == Safe {
			wave = append(wave, byName...)
		}
		for name, x := range l.modules {
			evident := m.evidentModule(x)
			if l.any {
				wave = append(wave, l.needs(x)...)
			}
			if evident && m.Level == Tight {
				wave = append(wave, l.laterParts(x)...)
			}
			missed := evident && slices.ContainsFunc(x.files, func(e *image.Entry) bool { return m.missed[e.Path] })
			if missed {
				l.askedBy(x)
			}
			if evident && m.Level == Tight && !missed {
				l.reached[name] = true // and not followed: what it needs, it has imported
			} else if evident || strings.HasPrefix(name, "encodings.") && (m.Level == Safe || l.asked[strings.TrimPrefix(name, "encodings.")]) {
				wave = append(wave, name)
			}
		}
		for len(wave) > 0 {
			name := wave[len(wave)-1]
			wave = append(wave[:len(wave)-1], l.visit(name)...)
		}
		m.enterLibrary(l)
	}
	return len(m.keep.nodes) > before || len(m.queue) > 0
}

// enterLibrary brings in what the level wants of a library.
func (m *maker) enterLibrary(l *library) {
	landmark := l.dir + "/os.py"
	why := Reason{Rule: "standard library", By: landmark, Note: "an import leads to it"}
	any := Reason{Rule: "standard library", By: landmark, Note: "any module of it may be imported later"}
	var vain map[string]bool // else nothing stays without being led to
	if l.any {
		vain = m.unloadable(l)
	}
	for _, name := range slices.Sorted(maps.Keys(l.modules)) {
		x := l.modules[name]
		for _, e := range x.files {
			rel := e.Path[len(l.dir)+1:]
			switch {
			case neverHere.MatchString(rel) && !l.asked[name] && !(name == "_pydecimal" && l.modules["_decimal"] == nil) && !m.keep.Has(e.Path):
				m.keep.drops[e.Path] = otherSystems
			case l.reached[name]:
				m.along(e, weak, why)
			case neverImported.MatchString(rel) && m.unlikely(l, x, e):
				m.along(e, weak, any)
			case neverImported.MatchString(rel):
				m.keep.drops[e.Path] = unseenLibrary
			case !l.any || vain[name]:
				m.keep.drops[e.Path] = "modules of Python that nothing imports"
			default:
				m.along(e, weak, any)
			}
		}
		for _, e := range x.caches {
			switch {
			case optimised.MatchString(e.Path) && !m.optimises():
				m.keep.drops[e.Path] = "bytecode for python -O"
			case m.evidentModule(x):
				m.along(e, weak, why)
			default:
				m.keep.drops[e.Path] = UnseenBytecode
			}
		}
	}
	for e := range m.Tree.Under(l.dir + "/config-") {
		if e.IsDir() && path.Dir(e.Path) == l.dir { // without what lies in it
			m.enter(e, weak, Reason{Rule: "standard library", By: landmark, Note: "sysconfig, and so zoneinfo, asks where it is"})
		}
	}
	for e := range m.Tree.Under(l.dir + "/") { // data beside the modules: grammars, sysconfig's variables
		if name, _ := moduleOf(e.Path[len(l.dir)+1:]); name != "" || e.IsDir() || siteDir.MatchString(e.Path) {
			continue
		}
		switch rel := e.Path[len(l.dir)+1:]; {
		case neverHere.MatchString(rel) && !l.reached[l.packageOf(rel)]:
			m.keep.drops[e.Path] = otherSystems
		case neverImported.MatchString(rel) && !l.reached[l.packageOf(rel)]:
			m.keep.drops[e.Path] = unseenLibrary
		case l.any:
			m.along(e, weak, any)
		}
	}
}

func (m *maker) evidentModule(x *module) bool {
	return m.anyEvident(x.files) || m.anyEvident(x.caches)
}

// unloadable are the modules that nothing leads to and that cannot be loaded, because of a compiled one that is [maker.foreign]: sqlite3 without SQLite.
func (m *maker) unloadable(l *library) map[string]bool {
	vain := map[string]bool{}
	for name, x := range l.modules {
		if !l.reached[name] && slices.ContainsFunc(x.files, func(e *image.Entry) bool { return e.ELF != nil && m.foreign(e) }) {
			vain[name] = true
		}
	}
	for before := -1; before < len(vain); {
		before = len(vain)
		for name, x := range l.modules {
			if !l.reached[name] && !vain[name] && slices.ContainsFunc(x.files, func(e *image.Entry) bool { return needsOne(e, name, vain) }) {
				vain[name] = true
			}
		}
	}
	return vain
}

// foreign reports whether a shared object needs a library that nothing else has brought in.
func (m *maker) foreign(e *image.Entry) bool {
	found, _ := Libraries(m.Tree, []string{e.Path})
	for _, at := range found {
		if x := m.Tree.Resolve(at); x != nil && !m.keep.Has(x.Path) {
			return true
		}
	}
	return false
}

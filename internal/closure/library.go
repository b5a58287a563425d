package closure

import (
	"iter"
	"path"
	"slices"
	"strings"

	"github.com/lighten/lighten/internal/image"
)

// library is a Python's standard library: its modules by dotted name.
type library struct {
	dir     string
	modules map[string]*module
	reached map[string]bool
	asked   map[string]bool // by the program and its distributions
	tops    map[string]bool // the first names of these
	any     bool            // see [maker.anyModule]
}

// module is one of the standard library's: its source, compiled forms, or shared object.
type module struct {
	name   string
	files  []*image.Entry // sources and shared objects
	caches []*image.Entry // bytecode
}

func (m *maker) readLibrary(dir string) *library {
	l := &library{dir: dir, modules: map[string]*module{}, reached: map[string]bool{}, asked: map[string]bool{}, tops: map[string]bool{}}
	for e := range m.Tree.Under(dir + "/") {
		if e.IsDir() || siteDir.MatchString(e.Path) {
			continue
		}
		name, cache := moduleOf(e.Path[len(dir)+1:])
		if name == "" {
			continue
		}
		if l.modules[name] == nil {
			l.modules[name] = &module{name: name}
		}
		if x := l.modules[name]; cache {
			x.caches = append(x.caches, e)
		} else {
			x.files = append(x.files, e)
		}
	}
	return l
}

// moduleOf tells which module a file of the library is, or the compiled form of; "" for other files.
func moduleOf(rel string) (name string, cache bool) {
	rel = strings.TrimPrefix(rel, "lib-dynload/")
	dir, base := path.Split(rel)
	stem, ext, _ := strings.Cut(base, ".")
	switch {
	case strings.HasSuffix(dir, "__pycache__/") && strings.HasSuffix(base, ".pyc"):
		dir, cache = strings.TrimSuffix(dir, "__pycache__/"), true
	case ext == "py", strings.HasSuffix(ext, "so") && dir == "":
	default:
		return "", false
	}
	if stem == "__init__" {
		return strings.ReplaceAll(strings.TrimSuffix(dir, "/"), "/", "."), cache
	}
	return strings.ReplaceAll(dir, "/", ".") + stem, cache
}

// askedBy takes for asked what a module for other systems imports that was missed: it would be missed next, one a round.
func (l *library) askedBy(x *module) {
	for _, e := range x.files {
		if !neverHere.MatchString(e.Path[len(l.dir)+1:]) {
			continue
		}
		for n := range importsOf(e, x.name) {
			if l.asked[n] {
				continue
			}
			l.asked[n] = true
			if y := l.modules[n]; y != nil {
				l.askedBy(y)
			}
		}
	}
}

// needs are the modules without which one cannot be loaded that stays although nothing leads to it, so that it is of use to those who
// compute its name.
func (l *library) needs(x *module) []string {
	var needs []string
	top, _, _ := strings.Cut(x.name, ".")
	for _, e := range x.files {
		if neverImported.MatchString(e.Path[len(l.dir)+1:]) {
			continue
		}
		for _, f := range e.Facts {
			n, ok := strings.CutPrefix(f, factNeeds)
			if of, _, _ := strings.Cut(n, "."); ok && of != top { // a part of curses is of no use without what the terminal needs
				needs = append(needs, n)
			}
		}
	}
	return needs
}

// laterByC are modules that a compiled part of a package imports when a function is called: iterdump of sqlite3.
var laterByC = map[string][]string{"sqlite3": {"sqlite3.dump"}, "xml.etree.ElementTree": {"xml.etree.ElementPath"}}

// laterParts are what a module of a package that the program itself imports, and that was seen, imports of the same package: as
// multiprocessing does when a process is to be started.
func (l *library) laterParts(x *module) []string {
	top, _, _ := strings.Cut(x.name, ".")
	if !l.tops[top] {
		return nil
	}
	parts := slices.Clone(laterByC[x.name])
	for _, e := range x.files {
		for n := range importsOf(e, x.name) {
			if strings.HasPrefix(n, top+".") && l.modules[n] != nil {
				parts = append(parts, n)
			}
		}
	}
	return parts
}

// visit marks a module, and the packages that it lies in, as reached, and returns what they import.
func (l *library) visit(name string) []string {
	var next []string
	for at := name; at != "" && at != "."; at = parentModule(at) {
		x := l.modules[at]
		if x == nil || l.reached[at] {
			continue
		}
		l.reached[at] = true
		next = append(next, laterByC[at]...)
		for _, e := range x.files {
			for _, f := range e.Facts {
				if n, ok := strings.CutPrefix(f, factNeeds); ok { // xmlrpc.server cannot be loaded without pydoc
					next = append(next, n)
					continue
				}
				n, ok := strings.CutPrefix(f, factImport)
				if ok {
					n = absolute(at, n, path.Base(e.Path) == "__init__.py")
				} else if n, ok = strings.CutPrefix(f, factString); ok && (l.modules[n] == nil || at == "_compat_pickle") { // which maps old names to new ones
					continue // a string counts when it names a module to the letter
				}
				if ok {
					top, _, _ := strings.Cut(n, ".")
					// The same package, and what is documented by pydoc of a program that asks for it itself.
					if !interactive[top] || strings.HasPrefix(at+".", top+".") || top == "pydoc_data" && l.asked[at] {
						next = append(next, n)
					}
				}
			}
		}
		if x := l.modules["_"+at]; x != nil { // its accelerator
			next = append(next, "_"+at)
		}
	}
	return next
}

func parentModule(name string) string {
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		return name[:i]
	}
	return ""
}

// importsOf yields the full names of what a module imports; at is its own.
func importsOf(e *image.Entry, at string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, f := range e.Facts {
			if n, ok := strings.CutPrefix(f, factImport); ok && !yield(absolute(at, n, path.Base(e.Path) == "__init__.py")) {
				return
			}
		}
	}
}

// absolute resolves a relative import in module at.
func absolute(at, name string, isPackage bool) string {
	if !strings.HasPrefix(name, ".") {
		return name
	}
	rest := strings.TrimLeft(name, ".")
	up := len(name) - len(rest)
	if isPackage {
		up--
	}
	for range up {
		at = parentModule(at)
	}
	return strings.TrimPrefix(at+"."+rest, ".")
}

// packageOf is the package that a file of the library is data of, dotted.
func (l *library) packageOf(rel string) string {
	name := strings.ReplaceAll(path.Dir(rel), "/", ".")
	for name != "" && l.modules[name] == nil {
		name = parentModule(name)
	}
	return name
}

// needsOne tells whether a module cannot be loaded without one of those.
func needsOne(e *image.Entry, at string, modules map[string]bool) bool {
	for n := range importsOf(e, at) {
		if modules[n] && !slices.Contains(e.Facts, factLater+n) {
			return true
		}
	}
	return false
}

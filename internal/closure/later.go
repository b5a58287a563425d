package closure

import (
	"path"
	"strings"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/inventory"
	"github.com/lighten/lighten/internal/lazy"
)

// factLater is a module that an installed one imports in a function, or where its absence is provided for: "later .testing".
const factLater = "later "

// mainModule is the part of a package that `python -m` runs: an administrator does, and few of them are larger than a line.
const mainModule = "__main__"

// elsewhere are modules for other systems, which functions import there.
var elsewhere = lazy.MustCompile(`(?:^|[._])(?:win(?:32|dows|console|api|types)?|emscripten|pyodide|macosx?|osx|darwin)(?:[._]|$)`)

// laterOf are the modules of its own distribution that an installed one imports when a function of it is called or it is run, as far as they need nothing
// that does not stay anyway: what a further request asks for first, such as the tables of idna, or that by which Jinja tells of errors in templates.
func (m *maker) laterOf(e *image.Entry, at string) []string {
	later := factsOf(e, factLater)
	if path.Base(e.Path) == "__init__.py" {
		later = append(later, "."+mainModule)
	}
	return m.fitting(e, at, later)
}

// laterOfCommand are those that a command of a distribution imports, which nobody has run.
func (m *maker) laterOfCommand(e *image.Entry) []string {
	return m.fitting(e, "", factsOf(e, factImport))
}

func factsOf(e *image.Entry, kind string) (names []string) {
	for _, f := range e.Facts {
		if n, ok := strings.CutPrefix(f, kind); ok {
			names = append(names, n)
		}
	}
	return names
}

// fitting are the modules of e's distribution that e, as the module at, imports by some of these names, and that need nothing that does not stay anyway.
func (m *maker) fitting(e *image.Entry, at string, later []string) (names []string) {
	for _, n := range later {
		t := &latecomer{maker: m, of: m.keep.owner[e.Path], seen: map[string]bool{}}
		if t.of != nil && t.needsNothing(absolute(at, n, path.Base(e.Path) == "__init__.py")) {
			names = append(names, t.brings...)
			for _, b := range t.brings {
				m.later[b] = true
			}
		}
	}
	return names
}

// latecomer follows what a module that is imported later needs to be loaded.
type latecomer struct {
	*maker
	of     *owned
	seen   map[string]bool
	brings []string // modules of the distribution
}

// needsNothing tells whether a module, and those of its distribution that it needs, can be loaded with what stays. A name that is no module's is
// what a module has in it.
func (t *latecomer) needsNothing(name string) bool {
	switch {
	case t.unfit[name]:
		return false
	case t.seen[name], t.later[name], name == "":
		return true
	}
	t.seen[name] = true
	fit := t.fits(name)
	t.unfit[name] = !fit
	return fit
}

func (t *latecomer) fits(name string) bool {
	top, _, _ := strings.Cut(name, ".")
	if x, ok := t.Inventory.Module(top); ok && x.Name != t.of.Name {
		return t.has(x, name)
	} else if !ok {
		return t.inStdlib(name)
	}
	e := t.moduleFile(t.of, name)
	switch {
	case e == nil:
		return true
	case elsewhere.MatchString(name), e.ELF != nil:
		return t.keep.Has(e.Path)
	case t.keep.Has(e.Path):
		return true
	}
	t.brings = append(t.brings, name)
	if !t.needsNothing(parentModule(name)) {
		return false
	}
	loose := map[string]bool{}
	for _, f := range e.Facts {
		if n, ok := strings.CutPrefix(f, factLater); ok {
			loose[n] = true
		}
	}
	for _, f := range e.Facts {
		if n, ok := strings.CutPrefix(f, factImport); ok && !loose[n] && !t.needsNothing(absolute(name, n, path.Base(e.Path) == "__init__.py")) {
			return false
		}
	}
	return true
}

// has tells whether a module of another distribution stays.
func (t *latecomer) has(x inventory.Package, name string) bool {
	for _, o := range t.distributionsNamed(x.Name) {
		for at := name; at != ""; at = parentModule(at) {
			if e := t.moduleFile(o, at); e != nil {
				return t.keep.Has(e.Path)
			}
		}
	}
	return false
}

// inStdlib tells whether a module of the standard library stays, or is built in.
func (t *latecomer) inStdlib(name string) bool {
	for _, l := range t.stdlib {
		if x := l.modules[name]; x != nil && len(x.files) > 0 && !t.keep.Has(x.files[0].Path) {
			return false
		}
	}
	return true
}

// moduleFile is the source or the shared object of a distribution's module; nil when it has none of that name.
func (m *maker) moduleFile(o *owned, name string) *image.Entry {
	if files := m.modulesOf(o)[name]; len(files) > 0 {
		return files[0]
	}
	return nil
}

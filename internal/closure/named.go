package closure

import (
	"path"
	"slices"
	"strings"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/inventory"
)

// named keeps the commands that the program's own sources name where they run commands. The command alone stays, not
// its package: it was named, not seen.
func named(m *maker, e *image.Entry, _ strength) {
	if m.Level == Tight || len(e.Facts) == 0 || m.ownedBySystem(e.Path) {
		return
	}
	if pythonDir.MatchString(e.Path) && !siteDir.MatchString(e.Path) {
		return // what the standard library runs, it runs for a program that asks for it
	}
	runs := false
	for _, f := range e.Facts {
		if w, ok := strings.CutPrefix(f, factRun); ok {
			m.namedCommand(w, e)
			runs = true
		}
	}
	installed := m.isProgramItself(m.keep.owner[e.Path])
	for _, f := range e.Facts {
		if w, ok := strings.CutPrefix(f, factPiped); ok && runs {
			m.namedCommand(w, e)
		}
		if w, ok := strings.CutPrefix(f, factInstalledRun); ok && installed {
			m.namedCommand(w, e)
		}
	}
}

// isProgramItself tells a distribution that was not installed from an index but from a directory, an archive or a repository (PEP 610):
// `pip install .` puts the program among its dependencies.
func (m *maker) isProgramItself(o *owned) bool {
	return o != nil && o.Ecosystem == inventory.PyPI && slices.ContainsFunc(o.files, func(e *image.Entry) bool { return path.Base(e.Path) == "direct_url.json" })
}

func (m *maker) namedCommand(word string, by *image.Entry) {
	at := word
	if word[0] != '/' {
		if at = m.lookPath(word); at == "" {
			return
		}
	}
	x := m.Tree.Resolve(at)
	if x == nil || !x.IsFile() || x.Mode&0o111 == 0 {
		return
	}
	m.ran[x.Path] = true
	m.add(at, weak, Reason{Rule: "named", By: by.Path, Note: "the program names the command " + word})
	if x.Shebang != "" {
		m.queue = append(m.queue, work{x, strong}) // a script needs its interpreter
	}
}

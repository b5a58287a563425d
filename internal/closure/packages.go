package closure

import (
	"strconv"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/inventory"
)

// packages keeps the whole of a package of which evidence wants a part, less what [DropRule] drops, and always what
// describes it. At the level tight it keeps the description and the configuration alone, unless one part after the other was missed.
func packages(m *maker, e *image.Entry, s strength) {
	o := m.keep.owner[e.Path]
	if o == nil || e.IsDir() {
		return
	}
	if m.once("described", o.key) {
		m.describe(o, e)
	}
	if s != strong || o.Ecosystem == inventory.PyPI || m.Level == Tight && !m.whole[o] {
		return // Python's distributions have a rule of their own
	}
	// A package of which only data was wanted, a locale, a configuration file, does not bring its programs.
	programs := e.ELF != nil || m.ran[e.Path] || isProgram(e)
	if !m.once("whole", o.key, strconv.FormatBool(programs)) {
		return
	}
	if programs {
		m.withPrograms(o)
	}
	for _, x := range o.files {
		switch {
		case m.ofLibrary(x):
		case programs || !startsProgram(x):
			m.along(x, weak, Reason{Rule: "package", By: e.Path, Note: "part of package " + o.Name})
		case !m.keep.Has(x.Path):
			m.keep.drops[x.Path] = "programs of packages that only gave data"
		}
	}
}

// describe keeps what tells scanners and people of a package: its records, its licence, its configuration.
func (m *maker) describe(o *owned, by *image.Entry) {
	for _, x := range o.files {
		if describes(o.Package, x.Path, m.Level) {
			m.enter(x, weak, Reason{Rule: "package records", By: by.Path, Note: "of package " + o.Name})
		}
	}
}

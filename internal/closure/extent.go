package closure

import (
	"path"
	"strings"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/inventory"
)

// Extent says how much of a package stays when it is not told file by file.
type Extent string

const (
	Whole   Extent = "whole"   // all that no rule drops, and the records
	Data    Extent = "data"    // the same without programs
	Records Extent = "records" // what tells of it: its database entry, licence and configuration
	None    Extent = "part"    // nothing but what is named
)

// Extents are all extents, the largest first.
var Extents = []Extent{Whole, Data, Records, None}

// Covers reports whether a package's file belongs to the extent, at a level. Bytecode of Python belongs to none: it stays by its
// module's name.
func (x Extent) Covers(p inventory.Package, e *image.Entry, l Level) bool {
	switch {
	case x == None || IsBytecode(e.Path):
		return false
	case describes(p, e.Path, l):
		return true
	case x == Records || x == Data && startsProgram(e):
		return false
	}
	return DropRule(e.Path) == "" && !(p.Ecosystem == inventory.PyPI && isLibraryTest(e.Path))
}

// Shared tells directories that hold a bit of everything, such as /etc and /usr/bin: nobody means all of one.
func Shared(dir string) bool { return crossroads[dir] || alone[dir] }

// IsBytecode tells the compiled form of a module of Python, in the place where Python looks for it.
func IsBytecode(p string) bool {
	return strings.HasSuffix(p, ".pyc") && path.Base(path.Dir(p)) == "__pycache__"
}

// isLibraryTest tells the tests of a library from what it offers for testing: django.test is imported by programs.
func isLibraryTest(p string) bool {
	return libraryTests.MatchString(p) && !strings.Contains(p, "/testing/") && !strings.Contains(p, "/django/test/")
}

// describes tells what scanners and people learn of a package from: its records, its licence, its configuration.
func describes(p inventory.Package, file string, l Level) bool {
	dir, base := path.Split(file)
	switch {
	case dir == "/var/lib/dpkg/info/":
		return l != Tight && (strings.HasSuffix(base, ".list") || strings.HasSuffix(base, ".conffiles"))
	case dir == "/var/lib/dpkg/status.d/", base == "copyright" && strings.HasPrefix(dir, "/usr/share/doc/"):
		return true
	}
	return p.Ecosystem != inventory.PyPI && strings.HasPrefix(dir, "/etc/") && l == Safe
}

// Restore returns the Keep of the named paths and the directories above them, each with its reasons. Paths are spelled as in the
// tree; those that the tree does not have are left out.
func Restore(t *image.Tree, inv *inventory.Inventory, paths map[string][]Reason) *Keep {
	return newMaker(Input{Tree: t, Inventory: inv}).keep.Other(paths)
}

// Other is [Restore] for the image of k: both know of its packages what was found out once.
func (k *Keep) Other(paths map[string][]Reason) *Keep {
	other := &Keep{tree: k.tree, owner: k.owner, nodes: make(map[string]*node, len(paths)), drops: map[string]string{}}
	for p, reasons := range paths {
		e := k.tree.Get(p)
		if e == nil {
			continue
		}
		if len(reasons) == 0 {
			reasons = []Reason{{Rule: "kept"}}
		}
		other.nodes[e.Path] = &node{entry: e, reasons: reasons}
	}
	for e := range k.tree.All() { // in order, so that a directory's reason does not depend on chance
		if _, ok := paths[e.Path]; ok {
			other.parents(e)
		}
	}
	return other
}

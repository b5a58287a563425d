// Package lock writes down what is kept of an image, and why, in a form that a person reviews: packages and directories first, single
// paths only where a part stays. What a whole package or directory means is decided by the closure's own rules, so that a lock
// made into paths again gives exactly what it was made from.
package lock

import (
	"errors"
	"fmt"
	"strings"

	"github.com/lighten/lighten/internal/closure"
	"github.com/lighten/lighten/internal/inventory"
)

// Version is that of the text's form.
const Version = 1

// Name is the file's usual name.
const Name = "lighten.lock"

// File is a lock. Of [Parse] and [Of] every list is sorted and names nothing twice.
type File struct {
	Image    string // the reference it was made from, for a reader
	Level    closure.Level
	Platform string // OS/ARCH[/VARIANT]

	Packages    []Package   // of which something stays
	Directories []Directory // from where all that lies below is told alike
	Bytecode    []Bytecode
	Files       []Path   // single paths, which win over everything else
	Dropped     []string // packages of which nothing stays: "deb apt", sorted
	Rules       []Rule   // by which paths went, where the paths do not tell
}

// Package is a package of which something stays.
type Package struct {
	Ecosystem string
	Name      string // with ":ARCH" where two have the same name and version
	Version   string
	Extent    closure.Extent
	Reason    closure.Reason
}

// Directory says what holds of a directory and everything below it, as far as no deeper line says otherwise.
type Directory struct {
	Path   string
	What   What
	Reason closure.Reason // of those that stay
}

// What says what holds below a directory.
type What uint8

// Below a directory.
const (
	Nothing What = iota // what no package owns goes; how much of a package stays is the package's own line
	Lean                // what no package owns stays unless a rule drops such things; packages as with Nothing
	All                 // everything stays
	Gone                // everything goes
)

// Bytecode names the modules of a directory whose compiled form stays. Sources stay by other lines.
type Bytecode struct {
	Dir   string
	Below bool     // of all directories below it too; only with no Names
	Names []string // nil: of all modules
}

// Path is a single path.
type Path struct {
	Path   string
	Dir    bool
	Gone   bool // it goes, although a package or directory that it belongs to stays
	Reason closure.Reason
}

// Rule names what one rule took from a directory. It decides nothing; `lighten why` and the report tell of it.
type Rule struct {
	Rule  string
	Dir   string
	Names []string // in Dir, sorted; nil: all of it, itself included
}

// Unfit says that an image is not the one, or like the one, that a lock was made from.
type Unfit struct {
	Name    string   // of the lock
	Reasons []string // what no longer fits, sorted
}

// maxUnfit is how many reasons are printed.
const maxUnfit = 20

func (u *Unfit) Error() string {
	shown := u.Reasons
	var more string
	if len(shown) > maxUnfit {
		more = fmt.Sprintf("\n  … and %d more", len(shown)-maxUnfit)
		shown = shown[:maxUnfit]
	}
	return fmt.Sprintf("the image no longer fits %s:\n  %s%s\ncarve without --locked to write a new lock", u.Name, strings.Join(shown, "\n  "), more)
}

// ErrInexact says that a lock would not give what it was made from: a fault of this program.
var ErrInexact = errors.New("the lock does not give what it was made from")

// key tells packages apart. Two with the same key are the same to everybody.
type key struct{ ecosystem, name, arch, version string }

func keyOf(p inventory.Package) key { return key{p.Ecosystem, p.Name, p.Arch, p.Version} }

// naming says how the packages of an inventory are written.
type naming struct {
	packages  []inventory.Package // each key once, in order
	listed    map[key]bool        // those of which files are known
	ambiguous map[key]bool        // without arch
}

func namesOf(inv *inventory.Inventory) *naming {
	n := &naming{ambiguous: map[key]bool{}, listed: map[key]bool{}}
	seen, bare := map[key]bool{}, map[key]bool{}
	for _, p := range inv.Packages() {
		k := keyOf(p)
		n.listed[k] = n.listed[k] || p.Paths > 0
		if seen[k] || !closure.Knows(p) {
			continue
		}
		seen[k] = true
		n.packages = append(n.packages, p)
		k.arch = ""
		n.ambiguous[k] = bare[k]
		bare[k] = true
	}
	return n
}

func (n *naming) name(p inventory.Package) string {
	k := keyOf(p)
	k.arch = ""
	if n.ambiguous[k] {
		return p.Name + ":" + p.Arch
	}
	return p.Name
}

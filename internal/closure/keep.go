package closure

import (
	"iter"
	"maps"
	"path"
	"slices"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/inventory"
)

// Keep says of every path of an image whether it stays, and why.
type Keep struct {
	tree  *image.Tree
	owner map[string]*owned // by Entry.Path
	nodes map[string]*node
	drops map[string]string // paths dropped by a rule of their own -> the rule
	steps map[string]int    // see measure; nil: not measured yet

	Notes []string // what a reader must know, sorted
}

// Reason says why a path stays. Reasons make a graph: By is another kept path, whose own reasons say why that one does.
type Reason struct {
	Rule string `json:"rule"`           // "looked up", "library", "package", …: the name of a rule
	By   string `json:"by,omitempty"`   // the kept path that brought this one; "" when the evidence or the configuration did
	Note string `json:"note,omitempty"` // for a reader: "opened by /usr/bin/python3 in check 1: GET /"
}

// strength says how a path came in, and so what it brings along.
type strength int

const (
	weak   strength = iota // along with something: brings what it cannot be loaded without
	strong                 // from evidence, or named by what is evident: brings all that belongs to it
)

type node struct {
	entry    *image.Entry
	strength strength
	reasons  []Reason // the first ones, at most [maxReasons]
}

const maxReasons = 4

// owned is a package with what it has in the image.
type owned struct {
	inventory.Package
	key   string         // tells it from all others
	files []*image.Entry // sorted by path
	site  bool           // of a distribution of Python's: it lies where a Python looks
	local bool           // and: it was not installed from an index (PEP 610)
	read  bool           // the program opened a file of it
}

// Has reports whether the path, spelled as in the tree ([image.Tree.Real]), stays.
func (k *Keep) Has(path string) bool { return k.nodes[path] != nil }

// Paths returns every path that stays, sorted.
func (k *Keep) Paths() iter.Seq[string] {
	return slices.Values(slices.Sorted(maps.Keys(k.nodes)))
}

// parents brings in the directories above an entry. They bring nothing themselves.
func (k *Keep) parents(e *image.Entry) {
	for d := path.Dir(e.Path); k.nodes[d] == nil; d = path.Dir(d) {
		if x := k.tree.Get(d); x != nil {
			k.nodes[x.Path] = &node{entry: x, reasons: []Reason{{Rule: "directory", By: e.Path}}}
		}
		if d == "/" {
			return
		}
	}
}

// Bytes is the size of all files that stay.
func (k *Keep) Bytes() int64 {
	var sum int64
	for _, n := range k.nodes {
		if n.entry.IsFile() && n.entry.Linkname == "" { // a hard link takes no more
			sum += n.entry.Size
		}
	}
	return sum
}

// Reasons returns why a path stays; nil when it does not.
func (k *Keep) Reasons(path string) []Reason {
	if n := k.nodes[path]; n != nil {
		return n.reasons
	}
	return nil
}

// Step is one link of the chain from a path to the evidence that keeps it.
type Step struct {
	Path string `json:"path"`
	Reason
}

// Why returns the shortest chain of reasons from path back to the evidence; nil when path does not stay.
func (k *Keep) Why(path string) []Step {
	var chain []Step
	seen := map[string]bool{}
	for path != "" && !seen[path] {
		seen[path] = true
		if k.nodes[path] == nil {
			break
		}
		r := k.Nearest(path)
		chain = append(chain, Step{path, r})
		path = r.By
	}
	return chain
}

// Evident reports whether path stays by evidence or because something evident names it, and not only along with its
// package or its directory.
func (k *Keep) Evident(path string) bool {
	n := k.nodes[path]
	return n != nil && n.strength == strong
}

// Owner returns the package that owns path.
func (k *Keep) Owner(path string) (inventory.Package, bool) {
	if o := k.owner[path]; o != nil {
		return o.Package, true
	}
	return inventory.Package{}, false
}

// Packages returns the packages of which a file stays, in the inventory's order, and how much of each does.
func (k *Keep) Packages() []Part {
	var parts []Part
	seen := map[*owned]bool{}
	for _, o := range k.owner {
		if seen[o] {
			continue
		}
		seen[o] = true
		p := Part{Package: o.Package}
		for _, e := range o.files {
			if k.Has(e.Path) {
				p.Kept++
				p.KeptBytes += e.Size
			}
		}
		if p.Kept > 0 {
			parts = append(parts, p)
		}
	}
	slices.SortFunc(parts, func(a, b Part) int { return inventory.Compare(a.Package, b.Package) })
	return parts
}

// Part is a package of which something stays.
type Part struct {
	inventory.Package
	Kept      int   // files and links that stay, of Paths
	KeptBytes int64 // of Bytes
}

// Drop is what one rule drops.
type Drop struct {
	Rule  string `json:"rule"`
	Files int    `json:"files"`
	Bytes int64  `json:"bytes"`
}

// Rule returns the rule by which a path that does not stay is dropped.
func (k *Keep) Rule(path string) string {
	if r := k.drops[path]; r != "" {
		return r
	}
	if r := DropRule(path); r != "" {
		return r
	}
	if o := k.owner[path]; o != nil {
		return "package not needed"
	}
	return "never looked up"
}

// SetRule says by which rule a path that does not stay is dropped, where [Keep.Rule] would say another one.
func (k *Keep) SetRule(path, rule string) { k.drops[path] = rule }

// Dropped sums up what does not stay, the most bytes first.
func (k *Keep) Dropped() []Drop {
	sums := map[string]*Drop{}
	for e := range k.tree.All() {
		if e.IsDir() || k.Has(e.Path) {
			continue
		}
		r := k.Rule(e.Path)
		if sums[r] == nil {
			sums[r] = &Drop{Rule: r}
		}
		sums[r].Files++
		if e.IsFile() {
			sums[r].Bytes += e.Size
		}
	}
	var all []Drop
	for _, d := range sums {
		all = append(all, *d)
	}
	slices.SortFunc(all, func(a, b Drop) int {
		if a.Bytes != b.Bytes {
			return int(max(min(b.Bytes-a.Bytes, 1), -1))
		}
		if a.Rule < b.Rule {
			return -1
		}
		return 1
	})
	return all
}

// Group is the part of an image that a path belongs to, from what changes least to what changes most.
type Group int

// The groups, in the order of the layers.
const (
	System       Group = iota // the distribution: its packages, users, links
	Runtime                   // the language: interpreter and standard library that no package of the distribution brings
	Dependencies              // what the language's package manager installed
	Application               // the program
)

func (g Group) String() string {
	return [...]string{"system", "runtime", "dependencies", "application"}[g]
}

// Groups are the names of all groups, in order.
func Groups() []string {
	return []string{System.String(), Runtime.String(), Dependencies.String(), Application.String()}
}

// Group returns the part of the image that path belongs to.
func (k *Keep) Group(path string) Group {
	if o := k.owner[path]; o != nil {
		if o.System() {
			return System
		}
		return Dependencies
	}
	switch {
	case Dependency(path):
		return Dependencies
	case isRuntime(path):
		return Runtime
	case isSystem(path):
		return System
	}
	return Application
}

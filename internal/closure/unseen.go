package closure

import (
	"cmp"
	"slices"
	"strings"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/inventory"
	"github.com/lighten/lighten/internal/observe"
)

// Unseen is a dependency of the program that stays whole although nothing of it was looked up, and nothing that was asks for it by name: it lies
// in the program's directory, or it is installed. A request that no check has asked may need it, which only a person can tell.
type Unseen struct {
	Name  string // "@next/swc-linux-x64-gnu", "pypi pandas"
	Dir   string // with all of it; "" when it lies in several
	Bytes int64  // of its files
}

// Unseen returns those of at least so many bytes, the largest first: packages of node_modules, and distributions of Python. What was looked up in
// the carved image, by checks from which no evidence came, counts as seen.
func (k *Keep) Unseen(atLeast int64, tried *observe.Record) []Unseen {
	all, seen := map[Unseen]int64{}, map[Unseen]bool{}
	for _, n := range k.nodes {
		if u, ok := k.dependency(n.entry); ok {
			seen[u] = seen[u] || n.strength == strong
			if n.entry.IsFile() && n.entry.Linkname == "" {
				all[u] += n.entry.Size
			}
		}
	}
	if tried != nil {
		for _, p := range tried.Paths {
			if e := k.tree.Resolve(p.Name); e != nil {
				u, _ := k.dependency(e)
				seen[u] = true
			}
		}
	}
	var list []Unseen
	for u, size := range all {
		if !seen[u] && size >= atLeast {
			u.Bytes = size
			list = append(list, u)
		}
	}
	slices.SortFunc(list, func(a, b Unseen) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Dir, b.Dir))
	})
	return list
}

// dependency is what a file is part of, without its size; false for one of the program itself or of the system.
func (k *Keep) dependency(e *image.Entry) (Unseen, bool) {
	if e.IsDir() {
		return Unseen{}, false
	}
	if dir := nodePackage(e.Path); dir != "" {
		return Unseen{Name: dir[strings.LastIndex(dir, "/node_modules/")+len("/node_modules/"):], Dir: dir}, true
	}
	if o := k.owner[e.Path]; o != nil && o.Ecosystem == inventory.PyPI {
		return Unseen{Name: o.Ecosystem + " " + o.Name}, true
	}
	return Unseen{}, false
}

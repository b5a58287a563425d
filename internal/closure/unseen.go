package closure

import (
	"cmp"
	"slices"
	"strings"

	"github.com/lighten/lighten/internal/inventory"
)

// Unseen is a dependency of the program that stays whole although nothing of it was looked up, and nothing that was asks for it by name: it lies
// in the program's directory, or it is installed. A request that no check has asked may need it, which only a person can tell.
type Unseen struct {
	Name  string // "@next/swc-linux-x64-gnu", "pypi pandas"
	Dir   string // with all of it; "" when it lies in several
	Bytes int64  // of its files
}

// Unseen returns those of at least so many bytes, the largest first: packages of node_modules, and distributions of Python.
func (k *Keep) Unseen(atLeast int64) []Unseen {
	all, seen := map[string]*Unseen{}, map[string]bool{}
	for _, n := range k.nodes {
		p := n.entry.Path
		if n.entry.IsDir() {
			continue
		}
		dir, name := nodePackage(p), ""
		if dir != "" {
			name = dir[strings.LastIndex(dir, "/node_modules/")+len("/node_modules/"):]
		} else if o := k.owner[p]; o != nil && o.Ecosystem == inventory.PyPI {
			name = o.Ecosystem + " " + o.Name
		} else {
			continue
		}
		key := name + "\x00" + dir
		seen[key] = seen[key] || n.strength == strong
		if all[key] == nil {
			all[key] = &Unseen{Name: name, Dir: dir}
		}
		if n.entry.IsFile() && n.entry.Linkname == "" {
			all[key].Bytes += n.entry.Size
		}
	}
	var list []Unseen
	for key, u := range all {
		if !seen[key] && u.Bytes >= atLeast {
			list = append(list, *u)
		}
	}
	slices.SortFunc(list, func(a, b Unseen) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Dir, b.Dir))
	})
	return list
}

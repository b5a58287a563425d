package lock

import (
	"path"
	"slices"
	"strings"

	"github.com/lighten/lighten/internal/closure"
	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/inventory"
)

// Holding is what stays of a package whose list of paths goes, as dpkg's lists do at the level tight: which package a file is part of, the
// carved image does not tell by itself. Paths that the lock names one by one need no package to say why they stay.
type Holding struct {
	Package     string   // "deb libc6"
	Directories []string // of which all that stays is the package's; sorted, none within another
	Files       []string // single paths, sorted
}

// holdings lists what stays of packages whose lists go.
func (f *File) holdings(k *closure.Keep, t *image.Tree, n *naming) []Holding {
	packages := unlisted(k, t, n)
	if len(packages) == 0 {
		return nil
	}
	owner := map[string]string{} // path that stays, and directory of which all files that stay are one package's -> that package, or ""
	for e := range t.All() {
		if e.IsDir() || !k.Has(e.Path) {
			continue
		}
		p := ""
		if o, ok := k.Owner(e.Path); ok {
			p = packages[keyOf(o)]
		}
		owner[e.Path] = p
		for d := path.Dir(e.Path); ; d = path.Dir(d) {
			if was, ok := owner[d]; ok && was != p {
				p = ""
			}
			owner[d] = p
			if d == "/" {
				break
			}
		}
	}
	named := map[string]bool{}
	for _, x := range f.Files {
		named[x.Path] = true
	}
	at := map[string]*Holding{}
	for e := range t.All() {
		p := owner[e.Path]
		if p == "" || e.Path != "/" && owner[path.Dir(e.Path)] != "" || named[e.Path] && !e.IsDir() {
			continue
		}
		if at[p] == nil {
			at[p] = &Holding{Package: p}
		}
		if e.IsDir() {
			at[p].Directories = append(at[p].Directories, e.Path)
		} else {
			at[p].Files = append(at[p].Files, e.Path)
		}
	}
	var list []Holding
	for _, p := range sorted(at) {
		list = append(list, *at[p])
	}
	return list
}

// unlisted are the packages whose list of paths goes, by the name that the lock gives them.
func unlisted(k *closure.Keep, t *image.Tree, n *naming) map[key]string {
	gone := map[key]string{}
	for e := range t.Under(inventory.DpkgInfo) {
		if o, ok := k.Owner(e.Path); ok && strings.HasSuffix(e.Path, ".list") && !k.Has(e.Path) {
			gone[keyOf(o)] = o.Ecosystem + " " + n.name(o)
		}
	}
	return gone
}

// give tells the inventory of the carved image whose the holdings are.
func (g *Guard) give(t *image.Tree, inv *inventory.Inventory, n *naming) {
	byName := map[string]inventory.Package{}
	for _, p := range n.packages {
		byName[p.Ecosystem+" "+n.name(p)] = p
	}
	for _, h := range g.Holdings {
		p, ok := byName[h.Package]
		if !ok {
			continue
		}
		paths := slices.Clip(h.Files)
		for _, d := range h.Directories {
			for e := range t.Under(strings.TrimSuffix(d, "/") + "/") {
				if !e.IsDir() {
					paths = append(paths, e.Path)
				}
			}
		}
		inv.Give(p, paths)
	}
}

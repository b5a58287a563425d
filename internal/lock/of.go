package lock

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/lighten/lighten/internal/closure"
	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/inventory"
)

// Header is what a lock says of where it comes from.
type Header struct {
	Image string
	Level closure.Level
}

// Of writes down what k keeps of an image. It checks that the lock gives just that.
func Of(k *closure.Keep, t *image.Tree, inv *inventory.Inventory, h Header) (*File, error) {
	w := &writer{keep: k, tree: t, names: namesOf(inv), file: &File{Image: h.Image, Level: h.Level, Platform: platform(t)}}
	w.cover = newCover(h.Level, k.Owner)
	w.packages()
	w.compiled()
	w.paths()
	if u := w.file.unfit(w.names, t); len(u) > 0 {
		return nil, fmt.Errorf("writing the lock: %w: %w", ErrInexact, &Unfit{Name: Name, Reasons: u})
	}
	again := w.file.restore(t, w.names, k)
	for e := range t.All() {
		if again.Has(e.Path) != k.Has(e.Path) {
			return nil, fmt.Errorf("writing the lock: %w: %s; please report this", ErrInexact, e.Path)
		}
	}
	w.rules(again)
	return w.file, nil
}

func platform(t *image.Tree) string {
	if t.Config == nil {
		return ""
	}
	return strings.TrimSuffix(t.Config.OS+"/"+t.Config.Architecture+"/"+t.Config.Variant, "/")
}

type writer struct {
	keep  *closure.Keep
	tree  *image.Tree
	names *naming
	cover *cover
	file  *File
}

// packages tells of every package how much of it stays: that extent from which the fewest files differ.
func (w *writer) packages() {
	files := map[key][]*image.Entry{}
	for e := range w.tree.All() {
		if e.IsDir() {
			continue
		}
		if p, ok := w.keep.Owner(e.Path); ok {
			files[keyOf(p)] = append(files[keyOf(p)], e)
		}
	}
	for _, p := range w.names.packages {
		var kept []string
		for _, e := range files[keyOf(p)] {
			if w.keep.Has(e.Path) {
				kept = append(kept, e.Path)
			}
		}
		if len(kept) == 0 {
			w.file.Dropped = append(w.file.Dropped, p.Ecosystem+" "+w.names.name(p))
			continue
		}
		best, fewest := closure.None, -1
		for _, x := range closure.Extents {
			n := 0
			for _, e := range files[keyOf(p)] {
				if !closure.IsBytecode(e.Path) && x.Covers(p, e, w.cover.level) != w.keep.Has(e.Path) {
					n++
				}
			}
			if fewest < 0 || n < fewest || n == fewest && w.cover.level == closure.Tight && p.Ecosystem != inventory.PyPI {
				best, fewest = x, n
			}
		}
		w.cover.extent[keyOf(p)] = best
		own := func(at string) bool { o, ok := w.keep.Owner(at); return ok && keyOf(o) == keyOf(p) }
		w.file.Packages = append(w.file.Packages, Package{p.Ecosystem, w.names.name(p), p.Version, best, w.reason(kept, own)})
	}
	slices.Sort(w.file.Dropped)
	w.file.Dropped = slices.Compact(w.file.Dropped)
	slices.SortStableFunc(w.file.Packages, comparePackages)
}

// reason chooses, of the reasons of some kept paths, the one that tells why the group as a whole stays: one that leads out of it, and
// the shortest way back to the evidence. Then no two groups tell that they stay because of each other.
func (w *writer) reason(kept []string, inside func(path string) bool) closure.Reason {
	var best *closure.Reason
	least, rank := 0, 0
	for _, p := range kept {
		r := w.keep.Nearest(p)
		if r.Rule == "directory" || r.By != "" && inside(r.By) {
			continue
		}
		s, n := w.keep.Steps(p), 0
		if w.keep.Evident(p) {
			n++
			if r.Rule != "link" { // that tells where something is found, not who wants it
				n++
			}
		}
		if best == nil || s < least || s == least && n > rank {
			best, least, rank = &r, s, n
		}
	}
	switch {
	case best != nil:
		return *best
	case len(kept) == 0:
		return closure.Reason{}
	}
	return w.keep.Nearest(kept[0])
}

// compiled tells of bytecode.
func (w *writer) compiled() {
	kept, all := map[string]map[string]bool{}, map[string]map[string]bool{}
	note := func(m map[string]map[string]bool, dir, name string) {
		if m[dir] == nil {
			m[dir] = map[string]bool{}
		}
		m[dir][name] = true
	}
	whole := map[string]bool{} // directories below which all bytecode stays; "" for false
	for e := range w.tree.All() {
		if !closure.IsBytecode(e.Path) || strings.Contains(path.Base(e.Path), ".opt-") {
			continue
		}
		dir, name := module(e.Path)
		note(all, dir, name)
		if w.keep.Has(e.Path) {
			note(kept, dir, name)
		}
		for d := dir; ; d = path.Dir(d) {
			if was, ok := whole[d]; w.keep.Has(e.Path) && (!ok || was) {
				whole[d] = true
			} else {
				whole[d] = false
			}
			if d == "/" {
				break
			}
		}
	}
	for _, dir := range sorted(kept) {
		b := Bytecode{Dir: dir}
		switch top := topmost(whole, dir); {
		case top != "" && top != dir:
			b.Dir, b.Below = top, true
		case len(kept[dir]) < len(all[dir]):
			b.Names = sorted(kept[dir])
		case top == dir && hasBelow(kept, dir):
			b.Below = true
		}
		w.file.Bytecode = append(w.file.Bytecode, b)
	}
	slices.SortFunc(w.file.Bytecode, func(a, b Bytecode) int { return strings.Compare(a.Dir, b.Dir) })
	w.file.Bytecode = slices.CompactFunc(w.file.Bytecode, func(a, b Bytecode) bool { return a.Dir == b.Dir })
	w.cover.take(&File{Bytecode: w.file.Bytecode}, w.names)
}

// topmost is the highest directory above dir, or dir itself, that is whole; the root never counts.
func topmost(whole map[string]bool, dir string) string {
	top := ""
	for d := dir; d != "/"; d = path.Dir(d) {
		if whole[d] {
			top = d
		}
	}
	return top
}

func hasBelow(dirs map[string]map[string]bool, dir string) bool {
	for d := range dirs {
		if strings.HasPrefix(d, dir+"/") {
			return true
		}
	}
	return false
}

package waste

import (
	"cmp"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/inventory"
	"github.com/lighten/lighten/internal/needless"
)

// finder collects findings.
type finder struct {
	a      *Analysis
	table  *needless.Table
	rules  []*Category       // the table's kinds
	index  map[*Category]int // into Categories
	tools  map[*inventory.Package]bool
	places map[*Category]map[placeKey]*Place
}

// placeKey joins what lies in one place: one directory, one package, of one layer where that matters.
type placeKey struct {
	path, note string
	layer, by  int
}

// find fills Findings: first the categories that go by places and packages, in one go over all paths, then the others.
func (a *Analysis) find() {
	f := &finder{a: a, tools: map[*inventory.Package]bool{}, index: map[*Category]int{}, places: map[*Category]map[placeKey]*Place{}}
	var kinds []needless.Kind
	for n, c := range Categories {
		f.index[c] = n
		if len(c.kind.Globs) > 0 {
			kinds, f.rules = append(kinds, c.kind), append(f.rules, c)
		}
	}
	f.table = needless.NewTable(kinds...)
	f.each(func(e *image.Entry, s *state) {
		if s.kind != Seen {
			f.hidden(e, s)
		} else if c, root := f.category(e); c != nil && f.allNames(e) {
			f.claim(s, c, Place{Path: root, Layer: e.Layer, By: -1}, e.Stored(), e.Pull)
		}
	})
	f.lost()
	for _, c := range Categories {
		if c.find != nil {
			c.find(f, c)
		}
	}
	f.finish()
}

// each calls do for what has content, each file once.
func (f *finder) each(do func(e *image.Entry, s *state)) {
	for i := range f.a.Layers {
		n := 0
		for e := range f.a.Tree.LayerEntries(i) {
			s := &f.a.state[i][n]
			n++
			if !e.IsDir() && !s.linked {
				do(e, s)
			}
		}
	}
}

// free is each for files that are seen and of no category yet.
func (f *finder) free(do func(e *image.Entry, s *state)) {
	f.each(func(e *image.Entry, s *state) {
		if s.kind == Seen && s.category == 0 && e.IsFile() {
			do(e, s)
		}
	})
}

// category returns the category of class Cost that a path is of by its place or package, with the place; else nil.
func (f *finder) category(e *image.Entry) (*Category, string) {
	var category *Category
	root := ""
	if kind, dir := f.table.Find(e.Path); kind >= 0 {
		category, root = f.rules[kind], cmp.Or(dir, "/")
	}
	if category != nil && f.index[category] < f.index[buildTools] {
		return category, root
	}
	if p := f.a.Inventory.OwnerOf(e); p != nil && f.isTool(p) {
		return buildTools, p.Name + " " + p.Version
	}
	return category, root
}

// allNames reports whether all names of a file that are seen are of a category: one that is not keeps its content.
func (f *finder) allNames(e *image.Entry) bool {
	for _, other := range f.a.otherNames(e) {
		if c, _ := f.category(other); c == nil {
			return false
		}
	}
	return true
}

// claim counts a file for a category, for good.
func (f *finder) claim(s *state, c *Category, p Place, bytes, pull int64) {
	s.category = f.number(c)
	f.add(c, p, bytes, pull)
}

// number is what state remembers a category by.
func (f *finder) number(c *Category) uint8 { return uint8(f.index[c] + 1) }

// add counts a file at a place.
func (f *finder) add(c *Category, p Place, bytes, pull int64) {
	f.addAmount(c, p, Amount{1, bytes, pull})
}

// addAmount counts several files at a place.
func (f *finder) addAmount(c *Category, p Place, a Amount) {
	k := placeKey{p.Path, p.Note, p.Layer, p.By}
	f.place(c, k, p).plus(a)
}

// place returns the place of a category that goes by the key k, which is p where there is none yet.
func (f *finder) place(c *Category, k placeKey, p Place) *Place {
	at := f.places[c]
	if at == nil {
		at = map[placeKey]*Place{}
		f.places[c] = at
	}
	if at[k] == nil {
		x := p // on the heap only now
		at[k] = &x
	}
	return at[k]
}

// gather counts a file at the place that goes by the key k: the directory that all of it there has in common.
func (f *finder) gather(c *Category, k placeKey, e *image.Entry) {
	p := f.place(c, k, Place{Path: e.Path, Note: k.note, Layer: k.layer, By: k.by})
	p.Path = common(p.Path, e.Path)
	p.add(e.Stored(), e.Pull)
}

// hidden counts what no container sees: by the layer that holds it, the layer that hides it and the part of the tree, at
// the directory that all of it there has in common.
func (f *finder) hidden(e *image.Entry, s *state) {
	c := overlay[s.kind-1]
	s.category = uint8(s.kind) // overlay comes first in Categories
	f.gather(c, placeKey{path: part(e.Path), layer: e.Layer, by: int(s.by)}, e)
}

// part returns the first two components of a path, such as /var/lib.
func part(p string) string {
	for n, slashes := 0, 0; n < len(p); n++ {
		if p[n] == '/' {
			if slashes++; slashes == 3 {
				return p[:n]
			}
		}
	}
	return p
}

// common returns the directory that two paths lie in, or the path that they are both.
func common(a, b string) string {
	for a != b {
		if len(a) > len(b) {
			a = path.Dir(a)
		} else {
			b = path.Dir(b)
		}
	}
	return a
}

func (f *finder) lost() {
	for i := range f.a.Layers {
		for _, x := range f.a.Tree.Lost(i) {
			f.add(overlay[Lost-1], Place{Path: x.Path, Layer: i, By: i}, x.Size, 0)
		}
	}
}

// finish orders what was found.
func (f *finder) finish() {
	for _, class := range Classes {
		from := len(f.a.Findings)
		for _, c := range Categories {
			if c.Class == class && len(f.places[c]) > 0 {
				f.a.Findings = append(f.a.Findings, finding(c, f.places[c]))
			}
		}
		if class == Security {
			continue // bytes say nothing there
		}
		slices.SortStableFunc(f.a.Findings[from:], func(a, b Finding) int { return cmp.Compare(b.Bytes, a.Bytes) })
	}
}

func finding(c *Category, places map[placeKey]*Place) Finding {
	x := Finding{Category: c}
	all := slices.SortedFunc(maps.Values(places), func(a, b *Place) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), strings.Compare(a.Path, b.Path), strings.Compare(a.Note, b.Note), a.Layer-b.Layer, a.By-b.By)
	})
	for n, p := range all {
		x.plus(p.Amount)
		if n < MaxPlaces {
			x.Places = append(x.Places, *p)
		} else {
			x.Others++
			x.Left.plus(p.Amount)
		}
	}
	return x
}

package lock

import (
	"maps"
	"slices"

	"github.com/lighten/lighten/internal/closure"
	"github.com/lighten/lighten/internal/image"
)

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// place is an entry of the tree while the fewest lines are sought that tell which entries stay.
type place struct {
	entry  *image.Entry
	kept   bool
	holds  bool         // something below it is kept, and so is it
	files  bool         // files that no package owns lie below it
	below  []int32      // what lies in it
	lines  [whats]int32 // fewest lines that tell of it and of all below, when What holds of the directory above
	turns  [whats]What  // and what must then hold of it: What itself, when no line is to say otherwise
	inside [whats]int32 // fewest lines when What holds of the place itself
}

const whats = int(Gone) + 1

// paths tells of directories and single paths, in the fewest lines. A line about a directory changes what holds below
// it; one about a path, what holds of it alone. Which directories have lines is worked out from the bottom up: how many lines a
// directory takes under each of the things that may hold above it follows from how many its children do.
func (w *writer) paths() {
	places := make([]place, 0, w.tree.Len())
	directories := map[string]int32{}
	for e := range w.tree.All() {
		if e.IsDir() {
			directories[e.Path] = int32(len(places))
		}
		places = append(places, place{entry: e, kept: w.keep.Has(e.Path)})
	}
	var roots []int32
	for i := range int32(len(places)) {
		if up, ok := directories[image.Parent(places[i].entry.Path)]; ok && up != i {
			places[up].below = append(places[up].below, i)
		} else {
			roots = append(roots, i)
		}
	}
	for i := len(places) - 1; i >= 0; i-- { // what lies in a directory comes after it
		w.count(places, i)
	}
	for _, i := range roots {
		w.tell(places, i, Nothing)
	}
	slices.SortFunc(w.file.Directories, compareDirectories)
	slices.SortFunc(w.file.Files, comparePaths)
}

func (w *writer) count(places []place, i int) {
	p := &places[i]
	if !p.entry.IsDir() {
		_, owned := w.keep.Owner(p.entry.Path)
		p.files = !owned
	}
	for _, c := range p.below {
		p.holds = p.holds || places[c].kept
		p.files = p.files || places[c].files
	}
	for s := range What(whats) {
		p.inside[s] = w.differs(p, s)
		for _, c := range p.below {
			p.inside[s] += places[c].lines[s]
		}
	}
	for s := range What(whats) {
		p.lines[s], p.turns[s] = p.inside[s], s
		if !p.entry.IsDir() || p.entry.Path == "/" {
			continue
		}
		for _, to := range []What{Lean, All, Gone} {
			whole := s == Nothing && to == Lean && p.inside[to] == 0 && p.files && p.inside[s] > 0 // reads better than what is in it
			if to == s || to == Lean && closure.Shared(p.entry.Path) {
				continue
			}
			if n := 1 + p.inside[to]; n < p.lines[s] || whole && n == p.lines[s] {
				p.lines[s], p.turns[s] = n, to
			}
		}
	}
}

// differs is 1 when the place itself needs a line of its own.
func (w *writer) differs(p *place, s What) int32 {
	if p.entry.Path == "/" || p.kept == w.cover.has(p.entry, s) || p.kept && p.holds {
		return 0
	}
	return 1
}

// tell writes the lines.
func (w *writer) tell(places []place, i int32, s What) {
	p := &places[i]
	at := p.entry.Path
	if to := p.turns[s]; to != s {
		d := Directory{Path: at, What: to}
		if to != Gone {
			d.Reason = w.reason(keptIn(places, i, nil), func(x string) bool { return under(x, at) })
		}
		w.file.Directories = append(w.file.Directories, d)
		s = to
	}
	if w.differs(p, s) == 1 {
		f := Path{Path: at, Dir: p.entry.IsDir(), Gone: !p.kept}
		if p.kept {
			f.Reason = w.keep.Nearest(at)
		}
		w.file.Files = append(w.file.Files, f)
	}
	for _, c := range p.below {
		w.tell(places, c, s)
	}
}

// keptIn lists what is kept of a place and below it.
func keptIn(places []place, i int32, list []string) []string {
	if places[i].kept {
		list = append(list, places[i].entry.Path)
	}
	for _, c := range places[i].below {
		list = keptIn(places, c, list)
	}
	return list
}

// under reports whether a path is a directory or lies in it.
func under(p, dir string) bool {
	return p == dir || len(p) > len(dir) && p[:len(dir)] == dir && p[len(dir)] == '/'
}

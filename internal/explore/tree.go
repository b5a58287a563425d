package explore

import (
	"cmp"
	"slices"
	"strings"

	"github.com/lighten/lighten/internal/report"
)

// mark says what became of a path. In the tree of the whole image added is what one layer brings and none changes.
type mark uint8

const (
	added   mark = 1 << iota // the layer brings the path
	changed                  // it was there before
	removed                  // it was there before, and is no more
	hidden                   // bytes that no container sees
	wasted                   // bytes of a finding: hidden ones, and those that the image could do without
)

// node is a path of a tree. Nodes lie in the order of their paths, each directory before what is in it, so that a
// subtree is a slice: 100,000 files are a few megabytes, and no row exists before it is shown.
type node struct {
	path   string
	size   int64 // bytes that can be seen, or, in a layer's tree, that the layer holds
	waste  int64 // bytes in a finding, hidden ones among them
	hides  int64 // in a layer's tree: bytes of lower layers that the layer hides
	file   int32 // index into Inspect.Files, -1 for a directory that no layer describes
	parent int32
	end    int32 // the node behind the subtree
	files  int32 // below it, or 1
	mark   mark  // its own; of a directory what all below it have in common
	under  mark  // what any below it, or it, has
	open   bool
	shown  bool // the filter lets it, or something below it, through
}

// tree is what a layer, or the whole image, consists of.
type tree struct {
	list
	report *report.Inspect
	layer  int // 0: the whole image
	nodes  []node
	rows   []row // what can be scrolled to
	order  order
	filter filter
	sorted []row // everything the filter lets through, in the order of rows; nil until a search needs it
}

type row struct{ node, depth int32 }

// filter lets through what has one of the marks, and fits the others; the zero value everything.
type filter struct {
	marks    mark
	owner    int // index into Inspect.Owners, plus 1
	category string
}

// order is what the children of a directory are sorted by.
type order int

const (
	bySize order = iota
	byWaste
	byName
	orders
)

var orderNames = [orders]string{"size", "waste", "name"}

func newTree(r *report.Inspect, layer int) *tree {
	t := &tree{report: r, layer: layer}
	var at []int32
	for i := range r.Files {
		if f := &r.Files[i]; layer == 0 || f.Layer == layer || f.HiddenBy == layer {
			at = append(at, int32(i))
		}
	}
	slices.SortFunc(at, func(a, b int32) int {
		return cmp.Or(comparePaths(r.Files[a].Path, r.Files[b].Path), cmp.Compare(r.Files[a].Layer, r.Files[b].Layer))
	})
	t.nodes = append(make([]node, 0, len(at)+len(at)/8+1), node{path: "/", file: -1, parent: -1, open: true})
	here := int32(0)
	for _, i := range at {
		here = t.reach(here, r.Files[i].Path)
		t.put(&t.nodes[here], i)
	}
	for ; here >= 0; here = t.nodes[here].parent {
		t.nodes[here].end = int32(len(t.nodes))
	}
	t.sum()
	t.refresh()
	return t
}

// comparePaths sorts a directory right before what is in it.
func comparePaths(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if x, y := a[i], b[i]; x != y {
			if x == '/' {
				return -1
			}
			if y == '/' {
				return 1
			}
			return cmp.Compare(x, y)
		}
	}
	return cmp.Compare(len(a), len(b))
}

// reach returns the node of a path that comes after, or is, that of here, and makes those that are missing.
func (t *tree) reach(here int32, path string) int32 {
	for !within(path, t.nodes[here].path) {
		t.nodes[here].end = int32(len(t.nodes))
		here = t.nodes[here].parent
	}
	for t.nodes[here].path != path {
		from := len(t.nodes[here].path) + 1
		if here == 0 {
			from = 1
		}
		next := path
		if n := strings.IndexByte(path[from:], '/'); n >= 0 {
			next = path[:from+n]
		}
		t.nodes = append(t.nodes, node{path: next, file: -1, parent: here})
		here = int32(len(t.nodes) - 1)
	}
	return here
}

// within reports whether path is dir or lies in it.
func within(path, dir string) bool {
	return dir == "/" || strings.HasPrefix(path, dir) && (len(path) == len(dir) || path[len(dir)] == '/')
}

// put adds file i to its node. Those of lower layers come first.
func (t *tree) put(n *node, i int32) {
	f := &t.report.Files[i]
	isDir := f.Type == "dir"
	own := f.Layer == t.layer || t.layer == 0 && f.HiddenBy == 0
	switch {
	case own && n.mark&(removed|changed) != 0:
		n.mark = n.mark&^removed | changed
	case own:
		n.mark |= added
	case n.mark&(added|changed) == 0:
		n.mark |= removed
	}
	if own {
		n.file = i
		n.size += f.Bytes
		n.waste += f.Wasted
	} else {
		if n.file < 0 {
			n.file = i
		}
		if t.layer == 0 {
			n.waste += f.Wasted
		} else {
			n.hides += f.Bytes
		}
	}
	if t.layer == 0 || own {
		if f.HiddenBy > 0 {
			n.mark |= hidden
		}
		if f.Wasted > 0 {
			n.mark |= wasted
		}
	}
	if !isDir {
		n.files = 1
	}
}

// sum gives directories what lies in them.
func (t *tree) sum() {
	for i := range t.nodes {
		n := &t.nodes[i]
		n.under = n.mark
		if n.end > int32(i)+1 {
			n.mark = ^mark(0)
			if n.files == 0 {
				n.under = 0
			}
		}
		n.shown = true
	}
	for i := len(t.nodes) - 1; i > 0; i-- {
		n := &t.nodes[i]
		p := &t.nodes[n.parent]
		p.size, p.waste, p.hides, p.files = p.size+n.size, p.waste+n.waste, p.hides+n.hides, p.files+n.files
		p.under |= n.under
		p.mark &= n.mark
	}
	if len(t.nodes) == 1 {
		t.nodes[0].mark = 0
	}
}

func (n *node) isDir(i int32) bool { return n.end > i+1 }

// name is a path's last component; "/" for the root.
func (n *node) name() string {
	return n.path[strings.LastIndexByte(n.path[:max(len(n.path)-1, 0)], '/')+1:]
}

// fits reports whether the filter lets a node through for its own sake.
func (t *tree) fits(n *node) bool {
	if t.filter.marks != 0 && n.under&t.filter.marks == 0 {
		return false
	}
	if t.filter.owner == 0 && t.filter.category == "" {
		return true
	}
	if n.file < 0 {
		return false
	}
	f := &t.report.Files[n.file]
	return (t.filter.owner == 0 || f.Owner == t.filter.owner-1) && (t.filter.category == "" || f.Category == t.filter.category)
}

// setFilter shows only what f lets through, with the directories above it.
func (t *tree) setFilter(f filter) {
	t.filter = f
	for i := len(t.nodes) - 1; i >= 0; i-- {
		n := &t.nodes[i]
		n.shown = !n.isDir(int32(i)) && t.fits(n)
		if n.isDir(int32(i)) {
			for j := int32(i) + 1; j < n.end && !n.shown; j = t.nodes[j].end {
				n.shown = t.nodes[j].shown
			}
		}
	}
	t.nodes[0].shown = true
	t.refresh()
}

func (t *tree) setOrder(o order) {
	t.order = o
	t.refresh()
}

// refresh makes the rows anew; the cursor stays on its node, or goes to the nearest above it that is left.
func (t *tree) refresh() {
	at := t.node()
	t.sorted = nil
	t.rows = t.appendRows(t.rows[:0], 0, 0, false)
	t.list.n = len(t.rows)
	t.selectNode(at)
}

// appendRows appends a node and what is shown below it, with all also what is folded away.
func (t *tree) appendRows(rows []row, i, depth int32, all bool) []row {
	rows = append(rows, row{i, depth})
	if n := &t.nodes[i]; n.open || all {
		for _, c := range t.children(i) {
			rows = t.appendRows(rows, c, depth+1, all)
		}
	}
	return rows
}

// children returns what is shown in a directory, in order.
func (t *tree) children(i int32) []int32 {
	var all []int32
	for j := i + 1; j < t.nodes[i].end; j = t.nodes[j].end {
		if t.nodes[j].shown {
			all = append(all, j)
		}
	}
	by := func(n *node) int64 { return n.size + n.hides }
	switch t.order {
	case byName:
		return all
	case byWaste:
		by = func(n *node) int64 { return n.waste + n.hides }
	}
	slices.SortStableFunc(all, func(a, b int32) int { return cmp.Compare(by(&t.nodes[b]), by(&t.nodes[a])) })
	return all
}

// node returns the node under the cursor.
func (t *tree) node() int32 {
	if t.at < len(t.rows) {
		return t.rows[t.at].node
	}
	return 0
}

// selectNode puts the cursor on a node, or on the nearest above it that has a row.
func (t *tree) selectNode(i int32) {
	for ; i > 0; i = t.nodes[i].parent {
		if n := slices.IndexFunc(t.rows, func(r row) bool { return r.node == i }); n >= 0 {
			t.at = n
			return
		}
	}
	t.at = 0
}

// reveal opens all directories above a node and puts the cursor on it.
func (t *tree) reveal(i int32) {
	for p := t.nodes[i].parent; p >= 0; p = t.nodes[p].parent {
		t.nodes[p].open = true
	}
	t.refresh()
	t.selectNode(i)
}

// fold opens or closes a directory. A directory with nothing but one directory in it opens that too.
func (t *tree) fold(i int32, open bool) {
	t.nodes[i].open = open
	for open {
		c := t.children(i)
		if len(c) != 1 {
			break
		}
		i = c[0]
		t.nodes[i].open = true
	}
	t.refresh()
}

// foldAll opens or closes a directory and all below it.
func (t *tree) foldAll(i int32, open bool) {
	for j := i; j < t.nodes[i].end; j++ {
		t.nodes[j].open = open
	}
	t.nodes[0].open = true
	t.refresh()
}

// lookup returns the node of a path, or the nearest above it.
func (t *tree) lookup(path string) int32 {
	i, found := slices.BinarySearchFunc(t.nodes, path, func(n node, p string) int { return comparePaths(n.path, p) })
	if !found {
		for i--; i > 0 && !within(path, t.nodes[i].path); i = int(t.nodes[i].parent) {
		}
	}
	return int32(max(i, 0))
}

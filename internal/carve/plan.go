package carve

import (
	"archive/tar"
	"fmt"
	"path"
	"slices"

	"github.com/lighten/lighten/internal/image"
)

// plan is what goes where.
type plan struct {
	layers []layer          // the new layers that hold something, from the bottom
	wanted []map[int]*piece // of each original layer: number of a header -> what is made of it
}

// layer is a new layer.
type layer struct {
	name  string
	items []item
}

// item is an entry of a new layer.
type item struct {
	entry *image.Entry
	piece *piece // nil: a directory that no layer describes
}

// piece is a header of an original layer with its content. The names of one file share it.
type piece struct {
	name   string            // the path under which it is written; its other names become hard links to that
	layer  int               // new layer, for what is no directory
	source int               // original layer
	at     int64             // where its tar entry, with padding, lies in the source's file
	size   int64             // bytes of it
	xattrs map[string]string // as PAX records
}

// placed is a kept path.
type placed struct {
	entry *image.Entry
	layer int
	piece *piece
}

// newPlan asks o.Keep and lays the kept paths out.
func newPlan(t *image.Tree, o *Options) (*plan, error) {
	p := &plan{wanted: make([]map[int]*piece, len(t.Layers))}
	kept, err := p.choose(t, o)
	if err != nil {
		return nil, err
	}
	items := make([][]item, len(o.Layers))
	parents := make([]map[string]bool, len(o.Layers)) // directories with something below them, by new layer
	for n := range parents {
		parents[n] = map[string]bool{}
	}
	holds := func(dir string) bool {
		return slices.ContainsFunc(parents, func(m map[string]bool) bool { return m[dir] })
	}
	for _, k := range slices.Backward(kept) { // what is below a directory comes before it
		switch {
		case !k.entry.IsDir():
			k.layer = k.piece.layer
		case holds(k.entry.Path):
			continue
		}
		items[k.layer] = append(items[k.layer], item{k.entry, k.piece})
		for d := k.entry.Path; d != "/" && !parents[k.layer][path.Dir(d)]; {
			d = path.Dir(d)
			parents[k.layer][d] = true
		}
	}
	for n, name := range o.Layers {
		l := layer{name: name, items: items[n]}
		for d := range parents[n] {
			e := t.Get(d)
			if e == nil || !e.IsDir() {
				return nil, fmt.Errorf("%s: something lies in it, but it is no directory", d)
			}
			l.items = append(l.items, item{e, p.piece(e, n)})
		}
		l.items = slices.DeleteFunc(l.items, func(i item) bool { return i.entry.Path == "/" && i.piece == nil }) // everybody has a root
		if len(l.items) > 0 {
			p.layers = append(p.layers, l)
		}
	}
	return p, nil
}

// choose asks o.Keep for every path, in their order.
func (p *plan) choose(t *image.Tree, o *Options) ([]placed, error) {
	var kept []placed
	for e := range t.All() {
		n, keep := o.Keep(e)
		if !keep {
			continue
		}
		if o.Squash {
			n = 0
		}
		if n < 0 || n >= len(o.Layers) {
			return nil, fmt.Errorf("%s: it is to go to layer %d of %d", e.Path, n, len(o.Layers))
		}
		if err := writable(e); err != nil {
			return nil, err
		}
		kept = append(kept, placed{e, n, p.piece(e, n)})
	}
	return kept, nil
}

// writable refuses what no layer should hold. Unpacking the original fails on it as well.
func writable(e *image.Entry) error {
	switch e.Type {
	case tar.TypeReg, tar.TypeDir, tar.TypeSymlink, tar.TypeChar, tar.TypeBlock, tar.TypeFifo:
	case tar.TypeLink:
		if e.Mode.IsDir() {
			return fmt.Errorf("%s: a hard link to the directory %s", e.Path, e.Linkname)
		}
	default:
		return fmt.Errorf("%s: of the unknown type %q", e.Path, e.Type)
	}
	if e.Path == "/" && !e.IsDir() {
		return fmt.Errorf("/: it is no directory")
	}
	return nil
}

// piece returns what e is made of, and notes that layer n wants it; nil when no layer describes e.
func (p *plan) piece(e *image.Entry, n int) *piece {
	o, ok := e.Origin()
	if !ok {
		return nil
	}
	m := p.wanted[o.Layer]
	if m == nil {
		m = map[int]*piece{}
		p.wanted[o.Layer] = m
	}
	if m[o.Header] == nil {
		m[o.Header] = &piece{name: e.Path, layer: n, source: o.Layer}
	}
	m[o.Header].layer = min(m[o.Header].layer, n)
	return m[o.Header]
}

// Package waste says where every byte of an image lies, which of them nobody sees, and which nobody needs. It computes
// only: a tree and its inventory go in, an [Analysis] comes out.
//
// Content is counted once a file, however many names it has, in the layer that holds it. A file is hidden when the last
// of its names is; the layer that hides it, and how, is that of the last name. So a layer's bytes are those still seen
// and those hidden, by kind, and nothing else.
package waste

import (
	"iter"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/inventory"
)

// Kind says what became of content in the layers above it, or in its own.
type Kind uint8

// The kinds. All but Seen are waste: their bytes are pulled and stored, and no container can read them.
const (
	Seen        Kind = iota
	Overwritten      // a later layer has other content at its path
	Copied           // a later layer has the same content at its path, for another mode, owner or time
	Removed          // a later layer removes it (whiteout)
	DirRemoved       // a later layer removes a directory above it
	Opaque           // a later layer makes a directory above it opaque
	Replaced         // a later layer has something else where a directory above it is, or a directory where it is
	Lost             // its own layer overwrites it, or it is bookkeeping of the layer format
	kinds
)

var kindNames = [kinds]string{"seen", "overwritten", "copied", "removed", "directory removed", "opaque", "replaced", "lost"}

// String is the kind's name: "seen", "overwritten", "copied", "removed", "directory removed", "opaque", "replaced", "lost".
func (k Kind) String() string { return kindNames[k] }

// Hidden lists the kinds that are waste.
var Hidden = []Kind{Overwritten, Copied, Removed, DirRemoved, Opaque, Replaced, Lost}

// Amount is a number of files, their bytes, and an estimate of what those take of the compressed layers.
type Amount struct {
	Files int
	Bytes int64
	Pull  int64
}

func (a *Amount) add(bytes, pull int64) { a.Files++; a.Bytes += bytes; a.Pull += pull }

func (a *Amount) plus(b Amount) { a.Files += b.Files; a.Bytes += b.Bytes; a.Pull += b.Pull }

// Layer is a layer and what became of its content.
type Layer struct {
	image.LayerInfo
	Step  string        // the Dockerfile instruction, as far as the history tells
	By    [kinds]Amount // its content by what became of it; together DiskBytes
	Hides [kinds]Amount // content of lower layers, or its own, that it hides
}

// Seen is what can be seen of the layer.
func (l *Layer) Seen() Amount { return l.By[Seen] }

// Hidden is what later layers, or its own, hide of the layer.
func (l *Layer) Hidden() Amount { return sum(&l.By) }

// Hiding is what the layer hides.
func (l *Layer) Hiding() Amount { return sum(&l.Hides) }

func sum(by *[kinds]Amount) (a Amount) {
	for _, k := range Hidden {
		a.plus(by[k])
	}
	return a
}

// File is a path of one layer and what became of it.
type File struct {
	*image.Entry
	Kind     Kind
	By       int       // the layer that hides it; -1 when it is seen
	Linked   bool      // another name of a file whose content is counted at an earlier one
	Category *Category // what it costs for nothing; nil when it does not
}

// Wasted returns how many bytes of the file count in its category: all but for debug information, of which a program has
// more beside.
func (f File) Wasted() int64 {
	switch {
	case f.Category == nil || f.Linked:
		return 0
	case f.Category == elfDebugs:
		return f.ELF.Debug
	}
	return f.Stored()
}

// Analysis is what an image consists of.
type Analysis struct {
	Tree      *image.Tree
	Inventory *inventory.Inventory
	Size      image.Size
	Layers    []Layer
	Findings  []Finding // by class, then the largest first; of class Security as in Categories
	Owners    []Owner   // the largest first
	Seen      Amount    // what a container sees
	Wasted    Amount    // what no container can see
	Exact     bool      // what can be measured of Findings' Pull is

	state [][]state                       // by layer and entry
	names map[image.Origin][]*image.Entry // of files with several names those that are seen
}

// Efficiency is the share of the bytes on disk that a container sees, 1 for an image without any.
func (a *Analysis) Efficiency() float64 {
	if a.Size.Disk == 0 {
		return 1
	}
	return float64(a.Seen.Bytes) / float64(a.Size.Disk)
}

// state is what is remembered of an entry.
type state struct {
	by       int32
	kind     Kind
	linked   bool
	category uint8 // index into Categories, plus 1; 0 is none
}

// Files returns every path of layer i in its order, directories too.
func (a *Analysis) Files(i int) iter.Seq[File] {
	return func(yield func(File) bool) {
		n := 0
		for e := range a.Tree.LayerEntries(i) {
			s := a.state[i][n]
			n++
			f := File{Entry: e, Kind: s.kind, By: int(s.by), Linked: s.linked}
			if s.category > 0 {
				f.Category = Categories[s.category-1]
			}
			if !yield(f) {
				return
			}
		}
	}
}

// Analyse takes an image apart. The tree must have been read with [Options].
func Analyse(t *image.Tree, inv *inventory.Inventory) *Analysis {
	a := &Analysis{Tree: t, Inventory: inv, Size: t.Measure()}
	for i, l := range t.Layers {
		a.Layers = append(a.Layers, Layer{LayerInfo: l, Step: Redact(Step(l.CreatedBy))})
		a.state = append(a.state, make([]state, t.LayerLen(i)))
	}
	a.hide()
	a.links()
	a.count()
	a.find()
	a.own()
	return a
}

// count sums up what became of the content.
func (a *Analysis) count() {
	for i := range a.Layers {
		n := 0
		for e := range a.Tree.LayerEntries(i) {
			s := a.state[i][n]
			n++
			if e.IsDir() || s.linked {
				continue
			}
			a.Layers[i].By[s.kind].add(e.Stored(), e.Pull)
			if s.kind != Seen {
				a.Layers[s.by].Hides[s.kind].add(e.Stored(), e.Pull)
			}
		}
		for _, f := range a.Tree.Lost(i) {
			a.Layers[i].By[Lost].add(f.Size, 0)
			a.Layers[i].Hides[Lost].add(f.Size, 0)
		}
		a.Seen.plus(a.Layers[i].Seen())
		a.Wasted.plus(a.Layers[i].Hidden())
	}
}

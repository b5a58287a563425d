package waste

import (
	"archive/tar"

	"github.com/lighten/lighten/internal/image"
)

// hider finds for each path of a layer the next layer that hides it. It goes from the topmost layer down; its maps hold
// the nearest layer above the one at hand.
type hider struct {
	hidden    map[string]bool         // what is not shown, and the directories above
	entries   map[string]*image.Entry // what is no directory, of those
	dirs      map[string]int          // directories, also those that only something in them tells of
	whiteouts map[string]int
	opaque    map[string]int
	above     map[string]event // directory -> what hides all that lies in it; of the layer at hand
}

// event is a layer that hides something.
type event struct {
	layer int
	kind  Kind
}

const nowhere = 1 << 30 // above all layers

// first returns the event of the lower layer; of two of the same layer, a.
func first(a, b event) event {
	if b.layer < a.layer {
		return b
	}
	return a
}

func (a *Analysis) hide() {
	h := &hider{hidden: map[string]bool{}, entries: map[string]*image.Entry{}, dirs: map[string]int{}, whiteouts: map[string]int{}, opaque: map[string]int{}}
	for i := range a.Layers {
		for e := range a.Tree.LayerEntries(i) {
			if !e.Shown {
				h.notice(e.Path)
			}
		}
	}
	for i := len(a.Layers) - 1; i >= 0; i-- {
		h.above = map[string]event{}
		n := 0
		for e := range a.Tree.LayerEntries(i) {
			s := &a.state[i][n]
			n++
			if s.by = -1; e.Shown {
				continue
			}
			if ev := h.hides(e); ev.layer != nowhere {
				s.by, s.kind = int32(ev.layer), ev.kind
			}
		}
		if i > 0 && len(h.hidden) > 0 { // there is something below
			h.put(a.Tree, i)
		}
	}
}

// notice remembers a path that is not shown and the directories above it: what is put elsewhere hides nothing.
func (h *hider) notice(p string) {
	for ; !h.hidden[p]; p = image.Parent(p) {
		h.hidden[p] = true
	}
}

// hides returns what hides an entry first.
func (h *hider) hides(e *image.Entry) event {
	ev := event{layer: nowhere}
	if over := h.entries[e.Path]; over != nil {
		kind := Overwritten
		switch {
		case e.IsDir():
			kind = Replaced
		case sameContent(e, over):
			kind = Copied
		}
		ev = event{over.Layer, kind}
	}
	if layer, ok := h.dirs[e.Path]; ok && !e.IsDir() {
		ev = first(ev, event{layer, Replaced})
	}
	if layer, ok := h.whiteouts[e.Path]; ok {
		ev = first(ev, event{layer, Removed})
	}
	if e.Path == "/" {
		return ev
	}
	return first(ev, h.within(image.Parent(e.Path)))
}

// within returns what first hides all that lies in a directory.
func (h *hider) within(dir string) event {
	if ev, ok := h.above[dir]; ok {
		return ev
	}
	ev := event{layer: nowhere}
	if over := h.entries[dir]; over != nil {
		ev = event{over.Layer, Replaced}
	}
	if layer, ok := h.whiteouts[dir]; ok {
		ev = first(ev, event{layer, DirRemoved})
	}
	if layer, ok := h.opaque[dir]; ok {
		ev = first(ev, event{layer, Opaque})
	}
	if dir != "/" {
		ev = first(ev, h.within(image.Parent(dir)))
	}
	h.above[dir] = ev
	return ev
}

// put lets the layers below see layer i.
func (h *hider) put(t *image.Tree, i int) {
	last := ""
	for e := range t.LayerEntries(i) {
		if e.IsDir() {
			h.directory(e.Path, i)
			continue
		}
		if h.hidden[e.Path] {
			h.entries[e.Path] = e
		}
		if d := image.Parent(e.Path); d != last {
			h.directory(d, i)
			last = d
		}
	}
	removed, opaque := t.Whiteouts(i)
	for _, p := range removed {
		h.whiteouts[p] = i
		h.directory(image.Parent(p), i)
	}
	for _, p := range opaque {
		h.opaque[p] = i
		h.directory(p, i)
	}
}

// directory notes that layer i needs p and all above it to be directories.
func (h *hider) directory(p string, i int) {
	for ; ; p = image.Parent(p) {
		if at, ok := h.dirs[p]; ok && at == i {
			return
		}
		h.dirs[p] = i
		if p == "/" {
			return
		}
	}
}

// sameContent reports whether what over brings is what lay there before: only its mode, owner or time changed.
func sameContent(e, over *image.Entry) bool {
	switch {
	case e.IsFile() && over.IsFile():
		return e.Size == over.Size && e.Hash == over.Hash
	case e.Type == tar.TypeSymlink && over.Type == tar.TypeSymlink:
		return e.Linkname == over.Linkname
	}
	return false
}

// links joins the names of one file: it is hidden when all of them are, by the layer that hid the last, and counted at
// the first name in the layer that holds it.
func (a *Analysis) links() {
	several := a.severalNames()
	if len(several) == 0 {
		return
	}
	names := map[image.Origin][]*state{}
	a.names = map[image.Origin][]*image.Entry{}
	for i := range a.Layers {
		n := 0
		for e := range a.Tree.LayerEntries(i) {
			s := &a.state[i][n]
			n++
			if o, ok := e.Origin(); ok && several[o] {
				names[o] = append(names[o], s)
				if s.kind == Seen {
					a.names[o] = append(a.names[o], e)
				}
			}
		}
	}
	for _, all := range names {
		file := all[0]
		last := *file
		for _, s := range all[1:] {
			s.linked = true
			if last.kind != Seen && (s.kind == Seen || s.by > last.by) {
				last = *s
			}
		}
		file.kind, file.by = last.kind, last.by
	}
}

// otherNames returns the other names of a file that are seen.
func (a *Analysis) otherNames(e *image.Entry) (others []*image.Entry) {
	o, ok := e.Origin()
	if !ok || a.names == nil {
		return nil
	}
	for _, x := range a.names[o] {
		if x != e {
			others = append(others, x)
		}
	}
	return others
}

// severalNames returns the files that have more than one name.
func (a *Analysis) severalNames() map[image.Origin]bool {
	several := map[image.Origin]bool{}
	var seen []bool // by header of the layer at hand
	for i := range a.Layers {
		clear(seen)
		for e := range a.Tree.LayerEntries(i) {
			o, ok := e.Origin()
			if !ok || e.IsDir() {
				continue
			}
			for len(seen) <= o.Header {
				seen = append(seen, false)
			}
			if o.Layer != i || seen[o.Header] {
				several[o] = true
			}
			if o.Layer == i {
				seen[o.Header] = true
			}
		}
	}
	return several
}

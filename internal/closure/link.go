package closure

import (
	"fmt"
	"path"

	"github.com/lighten/lighten/internal/image"
)

// links keeps what a symbolic link points to: through every further link, to the end.
func links(m *maker, e *image.Entry, s strength) {
	if e.Type != symlink {
		return
	}
	to := e.Linkname
	if !path.IsAbs(to) {
		to = path.Join(path.Dir(e.Path), to)
	}
	if kernelOwn(to) {
		return
	}
	r := Reason{Rule: "link", By: e.Path, Note: "what it points to"}
	if at := m.add(to, s, r); at != nil && at.IsDir() && m.Level == Safe && m.ofOnePackage(at.Path, m.keep.owner[e.Path]) {
		m.below(at.Path, weak, r)
	}
}

// ofOnePackage tells whether all files in a directory are of one package, another one than o. A package that has a link to such a directory has
// its data there: that of python3-babel is in python-babel-localedata.
func (m *maker) ofOnePackage(dir string, o *owned) bool {
	if o == nil || !o.System() || crossroads[dir] {
		return false
	}
	var other *owned
	for e := range m.Tree.Under(dir + "/") {
		if e.IsDir() {
			continue
		}
		at := m.keep.owner[e.Path]
		if at == nil || at == o || other != nil && at != other {
			return false
		}
		other = at
	}
	return other != nil
}

// hardLinks keeps all names of a file: the others cost nothing, and which one is the first is chance.
func hardLinks(m *maker, e *image.Entry, s strength) {
	first := e.Path
	if e.Linkname != "" && e.IsFile() {
		first = e.Linkname
		if x := m.Tree.Get(first); x != nil && x.Layer == e.Layer {
			m.enter(x, weak, Reason{Rule: "hard link", By: e.Path, Note: "another name of the same file"})
		}
	}
	for _, x := range m.hard[fmt.Sprint(e.Layer, first)] {
		m.enter(x, weak, Reason{Rule: "hard link", By: e.Path, Note: "another name of the same file"})
	}
}

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
	m.add(to, s, Reason{Rule: "link", By: e.Path, Note: "what it points to"})
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

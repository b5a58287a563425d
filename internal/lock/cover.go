package lock

import (
	"path"
	"strings"

	"github.com/lighten/lighten/internal/closure"
	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/inventory"
)

// cover answers which paths a lock's lines mean.
type cover struct {
	level    closure.Level
	owner    func(path string) (inventory.Package, bool)
	extent   map[key]closure.Extent
	bytecode map[string]*modules // by directory
	below    map[string]bool     // directories whose bytecode stays, with all directories below
}

// modules are those of a directory whose bytecode stays.
type modules struct {
	all   bool
	names map[string]bool
}

func newCover(level closure.Level, owner func(string) (inventory.Package, bool)) *cover {
	return &cover{level: level, owner: owner, extent: map[key]closure.Extent{}, bytecode: map[string]*modules{}, below: map[string]bool{}}
}

// has reports whether an entry stays below a directory of which w holds, as far as no line names the entry itself.
func (c *cover) has(e *image.Entry, w What) bool {
	switch {
	case w == Gone:
		return false
	case w == All:
		return true
	case closure.IsBytecode(e.Path):
		return c.compiled(e.Path)
	}
	if !e.IsDir() {
		if p, ok := c.owner(e.Path); ok {
			x, ok := c.extent[keyOf(p)]
			return ok && x.Covers(p, e, c.level)
		}
	}
	return w == Lean && closure.DropRule(e.Path) == ""
}

// compiled reports whether a line about bytecode means a file. Bytecode for python -O never stays by such a line.
func (c *cover) compiled(pyc string) bool {
	if strings.Contains(path.Base(pyc), ".opt-") {
		return false
	}
	dir, name := module(pyc)
	if m := c.bytecode[dir]; m != nil && (m.all || m.names[name]) {
		return true
	}
	for d := dir; ; d = path.Dir(d) {
		if c.below[d] {
			return true
		}
		if d == "/" {
			return false
		}
	}
}

// module is the directory and the name of the module whose bytecode a file is.
func module(pyc string) (dir, name string) {
	name, _, _ = strings.Cut(path.Base(pyc), ".")
	return path.Dir(path.Dir(pyc)), name
}

// take makes the lock's lines answers. Packages are those of the image that the lines mean.
func (c *cover) take(f *File, n *naming) {
	for _, p := range f.Packages {
		for _, q := range n.find(p) {
			c.extent[keyOf(q)] = p.Extent
		}
	}
	for _, b := range f.Bytecode {
		if b.Below {
			c.below[b.Dir] = true
			continue
		}
		m := &modules{all: b.Names == nil, names: map[string]bool{}}
		for _, x := range b.Names {
			m.names[x] = true
		}
		c.bytecode[b.Dir] = m
	}
}

// find returns the packages that a line means.
func (n *naming) find(p Package) []inventory.Package {
	var found []inventory.Package
	for _, q := range n.packages {
		if q.Ecosystem == p.Ecosystem && q.Version == p.Version && (q.Name == p.Name || q.Name+":"+q.Arch == p.Name) {
			found = append(found, q)
		}
	}
	return found
}

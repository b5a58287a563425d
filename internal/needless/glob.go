package needless

import (
	"path"
	"regexp"
	"strings"
)

// glob is a compiled pattern: of a path's directory, and of its last component.
type glob struct {
	kind    int
	dir     *regexp.Regexp // its first group is the directory that the pattern names
	literal string         // what a matching directory contains, so that most are told without the expression
	base    string         // pattern of the last component for path.Match; "" takes all, in directories below too
	suffix  string         // base is "*" and this
	any     bool           // it says nothing of the directory
}

// Expand returns the patterns that one with alternatives in braces stands for: "/{a,b}/c" is /a/c and /b/c. Braces do
// not nest.
func Expand(pattern string) []string {
	open := strings.IndexByte(pattern, '{')
	end := strings.IndexByte(pattern, '}')
	if open < 0 || end < open {
		return []string{pattern}
	}
	var all []string
	for alt := range strings.SplitSeq(pattern[open+1:end], ",") {
		all = append(all, Expand(pattern[:open]+alt+pattern[end+1:])...)
	}
	return all
}

// compile reads one pattern. It begins with "/" or "**/"; * and ? stay within a component, ** stands for any number of
// them, and at the end for all that lies in a directory.
func compile(kind int, pattern string) glob {
	g := glob{kind: kind}
	dir, base := path.Split(pattern)
	dir = strings.TrimSuffix(dir, "/")
	tail := ""
	if base == "**" {
		tail = `(?:/.*)?`
	} else if g.base = base; strings.HasPrefix(base, "*") && !strings.ContainsAny(base[1:], "*?[") {
		g.suffix = base[1:]
	}
	var b strings.Builder
	for i, c := range strings.Split(dir, "/") {
		switch {
		case c == "**":
			b.WriteString(`(?:/[^/]+)*`)
			continue
		case i == 0 && c == "":
			continue
		}
		b.WriteString("/" + strings.NewReplacer(`\*`, `[^/]*`, `\?`, `[^/]`).Replace(regexp.QuoteMeta(c)))
		if !strings.ContainsAny(c, "*?") && len(c)+1 > len(g.literal) {
			g.literal = "/" + c
		}
	}
	g.dir = regexp.MustCompile("^(" + b.String() + ")" + tail + "$")
	g.any = dir == "**" && tail == ""
	return g
}

func (g *glob) fits(base string) bool {
	switch {
	case g.base == "":
		return true
	case g.suffix != "":
		return strings.HasSuffix(base, g.suffix)
	}
	ok, _ := path.Match(g.base, base) // a malformed pattern fits nothing
	return ok
}

// Table finds the first of its kinds that a path is of. It is not safe for concurrent use: it remembers directories.
type Table struct {
	globs, but       []glob
	anywhere, butAny []glob // those that say nothing of the directory
	dirs             map[string]*directory
	last             string
	dir              *directory
}

// directory is what a table says of the paths in one directory.
type directory struct {
	globs, but []match
}

type match struct {
	*glob
	root string
}

// NewTable compiles kinds, the first of which count first.
func NewTable(kinds ...Kind) *Table {
	t := &Table{dirs: map[string]*directory{}}
	for n, k := range kinds {
		t.globs, t.anywhere = compileAll(n, k.Globs, t.globs, t.anywhere)
		t.but, t.butAny = compileAll(n, k.But, t.but, t.butAny)
	}
	return t
}

func compileAll(kind int, patterns []string, bound, anywhere []glob) (b, a []glob) {
	for _, p := range patterns {
		for _, x := range Expand(p) {
			if g := compile(kind, x); g.any {
				anywhere = append(anywhere, g)
			} else {
				bound = append(bound, g)
			}
		}
	}
	return bound, anywhere
}

// Find returns the number of the first kind that the path is of, and the directory that its pattern names; -1 when it
// is of none. The path is absolute and clean.
func (t *Table) Find(p string) (kind int, root string) {
	cut := strings.LastIndexByte(p, '/')
	dir, base := p[:cut], p[cut+1:]
	if t.dir == nil || dir != t.last {
		t.last, t.dir = dir, t.look(dir)
	}
	kind = -1
	for _, m := range t.dir.globs {
		if m.fits(base) && !t.except(m.kind, base) {
			kind, root = m.kind, m.root
			break
		}
	}
	for n := range t.anywhere {
		g := &t.anywhere[n]
		if kind >= 0 && g.kind >= kind {
			break
		}
		if g.fits(base) && !t.except(g.kind, base) {
			return g.kind, dir
		}
	}
	return kind, root
}

// except reports whether a path in the directory at hand is none of that kind after all.
func (t *Table) except(kind int, base string) bool {
	for _, m := range t.dir.but {
		if m.kind == kind && m.fits(base) {
			return true
		}
	}
	for n := range t.butAny {
		if g := &t.butAny[n]; g.kind == kind && g.fits(base) {
			return true
		}
	}
	return false
}

// maxDirectories bounds what is remembered.
const maxDirectories = 1 << 14

func (t *Table) look(dir string) *directory {
	if d := t.dirs[dir]; d != nil {
		return d
	}
	d := &directory{globs: matching(t.globs, dir), but: matching(t.but, dir)}
	if len(t.dirs) == maxDirectories {
		clear(t.dirs)
	}
	t.dirs[dir] = d
	return d
}

func matching(globs []glob, dir string) (all []match) {
	for n := range globs {
		g := &globs[n]
		if !strings.Contains(dir, g.literal) {
			continue
		}
		if m := g.dir.FindStringSubmatch(dir); m != nil {
			all = append(all, match{g, m[1]})
		}
	}
	return all
}

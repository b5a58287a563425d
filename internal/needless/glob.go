package needless

import (
	"path"
	"slices"
	"strings"
)

// glob is a pattern of a path: of its directory, by components, and of its last one.
type glob struct {
	kind  int
	dir   []component
	below bool   // it takes all in the directory, and below too
	name  string // pattern of the last component otherwise: for path.Match, unless
	plain bool   // it stands for itself, or
	star  bool   // has but one asterisk, and stands for what
	head  string // begins so and
	tail  string // ends so
	any   bool   // it says nothing of the directory
}

// component is a pattern of a directory's component: one for path.Match, unless it is plain; "**" is any number of them.
type component struct {
	pattern string
	plain   bool
}

const anyDepth = "**"

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
	switch {
	case base == anyDepth:
		g.below = true
	case isPlain(base):
		g.name, g.plain = base, true
	default:
		g.name = base
		g.head, g.tail, g.star = strings.Cut(base, "*")
		g.star = g.star && isPlain(g.head) && isPlain(g.tail)
	}
	for c := range strings.SplitSeq(strings.Trim(dir, "/"), "/") {
		if c != "" {
			g.dir = append(g.dir, component{c, isPlain(c)})
		}
	}
	g.any = !g.below && len(g.dir) == 1 && g.dir[0].pattern == anyDepth
	return g
}

func isPlain(pattern string) bool { return !strings.ContainsAny(pattern, `*?[\`) }

func (g *glob) fits(base string) bool {
	switch {
	case g.below:
		return true
	case g.plain:
		return base == g.name
	case g.star:
		return len(base) >= len(g.head)+len(g.tail) && strings.HasPrefix(base, g.head) && strings.HasSuffix(base, g.tail)
	}
	ok, _ := path.Match(g.name, base) // a malformed pattern fits nothing
	return ok
}

// key is a component that every directory of the pattern has, the longest one; "" when there is none.
func (g *glob) key() (key string) {
	for _, c := range g.dir {
		if c.plain && len(c.pattern) > len(key) {
			key = c.pattern
		}
	}
	return key
}

// match returns how many of a directory's components the pattern names, the most that it can; -1 when it is not of them.
func match(pattern []component, dir []string, below bool) int {
	if len(pattern) == 0 {
		if below || len(dir) == 0 {
			return 0
		}
		return -1
	}
	c := pattern[0]
	if c.pattern == anyDepth {
		for n := len(dir); n >= 0; n-- {
			if m := match(pattern[1:], dir[n:], below); m >= 0 {
				return n + m
			}
		}
		return -1
	}
	if len(dir) == 0 {
		return -1
	}
	if c.plain {
		if dir[0] != c.pattern {
			return -1
		}
	} else if ok, _ := path.Match(c.pattern, dir[0]); !ok {
		return -1
	}
	if m := match(pattern[1:], dir[1:], below); m >= 0 {
		return 1 + m
	}
	return -1
}

// Table finds the first of its kinds that a path is of. It is not safe for concurrent use: it remembers directories.
type Table struct {
	globs, but       patterns
	anywhere, butAny []glob // those that say nothing of the directory
	dirs             map[string]*directory
	last             string
	dir              *directory
}

// patterns are globs, found by a component that the directory must have.
type patterns struct {
	all   []glob
	byKey map[string][]int // indexes into all
}

// directory is what a table says of the paths in one directory.
type directory struct {
	globs, but []found
}

type found struct {
	*glob
	root string // the directory that the pattern names
}

// NewTable compiles kinds, the first of which count first.
func NewTable(kinds ...Kind) *Table {
	t := &Table{dirs: map[string]*directory{}}
	for n, k := range kinds {
		t.anywhere = t.globs.add(n, k.Globs, t.anywhere)
		t.butAny = t.but.add(n, k.But, t.butAny)
	}
	return t
}

// add compiles globs of a kind; those that say nothing of the directory are added to anywhere.
func (p *patterns) add(kind int, globs []string, anywhere []glob) []glob {
	if p.byKey == nil {
		p.byKey = map[string][]int{}
	}
	for _, pattern := range globs {
		for _, x := range Expand(pattern) {
			g := compile(kind, x)
			if g.any {
				anywhere = append(anywhere, g)
				continue
			}
			p.byKey[g.key()] = append(p.byKey[g.key()], len(p.all))
			p.all = append(p.all, g)
		}
	}
	return anywhere
}

// maxDepth bounds the components of a directory that is looked at: to find several ** in one takes the square of them. Linux
// opens no path of more than 2048, and nothing honest has some dozens.
const maxDepth = 256

// of returns the globs that a directory is of, in their order. It has no slash at its end: the root is "".
func (p *patterns) of(dir string) (all []found) {
	if strings.Count(dir, "/") > maxDepth {
		return nil
	}
	names := strings.Split(dir, "/")[1:]
	candidates := slices.Clone(p.byKey[""])
	for n, name := range names {
		if !slices.Contains(names[:n], name) {
			candidates = append(candidates, p.byKey[name]...)
		}
	}
	slices.Sort(candidates)
	for _, i := range candidates {
		g := &p.all[i]
		if n := match(g.dir, names, g.below); n >= 0 {
			all = append(all, found{g, upTo(dir, n)})
		}
	}
	return all
}

// upTo returns the first n components of a directory.
func upTo(dir string, n int) string {
	if n == 0 {
		return ""
	}
	for i := 1; i < len(dir); i++ {
		if dir[i] == '/' {
			if n--; n == 0 {
				return dir[:i]
			}
		}
	}
	return dir
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
	d := &directory{globs: t.globs.of(dir), but: t.but.of(dir)}
	if len(t.dirs) == maxDirectories {
		clear(t.dirs)
	}
	t.dirs[dir] = d
	return d
}

package closure

import (
	"path"
	"slices"
	"strings"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/lazy"
	"github.com/lighten/lighten/internal/observe"
)

// linkers are what ctypes.util.find_library starts when ldconfig does not know a library, and what these start: they tell what they would
// link.
var linkers = lazy.MustCompile(`^(?:gcc|cc|ld|collect2|(?:[a-z0-9_]+-linux-(?:gnu|musl)[a-z]*-)?(?:gcc(?:-[0-9]+)?|ld(?:\.bfd|\.gold)?))$`)

var (
	compiling  = lazy.MustCompile(`^(?:cc1|cc1plus|lto1|(?:[a-z0-9_]+-)*(?:as|objdump))$`)
	ctypesUtil = lazy.MustCompile(`/ctypes/(?:util\.py|__pycache__/util\.[^/]*\.pyc)$`)
)

// askedLinkers returns what tells the look-ups of a record by which ctypes.util.find_library asked a compiler and a linker for a library, after
// ldconfig, and learned nothing: the answer is the same without them, None. It asks both, in that order, only if the first knows no
// more, and objdump about what they find (Lib/ctypes/util.py). Where something is compiled none is told.
func askedLinkers(t *image.Tree, r *observe.Record) func(observe.Path) bool {
	asked := map[string]bool{}
	byPython := func(p observe.Path) bool { return runsPython(t, p.By) }
	for _, p := range r.Paths {
		base := path.Base(p.Name)
		switch {
		case ctypesUtil.MatchString(p.Name):
			asked["ctypes"] = true
		case p.Ops&observe.Exec != 0 && base == "ldconfig", (base == "gcc" || base == "ld") && byPython(p):
			asked[base] = true
		case compiling.MatchString(base) && p.Ops&(observe.Exec|observe.Access|observe.Stat) != 0:
			return func(observe.Path) bool { return false }
		}
	}
	if len(asked) < 4 {
		return func(observe.Path) bool { return false }
	}
	return func(p observe.Path) bool {
		return linkers.MatchString(path.Base(p.By)) || linkers.MatchString(path.Base(p.Name)) && alone[path.Dir(p.Name)] && byPython(p)
	}
}

// runsPython tells Python, and a script that is run by it, such as gunicorn: a record names that.
func runsPython(t *image.Tree, program string) bool {
	isPython := func(p string) bool { return strings.HasPrefix(path.Base(p), "python") }
	e := t.Resolve(program)
	return isPython(program) || e != nil && slices.ContainsFunc(strings.Fields(e.Shebang), isPython)
}

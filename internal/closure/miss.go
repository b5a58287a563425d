package closure

import (
	"path"
	"strings"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/observe"
)

// Misses reports whether a look-up leads somewhere in the original and not in what stays: the path was taken away from
// a program that wants it. Bytecode is not missed while its source stays: a module works without.
func (k *Keep) Misses(p observe.Path) bool {
	if kernelOwn(p.Name) {
		return false
	}
	trail, final := walk(k.tree, p.Name)
	if final == nil {
		return false
	}
	if strings.HasSuffix(final.Path, ".pyc") && k.Has(sourceOf(final.Path)) || strings.HasSuffix(final.Path, "/__pycache__") {
		return false
	}
	for _, e := range append(trail, final) {
		if !k.Has(e.Path) {
			return true
		}
	}
	if i := interpreterOf(final, p); i != "" && k.Misses(observe.Path{Name: i}) {
		return true
	}
	if p.Ops&observe.List == 0 || !final.IsDir() || !listable(k.tree, final.Path) {
		return false
	}
	for e := range children(k.tree, final.Path) {
		if !k.Has(e.Path) && !hookSample.MatchString(e.Path) && k.drops[e.Path] != foreignParts { // which nothing here can load
			return true
		}
	}
	return false
}

// MissedIn reports whether a look-up leads somewhere in the original and nowhere in another image, which need not be
// one that was carved from it.
func MissedIn(light, original *image.Tree, p observe.Path) bool {
	if kernelOwn(p.Name) {
		return false
	}
	_, final := walk(original, p.Name)
	if final == nil || strings.HasSuffix(final.Path, "/__pycache__") {
		return false
	}
	_, there := walk(light, p.Name)
	if there == nil {
		if strings.HasSuffix(final.Path, ".pyc") {
			_, source := walk(light, sourceOf(p.Name))
			return source == nil
		}
		return true
	}
	if i := interpreterOf(final, p); i != "" && MissedIn(light, original, observe.Path{Name: i}) {
		return true
	}
	if p.Ops&observe.List == 0 || !final.IsDir() || !listable(original, final.Path) {
		return false
	}
	for e := range children(original, final.Path) {
		if light.Get(path.Join(there.Path, path.Base(e.Path))) == nil && !hookSample.MatchString(e.Path) {
			return true
		}
	}
	return false
}

// interpreterOf is what the first line of a script names that is run, else "". The kernel opens it itself, so that no look-up tells of it: to
// the program it is the script that is not there.
func interpreterOf(e *image.Entry, p observe.Path) string {
	if p.Ops&observe.Exec == 0 || !strings.HasPrefix(e.Shebang, "/") {
		return ""
	}
	return strings.Fields(e.Shebang)[0]
}

// sourceOf is the module whose bytecode a file in __pycache__ is.
func sourceOf(pyc string) string {
	dir, base, _ := strings.Cut(pyc, "__pycache__/")
	stem, _, _ := strings.Cut(base, ".")
	return dir + stem + ".py"
}

package closure

import (
	"slices"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/observe"
)

// AskedInVain returns what tells the look-ups of a record that teach a program nothing, so that it answers the same without what they lead to.
func AskedInVain(t *image.Tree, r *observe.Record) func(observe.Path) bool {
	linkers, authorities := askedLinkers(t, r), listedAuthorities(t, r)
	return func(p observe.Path) bool { return linkers(p) || authorities(p) }
}

// listedAuthorities returns what tells the look-ups by which OpenSSL lists the directory of certificate authorities, as it does for every program
// that asks for its defaults: it has read the file of all by then, and would open of the directory what has a name that it makes.
func listedAuthorities(t *image.Tree, r *observe.Record) func(observe.Path) bool {
	all := map[*image.Entry]bool{}
	for _, p := range bundles {
		all[t.Resolve(p)] = true
	}
	delete(all, nil)
	read := slices.ContainsFunc(r.Paths, func(p observe.Path) bool { return p.Ops&observe.Open != 0 && all[t.Resolve(p.Name)] })
	return func(p observe.Path) bool {
		if !read || p.Ops&observe.List == 0 {
			return false
		}
		dir := t.Resolve(p.Name)
		return dir != nil && DropRule(dir.Path+"/00000000.0") == singleAuthorities
	}
}

package lock

import (
	"path"
	"slices"
	"strings"

	"github.com/lighten/lighten/internal/closure"
	"github.com/lighten/lighten/internal/image"
)

// rules writes down by which rule a path went, wherever again, which is what the lock gives so far, would say another one: with them
// carving by the lock tells of what went as the run that wrote it did, and labels the image alike.
func (w *writer) rules(again *closure.Keep) {
	at := map[string]string{}    // path -> rule
	whole := map[string]string{} // directory -> the one rule of all that lies in it; "" when there are several, or a file stays
	for e := range w.tree.All() {
		if e.IsDir() {
			continue // its rule is that of what lies in it
		}
		rule := ""
		if !w.keep.Has(e.Path) {
			if r := w.keep.Rule(e.Path); r != again.Rule(e.Path) {
				rule, at[e.Path] = r, r
			}
		}
		for d := path.Dir(e.Path); d != "/"; d = path.Dir(d) {
			if was, ok := whole[d]; !ok {
				whole[d] = rule
			} else if was != rule {
				whole[d] = ""
			}
		}
	}
	names := map[[2]string][]string{} // rule, directory
	for p, rule := range at {
		top := ""
		for d := p; d != "/"; d = path.Dir(d) {
			if whole[d] == rule {
				top = d
			}
		}
		if top != "" {
			names[[2]string{rule, top}] = nil
			continue
		}
		c := [2]string{rule, path.Dir(p)}
		names[c] = append(names[c], path.Base(p))
	}
	for c, n := range names {
		slices.Sort(n)
		w.file.Rules = append(w.file.Rules, Rule{Rule: c[0], Dir: c[1], Names: n})
	}
	slices.SortFunc(w.file.Rules, compareRules)
}

// rule tells k by which rules paths went.
func (f *File) rule(k *closure.Keep, t *image.Tree) {
	known := known(k, t)
	for e := range t.All() {
		if !k.Has(e.Path) && closure.IsBytecode(e.Path) && plain(e.Path, known) == closure.UnseenBytecode {
			k.SetRule(e.Path, closure.UnseenBytecode)
		}
	}
	for _, r := range f.Rules {
		if r.Names == nil {
			for e := range t.Under(strings.TrimSuffix(r.Dir, "/") + "/") {
				k.SetRule(e.Path, r.Rule)
			}
		}
		for _, n := range r.Names {
			k.SetRule(path.Join(r.Dir, n), r.Rule)
		}
	}
}

package lock

import (
	"path"

	"github.com/lighten/lighten/internal/closure"
	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/inventory"
)

// The states of a path.
const (
	Kept    = "kept"
	Dropped = "dropped"
	Absent  = "absent" // the original never had it
)

// Answer says what became of a path, and why.
type Answer struct {
	Path  string `json:"path"`           // as it was asked for
	Real  string `json:"real,omitempty"` // with the links of its directories followed, where that is another one
	State string `json:"state"`

	Chain []closure.Step `json:"chain,omitempty"` // kept: from the path back to the evidence

	Rule      string `json:"rule,omitempty"`      // dropped: by which rule
	Package   string `json:"package,omitempty"`   // the package that it belongs to, or belonged to: "deb apt"
	Directory string `json:"directory,omitempty"` // dropped: with this directory as a whole
	Unsure    bool   `json:"unsure,omitempty"`    // dropped: whether the original had the path is not remembered; if so, it went
}

// Oracle answers for the paths of one image.
type Oracle struct {
	tree  *image.Tree
	keep  *closure.Keep
	names *naming
	files map[string]*Loss // single paths that went; nil: the tree is the original's, and Keep knows
	dirs  map[string]*Loss
	above map[string]*Loss // directories of which several rules took all that was in them
}

// Oracle returns what answers for a carved image: its guard and its own tree.
func (g *Guard) Oracle(t *image.Tree, inv *inventory.Inventory) *Oracle {
	n := namesOf(inv)
	g.give(t, inv, n)
	o := &Oracle{tree: t, keep: g.Lock.restore(t, n, closure.Restore(t, inv, nil)), names: n, files: map[string]*Loss{}, dirs: map[string]*Loss{}, above: map[string]*Loss{}}
	for i := range g.Losses {
		for _, p := range g.Losses[i].Files {
			o.files[p] = &g.Losses[i]
			o.parents(p, &g.Losses[i])
		}
		for _, p := range g.Losses[i].Directories {
			o.dirs[p] = &g.Losses[i]
			o.parents(p, &g.Losses[i])
		}
	}
	return o
}

// known tells of paths that stay or are remembered by name.
func (o *Oracle) known(p string) bool { return o.keep.Has(p) || o.files[p] != nil }

func (o *Oracle) parents(p string, l *Loss) {
	for d := path.Dir(p); d != "/" && o.above[d] == nil; d = path.Dir(d) {
		o.above[d] = l
	}
}

// OracleOf returns what answers for an original by what is kept of it.
func OracleOf(k *closure.Keep, t *image.Tree, inv *inventory.Inventory) *Oracle {
	return &Oracle{tree: t, keep: k, names: namesOf(inv)}
}

// Why says what became of a path.
func (o *Oracle) Why(p string) Answer {
	a := Answer{Path: p, State: Absent}
	p = path.Clean("/" + p)
	real := o.tree.Real(p)
	if real == "" {
		real = p // links in a circle lead nowhere
	}
	if real != a.Path {
		a.Real = real
	}
	if own, ok := o.keep.Owner(real); ok {
		a.Package = own.Ecosystem + " " + o.names.name(own)
	}
	switch {
	case o.keep.Has(real):
		a.State, a.Chain = Kept, o.keep.Why(real)
	case o.tree.Get(real) != nil && o.files != nil: // in the carved image, and no line says why: records that tell whose it is are gone
		a.State, a.Chain = Kept, []closure.Step{{Path: real, Reason: closure.Reason{Rule: "package", Note: "its package's records are not in the image"}}}
	case o.tree.Get(real) != nil:
		a.State, a.Rule = Dropped, o.keep.Rule(real)
	case o.files != nil:
		o.gone(&a, real)
	}
	return a
}

// gone looks a path up among what went.
func (o *Oracle) gone(a *Answer, p string) {
	if x := o.files[p]; x != nil {
		a.State, a.Rule, a.Package = Dropped, x.Rule, x.Package
		return
	}
	if r := plain(p, o.known); r != "" {
		a.State, a.Rule, a.Unsure = Dropped, r, true
		return
	}
	for d := p; d != "/"; d = path.Dir(d) {
		if x := o.dirs[d]; x != nil {
			a.State, a.Rule, a.Package = Dropped, x.Rule, x.Package
			if d != p {
				a.Directory, a.Unsure = d, true
			}
			return
		}
	}
	if x := o.above[p]; x != nil {
		a.State, a.Rule = Dropped, "all that was in it is gone"
	}
}

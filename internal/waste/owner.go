package waste

import (
	"cmp"
	"maps"
	"slices"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/inventory"
)

// Owner is who brought files that are seen: a package, or, of what belongs to none, a layer.
type Owner struct {
	Package *inventory.Package // nil: a layer's own
	Layer   int                // that layer; of a package -1
	Amount
}

// own shares out what is seen.
func (a *Analysis) own() {
	packages := map[*inventory.Package]*Owner{}
	layers := map[int]*Owner{}
	for i := range a.Layers {
		n := 0
		for e := range a.Tree.LayerEntries(i) {
			s := a.state[i][n]
			n++
			if e.IsDir() || s.linked || s.kind != Seen {
				continue
			}
			a.ownerOf(e, packages, layers).add(e.Stored(), e.Pull)
		}
	}
	all := append(slices.Collect(maps.Values(packages)), slices.Collect(maps.Values(layers))...)
	slices.SortFunc(all, func(x, y *Owner) int {
		if c := cmp.Compare(y.Bytes, x.Bytes); c != 0 {
			return c
		}
		if x.Package != nil && y.Package != nil {
			return inventory.Compare(*x.Package, *y.Package)
		}
		return cmp.Compare(x.Layer, y.Layer)
	})
	for _, o := range all {
		a.Owners = append(a.Owners, *o)
	}
}

func (a *Analysis) ownerOf(e *image.Entry, packages map[*inventory.Package]*Owner, layers map[int]*Owner) *Owner {
	if p := a.Inventory.OwnerOf(e); p != nil {
		if packages[p] == nil {
			packages[p] = &Owner{Package: p, Layer: -1}
		}
		return packages[p]
	}
	if layers[e.Layer] == nil {
		layers[e.Layer] = &Owner{Layer: e.Layer}
	}
	return layers[e.Layer]
}

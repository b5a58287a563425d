package image

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strings"
)

// byPath returns every entry, sorted by path.
func (t *Tree) byPath() []*Entry {
	all := make([]named, 0, len(t.entries))
	for p, e := range t.entries {
		all = append(all, named{path: p, Entry: e})
	}
	sortNames(all, 0)
	sorted := make([]*Entry, len(all))
	for n := range all {
		sorted[n] = all[n].Entry
	}
	return sorted
}

// named is an entry while it is sorted: key are eight bytes of its path.
type named struct {
	key  uint64
	path string
	*Entry
}

const keySize = 8

// sortNames sorts paths that begin with the same from bytes: by the next eight behind what they all begin with, then those
// of which these are the same by the rest. Paths have much in common, so that to compare them from their beginnings takes
// three times as long.
func sortNames(all []named, from int) {
	first := all[0].path
	end := len(first)
	for _, x := range all[1:] {
		for end = min(end, len(x.path)); x.path[from:end] != first[from:end]; {
			end = from + alike(x.path[from:end], first[from:end])
		}
	}
	for n := range all {
		var b [keySize]byte // no name has a byte 0: one that ends here comes first
		copy(b[:], all[n].path[end:])
		all[n].key = binary.BigEndian.Uint64(b[:])
	}
	slices.SortFunc(all, func(a, b named) int { return cmp.Compare(a.key, b.key) })
	for len(all) > 0 {
		n, ends := 1, len(all[0].path) <= end+keySize
		for ; n < len(all) && all[n].key == all[0].key; n++ {
			ends = ends || len(all[n].path) <= end+keySize
		}
		switch {
		case n == 1:
		case ends: // names with bytes 0 after all, out of a damaged index
			slices.SortFunc(all[:n], func(a, b named) int { return strings.Compare(a.path, b.path) })
		default:
			sortNames(all[:n], end+keySize)
		}
		all = all[n:]
	}
}

// alike returns how many bytes a and b begin with alike.
func alike(a, b string) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

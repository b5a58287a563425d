package deflate

import (
	"math/bits"
	"slices"
)

// merger finds the lengths of codes. What it needs for one is used again for the next: garbage of a quarter MB for each would have the
// tree of an image looked through twice a second.
type merger struct {
	leaves []uint64 // weight<<16 | symbol
	lists  [15][]item
}

// item is a leaf, or a package of two items of the list before. What a block counts, 15 times over, fits into its weight.
type item struct {
	weight uint32
	leaf   int16 // symbol; -1: a package
	pair   int16 // the first of the two
}

// lengths sets out to the lengths of the best prefix code, none longer than limit bits (package-merge: Larmore and Hirschberg, "A
// fast algorithm for optimal length-limited Huffman codes", 1990). Symbols that do not occur have length 0; one alone gets 1.
func (m *merger) lengths(out []uint8, counts []uint32, limit int) {
	clear(out)
	m.leaves = m.leaves[:0]
	for s, n := range counts {
		if n > 0 {
			m.leaves = append(m.leaves, uint64(n)<<16|uint64(s))
		}
	}
	slices.Sort(m.leaves)
	switch len(m.leaves) {
	case 0:
		return
	case 1:
		out[uint16(m.leaves[0])] = 1
		return
	}
	var before []item
	for level := range limit {
		before = m.level(m.lists[level][:0], before)
		m.lists[level] = before
	}
	take := 2*len(m.leaves) - 2 // of the last list; what packages hold is a beginning of the list before
	for level := limit - 1; level >= 0; level-- {
		next := 0
		for _, it := range m.lists[level][:take] {
			if it.leaf >= 0 {
				out[it.leaf]++
			} else {
				next = int(it.pair) + 2
			}
		}
		take = next
	}
}

// level appends to list the leaves and the pairs of before, by weight.
func (m *merger) level(list, before []item) []item {
	l, p := 0, 0
	for l < len(m.leaves) || p+1 < len(before) {
		if p+1 >= len(before) || l < len(m.leaves) && uint32(m.leaves[l]>>16) <= before[p].weight+before[p+1].weight {
			list = append(list, item{uint32(m.leaves[l] >> 16), int16(m.leaves[l]), 0})
			l++
		} else {
			list = append(list, item{before[p].weight + before[p+1].weight, -1, int16(p)})
			p += 2
		}
	}
	return list
}

// codes sets out to the canonical code of RFC 1951, 3.2.2, for the lengths, each with its bits in the order of the stream.
func codes(out []uint16, lengths []uint8) {
	var count, next [17]int
	for _, n := range lengths {
		count[n]++
	}
	count[0] = 0
	for n := 1; n <= 16; n++ {
		next[n] = (next[n-1] + count[n-1]) << 1
	}
	clear(out)
	for s, n := range lengths {
		if n > 0 {
			out[s] = bits.Reverse16(uint16(next[n])) >> (16 - n)
			next[n]++
		}
	}
}

package deflate

import (
	"math/bits"
	"slices"
)

// lengths returns the lengths of the best prefix code, none longer than limit bits (package-merge: Larmore and Hirschberg, "A
// fast algorithm for optimal length-limited Huffman codes", 1990). Symbols that do not occur have length 0; one alone gets 1.
func lengths(counts []uint32, limit int) []uint8 {
	type item struct {
		weight uint64
		leaf   int // symbol, or -1: a package of the items left and right of the list before
		pair   int
	}
	out := make([]uint8, len(counts))
	var leaves []item
	for s, n := range counts {
		if n > 0 {
			leaves = append(leaves, item{uint64(n), s, 0})
		}
	}
	switch len(leaves) {
	case 0:
		return out
	case 1:
		out[leaves[0].leaf] = 1
		return out
	}
	slices.SortStableFunc(leaves, func(a, b item) int { return int(min(a.weight, 1<<32)) - int(min(b.weight, 1<<32)) })
	lists := make([][]item, limit)
	for level := range limit {
		list := make([]item, 0, 2*len(leaves))
		var before []item
		if level > 0 {
			before = lists[level-1]
		}
		l, p := 0, 0
		for l < len(leaves) || p+1 < len(before) {
			if p+1 >= len(before) || l < len(leaves) && leaves[l].weight <= before[p].weight+before[p+1].weight {
				list = append(list, leaves[l])
				l++
			} else {
				list = append(list, item{before[p].weight + before[p+1].weight, -1, p})
				p += 2
			}
		}
		lists[level] = list
	}
	take := 2*len(leaves) - 2 // of the last list; what packages hold is a beginning of the list before
	for level := limit - 1; level >= 0; level-- {
		next := 0
		for _, it := range lists[level][:take] {
			if it.leaf >= 0 {
				out[it.leaf]++
			} else {
				next = it.pair + 2
			}
		}
		take = next
	}
	return out
}

// codes are the canonical code of RFC 1951, 3.2.2, for the lengths, each with its bits in the order of the stream.
func codes(lengths []uint8) []uint16 {
	var count, next [17]int
	for _, n := range lengths {
		count[n]++
	}
	count[0] = 0
	for n := 1; n <= 16; n++ {
		next[n] = (next[n-1] + count[n-1]) << 1
	}
	out := make([]uint16, len(lengths))
	for s, n := range lengths {
		if n > 0 {
			out[s] = bits.Reverse16(uint16(next[n])) >> (16 - n)
			next[n]++
		}
	}
	return out
}

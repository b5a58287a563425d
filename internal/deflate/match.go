package deflate

import (
	"encoding/binary"
	"math/bits"
)

const (
	minMatch = 3
	maxMatch = 258
	nice     = 130 // a match of this length is taken, and nothing sought within it
	deepest  = 128 // nodes of a tree that are visited for a position at the utmost effort
	perByte  = 6   // matches that are remembered of a position: memory is bounded by it

	hash3Bits = 15
	hash4Bits = 16
	mask      = window - 1

	padding = maxMatch + 8 // bytes that may be read from any position on
)

// room holds what lies before a segment, the segment, and the padding. Its size is a power of two for the sake of the compiler, which then knows
// that an index modulo size is within.
type room [size + 8]byte

const size = 1 << 20

func (r *room) four(at uint) uint32  { at %= size; return binary.LittleEndian.Uint32(r[at : at+8]) }
func (r *room) eight(at uint) uint64 { at %= size; return binary.LittleEndian.Uint64(r[at : at+8]) }

// match is the nearest place of a text of that length: length<<20 | code of the distance<<15 | distance-1. The code is kept because
// every parse asks for its cost.
type match uint32

func newMatch(length, distance uint) match {
	return match(length)<<20 | match(distanceSymbol(int(distance)).code)<<15 | match(distance-1)
}

func (m match) length() int   { return int(m >> 20) }
func (m match) code() int     { return int(m >> 15 & 31) }
func (m match) distance() int { return int(m&mask) + 1 }

// cut is the match with a lesser length.
func (m match) cut(length int) match { return m&(1<<20-1) | match(length)<<20 }

// finder finds matches. The positions of the last 32 KiB lie in binary trees, one for each hash of four bytes, sorted by the text
// that begins there, with later positions above earlier ones: on the way to its own place a text meets its nearest matches of each length.
//
// Positions are kept modulo 2^16, so that the tables fit into a processor's cache: one that is window or more behind counts as none. What
// tables hold is renewed before it is 2^16 behind, when it would look near again.
type finder struct {
	depth int // nodes of a tree that are visited for a position
	hash3 [1 << hash3Bits]uint16
	hash4 [1 << hash4Bits]uint16
	child [2 * window]uint16 // of position p: 2*p modulo 2*window, the lesser texts, and the greater ones
}

// renew returns the position node, or none if it is window or more behind pos.
func renew(pos, node uint16) uint16 {
	if pos-node-1 >= window-1 {
		return none(pos)
	}
	return node
}

// none is no position, for window positions after pos.
func none(pos uint16) uint16 { return pos - window }

// sweep renews the heads; children are written anew every window positions.
func (f *finder) sweep(pos uint16) {
	for i, p := range f.hash3 {
		f.hash3[i] = renew(pos, p)
	}
	for i, p := range f.hash4 {
		f.hash4[i] = renew(pos, p)
	}
}

func (f *finder) reset() {
	for i := range f.hash3 {
		f.hash3[i] = none(0)
	}
	for i := range f.hash4 {
		f.hash4[i] = none(0)
	}
}

// advance takes position at of the text in, and puts its matches into found by length: none shorter or farther than another. It returns how
// many there are. They may reach into the padding. Positions must be given one after the other from 0 on; what is found of one that is only taken in
// (found is nil) is forgotten.
func (f *finder) advance(text *room, at uint, found *matches) int {
	pos := uint16(at)
	if pos%window == 0 {
		f.sweep(pos)
	}
	four := text.four(at)
	h3, h4 := (four<<8)*0x9E3779B1>>(32-hash3Bits), four*0x9E3779B1>>(32-hash4Bits)
	near, age := pos-f.hash3[h3], pos-f.hash4[h4]
	f.hash3[h3], f.hash4[h4] = pos, pos
	if found == nil {
		return f.descend(text, at, uint(age), nil, padding, 0)
	}
	n := 0
	if near < window && (text.four(at-uint(near))^four)<<8 == 0 {
		found[0] = newMatch(3, uint(near))
		n = 1
	}
	return f.descend(text, at, uint(age), found, minMatch, n)
}

// matches are those of a position.
type matches [deepest + 1]match

// descend makes at the root of its tree, whose root was age behind: what is below the old root is parted into lesser and greater texts.
// It adds matches longer than best to the n found ones, and returns how many there are.
func (f *finder) descend(text *room, at, age uint, found *matches, best uint, n int) int {
	pos := uint16(at)
	less, more := 2*pos, 2*pos+1
	var sameLess, sameMore uint // bytes that the nearest lesser and greater text begin with too
	for left := f.depth; age < window && left > 0; left-- {
		same := min(sameLess, sameMore)
		other := at - age
		for same < maxMatch {
			if x := text.eight(at+same) ^ text.eight(other+same); x != 0 {
				same += uint(bits.TrailingZeros64(x)) / 8
				break
			}
			same += 8
		}
		if same > best {
			best = same
			found[n] = newMatch(min(same, maxMatch), age)
			n++
		}
		node := uint16(other)
		if same >= nice {
			f.child[less], f.child[more] = renew(pos, f.child[2*node]), renew(pos, f.child[2*node+1])
			return n
		}
		if text[(other+same)%size] < text[(at+same)%size] {
			f.child[less] = node
			less = 2*node + 1
			age = uint(pos - f.child[less])
			sameLess = same
		} else {
			f.child[more] = node
			more = 2 * node
			age = uint(pos - f.child[more])
			sameMore = same
		}
	}
	f.child[less], f.child[more] = none(pos), none(pos)
	return n
}

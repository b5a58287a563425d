package deflate

import (
	"encoding/binary"
	"math/bits"
)

const (
	minMatch = 3
	maxMatch = 258
	nice     = 130 // a match of this length is taken, and nothing sought within it
	depth    = 32  // nodes of a tree that are visited for a position
	perByte  = 12  // matches that are remembered of a position: memory is bounded by it

	hash3Bits = 15
	hash4Bits = 16
	mask      = window - 1
)

// match is the nearest place of a text of that length: length<<16 | distance.
type match uint32

func (m match) length() int   { return int(m >> 16) }
func (m match) distance() int { return int(m & 0xffff) }

// finder finds matches. The positions of the last 32 KiB lie in binary trees, one for each hash of four bytes, sorted by the text
// that begins there, with later positions above earlier ones: on the way to its own place a text meets its nearest matches of each length.
type finder struct {
	hash3 [1 << hash3Bits]int32
	hash4 [1 << hash4Bits]int32
	child [2 * window]int32 // of position p: 2*(p&mask), the lesser texts, and the greater ones
}

func (f *finder) reset() {
	for i := range f.hash3 {
		f.hash3[i] = -1
	}
	for i := range f.hash4 {
		f.hash4[i] = -1
	}
}

// advance takes position at of buf in, and appends its matches to found, by length: none shorter or farther than another.
func (f *finder) advance(buf []byte, at int, found []match, want bool) []match {
	longest := min(maxMatch, len(buf)-at)
	if longest < 4 {
		return found
	}
	four := binary.LittleEndian.Uint32(buf[at:])
	h3, h4 := (four<<8)*0x9E3779B1>>(32-hash3Bits), four*0x9E3779B1>>(32-hash4Bits)
	best := minMatch - 1
	oldest := int32(max(at-window, -1)) // at or before it nothing counts
	if p := f.hash3[h3]; want && p > oldest && buf[p] == buf[at] && buf[p+1] == buf[at+1] && buf[p+2] == buf[at+2] {
		best = 3
		found = append(found, match(3<<16|(at-int(p))))
	}
	f.hash3[h3] = int32(at)
	node := f.hash4[h4]
	f.hash4[h4] = int32(at)
	return f.descend(buf, at, node, oldest, best, longest, found, want)
}

// descend makes at the root of its tree: what is below the old root is parted into lesser and greater texts.
func (f *finder) descend(buf []byte, at int, node, oldest int32, best, longest int, found []match, want bool) []match {
	less, more := 2*(at&mask), 2*(at&mask)+1
	lessLen, moreLen, n := 0, 0, 0
	enough := min(nice, longest)
	text := buf[at : at+longest]
	start := len(found)
	for left := depth; node > oldest && left > 0; left-- {
		other := buf[node : int(node)+longest]
		children := 2 * (int(node) & mask)
		if other[n] == text[n] {
			n = common(text, other, n+1)
			if n > best && want {
				best = n
				if len(found)-start == perByte { // longer ones matter more
					copy(found[start:], found[start+1:])
					found = found[:len(found)-1]
				}
				found = append(found, match(n<<16|(at-int(node))))
			}
			if n >= enough {
				f.child[less], f.child[more] = f.child[children], f.child[children+1]
				return found
			}
		}
		if other[n] < text[n] {
			f.child[less] = node
			less = children + 1
			node = f.child[less]
			lessLen = n
			n = min(n, moreLen)
		} else {
			f.child[more] = node
			more = children
			node = f.child[more]
			moreLen = n
			n = min(n, lessLen)
		}
	}
	f.child[less], f.child[more] = -1, -1
	return found
}

// common counts how many bytes are equal, given that the first n are.
func common(a, b []byte, n int) int {
	b = b[:len(a)]
	for ; n+8 <= len(a); n += 8 {
		if x := binary.LittleEndian.Uint64(a[n:]) ^ binary.LittleEndian.Uint64(b[n:]); x != 0 {
			return n + bits.TrailingZeros64(x)/8
		}
	}
	for n < len(a) && a[n] == b[n] {
		n++
	}
	return n
}

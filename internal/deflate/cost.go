package deflate

import (
	"math"
	"math/bits"
	"slices"
)

// Symbols of RFC 1951, 3.2.5.
const (
	literals   = 286 // bytes, the end of a block and lengths
	distances  = 30
	endOfBlock = 256
)

// symbol is how a length or a distance is written: its code, and how many further bits.
type symbol struct {
	code  uint16
	extra uint8
	base  uint16
}

var (
	lengthSymbols   [maxMatch + 1]symbol
	distanceSymbols [512]symbol // of distances up to 256, and of larger ones by (d-1)>>7
)

func init() {
	code, base := 257, minMatch
	for ; code < 285; code++ {
		extra := max(0, (code-261)/4)
		for n := range 1 << extra {
			if base+n < maxMatch {
				lengthSymbols[base+n] = symbol{uint16(code), uint8(extra), uint16(base)}
			}
		}
		base += 1 << extra
	}
	lengthSymbols[maxMatch] = symbol{285, 0, maxMatch}
	base = 1
	for code := range distances {
		extra := max(0, code/2-1)
		for d := base; d < base+1<<extra && d <= window; d++ {
			s := symbol{uint16(code), uint8(extra), uint16(base)}
			if d <= 256 {
				distanceSymbols[d-1] = s
			} else {
				distanceSymbols[256+(d-1)>>7] = s
			}
		}
		base += 1 << extra
	}
}

func distanceSymbol(d int) symbol {
	if d <= 256 {
		return distanceSymbols[d-1]
	}
	return distanceSymbols[256+(d-1)>>7]
}

// histogram counts the symbols of a block.
type histogram struct {
	literal  [literals]uint32
	distance [distances]uint32
}

// add counts a token n times more.
func (h *histogram) add(t token, n uint32) {
	if t.length() == 1 {
		h.literal[t.literal()] += n
		return
	}
	h.literal[lengthSymbols[t.length()].code] += n
	h.distance[match(t).code()] += n
}

// costs are what symbols cost, in units of 1/unit bits, further bits included.
type costs struct {
	literal  [256]uint32
	length   [maxMatch + 1]uint32 // what is more than least
	least    uint32               // what the cheapest length costs
	distance [distances]uint32
}

const unit = 64

// set makes the costs those of a histogram, as if a symbol took as many bits as its probability says.
func (c *costs) set(h *histogram) {
	var all, far uint32
	for _, n := range h.literal {
		all += n
	}
	for _, n := range h.distance {
		far += n
	}
	for b := range c.literal {
		c.literal[b] = price(h.literal[b], all)
	}
	for n := minMatch; n <= maxMatch; n++ {
		s := lengthSymbols[n]
		c.length[n] = price(h.literal[s.code], all) + uint32(s.extra)*unit
	}
	c.level()
	for d := range c.distance {
		c.distance[d] = price(h.distance[d], far) + uint32(max(0, d/2-1))*unit
	}
}

// level takes the least cost out of those of lengths.
func (c *costs) level() {
	c.least = slices.Min(c.length[minMatch:])
	for n := range c.length[minMatch:] {
		c.length[minMatch+n] -= c.least
	}
}

// price is what a symbol costs that is n of all; one that was not seen costs a little more than one that was seen once.
func price(n, all uint32) uint32 {
	total := log2(all + 1)
	if n == 0 {
		return total + unit
	}
	return max(total-log2(n), unit/2)
}

// log2 is the binary logarithm in units.
func log2(n uint32) uint32 {
	if n < uint32(len(logs)) {
		return uint32(logs[n])
	}
	shift := bits.Len32(n) - 12
	return uint32(shift)*unit + uint32(logs[n>>shift])
}

var logs = func() (t [4096]uint16) {
	for n := 1; n < len(t); n++ {
		t[n] = uint16(math.Round(math.Log2(float64(n)) * unit))
	}
	return t
}()

// guess makes the costs those of any data whose bytes are so often: a first parse needs some.
func (c *costs) guess(b []byte) {
	var h histogram
	for _, x := range b {
		h.literal[x]++
	}
	c.set(&h)
	for i := range c.literal {
		c.literal[i] = min(c.literal[i], 12*unit)
	}
	for n := minMatch; n <= maxMatch; n++ {
		c.length[n] = 5*unit + uint32(lengthSymbols[n].extra)*unit + min(uint32(n), 16)*unit/8
	}
	c.level()
	for d := range c.distance {
		c.distance[d] = 5*unit + uint32(max(0, d/2-1))*unit
	}
}

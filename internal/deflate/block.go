package deflate

import "encoding/binary"

// bitWriter writes blocks.
type bitWriter struct {
	out    []byte
	bits   uint64
	n      uint // of bits
	merger merger
	own    code // of the block at hand
	even   code // of it, by counts that are made even
}

// reset has what is written next appended to out.
func (w *bitWriter) reset(out []byte) { w.out, w.bits, w.n = out, 0, 0 }

func (w *bitWriter) put(v uint64, n uint) {
	w.bits |= v << w.n
	if w.n += n; w.n >= 32 {
		w.out = binary.LittleEndian.AppendUint32(w.out, uint32(w.bits))
		w.bits >>= 32
		w.n -= 32
	}
}

// finish returns what was written, to a byte's end.
func (w *bitWriter) finish() []byte {
	for ; w.n > 0; w.n -= min(8, w.n) {
		w.out = append(w.out, byte(w.bits))
		w.bits >>= 8
	}
	return w.out
}

// block writes one block in the shortest of the three forms.
func (w *bitWriter) block(tokens []token, h *histogram, text []byte, last bool) {
	h.literal[endOfBlock] = 1
	own, even := &w.own, *h
	dynamic := own.make(&w.merger, h, h)
	smooth(even.literal[:])
	smooth(even.distance[:])
	if n := w.even.make(&w.merger, &even, h); n < dynamic {
		own, dynamic = &w.even, n
	}
	fixed, plain := fixedCode.size(h), (len(text)+5*(1+len(text)/maxStored))*8
	switch {
	case plain < min(dynamic, fixed):
		w.stored(text, last)
		return
	case fixed <= dynamic:
		own = fixedCode
		w.begin(1, last)
	default:
		w.begin(2, last)
		own.header.write(w)
	}
	for _, t := range tokens {
		own.write(w, t)
	}
	w.put(uint64(own.literalCodes[endOfBlock]), uint(own.literals[endOfBlock]))
}

func (w *bitWriter) begin(kind uint64, last bool) {
	if last {
		w.put(1, 1)
	} else {
		w.put(0, 1)
	}
	w.put(kind, 2)
}

const maxStored = 65535 // RFC 1951, 3.2.4

func (w *bitWriter) stored(text []byte, last bool) {
	for first := true; first || len(text) > 0; first = false {
		n := min(len(text), maxStored)
		w.begin(0, last && n == len(text))
		w.finish()
		w.bits = 0
		w.out = binary.LittleEndian.AppendUint16(w.out, uint16(n))
		w.out = binary.LittleEndian.AppendUint16(w.out, ^uint16(n))
		w.out = append(w.out, text[:n]...)
		text = text[n:]
	}
}

// code is what symbols are written as.
type code struct {
	literals      [literals + 2]uint8 // lengths; the two more are in the fixed code and in no stream
	distances     [distances]uint8
	literalCodes  [literals + 2]uint16
	distanceCodes [distances]uint16
	header        header
}

// make makes the code that is best for what of counts, and returns how many bits it and a block of h take.
func (c *code) make(m *merger, of, h *histogram) int {
	m.lengths(c.literals[:literals], of.literal[:], 15)
	m.lengths(c.distances[:], of.distance[:], 15)
	c.complete(m)
	return c.size(h) + c.header.size()
}

// complete makes all else of the lengths.
func (c *code) complete(m *merger) {
	codes(c.literalCodes[:], c.literals[:])
	codes(c.distanceCodes[:], c.distances[:])
	c.header.make(m, c.literals[:literals], c.distances[:])
}

// fixedCode is that of RFC 1951, 3.2.6.
var fixedCode = func() *code {
	c := new(code)
	for s := range c.literals {
		switch {
		case s < 144, s >= 280:
			c.literals[s] = 8
		case s < 256:
			c.literals[s] = 9
		default:
			c.literals[s] = 7
		}
	}
	for s := range c.distances {
		c.distances[s] = 5
	}
	c.complete(new(merger))
	return c
}()

// size is how many bits the symbols of a block take.
func (c *code) size(h *histogram) int {
	n := 0
	for s, k := range h.literal {
		extra := 0
		if s >= 265 && s < 285 {
			extra = (s - 261) / 4
		}
		n += int(k) * (int(c.literals[s]) + extra)
	}
	for s, k := range h.distance {
		n += int(k) * (int(c.distances[s]) + max(0, s/2-1))
	}
	return n + 3
}

func (c *code) write(w *bitWriter, t token) {
	if t.length() == 1 {
		w.put(uint64(c.literalCodes[t.literal()]), uint(c.literals[t.literal()]))
		return
	}
	s := lengthSymbols[t.length()]
	w.put(uint64(c.literalCodes[s.code])|uint64(t.length()-int(s.base))<<c.literals[s.code], uint(c.literals[s.code])+uint(s.extra))
	distance := match(t).distance()
	s = distanceSymbol(distance)
	w.put(uint64(c.distanceCodes[s.code])|uint64(distance-int(s.base))<<c.distances[s.code], uint(c.distances[s.code])+uint(s.extra))
}

// header tells the code of a block (RFC 1951, 3.2.7).
type header struct {
	literals, distances int
	runs                []run
	lengths             [19]uint8 // of the code that the runs are written in
	codes               [19]uint16
	count               int // of lengths that are written
}

// run is a symbol of the code of code lengths with its further bits.
type run struct {
	symbol, value, extra uint8
}

var lengthOrder = [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

func (h *header) make(m *merger, lit, dist []uint8) {
	h.literals, h.distances, h.runs = trimmed(lit, 257), trimmed(dist, 1), h.runs[:0]
	var room [literals + distances]uint8
	all := append(append(room[:0], lit[:h.literals]...), dist[:h.distances]...)
	var counts [19]uint32
	for i := 0; i < len(all); {
		n := 1
		for i+n < len(all) && all[i+n] == all[i] {
			n++
		}
		i += n
		h.runs = appendRuns(h.runs, all[i-1], n)
	}
	for _, r := range h.runs {
		counts[r.symbol]++
	}
	m.lengths(h.lengths[:], counts[:], 7)
	codes(h.codes[:], h.lengths[:])
	for h.count = 19; h.count > 4 && h.lengths[lengthOrder[h.count-1]] == 0; h.count-- {
	}
}

// trimmed is how many lengths are left once zeros at the end are gone.
func trimmed(l []uint8, least int) int {
	n := min(len(l), 286)
	for n > least && l[n-1] == 0 {
		n--
	}
	return n
}

// appendRuns writes n equal lengths.
func appendRuns(runs []run, length uint8, n int) []run {
	if length == 0 {
		for n >= 11 {
			k := min(n, 138)
			runs, n = append(runs, run{18, uint8(k - 11), 7}), n-k
		}
		if n >= 3 {
			return append(runs, run{17, uint8(n - 3), 3})
		}
	} else {
		runs, n = append(runs, run{symbol: length}), n-1
		for n >= 3 {
			k := min(n, 6)
			if n-k == 1 || n-k == 2 { // 4 and 3 instead of 6 and 1
				k = max(3, n-3)
				if k > 6 {
					k = 6
				}
			}
			runs, n = append(runs, run{16, uint8(k - 3), 2}), n-k
		}
	}
	for range n {
		runs = append(runs, run{symbol: length})
	}
	return runs
}

func (h *header) size() int {
	n := 14 + 3*h.count
	for _, r := range h.runs {
		n += int(h.lengths[r.symbol]) + int(r.extra)
	}
	return n
}

func (h *header) write(w *bitWriter) {
	w.put(uint64(h.literals-257), 5)
	w.put(uint64(h.distances-1), 5)
	w.put(uint64(h.count-4), 4)
	for _, s := range lengthOrder[:h.count] {
		w.put(uint64(h.lengths[s]), 3)
	}
	for _, r := range h.runs {
		w.put(uint64(h.codes[r.symbol]), uint(h.lengths[r.symbol]))
		w.put(uint64(r.value), uint(r.extra))
	}
}

package deflate

// block is a run of tokens that share a code.
type block struct {
	tokens    int
	bytes     int
	histogram histogram
}

// add counts a token n times more; ^0 is once less.
func (b *block) add(t token, n uint32) {
	b.bytes += int(int32(n)) * t.length()
	b.histogram.add(t, n)
}

const (
	grain    = 384           // tokens: blocks end near multiples of it
	fine     = grain / 6     // tokens: how near is tried in steps of it
	perBlock = 72 * 8 * unit // what the code of a block costs, about

	// enough is how much more than the best a block may cost before none that begins earlier is tried. Parted anywhere, tokens never cost
	// more than together, but for one code more: so all of those cost more than the best too. Twice that allows for rounding.
	enough = 2 * perBlock
)

// splitter splits. What it needs is used again the next time.
type splitter struct {
	grains, blocks []block
	best           []uint64 // what the tokens up to a grain cost at least
	begin          []int    // where the last block of these begins
}

// split parts tokens into the blocks that cost least: for every place where a block may end, the best place for it to begin.
// They are good until the next call.
func (s *splitter) split(tokens []token) []block {
	grains := s.grains[:0]
	for at := 0; at < len(tokens); at += grain {
		b := block{tokens: min(grain, len(tokens)-at)}
		for _, t := range tokens[at : at+b.tokens] {
			b.add(t, 1)
		}
		grains = append(grains, b)
	}
	best, begin := append(s.best[:0], 0), append(s.begin[:0], 0)
	for end := 1; end <= len(grains); end++ {
		best, begin = append(best, ^uint64(0)), append(begin, 0)
		var sum histogram
		for from := end - 1; from >= 0; from-- {
			sum.merge(&grains[from].histogram)
			cost := best[from] + sum.bits() + perBlock
			if cost < best[end] {
				best[end], begin[end] = cost, from
			} else if cost >= best[end]+enough {
				break
			}
		}
	}
	blocks := s.blocks[:0]
	for end := len(grains); end > 0; end = begin[end] {
		var b block
		for _, g := range grains[begin[end]:end] {
			b.tokens += g.tokens
			b.bytes += g.bytes
			b.histogram.merge(&g.histogram)
		}
		blocks = append(blocks, b)
	}
	for i, j := 0, len(blocks)-1; i < j; i, j = i+1, j-1 {
		blocks[i], blocks[j] = blocks[j], blocks[i]
	}
	s.grains, s.blocks, s.best, s.begin = grains, blocks, best, begin
	refine(tokens, blocks)
	return blocks
}

// refine moves the end of each block by less than a grain to where it and the next one cost least. That gains 0.3 %; grains as fine as that
// would gain less, and their number counts twice.
func refine(tokens []token, blocks []block) {
	for i := 1; i < len(blocks); i++ {
		a, b := &blocks[i-1], &blocks[i]
		both := tokens[:a.tokens+b.tokens]
		from, to := max(fine, a.tokens-grain+fine), min(len(both)-fine, a.tokens+grain-fine)
		best, at := a.histogram.bits()+b.histogram.bits(), a.tokens
		for move(both, a, b, from); a.tokens < to; move(both, a, b, min(a.tokens+fine, to)) {
			if cost := a.histogram.bits() + b.histogram.bits(); cost < best {
				best, at = cost, a.tokens
			}
		}
		move(both, a, b, at)
		tokens = tokens[a.tokens:]
	}
}

// move makes the tokens of two blocks so that the first has n of them.
func move(tokens []token, a, b *block, n int) {
	for ; a.tokens < n; a.tokens++ {
		a.add(tokens[a.tokens], 1)
		b.add(tokens[a.tokens], ^uint32(0))
		b.tokens--
	}
	for ; a.tokens > n; b.tokens++ {
		a.tokens--
		a.add(tokens[a.tokens], ^uint32(0))
		b.add(tokens[a.tokens], 1)
	}
}

func (h *histogram) merge(o *histogram) {
	for i, n := range o.literal {
		h.literal[i] += n
	}
	for i, n := range o.distance {
		h.distance[i] += n
	}
}

// bits is what the symbols cost, in units, by their probabilities; further bits, which any code has, left out.
func (h *histogram) bits() uint64 { return entropy(h.literal[:]) + entropy(h.distance[:]) }

func entropy(counts []uint32) uint64 {
	var all uint32
	var sum uint64
	for _, n := range counts {
		if n > 0 {
			all += n
			sum += uint64(n) * uint64(log2(n))
		}
	}
	return uint64(all)*uint64(log2(all)) - sum
}

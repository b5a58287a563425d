package deflate

// token is a literal, or a match.
type token uint32

func (t token) length() int   { return match(t).length() }
func (t token) literal() byte { return byte(t) }

// piece is how many bytes are parsed at a time: what is remembered of each fits into memory.
const piece = 128 << 10

// compressor compresses segments, one after the other.
type compressor struct {
	finder  finder
	matches [piece*perByte + deepest + 1]match // of all positions of the piece
	first   [piece + 1]int32                   // where those of each position begin, and of the one after the last
	cheap   [piece + 1]uint32                  // what the cheapest way from a position to the end of the block costs
	step    [piece]token                       // its first token
	parses  int
	every   bool // whether every length of a match is tried
	tokens  []token
	before  []token // room for the next ones
	costs   costs
	splitter
	out bitWriter
}

// compress appends what lies between from and to, which is followed by padding, to out, as whole blocks that end at a byte.
func (c *compressor) compress(out []byte, text *room, from, to int, last bool) []byte {
	c.out.reset(out)
	c.finder.reset()
	clear(text[to : to+padding])
	for at := range from {
		c.finder.advance(text, uint(at), nil)
	}
	if from < to {
		c.costs.guess(text[from:min(from+piece, to)])
	} else if last {
		c.out.stored(nil, true)
	}
	for ; from < to; from += piece {
		end := min(from+piece, to)
		c.find(text, from, end)
		c.write(text[from:end], last && end == to)
	}
	if !last {
		c.out.stored(nil, false) // empty: the next segment begins at a byte
	}
	return c.out.finish()
}

// find remembers the matches of every position of a piece.
func (c *compressor) find(text *room, from, to int) {
	all := 0
	within := 0 // a long match
	for at := from; at < to; at++ {
		c.first[at-from] = int32(all)
		if within > 0 {
			within--
			c.finder.advance(text, uint(at), nil)
			continue
		}
		found := (*matches)(c.matches[all:])
		n := c.finder.advance(text, uint(at), found)
		if n == 0 {
			continue
		}
		if n > perByte { // longer ones matter more
			n = copy(found[:], found[n-perByte:n])
		}
		all += n
		if long := found[n-1].length(); long >= nice {
			within = long - 1
		}
	}
	c.first[to-from] = int32(all)
}

// write writes a piece. It is parsed several times: with the costs of what came before, which tells where blocks end and what they cost, and
// with those. A second time gains 0.3 %, a third 0.1 %, a fourth 0.05 %.
func (c *compressor) write(text []byte, last bool) {
	c.every = false
	c.tokens = c.parse(text, 0, len(text), c.tokens[:0])
	for n := range c.parses - 1 {
		c.every = n == c.parses-2
		again, at := c.before[:0], 0
		for _, b := range c.split(c.tokens) {
			c.costs.set(&b.histogram)
			again = c.parse(text, at, at+b.bytes, again)
			at += b.bytes
		}
		c.tokens, c.before = again, c.tokens
	}
	tokens := c.tokens
	blocks := c.split(tokens)
	var sum histogram
	for i, b := range blocks {
		sum.merge(&b.histogram)
		c.out.block(tokens[:b.tokens], &b.histogram, text[:b.bytes], last && i == len(blocks)-1)
		tokens, text = tokens[b.tokens:], text[b.bytes:]
	}
	c.costs.set(&sum)
}

// parse appends the cheapest tokens for a part of the text, which tokens do not leave.
func (c *compressor) parse(text []byte, from, to int, tokens []token) []token {
	c.cheap[to] = 0
	next := c.first[to]
	for at := to - 1; at >= from; at-- {
		best, step := c.cheap[at+1]+c.costs.literal[text[at]], token(1<<20|int(text[at]))
		if first := c.first[at]; first < next {
			best, step = c.cheapest(c.matches[first:next], c.cheap[at:to+1], best, step)
			next = first
		}
		c.cheap[at], c.step[at] = best, step
	}
	for at := from; at < to; {
		t := c.step[at]
		tokens = append(tokens, t)
		at += t.length()
	}
	return tokens
}

// cheapest returns the cheapest way from a position with these matches, or the given one. cheap is what it costs from there and from the
// positions after it on. To go less far costs more as a rule: a match is tried at its full length, then shorter and shorter, until what
// follows costs too much already. The last time every length is tried, which gains 0.2 %.
func (c *compressor) cheapest(matches []match, cheap []uint32, best uint32, step token) (uint32, token) {
	for i := len(matches) - 1; i >= 0; i-- {
		m := matches[i]
		far := c.costs.distance[m.code()] + c.costs.least
		n, least := min(m.length(), len(cheap)-1), minMatch
		if i > 0 {
			least = matches[i-1].length() + 1 // up to there the nearer one does
		}
		if n >= nice { // a long match is taken as it is
			least = max(least, n)
		}
		for ; n >= least && (c.every || cheap[n]+far < best); n-- {
			if cost := cheap[n] + far + c.costs.length[n]; cost < best {
				best, step = cost, token(m.cut(n))
			}
		}
	}
	return best, step
}

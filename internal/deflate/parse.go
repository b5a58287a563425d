package deflate

// token is a literal, or a match: length<<16 | byte or distance.
type token uint32

func (t token) length() int   { return int(t >> 16) }
func (t token) literal() byte { return byte(t) }
func (t token) distance() int { return int(t & 0xffff) }

// compressor compresses segments, one after the other.
type compressor struct {
	finder  finder
	matches []match // of all positions of the segment
	first   []int32 // where those of each position begin, and of the one after the last
	cheap   []uint32
	step    []token // the first token of the cheapest way from a position to the end of the block
	tokens  []token
	costs   costs
	out     bitWriter
}

func newCompressor() *compressor {
	return &compressor{first: make([]int32, segment+1), cheap: make([]uint32, segment+1), step: make([]token, segment)}
}

// rounds is how often the blocks of a segment are parsed with costs from their last parse. A third gains 0.1 %.
const rounds = 2

// compress returns what follows the first past bytes of buf as whole blocks that end at a byte.
func (c *compressor) compress(buf []byte, past int, last bool) []byte {
	c.out.reset()
	text := buf[past:]
	c.find(buf, past)
	c.costs.guess(text)
	c.tokens = c.parse(text, 0, len(text), c.tokens[:0])
	blocks := split(c.tokens)
	for range rounds {
		tokens := make([]token, 0, len(c.tokens))
		at := 0
		for _, b := range blocks {
			c.costs.set(&b.histogram)
			tokens = c.parse(text, at, at+b.bytes, tokens)
			at += b.bytes
		}
		c.tokens = tokens
		blocks = split(c.tokens)
	}
	at, n := 0, 0
	for i, b := range blocks {
		c.out.block(c.tokens[n:n+b.tokens], &b.histogram, text[at:at+b.bytes], last && i == len(blocks)-1)
		at, n = at+b.bytes, n+b.tokens
	}
	if last && len(blocks) == 0 {
		c.out.stored(nil, true)
	}
	if !last {
		c.out.stored(nil, false) // empty: the next segment begins at a byte
	}
	return c.out.finish()
}

// find remembers the matches of every position.
func (c *compressor) find(buf []byte, past int) {
	f := &c.finder
	f.reset()
	for at := range past {
		f.advance(buf, at, nil, false)
	}
	c.matches = c.matches[:0]
	within := 0 // a long match
	for at := past; at < len(buf); at++ {
		c.first[at-past] = int32(len(c.matches))
		if within > 0 {
			within--
			f.advance(buf, at, nil, false)
			continue
		}
		c.matches = f.advance(buf, at, c.matches, true)
		if n := len(c.matches); n > int(c.first[at-past]) && c.matches[n-1].length() >= nice {
			within = c.matches[n-1].length() - 1
		}
	}
	c.first[len(buf)-past] = int32(len(c.matches))
}

// parse appends the cheapest tokens for a part of the text, which tokens do not leave.
func (c *compressor) parse(text []byte, from, to int, tokens []token) []token {
	c.cheap[to] = 0
	for at := to - 1; at >= from; at-- {
		best := c.cheap[at+1] + c.costs.literal[text[at]]
		step := token(1<<16 | int(text[at]))
		n := minMatch
		for _, m := range c.matches[c.first[at]:c.first[at+1]] {
			far := c.costs.distance[distanceSymbol(m.distance()).code]
			end := min(m.length(), to-at)
			if end >= nice { // a long match is taken as it is
				n = max(n, end)
			}
			cheap, length := c.cheap[at:at+end+1], c.costs.length[:end+1]
			for ; n < len(cheap) && n < len(length); n++ {
				if cost := cheap[n] + length[n] + far; cost < best {
					best, step = cost, token(n<<16|m.distance())
				}
			}
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

package dockerfile

import (
	"bytes"
	"regexp"
	"unicode"
)

// A line is a physical line of the source.
type line struct {
	start int // first byte
	end   int // after the last byte that is not a line end; BuildKit drops any run of \r and \n
	next  int // first byte of the next line
}

var bom = []byte{0xEF, 0xBB, 0xBF}

// splitLines cuts the source as BuildKit's scanner does: at each \n.
func splitLines(src []byte) []line {
	var lines []line
	for at := 0; at < len(src); {
		next := len(src)
		if n := bytes.IndexByte(src[at:], '\n'); n >= 0 {
			next = at + n + 1
		}
		lines = append(lines, line{at, at + len(bytes.TrimRight(src[at:next], "\r\n")), next})
		at = next
	}
	return lines
}

// Patterns of a line continuation, the same as in BuildKit's parser, where
// they are built by directives.setEscapeToken.
var continuation = map[byte]*regexp.Regexp{
	'\\': regexp.MustCompile(`([^\\])\\[ \t]*$|^\\[ \t]*$`),
	'`':  regexp.MustCompile("([^\\`])\\`[ \\t]*$|^\\`[ \\t]*$"),
}

// cutContinuation returns how many bytes of the line belong to the
// instruction, and whether the instruction goes on.
func cutContinuation(b []byte, escape byte) (int, bool) {
	m := continuation[escape].FindSubmatchIndex(b)
	switch {
	case m == nil:
		return len(b), false
	case m[3] >= 0:
		return m[3], true
	default:
		return m[0], true
	}
}

func isComment(b []byte) bool {
	b = bytes.TrimLeftFunc(b, unicode.IsSpace)
	return len(b) > 0 && b[0] == '#'
}

func isBlank(b []byte) bool { return len(bytes.TrimSpace(b)) == 0 }

// A piece is a stretch of an instruction's source that is not part of its text:
// a continuation with its newline, a comment or blank line within, indentation.
type piece struct {
	Range
	kind Kind
}

// A text is a string that was put together from stretches of the source.
type text struct {
	s    string
	segs []segment // ascending, the first at 0
	end  int       // source offset after the last byte
}

type segment struct{ at, src int } // offset in the text, offset in the source

func (t *text) add(src []byte, start, end int) {
	if start < end {
		t.segs = append(t.segs, segment{len(t.s), start})
		t.s += string(src[start:end])
	}
	t.end = end
}

// source maps an offset of the text to one of the source.
func (t text) source(at int) int {
	if at >= len(t.s) {
		return t.end
	}
	lo, hi := 0, len(t.segs)
	for lo+1 < hi {
		if mid := (lo + hi) / 2; t.segs[mid].at <= at {
			lo = mid
		} else {
			hi = mid
		}
	}
	return t.segs[lo].src + at - t.segs[lo].at
}

// span maps a stretch of the text to the source range from its first to its last byte.
func (t text) span(start, end int) Range {
	if start == end {
		at := t.source(start)
		return Range{at, at}
	}
	return Range{t.source(start), t.source(end-1) + 1}
}

// slice returns part of the text.
func (t text) slice(start, end int) text {
	out := text{s: t.s[start:end]}
	if start == end {
		out.end = t.source(start)
		return out
	}
	out.end = t.source(end-1) + 1
	out.segs = append(out.segs, segment{0, t.source(start)})
	for _, s := range t.segs {
		if s.at > start && s.at < end {
			out.segs = append(out.segs, segment{s.at - start, s.src})
		}
	}
	return out
}

// joints are the offsets at which the text was glued from two lines.
func (t text) joints() []int {
	var at []int
	for _, s := range t.segs {
		if s.at > 0 {
			at = append(at, s.at)
		}
	}
	return at
}

// join reads the logical line that starts at line n, as BuildKit does: it
// drops continuations and the comment and blank lines within. It returns the text, what
// it left out, and the line after it.
func join(src []byte, lines []line, n int, escape byte) (text, []piece, int) {
	var t text
	var left []piece
	drop := func(start, end int, k Kind) {
		if start < end {
			left = append(left, piece{Range{start, end}, k})
		}
	}
	l := lines[n]
	start := l.start
	if n == 0 && bytes.HasPrefix(src, bom) {
		drop(start, start+len(bom), KindBOM)
		start += len(bom)
	}
	indented := start
	start = l.end - len(bytes.TrimLeftFunc(src[start:l.end], unicode.IsSpace))
	drop(indented, start, KindSpace)
	cut, more := cutContinuation(src[start:l.end], escape)
	t.add(src, start, start+cut)
	end := start + cut
	for n++; more && n < len(lines); n++ {
		drop(end, l.next, KindContinuation)
		l = lines[n]
		b := src[l.start:l.end]
		switch {
		case isComment(src[l.start:l.next]):
			drop(l.start, l.end, KindComment)
			drop(l.end, l.next, KindNewline)
			end = l.next
			continue
		case isBlank(b):
			drop(l.start, l.next, KindBlank)
			end = l.next
			continue
		}
		cut, more = cutContinuation(b, escape)
		t.add(src, l.start, l.start+cut)
		end = l.start + cut
	}
	if more && end < l.next { // the file ends within the instruction
		drop(end, l.next, KindContinuation)
	}
	if len(t.segs) == 0 {
		t.end = end
	}
	return t, left, n
}

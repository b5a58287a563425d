package dockerfile

import (
	"bytes"
	"sort"
)

// A Kind says what a token is.
type Kind uint8

// The kinds of tokens.
const (
	KindBOM Kind = iota
	KindDirective
	KindComment
	KindBlank        // a line of white space only, with its newline
	KindNewline      // the end of any other line
	KindSpace        // between the words of an instruction
	KindKeyword      // the name of an instruction
	KindFlag         // a flag, or the part of it on one line
	KindWord         // an argument, or the part of it on one line
	KindPunctuation  // brackets and commas of a JSON form, a lone --
	KindContinuation // the escape at the end of a line, with what follows it
	KindHeredoc      // the lines of a here-document
	KindHeredocEnd   // the line that ends one
)

// A Token is a stretch of source of one kind.
type Token struct {
	Kind Kind
	Range
}

// Tokens cuts the source into tokens: every byte belongs to exactly one.
func (d *Document) Tokens() []Token {
	var out []Token
	n := 0 // line
	for _, i := range d.Instructions {
		for ; n < i.Line-1; n++ {
			out = d.lineTokens(out, n)
		}
		out = i.tokens(out)
		n = i.EndLine
	}
	for ; n < len(d.lines); n++ {
		out = d.lineTokens(out, n)
	}
	return out
}

func appendToken(out []Token, k Kind, start, end int) []Token {
	if start < end {
		out = append(out, Token{k, Range{start, end}})
	}
	return out
}

// lineTokens cuts a line outside of instructions.
func (d *Document) lineTokens(out []Token, n int) []Token {
	l := d.lines[n]
	start := l.start
	if n == 0 && bytes.HasPrefix(d.Source, bom) {
		out = appendToken(out, KindBOM, start, start+len(bom))
		start += len(bom)
	}
	switch b := d.Source[start:l.end]; {
	case d.directiveLines[n]:
		out = appendToken(out, KindDirective, start, l.end)
	case isComment(b):
		out = appendToken(out, KindComment, start, l.end)
	default:
		return appendToken(out, KindBlank, start, l.next)
	}
	return appendToken(out, KindNewline, l.end, l.next)
}

// tokens cuts the instruction: what was left out of its text, and its text by words.
func (i *Instruction) tokens(out []Token) []Token {
	first := len(out)
	for _, p := range i.pieces {
		out = appendToken(out, p.kind, p.Start, p.End)
	}
	for at, seg := range i.logical.segs {
		end := len(i.logical.s)
		if at+1 < len(i.logical.segs) {
			end = i.logical.segs[at+1].at
		}
		out = i.segmentTokens(out, seg.src, seg.src+end-seg.at)
	}
	last := i.EndLine
	if len(i.Heredocs) > 0 {
		last = sort.Search(len(i.doc.lines), func(n int) bool { return i.doc.lines[n].start >= i.Heredocs[0].Body.Start })
	}
	l := i.doc.lines[last-1]
	if !covered(out[first:], l.end) {
		out = appendToken(out, KindNewline, l.end, l.next)
	}
	for _, h := range i.Heredocs {
		n := sort.Search(len(i.doc.lines), func(n int) bool { return i.doc.lines[n].start >= h.End.Start })
		out = appendToken(out, KindHeredoc, h.Body.Start, h.Body.End)
		out = appendToken(out, KindHeredocEnd, h.End.Start, h.End.End)
		out = appendToken(out, KindNewline, h.End.End, i.doc.lines[n].next)
	}
	sort.SliceStable(out[first:], func(a, b int) bool { return out[first+a].Start < out[first+b].Start })
	return out
}

// covered reports whether a token holds the byte; a file may end within a continuation.
func covered(tokens []Token, at int) bool {
	for _, t := range tokens {
		if t.Start <= at && at < t.End {
			return true
		}
	}
	return false
}

// segmentTokens cuts a contiguous stretch of an instruction's text.
func (i *Instruction) segmentTokens(out []Token, start, end int) []Token {
	type part struct {
		Range
		kind Kind
	}
	parts := []part{{i.Keyword, KindKeyword}}
	for _, f := range i.Flags {
		parts = append(parts, part{f.Range, KindFlag})
	}
	for _, w := range i.Args {
		parts = append(parts, part{w.Range, KindWord})
	}
	at := start
	for _, p := range parts {
		from, to := max(p.Start, start), min(p.End, end)
		if from >= to {
			continue
		}
		out = i.gapTokens(out, at, from)
		out = appendToken(out, p.kind, from, to)
		at = to
	}
	return i.gapTokens(out, at, end)
}

// gapTokens cuts what lies between words into white space and punctuation.
func (i *Instruction) gapTokens(out []Token, start, end int) []Token {
	kind := func(at int) Kind {
		if bytes.IndexByte([]byte(" \t\v\f\r"), i.doc.Source[at]) >= 0 {
			return KindSpace
		}
		return KindPunctuation
	}
	for at := start; at < end; {
		k, from := kind(at), at
		for at < end && kind(at) == k {
			at++
		}
		out = appendToken(out, k, from, at)
	}
	return out
}

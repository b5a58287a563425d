package flow

import "bytes"

// token is a piece of a source: what a rough reading of Python and JavaScript needs to tell where a string stands.
type token struct {
	kind     byte // 'n' name, 's' string, '\n' the end of a line, else the sign itself
	from, to int  // in the source; of a string what its quotes enclose
	pair     int  // of a bracket the index of the other one, else -1
	within   int  // index of the bracket that encloses it; -1: none
	scope    int  // which function it stands in; 0: none
}

// maxTokens bounds what is read of one source.
const maxTokens = 1 << 18

// tokensOf reads a source; false when it is too large, or its brackets do not match.
func tokensOf(b []byte, python bool) ([]token, bool) {
	l := lexer{b: b, python: python}
	for l.at < len(b) {
		if len(l.tokens) > maxTokens || !l.next() {
			return nil, false
		}
	}
	l.add('\n', len(b), len(b))
	return l.tokens, len(l.open) == 0
}

type lexer struct {
	b      []byte
	python bool
	at     int
	tokens []token
	open   []int // brackets that enclose what comes
}

func (l *lexer) add(kind byte, from, to int) {
	t := token{kind: kind, from: from, to: to, pair: -1, within: -1}
	if len(l.open) > 0 {
		t.within = l.open[len(l.open)-1]
	}
	l.tokens = append(l.tokens, t)
}

// next reads one token; false when a bracket closes that was not opened.
func (l *lexer) next() bool {
	c, rest := l.b[l.at], l.b[l.at:]
	switch {
	case c == '\\':
		l.at += 2 // a line that goes on in the next
		if bytes.HasPrefix(rest, []byte("\\\r\n")) {
			l.at++
		}
	case c == ' ', c == '\t', c == '\r':
		l.at++
	case l.python && c == '#', !l.python && bytes.HasPrefix(rest, []byte("//")):
		l.skipTo("\n", 0)
	case !l.python && bytes.HasPrefix(rest, []byte("/*")):
		l.skipTo("*/", 2)
	case c == '"', c == '\'', c == '`' && !l.python:
		l.text()
	case !l.python && c == '/' && l.beforeValue() && l.pattern():
	case WordByte(c), c >= 0x80, c == '$' && !l.python:
		from := l.at
		for l.at < len(l.b) && (WordByte(l.b[l.at]) || l.b[l.at] >= 0x80 || l.b[l.at] == '$' && !l.python) {
			l.at++
		}
		l.add('n', from, l.at)
	case c == '(', c == '[', c == '{':
		l.add(c, l.at, l.at+1)
		l.open = append(l.open, len(l.tokens)-1)
		l.at++
	case c == ')', c == ']', c == '}':
		if len(l.open) == 0 {
			return false
		}
		first := l.open[len(l.open)-1]
		l.open = l.open[:len(l.open)-1]
		l.add(c, l.at, l.at+1)
		l.tokens[first].pair, l.tokens[len(l.tokens)-1].pair = len(l.tokens)-1, first
		l.at++
	default:
		l.add(c, l.at, l.at+1)
		l.at++
	}
	return true
}

// skipTo goes on n bytes behind the next end.
func (l *lexer) skipTo(end string, n int) {
	if i := bytes.Index(l.b[l.at:], []byte(end)); i >= 0 {
		l.at += i + n
		return
	}
	l.at = len(l.b)
}

// text reads a string. In Python a letter before it may say of which kind it is, and three quotes enclose one of several lines.
func (l *lexer) text() {
	if n := len(l.tokens); l.python && n > 0 && l.tokens[n-1].kind == 'n' && l.tokens[n-1].to == l.at && l.at-l.tokens[n-1].from <= 2 {
		l.tokens = l.tokens[:n-1]
	}
	quote := l.b[l.at : l.at+1]
	if triple := bytes.Repeat(quote, 3); l.python && bytes.HasPrefix(l.b[l.at:], triple) {
		quote = triple
	}
	l.at += len(quote)
	from, depth := l.at, 0 // in braces of a template, ${…}
	for l.at < len(l.b) {
		c := l.b[l.at]
		switch {
		case c == '\\':
			l.at++
		case quote[0] == '`' && c == '{' && (depth > 0 || l.b[l.at-1] == '$'):
			depth++
		case quote[0] == '`' && c == '}' && depth > 0:
			depth--
		case depth == 0 && bytes.HasPrefix(l.b[l.at:], quote), c == '\n' && len(quote) == 1 && quote[0] != '`':
			l.add('s', from, l.at)
			if c != '\n' { // one that a line's end ends was none: an apostrophe
				l.at += len(quote)
			}
			return
		}
		l.at++
	}
	l.at = len(l.b)
	l.add('s', min(from, l.at), l.at)
}

// beforeValue tells whether a slash here begins a regular expression of JavaScript, and does not divide.
func (l *lexer) beforeValue() bool {
	if len(l.tokens) == 0 {
		return true
	}
	t := l.tokens[len(l.tokens)-1]
	return t.kind != 's' && t.kind != ')' && t.kind != ']' && (t.kind != 'n' || string(l.b[t.from:t.to]) == "return")
}

// pattern skips a regular expression of JavaScript.
func (l *lexer) pattern() bool {
	class := false
	for i := l.at + 1; i < len(l.b) && l.b[i] != '\n'; i++ {
		switch c := l.b[i]; {
		case c == '\\':
			i++
		case c == '[':
			class = true
		case c == ']':
			class = false
		case c == '/' && !class:
			l.at = i + 1
			return true
		}
	}
	return false
}

// WordByte tells letters, digits and the underscore of ASCII.
func WordByte(c byte) bool { return c == '_' || c-'0' < 10 || c|0x20-'a' < 26 }

package dockerfile

import (
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// The functions of this file find where the words lie that BuildKit's line
// parsers found (frontend/dockerfile/parser/line_parsers.go, split_command.go).
// They repeat its rules on offsets; their result is used only when it
// gives the very same words.

// A word is a stretch of a text with the value that BuildKit gives it.
type word struct {
	start, end int
	value      string
}

func isSplitSpace(c byte) bool {
	return c == ' ' || c == '\t' || c == '\v' || c == '\f' || c == '\r'
}

// trim narrows a stretch as strings.TrimSpace does.
func trim(s string, start, end int) (int, int) {
	inner := strings.TrimLeftFunc(s[start:end], unicode.IsSpace)
	start = end - len(inner)
	return start, start + len(strings.TrimRightFunc(inner, unicode.IsSpace))
}

// splitKeyword finds the name of the instruction and where the rest begins.
func splitKeyword(s string) (name word, rest, end int) {
	start, end := trim(s, 0, len(s))
	at := start
	for at < end && !isSplitSpace(s[at]) {
		at++
	}
	name = word{start, at, s[start:at]}
	for at < end && isSplitSpace(s[at]) {
		at++
	}
	return name, at, end
}

// splitFlags finds the flags at the start of s[at:end] and where the arguments begin.
func splitFlags(s string, at, end int, escape byte) (flags []word, rest int) {
	for at < end {
		if unicode.IsSpace(rune(s[at])) { // a byte, as BuildKit does
			at++
			continue
		}
		if s[at] != '-' || at+1 == end || s[at+1] != '-' {
			return flags, at
		}
		w, next, blankOK := flagWord(s, at, end, escape)
		if w.value == "--" && next < end {
			return flags, next
		}
		if w.value != "--" && (blankOK || w.value != "") {
			flags = append(flags, w)
		}
		at = next
	}
	return flags, end
}

// flagWord reads one flag: quotes are removed, an escape takes the next byte.
func flagWord(s string, at, end int, escape byte) (w word, next int, quoted bool) {
	var value strings.Builder
	var quote byte
	pos := at
	for ; pos < end; pos++ {
		c := s[pos]
		if quote == 0 && unicode.IsSpace(rune(c)) {
			break
		}
		switch {
		case quote == 0 && (c == '\'' || c == '"'):
			quote, quoted = c, true
			continue
		case quote != 0 && c == quote:
			quote = 0
			continue
		case c == escape:
			if pos+1 == end {
				quote = 0
				continue
			}
			pos++
			c = s[pos]
		}
		value.WriteRune(rune(c))
	}
	return word{at, pos, value.String()}, pos, quoted
}

// splitSpaces cuts at runs of white space, as for FROM, COPY, EXPOSE.
func splitSpaces(s string, start, end int) []word {
	var words []word
	if start == end {
		return nil
	}
	for at := start; ; {
		from := at
		for at < end && !isSplitSpace(s[at]) {
			at++
		}
		words = append(words, word{from, at, s[from:at]})
		if at == end {
			return words
		}
		for at < end && isSplitSpace(s[at]) {
			at++
		}
	}
}

// splitQuoted cuts at white space outside quotes and keeps the quotes, as for ENV, LABEL, ARG.
func splitQuoted(s string, start, end int, escape byte) []word {
	var words []word
	for at := start; at < end; {
		r, width := utf8.DecodeRuneInString(s[at:end])
		if unicode.IsSpace(r) {
			at += width
			continue
		}
		w, blankOK := quotedWord(s, at, end, escape)
		if blankOK || w.value != "" {
			words = append(words, w)
		}
		at = w.end
	}
	return words
}

func quotedWord(s string, at, end int, escape byte) (word, bool) {
	var value strings.Builder
	var quote rune
	blankOK := false
	pos := at
	for pos < end {
		r, width := utf8.DecodeRuneInString(s[pos:end])
		if quote == 0 && unicode.IsSpace(r) {
			break
		}
		if quote != 0 && r == quote {
			quote = 0
		} else if quote == 0 && (r == '\'' || r == '"') {
			quote, blankOK = r, true
		}
		if r == rune(escape) && quote != '\'' {
			if pos+width == end {
				pos = end // an escape at the very end is dropped
				break
			}
			value.WriteRune(r)
			pos += width
			r, width = utf8.DecodeRuneInString(s[pos:end])
		}
		value.WriteRune(r)
		pos += width
	}
	return word{at, pos, value.String()}, blankOK
}

// splitJSON finds the strings of a JSON array.
func splitJSON(s string, start, end int) []word {
	dec := json.NewDecoder(strings.NewReader(s[start:end]))
	var words []word
	for {
		before := int(dec.InputOffset())
		tok, err := dec.Token()
		if err != nil {
			return words
		}
		v, ok := tok.(string)
		if !ok {
			continue
		}
		after := int(dec.InputOffset())
		quote := strings.IndexByte(s[start+before:start+after], '"')
		if quote < 0 {
			return nil
		}
		words = append(words, word{start + before + quote, start + after, v})
	}
}

// splitArgs finds the arguments of an instruction in s[start:end].
func splitArgs(name, s string, start, end int, escape byte, asJSON bool) []word {
	if start == end {
		return nil
	}
	whole := []word{{start, end, s[start:end]}}
	switch name {
	case "HEALTHCHECK":
		at := start
		for at < end && !unicode.IsSpace(rune(s[at])) {
			at++
		}
		typ := word{start, at, s[start:at]}
		for at < end && unicode.IsSpace(rune(s[at])) {
			at++
		}
		switch {
		case asJSON:
			return append([]word{typ}, splitJSON(s, at, end)...)
		case at == end:
			return []word{typ}
		}
		return []word{typ, {at, end, s[at:end]}}
	case "FROM", "EXPOSE", "COPY", "ADD", "VOLUME":
		if asJSON {
			return splitJSON(s, start, end)
		}
		return splitSpaces(s, start, end)
	case "ARG":
		return splitQuoted(s, start, end, escape)
	case "ENV", "LABEL":
		words := splitQuoted(s, start, end, escape)
		if len(words) > 0 && !strings.Contains(words[0].value, "=") {
			return splitPair(s, start, end)
		}
		return words
	}
	if asJSON {
		return splitJSON(s, start, end)
	}
	return whole
}

// splitPair reads the old form of ENV and LABEL: a name, white space, the rest as the value.
func splitPair(s string, start, end int) []word {
	at := start
	for at < end && !isSplitSpace(s[at]) {
		at++
	}
	name := word{start, at, s[start:at]}
	for at < end && isSplitSpace(s[at]) {
		at++
	}
	return []word{name, {at, end, s[at:end]}}
}

// nodeWords are the words that BuildKit found, in the shape of splitArgs.
func nodeWords(name string, n *parser.Node) []string {
	var out []string
	for n = n.Next; n != nil; n = n.Next {
		out = append(out, n.Value)
	}
	if name != "ENV" && name != "LABEL" {
		return out
	}
	var pairs []string // name, value, separator
	for k := 0; k+2 < len(out); k += 3 {
		if out[k+2] == "" {
			pairs = append(pairs, out[k], out[k+1])
		} else {
			pairs = append(pairs, out[k]+out[k+2]+out[k+1])
		}
	}
	return pairs
}

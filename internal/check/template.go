package check

import (
	"slices"
	"strings"
	"unicode"
)

// template is a text with gaps where runs of the same program differ: each token stays, or is "", which stands for any number of them.
type template struct {
	tokens []string
	cut    bool // there is more of it that is not known
}

// newTemplate keeps what all texts have in common, in the words of the first. Cut says that it was the beginning alone.
func newTemplate(texts []string, cut bool) *template {
	first := tokenize(texts[0])
	gaps, lost := make([]bool, len(first)+1), make([]bool, len(first))
	for _, other := range texts[1:] {
		m := &matching{gaps: gaps, lost: lost}
		m.lines(texts[0], other)
	}
	t := &template{cut: cut}
	gap := func() {
		if n := len(t.tokens); n == 0 || t.tokens[n-1] != "" {
			t.tokens = append(t.tokens, "")
		}
	}
	for i, tok := range first {
		if gaps[i] || lost[i] {
			gap()
		}
		if !lost[i] {
			t.tokens = append(t.tokens, tok)
		}
	}
	if gaps[len(first)] {
		gap()
	}
	t.widen()
	return t
}

// tokenize splits a text into words and single other characters.
func tokenize(s string) []string {
	var out []string
	start := -1
	for i, r := range s {
		if r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) {
			if start < 0 {
				start = i
			}
			continue
		}
		if start >= 0 {
			out = append(out, s[start:i])
			start = -1
		}
		out = append(out, string(r))
	}
	if start >= 0 {
		out = append(out, s[start:])
	}
	return out
}

// matching aligns the tokens of a text with those of others.
type matching struct {
	lost []bool // the token is not in one of the others
	gaps []bool // one of the others has more before the token
	at   int    // the next token
}

// lines aligns all of the lines that both have, and of other lines the tokens that they share.
func (m *matching) lines(a, b string) {
	la, lb := strings.SplitAfter(a, "\n"), strings.SplitAfter(b, "\n")
	i, j := 0, 0
	for _, p := range append(common(la, lb), [2]int{len(la), len(lb)}) {
		m.block(tokenize(strings.Join(la[i:p[0]], "")), tokenize(strings.Join(lb[j:p[1]], "")))
		if p[0] < len(la) {
			m.at += len(tokenize(la[p[0]]))
		}
		i, j = p[0]+1, p[1]+1
	}
}

func (m *matching) block(a, b []string) {
	i, j := 0, 0
	for _, p := range append(common(a, b), [2]int{len(a), len(b)}) {
		for ; i < p[0]; i++ {
			m.lost[m.at+i] = true
		}
		if j < p[1] {
			m.gaps[m.at+i] = true
		}
		i, j = p[0]+1, p[1]+1
	}
	m.at += len(a)
}

// maxCells bounds the work and memory of aligning two lists; of longer ones only beginning and end are aligned.
const maxCells = 4 << 20

// common pairs the indexes of a longest common subsequence.
func common(a, b []string) [][2]int {
	var out, tail [][2]int
	from := 0
	for from < len(a) && from < len(b) && a[from] == b[from] {
		out = append(out, [2]int{from, from})
		from++
	}
	i, j := len(a), len(b)
	for i > from && j > from && a[i-1] == b[j-1] {
		i, j = i-1, j-1
		tail = append(tail, [2]int{i, j})
	}
	slices.Reverse(tail)
	n, m := i-from, j-from
	if n*m > 0 && n*m <= maxCells {
		for _, p := range longest(a[from:i], b[from:j]) {
			out = append(out, [2]int{p[0] + from, p[1] + from})
		}
	}
	return append(out, tail...)
}

// longest is the textbook's dynamic programming: length[i][j] is that of a[i:] and b[j:].
func longest(a, b []string) [][2]int {
	w := len(b) + 1
	length := make([]int32, (len(a)+1)*w)
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				length[i*w+j] = length[(i+1)*w+j+1] + 1
			} else {
				length[i*w+j] = max(length[(i+1)*w+j], length[i*w+j+1])
			}
		}
	}
	var out [][2]int
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] == b[j]:
			out = append(out, [2]int{i, j})
			i, j = i+1, j+1
		case length[(i+1)*w+j] >= length[i*w+j+1]:
			i++
		default:
			j++
		}
	}
	return out
}

// minRun is how many characters or words between two gaps are more than chance.
const minRun = 4

// widen joins gaps with next to nothing between them: random texts have letters and brackets in common.
func (t *template) widen() {
	var out []string
	last := -1 // the last gap in out
	words := 0 // since then
	for _, tok := range t.tokens {
		switch {
		case tok != "":
			if strings.TrimSpace(tok) != "" {
				words++
			}
			out = append(out, tok)
			continue
		case last >= 0 && words < minRun:
			out = out[:last+1]
		default:
			last = len(out)
			out = append(out, "")
		}
		words = 0
	}
	t.tokens = out
}

// words is how many tokens are known.
func (t *template) words() (n int) {
	for _, tok := range t.tokens {
		if tok != "" {
			n++
		}
	}
	return n
}

// match tells whether a text, of which cut says that it is the beginning alone, is the template with anything in the gaps, and if
// not, shows where it stops to be.
func (t *template) match(text string, cut bool) (expected, found string, ok bool) {
	got := tokenize(text)
	p, g := 0, 0              // the next token of each
	backP, backG := -1, 0     // what follows the last gap, and where that gap ends for now
	furthest, stopped := 0, 0 // how far the template held, and where in the text
	for p < len(t.tokens) || g < len(got) {
		switch {
		case p < len(t.tokens) && t.tokens[p] == "":
			p++
			backP, backG = p, g
		case p < len(t.tokens) && g < len(got) && t.tokens[p] == got[g]:
			p, g = p+1, g+1
		case t.cut && p == len(t.tokens) || cut && g == len(got):
			return "", "", true
		case backP >= 0 && backG < len(got):
			backG++
			p, g = backP, backG
		default:
			return around(t.tokens, furthest), around(got, stopped), false
		}
		if p > furthest {
			furthest, stopped = p, g
		}
	}
	return "", "", true
}

package check

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Difference is what a lighter image answered otherwise than the original.
type Difference struct {
	Check    string `json:"check"`
	Part     string `json:"part"` // result, status, content type, location, exit code, body, standard output, standard error, log line
	Expected string `json:"expected"`
	Found    string `json:"found"`
}

func (d Difference) String() string {
	return fmt.Sprintf("%s: %s: expected %s, found %s", d.Check, d.Part, d.Expected, d.Found)
}

// Compare tells where the last report of light, a lighter image, is otherwise than the original's. Texts are compared after [Normal]; what
// differs between several runs of the original, or between those of the lighter image, changes by itself and is not compared, word by
// word: a counter of what a server did by the time it was asked may be the same in one and not in the other. Of lines that the original
// gives in another order each time the order is not compared: see [Unordered]. What is no text is compared
// by length and hash. The reports must hold answers (the plan's Answers); checks that the original did not pass are not compared.
func Compare(original []*Report, light ...*Report) []Difference {
	if len(original) == 0 || len(light) == 0 {
		return nil
	}
	last := light[len(light)-1]
	var out []Difference
	for i, first := range original[0].Results {
		want := resultsOf(original, i, first.Name)
		if len(want) != len(original) || !allPassed(want) {
			continue
		}
		if i >= len(last.Results) || last.Results[i].Name != first.Name {
			out = append(out, Difference{first.Name, "result", "an answer", "it was not asked"})
			continue
		}
		out = append(out, compareResult(want, resultsOf(light, i, first.Name))...)
	}
	return out
}

// resultsOf are the results of one check in several runs, as far as they got there.
func resultsOf(runs []*Report, i int, name string) (out []Result) {
	for _, r := range runs {
		if i < len(r.Results) && r.Results[i].Name == name {
			out = append(out, r.Results[i])
		}
	}
	return out
}

func allPassed(rs []Result) bool {
	for _, r := range rs {
		if !r.Passed {
			return false
		}
	}
	return true
}

// compareResult compares the last run of the lighter image.
func compareResult(want, light []Result) (out []Difference) {
	got := light[len(light)-1]
	add := func(part, expected, found string) {
		out = append(out, Difference{got.Name, part, expected, found})
	}
	if !got.Passed {
		add("result", "it passes", got.Found)
	}
	if got.Answer == nil || want[0].Answer == nil {
		if got.Passed && want[0].Answer != nil {
			add("result", "an answer", "none was kept")
		}
		return out
	}
	for _, f := range []struct {
		name string
		of   func(*Answer) string
	}{
		{"status", func(a *Answer) string { return strconv.Itoa(a.Status) }},
		{"content type", func(a *Answer) string { return a.Type }},
		{"location", func(a *Answer) string { return Normal(a.Location) }},
		{"exit code", func(a *Answer) string { return code(a.Code) }},
	} {
		if w, same := sameOf(want, f.of); same && w != f.of(got.Answer) {
			add(f.name, shown(w), shown(f.of(got.Answer)))
		}
	}
	for _, p := range parts {
		original, lighter := partsOf(want, p.of), partsOf(light, p.of)
		if p.name == "body" && samples(got.Answer.Type, original[0]) {
			original, lighter = withoutValues(original), withoutValues(lighter)
		}
		w, f, ok := comparePart(original, lighter[len(lighter)-1])
		if !ok && !changesByItself(lighter, original[0]) {
			add(p.name, w, f)
		}
	}
	return out
}

// part is a text or bytes of an answer.
type part struct {
	name string
	of   func(*Answer) *Part
}

// parts are all of an answer.
var parts = []part{
	{"body", func(a *Answer) *Part { return a.Body }},
	{"standard output", func(a *Answer) *Part { return a.Stdout }},
	{"standard error", func(a *Answer) *Part { return a.Stderr }},
	{"log line", func(a *Answer) *Part { return a.Line }},
}

// changesByItself tells whether the original's text is the lighter image's but for words that change from run to run there. They must be
// few, for of an image that answers with something else each time nothing is left to compare; or the same in another order.
func changesByItself(light []*Part, original *Part) bool {
	if len(light) < 2 || original == nil || original.Binary || original.cut() {
		return false
	}
	want := Normal(string(original.Head))
	var texts []string
	other, reordered := false, true
	for _, l := range light {
		if l == nil || l.Binary || l.cut() {
			return false
		}
		text := Normal(string(l.Head))
		other = other || len(texts) > 0 && text != texts[0]
		reordered = reordered && sameWords(text, want)
		texts = append(texts, text)
	}
	if !other || reordered {
		return other
	}
	t := newTemplate(texts, false)
	if 4*t.words() < 3*len(tokenize(texts[0])) {
		return false
	}
	_, _, same := t.match(want, false)
	return same
}

// sameWords tells whether two texts have the same tokens, in any order.
func sameWords(a, b string) bool {
	x, y := tokenize(a), tokenize(b)
	slices.Sort(x)
	slices.Sort(y)
	return slices.Equal(x, y)
}

func partsOf(rs []Result, of func(*Answer) *Part) (out []*Part) {
	for _, r := range rs {
		if r.Answer != nil {
			out = append(out, of(r.Answer))
		}
	}
	return out
}

func code(c *int) string {
	if c == nil {
		return ""
	}
	return strconv.Itoa(*c)
}

func shown(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// sameOf is the value on which all runs of the original agree.
func sameOf(rs []Result, of func(*Answer) string) (string, bool) {
	for _, r := range rs {
		if r.Answer == nil || of(r.Answer) != of(rs[0].Answer) {
			return "", false
		}
	}
	return of(rs[0].Answer), true
}

// comparePart returns excerpts of what is expected and found where they differ.
func comparePart(want []*Part, got *Part) (expected, found string, ok bool) {
	first := want[0]
	sameSize, sameHash, allText, mixed := true, true, true, false
	for _, w := range want {
		if (w == nil) != (first == nil) {
			return "", "", true // it is there in some runs only
		}
		if w == nil {
			continue
		}
		sameSize, sameHash, allText = sameSize && w.Size == first.Size, sameHash && w.SHA256 == first.SHA256, allText && !w.Binary
		mixed = mixed || w.Binary != first.Binary
	}
	switch {
	case first == nil || got == nil:
		return first.summary(), got.summary(), (first == nil) == (got == nil)
	case mixed || got.SHA256 == first.SHA256:
		return "", "", true
	case !allText || got.Binary:
		differ := allText != !got.Binary || sameHash || sameSize && got.Size != first.Size
		return first.summary(), got.summary(), !differ
	case first.cut() && sameHash && len(want) > 1:
		return first.summary(), got.summary(), false
	}
	texts, text := normals(want), Normal(string(got.Head))
	t := newTemplate(texts, first.cut())
	if expected, found, ok = t.match(text, got.cut()); ok || got.cut() {
		return expected, found, ok
	}
	if s := inAnyOrder(texts, t); s != nil {
		return s.match(sortedLines(text), false)
	}
	return expected, found, false
}

func normals(ps []*Part) (texts []string) {
	for _, p := range ps {
		texts = append(texts, Normal(string(p.Head)))
	}
	return texts
}

// cut tells whether only the beginning was kept.
func (p *Part) cut() bool { return p.Size > len(p.Head) }

func (p *Part) summary() string {
	if p == nil {
		return "none"
	}
	if p.Binary {
		return fmt.Sprintf("%d bytes with sha256 %s", p.Size, p.SHA256[:min(12, len(p.SHA256))])
	}
	return excerpt(p.Head)
}

// around is the text near a token, in one line; gaps show as …
func around(tokens []string, at int) string {
	const before, after = 12, 30
	from, to := max(0, at-before), min(len(tokens), at+after)
	var b strings.Builder
	if from > 0 {
		b.WriteString("…")
	}
	for _, tok := range tokens[from:to] {
		if tok == "" {
			tok = "…"
		}
		b.WriteString(tok)
	}
	if at >= len(tokens) && at > 0 {
		b.WriteString(" (its end)")
	}
	return quoted([]byte(b.String()), "nothing")
}

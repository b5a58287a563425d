package check

import (
	"slices"
	"strings"
)

// inAnyOrder is what texts have in common when the order of their lines does not count; nil unless it is more than t, what they have in
// common as they are. Threads, processes and hash tables bring the same lines in another order each time.
func inAnyOrder(texts []string, t *template) *template {
	if len(texts) < 2 || t.cut || t.words() == len(tokenize(texts[0])) {
		return nil
	}
	sorted := make([]string, len(texts))
	for i, text := range texts {
		sorted[i] = sortedLines(text)
	}
	if s := newTemplate(sorted, false); s.words() > t.words() {
		return s
	}
	return nil
}

func sortedLines(text string) string {
	lines := strings.Split(text, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// Unordered names the checks to which several runs of an image answered with the same lines in another order. [Compare] takes these in any order.
func Unordered(runs []*Report) (names []string) {
	if len(runs) == 0 {
		return nil
	}
	for i, first := range runs[0].Results {
		rs := resultsOf(runs, i, first.Name)
		if slices.ContainsFunc(parts, func(p part) bool { return unordered(partsOf(rs, p.of)) }) {
			names = append(names, first.Name)
		}
	}
	return names
}

func unordered(ps []*Part) bool {
	if slices.ContainsFunc(ps, func(p *Part) bool { return p == nil || p.Binary || p.cut() }) {
		return false
	}
	texts := normals(ps)
	return len(texts) > 1 && inAnyOrder(texts, newTemplate(texts, false)) != nil
}

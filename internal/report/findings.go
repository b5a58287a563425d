package report

import (
	"fmt"
	"slices"
	"strings"
)

// Difference is an answer to a check that is not the original's. In JSON it is one text.
type Difference struct {
	Check           string
	Part            string // of the answer; "result": whether the check passes
	Expected, Found string
}

// MarshalText is what JSON has of it.
func (d Difference) MarshalText() ([]byte, error) { return []byte(d.Check + ": " + d.what()), nil }

func (d Difference) what() string {
	return fmt.Sprintf("%s: expected %s, found %s", d.Part, d.Expected, d.Found)
}

// findings are what a reader must know of a comparison. What several checks found is told once: when a program is down, all find the same.
func findings(s *strings.Builder, notes []string, differences []Difference, results []Check, details []string) {
	for _, n := range notes {
		fmt.Fprintf(s, "  · %s\n", indent(n, "    "))
	}
	var failures, answers group
	for _, r := range results {
		if !r.Passed {
			failures.add(r.Name, fmt.Sprintf("expected %s, found %s", r.Expected, r.Found), r.Found)
		}
	}
	for _, d := range differences {
		if !slices.Contains(failures.names, d.Check) { // that it fails is told below
			answers.add(d.Check, d.what(), d.what())
		}
	}
	for _, f := range answers.found {
		fmt.Fprintf(s, "  other answer: %s: %s\n", Clean(f.names[0]), indent(f.text, "    "))
		f.others(s)
	}
	for _, f := range failures.found {
		fmt.Fprintf(s, "    check %q: %s\n", Clean(f.names[0]), Clean(f.text))
		f.others(s)
	}
	for i := 0; i < len(details); {
		n := 1
		for i+n < len(details) && details[i+n] == details[i] { // a program says of each request the same
			n++
		}
		again := ""
		if n > 1 {
			again = fmt.Sprintf(" (%d times)", n)
		}
		fmt.Fprintf(s, "    %s%s\n", indent(short(details[i]), "    "), again)
		i += n
	}
}

// maxDetail is how many characters of a line of a log are shown; JSON has all.
const maxDetail = 400

func short(line string) string {
	n := 0
	for i := range line {
		if n++; n > maxDetail {
			return line[:i] + "…"
		}
	}
	return line
}

// group is what checks found, each thing once, in the order in which it was found first.
type group struct {
	names []string // of all checks
	found []*finding
}

type finding struct {
	names     []string
	text, key string
}

func (g *group) add(name, text, key string) {
	g.names = append(g.names, name)
	i := slices.IndexFunc(g.found, func(f *finding) bool { return f.key == key })
	if i < 0 {
		g.found = append(g.found, &finding{[]string{name}, text, key})
		return
	}
	g.found[i].names = append(g.found[i].names, name)
}

// maxNames is how many checks are named that found the same.
const maxNames = 5

func (f *finding) others(s *strings.Builder) {
	names := f.names[1:]
	if len(names) == 0 {
		return
	}
	more := ""
	if n := len(names) - maxNames; n > 0 {
		names, more = names[:maxNames], fmt.Sprintf(" and %d more (--format json has all)", n)
	}
	var quoted []string
	for _, n := range names {
		quoted = append(quoted, fmt.Sprintf("%q", Clean(n)))
	}
	fmt.Fprintf(s, "      and so %s%s\n", strings.Join(quoted, ", "), more)
}

func advice(s *strings.Builder, lines []string) {
	if len(lines) > 0 {
		s.WriteString("what may help:\n")
	}
	for _, l := range lines {
		fmt.Fprintf(s, "  → %s\n", Clean(l))
	}
}

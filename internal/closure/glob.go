package closure

import (
	"fmt"
	"regexp"
	"strings"
)

// glob makes a pattern of paths a regular expression: * and ? stay within a name, ** crosses directories, and a
// pattern that names a directory means all of it.
func glob(g string) (*regexp.Regexp, error) {
	if !strings.HasPrefix(g, "/") {
		return nil, fmt.Errorf("want an absolute path, such as /app/plugins/**")
	}
	var b strings.Builder
	b.WriteString("^")
	for i := 0; i < len(g); i++ {
		switch c := g[i]; {
		case strings.HasPrefix(g[i:], "/**"):
			b.WriteString("(/.*)?")
			i += 2
		case strings.HasPrefix(g[i:], "**"):
			b.WriteString(".*")
			i++
		case c == '*':
			b.WriteString("[^/]*")
		case c == '?':
			b.WriteString("[^/]")
		default:
			b.WriteString(regexp.QuoteMeta(string(c)))
		}
	}
	b.WriteString("(/.*)?$")
	return regexp.Compile(b.String())
}

// globs takes in what the user says must stay or go.
func (m *maker) globs() error {
	for _, g := range m.Drop {
		re, err := glob(g)
		if err != nil {
			return fmt.Errorf("reading drop %q: %w", g, err)
		}
		m.drop = append(m.drop, re)
	}
	for _, g := range m.Keep {
		re, err := glob(g)
		if err != nil {
			return fmt.Errorf("reading keep %q: %w", g, err)
		}
		found := false
		for e := range m.Tree.All() {
			if re.MatchString(e.Path) {
				found = true
				m.enter(e, strong, Reason{Rule: "keep", Note: "as asked: " + g})
			}
		}
		if !found {
			m.note("keep %q fits nothing in the image", g)
		}
	}
	return nil
}

// dropsInVain tells of those that took nothing away.
func (m *maker) dropsInVain() {
	for i, re := range m.drop {
		fits, went := false, false
		for e := range m.Tree.All() {
			if re.MatchString(e.Path) {
				fits, went = true, went || !m.keep.Has(e.Path)
			}
		}
		switch {
		case !fits:
			m.note("drop %q fits nothing in the image", m.Drop[i])
		case !went:
			m.note("drop %q takes nothing away: keep names what it fits, or it was looked up, or something that stays needs it", m.Drop[i])
		}
	}
}

// dropped reports whether the user wants a path to go.
func (m *maker) dropped(p string) bool {
	for _, re := range m.drop {
		if re.MatchString(p) {
			m.keep.drops[p] = "drop, as asked"
			return true
		}
	}
	return false
}

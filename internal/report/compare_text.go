package report

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/lighten/lighten/internal/compare"
	"github.com/lighten/lighten/internal/vuln"
)

// shownChanges and shownFiles are how many of each a person reads; JSON has all.
const (
	shownChanges = 20
	shownFiles   = 8
)

func (c *Compare) text(width int) string {
	var s strings.Builder
	c.legend(&s, width)
	for _, sec := range []*section{c.sizes(), c.surface()} {
		s.WriteString("\n" + sec.render(width, false) + "\n")
	}
	c.together(&s)
	for i := range c.Pairs {
		c.pair(&s, &c.Pairs[i], width, false)
	}
	c.growth(&s)
	return s.String()
}

// markdown is the report for a pull request: figures first, everything long folded away.
func (c *Compare) markdown() string {
	var s strings.Builder
	s.WriteString("### Images compared\n\n")
	for i := range c.Images {
		fmt.Fprintf(&s, "- **%s** %s\n", label(i), markdownText(c.Images[i].Name))
	}
	for _, sec := range []*section{c.sizes(), c.surface()} {
		s.WriteString("\n" + markdownRows(sec).render(0, true) + "\n")
	}
	var t strings.Builder
	c.together(&t)
	c.growth(&t)
	fmt.Fprintf(&s, "\n```text\n%s\n```\n", strings.Trim(t.String(), "\n"))
	for i := range c.Pairs {
		p := &c.Pairs[i]
		var t strings.Builder
		c.pair(&t, p, 0, true)
		fmt.Fprintf(&s, "\n<details><summary>%s → %s: %s</summary>\n%s\n</details>\n", label(p.From-1), label(p.To-1), markdownText(c.sum(p)), t.String())
	}
	return s.String()
}

func (c *Compare) legend(s *strings.Builder, width int) {
	for i := range c.Images {
		x := &c.Images[i]
		from := ""
		if i < c.Earlier {
			from = " (of " + c.Against + ")"
		}
		fmt.Fprintf(s, "%s  %s\n", label(i), shorten(Clean(x.Name+", "+x.Platform+from), width-3))
		for _, n := range x.Notes {
			fmt.Fprintf(s, "   · %s\n", wrap(n, width, "     "))
		}
	}
}

func (c *Compare) sizes() *section {
	s := &section{head: []string{"", "pull", "of its own", "disk", "of its own", "layers", "of its own", "files", "packages"},
		right: map[int]bool{1: true, 2: true, 3: true, 4: true, 5: true, 6: true, 7: true, 8: true, 9: true}}
	if len(c.Held) > 0 {
		s.head = append(s.head, "new to pull")
	}
	for i := range c.Images {
		x := &c.Images[i]
		own := 0
		for _, l := range x.Layers {
			if len(l.SharedBy) == 0 {
				own++
			}
		}
		about := approx(x.PullEstimated)
		cells := []string{label(i), about + Bytes(x.PullBytes), about + Bytes(x.UniquePullBytes), Bytes(x.DiskBytes), Bytes(x.UniqueDiskBytes), strconv.Itoa(len(x.Layers)), strconv.Itoa(own),
			strconv.Itoa(x.Files), strconv.Itoa(len(x.Packages))}
		if len(c.Held) > 0 {
			cells = append(cells, about+Bytes(x.NewPullBytes))
		}
		s.add(cells...)
	}
	return s
}

func (c *Compare) surface() *section {
	s := &section{head: []string{"", "user", "shell", "libc", "setuid", "capabilities", "ports"}, right: map[int]bool{4: true, 5: true}, wide: 6}
	if c.VulnDB != "" {
		s.head, s.right[7] = append(s.head, "vulnerabilities"), true
	}
	for i := range c.Images {
		x := &c.Images[i]
		user := x.Surface.User
		if x.Surface.Root && user != "root" {
			user += " (root)"
		}
		ports := strings.Join(x.Surface.Ports, " ")
		cells := []string{label(i), shorten(Clean(user), 24), yesNo(x.Surface.Shell != ""), Clean(x.Surface.Libc), strconv.Itoa(len(x.Surface.Setuid)), strconv.Itoa(len(x.Surface.Capabilities)), orDash(Clean(ports))}
		if c.VulnDB != "" {
			n := "–"
			if x.Vulnerabilities != nil {
				n = strconv.Itoa(len(x.Vulnerabilities))
			}
			cells = append(cells, n)
		}
		s.add(cells...)
	}
	return s
}

func orDash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

func (c *Compare) together(s *strings.Builder) {
	if len(c.Images) > 1 {
		fmt.Fprintf(s, "\ntogether: %s to pull, %s on disk in %d layers, of which %s are shared\n", Bytes(c.Together.PullBytes), Bytes(c.Together.DiskBytes), c.Together.Layers, Bytes(c.Together.SharedBytes))
	}
}

// signed is a difference.
func signed(n int64) string {
	if n > 0 {
		return "+" + Bytes(n)
	}
	return Bytes(n)
}

// sum is a pair in a line.
func (c *Compare) sum(p *compare.Pair) string {
	count := map[compare.What]int{}
	for _, x := range p.Packages {
		count[x.What]++
	}
	changed := len(p.Packages) - count[compare.Added] - count[compare.Removed]
	return fmt.Sprintf("%s to pull, %s on disk; packages: %d added, %d removed, %d changed", signed(p.PullBytes), signed(p.DiskBytes), count[compare.Added], count[compare.Removed], changed)
}

func (c *Compare) pair(s *strings.Builder, p *compare.Pair, width int, markdown bool) {
	if !markdown {
		fmt.Fprintf(s, "\n%s → %s: %s\n", label(p.From-1), label(p.To-1), c.sum(p))
	}
	put := func(sec *section, more int) {
		if len(sec.rows) == 0 {
			return
		}
		if markdown {
			sec = markdownRows(sec)
		}
		s.WriteString("\n" + sec.render(width, markdown) + "\n")
		if more > 0 {
			fmt.Fprintf(s, "… and %d more (--format json has all)\n", more)
		}
	}
	put(packageSection(p), len(p.Packages)-shownChanges)
	put(vulnerabilitySection(p))
	put(changeSection("surface", p.Surface), len(p.Surface)-shownChanges)
	put(changeSection("configuration", p.Config), len(p.Config)-shownChanges)
	if p.Files != nil {
		put(fileSection(p.Files), 0)
		put(largestSection(p.Files), 0)
	}
}

func packageSection(p *compare.Pair) *section {
	sec := &section{head: []string{"package", "before", "after", "disk", ""}, right: map[int]bool{3: true}}
	for n, x := range compare.Heaviest(p.Packages) {
		if n == shownChanges {
			break
		}
		sec.add(shorten(Clean(x.Ecosystem+" "+x.Name), 40), versions(x.Before), versions(x.After), signed(x.Bytes), string(x.What))
	}
	return sec
}

func versions(v []string) string { return orDash(shorten(Clean(strings.Join(v, " ")), 22)) }

func vulnerabilitySection(p *compare.Pair) (*section, int) {
	sec := &section{head: []string{"vulnerability", "package", "fixed in", ""}, wide: 1}
	if p.Vulnerabilities == nil {
		return sec, 0
	}
	put := func(all []vuln.Vulnerability, what string) {
		for _, v := range all {
			if len(sec.rows) < shownChanges {
				sec.add(shorten(Clean(v.ID), 30), Clean(v.Package+" "+v.Version), orDash(shorten(Clean(v.Fixed), 22)), what)
			}
		}
	}
	put(p.Vulnerabilities.Added, "added")
	put(p.Vulnerabilities.Removed, "gone")
	return sec, len(p.Vulnerabilities.Added) + len(p.Vulnerabilities.Removed) - shownChanges
}

func changeSection(title string, all []compare.Change) *section {
	sec := &section{head: []string{title, "before", "after"}}
	for n, x := range all {
		if n == shownChanges {
			break
		}
		sec.add(Clean(x.Key), orDash(shorten(Clean(x.Before), 34)), orDash(shorten(Clean(x.After), 34)))
	}
	return sec
}

func fileSection(f *compare.Files) *section {
	sec := &section{head: []string{"files", "paths", "bytes"}, right: map[int]bool{1: true, 2: true}}
	for _, x := range []struct {
		what string
		compare.Amount
	}{{"added", f.Added}, {"removed", f.Removed}, {"other content", f.Content}, {"other mode", f.Mode}, {"other owner", f.Owner}, {"other capabilities", f.Caps}, {"the same", f.Same}} {
		if x.Paths > 0 {
			sec.add(x.what, strconv.Itoa(x.Paths), Bytes(x.Bytes))
		}
	}
	return sec
}

// largestSection names the paths that weigh most of each kind.
func largestSection(f *compare.Files) *section {
	sec := &section{head: []string{"largest differences", "disk", "", "package"}, right: map[int]bool{1: true}}
	for _, what := range []compare.What{compare.Added, compare.Removed, compare.Changed} {
		for _, x := range f.Largest(what, shownFiles) {
			how := string(what)
			if len(x.Fields) > 0 {
				how = strings.Join(x.Fields, ", ")
			}
			sec.add(Clean(x.Path), signed(x.Bytes), how, orDash(shorten(Clean(x.Package), 24)))
		}
	}
	return sec
}

func (c *Compare) growth(s *strings.Builder) {
	if len(c.Growth) > 0 {
		s.WriteString("\n")
	}
	for _, j := range c.Growth {
		n := func(v int64) string { return strconv.FormatInt(v, 10) }
		if compare.IsBytes(j.What) {
			n = Bytes
		}
		state := "within"
		if j.Over {
			state = "OVER"
		}
		fmt.Fprintf(s, "growth %s → %s: %s %s, was %s, limit %s: %s\n", label(j.From-1), label(j.To-1), j.What, n(j.After), n(j.Before), n(j.Limit), state)
	}
}

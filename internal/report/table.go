package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/go-units"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// Bytes prints a size in the decimal units that docker and registries use.
func Bytes(n int64) string {
	if n < 0 {
		return "-" + Bytes(-n)
	}
	return units.HumanSizeWithPrecision(float64(n), 4)
}

// column is one column of the candidates' table; first says that it comes into the
// first table when the terminal is too narrow for one.
type column struct {
	title string
	first bool
	right bool
	cell  func(b *Build, c *Candidate) string
}

var columns = []column{
	{"candidate", true, false, func(b *Build, c *Candidate) string { return mark(b, c) + Clean(c.Name) }},
	{"base", false, false, func(_ *Build, c *Candidate) string { return Clean(shortBase(c.Base)) }},
	{"pull", true, true, built(func(c *Candidate) string { return Bytes(c.PullBytes) })},
	{"disk", true, true, built(func(c *Candidate) string { return Bytes(c.DiskBytes) })},
	{"layers", false, true, built(func(c *Candidate) string { return strconv.Itoa(c.Layers) })},
	{"files", false, true, built(func(c *Candidate) string { return strconv.Itoa(c.Files) })},
	{"packages", false, true, built(func(c *Candidate) string { return strconv.Itoa(c.Packages) })},
	{"libc", false, false, built(func(c *Candidate) string { return Clean(c.Libc) })},
	{"user", false, false, built(func(c *Candidate) string { return Clean(cmp.Or(c.User, "root")) })},
	{"shell", false, false, built(func(c *Candidate) string { return yesNo(c.Shell != "") })},
	{"setuid", false, true, built(func(c *Candidate) string { return strconv.Itoa(len(c.Setuid)) })},
	{"build", false, true, built(func(c *Candidate) string { return fmt.Sprintf("%.1f s", c.BuildSeconds) })},
	{"start", false, true, built(func(c *Candidate) string { return unlessZero(c.StartMS, "%.0f ms") })},
	{"memory", false, true, built(func(c *Candidate) string { return bytesUnlessZero(c.RSSBytes) })},
	{"checks", true, true, func(_ *Build, c *Candidate) string { return checks(c) }},
	{"verdict", true, false, func(b *Build, c *Candidate) string { return verdict(b, c) }},
}

// built leaves the cell of a candidate that has no image empty: zero would be
// a measurement.
func built(f func(*Candidate) string) func(*Build, *Candidate) string {
	return func(_ *Build, c *Candidate) string {
		if c.Layers == 0 {
			return "–"
		}
		return f(c)
	}
}

func (b *Build) table(w io.Writer, width int) error {
	var s strings.Builder
	for _, cols := range b.fitting(width) {
		s.WriteString(b.grid(cols, false) + "\n\n")
	}
	b.reasons(&s, width)
	b.waterfall(&s)
	s.WriteString(b.ContextText())
	b.tail(&s)
	_, err := io.WriteString(w, s.String())
	return err
}

// fitting shares the columns among as many tables as the width asks for, each with the candidates' names.
func (b *Build) fitting(width int) [][]column {
	if width <= 0 || widest(b.grid(columns, false)) <= width {
		return [][]column{columns}
	}
	name, rest := columns[0], slices.Clone(columns[1:])
	slices.SortStableFunc(rest, func(x, y column) int { return cmp.Compare(order(x), order(y)) })
	var out [][]column
	for now := []column{name}; len(rest) > 0; now = []column{name} {
		for len(rest) > 0 && (len(now) == 1 || widest(b.grid(append(now, rest[0]), false)) <= width) {
			now, rest = append(now, rest[0]), rest[1:]
		}
		out = append(out, now)
	}
	return out
}

func order(c column) int {
	if c.first {
		return 0
	}
	return 1
}

func (b *Build) grid(cols []column, markdown bool) string {
	t := table.NewWriter()
	t.SetStyle(plain)
	t.SuppressTrailingSpaces()
	var head table.Row
	var conf []table.ColumnConfig
	for _, col := range cols {
		head = append(head, col.title)
		c := table.ColumnConfig{Number: len(head)}
		if col.right {
			c.Align, c.AlignHeader = text.AlignRight, text.AlignRight
		}
		conf = append(conf, c)
	}
	t.AppendHeader(head)
	t.SetColumnConfigs(conf)
	for i := range b.Candidates {
		var row table.Row
		for _, col := range cols {
			row = append(row, col.cell(b, &b.Candidates[i]))
		}
		t.AppendRow(row)
	}
	if markdown {
		return t.RenderMarkdown()
	}
	return t.Render()
}

// plain is a table without frames: it reads well, copies well and greps well.
var plain = func() table.Style {
	s := table.StyleDefault
	s.Options = table.OptionsNoBordersAndSeparators
	s.Options.SeparateHeader = true
	s.Box.MiddleHorizontal = "─"
	s.Box.PaddingLeft, s.Box.PaddingRight = "", "  "
	s.Format.Header = text.FormatDefault
	return s
}()

func (b *Build) reasons(s *strings.Builder, width int) {
	for i := range b.Candidates {
		c := &b.Candidates[i]
		if c.Reason == "" && len(c.Notes) == 0 && len(c.Details) == 0 {
			continue
		}
		fmt.Fprintf(s, "%s\n", wrap(c.Name+": "+cmp.Or(c.Reason, verdict(b, c)), width, "  "))
		for _, n := range c.Notes {
			fmt.Fprintf(s, "  · %s\n", wrap(n, width, "    "))
		}
		for _, d := range c.Details {
			fmt.Fprintf(s, "    %s\n", indent(d, "    "))
		}
		s.WriteString("\n")
	}
}

func (b *Build) waterfall(s *strings.Builder) {
	w, o := b.Find(b.Winner), b.Find("original")
	if len(b.Waterfall) == 0 || w == nil || o == nil || w == o {
		return
	}
	t := table.NewWriter()
	t.SetStyle(plain)
	t.SuppressTrailingSpaces()
	// The columns: the original, what a carved winner was made from, the winner.
	header := table.Row{"where the bytes on disk went", "original"}
	if b.Waterfall[0].Via != nil {
		header = append(header, Clean(w.Base))
	}
	t.AppendHeader(append(header, Clean(w.Name), "saved"))
	right := make([]table.ColumnConfig, len(header)+1)
	for i := range right {
		right[i] = table.ColumnConfig{Number: i + 2, Align: text.AlignRight, AlignHeader: text.AlignRight}
	}
	t.SetColumnConfigs(right)
	sums := make([]int64, len(header))
	row := func(what string, sizes []int64) {
		r := table.Row{what}
		for _, n := range sizes {
			r = append(r, Bytes(n))
		}
		t.AppendRow(append(r, Bytes(sizes[0]-sizes[len(sizes)-1])))
	}
	for _, st := range b.Waterfall {
		sizes := []int64{st.Before, st.After}
		if st.Via != nil {
			sizes = []int64{st.Before, *st.Via, st.After}
		}
		for i, n := range sizes {
			sums[i] += n
		}
		row(Clean(st.What), sizes)
	}
	row("all", sums)
	s.WriteString(t.Render() + "\n\n")
}

// ContextText shows what a better .dockerignore keeps out, "" when there is nothing.
func (b *Build) ContextText() string {
	if b.Context == nil || len(b.Context.Items) == 0 {
		return ""
	}
	var s strings.Builder
	fmt.Fprintf(&s, "build context: %s, with the candidates' .dockerignore %s\n", Bytes(b.Context.Before), Bytes(b.Context.After))
	for _, i := range b.Context.Items {
		fmt.Fprintf(&s, "  %-24s %10s  %s\n", Clean(i.Pattern), Bytes(i.Bytes), Clean(i.Why))
	}
	s.WriteString("\n")
	return s.String()
}

func (b *Build) tail(s *strings.Builder) {
	if w := b.Find(b.Winner); w != nil {
		fmt.Fprintf(s, "winner: %s, %s to pull, %s on disk", Clean(w.Name), Bytes(w.PullBytes), Bytes(w.DiskBytes))
		if o := b.Find("original"); o != nil && o != w && w.PullBytes > 0 {
			fmt.Fprintf(s, " (%.1f × less to pull than the original)", float64(o.PullBytes)/float64(w.PullBytes))
		}
		s.WriteString("\n")
		if x := b.lightestWithheld(); x != nil && x.PullBytes < w.PullBytes {
			fmt.Fprintf(s, "lighter still: %s, %s to pull; it passes its checks, but on %s: --allow libc lets it win\n", Clean(x.Name), Bytes(x.PullBytes), Clean(x.Libc))
		}
	} else {
		s.WriteString("winner: none, no candidate passed\n")
	}
	checks := b.Checks
	if o := b.Find("original"); o != nil {
		checks = checks.by(o.ChecksPassed, o.ChecksTotal)
	}
	outcome(s, b.Budget, b.Written, b.Bills, b.Next, checks)
}

// outcome says what was written, and what a user would do now.
func outcome(s *strings.Builder, budget []Budget, written []Written, bills []Bill, next []string, checks Checks) {
	for _, x := range budget {
		state := "within"
		if x.Over() {
			state = "OVER"
		}
		fmt.Fprintf(s, "budget: %s %s of %s: %s\n", x.What, Bytes(x.Found), Bytes(x.Limit), state)
	}
	for _, x := range written {
		fmt.Fprintf(s, "written: %s@%s, %s to pull%s\n", Clean(x.Dest), x.Digest, Bytes(x.PullBytes), x.note())
	}
	for _, b := range bills {
		fmt.Fprintf(s, "packages: %s\n", b)
	}
	for _, n := range next {
		fmt.Fprintf(s, "  %s\n", Clean(n))
	}
	if checks.YAML != "" {
		s.WriteString("\nThe checks were guessed:\n")
		for _, r := range checks.Why {
			fmt.Fprintf(s, "  · %s\n", Clean(r))
		}
		if checks.wrong { // as a guess may be
			s.WriteString("If the program is sound, say in lighten.yaml what it needs, env: of what `docker run -e` sets and services: of what runs beside it, or what it does instead, exit: of one that ends by itself, with args: that make it work (docs/checks.md has all kinds). Guessed was:\n\n")
		} else {
			s.WriteString("Keep them as lighten.yaml, and add what matters to you:\n\n")
		}
		for l := range strings.Lines(checks.YAML) { // a HEALTHCHECK in it is foreign text
			s.WriteString(Clean(strings.TrimSuffix(l, "\n")) + "\n")
		}
	}
}

// lightestWithheld is the candidate that would win if it were let, nil when there is none.
func (b *Build) lightestWithheld() *Candidate {
	var best *Candidate
	for i := range b.Candidates {
		if c := &b.Candidates[i]; c.Verdict == Withheld && (best == nil || c.PullBytes < best.PullBytes) {
			best = c
		}
	}
	return best
}

func (b *Build) markdown(w io.Writer) error {
	var s strings.Builder
	fmt.Fprintf(&s, "### %s\n\n", Clean(b.Project))
	s.WriteString(b.grid(columns, true) + "\n")
	var tail strings.Builder
	b.reasons(&tail, 0)
	b.waterfall(&tail)
	b.tail(&tail)
	fmt.Fprintf(&s, "\n```text\n%s\n```\n", strings.Trim(strings.ReplaceAll(tail.String(), "```", "'''"), "\n"))
	_, err := io.WriteString(w, s.String())
	return err
}

func mark(b *Build, c *Candidate) string {
	if c.Name == b.Winner {
		return "* "
	}
	return "  "
}

func verdict(b *Build, c *Candidate) string {
	switch {
	case c.Name == b.Winner && c.Verdict == Passed:
		return "winner"
	case c.Verdict == Withheld:
		return "needs --allow"
	case c.Verdict == Broken:
		return "does not build"
	}
	return c.Verdict
}

func checks(c *Candidate) string {
	if c.ChecksTotal == 0 {
		return "–"
	}
	return fmt.Sprintf("%d/%d", c.ChecksPassed, c.ChecksTotal)
}

// shortBase drops what a Dockerfile would not say either.
func shortBase(s string) string {
	s, _, _ = strings.Cut(s, "@sha256:")
	for _, p := range []string{"docker.io/library/", "docker.io/"} {
		s = strings.TrimPrefix(s, p)
	}
	return s
}

// Clean makes foreign text safe for a terminal: control characters, escape
// sequences among them, become visible escapes; line feeds become spaces.
func Clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case r < 0x20 || r == 0x7f || (r >= 0x80 && r < 0xa0) || (r >= '\u202a' && r <= '\u202e') || (r >= '\u2066' && r <= '\u2069'):
			return '\uFFFD'
		}
		return r
	}, s)
}

func indent(s, by string) string {
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	for i := range lines {
		lines[i] = Clean(lines[i])
	}
	return strings.Join(lines, "\n"+by)
}

// wrap is a text that fits the width, which 0 leaves open; the second line and later ones begin with by.
func wrap(s string, width int, by string) string {
	s = indent(s, by)
	if width <= 0 {
		return s
	}
	var out, line strings.Builder
	used := 0
	for _, word := range strings.Split(s, " ") {
		n := text.StringWidthWithoutEscSequences(word)
		if used > 0 && len(by)+used+1+n > width {
			out.WriteString(line.String() + "\n" + by)
			line.Reset()
			used = 0
		} else if used > 0 {
			line.WriteByte(' ')
			used++
		}
		line.WriteString(word)
		used += n
	}
	return out.String() + line.String()
}

func widest(s string) int {
	n := 0
	for l := range strings.SplitSeq(s, "\n") {
		n = max(n, text.StringWidthWithoutEscSequences(l))
	}
	return n
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func unlessZero(v float64, format string) string {
	if v == 0 {
		return "–"
	}
	return fmt.Sprintf(format, v)
}

func bytesUnlessZero(n int64) string {
	if n == 0 {
		return "–"
	}
	return Bytes(n)
}

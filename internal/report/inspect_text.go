package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// markdown is the report for a pull request: figures first, everything long folded away.
func (r *Inspect) markdown(w io.Writer) error {
	var s strings.Builder
	fmt.Fprintf(&s, "### %s\n\n", markdownText(r.Image))
	fmt.Fprintf(&s, "**%s** to pull, **%s** on disk, **%s** wasted (efficiency %.1f %%), %s, %s\n\n",
		approx(r.PullEstimated)+Bytes(r.PullBytes), Bytes(r.DiskBytes), Bytes(r.WastedBytes), 100*r.Efficiency, count(len(r.Layers), "layer"), count(r.Packages, "package"))
	if r.Base != nil {
		fmt.Fprintf(&s, "Base: %s (%s)\n\n", markdownText(r.Base.Name), markdownText(r.Base.How))
	}
	if len(r.Budget) > 0 {
		sec := &section{head: []string{"budget", "found", "limit", ""}, right: map[int]bool{1: true, 2: true}}
		for _, l := range r.Budget {
			state := "within"
			if l.Over() {
				state = "**over**"
			}
			sec.add(markdownText(l.What), l.value(l.Found), l.value(l.Limit), state)
		}
		s.WriteString(sec.render(0, true) + "\n\n")
	}
	if len(r.Findings) > 0 {
		sec := &section{head: []string{"finding", "files", "disk", "pull", "largest place", "advice"}, right: map[int]bool{1: true, 2: true, 3: true}}
		for _, f := range r.Findings {
			place := ""
			if len(f.Places) > 0 {
				place = markdownText(f.Places[0].text(0))
			}
			sec.add(markdownText(f.Title), strconv.Itoa(f.Files), bytesUnlessZero(f.Bytes), approx(!f.Exact && f.PullBytes > 0)+bytesUnlessZero(f.PullBytes), place, markdownText(f.Advice))
		}
		s.WriteString(sec.render(0, true) + "\n\n")
	}
	fmt.Fprintf(&s, "<details><summary>Layers</summary>\n\n%s\n\n</details>\n", markdownRows(r.layerSection()).render(0, true))
	if len(r.Owners) > 0 {
		fmt.Fprintf(&s, "\n<details><summary>Who brought what is seen</summary>\n\n%s\n\n</details>\n", markdownRows(r.ownerSection()).render(0, true))
	}
	_, err := io.WriteString(w, s.String())
	return err
}

func markdownRows(s *section) *section {
	for _, r := range s.rows {
		for n := range r {
			r[n] = markdownText(r[n])
		}
	}
	return s
}

// markdownText shows a foreign text as it is: no markup, no HTML, no mention of anybody.
func markdownText(s string) string {
	return strings.NewReplacer("\\", "\\\\", "`", "\\`", "*", "\\*", "_", "\\_", "[", "\\[", "]", "\\]", "<", "&lt;", ">", "&gt;", "&", "&amp;", "#", "\\#", "@", "&#64;", "~", "\\~").Replace(Clean(s))
}

// csv writes a line for each layer and each place of a finding.
func (r *Inspect) csv(w io.Writer) error {
	c := csv.NewWriter(w)
	rows := [][]string{{"kind", "name", "layer", "hidden_by", "path", "note", "files", "bytes", "pull_bytes"}}
	n := func(v int64) string { return strconv.FormatInt(v, 10) }
	for _, l := range r.Layers {
		rows = append(rows, []string{"layer", l.Step, strconv.Itoa(l.Index), "", "", "", strconv.Itoa(l.Files), n(l.DiskBytes), n(l.PullBytes)})
	}
	for _, f := range r.Findings {
		for _, p := range f.Places {
			rows = append(rows, []string{f.Class, f.Rule, number(p.Layer), number(p.HiddenBy), p.Path, p.Note, strconv.Itoa(p.Files), n(p.Bytes), n(p.PullBytes)})
		}
	}
	for _, o := range r.Owners {
		rows = append(rows, []string{"owner", strings.TrimSpace(o.Ecosystem + " " + o.Name + " " + o.Version), number(o.Layer), "", "", "", strconv.Itoa(o.Files), n(o.Bytes), n(o.PullBytes)})
	}
	for _, f := range r.Files {
		rows = append(rows, []string{"file", f.Category, number(f.Layer), number(f.HiddenBy), f.Path, f.Hidden, "1", n(f.Bytes), n(f.PullBytes)})
	}
	for _, row := range rows {
		for i := range row {
			row[i] = csvText(row[i])
		}
		if err := c.Write(row); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}

func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// csvText keeps a spreadsheet from taking a foreign text for a formula (OWASP, CSV injection).
func csvText(s string) string {
	s = Clean(s)
	if s != "" && strings.ContainsRune("=+-@", rune(s[0])) {
		return "'" + s
	}
	return s
}

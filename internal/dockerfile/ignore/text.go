package ignore

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// finish turns the findings into items and writes the text.
func (s *scan) finish(current []byte) {
	for n := range rules {
		s.report.Items = append(s.report.Items, s.items(&rules[n])...)
	}
	s.report.ContextAfter = s.report.ContextBefore
	for _, i := range s.report.Items {
		s.report.ContextAfter -= i.Bytes
	}
	s.report.Text = render(current, s.report.Items)
}

// items are the lines of a rule, sorted.
func (s *scan) items(r *rule) []Item {
	var out []Item
	for _, f := range s.found {
		if f.rule != r || len(f.places) == 0 {
			continue
		}
		if !s.clashes[f.pattern] {
			out = append(out, Item{Pattern: f.pattern, Group: r.group, Why: r.why, Files: f.files, Bytes: f.bytes})
			continue
		}
		// What lies beyond the places remembered stays: better too much than a file that the build needs.
		for _, p := range f.places {
			out = append(out, Item{Pattern: escape(p.path), Group: r.group, Why: r.why, Files: p.files, Bytes: p.bytes})
		}
	}
	slices.SortFunc(out, func(a, b Item) int { return strings.Compare(a.Pattern, b.Pattern) })
	return out
}

func render(current []byte, items []Item) []byte {
	if len(items) == 0 {
		return current
	}
	var b bytes.Buffer
	b.Write(current)
	nl := "\n"
	if bytes.Contains(current, []byte("\r\n")) {
		nl = "\r\n"
	}
	if len(current) > 0 && !bytes.HasSuffix(current, []byte("\n")) {
		b.WriteString(nl)
	}
	for n := 0; n < len(items); {
		end := n
		files, size := 0, int64(0)
		for ; end < len(items) && items[end].Group == items[n].Group; end++ {
			files += items[end].Files
			size += items[end].Bytes
		}
		if b.Len() > 0 {
			b.WriteString(nl)
		}
		fmt.Fprintf(&b, "# %s (%s, %s when this was written)%s", items[n].Group, count(files), Bytes(size), nl)
		why := ""
		for ; n < end; n++ {
			if items[n].Why != why {
				why = items[n].Why
				fmt.Fprintf(&b, "# %s%s", why, nl)
			}
			b.WriteString(items[n].Pattern + nl)
		}
	}
	return b.Bytes()
}

func count(n int) string {
	if n == 1 {
		return "1 file"
	}
	return fmt.Sprintf("%d files", n)
}

// Bytes writes a size as docker does: three digits, powers of 1000.
func Bytes(n int64) string {
	units := []string{"B", "kB", "MB", "GB", "TB"}
	v := float64(n)
	k := 0
	for v >= 999.5 && k < len(units)-1 {
		v /= 1000
		k++
	}
	if k == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.3g %s", v, units[k])
}

package explore

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lighten/lighten/internal/report"
)

// detail says in n lines all there is to say of what the cursor is on.
func (m *Model) detail(n int) []string {
	var texts []string
	switch {
	case m.screen == findings:
		texts = m.aboutFinding()
	case m.screen == owners:
		texts = m.aboutOwner()
	case m.onTree:
		t := m.tree()
		texts = m.aboutPath(t, t.node())
	default:
		texts = m.aboutLayer(m.layers.at)
	}
	texts = slices.DeleteFunc(texts, func(s string) bool { return s == "" })
	var lines []string
	for i, s := range texts {
		if room := n - len(lines) - (len(texts) - 1 - i); room > 0 { // what comes later has a line each
			lines = append(lines, m.wrap(s, room)...)
		}
	}
	return lines
}

func (m *Model) join(parts ...string) string {
	var all []string
	for _, p := range parts {
		if p != "" {
			all = append(all, p)
		}
	}
	return strings.Join(all, m.glyphs.dot)
}

func (m *Model) aboutLayer(i int) []string {
	r := m.report
	if i == 0 {
		texts := []string{m.join(count(len(r.Layers), "layer"), count(r.FileCount, "file"), count(r.Packages, "package"), clean(r.Libc), "runs as "+clean(r.User))}
		if b := r.Base; b != nil {
			first := ""
			if b.Layers > 0 {
				first = ", the first " + count(b.Layers, "layer")
			}
			texts = append(texts, clean("base: "+b.Name+first+" ("+b.How+")"), clean(b.Advice))
		}
		return append(texts, clean(r.Digest))
	}
	l := &r.Layers[i-1]
	return []string{
		m.join(fmt.Sprintf("layer %d of %d", i, len(r.Layers)), estimate(l.PullBytes, !l.PullEstimated)+" to pull", count(l.Files, "file"), clean(l.Source)),
		m.join(kinds("hidden later: ", l.HiddenByKind), kinds("hides: ", l.HidesByKind)),
		clean(l.Step),
	}
}

func kinds(what string, all []report.InspectAmount) string {
	var parts []string
	for _, a := range all {
		parts = append(parts, fmt.Sprintf("%s %s", report.Bytes(a.Bytes), a.Kind))
	}
	if len(parts) == 0 {
		return ""
	}
	return what + strings.Join(parts, ", ")
}

// aboutPath tells of a path what a line of the tree has no room for.
func (m *Model) aboutPath(t *tree, i int32) []string {
	n := &t.nodes[i]
	texts := []string{clean(n.path)}
	if n.file < 0 {
		return append(texts, "directory, "+count(int(n.files), "file")+" below")
	}
	f := &m.report.Files[n.file]
	texts[0] += m.target(f)
	kind := fmt.Sprintf("%s %s %d:%d", f.Type, f.Mode, f.UID, f.GID)
	if n.isDir(i) {
		texts[0] = clean(n.path)
		return append(texts, m.join(kind, count(int(n.files), "file")+" below"))
	}
	owner := ""
	if f.Owner >= 0 && f.Owner < len(m.report.Owners) {
		if o := &m.report.Owners[f.Owner]; o.Ecosystem != "" {
			owner = clean(ownerName(o))
		} else {
			owner = "of no package"
		}
	}
	texts = append(texts, m.join(kind, fmt.Sprintf("layer %d", f.Layer), fmt.Sprintf("%s, %s to pull", report.Bytes(f.Bytes), estimate(f.PullBytes, false)), owner))
	if f.HiddenBy > 0 {
		texts = append(texts, fmt.Sprintf("hidden by layer %d (%s): %s", f.HiddenBy, f.Hidden, clean(m.step(f.HiddenBy))))
	}
	for _, x := range m.report.Findings {
		if x.Rule == f.Category {
			texts = append(texts, clean(x.Title+": "+x.Advice))
		}
	}
	return texts
}

func (m *Model) step(layer int) string {
	if layer < 1 || layer > len(m.report.Layers) {
		return ""
	}
	return m.report.Layers[layer-1].Step
}

// count is a number of things.
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

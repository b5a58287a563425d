package explore

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/lighten/lighten/internal/report"
)

// sizeWidth is how wide a column of sizes is: "999.9MB" and a space on each side.
const sizeWidth = 9

// barFrom is the width from which on there is room for bars.
const (
	barFrom  = 100
	barWidth = 10
)

// fileBody is the layers and below them the tree, or, without room for both, the one that the keys are for.
func (m *Model) fileBody(from, room int) []string {
	t := m.tree()
	if room < 8 {
		if m.onTree {
			return m.lines(&t.list, from, room, m.treeHead(t), true, m.treeLine(t))
		}
		return m.lines(&m.layers, from, room, m.layerHead(), true, m.layerLine)
	}
	above := min(m.layers.n, max(3, room/3)) + 1
	lines := m.lines(&m.layers, from, above, m.layerHead(), !m.onTree, m.layerLine)
	return append(lines, m.lines(&t.list, from+len(lines), room-len(lines), m.treeHead(t), m.onTree, m.treeLine(t))...)
}

func (m *Model) layerHead() string {
	return "  layer" + m.right("size", sizeWidth) + m.right("waste", sizeWidth) + m.right("hides", sizeWidth) + "  step"
}

func (m *Model) layerLine(i int) []span {
	if i == 0 {
		return m.sizes("  all", m.report.DiskBytes, m.layerWaste(0), 0, span{"  the whole image", boldStyle})
	}
	l := &m.report.Layers[i-1]
	return m.sizes(fmt.Sprintf("%5d", l.Index), l.DiskBytes, m.layerWaste(i), l.HidesBytes, span{"  " + clean(l.Step), plainStyle})
}

func (m *Model) sizes(name string, size, waste, hides int64, last span) []span {
	return []span{{name, plainStyle}, {m.right(amount(size), sizeWidth), plainStyle}, {m.right(amount(waste), sizeWidth), wastedStyle}, {m.right(amount(hides), sizeWidth), hiddenStyle}, last}
}

// layerWaste is how many bytes of a layer, or of all, are in a finding.
func (m *Model) layerWaste(layer int) int64 {
	if m.waste == nil {
		m.waste = make([]int64, len(m.report.Layers)+1)
		for i := range m.report.Files {
			f := &m.report.Files[i]
			m.waste[f.Layer] += f.Wasted
			m.waste[0] += f.Wasted
		}
	}
	return m.waste[layer]
}

// treeHead says what the columns are, and which of its paths a tree shows.
func (m *Model) treeHead(t *tree) string {
	column := func(name string, o order) string {
		if t.order == o {
			name += m.glyphs.sorted
		}
		return name
	}
	s := "     " + m.right(column("size", bySize), sizeWidth) + m.right(column("waste", byWaste), sizeWidth)
	if t.layer == 0 {
		s += m.right("in", 5)
	} else {
		s += m.right("hides", sizeWidth)
	}
	if m.width >= barFrom {
		s += strings.Repeat(" ", barWidth+2)
	}
	s += "  " + column("path", byName)
	if t.layer > 0 {
		s += fmt.Sprintf(" in layer %d", t.layer)
	}
	if only := m.only(t); only != "" {
		s += ", only " + only + " (esc: all)"
	}
	return s
}

// only says what the filter lets through.
func (m *Model) only(t *tree) string {
	var all []string
	for _, f := range filterKeys {
		if t.filter.marks&f.mark != 0 {
			all = append(all, f.name)
		}
	}
	s := strings.Join(all, " or ")
	if t.filter.owner > 0 {
		s = strings.TrimSpace(s + " of " + clean(ownerName(&m.report.Owners[t.filter.owner-1])))
	}
	for _, f := range m.report.Findings {
		if f.Rule == t.filter.category {
			s = strings.TrimSpace(s + " " + clean(f.Title))
		}
	}
	return s
}

// treeLine draws rows of a tree.
func (m *Model) treeLine(t *tree) func(i int) []span {
	return func(i int) []span {
		r := t.rows[i]
		n := &t.nodes[r.node]
		what, style := letter(n.mark, t.layer)
		spans := []span{
			{what, style}, {waste(n.mark), hiddenStyle}, {" ", plainStyle},
			{m.right(amount(n.size), sizeWidth), plainStyle}, {m.right(amount(n.waste), sizeWidth), wastedStyle},
		}
		if t.layer == 0 {
			spans = append(spans, span{m.right(t.from(r.node), 5), headStyle})
		} else {
			spans = append(spans, span{m.right(amount(n.hides), sizeWidth), removedStyle})
		}
		if m.width >= barFrom {
			spans = append(spans, span{"  " + m.bar(n.size, t.nodes[0].size), style})
		}
		fold, name := "  ", clean(n.name())
		if n.isDir(r.node) {
			fold = m.glyphs.closed
			if n.open {
				fold = m.glyphs.open
			}
			style = style.Bold()
			if r.node > 0 {
				name += "/"
			}
		} else if n.file >= 0 {
			name += m.target(&t.report.Files[n.file])
		}
		return append(spans, span{"  " + strings.Repeat("  ", int(r.depth)) + fold, headStyle}, span{name, style})
	}
}

// from is the layer of a file that a container sees.
func (t *tree) from(i int32) string {
	if n := &t.nodes[i]; n.file >= 0 && !n.isDir(i) {
		return fmt.Sprint(t.report.Files[n.file].Layer)
	}
	return ""
}

func (m *Model) target(f *report.InspectFile) string {
	switch f.Type {
	case "symlink":
		return m.glyphs.arrow + clean(f.Target)
	case "link":
		return " = " + clean(f.Target)
	case "dir":
		return "/"
	}
	return ""
}

// letter says what became of a path. In the whole image most are as one layer brought them, which needs no letter.
func letter(k mark, layer int) (string, ansi.Style) {
	switch {
	case k&removed != 0:
		return "R", removedStyle
	case k&changed != 0:
		return "C", changedStyle
	case k&added != 0 && layer > 0:
		return "A", addedStyle
	}
	return " ", plainStyle
}

func waste(k mark) string {
	switch {
	case k&hidden != 0:
		return "H"
	case k&wasted != 0:
		return "W"
	}
	return " "
}

func (m *Model) bar(part, whole int64) string {
	n := 0
	if whole > 0 {
		n = int((part*barWidth + whole/2) / whole)
	}
	n = min(max(n, 0), barWidth)
	return strings.Repeat(m.glyphs.bar, n) + strings.Repeat(" ", barWidth-n)
}

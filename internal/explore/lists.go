package explore

import (
	"fmt"
	"strings"

	"github.com/lighten/lighten/internal/report"
)

// findingBody is the findings with their places.
func (m *Model) findingBody(from, room int) []string {
	if len(m.report.Findings) == 0 && room > 0 {
		return []string{m.line(false, span{"  nothing was found", plainStyle})}
	}
	head := "  " + m.right("files", 7) + m.right("disk", sizeWidth) + m.right("pull", sizeWidth+1) + "  finding"
	return m.lines(&m.findings.list, from, room, head, true, m.findingLine)
}

func (m *Model) findingLine(i int) []span {
	row := m.findings.rows[i]
	f := &m.report.Findings[row.finding]
	if row.place >= 0 {
		p := &f.Places[row.place]
		return append(m.counts(p.Files, p.Bytes, p.PullBytes, f.Exact), span{"  " + strings.Repeat(" ", classWidth+3) + placeText(p), plainStyle})
	}
	fold := m.glyphs.closed
	if m.findings.open[row.finding] {
		fold = m.glyphs.open
	}
	style := headStyle
	switch f.Class {
	case "overlay":
		style = hiddenStyle
	case "cost":
		style = wastedStyle
	case "security":
		style = removedStyle
	}
	return append(m.counts(f.Files, f.Bytes, f.PullBytes, f.Exact), span{"  " + fold, headStyle}, span{m.left(classNames[f.Class], classWidth) + " ", style}, span{clean(f.Title), boldStyle})
}

// classNames say in a word what the classes of findings are about.
var classNames = map[string]string{"overlay": "hidden", "cost": "needless", "security": "open", "note": "note"}

const classWidth = 8

// placeText says where a place is, and in which layer.
func placeText(p *report.InspectPlace) string {
	s := clean(p.Path)
	if p.Note != "" {
		if s != "" {
			s += ", "
		}
		s += clean(p.Note)
	}
	switch {
	case p.HiddenBy > 0 && p.HiddenBy != p.Layer:
		s += fmt.Sprintf(" (layer %d, hidden by %d)", p.Layer, p.HiddenBy)
	case p.Layer > 0:
		s += fmt.Sprintf(" (layer %d)", p.Layer)
	}
	return s
}

func (m *Model) counts(files int, bytes, pull int64, exact bool) []span {
	p := "-"
	if pull > 0 {
		p = estimate(pull, exact)
	}
	return []span{{m.right(fmt.Sprint(files), 7), plainStyle}, {m.right(amount(bytes), sizeWidth), plainStyle}, {m.right(p, sizeWidth+1), headStyle}}
}

func (m *Model) aboutFinding() []string {
	r, ok := m.findings.row()
	if !ok {
		return nil
	}
	f := &m.report.Findings[r.finding]
	if r.place >= 0 {
		return []string{placeText(&f.Places[r.place]), clean(f.Advice)}
	}
	texts := []string{clean(f.Title + ": " + f.Advice)}
	if f.Others > 0 {
		texts = append(texts, count(f.Others, "smaller place")+" not listed")
	}
	return texts
}

// ownerBody is who brought what a container sees.
func (m *Model) ownerBody(from, room int) []string {
	head := "  " + m.right("files", 7) + m.right("disk", sizeWidth) + m.right("pull", sizeWidth+1) + "  who brought what a container sees"
	return m.lines(&m.owners, from, room, head, true, m.ownerLine)
}

func (m *Model) ownerLine(i int) []span {
	o := &m.report.Owners[i]
	kind, name := o.Ecosystem, strings.TrimSpace(o.Name+" "+o.Version)
	if kind == "" {
		kind = fmt.Sprintf("layer %d", o.Layer)
	}
	return append(m.counts(o.Files, o.Bytes, o.PullBytes, false), span{"  " + m.left(clean(kind), 9) + " ", headStyle}, span{clean(name), boldStyle})
}

func (m *Model) aboutOwner() []string {
	if m.owners.n == 0 {
		return nil
	}
	o := &m.report.Owners[m.owners.at]
	return []string{clean(ownerName(o)), fmt.Sprintf("%.1f %% of what a container sees", 100*share(o.Bytes, m.report.VisibleBytes))}
}

func share(part, whole int64) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

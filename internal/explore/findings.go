package explore

import (
	"fmt"
	"strings"

	"github.com/lighten/lighten/internal/report"
)

// findingList is the findings, each with its places when it is open.
type findingList struct {
	list
	report *report.Inspect
	open   map[int]bool
	rows   []findingRow
}

type findingRow struct{ finding, place int } // place -1: the finding itself

func (l *findingList) refresh() {
	l.rows = l.rows[:0]
	for n, f := range l.report.Findings {
		l.rows = append(l.rows, findingRow{n, -1})
		for p := range f.Places {
			if l.open[n] {
				l.rows = append(l.rows, findingRow{n, p})
			}
		}
	}
	l.n = len(l.rows)
	l.move(0)
}

// row returns what is under the cursor; false when there is nothing.
func (l *findingList) row() (findingRow, bool) {
	if l.at >= len(l.rows) {
		return findingRow{}, false
	}
	return l.rows[l.at], true
}

func (l *findingList) fold(r findingRow, open bool) {
	if l.open == nil {
		l.open = map[int]bool{}
	}
	l.open[r.finding] = open
	if !open {
		for l.at > 0 && l.rows[l.at].place >= 0 {
			l.at--
		}
	}
	l.refresh()
}

// findingKey is for the findings.
func (m *Model) findingKey(k string) {
	l := &m.findings
	r, ok := l.row()
	if !ok {
		return
	}
	switch k {
	case "enter", "space":
		if r.place >= 0 {
			m.showPlace(r)
		} else {
			l.fold(r, !l.open[r.finding])
		}
	case "right":
		if r.place < 0 && !l.open[r.finding] {
			l.fold(r, true)
		} else {
			l.move(1)
		}
	case "left":
		l.fold(r, false)
	case "f":
		f := &m.report.Findings[r.finding]
		if f.Class != "overlay" && f.Class != "cost" {
			m.message = "these are no files of their own: enter shows the places"
			return
		}
		m.show(0, filter{category: f.Rule})
	}
}

// showPlace goes to where a place lies: in the layer that holds it, or in the image.
func (m *Model) showPlace(r findingRow) {
	f := &m.report.Findings[r.finding]
	p := &f.Places[r.place]
	if !strings.HasPrefix(p.Path, "/") {
		m.message = "this is no path"
		return
	}
	layer := 0
	if p.HiddenBy > 0 {
		layer = p.Layer
	}
	t := m.show(layer, filter{})
	i := t.lookup(p.Path)
	t.reveal(i)
	if t.nodes[i].path != p.Path {
		m.message = "this is the nearest that is left of it"
	}
}

// showOwner goes to the files of an owner.
func (m *Model) showOwner(n int) { m.show(0, filter{owner: n + 1}) }

// ownerName is a package, or a layer.
func ownerName(o *report.InspectOwner) string {
	if o.Ecosystem == "" {
		return fmt.Sprintf("layer %d %s", o.Layer, o.Name)
	}
	return strings.TrimSpace(o.Ecosystem + " " + o.Name + " " + o.Version)
}

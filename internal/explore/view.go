package explore

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/lighten/lighten/internal/report"
)

// View draws the screen.
func (m *Model) View() tea.View {
	v := tea.NewView(m.draw())
	v.AltScreen = true
	v.WindowTitle = "lighten inspect " + clean(m.report.Image)
	if !m.noMouse {
		v.MouseMode = tea.MouseModeCellMotion
	}
	return v
}

// Heights from which on there is room for more than lists.
const (
	tabsFrom    = 3
	figuresFrom = 12
	detailFrom  = 16
	roomyFrom   = 30
)

// draw returns the screen, at most as high and wide as the terminal.
func (m *Model) draw() string {
	m.areas = areas{}
	if m.width <= 0 || m.height <= 0 {
		return ""
	}
	var lines []string
	if m.height >= tabsFrom {
		lines = append(lines, m.tabs())
	}
	if m.height >= figuresFrom {
		lines = append(lines, m.figures())
	}
	detail := 0
	switch {
	case m.help:
	case m.height >= roomyFrom:
		detail = 5
	case m.height >= detailFrom:
		detail = 4
	}
	room := m.height - len(lines) - detail
	if m.height > 1 {
		room-- // the keys
	}
	body := m.body(len(lines), room)
	lines = append(lines, body...)
	for range room - len(body) {
		lines = append(lines, "")
	}
	if detail > 0 {
		about := append([]string{m.rule()}, m.detail(detail-1)...)
		lines = append(lines, about...)
		for range detail - len(about) {
			lines = append(lines, "")
		}
	}
	if m.height > 1 {
		lines = append(lines, m.bottom())
	}
	return strings.Join(lines, "\n")
}

func (m *Model) body(from, room int) []string {
	switch {
	case m.help:
		return m.helpBody(room)
	case m.screen == findings:
		return m.findingBody(from, room)
	case m.screen == owners:
		return m.ownerBody(from, room)
	}
	return m.fileBody(from, room)
}

// tabs is the first line: the screens, and the image.
func (m *Model) tabs() string {
	var spans []span
	x := 0
	for s, name := range screenNames {
		text, style := fmt.Sprintf(" %d %s ", s+1, name), headStyle
		if screen(s) == m.screen {
			text, style = fmt.Sprintf("[%d %s]", s+1, name), boldStyle
		}
		m.areas.tabs[s] = [2]int{x, x + len(text)}
		x += len(text)
		spans = append(spans, span{text, style})
	}
	name := clean(m.report.Image)
	if room := m.width - x - 2 - len(m.report.Platform) - ansi.StringWidth(m.glyphs.dot); room >= 8 {
		if w := ansi.StringWidth(name); w > room { // of a reference the end tells most
			name = m.glyphs.more + ansi.TruncateLeft(name, w-room+1, "")
		}
		name += m.glyphs.dot + clean(m.report.Platform)
	}
	spans = append(spans, span{m.right(name, m.width-x-1), boldStyle})
	return m.line(false, spans...)
}

func (m *Model) figures() string {
	r := m.report
	figures := []string{
		estimate(r.PullBytes, !r.PullEstimated) + " to pull", report.Bytes(r.DiskBytes) + " on disk",
		fmt.Sprintf("%s hidden (%.1f %%)", report.Bytes(r.WastedBytes), 100*(1-r.Efficiency)),
	}
	if n := m.needless(); n > 0 {
		figures = append(figures, report.Bytes(n)+" needless")
	}
	return m.line(false, span{" " + strings.Join(figures, m.glyphs.dot), plainStyle})
}

// needless is what the image could do without.
func (m *Model) needless() (n int64) {
	for _, f := range m.report.Findings {
		if f.Class == "cost" {
			n += f.Bytes
		}
	}
	return n
}

func (m *Model) rule() string {
	return m.line(false, span{strings.Repeat(m.glyphs.rule, m.width), headStyle})
}

// lines draws what can be seen of a list below a head, and notes where it lies.
func (m *Model) lines(l *list, from, room int, head string, active bool, each func(i int) []span) []string {
	if room <= 0 {
		return nil
	}
	var out []string
	if room > 1 {
		out = append(out, m.line(false, span{head, headStyle}))
	}
	end := l.fit(room - len(out))
	m.areas.lists = append(m.areas.lists, area{from + len(out), from + len(out) + end - l.top, l})
	for i := l.top; i < end; i++ {
		cursor := "  "
		switch {
		case i == l.at && active:
			cursor = "> "
		case i == l.at:
			cursor = "* " // where the keys would be after a tab
		}
		out = append(out, m.line(active && i == l.at, append([]span{{cursor, boldStyle}}, each(i)...)...))
	}
	return out
}

// bottom is the last line: the query while it is typed, a message, or the keys.
func (m *Model) bottom() string {
	if m.typing {
		return m.line(false, span{"/", keyStyle}, span{clean(m.query), boldStyle}, span{"_  ", plainStyle}, span{m.message + "  enter keeps it, esc goes back", headStyle})
	}
	spans := []span{}
	if m.message != "" {
		spans = append(spans, span{" " + m.message + " ", boldStyle})
	}
	left := m.width - ansi.StringWidth(" "+m.message+" ")
	for _, k := range m.keysNow() {
		n := ansi.StringWidth(k.key) + 1 + ansi.StringWidth(k.what) + 2
		if n > left {
			continue
		}
		left -= n
		spans = append(spans, span{" " + k.key, keyStyle}, span{" " + k.what + " ", plainStyle})
	}
	return m.line(false, spans...)
}

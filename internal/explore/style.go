package explore

import (
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/lighten/lighten/internal/report"
)

// glyphs are the characters beyond letters, for terminals with and without Unicode.
type glyphs struct {
	open, closed, more, rule, arrow, bar, dot, sorted string
}

var (
	unicodeGlyphs = glyphs{open: "▾ ", closed: "▸ ", more: "…", rule: "─", arrow: " → ", bar: "█", dot: " · ", sorted: "↓"}
	asciiGlyphs   = glyphs{open: "- ", closed: "+ ", more: "..", rule: "-", arrow: " -> ", bar: "#", dot: ", ", sorted: " v"}
)

// The styles are the sixteen colours that every terminal has its own idea of, so that they fit its background. None
// says anything that a letter does not say too.
var (
	plainStyle   = ansi.Style{}
	headStyle    = ansi.Style{}.Faint()
	boldStyle    = ansi.Style{}.Bold()
	cursorStyle  = ansi.Style{}.Reverse(true)
	addedStyle   = ansi.Style{}.ForegroundColor(ansi.Green)
	changedStyle = ansi.Style{}.ForegroundColor(ansi.Yellow)
	removedStyle = ansi.Style{}.ForegroundColor(ansi.Red)
	hiddenStyle  = ansi.Style{}.ForegroundColor(ansi.Magenta)
	wastedStyle  = ansi.Style{}.ForegroundColor(ansi.Cyan)
	keyStyle     = ansi.Style{}.Bold().ForegroundColor(ansi.Blue)
)

// span is a piece of a line in one style.
type span struct {
	text  string
	style ansi.Style
}

// line joins spans to a line of the given width; a chosen one is reversed from edge to edge.
func (m *Model) line(chosen bool, spans ...span) string {
	var s strings.Builder
	left := m.width
	for _, x := range spans {
		text := m.cut(x.text, left)
		left -= ansi.StringWidth(text)
		if !chosen && len(x.style) > 0 {
			text = x.style.Styled(text)
		}
		s.WriteString(text)
	}
	if !chosen {
		return s.String()
	}
	return cursorStyle.Styled(s.String() + strings.Repeat(" ", max(left, 0)))
}

// cut shortens a text to a width.
func (m *Model) cut(s string, width int) string {
	if width <= 0 {
		return ""
	}
	return ansi.Truncate(s, width, m.glyphs.more)
}

// clean makes foreign text safe to show.
func clean(s string) string { return report.Clean(s) }

// right and left bring a text to a width.
func (m *Model) right(s string, width int) string {
	s = m.cut(s, width)
	return strings.Repeat(" ", max(width-ansi.StringWidth(s), 0)) + s
}

func (m *Model) left(s string, width int) string {
	s = m.cut(s, width)
	return s + strings.Repeat(" ", max(width-ansi.StringWidth(s), 0))
}

// wrap breaks a clean text into at most n lines.
func (m *Model) wrap(s string, n int) []string {
	lines := strings.Split(ansi.Wrap(s, max(m.width, 1), " "), "\n")
	if len(lines) > n {
		lines = lines[:n]
		if n > 0 {
			lines[n-1] = m.cut(lines[n-1]+" "+m.glyphs.more, m.width)
		}
	}
	return lines
}

// amount is a size, a dash for none.
func amount(n int64) string {
	if n == 0 {
		return "-"
	}
	return report.Bytes(n)
}

// estimate is a size that may be none.
func estimate(n int64, exact bool) string {
	if exact || n == 0 {
		return report.Bytes(n)
	}
	return "~" + report.Bytes(n)
}

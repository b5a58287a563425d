package report

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// inspectWidth is how wide the table is where nothing else is said.
const inspectWidth = 100

// shownOwners and shownPlaces are how many of each a person reads; JSON has all.
const (
	shownOwners = 12
	shownPlaces = 3

	// adviceFrom is the share of the image from which on advice is given on what could be saved: below it is a line of a table and no more.
	adviceFrom = 1.0 / 2000
)

// section is one of the tables of a report.
type section struct {
	head  []string
	right map[int]bool // columns, from 0
	wide  int          // the column that gives way when the table is too wide
	rows  [][]string
}

func (s *section) add(cells ...string) { s.rows = append(s.rows, cells) }

func (s *section) render(width int, markdown bool) string {
	t := table.NewWriter()
	t.SetStyle(plain)
	t.SuppressTrailingSpaces()
	t.AppendHeader(row(s.head))
	var conf []table.ColumnConfig
	for n := range s.head {
		c := table.ColumnConfig{Number: n + 1}
		if s.right[n] {
			c.Align, c.AlignHeader = text.AlignRight, text.AlignRight
		}
		conf = append(conf, c)
	}
	t.SetColumnConfigs(conf)
	room := s.room(width)
	for _, r := range s.rows {
		if !markdown && width > 0 {
			r = append([]string{}, r...)
			r[s.wide] = shorten(r[s.wide], room)
		}
		t.AppendRow(row(r))
	}
	if markdown {
		return t.RenderMarkdown()
	}
	return t.Render()
}

// room is what the other columns leave to the wide one.
func (s *section) room(width int) int {
	room := width - 2 // a table pads its last column too
	for n := range s.head {
		most := text.StringWidthWithoutEscSequences(s.head[n])
		for _, r := range s.rows {
			most = max(most, text.StringWidthWithoutEscSequences(r[n]))
		}
		if n != s.wide {
			room -= most
		}
		if n > 0 {
			room -= 2
		}
	}
	return max(room, 10)
}

func row(cells []string) table.Row {
	r := table.Row{}
	for _, c := range cells {
		r = append(r, c)
	}
	return r
}

// shorten cuts a text in its middle: of a path both ends tell most.
func shorten(s string, width int) string {
	if text.StringWidthWithoutEscSequences(s) <= width {
		return s
	}
	runes := []rune(s)
	head, tail := width/2, len(runes)-(width-width/2-1)
	for text.StringWidthWithoutEscSequences(string(runes[:head]))+text.StringWidthWithoutEscSequences(string(runes[tail:])) >= width && head > 1 {
		head--
		tail = min(tail+1, len(runes))
	}
	return string(runes[:head]) + "…" + string(runes[tail:])
}

func (r *Inspect) table(w io.Writer, width int) error {
	if width <= 0 {
		width = inspectWidth
	}
	var s strings.Builder
	s.WriteString(r.headline(width) + "\n")
	s.WriteString(r.layerSection().render(width, false) + "\n\n")
	for _, c := range inspectClasses {
		r.class(&s, c.name, c.title, width)
	}
	if len(r.Owners) > 0 {
		s.WriteString(r.ownerSection().render(width, false) + "\n\n")
	}
	r.verdict(&s, width)
	_, err := io.WriteString(w, strings.TrimRight(s.String(), "\n")+"\n")
	return err
}

var inspectClasses = []struct{ name, title string }{
	{"overlay", "what no container sees"}, {"cost", "what it could do without"}, {"security", "what is left open"}, {"note", "worth a look"},
}

func (r *Inspect) headline(width int) string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s\n", wrap(r.Image+", "+r.Platform, width, "  "))
	fmt.Fprintf(&s, "%s to pull, %s on disk, of which a container sees %s; %s wasted (%.1f %%)\n",
		approx(r.PullEstimated)+Bytes(r.PullBytes), Bytes(r.DiskBytes), Bytes(r.VisibleBytes), Bytes(r.WastedBytes), 100*(1-r.Efficiency))
	libc := Clean(r.Libc)
	if libc == "none" {
		libc = "no libc"
	}
	fmt.Fprintf(&s, "%s, %s, %s, %s, runs as %s\n", count(len(r.Layers), "layer"), count(r.FileCount, "file"), count(r.Packages, "package"), libc, Clean(r.User))
	if b := r.Base; b != nil {
		first := ""
		if b.Layers > 0 {
			first = fmt.Sprintf(", the first %s, %s on disk", count(b.Layers, "layer"), Bytes(b.DiskBytes))
		}
		s.WriteString(wrap(fmt.Sprintf("base: %s%s (%s)", b.Name, first, b.How), width, "  ") + "\n")
		if b.Advice != "" {
			s.WriteString("  " + wrap(b.Advice, width-2, "  ") + "\n")
		}
	}
	return s.String()
}

// approx marks an estimate.
func approx(estimated bool) string {
	if estimated {
		return "~"
	}
	return ""
}

func (r *Inspect) layerSection() *section {
	s := &section{head: []string{"layer", "pull", "disk", "hidden", "hides", "step"}, right: map[int]bool{0: true, 1: true, 2: true, 3: true, 4: true}, wide: 5}
	for _, l := range r.Layers {
		step := Clean(l.Step)
		if l.Source != "" {
			step = Clean(l.Source) + " " + step
		}
		s.add(strconv.Itoa(l.Index), approx(l.PullEstimated)+Bytes(l.PullBytes), Bytes(l.DiskBytes), bytesUnlessZero(l.HiddenBytes), bytesUnlessZero(l.HidesBytes), step)
	}
	return s
}

// class prints the findings of one class, each with its advice and its largest places.
func (r *Inspect) class(s *strings.Builder, class, title string, width int) {
	sec := &section{head: []string{title, "files", "disk", "pull"}, right: map[int]bool{1: true, 2: true, 3: true}}
	var texts []string
	for _, f := range r.Findings {
		if f.Class != class {
			continue
		}
		pull := "–"
		if f.PullBytes > 0 {
			pull = approx(!f.Exact) + Bytes(f.PullBytes)
		}
		sec.add(Clean(f.Title), strconv.Itoa(f.Files), bytesUnlessZero(f.Bytes), pull)
		if saves := f.Class == "overlay" || f.Class == "cost"; !saves || float64(f.Bytes) >= adviceFrom*float64(r.DiskBytes) {
			texts = append(texts, f.text(width))
		}
	}
	if len(sec.rows) > 0 {
		fmt.Fprintf(s, "%s\n\n%s", sec.render(width, false), strings.Join(texts, ""))
	}
}

func (f *InspectFinding) text(width int) string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s\n", wrap(f.Title+": "+f.Advice, width, "  "))
	for n, p := range f.Places {
		if n == shownPlaces {
			break
		}
		fmt.Fprintf(&s, "  · %s\n", p.text(width-4))
	}
	if more := len(f.Places) - shownPlaces + f.Others; more > 0 {
		fmt.Fprintf(&s, "  · and %d more\n", more)
	}
	return s.String() + "\n"
}

// text says where a place is, in a width, or 0 for any. When it is too wide the path and what is said of it are cut each in its own
// middle: of two paths cut as one, what is left would read as a third.
func (p *InspectPlace) text(width int) string {
	size, layer := "", ""
	if p.Bytes > 0 {
		size = Bytes(p.Bytes) + " "
	}
	switch {
	case p.HiddenBy > 0 && p.HiddenBy != p.Layer:
		layer = fmt.Sprintf(" (layer %d, hidden by %d)", p.Layer, p.HiddenBy)
	case p.Layer > 0:
		layer = fmt.Sprintf(" (layer %d)", p.Layer)
	}
	path, note, comma := Clean(p.Path), Clean(p.Note), ""
	if path != "" && note != "" {
		comma = ", "
	}
	if width > 0 {
		room := width - text.StringWidthWithoutEscSequences(size+comma+layer)
		wide := text.StringWidthWithoutEscSequences(note)
		path = shorten(path, max(room/2, room-wide))
		note = shorten(note, room-text.StringWidthWithoutEscSequences(path))
	}
	return strings.TrimSuffix(size+path+comma+note, " ") + layer
}

func (r *Inspect) ownerSection() *section {
	s := &section{head: []string{"who brought what is seen", "kind", "files", "disk", "pull"}, right: map[int]bool{2: true, 3: true, 4: true}}
	for n, o := range r.Owners {
		if n == shownOwners && len(r.Owners) > n+1 {
			var rest InspectOwner
			for _, o := range r.Owners[n:] {
				rest.Files, rest.Bytes, rest.PullBytes = rest.Files+o.Files, rest.Bytes+o.Bytes, rest.PullBytes+o.PullBytes
			}
			s.add(fmt.Sprintf("%d others", len(r.Owners)-n), "", strconv.Itoa(rest.Files), Bytes(rest.Bytes), "~"+Bytes(rest.PullBytes))
			break
		}
		name, kind := Clean(strings.TrimSpace(o.Name+" "+o.Version)), Clean(o.Ecosystem)
		if o.Ecosystem == "" {
			kind = fmt.Sprintf("layer %d", o.Layer)
			name = cmp.Or(name, "no command is known")
		}
		s.add(name, kind, strconv.Itoa(o.Files), Bytes(o.Bytes), "~"+Bytes(o.PullBytes))
	}
	return s
}

// verdict prints what a budget says.
func (r *Inspect) verdict(s *strings.Builder, width int) {
	for _, n := range r.Notes {
		fmt.Fprintf(s, "%s\n", wrap(n, width, "  "))
	}
	for _, l := range r.Budget {
		state := "within"
		if l.Over() {
			state = "OVER"
		}
		relation := "at most"
		if l.Least {
			relation = "at least"
		}
		fmt.Fprintf(s, "budget: %s\n", wrap(fmt.Sprintf("%s %s, %s %s (%s): %s", l.What, l.value(l.Found), relation, l.value(l.Limit), l.Source, state), width, "  "))
	}
}

func (l *InspectLimit) value(v float64) string {
	switch l.Unit {
	case "bytes":
		return Bytes(int64(v))
	case "share":
		return fmt.Sprintf("%.4g %%", 100*v)
	}
	return strconv.FormatInt(int64(v), 10)
}

package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// CarveSchema names the version of the JSON form of Carve. Fields are only ever added below one version; see docs/json.md.
const CarveSchema = "lighten.carve/v1"

// Carve is the result of one `lighten carve`.
type Carve struct {
	Schema      string       `json:"schema"`
	Image       string       `json:"image"`
	Engine      string       `json:"engine,omitempty"` // "" when nothing was run
	Platform    string       `json:"platform"`
	Level       string       `json:"level"`
	Original    Side         `json:"original"`
	Light       *Side        `json:"light,omitempty"` // nil: nothing was carved
	Layers      []Layer      `json:"layers"`
	TracedMS    float64      `json:"traced_start_ms,omitempty"` // the original's start while it was observed
	Rounds      int          `json:"rounds"`                    // how often it was carved until nothing was missed
	Before      int          `json:"holdout_before"`            // hold-out checks that passed before any healing
	Helped      []string     `json:"holdout_helped,omitempty"`  // names of those that did not
	After       int          `json:"holdout_after"`             // and in the result
	Holdouts    int          `json:"holdout_total"`             // all of them
	Misses      []Missed     `json:"misses"`                    // what healing put back
	Differences []Difference `json:"differences"`               // answers that are not the original's
	Dropped     []Dropped    `json:"dropped"`                   // what went, by rule
	Kept        []KeptPart   `json:"packages"`                  // packages of which something stays
	Results     []Check      `json:"results"`                   // of the result
	Notes       []string     `json:"notes"`                     // what a reader must know
	Details     []string     `json:"details,omitempty"`         // of a failure: log lines, missing files
	Checks      Checks       `json:"checks"`
	Verdict     string       `json:"verdict"` // passed, failed (the original passes its checks, the result does not), unchecked
	Reason      string       `json:"reason"`
	Digest      string       `json:"digest,omitempty"`
	Budget      []Budget     `json:"budget,omitempty"`
	Lock        string       `json:"lock,omitempty"` // the lock that was written, or carved by when unchecked
	Written     []Written    `json:"written,omitempty"`
	Bills       []Bill       `json:"sbom,omitempty"`   // lists of the packages that are left
	Advice      []string     `json:"advice,omitempty"` // how a result that failed may be mended
	Next        []string     `json:"next,omitempty"`
	Seconds     float64      `json:"seconds"`
}

// Side is what one of the two images weighs and does.
type Side struct {
	PullBytes int64    `json:"pull_bytes"`
	DiskBytes int64    `json:"disk_bytes"`
	Layers    int      `json:"layers"`
	Files     int      `json:"files"`
	Packages  int      `json:"packages"`
	Setuid    []string `json:"setuid"`
	Shell     string   `json:"shell"`
	StartMS   float64  `json:"start_ms"`
	RSSBytes  int64    `json:"rss_bytes"`
	Passed    int      `json:"checks_passed"`
	Total     int      `json:"checks_total"`
}

// Layer is a layer of the carved image.
type Layer struct {
	Name      string `json:"name"`
	PullBytes int64  `json:"pull_bytes"`
	Digest    string `json:"digest"`
}

// Missed is a path that the carved image lacked at first.
type Missed struct {
	Path    string `json:"path"`
	Round   int    `json:"round"`
	During  string `json:"during,omitempty"`
	By      string `json:"by,omitempty"`
	Holdout bool   `json:"holdout,omitempty"`
}

// Dropped is what one rule took away.
type Dropped struct {
	Rule  string `json:"rule"`
	Files int    `json:"files"`
	Bytes int64  `json:"bytes"`
}

// KeptPart is a package of which something stays.
type KeptPart struct {
	Ecosystem string `json:"ecosystem"`
	Name      string `json:"name"`
	Version   string `json:"version"`
	Files     int    `json:"files"`
	AllFiles  int    `json:"all_files"`
	Bytes     int64  `json:"bytes"`
}

// Write prints c in the given format.
func (c *Carve) Write(w io.Writer, format string) error {
	return write(c, w, format, c.text)
}

func (c *Carve) text(markdown bool) string {
	var s strings.Builder
	if markdown {
		fmt.Fprintf(&s, "### %s, carved%s\n\n", Clean(c.Image), forPlatform(c.Platform))
	}
	s.WriteString(c.sides(markdown) + "\n")
	var t strings.Builder
	c.verdict(&t)
	c.healed(&t)
	c.dropped(&t)
	c.tail(&t)
	if markdown {
		fmt.Fprintf(&s, "\n```text\n%s\n```\n", strings.Trim(strings.ReplaceAll(t.String(), "```", "'''"), "\n"))
		return s.String()
	}
	return s.String() + t.String()
}

// forPlatform names the platform that was asked for.
func forPlatform(platform string) string {
	if platform == "" {
		return ""
	}
	return " for " + Clean(platform)
}

// write prints a report in one of the formats.
func write(report any, w io.Writer, format string, text func(markdown bool) string) error {
	switch format {
	case "", "table", "markdown":
		_, err := io.WriteString(w, text(format == "markdown"))
		return err
	case "json":
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(report)
	}
	return fmt.Errorf("printing the report: unknown format %q: use table, json or markdown", format)
}

func (c *Carve) sides(markdown bool) string {
	names, all := []string{"original"}, []Side{c.Original}
	if c.Light != nil {
		names, all = append(names, "carved"), append(all, *c.Light)
	}
	return sides(markdown, names, all)
}

// sides is a table of images.
func sides(markdown bool, names []string, all []Side) string {
	t := table.NewWriter()
	t.SetStyle(plain)
	t.SuppressTrailingSpaces()
	head := table.Row{"image", "pull", "disk", "layers", "files", "packages", "setuid", "shell", "start", "memory", "checks"}
	t.AppendHeader(head)
	var conf []table.ColumnConfig
	for n := 2; n <= len(head); n++ {
		conf = append(conf, table.ColumnConfig{Number: n, Align: text.AlignRight, AlignHeader: text.AlignRight})
	}
	t.SetColumnConfigs(conf)
	for n, x := range all {
		t.AppendRow(table.Row{names[n], Bytes(x.PullBytes), Bytes(x.DiskBytes), x.Layers, x.Files, x.Packages, len(x.Setuid), yesNo(x.Shell != ""),
			unlessZero(x.StartMS, "%.0f ms"), bytesUnlessZero(x.RSSBytes), ofTotal(x.Passed, x.Total)})
	}
	if markdown {
		return t.RenderMarkdown()
	}
	return t.Render()
}

func ofTotal(n, total int) string {
	if total == 0 {
		return "–"
	}
	return fmt.Sprintf("%d/%d", n, total)
}

func (c *Carve) verdict(s *strings.Builder) {
	fmt.Fprintf(s, "\n%s", c.Verdict)
	if c.Reason != "" {
		fmt.Fprintf(s, ": %s", Clean(c.Reason))
	}
	s.WriteString("\n")
	if c.Holdouts > 0 && c.Light != nil && c.Engine != "" {
		fmt.Fprintf(s, "  hold-out checks, which no evidence came from: %d/%d before healing, %d/%d after\n", c.Before, c.Holdouts, c.After, c.Holdouts)
		for i, name := range c.Helped {
			if i == maxMisses {
				fmt.Fprintf(s, "    … and %d more\n", len(c.Helped)-i)
				break
			}
			fmt.Fprintf(s, "    only with healing: %s\n", Clean(name))
		}
	}
	findings(s, c.Notes, c.Differences, c.Results, c.Details)
	advice(s, c.Advice)
}

// maxMisses is how many misses the table names; JSON has them all.
const maxMisses = 20

func (c *Carve) healed(s *strings.Builder) {
	if len(c.Misses) == 0 {
		return
	}
	fmt.Fprintf(s, "\nput back, because the program looked for it in vain (%d rounds):\n", c.Rounds-1)
	missed(s, c.Misses)
}

func missed(s *strings.Builder, all []Missed) {
	for n, m := range all {
		if n == maxMisses {
			fmt.Fprintf(s, "  … and %d more (--format json has all)\n", len(all)-n)
			break
		}
		fmt.Fprintf(s, "  %s", Clean(m.Path))
		if m.During != "" {
			fmt.Fprintf(s, "  (%s)", Clean(m.During))
		}
		s.WriteString("\n")
	}
}

// minDropped is the least that is worth a line in the table.
const minDropped = 10_000

func (c *Carve) dropped(s *strings.Builder) {
	if len(c.Dropped) == 0 {
		return
	}
	t := table.NewWriter()
	t.SetStyle(plain)
	t.SuppressTrailingSpaces()
	t.AppendHeader(table.Row{"dropped", "files", "bytes"})
	right := func(n int) table.ColumnConfig {
		return table.ColumnConfig{Number: n, Align: text.AlignRight, AlignHeader: text.AlignRight}
	}
	t.SetColumnConfigs([]table.ColumnConfig{right(2), right(3)})
	rest := Dropped{Rule: "everything else"}
	for _, d := range c.Dropped {
		if d.Bytes < minDropped {
			rest.Files, rest.Bytes = rest.Files+d.Files, rest.Bytes+d.Bytes
			continue
		}
		t.AppendRow(table.Row{Clean(d.Rule), d.Files, Bytes(d.Bytes)})
	}
	if rest.Files > 0 {
		t.AppendRow(table.Row{rest.Rule, rest.Files, Bytes(rest.Bytes)})
	}
	s.WriteString("\n" + t.Render() + "\n")
}

func (c *Carve) tail(s *strings.Builder) {
	s.WriteString("\n")
	if c.Verdict == Failed && c.Light != nil {
		s.WriteString("nothing was written\n")
	} else if l := c.Light; l != nil && c.Original.PullBytes > 0 && l.PullBytes > 0 {
		fmt.Fprintf(s, "carved: %s to pull instead of %s (%.1f × less), %s on disk instead of %s\n", Bytes(l.PullBytes), Bytes(c.Original.PullBytes),
			float64(c.Original.PullBytes)/float64(l.PullBytes), Bytes(l.DiskBytes), Bytes(c.Original.DiskBytes))
	}
	outcome(s, c.Budget, c.Written, c.Bills, c.Next, c.Checks.by(c.Original.Passed, c.Original.Total))
}

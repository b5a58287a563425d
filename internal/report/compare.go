package report

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/lighten/lighten/internal/compare"
)

// CompareSchema names the version of the JSON form of Compare. Fields are only ever added below one version; see docs/json.md.
const CompareSchema = "lighten.compare/v1"

// CompareFormats are the forms in which a Compare is printed.
var CompareFormats = []string{"table", "markdown", "json", "csv"}

// Compare is the result of one `lighten compare`.
type Compare struct {
	Schema   string           `json:"schema"`
	Against  string           `json:"against,omitempty"` // the earlier report, of which the first images are
	Earlier  int              `json:"earlier,omitempty"` // how many of the images are of that report
	Held     []string         `json:"held,omitempty"`    // images whose layers need not be pulled
	VulnDB   string           `json:"vulndb,omitempty"`
	Images   []compare.Image  `json:"images"`
	Together compare.Together `json:"together"`
	Pairs    []compare.Pair   `json:"pairs"`
	Growth   []compare.Judged `json:"growth,omitempty"`
	Seconds  float64          `json:"seconds"`
}

// Over reports whether something grew beyond what is allowed.
func (c *Compare) Over() bool {
	for _, j := range c.Growth {
		if j.Over {
			return true
		}
	}
	return false
}

// ReadCompare reads the JSON form of an earlier report.
func ReadCompare(r io.Reader) (*Compare, error) {
	var c Compare
	if err := json.NewDecoder(r).Decode(&c); err != nil {
		return nil, err
	}
	if c.Schema != CompareSchema {
		return nil, fmt.Errorf("its schema is %q, not %q: write it with lighten compare --format json", Clean(c.Schema), CompareSchema)
	}
	if c.Earlier < 0 || c.Earlier >= len(c.Images) {
		return nil, fmt.Errorf("it has no image")
	}
	return &c, nil
}

// Write prints c in the given format; width is that of a terminal, 0 where none is.
func (c *Compare) Write(w io.Writer, format string, width int) error {
	switch format {
	case "", "table":
		if width <= 0 {
			width = inspectWidth
		}
		_, err := io.WriteString(w, c.text(width))
		return err
	case "markdown":
		_, err := io.WriteString(w, c.markdown())
		return err
	case "json":
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(c)
	case "csv":
		return c.csv(w)
	}
	return fmt.Errorf("printing the report: unknown format %q: use %s", format, strings.Join(CompareFormats, ", "))
}

// label is an image's in tables, where its name is too long: A, B, ….
func label(n int) string { return string(rune('A' + n)) }

// csv writes a line for each figure of an image and each difference of a pair.
func (c *Compare) csv(w io.Writer) error {
	out := csv.NewWriter(w)
	rows := [][]string{{"from", "to", "kind", "name", "what", "before", "after", "bytes"}}
	n := func(v int64) string { return strconv.FormatInt(v, 10) }
	for i := range c.Images {
		x := &c.Images[i]
		for _, m := range []struct {
			name  string
			value int64
		}{{"pull_bytes", x.PullBytes}, {"unique_pull_bytes", x.UniquePullBytes}, {"new_pull_bytes", x.NewPullBytes}, {"disk_bytes", x.DiskBytes}, {"unique_disk_bytes", x.UniqueDiskBytes}} {
			rows = append(rows, []string{"", x.Name, "image", m.name, "", "", "", n(m.value)})
		}
		for _, m := range compare.Measures() {
			if !compare.IsBytes(m) && (m != "vulnerabilities" || x.Vulnerabilities != nil) {
				rows = append(rows, []string{"", x.Name, "image", m, "", "", n(compare.Measure(x, m)), ""})
			}
		}
	}
	for _, p := range c.Pairs {
		from, to := c.Images[p.From-1].Name, c.Images[p.To-1].Name
		for _, x := range p.Packages {
			rows = append(rows, []string{from, to, "package", x.Ecosystem + " " + x.Name, string(x.What), strings.Join(x.Before, " "), strings.Join(x.After, " "), n(x.Bytes)})
		}
		for _, x := range p.Config {
			rows = append(rows, []string{from, to, "config", x.Key, "", x.Before, x.After, ""})
		}
		for _, x := range p.Surface {
			rows = append(rows, []string{from, to, "surface", x.Key, "", x.Before, x.After, ""})
		}
		if v := p.Vulnerabilities; v != nil {
			for _, x := range v.Added {
				rows = append(rows, []string{from, to, "vulnerability", x.ID, "added", "", x.Package + " " + x.Version, ""})
			}
			for _, x := range v.Removed {
				rows = append(rows, []string{from, to, "vulnerability", x.ID, "removed", x.Package + " " + x.Version, "", ""})
			}
		}
		if p.Files != nil {
			for _, x := range p.Files.List {
				rows = append(rows, []string{from, to, "file", x.Path, string(x.What), x.Before, x.After, n(x.Bytes)})
			}
		}
	}
	for _, row := range rows {
		for i := range row[:len(row)-1] { // the last is a number of ours, which may be negative
			row[i] = csvText(row[i])
		}
		if err := out.Write(row); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// CarveIndexSchema names the version of the JSON form of CarveIndex. Fields are only ever added below one version; see docs/json.md.
const CarveIndexSchema = "lighten.carve-index/v1"

// CarveIndex is the result of one `lighten carve` of several platforms.
type CarveIndex struct {
	Schema    string    `json:"schema"`
	Image     string    `json:"image"`
	Platforms []*Carve  `json:"platforms"`      // in the index's order
	Left      []string  `json:"left,omitempty"` // what the original index has besides, and the new one has not
	Written   []Written `json:"written,omitempty"`
	Bills     []Bill    `json:"sbom,omitempty"`
	Seconds   float64   `json:"seconds"`
}

// Write prints c in the given format.
func (c *CarveIndex) Write(w io.Writer, format string) error {
	switch format {
	case "", "table", "markdown":
		_, err := io.WriteString(w, c.text(format == "markdown"))
		return err
	case "json":
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(c)
	}
	return fmt.Errorf("printing the report: unknown format %q: use table, json or markdown", format)
}

func (c *CarveIndex) text(markdown bool) string {
	var s, t strings.Builder
	for _, p := range c.Platforms {
		if !markdown {
			fmt.Fprintf(&s, "%s\n", p.Platform)
		}
		s.WriteString(p.text(markdown) + "\n")
	}
	for _, l := range c.Left {
		fmt.Fprintf(&t, "left out: %s\n", Clean(l))
	}
	outcome(&t, nil, c.Written, c.Bills, nil, Checks{})
	if markdown && t.Len() > 0 {
		fmt.Fprintf(&s, "```text\n%s```\n", strings.ReplaceAll(t.String(), "```", "'''"))
		return s.String()
	}
	return s.String() + t.String()
}

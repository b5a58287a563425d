package report

import (
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

// VerifyIndexSchema names the version of the JSON form of VerifyIndex.
const VerifyIndexSchema = "lighten.verify-index/v1"

// VerifyIndex is the result of one `lighten verify` of several platforms.
type VerifyIndex struct {
	Schema    string    `json:"schema"`
	Image     string    `json:"original"`
	Other     string    `json:"light"`
	Platforms []*Verify `json:"platforms"`      // in the original index's order
	Left      []string  `json:"left,omitempty"` // what was not compared
}

// Write prints c in the given format.
func (c *CarveIndex) Write(w io.Writer, format string) error {
	return write(c, w, format, func(markdown bool) string {
		var s strings.Builder
		for _, p := range c.Platforms {
			s.WriteString(onPlatform(markdown, p.Platform, p.text(markdown)))
		}
		return s.String() + besides(markdown, c.Left, c.Written, c.Bills)
	})
}

// Write prints v in the given format.
func (v *VerifyIndex) Write(w io.Writer, format string) error {
	return write(v, w, format, func(markdown bool) string {
		var s strings.Builder
		for _, p := range v.Platforms {
			s.WriteString(onPlatform(markdown, p.Platform, p.text(markdown)))
		}
		return s.String() + besides(markdown, v.Left, nil, nil)
	})
}

// onPlatform is a report of one platform among several.
func onPlatform(markdown bool, platform, text string) string {
	if markdown {
		return text + "\n"
	}
	return platform + "\n" + text + "\n"
}

// besides is what there is to say of all platforms.
func besides(markdown bool, left []string, written []Written, bills []Bill) string {
	var t strings.Builder
	for _, l := range left {
		fmt.Fprintf(&t, "left out: %s\n", Clean(l))
	}
	outcome(&t, nil, written, bills, nil, Checks{})
	if markdown && t.Len() > 0 {
		return fmt.Sprintf("```text\n%s```\n", strings.ReplaceAll(t.String(), "```", "'''"))
	}
	return t.String()
}

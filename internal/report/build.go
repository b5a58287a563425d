// Package report turns results into text: a table for people, markdown for a
// pull request, JSON for programs. It computes nothing and prints nothing by
// itself; a verb hands it a value and a writer.
package report

import (
	"encoding/json"
	"fmt"
	"io"
)

// BuildSchema names the version of the JSON form of Build. Fields are only
// ever added below one version; see docs/json.md.
const BuildSchema = "lighten.build/v1"

// Verdicts of a candidate.
const (
	Passed    = "passed"    // built, and every check passed
	Failed    = "failed"    // built, and a check did not pass
	Broken    = "broken"    // did not build
	Refused   = "refused"   // not attempted; Reason says why
	Unchecked = "unchecked" // built; checks were switched off
	Withheld  = "withheld"  // passed, but may not win without --allow
)

// Build is the result of one `lighten build`.
type Build struct {
	Schema     string      `json:"schema"`
	Project    string      `json:"project"`
	Engine     string      `json:"engine"`
	Platform   string      `json:"platform,omitempty"`
	Winner     string      `json:"winner"` // name of a candidate, "" when none passed
	Candidates []Candidate `json:"candidates"`
	Waterfall  []Step      `json:"waterfall,omitempty"`
	Context    *Context    `json:"context,omitempty"`
	Checks     Checks      `json:"checks"`
	Budget     []Budget    `json:"budget,omitempty"`
	Written    []Written   `json:"written,omitempty"`
	Bills      []Bill      `json:"sbom,omitempty"` // lists of the winner's packages
	Next       []string    `json:"next,omitempty"` // commands a user would type now
	Seconds    float64     `json:"seconds"`
}

// Candidate is one form of the program. Sizes are bytes; counts of a
// candidate that was not built are zero.
type Candidate struct {
	Name         string   `json:"name"`
	Source       string   `json:"source"` // the Dockerfile it is, or was made from
	Base         string   `json:"base"`
	PullBytes    int64    `json:"pull_bytes"` // manifest, configuration and compressed layers
	DiskBytes    int64    `json:"disk_bytes"` // files of all layers, as `docker images` counts
	Layers       int      `json:"layers"`
	Files        int      `json:"files"`
	Packages     int      `json:"packages"`
	Libc         string   `json:"libc"`
	User         string   `json:"user"`
	Shell        string   `json:"shell"` // path of a shell, "" when there is none
	Setuid       []string `json:"setuid"`
	BuildSeconds float64  `json:"build_seconds"` // with whatever the cache already held
	StartMS      float64  `json:"start_ms"`      // start of the program to the first passed check
	RSSBytes     int64    `json:"rss_bytes"`     // resident memory of its processes after the checks
	ChecksPassed int      `json:"checks_passed"`
	ChecksTotal  int      `json:"checks_total"`
	Verdict      string   `json:"verdict"`
	Reason       string   `json:"reason"`
	Digest       string   `json:"digest,omitempty"`
	Notes        []string `json:"notes,omitempty"`   // what a reader must know: change of libc, user, shell; price
	Details      []string `json:"details,omitempty"` // of a failure: expected and found, missing files, last log lines
	Results      []Check  `json:"results,omitempty"`
	Dockerfile   string   `json:"dockerfile,omitempty"` // its text
}

// Check is the outcome of one check in one candidate.
type Check struct {
	Name     string  `json:"name"`
	Passed   bool    `json:"passed"`
	Holdout  bool    `json:"holdout,omitempty"`
	Expected string  `json:"expected,omitempty"`
	Found    string  `json:"found,omitempty"`
	MS       float64 `json:"ms"`
}

// Step is one bar of the waterfall from the original to the winner: the bytes
// on disk that one kind of content has in each, and in the candidate that a
// carved winner was made from. The steps add up exactly to the disk sizes.
type Step struct {
	What   string `json:"what"`
	Before int64  `json:"before_bytes"`
	Via    *int64 `json:"via_bytes,omitempty"`
	After  int64  `json:"after_bytes"`
}

// Context is what the build context holds and a .dockerignore would keep out.
type Context struct {
	Before int64         `json:"before_bytes"`
	After  int64         `json:"after_bytes"`
	Items  []ContextItem `json:"items,omitempty"`
	Text   string        `json:"text,omitempty"` // the whole proposed .dockerignore
}

// ContextItem is one pattern of the proposed .dockerignore.
type ContextItem struct {
	Pattern string `json:"pattern"`
	Why     string `json:"why"`
	Files   int    `json:"files"`
	Bytes   int64  `json:"bytes"`
}

// Checks says where the checks came from.
type Checks struct {
	Source string   `json:"source"`          // file, or "guessed"
	Why    []string `json:"why,omitempty"`   // of a guess, a line each
	YAML   string   `json:"guess,omitempty"` // the guess, to keep as lighten.yaml
	wrong  bool     // the original does not pass them
}

// by returns the checks with what the original made of them.
func (c Checks) by(passed, total int) Checks {
	c.wrong = passed < total
	return c
}

// Budget is one limit and what the winner needs of it.
type Budget struct {
	What  string `json:"what"`
	Limit int64  `json:"limit_bytes"`
	Found int64  `json:"found_bytes"`
}

// Over tells whether the limit is exceeded.
func (b Budget) Over() bool { return b.Found > b.Limit }

// Written is one place the winner was written to.
type Written struct {
	Dest      string `json:"dest"`
	Digest    string `json:"digest"`
	PullBytes int64  `json:"pull_bytes"`
	Platforms int    `json:"platforms,omitempty"` // of an index, whose bytes are those of all together
}

func (w Written) note() string {
	if w.Platforms == 0 {
		return ""
	}
	return fmt.Sprintf(" for %d platforms together", w.Platforms)
}

// Bill is one list of an image's packages.
type Bill struct {
	Format   string `json:"format"` // spdx or cyclonedx
	Dest     string `json:"dest"`   // a file, or the image it is attached to
	Attached bool   `json:"attached,omitempty"`
}

func (b Bill) String() string {
	if b.Attached {
		return b.Format + ", attached to " + Clean(b.Dest)
	}
	return b.Format + ", in " + Clean(b.Dest)
}

// Find returns the candidate of that name, or nil.
func (b *Build) Find(name string) *Candidate {
	for i := range b.Candidates {
		if b.Candidates[i].Name == name {
			return &b.Candidates[i]
		}
	}
	return nil
}

// Formats lists the values of --format.
var Formats = []string{"table", "json", "markdown"}

// Write prints b in the given format, at most width columns wide for the
// table (0: as wide as it needs).
func (b *Build) Write(w io.Writer, format string, width int) error {
	switch format {
	case "", "table":
		return b.table(w, width)
	case "markdown":
		return b.markdown(w)
	case "json":
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(b)
	}
	return fmt.Errorf("printing the report: unknown format %q: use table, json or markdown", format)
}

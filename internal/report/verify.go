package report

import (
	"fmt"
	"io"
	"strings"
)

// VerifySchema names the version of the JSON form of Verify. Fields are only ever added below one version; see docs/json.md.
const VerifySchema = "lighten.verify/v1"

// Verify is the result of one `lighten verify`.
type Verify struct {
	Schema      string       `json:"schema"`
	Image       string       `json:"original"`
	Other       string       `json:"light"`
	Engine      string       `json:"engine"`
	Platform    string       `json:"platform"`
	Verdict     string       `json:"verdict"` // passed, failed
	Reason      string       `json:"reason"`
	Original    Side         `json:"original_side"`
	Light       Side         `json:"light_side"`
	Misses      []Missed     `json:"misses"`      // paths that the original has and the light program looked up in vain
	Differences []Difference `json:"differences"` // answers that are not the original's
	Results     []Check      `json:"results"`     // of the light image; of the original when that failed
	Notes       []string     `json:"notes"`
	Details     []string     `json:"details,omitempty"` // log lines of a failure
	Advice      []string     `json:"advice,omitempty"`  // how a result that failed may be mended
	Checks      Checks       `json:"checks"`
	Seconds     float64      `json:"seconds"`
}

// Write prints v in the given format.
func (v *Verify) Write(w io.Writer, format string) error {
	return write(v, w, format, v.text)
}

func (v *Verify) text(markdown bool) string {
	var s, t strings.Builder
	if markdown {
		fmt.Fprintf(&s, "### %s and %s%s\n\n", Clean(v.Image), Clean(v.Other), forPlatform(v.Platform))
	}
	s.WriteString(sides(markdown, []string{"original", "light"}, []Side{v.Original, v.Light}) + "\n")
	fmt.Fprintf(&t, "\n%s", v.Verdict)
	if v.Reason != "" {
		fmt.Fprintf(&t, ": %s", Clean(v.Reason))
	}
	t.WriteString("\n")
	findings(&t, v.Notes, v.Differences, v.Results, v.Details)
	advice(&t, v.Advice)
	if len(v.Misses) > 0 {
		t.WriteString("\nlooked up in vain, and there in the original:\n")
		missed(&t, v.Misses)
	}
	if len(v.Checks.YAML) > 0 {
		t.WriteString("\n")
	}
	outcome(&t, nil, nil, nil, nil, v.Checks.by(v.Original.Passed, v.Original.Total))
	if markdown {
		fmt.Fprintf(&s, "\n```text\n%s\n```\n", strings.Trim(strings.ReplaceAll(t.String(), "```", "'''"), "\n"))
		return s.String()
	}
	return s.String() + t.String()
}

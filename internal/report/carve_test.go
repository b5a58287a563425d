package report_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/lighten/lighten/internal/report"
)

// The checks that needed healing are named, but not all of many.
func TestHoldoutsHelped(t *testing.T) {
	side := report.Side{Setuid: []string{}}
	c := &report.Carve{Schema: report.CarveSchema, Engine: "embedded", Original: side, Light: &side, Holdouts: 30, Before: 28, After: 30, Helped: []string{"GET /mock", "GET /\x1b[2J"}, Verdict: report.Passed}
	write := func() string {
		t.Helper()
		var out bytes.Buffer
		if err := c.Write(&out, "table"); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	const want = `
passed
  hold-out checks, which no evidence came from: 28/30 before healing, 30/30 after
    only with healing: GET /mock
`
	if got := write(); !strings.Contains(got, want) || strings.Contains(got, "\x1b") {
		t.Errorf("want\n%s\nin\n%s", want, got)
	}
	for range 20 {
		c.Helped = append(c.Helped, "GET /more")
	}
	if got := write(); !strings.Contains(got, "    … and 2 more\n") || strings.Count(got, "only with healing") != 20 {
		t.Errorf("want 20 names, and that there are 2 more, in\n%s", got)
	}
}

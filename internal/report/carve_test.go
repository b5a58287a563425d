package report_test

import (
	"bytes"
	"errors"
	"fmt"
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

// A guess that the original itself does not meet is nothing to keep.
func TestWrongGuess(t *testing.T) {
	c := &report.Carve{Original: report.Side{Passed: 1, Total: 1}, Verdict: report.Passed, Checks: report.Checks{Why: []string{"log .: no port"}, YAML: "checks:\n"}}
	for passed, want := range map[int]string{1: "Keep them as lighten.yaml", 0: "say in lighten.yaml what it needs, env: of what"} {
		c.Original.Passed = passed
		var out bytes.Buffer
		if err := c.Write(&out, "table"); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), want) || strings.Count(out.String(), "lighten.yaml") != 1 {
			t.Errorf("%d passed: want %q in\n%s", passed, want, out.String())
		}
	}
}

// Of an image that was rejected it is said that there is none, and not how small it is.
func TestRejectedIsNotWritten(t *testing.T) {
	c := &report.Carve{Original: report.Side{PullBytes: 10e6}, Light: &report.Side{PullBytes: 1e6}, Verdict: report.Failed, Reason: "x"}
	for verdict, want := range map[string]string{report.Failed: "nothing was written", report.Passed: "carved: 1MB to pull instead of 10MB (10.0 × less)"} {
		c.Verdict = verdict
		var out bytes.Buffer
		if err := c.Write(&out, "table"); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), want) || strings.Count(out.String(), "nothing was written")+strings.Count(out.String(), "× less") != 1 {
			t.Errorf("%s: want %q in\n%s", verdict, want, out.String())
		}
	}
}

// What several checks found is told once, and of a check that fails not twice; JSON has each.
func TestFindingsAreGrouped(t *testing.T) {
	v := &report.Verify{Verdict: report.Failed, Reason: "checks fail in the light image", Misses: []report.Missed{}, Advice: []string{"look at it"}, Details: []string{"log: " + strings.Repeat("ä", 500), "log: short", "log: short", "log: short", "log: end"}}
	differ := func(check, part, expected, found string) {
		v.Differences = append(v.Differences, report.Difference{Check: check, Part: part, Expected: expected, Found: found})
	}
	differ("GET /old", "status", "200", "500")
	for n := range 8 {
		name := fmt.Sprintf("GET /%d", n)
		v.Results = append(v.Results, report.Check{Name: name, Expected: fmt.Sprintf("status %d", n), Found: "connection refused"})
		differ(name, "result", "it passes", "connection refused")
	}
	v.Results = append(v.Results, report.Check{Name: "GET /old", Passed: true}, report.Check{Name: "port 1", Expected: "a connection", Found: "no route"})
	differ("GET /new", "status", "200", "500")
	differ("GET /new", "body", "\"a\"", "\"b\"")
	var table, js bytes.Buffer
	if err := errors.Join(v.Write(&table, "table"), v.Write(&js, "json")); err != nil {
		t.Fatal(err)
	}
	want := `
failed: checks fail in the light image
  other answer: GET /old: status: expected 200, found 500
      and so "GET /new"
  other answer: GET /new: body: expected "a", found "b"
    check "GET /0": expected status 0, found connection refused
      and so "GET /1", "GET /2", "GET /3", "GET /4", "GET /5" and 2 more (--format json has all)
    check "port 1": expected a connection, found no route
    log: ` + strings.Repeat("ä", 395) + `…
    log: short (3 times)
    log: end
what may help:
  → look at it
`
	if !strings.Contains(table.String(), want) {
		t.Errorf("want\n%s\nin\n%s", want, table.String())
	}
	for _, want := range []string{`"GET /old: status: expected 200, found 500"`, `"GET /7: result: expected it passes, found connection refused"`} {
		if !strings.Contains(js.String(), want) {
			t.Errorf("want %s in\n%s", want, js.String())
		}
	}
}

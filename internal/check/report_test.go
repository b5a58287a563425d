package check_test

import (
	"encoding/json"
	"testing"

	"github.com/lighten/lighten/internal/check"
)

// A report is the supervisor's, but what is in it comes from the program, which may even get at the file: whatever is read is judged and
// compared without harm.
func FuzzParseReport(f *testing.F) {
	f.Add([]byte(`{"version":1,"results":[{"name":"a","passed":true,"answer":{"status":200,"body":{"size":2,"head":"b2s="}}}],"missing":[{"kind":"module","name":"x"}],"log_tail":["x"]}`))
	f.Add([]byte(`{"version":1,"results":null,"error":"x"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := check.ParseReport(b)
		if err != nil {
			return
		}
		if r.Passed() && r.Error != "" {
			t.Error("a report with an error passes")
		}
		if !r.Passed() && r.FirstFailure() == "" {
			t.Error("it fails for no reason")
		}
		check.Compare([]*check.Report{r, r}, r)
		again, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := check.ParseReport(again); err != nil {
			t.Error(err)
		}
	})
}

func TestLost(t *testing.T) {
	of := func(m ...check.Miss) *check.Report { return &check.Report{Missing: m} }
	speedups, requests := check.Miss{Kind: "module", Name: "speedups"}, check.Miss{Kind: "module", Name: "requests"}
	for _, c := range []struct {
		light, original *check.Report
		want            int
	}{
		{of(requests), of(), 1},
		{of(speedups), of(speedups), 0},
		{of(speedups, requests), of(speedups), 1},
		{of(check.Miss{Kind: "library", Name: "libpq.so.5"}), of(), 1},
		{of(check.Miss{Kind: "executable", Name: "git"}), of(), 1},
		{of(check.Miss{Kind: "file", Name: "/tmp/1234"}), of(), 0}, // a name may be of the run
		{of(), of(requests), 0},
	} {
		if got := c.light.Lost(c.original); len(got) != c.want {
			t.Errorf("%v beside %v: got %v", c.light.Missing, c.original.Missing, got)
		}
	}
}

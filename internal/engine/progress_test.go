package engine_test

import (
	"strings"
	"testing"

	"github.com/lighten/lighten/internal/engine"
)

// What is done beside the builds is shown as their steps are.
func TestProgressStep(t *testing.T) {
	var out strings.Builder
	p, err := engine.NewProgress(&out, "plain")
	if err != nil {
		t.Fatal(err)
	}
	p.Step("reading", nil)()
	end := p.Step("packing", func() (done, all int64) { return 3e6, 6e6 })
	end()
	end()
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	p.Step("too late", nil)()
	var none *engine.Progress
	none.Step("nowhere", nil)()
	got := out.String()
	for _, want := range []string{"#1 reading\n#1 DONE", "#2 packing\n#2 content 3.00MB / 6.00MB", "#2 DONE"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in:\n%s", want, got)
		}
	}
	if strings.Contains(got, "late") || strings.Contains(got, "#1 content") {
		t.Errorf("got:\n%s", got)
	}
}

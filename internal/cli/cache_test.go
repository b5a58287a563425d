package cli

import (
	"bytes"
	"testing"

	"github.com/lighten/lighten/internal/engine"
)

func TestWriteUsage(t *testing.T) {
	var out bytes.Buffer
	all := []engine.Usage{
		{Kind: "regular", Description: "pulled from a", Bytes: 30e6},
		{Kind: "source.local", Description: "local source for context", Bytes: 1e6},
		{Kind: "regular", Description: "prepare outputs", Bytes: 12e3},
		{Kind: "regular", Description: "prepare inputs", Bytes: 8e3},
	}
	if err := writeUsage(&out, all); err != nil {
		t.Fatal(err)
	}
	want := `30MB     regular       pulled from a
1MB      source.local  local source for context
20kB     small         2 of less than 1MB each
31.02MB  all           
`
	if out.String() != want {
		t.Errorf("got:\n%swant:\n%s", out.String(), want)
	}
}

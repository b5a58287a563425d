package cli

import (
	"strings"
	"testing"

	"github.com/lighten/lighten/internal/heal"
)

// Misses that are listed are not said to be unknown.
func TestNotKnown(t *testing.T) {
	res := &heal.Comparison{Untraced: "the checks do not pass"}
	if got := notKnown(res); !strings.Contains(got, "is not known: the checks do not pass") {
		t.Error(got)
	}
	res.Misses = []heal.Miss{{Path: "/opt/x"}}
	if got := notKnown(res); !strings.Contains(got, "more than is listed: the checks do not pass") {
		t.Error(got)
	}
}

package ignore_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/lighten/lighten/internal/dockerfile/ignore"
)

// Exceptions are let through, version control is not listed, and without lines nothing is left out.
func TestLeftOut(t *testing.T) {
	context := fstest.MapFS{}
	for _, f := range []string{"app.py", "templates/index.html", "templates/sub/a.html", ".git/HEAD", "data.csv", "keep/data.csv"} {
		context[f] = &fstest.MapFile{}
	}
	for _, c := range []struct{ lines, want string }{
		{"", ""},
		{"*\n!*.py\n!keep\n", "data.csv templates/index.html templates/sub/a.html"},
		{"templates/sub\n.git\n", "templates/sub/a.html"},
	} {
		got, err := ignore.LeftOut(context, []byte(c.lines))
		if err != nil || strings.Join(got, " ") != c.want {
			t.Errorf("%q: got %q, %v; want %q", c.lines, got, err, c.want)
		}
	}
	if _, err := ignore.LeftOut(context, []byte("[a\n")); err == nil {
		t.Error("a broken pattern: got no error")
	}
}

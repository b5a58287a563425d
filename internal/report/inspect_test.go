package report_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/lighten/lighten/internal/report"
)

// TestPlaceOfTwoPaths: however narrow the table is, both paths of a place begin and end as they do, and no line is too wide.
func TestPlaceOfTwoPaths(t *testing.T) {
	one := "/first/" + strings.Repeat("a", 120) + "/one.py"
	for _, c := range []struct{ path, note, want string }{
		{one, "also /second/" + strings.Repeat("日", 60) + "/two.py and 3 more", " and 3 more (layer 1)"},
		{one, "also /x", ", also /x (layer 1)"},
		{"/x", "also " + one, "/x, also /first/a"},
		{one, "", "one.py (layer 1)"},
		{"", "user 9", "· 4kB user 9 (layer 1)"},
	} {
		r := report.Inspect{Image: "i", Platform: "linux/amd64", Findings: []report.InspectFinding{{Rule: "duplicates", Title: "equal files",
			Class: "cost", Advice: "link them", Files: 1, Bytes: 4000, Places: []report.InspectPlace{{Path: c.path, Note: c.note, Layer: 1, Files: 1, Bytes: 4000}}}}}
		for _, width := range []int{100, 80} {
			var b bytes.Buffer
			if err := r.Write(&b, "table", width); err != nil {
				t.Fatal(err)
			}
			_, place, _ := strings.Cut(b.String(), "  · ")
			place = "· " + strings.TrimSpace(place)
			if !strings.Contains(place, c.want) {
				t.Errorf("%d columns: %q is not in %q", width, c.want, place)
			}
			if c.path == one && (!strings.HasPrefix(place, "· 4kB /first/a") || !strings.Contains(place, "a/one.py")) {
				t.Errorf("%d columns: an end of the first path is missing: %q", width, place)
			}
			if n := len([]rune(place)) + strings.Count(place, "日"); n > width-2 {
				t.Errorf("%d columns: %d in %q", width, n, place)
			}
		}
	}
}

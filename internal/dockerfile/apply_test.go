package dockerfile_test

import (
	"strings"
	"testing"

	"github.com/lighten/lighten/internal/dockerfile"
)

const edited = "# syntax=docker/dockerfile:1\n# about\nFROM alpine AS a\n\n# why\nRUN one \\\n  # within\n  two\nCOPY <<E /x\nbody\nE\nCMD [\"x\"]\n"

// at makes an edit that replaces the text old, which must occur once.
func at(t *testing.T, src, old, text string) dockerfile.Edit {
	t.Helper()
	if strings.Count(src, old) != 1 {
		t.Fatalf("%q does not occur once", old)
	}
	start := strings.Index(src, old)
	return dockerfile.Edit{Range: dockerfile.Range{Start: start, End: start + len(old)}, New: text}
}

func TestApply(t *testing.T) {
	tests := []struct {
		name  string
		edits [][2]string
		want  string // the result, or a part of the error with "!" before it
	}{
		{"a word", [][2]string{{"two", "three"}}, strings.Replace(edited, "two", "three", 1)},
		{"several, in any order", [][2]string{{"/x", "/y"}, {"alpine", "debian"}, {"one", "1"}},
			strings.NewReplacer("/x", "/y", "alpine", "debian", "one", "1").Replace(edited)},
		{"a whole instruction", [][2]string{{"# why\nRUN one \\\n  # within\n  two\n", ""}}, strings.Replace(edited, "# why\nRUN one \\\n  # within\n  two\n", "", 1)},
		{"a new instruction", [][2]string{{"\n\n", "\nUSER 1\n\n"}}, strings.Replace(edited, "\n\n", "\nUSER 1\n\n", 1)},
		{"overlap", [][2]string{{"one \\", "x"}, {"\\\n  # within", "y"}}, "!overlap"},
		{"not a Dockerfile any more", [][2]string{{"FROM alpine", "FORM alpine"}}, "!did you mean FROM"},
		{"an open here-document", [][2]string{{"body\nE", "body"}}, "!unterminated"},
		{"a continuation swallows the next instruction", [][2]string{{"two\n", "two \\\n"}}, "!COPY of line 9 would change"},
		{"a comment becomes part of a word", [][2]string{{"# about\n", ""}, {"FROM alpine AS a\n", "FROM alpine AS a"}}, strings.NewReplacer("# about\n", "", "FROM alpine AS a\n", "FROM alpine AS a").Replace(edited)},
		{"the directive", [][2]string{{"# syntax", "#\n# syntax"}}, "!parser directives"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, err := dockerfile.Parse("Dockerfile", []byte(edited))
			if err != nil {
				t.Fatal(err)
			}
			var edits []dockerfile.Edit
			for _, e := range tt.edits {
				edits = append(edits, at(t, edited, e[0], e[1]))
			}
			after, err := d.Apply(edits...)
			if part, wantErr := strings.CutPrefix(tt.want, "!"); wantErr {
				if err == nil || !strings.Contains(err.Error(), part) {
					t.Fatalf("error %v, want %q", err, part)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if string(after.Source) != tt.want {
				t.Errorf("got\n%s\nwant\n%s", after.Source, tt.want)
			}
			if string(d.Source) != edited {
				t.Error("the original changed")
			}
		})
	}
}

func TestApplyOutside(t *testing.T) {
	d, err := dockerfile.Parse("Dockerfile", []byte("FROM a\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []dockerfile.Range{{-1, 0}, {0, 8}, {3, 2}} {
		if _, err := d.Apply(dockerfile.Edit{Range: r}); err == nil {
			t.Errorf("range %v is accepted", r)
		}
	}
}

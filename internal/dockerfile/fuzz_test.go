package dockerfile_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/lighten/lighten/internal/dockerfile"
)

func FuzzParse(f *testing.F) {
	for _, src := range samples(f) {
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src []byte) { checkSource(t, "Dockerfile", src) })
}

// FuzzApply makes one edit anywhere: the result must be what was asked for, or be refused, and BuildKit must see the
// other instructions as before.
func FuzzApply(f *testing.F) {
	for _, src := range samples(f) {
		f.Add(src, 5, 9, "x\n")
		f.Add(src, len(src)/2, len(src)/2, " \\")
	}
	f.Fuzz(func(t *testing.T, src []byte, start, end int, text string) {
		d, err := dockerfile.Parse("Dockerfile", src)
		if err != nil {
			return
		}
		after, err := d.Apply(dockerfile.Edit{Range: dockerfile.Range{Start: start, End: end}, New: text})
		if err != nil {
			return
		}
		if want := string(src[:start]) + text + string(src[end:]); string(after.Source) != want {
			t.Fatalf("got %q, want %q", after.Source, want)
		}
		res, err := parser.Parse(bytes.NewReader(after.Source))
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]int{}
		for _, n := range res.AST.Children {
			seen[n.Original]++
		}
		was, _ := parser.Parse(bytes.NewReader(src))
		for n, i := range d.Instructions {
			if i.Range.End < start || i.Range.Start > end {
				if o := was.AST.Children[n].Original; seen[o] == 0 {
					t.Fatalf("instruction %q is gone from %q", o, after.Source)
				}
			}
		}
		checkTokens(t, after)
	})
}

// FuzzShell checks that words of scripts lie in the source where they are said to be.
func FuzzShell(f *testing.F) {
	for _, src := range samples(f) {
		f.Add(src)
	}
	f.Add([]byte("FROM a\nRUN a 'b \\\n c' \"$d\" \\\n# e\n && f\\ g\n"))
	f.Fuzz(func(t *testing.T, src []byte) {
		d, err := dockerfile.Parse("Dockerfile", src)
		if err != nil {
			return
		}
		for _, i := range d.Instructions {
			sh, err := i.Shell()
			if err != nil {
				continue
			}
			for _, c := range sh.Commands {
				for _, w := range c.Args {
					if !i.Range.Contains(w.Range) || !c.Range.Contains(w.Range) {
						t.Fatalf("word %q at %v outside of its command %v or instruction %v", w.Value, w.Range, c.Range, i.Range)
					}
					text := d.Text(w.Range)
					if w.Static && !strings.ContainsAny(text, "'\"\\\n") && text != w.Value {
						t.Fatalf("word %q is %q in the source", w.Value, text)
					}
				}
			}
		}
	})
}

// Package rewrite turns a Dockerfile into lighter ones.
package rewrite

import (
	"io/fs"
	"slices"
	"strings"

	"github.com/lighten/lighten/internal/dockerfile"
)

// TidyOptions say what Tidy may know and do.
type TidyOptions struct {
	// Context is the build context. Edits that depend on a file's content are left out without it.
	Context fs.FS
	// Target is the stage that is built; "" is the last.
	Target string
}

// A tidyRule proposes changes. Each change is a group of edits that only make sense together. Rules
// are tried one after the other until none has anything to propose, so that a second Tidy has nothing to do.
type tidyRule struct {
	name    string
	propose func(*tidyPass) [][]dockerfile.Edit
}

var tidyRules = []tidyRule{
	{"requirements before source", reorderPython},
	{"package.json before source", reorderNode},
	{"apt-get update with its install", joinUpdates},
	{"apk --no-cache", apkNoCache},
	{"apt recommends", aptRecommends},
	{"apt lists", aptLists},
	{"pip --no-cache-dir", pipNoCache},
	{"clear caches", clearCaches},
	{"join RUNs", joinRuns}, // behind the rules that leave nothing to delete
	{"ownership with COPY", ownWithCopy},
}

// tidyPass is the document as it is when a rule looks at it.
type tidyPass struct {
	d      *dockerfile.Document
	o      TidyOptions
	stages map[*dockerfile.Stage]bool // what ends up in the image
}

func newPass(d *dockerfile.Document, o TidyOptions) *tidyPass {
	p := &tidyPass{d: d, o: o, stages: map[*dockerfile.Stage]bool{}}
	s := d.Final()
	if o.Target != "" {
		s = d.StageNamed(o.Target)
	}
	for ; s != nil; s = s.Parent {
		p.stages[s] = true
	}
	return p
}

// maxTidyEdits bounds the work on a hostile file.
const maxTidyEdits = 1000

// Tidy returns edits of d that keep the base image, the program and its behaviour and make the image smaller or its layers better
// reusable. Stages whose files are only copied from stay as they are: what they leave behind costs nothing.
// One edit may change what is installed, --no-install-recommends; its Why says so, and checks must judge it.
func Tidy(d *dockerfile.Document, o TidyOptions) []dockerfile.Edit {
	table := newPieceTable(len(d.Source))
	current := d
	for n := 0; n < maxTidyEdits; n++ {
		next, group := tidyStep(current, o)
		if next == nil {
			break
		}
		table.apply(group)
		current = next
	}
	return table.edits()
}

// tidyStep makes the first change that applies; nil when none does.
func tidyStep(d *dockerfile.Document, o TidyOptions) (*dockerfile.Document, []dockerfile.Edit) {
	for _, r := range tidyRules {
		for _, group := range r.propose(newPass(d, o)) {
			next, err := d.Apply(group...)
			if err == nil && scriptsParse(d, next) {
				return next, group
			}
		}
	}
	return nil, nil
}

// scriptsParse checks that the edits broke no script: BuildKit's parser does not look into them.
func scriptsParse(before, after *dockerfile.Document) bool {
	return unreadable(after) <= unreadable(before)
}

// unreadable counts the scripts that cannot be read.
func unreadable(d *dockerfile.Document) int {
	n := 0
	for _, i := range d.Instructions {
		if i.Name == "RUN" && !i.JSON {
			if _, err := i.Shell(); err != nil {
				n++
			}
		}
	}
	return n
}

// A pieceTable is the edited text as stretches of the original and insertions; it turns
// edits made one after the other into edits of the original.
type pieceTable struct {
	pieces []tablePiece
	length int
}

type tablePiece struct {
	start, end int    // of the original, when not an insertion
	inserted   bool   // text and why count
	text, why  string // why may hold several, a line each
}

func (p tablePiece) len() int {
	if p.inserted {
		return len(p.text)
	}
	return p.end - p.start
}

func newPieceTable(n int) *pieceTable {
	return &pieceTable{pieces: []tablePiece{{start: 0, end: n}}, length: n}
}

// apply makes edits whose ranges are those of the text as it is now.
func (t *pieceTable) apply(edits []dockerfile.Edit) {
	sorted := slices.Clone(edits)
	slices.SortStableFunc(sorted, func(a, b dockerfile.Edit) int {
		if a.Range.Start != b.Range.Start {
			return a.Range.Start - b.Range.Start
		}
		return a.Range.Len() - b.Range.Len()
	})
	for _, e := range slices.Backward(sorted) { // so that ranges stay true
		t.replace(e)
	}
}

func (t *pieceTable) replace(e dockerfile.Edit) {
	var out []tablePiece
	at := 0
	put := tablePiece{inserted: true, text: e.New, why: e.Why}
	placed := false
	place := func() {
		if !placed {
			out = append(out, put)
			placed = true
		}
	}
	for _, p := range t.pieces {
		start, end := at, at+p.len()
		at = end
		if end <= e.Range.Start && !(start == end && start == e.Range.Start) {
			out = append(out, p)
			continue
		}
		if start >= e.Range.End {
			place()
			out = append(out, p)
			continue
		}
		if start < e.Range.Start {
			out = append(out, p.cut(0, e.Range.Start-start))
		}
		if p.inserted { // its reason holds on, whatever is left of its text
			put.why = addWhy(p.why, put.why)
			if placed {
				out[len(out)-1].why = addWhy(out[len(out)-1].why, p.why)
			}
		}
		place()
		if end > e.Range.End {
			out = append(out, p.cut(e.Range.End-start, end-start))
		}
	}
	place()
	t.pieces = out
}

func (p tablePiece) cut(from, to int) tablePiece {
	if p.inserted {
		p.text = p.text[from:to]
		return p
	}
	return tablePiece{start: p.start + from, end: p.start + to}
}

func addWhy(a, b string) string {
	for _, line := range strings.Split(b, "\n") {
		if line != "" && !strings.Contains("\n"+a+"\n", "\n"+line+"\n") {
			a = strings.TrimPrefix(a+"\n"+line, "\n")
		}
	}
	return a
}

// edits are the changes of the original, in its order.
func (t *pieceTable) edits() []dockerfile.Edit {
	var out []dockerfile.Edit
	at := 0
	var open *dockerfile.Edit
	flush := func(next int) {
		if open != nil {
			open.Range.End = next
			if open.New != "" || open.Range.Len() > 0 {
				out = append(out, *open)
			}
			open = nil
		}
	}
	for _, p := range t.pieces {
		if !p.inserted {
			if p.len() > 0 {
				flush(p.start)
				at = p.end
			}
			continue
		}
		if open == nil {
			open = &dockerfile.Edit{Range: dockerfile.Range{Start: at}}
		}
		open.New += p.text
		open.Why = addWhy(open.Why, p.why)
	}
	flush(t.length)
	return out
}

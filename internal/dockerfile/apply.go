package dockerfile

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
)

// An Edit replaces a range of the source.
type Edit struct {
	Range Range
	New   string
	Why   string // the effect, for the reader of the result
}

// Apply returns the document with the edits made. Edits that overlap or lie
// outside of the source are refused. The result is read again by BuildKit's parser, and every instruction
// that no edit touches must have come through as it was; so must the parser directives.
func (d *Document) Apply(edits ...Edit) (*Document, error) {
	sorted := slices.Clone(edits)
	sort.SliceStable(sorted, func(a, b int) bool {
		ra, rb := sorted[a].Range, sorted[b].Range
		if ra.Start != rb.Start {
			return ra.Start < rb.Start
		}
		return ra.Len() == 0 && rb.Len() > 0
	})
	var out bytes.Buffer
	at := 0
	for _, e := range sorted {
		if e.Range.Start < 0 || e.Range.End > len(d.Source) || e.Range.Start > e.Range.End {
			return nil, fmt.Errorf("editing %s: range %d-%d is outside of the file", d.Name, e.Range.Start, e.Range.End)
		}
		if e.Range.Start < at {
			return nil, fmt.Errorf("editing %s: two edits overlap at line %d (%s)", d.Name, d.lineOf(e.Range.Start), e.Why)
		}
		out.Write(d.Source[at:e.Range.Start])
		out.WriteString(e.New)
		at = e.Range.End
	}
	out.Write(d.Source[at:])
	after, err := Parse(d.Name, out.Bytes())
	if err != nil {
		return nil, fmt.Errorf("editing %s: the result is not a Dockerfile any more: %w", d.Name, err)
	}
	after.BuildArgs = d.BuildArgs
	if !maps.Equal(d.Directives, after.Directives) {
		return nil, fmt.Errorf("editing %s: the parser directives changed", d.Name)
	}
	if err := d.sameOutside(sorted, after); err != nil {
		return nil, err
	}
	return after, nil
}

func (d *Document) lineOf(at int) int {
	return max(1, sort.Search(len(d.lines), func(n int) bool { return d.lines[n].start > at }))
}

// touches reports whether the edit changes the instruction's text. An edit that ends where it begins, or begins
// where it ends, does so unless a line end lies between.
func (e Edit) touches(r Range) bool {
	switch {
	case e.Range.End < r.Start || e.Range.Start > r.End:
		return false
	case e.Range.End == r.Start && e.Range.Start < r.End:
		return e.New != "" && !strings.HasSuffix(e.New, "\n") || e.Range.Start == r.Start && e.Range.Len() > 0
	case e.Range.Start == r.End:
		return e.New != "" && !strings.HasPrefix(e.New, "\n") && !strings.HasPrefix(e.New, "\r\n")
	}
	return true
}

// sameOutside checks that the instructions which the sorted edits do not touch are in
// the new document what they were in the old one.
func (d *Document) sameOutside(edits []Edit, after *Document) error {
	found := map[int]*Instruction{}
	for _, i := range after.Instructions {
		found[i.Range.Start] = i
	}
	shift, next := 0, 0
	kept := 0
	var touched []Range // of the new document
	for _, i := range d.Instructions {
		for next < len(edits) && edits[next].Range.End <= i.Range.Start {
			touched = append(touched, edits[next].image(shift))
			shift += len(edits[next].New) - edits[next].Range.Len()
			next++
		}
		end, hit := shift, next > 0 && edits[next-1].touches(i.Range)
		for k := next; k < len(edits) && edits[k].Range.Start <= i.Range.End; k++ {
			if edits[k].touches(i.Range) {
				hit = true
				end += len(edits[k].New) - edits[k].Range.Len()
			}
		}
		if hit {
			touched = append(touched, Range{i.Range.Start + shift, i.Range.End + end})
			continue
		}
		other := found[i.Range.Start+shift]
		if other == nil || !i.same(other) {
			return fmt.Errorf("editing %s: %s of line %d would change although no edit touches it", d.Name, i.Name, i.Line)
		}
		kept++
		delete(found, other.Range.Start)
	}
	for ; next < len(edits); next++ {
		touched = append(touched, edits[next].image(shift))
		shift += len(edits[next].New) - edits[next].Range.Len()
	}
	for _, i := range found {
		if !slices.ContainsFunc(touched, func(r Range) bool { return i.Range.Start <= r.End && r.Start <= i.Range.End }) {
			return fmt.Errorf("editing %s: a new instruction appears outside of the edits: %s", d.Name, after.Text(i.Keyword))
		}
	}
	return nil
}

// image is the range that the edit's text has in the new document, when edits before it shifted it.
func (e Edit) image(shift int) Range {
	return Range{e.Range.Start + shift, e.Range.Start + shift + len(e.New)}
}

// same compares what BuildKit's parser made of two instructions.
func (i *Instruction) same(o *Instruction) bool {
	a, b := i.node, o.node
	return a.Original == b.Original && a.Dump() == b.Dump() && slices.Equal(a.Heredocs, b.Heredocs) &&
		maps.Equal(a.Attributes, b.Attributes) && i.doc.Text(i.Range) == o.doc.Text(o.Range)
}

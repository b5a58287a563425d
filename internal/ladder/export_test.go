package ladder

import (
	"github.com/lighten/lighten/internal/check"
	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/inventory"
	"github.com/lighten/lighten/internal/report"
)

// Judge names the winner among candidates that were measured already, the original first, and returns them as judged.
func Judge(o Options, candidates ...report.Candidate) (winner string, judged []report.Candidate) {
	r := &Result{}
	for _, c := range candidates {
		r.rungs = append(r.rungs, &rung{Candidate: Candidate{Name: c.Name}, report: c})
	}
	r.judge(o)
	for _, x := range r.rungs {
		judged = append(judged, x.report)
	}
	return r.Report.Winner, judged
}

// Slower is what is noted of a candidate whose first answer takes ms, beside an original's that takes originalMS.
func Slower(original, t *image.Tree, originalMS, ms float64) []string {
	r := &rung{tree: t, report: report.Candidate{StartMS: ms}}
	(&climb{}).changes(r, &rung{tree: original, report: report.Candidate{StartMS: originalMS}})
	return r.report.Notes
}

// Content is an image with the number of its layers that are the base image's, and what it was carved from.
type Content struct {
	Tree *image.Tree
	Base int
	From *Content
}

// Waterfall compares what two images hold.
func Waterfall(before, after Content) ([]report.Step, error) {
	b, err := before.rung()
	if err != nil {
		return nil, err
	}
	a, err := after.rung()
	return waterfall(b, a), err
}

func (c Content) rung() (*rung, error) {
	owners, err := inventory.Read(c.Tree)
	r := &rung{tree: c.Tree, owners: owners, base: c.Base}
	if err == nil && c.From != nil {
		r.from, err = c.From.rung()
	}
	return r, err
}

// WaterfallOfNothing is that of a run without a winner.
func WaterfallOfNothing() []report.Step { return waterfall(&rung{}, nil) }

// AlsoFailed explains the failed checks after the first.
func AlsoFailed(results []check.Result) []string { return alsoFailed(results) }

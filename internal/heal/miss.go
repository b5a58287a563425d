package heal

import (
	"path"
	"strings"

	"github.com/lighten/lighten/internal/check"
	"github.com/lighten/lighten/internal/closure"
	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/inventory"
	"github.com/lighten/lighten/internal/observe"
	"github.com/lighten/lighten/internal/trial"
)

// missed finds what the carved image's program looked up in vain and the original has, and takes it as evidence. It
// reports whether there was something.
func (h *healer) missed(out *trial.Outcome) bool {
	r := *out.Record
	r.Paths = nil
	inVain := closure.AskedInVain(h.res.Tree, out.Record)
	for _, p := range out.Record.Paths {
		if !h.inVain && inVain(p) {
			h.withheld = true
			continue
		}
		if h.res.Keep.Misses(p) {
			r.Paths = append(r.Paths, p)
			h.note(p.Name, phase(out.Record, p.Phase), p.By)
		}
	}
	if len(r.Paths) == 0 {
		return false
	}
	r.Full, r.Unread, r.Untraced, r.Setuid = false, 0, "", nil // the first evidence told of these
	h.evidence = append(h.evidence, h.miss(&r))
	return true
}

// patience is how many rounds may put back single files at the level tight. A program that walks through directories misses one level of
// them a round.
const patience = 4

func (h *healer) miss(r *observe.Record) closure.Evidence {
	return closure.Evidence{Record: r, Miss: true, Whole: h.res.Rounds > patience}
}

func phase(r *observe.Record, i int) string {
	if i >= 0 && i < len(r.Phases) {
		return r.Phases[i]
	}
	return ""
}

func (h *healer) note(p, phase, by string) {
	h.res.Misses = append(h.res.Misses, Miss{Path: p, Round: h.res.Rounds, Phase: phase, By: by, Holdout: isHoldout(phase)})
}

// saidMissing stands for the phase of what no look-up was seen of.
const saidMissing = "messages of the program"

// named puts back what a failed check's log names as missing. Not every search is a look-up that can be seen: Python reads a
// directory once and then knows what is not in it.
func (h *healer) named(r *check.Report) bool {
	rec := observe.Record{Phases: []string{saidMissing}}
	for _, m := range r.Missing {
		for _, p := range h.find(m) {
			if !h.res.Keep.Has(p) {
				rec.Paths = append(rec.Paths, observe.Path{Name: p, Ops: observe.Open})
				h.note(p, rec.Phases[0], m.NeededBy)
			}
		}
	}
	if len(rec.Paths) == 0 {
		return false
	}
	h.evidence = append(h.evidence, h.miss(&rec))
	return true
}

// find returns the original's files that a message may mean.
func (h *healer) find(m check.Miss) []string {
	var found []string
	module := "/" + strings.ReplaceAll(m.Name, ".", "/")
	for e := range h.res.Tree.All() {
		if e.IsDir() {
			continue
		}
		switch {
		case e.Path == m.Name, m.Kind != "module" && path.Base(e.Path) == path.Base(m.Name) && (m.Kind != "executable" || runnable(e)):
			found = append(found, e.Path)
		case m.Kind == "module" && h.isModule(e.Path, module):
			found = append(found, e.Path)
		}
	}
	if m.Kind == "module" && len(found) == 0 {
		if p, ok := h.res.Inventory.Module(m.Name); ok {
			found = h.filesOf(p)
		}
	}
	return found
}

// runnable tells what a shell may run by its name, and not the completion or the job of the same name. A link's permissions say nothing.
func runnable(e *image.Entry) bool {
	switch path.Base(path.Dir(e.Path)) {
	case "bin", "sbin":
		return e.Mode&0o111 != 0
	}
	return false
}

// isModule tells whether a file is the module, and not one of that name within another package: pip has a urllib3 of its own.
func (h *healer) isModule(p, module string) bool {
	for _, ext := range []string{".py", "/__init__.py"} {
		if root, ok := strings.CutSuffix(p, module+ext); ok {
			return h.res.Tree.Get(root+"/__init__.py") == nil
		}
	}
	root, rest, ok := strings.Cut(p, module+".")
	return ok && strings.HasSuffix(rest, "so") && h.res.Tree.Get(root+"/__init__.py") == nil
}

func (h *healer) filesOf(p inventory.Package) []string {
	var files []string
	for e := range h.res.Inventory.Entries(p) {
		if !e.IsDir() {
			files = append(files, e.Path)
		}
	}
	return files
}

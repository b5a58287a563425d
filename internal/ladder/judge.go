package ladder

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/lighten/lighten/internal/check"
	"github.com/lighten/lighten/internal/closure"
	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/report"
)

// verdict turns what the supervisor saw into the candidate's verdict.
func (c *climb) verdict(r, original *rung) {
	rep := &r.report
	if r.check == nil {
		rep.Verdict = report.Unchecked
		return
	}
	rep.StartMS, rep.RSSBytes, rep.ChecksTotal = r.check.StartMillis, r.check.RSSBytes, len(r.check.Results)
	for _, x := range r.check.Results {
		rep.Results = append(rep.Results, report.Check{Name: x.Name, Passed: x.Passed, Holdout: x.Holdout, Expected: x.Expected, Found: x.Found, MS: x.Millis})
		if x.Passed {
			rep.ChecksPassed++
		}
	}
	c.changes(r, original)
	failed := rep.ChecksPassed < rep.ChecksTotal
	if !failed && r.check.Error == "" {
		rep.Verdict = report.Passed
		if original == nil || original.check == nil {
			return
		}
		if r.check.Missing = r.check.Lost(original.check); len(r.check.Missing) > 0 { // the checks are too weak to tell
			rep.Verdict, rep.Reason = report.Failed, strings.Join(explainMissing(r, original), "; ")
		}
		return
	}
	rep.Verdict, rep.Reason = report.Failed, r.check.FirstFailure()
	if missing := explainMissing(r, original); len(missing) > 0 {
		if failed {
			rep.Details = append(rep.Details, rep.Reason)
		}
		rep.Reason = strings.Join(missing, "; ")
	}
	rep.Details = append(rep.Details, alsoFailed(r.check.Results)...)
	for _, l := range r.check.LogTail {
		rep.Details = append(rep.Details, "log: "+l)
	}
}

// maxFailed is how many failed checks the table explains; JSON has them all.
const maxFailed = 12

// alsoFailed explains the failed checks after the first, but for those that found the same: when a program is down, all do.
func alsoFailed(results []check.Result) (lines []string) {
	seen := map[string]bool{}
	for _, x := range results {
		if !x.Passed && !seen[x.Found] {
			seen[x.Found] = true
			lines = append(lines, x.Failure())
		}
	}
	lines = lines[min(1, len(lines)):]
	if more := len(lines) - maxFailed; more > 0 {
		lines = append(lines[:maxFailed], fmt.Sprintf("… and %d more (--format json has all)", more))
	}
	return lines
}

// changes names what is different for whoever runs the image.
func (c *climb) changes(r, original *rung) {
	rep := &r.report
	if original == nil {
		return
	}
	o := original.report
	note := func(format string, args ...any) { rep.Notes = append(rep.Notes, fmt.Sprintf(format, args...)) }
	if libcName(o.Libc) != libcName(rep.Libc) {
		note("libc changes from %s to %s: locale, resolver, iconv and threads may behave otherwise than the checks can tell", orNone(o.Libc), orNone(rep.Libc))
	}
	if o.User != rep.User {
		note("the user changes from %s to %s", o.User, rep.User)
	}
	for _, v := range lost(original.tree.Config.Config.Env, r.tree.Config.Config.Env) {
		note("the environment has no %s any more", v)
	}
	if p := healthProgram(r.tree); p != "" && original.tree.LookPath(p) != "" && r.tree.LookPath(p) == "" {
		note("HEALTHCHECK runs %s, which is not in this image: a container of it is never healthy", p)
	}
	if rep.StartMS > 2*o.StartMS && rep.StartMS-o.StartMS > 100 && o.StartMS > 0 {
		why := ""
		if had, has := compiledLibrary(original.tree), compiledLibrary(r.tree); 2*has < had {
			why = fmt.Sprintf(": %d of Python's own modules are compiled in it, %d in the original, and each start compiles what it imports of the others", has, had)
		}
		note("the first answer takes %.0f ms instead of %.0f ms%s", rep.StartMS, o.StartMS, why)
	}
	if o.Shell != "" && rep.Shell == "" {
		note("there is no shell: docker exec and shell-form commands do not work in it")
	}
}

// compiledLibrary counts the modules of Python's own library of which there is bytecode. The official images have none; running pip
// leaves that of what pip imports. Beside a Python in /usr/local, Debian's own is not the program's.
func compiledLibrary(t *image.Tree) int {
	const local = "/usr/local/lib/python3"
	own, others, isOwn := 0, 0, false
	for e := range t.All() {
		inOwn := strings.HasPrefix(e.Path, local)
		isOwn = isOwn || inOwn && path.Base(e.Path) == "os.py"
		switch {
		case !strings.HasSuffix(e.Path, ".pyc") || !strings.Contains(e.Path, "/lib/python3") || closure.Dependency(e.Path):
		case inOwn:
			own++
		default:
			others++
		}
	}
	if isOwn {
		return own
	}
	return others
}

// healthProgram is what the HEALTHCHECK of an image starts, "" when it has none.
func healthProgram(t *image.Tree) string {
	h := t.Config.Config.Healthcheck
	if h == nil || len(h.Test) < 2 || h.Test[0] == "NONE" {
		return ""
	}
	if h.Test[0] == "CMD" {
		return h.Test[1]
	}
	if words := strings.Fields(h.Test[1]); len(words) > 0 && plainWord.MatchString(words[0]) {
		return words[0]
	}
	return ""
}

var plainWord = regexp.MustCompile(`^[\w./+-]+$`)

// ofImage are variables by which the Python images describe themselves.
var ofImage = []string{"GPG_KEY", "PYTHON_VERSION", "PYTHON_SHA256", "PYTHON_PIP_VERSION", "PYTHON_SETUPTOOLS_VERSION", "PYTHON_GET_PIP_URL", "PYTHON_GET_PIP_SHA256"}

// lost are the names of variables that a candidate does not set any more, and that a program may read.
func lost(before, after []string) []string {
	name := func(v string) string { n, _, _ := strings.Cut(v, "="); return n }
	var out []string
	for _, v := range before {
		n := name(v)
		if !slices.Contains(ofImage, n) && !slices.ContainsFunc(after, func(a string) bool { return name(a) == n }) {
			out = append(out, n)
		}
	}
	return out
}

func orNone(libc string) string {
	if libc == "" {
		return "no libc"
	}
	return libc
}

func libcName(s string) string {
	n, _, _ := strings.Cut(s, " ")
	return n
}

// explainMissing names what the program looked for in vain, and the package of
// the original that has it.
func explainMissing(r, original *rung) []string {
	var out []string
	for _, m := range r.check.Missing {
		s := fmt.Sprintf("%s %s is not in the image", m.Kind, m.Name)
		if m.NeededBy != "" {
			s += ", needed by " + m.NeededBy
		}
		if original != nil {
			if p := bringer(original, m); p != "" {
				s += "; in the original it comes from " + p
			}
		}
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

func bringer(original *rung, m check.Miss) string {
	if m.Kind == "module" {
		top, _, _ := strings.Cut(m.Name, ".")
		if p, ok := original.owners.Module(top); ok {
			return fmt.Sprintf("the Python distribution %s %s", p.Name, p.Version)
		}
		return ""
	}
	for e := range original.tree.All() {
		if e.Path != m.Name && path.Base(e.Path) != m.Name {
			continue
		}
		if p, ok := original.owners.Owner(e.Path); ok {
			return fmt.Sprintf("package %s %s (%s)", p.Name, p.Version, e.Path)
		}
		return e.Path
	}
	return ""
}

// judge names the winner: the candidate that passes with the least to pull; the gentler one where two weigh the same.
// Without checks nothing was proved, and nothing wins.
func (r *Result) judge(o Options) {
	for _, x := range r.rungs {
		if r.otherLibc(x, o) && (x.report.Verdict == report.Passed || x.report.Verdict == report.Unchecked) {
			if x.report.Verdict == report.Passed {
				x.report.Verdict = report.Withheld
			}
			x.report.Reason = fmt.Sprintf("it runs on %s instead of %s, so it is not chosen by itself: --allow libc lets it win",
				orNone(x.report.Libc), orNone(r.find(Original).report.Libc))
		}
	}
	if best := r.lightest(o); best != nil {
		r.Report.Winner = best.Name
	}
}

// lightest is the candidate that passes, and may win, with the least to pull; nil when there is none.
func (r *Result) lightest(o Options) *rung {
	var best *rung
	for _, x := range r.rungs {
		if x.report.Verdict == report.Passed && !r.otherLibc(x, o) && (best == nil || x.report.PullBytes < best.report.PullBytes) {
			best = x
		}
	}
	return best
}

// otherLibc reports whether a candidate has another C library than the original, and --allow libc was not given.
func (r *Result) otherLibc(x *rung, o Options) bool {
	return libcName(x.report.Libc) != libcName(r.find(Original).report.Libc) && !slices.Contains(o.Allow, "libc")
}

// Kinds of content, in the order of the waterfall.
const (
	kindBase     = "base image"
	kindSystem   = "system packages"
	kindDeps     = "dependencies of the program"
	kindCaches   = "package manager caches"
	kindBytecode = "compiled Python bytecode"
	kindApp      = "the program"
	kindOther    = "everything else"
)

var kinds = []string{kindBase, kindSystem, kindDeps, kindBytecode, kindCaches, kindApp, kindOther}

// cacheDirs hold what package managers leave behind.
var cacheDirs = []string{"/root/.cache", "/var/cache", "/var/lib/apt/lists", "/root/.npm", "/etc/apk/cache"}

// waterfall says which kind of content the bytes on disk are, in both, and in what a carved one was made from. Every
// file of every layer is counted once, so the steps add up to the disk sizes.
func waterfall(before, after *rung) []report.Step {
	if before == nil || after == nil || before == after || before.tree == nil || after.tree == nil {
		return nil
	}
	b, a := content(before), content(after)
	var via map[string]int64
	if after.from != nil && after.from != before {
		via = content(after.from)
	}
	var out []report.Step
	for _, k := range kinds {
		if b[k] == 0 && a[k] == 0 && via[k] == 0 {
			continue
		}
		st := report.Step{What: k, Before: b[k], After: a[k]}
		if via != nil {
			st.Via = new(via[k])
		}
		out = append(out, st)
	}
	return out
}

func content(r *rung) map[string]int64 {
	sum := map[string]int64{}
	for i := range r.tree.Layers {
		for _, f := range r.tree.LayerFiles(i) {
			sum[kind(r, i, f.Path)] += f.Size
		}
	}
	return sum
}

// ofBase tells whether a file comes from the base image; of a carved image, whether it did in what that was made from.
func (r *rung) ofBase(layer int, p string) bool {
	if r.from == nil {
		return layer < r.base
	}
	e := r.from.tree.Get(p)
	return e != nil && e.Layer < r.from.base
}

func kind(r *rung, layer int, p string) string {
	if r.ofBase(layer, p) {
		return kindBase
	}
	for _, d := range cacheDirs {
		if strings.HasPrefix(p, d+"/") {
			return kindCaches
		}
	}
	if strings.HasSuffix(p, ".pyc") {
		return kindBytecode
	}
	if closure.Dependency(p) {
		return kindDeps
	}
	if o, ok := r.owners.Owner(p); ok {
		switch {
		case o.System():
			return kindSystem
		case o.File == "": // else it is a program, or an archive of one
			return kindDeps
		}
	}
	if dir := r.tree.Config.Config.WorkingDir; dir != "" && dir != "/" && strings.HasPrefix(p, dir+"/") {
		return kindApp
	}
	return kindOther
}

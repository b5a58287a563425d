package rewrite

import (
	"fmt"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/lighten/lighten/internal/dockerfile"
)

// joinRuns makes one RUN of neighbours when the later one deletes what an earlier one left: in a layer
// of its own, the deletion saves nothing.
func joinRuns(p *tidyPass) [][]dockerfile.Edit { return p.join(deletes) }

// joinUpdates joins an apt-get update with its install.
func joinUpdates(p *tidyPass) [][]dockerfile.Edit {
	return p.join(func(a, b script) string {
		if !slices.ContainsFunc(a.commands, isAptUpdate) || slices.ContainsFunc(a.commands, isAptInstall) ||
			!slices.ContainsFunc(b.commands, isAptInstall) || slices.ContainsFunc(b.commands, isAptUpdate) {
			return ""
		}
		return "apt-get update runs with its install: alone in a cached layer, it hands out lists that have become old"
	})
}

// join joins each RUN with the furthest of those directly above for which there is a reason.
func (p *tidyPass) join(reason func(a, b script) string) (groups [][]dockerfile.Edit) {
	for at, i := range p.d.Instructions {
		b, ok := readScript(i)
		if !ok || !p.stages[i.Stage] {
			continue
		}
		var best []dockerfile.Edit
		for k := at - 1; k >= 0 && at-k <= maxJoin; k-- {
			o := p.d.Instructions[k]
			a, ok := readScript(o)
			if !ok || o.Stage != i.Stage {
				break
			}
			if why := reason(a, b); why != "" {
				if edits, ok := p.joinChain(k, at, why); ok {
					best = edits
				}
			}
		}
		if best != nil {
			groups = append(groups, best)
		}
	}
	return groups
}

// maxJoin bounds how many RUN instructions become one.
const maxJoin = 20

// joinChain joins the instructions from first to last.
func (p *tidyPass) joinChain(first, last int, why string) ([]dockerfile.Edit, bool) {
	var edits []dockerfile.Edit
	for n := first; n < last; n++ {
		a, okA := readScript(p.d.Instructions[n])
		b, okB := readScript(p.d.Instructions[n+1])
		if !okA || !okB {
			return nil, false
		}
		e, ok := joinPair(a, b, n == first, why)
		if !ok {
			return nil, false
		}
		edits = append(edits, e...)
	}
	if end, ok := readScript(p.d.Instructions[last]); ok && wrapped(end, false) {
		at := end.ArgsRange.End
		edits = append(edits, dockerfile.Edit{Range: dockerfile.Range{Start: at, End: at}, New: ")", Why: why})
	}
	return edits, true
}

// joinPair replaces what lies between two RUN instructions by "&&". The comments in between stay, as
// comments within the instruction.
func joinPair(a, b script, first bool, why string) ([]dockerfile.Edit, bool) {
	d := a.Document()
	sameFlags := slices.EqualFunc(a.Flags, b.Flags, func(x, y dockerfile.Flag) bool { return x.Name == y.Name && x.Value == y.Value })
	if !sameFlags || !joinable(a) || !joinable(b) || len(a.Heredocs)+len(b.Heredocs) > 0 {
		return nil, false
	}
	if strings.TrimSpace(d.Text(dockerfile.Range{Start: a.ArgsRange.End, End: a.Range.End})) != "" {
		return nil, false // it ends in a continuation or a comment
	}
	nl := newline(d)
	glue := " " + string(d.Escape) + nl
	between := d.Text(dockerfile.Range{Start: a.Range.End, End: b.Range.Start})
	for _, line := range strings.Split(between, "\n") {
		if c := strings.TrimSpace(line); strings.HasPrefix(c, "#") {
			glue += "    " + c + nl
		}
	}
	if strings.Contains(d.Text(dockerfile.Range{Start: b.Range.Start, End: b.ArgsRange.Start}), "#") {
		return nil, false // a comment between the flags
	}
	lead := "    && "
	var edits []dockerfile.Edit
	closing := ""
	if wrapped(a, first) {
		closing = ")"
		if first {
			edits = append(edits, dockerfile.Edit{Range: dockerfile.Range{Start: a.ArgsRange.Start, End: a.ArgsRange.Start}, New: "(", Why: why})
		}
	}
	if wrapped(b, false) {
		lead += "("
	}
	edits = append(edits, dockerfile.Edit{Range: dockerfile.Range{Start: a.ArgsRange.End, End: b.ArgsRange.Start}, New: closing + glue + lead, Why: why})
	return edits, true
}

// stateful are commands that change the shell for what follows in the same script.
var stateful = []string{"cd", "pushd", "popd", "export", "umask", "unset", "readonly", "alias", "unalias", "source", ".", "shopt", "ulimit", "eval", "exit", "exec", "hash", "local", "declare", "typeset", "read"}

// joinable reports whether the script may stand in one shell with another, in parentheses if need be.
func joinable(s script) bool {
	// Within an "&&" list or parentheses before one, "sh -e" does not stop at a failure.
	if s.sh == nil || len(s.sh.File.Stmts) == 0 || stopsAtFailure(s) {
		return false
	}
	ok := true
	syntax.Walk(s.sh.File, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.Comment: // the rest of the line, which the join would add to
			ok = false
		case *syntax.Stmt:
			ok = ok && !n.Background && !n.Coprocess
		case *syntax.Redirect:
			ok = ok && n.Hdoc == nil
		}
		return true
	})
	if last := s.sh.File.Stmts[len(s.sh.File.Stmts)-1]; last.Semicolon.IsValid() {
		return false
	}
	return ok && !slices.ContainsFunc(s.commands, func(c dockerfile.Command) bool {
		return c.Name == "set" || c.Name == "trap" || c.Name == "wait" || c.Name == "jobs" // act on the whole script
	})
}

// wrapped reports whether the script needs parentheses to mean the same between "&&". The first of a chain
// needs none on account of its own semicolons: what follows depends on its last command alone, as before.
func wrapped(s script, first bool) bool {
	wrap := !first && (len(s.sh.File.Stmts) > 1 || hasTopOr(s.sh.File.Stmts[0]))
	for _, c := range s.commands {
		if slices.Contains(stateful, c.Name) || c.Name == "" {
			wrap = true // a name that is not known may be anything
		}
	}
	syntax.Walk(s.sh.File, func(n syntax.Node) bool {
		if _, is := n.(*syntax.FuncDecl); is {
			wrap = true
		}
		return true
	})
	return wrap
}

// hasTopOr reports whether "a && stmt" would mean something else, because stmt has an "||" at its top.
func hasTopOr(st *syntax.Stmt) bool {
	b, ok := st.Cmd.(*syntax.BinaryCmd)
	if !ok {
		return false
	}
	return b.Op == syntax.OrStmt || hasTopOr(b.X)
}

// stopsAtFailure reports whether SHELL hands the shell an -e.
func stopsAtFailure(s script) bool {
	for stage := s.Stage; stage != nil; stage = stage.Parent {
		for _, i := range stage.Instructions {
			if i == s.Instruction {
				break
			}
			if i.Name != "SHELL" {
				continue
			}
			for _, w := range i.Args[1:] {
				if w.Value == "errexit" || strings.HasPrefix(w.Value, "-") && !strings.HasPrefix(w.Value, "--") && strings.Contains(w.Value, "e") {
					return true
				}
			}
		}
	}
	return false
}

// deletes says what b deletes that a left; "" when nothing is known.
func deletes(a, b script) string {
	for _, c := range b.commands {
		if path := removes(c, a); path != "" {
			return fmt.Sprintf("%s is deleted in the layer that made it: in a later one, the deletion only hides it", path)
		}
	}
	return ""
}

// A leaving is a place that a command fills.
type leaving struct {
	dir  string
	fill func(dockerfile.Command) bool
}

var leavings = []leaving{
	{aptListsDir, isAptUpdate},
	{"/var/cache/apt", isAptInstall},
	{"/var/cache/apk", func(c dockerfile.Command) bool {
		return does(c, "apk", "add", "update", "upgrade") && !hasArg(c.Args, "--no-cache")
	}},
	{"/var/cache/yum", func(c dockerfile.Command) bool {
		return does(c, "yum", "install", "update") || does(c, "microdnf", "install")
	}},
	{"/var/cache/dnf", func(c dockerfile.Command) bool { return does(c, "dnf", "install", "update", "upgrade") }},
	{"/root/.npm", func(c dockerfile.Command) bool { return does(c, "npm", "install", "ci", "i") }},
	{"/root/.cache", func(c dockerfile.Command) bool {
		args, ok := pipArgs(c)
		return ok && hasArg(args, "install") && !hasArg(args, "--no-cache-dir") && len(c.Assigns) == 0
	}},
}

// cleaners are commands that clear a leaving without naming its directory.
var cleaners = []struct{ name, sub, dir string }{
	{"apt-get", "clean", "/var/cache/apt"}, {"apt", "clean", "/var/cache/apt"},
	{"yum", "clean", "/var/cache/yum"}, {"dnf", "clean", "/var/cache/dnf"}, {"microdnf", "clean", "/var/cache/yum"},
	{"npm", "cache", "/root/.npm"}, {"pip", "cache", "/root/.cache"}, {"pip3", "cache", "/root/.cache"},
}

// leaves reports whether the script fills dir, or part of it, and does not clear it itself.
func (s script) leaves(dir string) bool {
	for _, l := range leavings {
		if !within(l.dir, dir) && !within(dir, l.dir) {
			continue
		}
		for n, c := range s.commands {
			if l.fill(c) && !s.clearsLater(n, l.dir, c.Name) {
				return true
			}
		}
	}
	return false
}

// removes names what command c of a later script removes of what script a left.
func removes(c dockerfile.Command, a script) string {
	for _, k := range cleaners {
		if does(c, k.name, k.sub) && a.leaves(k.dir) {
			return k.dir
		}
	}
	switch {
	case does(c, "apk", "del"), isApt(c) && hasArg(c.Args, "purge", "remove", "autoremove"), does(c, "dnf", "remove"), does(c, "yum", "remove"):
		return removesPackage(c, a)
	case c.Name != "rm":
		return ""
	}
	text := a.Document().Text(a.Range)
	for _, w := range c.Args {
		dir := strings.TrimRight(strings.Replace(w.Value, "~", "/root", 1), "*/")
		if strings.HasPrefix(w.Value, "-") || !strings.HasPrefix(dir, "/") || strings.Count(dir, "/") < 2 {
			continue
		}
		if a.leaves(dir) || namesPath(text, dir) && !a.clearsLater(-1, dir, "") {
			return w.Value
		}
	}
	return ""
}

// namesPath reports whether the text names the path itself or something below it.
func namesPath(text, path string) bool {
	for {
		_, after, found := strings.Cut(text, path)
		if !found {
			return false
		}
		if after == "" || strings.IndexByte(" \t\r\n/;&|)\"'*", after[0]) >= 0 {
			return true
		}
		text = after
	}
}

// removesPackage names a package that c removes and a installed.
func removesPackage(c dockerfile.Command, a script) string {
	for _, o := range a.commands {
		if o.Name != c.Name && !(isApt(c) && isApt(o)) || !hasArg(o.Args, "install", "add") {
			continue
		}
		if hasArg(c.Args, "autoremove") && subcommand(c.Args) == len(c.Args)-1 {
			return ""
		}
		for _, w := range c.Args[subcommand(c.Args)+1:] {
			if !strings.HasPrefix(w.Value, "-") && slices.ContainsFunc(o.Args, func(i dockerfile.Word) bool { return i.Value == w.Value }) {
				return "package " + w.Value
			}
		}
	}
	return ""
}

package dockerfile

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"mvdan.cc/sh/v3/syntax"
)

// ErrNotShell is returned by Instruction.Shell for an instruction that gives no text to a Unix shell.
var ErrNotShell = errors.New("not run by a Unix shell")

// A Shell is the script of a RUN instruction.
type Shell struct {
	File     *syntax.File // its offsets are those of the text that the shell gets; see Range
	Commands []Command    // every simple command, in the order of the text, nested ones included

	text text
}

// A Command is a simple command of a script.
type Command struct {
	Name    string // "" when it is not static, or when there are only assignments
	NameAt  Range
	Args    []Word // after the name
	Range   Range  // without redirections
	Op      string // what joins it to the next command of the same list: "&&", "||", "|", ";", "&"; "" for the last
	Nested  bool   // within a subshell, group, loop, condition, function or substitution
	Assigns []Assign
	Stmt    *syntax.Stmt
}

// An Assign is a NAME=value before a command or alone.
type Assign struct{ Name, Value string }

// Text is what the shell gets.
func (s *Shell) Text() string { return s.text.s }

// Range maps a node of the syntax tree to the source.
func (s *Shell) Range(n syntax.Node) Range {
	return s.text.span(int(n.Pos().Offset()), int(n.End().Offset()))
}

// Shell parses the script of RUN (or CMD, ENTRYPOINT) in shell form, or the here-document that takes its place. It
// refuses what it could not map to the source exactly, or what no
// POSIX shell or bash runs.
func (i *Instruction) Shell() (*Shell, error) {
	if i.Name != "RUN" && i.Name != "CMD" && i.Name != "ENTRYPOINT" || i.JSON || len(i.Args) != 1 {
		return nil, fmt.Errorf("reading the script of %s in line %d: %w", i.Name, i.Line, ErrNotShell)
	}
	bash, err := i.shellKind()
	if err != nil {
		return nil, fmt.Errorf("reading the script of line %d: %w", i.Line, err)
	}
	t, err := i.script()
	if err != nil {
		return nil, fmt.Errorf("reading the script of line %d: %w", i.Line, err)
	}
	if strings.Contains(t.s, "\x00") { // shells differ in what they make of it
		return nil, fmt.Errorf("reading the script of line %d: it has a NUL byte", i.Line)
	}
	f, err := parseShell(t.s, bash)
	if err != nil {
		return nil, fmt.Errorf("reading the script of line %d: %w", i.Line, err)
	}
	s := &Shell{File: f, text: t}
	if at, ok := s.glued(); ok {
		return nil, fmt.Errorf("reading the script of line %d: a line continuation glues two halves of a word at line %d",
			i.Line, i.doc.lineOf(t.source(at)))
	}
	c := collector{shell: s}
	c.list(f.Stmts, false)
	slices.SortStableFunc(s.Commands, func(a, b Command) int { return a.Range.Start - b.Range.Start })
	return s, nil
}

// shellKind finds which shell runs the instruction: the last SHELL before it, in its stage or those below it.
func (i *Instruction) shellKind() (bash bool, err error) {
	for s, until := i.Stage, i; s != nil; s, until = s.Parent, nil {
		var found *instructions.ShellCommand
		for _, o := range s.Instructions {
			if o == until || (until != nil && o.Trigger == until) {
				break
			}
			if c, ok := o.Command.(*instructions.ShellCommand); ok {
				found = c
			}
		}
		if found == nil {
			continue
		}
		switch path.Base(found.Shell[0]) {
		case "sh", "ash", "dash":
			return false, nil
		case "bash":
			return true, nil
		}
		return false, fmt.Errorf("%w: SHELL is %s", ErrNotShell, found.Shell[0])
	}
	return false, nil
}

// parseShell parses as a POSIX shell; what that refuses is tried as bash, which is
// /bin/sh of some distributions and refuses nothing that a POSIX shell would run.
func parseShell(script string, bash bool) (*syntax.File, error) {
	variants := []syntax.LangVariant{syntax.LangPOSIX, syntax.LangBash}
	if bash {
		variants = variants[1:]
	}
	var first error
	for _, v := range variants {
		f, err := syntax.NewParser(syntax.Variant(v), syntax.KeepComments(true)).Parse(strings.NewReader(script), "")
		if err == nil {
			return f, nil
		}
		if first == nil {
			first = err
		}
	}
	return nil, first
}

// script is the text that the shell gets, as dispatchRun of BuildKit's dockerfile2llb puts it together.
func (i *Instruction) script() (text, error) {
	if len(i.Heredocs) == 0 {
		return i.args, nil
	}
	d := i.doc
	if whole, err := parser.ParseHeredoc(i.args.s); err != nil || whole == nil {
		return text{}, errors.New("a command with a here-document is not supported")
	}
	h := i.Heredocs[0]
	body := d.Text(h.Body)
	if strings.HasPrefix(body, "#!") {
		return text{}, fmt.Errorf("%w: the here-document names its own interpreter", ErrNotShell)
	}
	if strings.Contains(body, "\r") {
		return text{}, errors.New("the here-document has carriage returns")
	}
	var t text
	t.end = h.Body.Start
	for at := h.Body.Start; at < h.Body.End; {
		end := at + strings.IndexByte(string(d.Source[at:h.Body.End])+"\n", '\n') + 1
		end = min(end, h.Body.End)
		if h.Chomp {
			for at < end && d.Source[at] == '\t' {
				at++
			}
		}
		t.add(d.Source, at, end)
		at = end
	}
	return t, nil
}

// glued finds a place where two lines were joined within a word or an operator: there, an edit
// would have no single place in the source.
func (s *Shell) glued() (int, bool) {
	quoted := map[int]int{} // start → end of quoted text
	syntax.Walk(s.File, func(n syntax.Node) bool {
		switch n.(type) {
		case *syntax.SglQuoted, *syntax.DblQuoted, *syntax.Comment:
			quoted[int(n.Pos().Offset())] = int(n.End().Offset())
		}
		return true
	})
	for _, at := range s.text.joints() {
		a, b := s.text.s[at-1], s.text.s[at]
		if isShellSpace(a) || isShellSpace(b) || (isOperator(a) != isOperator(b)) {
			continue
		}
		inside := false
		for start, end := range quoted {
			inside = inside || start < at && at < end
		}
		if !inside {
			return at, true
		}
	}
	return 0, false
}

func isShellSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' }
func isOperator(c byte) bool   { return strings.IndexByte(";&|()<>", c) >= 0 }

// A collector gathers the simple commands of a tree.
type collector struct{ shell *Shell }

func (c collector) list(stmts []*syntax.Stmt, nested bool) {
	for n, st := range stmts {
		op := ";"
		switch {
		case st.Background:
			op = "&"
		case n == len(stmts)-1:
			op = ""
		}
		c.stmt(st, op, nested)
	}
}

func (c collector) stmt(st *syntax.Stmt, op string, nested bool) {
	switch cmd := st.Cmd.(type) {
	case *syntax.BinaryCmd:
		c.stmt(cmd.X, cmd.Op.String(), nested)
		c.stmt(cmd.Y, op, nested)
	case *syntax.CallExpr:
		c.call(st, cmd, op, nested)
		c.inner(cmd)
	case nil:
	default:
		c.inner(cmd)
	}
	for _, r := range st.Redirs {
		c.inner(r)
	}
}

// inner collects the commands within a node that is not a plain list.
func (c collector) inner(n syntax.Node) {
	syntax.Walk(n, func(n syntax.Node) bool {
		st, ok := n.(*syntax.Stmt)
		if !ok {
			return true
		}
		op := ";"
		if st.Background {
			op = "&"
		}
		c.stmt(st, op, true)
		return false
	})
}

func (c collector) call(st *syntax.Stmt, call *syntax.CallExpr, op string, nested bool) {
	cmd := Command{Op: op, Nested: nested, Stmt: st, Range: c.shell.Range(call)}
	for _, a := range call.Assigns {
		if a.Name != nil {
			w := Word{}
			if a.Value != nil {
				w = c.word(a.Value)
			}
			cmd.Assigns = append(cmd.Assigns, Assign{a.Name.Value, w.Value})
		}
	}
	for n, w := range call.Args {
		word := c.word(w)
		if n > 0 {
			cmd.Args = append(cmd.Args, word)
			continue
		}
		cmd.NameAt = word.Range
		if word.Static {
			cmd.Name = word.Value
		}
	}
	c.shell.Commands = append(c.shell.Commands, cmd)
}

// word makes a Word: its value without quotes when it is static, else its source.
func (c collector) word(w *syntax.Word) Word {
	out := Word{Range: c.shell.Range(w)}
	var b strings.Builder
	if staticParts(&b, w.Parts, false) {
		out.Value, out.Static = b.String(), true
		return out
	}
	out.Value = c.shell.text.s[w.Pos().Offset():w.End().Offset()]
	return out
}

// staticParts writes the value of word parts and reports whether the shell changes nothing in it.
func staticParts(b *strings.Builder, parts []syntax.WordPart, quoted bool) bool {
	for n, p := range parts {
		switch p := p.(type) {
		case *syntax.Lit:
			if !staticLit(b, p.Value, quoted, n == 0 && b.Len() == 0) {
				return false
			}
		case *syntax.SglQuoted:
			if p.Dollar {
				return false
			}
			b.WriteString(p.Value)
		case *syntax.DblQuoted:
			if p.Dollar || !staticParts(b, p.Parts, true) {
				return false
			}
		default:
			return false
		}
	}
	return true
}

func staticLit(b *strings.Builder, v string, quoted, first bool) bool {
	if !quoted && first && strings.HasPrefix(v, "~") {
		return false
	}
	for at := 0; at < len(v); at++ {
		ch := v[at]
		switch {
		case ch == '\\' && at+1 < len(v):
			next := v[at+1]
			if quoted && strings.IndexByte("$`\"\\\n", next) < 0 {
				b.WriteByte(ch)
				continue
			}
			at++
			if next != '\n' {
				b.WriteByte(next)
			}
			continue
		case !quoted && strings.IndexByte("*?[{", ch) >= 0:
			return false
		}
		b.WriteByte(ch)
	}
	return true
}

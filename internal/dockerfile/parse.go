package dockerfile

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/moby/buildkit/frontend/dockerfile/command"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// Parse reads a Dockerfile. What it accepts is what BuildKit's parser accepts; the
// error of a file that it does not accept is an *Error. The document keeps
// src, which must not be changed afterwards.
func Parse(name string, src []byte) (*Document, error) {
	d := &Document{Name: name, Source: src, Escape: '\\', Directives: map[string]string{}, lines: splitLines(src)}
	res, err := parser.Parse(bytes.NewReader(src))
	if err != nil {
		return nil, d.wrap(err, nil)
	}
	d.Escape = byte(res.EscapeToken)
	d.readDirectives()
	for _, n := range res.AST.Children {
		i, err := d.instruction(n)
		if err != nil {
			return nil, err
		}
		d.Instructions = append(d.Instructions, i)
	}
	if err := d.readStages(); err != nil {
		return nil, err
	}
	for _, i := range d.Instructions {
		if err := i.checkMounts(); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// readDirectives repeats what BuildKit's parser does with the comments at the top.
func (d *Document) readDirectives() {
	d.directiveLines = map[int]bool{}
	var p parser.DirectiveParser
	for n, l := range d.lines {
		b := d.Source[l.start:l.end]
		if n == 0 {
			b = bytes.TrimPrefix(b, bom)
		}
		dir, err := p.ParseLine(bytes.TrimLeftFunc(b, unicode.IsSpace))
		if err != nil || dir == nil {
			return
		}
		d.Directives[dir.Name] = dir.Value
		d.directiveLines[n] = true
	}
}

// instruction finds the bytes of a node of BuildKit's tree and its typed form.
func (d *Document) instruction(n *parser.Node) (*Instruction, error) {
	i := &Instruction{doc: d, node: n, Line: n.StartLine, EndLine: n.EndLine}
	var next int
	i.logical, i.pieces, next = join(d.Source, d.lines, n.StartLine-1, d.Escape)
	if i.logical.s != n.Original {
		return nil, d.disagree(i, "the text")
	}
	if err := i.read(i.logical, n); err != nil {
		return nil, err
	}
	i.Range = Range{i.Keyword.Start, d.lines[next-1].end}
	if next, err := i.readHeredocs(next); err != nil {
		return nil, err
	} else if next != n.EndLine {
		return nil, d.disagree(i, "the last line")
	}
	i.readComments()
	typed, err := instructions.ParseInstruction(n)
	if err != nil {
		return nil, d.wrap(err, i)
	}
	switch c := typed.(type) {
	case *instructions.Stage:
		i.BuildStage = c
	case instructions.Command:
		i.Command = c
	default:
		return nil, d.disagree(i, "the type")
	}
	return i, nil
}

// read finds name, flags and arguments of a node within t.
func (i *Instruction) read(t text, n *parser.Node) error {
	escape := i.doc.Escape
	keyword, at, end := splitKeyword(t.s)
	if keyword.value != n.Value {
		return i.doc.disagree(i, "the name")
	}
	i.Name = strings.ToUpper(keyword.value)
	i.Keyword = t.span(keyword.start, keyword.end)
	i.JSON = n.Attributes["json"]
	flags, rest := splitFlags(t.s, at, end, escape)
	if !equalWords(flags, n.Flags) {
		return i.doc.disagree(i, "the flags")
	}
	for _, f := range flags {
		name, value, _ := strings.Cut(strings.TrimPrefix(f.value, "--"), "=")
		i.Flags = append(i.Flags, Flag{name, value, t.span(f.start, f.end)})
	}
	start, end := trim(t.s, rest, end)
	i.args = t.slice(start, end)
	i.ArgsRange = t.span(start, end)
	words := splitArgs(i.Name, t.s, start, end, escape, i.JSON)
	for _, w := range words {
		i.Args = append(i.Args, Word{Range: t.span(w.start, w.end), Value: w.value, Static: i.JSON})
	}
	if _, known := command.Commands[strings.ToLower(i.Name)]; !known {
		return nil // BuildKit ignores the arguments here, and its typed form names the instruction
	}
	if i.Name != "ONBUILD" {
		if !equalWords(words, nodeWords(i.Name, n)) {
			return i.doc.disagree(i, "the arguments")
		}
		return nil
	}
	if n.Next == nil || len(n.Next.Children) != 1 {
		return nil // BuildKit's typed form refuses it with the reason
	}
	i.Trigger = &Instruction{doc: i.doc, node: n.Next.Children[0], Line: i.Line, EndLine: i.EndLine,
		Range: i.ArgsRange, logical: i.args}
	return i.Trigger.read(i.args, i.Trigger.node)
}

func equalWords(words []word, values []string) bool {
	return slices.EqualFunc(words, values, func(w word, v string) bool { return w.value == v })
}

// readHeredocs finds the here-documents from line n on and returns the line after the last.
func (i *Instruction) readHeredocs(n int) (int, error) {
	d := i.doc
	for _, h := range i.node.Heredocs {
		doc := Heredoc{Name: h.Name, Expand: h.Expand, Chomp: h.Chomp}
		if n == len(d.lines) {
			return 0, d.disagree(i, "a here-document")
		}
		doc.Body = Range{d.lines[n].start, d.lines[n].start}
		for ; ; n++ {
			if n == len(d.lines) {
				return 0, d.disagree(i, "a here-document")
			}
			l := d.lines[n]
			b := d.Source[l.start:l.end]
			if h.Chomp {
				b = bytes.TrimLeft(b, "\t")
			}
			if string(b) == h.Name {
				doc.End = Range{l.start, l.end}
				doc.Body.End = l.start
				break
			}
		}
		if d.Text(doc.Body) != h.Content {
			return 0, d.disagree(i, "a here-document")
		}
		i.Heredocs = append(i.Heredocs, doc)
		i.Range.End = doc.End.End
		n++
	}
	return n, nil
}

// readComments collects the comment lines directly above, without parser directives.
func (i *Instruction) readComments() {
	d := i.doc
	for n := i.Line - 2; n >= 0 && !d.directiveLines[n]; n-- {
		if len(d.Instructions) > 0 && n < d.Instructions[len(d.Instructions)-1].EndLine {
			break
		}
		l := d.lines[n]
		start := l.start
		if n == 0 && bytes.HasPrefix(d.Source, bom) {
			start += len(bom)
		}
		if !isComment(d.Source[start:l.end]) {
			break
		}
		i.Comments = append(i.Comments, Range{start, l.end})
	}
	slices.Reverse(i.Comments)
}

// readStages groups the instructions by FROM.
func (d *Document) readStages() error {
	for _, i := range d.Instructions {
		if i.BuildStage != nil {
			s := &Stage{Name: i.BuildStage.Name, Base: i.BuildStage.BaseName, Index: len(d.Stages), From: i,
				Platform: i.BuildStage.Platform}
			s.Parent = stageNamed(d.Stages, d.Expand(s.Base, nil))
			i.Stage = s
			d.Stages = append(d.Stages, s)
			continue
		}
		if len(d.Stages) == 0 {
			if i.Name != "ARG" {
				return d.errorAt(i.Keyword.Start, fmt.Sprintf("%s before the first FROM: only ARG may stand there", i.Name), "")
			}
			d.MetaArgs = append(d.MetaArgs, i)
			continue
		}
		s := d.Stages[len(d.Stages)-1]
		i.Stage = s
		if i.Trigger != nil {
			i.Trigger.Stage = s
		}
		s.Instructions = append(s.Instructions, i)
	}
	if len(d.Stages) == 0 {
		return d.errorAt(d.Instructions[0].Keyword.Start, "no FROM: there is nothing to build", "")
	}
	return nil
}

func stageNamed(stages []*Stage, name string) *Stage {
	for n := len(stages) - 1; n >= 0; n-- {
		if stages[n].Name != "" && strings.EqualFold(stages[n].Name, name) {
			return stages[n]
		}
	}
	if n, err := strconv.Atoi(name); err == nil && n >= 0 && n < len(stages) {
		return stages[n]
	}
	return nil
}

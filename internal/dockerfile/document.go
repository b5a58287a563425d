// Package dockerfile reads a Dockerfile as a lossless document: what BuildKit's
// own parser understands, with the byte range of every instruction, flag, word,
// here-document and comment, so that a change is a replaced range and everything
// else stays to the letter.
package dockerfile

import (
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// A Range is a half-open interval of byte offsets into Document.Source.
type Range struct{ Start, End int }

// Len is the number of bytes in the range.
func (r Range) Len() int { return r.End - r.Start }

// Contains reports whether o lies within r.
func (r Range) Contains(o Range) bool { return r.Start <= o.Start && o.End <= r.End }

// A Document is a Dockerfile that BuildKit's parser accepts.
type Document struct {
	Name         string         // shown in errors
	Source       []byte         // must not be changed; see Apply
	Instructions []*Instruction // all of them, in order
	Stages       []*Stage
	MetaArgs     []*Instruction    // ARG before the first FROM
	Escape       byte              // '\\' or '`'
	Directives   map[string]string // "syntax", "escape", "check" as written
	BuildArgs    map[string]string // values given on the command line, for Expand; may be set by the caller

	lines []line
	// directiveLines are the indexes of the lines that hold parser directives.
	directiveLines map[int]bool
}

// A Stage is a FROM and what follows it.
type Stage struct {
	Name         string // lower case; "" when the stage has none
	Base         string // as written in FROM; see Document.Expand
	Index        int
	From         *Instruction
	Instructions []*Instruction // without FROM
	Platform     string         // value of --platform as written
	Parent       *Stage         // the stage that Base names, nil when it names an image
}

// A Flag is a --name or --name=value between the instruction's name and its arguments.
type Flag struct {
	Name  string // without the dashes
	Value string // as BuildKit reads it, unquoted; "" for a flag without value
	Range Range
}

// A Word is an argument of an instruction or of a shell command.
type Word struct {
	Range Range
	Value string // as BuildKit splits it (variables not expanded); for a shell word see Static
	// Static is true when Value is exactly what the program receives: no
	// variable, no command substitution, no glob. Set for the words of a shell
	// command and of a JSON form.
	Static bool
}

// A Heredoc is a here-document attached to an instruction.
type Heredoc struct {
	Name   string
	Expand bool  // the delimiter is not quoted
	Chomp  bool  // <<-
	Body   Range // the lines between, with their newlines
	End    Range // the line with the delimiter, without its newline
}

// An Instruction is one instruction, from its name to the last byte of its last
// line (here-documents included), without the newline.
type Instruction struct {
	Name    string // upper case: "RUN"
	Keyword Range  // the name as written
	Range   Range
	Flags   []Flag
	// Args are the words as BuildKit splits them for this instruction: one word for the
	// whole text of RUN, CMD, ENTRYPOINT in shell form, USER, WORKDIR, …;
	// KEY=value as written for ENV, LABEL, ARG.
	Args          []Word
	ArgsRange     Range // from the first to the last byte of the arguments
	JSON          bool  // exec form
	Heredocs      []Heredoc
	Line, EndLine int // 1-based
	Stage         *Stage
	Comments      []Range      // comment lines directly above, without newlines
	Trigger       *Instruction // what ONBUILD delays

	// Command is BuildKit's typed instruction; nil for FROM, whose typed form is BuildStage.
	Command    instructions.Command
	BuildStage *instructions.Stage

	doc     *Document
	node    *parser.Node
	logical text // the joined lines
	args    text // the arguments within them
	pieces  []piece
}

// Flag returns the first flag of that name, or nil.
func (i *Instruction) Flag(name string) *Flag {
	for n := range i.Flags {
		if i.Flags[n].Name == name {
			return &i.Flags[n]
		}
	}
	return nil
}

// Document is the document that the instruction belongs to.
func (i *Instruction) Document() *Document { return i.doc }

// Text returns the source of a range.
func (d *Document) Text(r Range) string { return string(d.Source[r.Start:r.End]) }

// Final is the last stage, which is what a build without a target produces.
func (d *Document) Final() *Stage { return d.Stages[len(d.Stages)-1] }

// Built is the stage that a build with this target produces: the last one without a target, or where no stage has the name.
func (d *Document) Built(target string) *Stage {
	if s := d.StageNamed(target); target != "" && s != nil {
		return s
	}
	return d.Final()
}

// StageNamed finds a stage as COPY --from and FROM do: by name, whatever its
// case, or by index. It returns nil when there is none.
func (d *Document) StageNamed(name string) *Stage {
	return stageNamed(d.Stages, name)
}

// Lines returns the range of the instruction widened to whole lines, with the
// final newline when there is one: what to remove when the instruction goes.
func (i *Instruction) Lines() Range {
	return Range{i.doc.lines[i.Line-1].start, i.doc.lines[i.EndLine-1].next}
}

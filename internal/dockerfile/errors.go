package dockerfile

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/moby/buildkit/frontend/dockerfile/command"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/util/suggest"
)

// An Error is a place in a Dockerfile that cannot be read, or not be built.
type Error struct {
	Name       string
	Line, Col  int    // 1-based; Col counts characters
	Message    string // without the suggestion
	Suggestion string // what was probably meant; "" when nothing is near
	Source     string // the line
	Err        error  // BuildKit's own error; may be nil
}

// Error is the place, the message, the line and a caret under the column.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d:%d: %s", e.Name, e.Line, e.Col, e.Message)
	if e.Suggestion != "" {
		fmt.Fprintf(&b, " (did you mean %s?)", e.Suggestion)
	}
	if e.Source != "" {
		fmt.Fprintf(&b, "\n  %s\n  %s^", e.Source, e.indent())
	}
	return b.String()
}

// indent is as wide as the source before the column; tabs stay, so that the caret stands right.
func (e *Error) indent() string {
	var b strings.Builder
	n := 1
	for _, r := range e.Source {
		if n >= e.Col {
			break
		}
		if r == '\t' {
			b.WriteByte('\t')
		} else {
			b.WriteByte(' ')
		}
		n++
	}
	return b.String()
}

// Unwrap returns BuildKit's error.
func (e *Error) Unwrap() error { return e.Err }

// longestExcerpt bounds the line shown: a Dockerfile line may be 64 KiB.
const longestExcerpt = 400

// errorAt makes an error for a byte offset.
func (d *Document) errorAt(at int, message, suggestion string) *Error {
	e := &Error{Name: d.Name, Line: 1, Col: 1, Message: message, Suggestion: suggestion}
	n := 0
	for n+1 < len(d.lines) && d.lines[n].next <= at {
		n++
	}
	if n >= len(d.lines) {
		return e
	}
	l := d.lines[n]
	e.Line = n + 1
	b := d.Source[l.start:l.end]
	if n == 0 {
		b = bytes.TrimPrefix(b, bom)
	}
	before := min(max(at-(l.end-len(b)), 0), len(b))
	e.Col = utf8.RuneCount(b[:before]) + 1
	if len(b) > longestExcerpt {
		b = bytes.ToValidUTF8(b[:longestExcerpt], nil)
	}
	e.Source = string(b)
	if e.Col > utf8.RuneCountInString(e.Source)+1 {
		e.Source = "" // the caret would stand outside of what is shown
	}
	return e
}

var suggestion = regexp.MustCompile(` \(did you mean ([^()]*)\?\)$`)

// wrap gives BuildKit's error its place. i is the instruction that it is about, when known.
func (d *Document) wrap(err error, i *Instruction) *Error {
	message, hint := err.Error(), ""
	if m := suggestion.FindStringSubmatchIndex(message); m != nil {
		message, hint = message[:m[0]], message[m[2]:m[3]]
	}
	var unknown *instructions.UnknownInstructionError
	if errors.As(err, &unknown) {
		hint = strings.ToUpper(nearest(unknown.Instruction, slices.Sorted(maps.Keys(command.Commands))))
	} else if name, ok := strings.CutPrefix(message, "unknown flag: --"); ok && i != nil {
		if near := nearest(name, flagNames[i.Name]); near != "" {
			hint = "--" + near
		}
	}
	start := len(d.Source)
	l := errorLine(err)
	if strings.HasPrefix(message, "invalid escape token") || strings.HasPrefix(message, "only one ") {
		l++ // of a directive, BuildKit names the line before
	}
	if i != nil {
		start = i.place(message)
	} else if l > 0 && l <= len(d.lines) {
		start = d.placeInLine(l-1, message)
	}
	e := d.errorAt(start, message, hint)
	e.Err = err
	return e
}

// flagNames are the flags of each instruction, sorted.
var flagNames = map[string][]string{
	"ADD":         {"checksum", "chmod", "chown", "exclude", "keep-git-dir", "link", "unpack"},
	"COPY":        {"chmod", "chown", "exclude", "from", "link", "parents"},
	"FROM":        {"platform"},
	"HEALTHCHECK": {"interval", "retries", "start-interval", "start-period", "timeout"},
	"RUN":         {"device", "mount", "network", "security"},
}

// nearest is the name that was probably meant. BuildKit's own choice among equally near ones differs from run to run, and
// it takes two swapped letters for two wrong ones.
func nearest(name string, names []string) string {
	letters := func(s string) string {
		b := []byte(strings.ToLower(s))
		slices.Sort(b)
		return string(b)
	}
	for _, n := range names {
		if letters(n) == letters(name) {
			return n
		}
	}
	match, _ := suggest.Search(name, names, false)
	return strings.ToLower(match)
}

// errorLine is the first line that BuildKit names; 0 for none.
func errorLine(err error) int {
	var at *parser.LocationError
	if errors.As(err, &at) {
		for _, ranges := range at.Locations {
			for _, r := range ranges {
				return r.Start.Line
			}
		}
	}
	return 0
}

// placeInLine finds what an error of the line parsers is about.
func (d *Document) placeInLine(n int, message string) int {
	l := d.lines[n]
	b := d.Source[l.start:l.end]
	for _, sign := range [][2]string{{"heredoc", "<<"}, {"JSON", "["}} {
		if strings.Contains(message, sign[0]) {
			if at := bytes.Index(b, []byte(sign[1])); at >= 0 {
				return l.start + at
			}
		}
	}
	if m := quotedWordIn.FindStringSubmatch(message); m != nil {
		if at := bytes.Index(b, []byte(m[1])); at >= 0 {
			return l.start + at
		}
	}
	return l.start + len(b) - len(bytes.TrimLeft(b, " \t"))
}

var quotedWordIn = regexp.MustCompile(`"((?:[^"\\]|\\.)+)"`)
var apostrophes = regexp.MustCompile(`'([^']+)'`)
var flagIn = regexp.MustCompile(`--[a-zA-Z0-9-]+`)

// place finds what an error about the instruction is about: the flag or the word that it names, else
// the arguments, else the name.
func (i *Instruction) place(message string) int {
	if strings.HasPrefix(message, "unknown instruction") {
		return i.Keyword.Start
	}
	if name := flagIn.FindString(message); name != "" {
		for n := len(i.Flags) - 1; n >= 0; n-- { // of a flag given twice, the second
			if i.Flags[n].Name == name[2:] {
				return i.Flags[n].Range.Start
			}
		}
	}
	for _, m := range quotedWordIn.FindAllStringSubmatch(message, -1) {
		for _, w := range i.Args {
			if strings.EqualFold(w.Value, m[1]) {
				return w.Range.Start
			}
		}
	}
	for _, f := range i.Flags { // a value that BuildKit quotes in its own way
		for _, m := range apostrophes.FindAllStringSubmatch(message, -1) {
			if strings.Contains(f.Value, m[1]) {
				return f.Range.Start
			}
		}
	}
	switch mount := i.Flag("mount"); {
	case mount != nil && strings.Contains(message, "mount"):
		return mount.Range.Start
	case strings.Contains(message, "flag") && len(i.Flags) > 0:
		return i.Flags[0].Range.Start
	case len(i.Args) > 0:
		return i.Args[0].Range.Start
	}
	return i.Keyword.Start
}

// disagree is the error for a file that this package and BuildKit would read differently:
// better refused than edited in the wrong place.
func (d *Document) disagree(i *Instruction, what string) *Error {
	at := d.lines[i.Line-1].start
	return d.errorAt(at, fmt.Sprintf("%s of this instruction cannot be placed in the source; please report it", what), "")
}

package lock

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/lighten/lighten/internal/closure"
)

// MaxSize is the most bytes of a lock that is read.
const MaxSize = 32 << 20

// Error is a mistake in a lock, with its place.
type Error struct {
	Name    string
	Line    int
	Message string
	Source  string // the line
}

func (e *Error) Error() string {
	return fmt.Sprintf("reading %s:%d: %s, in %.200q", e.Name, e.Line, e.Message, e.Source)
}

// Parse reads a lock. A mistake is an [*Error] with its place.
func Parse(name string, b []byte) (*File, error) {
	if len(b) > MaxSize {
		return nil, fmt.Errorf("reading %s: it has %d bytes; a lock has at most %d", name, len(b), MaxSize)
	}
	p := &parser{file: &File{}, seen: map[string]bool{}}
	n := 0
	for line := range bytes.Lines(b) {
		n++
		text := strings.TrimRight(string(line), "\r\n")
		if err := p.line(text); err != nil {
			return nil, &Error{Name: name, Line: n, Message: err.Error(), Source: text}
		}
	}
	f := p.file
	if !p.seen["version"] {
		return nil, fmt.Errorf("reading %s: it has no line \"version: %d\"; is it a lock?", name, Version)
	}
	if f.Level != closure.Safe && f.Level != closure.Tight {
		return nil, fmt.Errorf("reading %s: level %q: want safe or tight", name, f.Level)
	}
	slices.SortFunc(f.Packages, comparePackages)
	slices.SortFunc(f.Directories, compareDirectories)
	slices.SortFunc(f.Files, comparePaths)
	slices.SortFunc(f.Bytecode, func(a, b Bytecode) int { return strings.Compare(a.Dir, b.Dir) })
	slices.Sort(f.Dropped)
	slices.SortStableFunc(f.Rules, compareRules)
	return f, nil
}

type parser struct {
	file    *File
	section string
	seen    map[string]bool // what a second line must not tell of again
}

func (p *parser) line(text string) error {
	body := strings.TrimLeft(text, " \t")
	switch {
	case body == "" || body[0] == '#':
		return nil
	case body == text:
		return p.top(text)
	}
	l, err := scan(body)
	if err != nil {
		return err
	}
	read := map[string]func(*entryLine) error{
		"packages": p.pkg, "directories": p.directory, "bytecode": p.bytecode, "files": p.path, "dropped": p.dropped, "rules": p.rule,
	}[p.section]
	if read == nil {
		return errors.New("an indented line outside packages, directories, bytecode, files, dropped and rules")
	}
	return read(l)
}

// top reads a line that begins at the margin.
func (p *parser) top(text string) error {
	name, value, ok := strings.Cut(text, ":")
	if !ok {
		return errors.New("want a name and a colon")
	}
	if err := p.once(name); err != nil {
		return err
	}
	p.section = ""
	value = strings.TrimSpace(value)
	if value == "" {
		p.section = name
		if !slices.Contains([]string{"packages", "directories", "bytecode", "files", "dropped", "rules"}, name) {
			return fmt.Errorf("no section is called %q", name)
		}
		return nil
	}
	v, rest, err := word(value)
	if err != nil || rest != "" {
		return errors.New("want one value")
	}
	switch name {
	case "version":
		if v != strconv.Itoa(Version) {
			return fmt.Errorf("version %q is not known here; this program reads version %d", v, Version)
		}
	case "image":
		p.file.Image = v
	case "level":
		p.file.Level = closure.Level(v)
	case "platform":
		p.file.Platform = v
	default:
		return fmt.Errorf("nothing is called %q", name)
	}
	return nil
}

func (p *parser) once(what string) error {
	if p.seen[what] {
		return errors.New("it is there twice")
	}
	p.seen[what] = true
	return nil
}

// entryLine is a line of a section, in its parts.
type entryLine struct {
	not    bool     // it begins with !
	words  []string // unquoted
	suffix []string // what follows each at once, unquoted by nature: "/**", "/*", "/", ":" or ""
	reason closure.Reason
}

func scan(s string) (*entryLine, error) {
	l := &entryLine{}
	if l.not = strings.HasPrefix(s, "!"); l.not {
		s = s[1:]
	}
	for s != "" {
		if s[0] == '#' {
			l.reason = reasonOf(strings.TrimSpace(s[1:]))
			break
		}
		w, rest, err := word(s)
		if err != nil {
			return nil, err
		}
		quoted := s[0] == '"'
		suffix := ""
		if quoted {
			suffix, rest = cutSpace(rest)
		} else {
			w, suffix = cutSuffix(w)
		}
		if !slices.Contains(suffixes, suffix) {
			return nil, fmt.Errorf("%q after a quoted word", suffix)
		}
		l.words, l.suffix = append(l.words, w), append(l.suffix, suffix)
		s = strings.TrimLeft(rest, " ")
	}
	if len(l.words) == 0 {
		return nil, errors.New("an empty line of a section")
	}
	return l, nil
}

// suffixes end words, the longest first.
var suffixes = []string{"/**", "/*", "/:", "/", ":", ""}

func cutSuffix(w string) (string, string) {
	for _, s := range suffixes {
		if rest, ok := strings.CutSuffix(w, s); ok && rest != "" {
			return rest, s
		}
	}
	return w, ""
}

func cutSpace(s string) (string, string) {
	if i := strings.IndexByte(s, ' '); i >= 0 {
		return s[:i], s[i:]
	}
	return s, ""
}

// word takes the first word off a line.
func word(s string) (w, rest string, err error) {
	if s != "" && s[0] == '"' {
		q, err := strconv.QuotedPrefix(s)
		if err != nil {
			return "", "", errors.New("a quote is not closed, or holds what Go's quotes do not")
		}
		w, err := strconv.Unquote(q)
		return w, s[len(q):], err
	}
	w, rest = cutSpace(s)
	return w, rest, nil
}

// reasonOf reads what [words] wrote.
func reasonOf(s string) closure.Reason {
	r := closure.Reason{}
	if rule, rest, ok := strings.Cut(s, " for "); ok && !strings.Contains(rule, ":") && (strings.HasPrefix(rest, "/") || strings.HasPrefix(rest, `"`)) {
		by, tail, err := word(rest)
		if err == nil {
			if rest[0] != '"' && strings.HasSuffix(by, ":") {
				by, tail = strings.TrimSuffix(by, ":"), ":"+tail
			}
			if tail == "" || tail[0] == ':' {
				r.Rule, r.By, r.Note = rule, by, strings.TrimSpace(strings.TrimPrefix(tail, ":"))
				return r
			}
		}
	}
	r.Rule, r.Note, _ = strings.Cut(s, ": ")
	r.Note = strings.TrimSpace(r.Note)
	return r
}

func (p *parser) pkg(l *entryLine) error {
	if l.not || len(l.words) != 4 || l.suffix[2] != ":" || l.suffix[0]+l.suffix[1]+l.suffix[3] != "" {
		return errors.New("want ECOSYSTEM NAME VERSION: EXTENT")
	}
	x := Package{l.words[0], l.words[1], l.words[2], closure.Extent(l.words[3]), l.reason}
	if !slices.Contains(closure.Extents, x.Extent) {
		return fmt.Errorf("extent %q: want one of %v", x.Extent, closure.Extents)
	}
	p.file.Packages = append(p.file.Packages, x)
	return p.once("package " + x.words())
}

func (p *parser) directory(l *entryLine) error {
	all := len(l.words) == 2 && l.words[1] == "all" && l.suffix[1] == ""
	if l.suffix[0] != "/**" || len(l.words) > 1 && !all || l.not && all {
		return errors.New("want DIRECTORY/**, DIRECTORY/** all or !DIRECTORY/**")
	}
	d := Directory{Path: l.words[0], What: Lean, Reason: l.reason}
	switch {
	case l.not:
		d.What, d.Reason = Gone, closure.Reason{}
	case all:
		d.What = All
	}
	p.file.Directories = append(p.file.Directories, d)
	return errors.Join(absolute(d.Path), p.once("directory "+d.Path))
}

func (p *parser) bytecode(l *entryLine) error {
	b := Bytecode{Dir: l.words[0]}
	switch {
	case l.not:
		return errors.New("nothing is taken away here")
	case l.suffix[0] == "/**" && len(l.words) == 1:
		b.Below = true
	case l.suffix[0] == "/*" && len(l.words) == 1:
	case l.suffix[0] == "/:" && len(l.words) > 1:
		b.Names = slices.Clone(l.words[1:])
		slices.Sort(b.Names)
		b.Names = slices.Compact(b.Names)
		if strings.Join(l.suffix[1:], "") != "" {
			return errors.New("want names of modules")
		}
	default:
		return errors.New("want DIRECTORY/: NAME…, DIRECTORY/* or DIRECTORY/**")
	}
	p.file.Bytecode = append(p.file.Bytecode, b)
	return errors.Join(absolute(b.Dir), p.once("bytecode "+b.Dir))
}

func (p *parser) path(l *entryLine) error {
	if len(l.words) != 1 || l.suffix[0] != "" && l.suffix[0] != "/" {
		return errors.New("want PATH or !PATH, with / at the end of a directory's")
	}
	x := Path{Path: l.words[0], Dir: l.suffix[0] == "/", Gone: l.not, Reason: l.reason}
	if x.Gone {
		x.Reason = closure.Reason{}
	}
	p.file.Files = append(p.file.Files, x)
	return errors.Join(absolute(x.Path), p.once("path "+x.Path))
}

func (p *parser) dropped(l *entryLine) error {
	if l.not || len(l.words) != 2 || strings.Join(l.suffix, "") != "" {
		return errors.New("want ECOSYSTEM NAME")
	}
	s := l.words[0] + " " + l.words[1]
	p.file.Dropped = append(p.file.Dropped, s)
	return p.once("dropped " + s)
}

func (p *parser) rule(l *entryLine) error {
	all := len(l.words) == 2 && l.suffix[1] == "/**"
	if l.not || !all && (len(l.words) < 3 || l.suffix[1] != "/:") || l.suffix[0]+strings.Join(l.suffix[2:], "") != "" {
		return errors.New("want RULE DIRECTORY/** or RULE DIRECTORY/: NAME…")
	}
	r := Rule{Rule: l.words[0], Dir: l.words[1]}
	if !all {
		r.Names = slices.Clone(l.words[2:])
		slices.Sort(r.Names)
		if slices.ContainsFunc(r.Names, func(n string) bool { return n == "" || strings.Contains(n, "/") }) {
			return errors.New("want names")
		}
	}
	p.file.Rules = append(p.file.Rules, r)
	return errors.Join(absolute(r.Dir), p.once(fmt.Sprintf("rule %q %s %v", r.Rule, r.Dir, all)))
}

func absolute(p string) error {
	if !path.IsAbs(p) || path.Clean(p) != p || strings.Contains(p, "\x00") {
		return fmt.Errorf("%q is no clean absolute path", p)
	}
	return nil
}

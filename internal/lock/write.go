package lock

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/lighten/lighten/internal/closure"
)

const head = `# What lighten carve keeps of the image, and why; to be reviewed like code. Written by lighten carve IMAGE --lock FILE;
# lighten carve IMAGE --locked carves by it, without running anything.
`

// Write writes the lock as text. The same lock gives the same bytes.
func (f *File) Write(w io.Writer) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "%sversion: %d\n", head, Version)
	for _, x := range [][2]string{{"image", f.Image}, {"level", string(f.Level)}, {"platform", f.Platform}} {
		if x[1] != "" {
			fmt.Fprintf(b, "%s: %s\n", x[0], token(x[1]))
		}
	}
	section(b, "packages", f.Packages, func(p Package) string {
		return fmt.Sprintf("%s %s %s: %s%s", token(p.Ecosystem), token(p.Name), token(p.Version), p.Extent, comment(p.Reason))
	})
	section(b, "directories", f.Directories, func(d Directory) string {
		switch d.What {
		case Gone:
			return "!" + token(d.Path) + "/**"
		case All:
			return token(d.Path) + "/** all" + comment(d.Reason)
		}
		return token(d.Path) + "/**" + comment(d.Reason)
	})
	section(b, "bytecode", f.Bytecode, func(c Bytecode) string {
		switch {
		case c.Below:
			return token(c.Dir) + "/**"
		case c.Names == nil:
			return token(c.Dir) + "/*"
		}
		s := token(c.Dir) + "/:"
		for _, n := range c.Names {
			s += " " + token(n)
		}
		return s
	})
	section(b, "files", f.Files, func(p Path) string {
		s := token(p.Path)
		if p.Dir {
			s += "/"
		}
		if p.Gone {
			return "!" + s
		}
		return s + comment(p.Reason)
	})
	section(b, "dropped", f.Dropped, func(s string) string {
		ecosystem, name, _ := strings.Cut(s, " ")
		return token(ecosystem) + " " + token(name)
	})
	section(b, "rules", f.Rules, func(r Rule) string {
		s := token(r.Rule) + " " + token(r.Dir)
		if r.Names == nil {
			return s + "/**"
		}
		s += "/:"
		for _, n := range r.Names {
			s += " " + token(n)
		}
		return s
	})
	return b.Flush()
}

func section[T any](w io.Writer, name string, list []T, line func(T) string) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s:\n", name)
	for _, x := range list {
		fmt.Fprintf(w, "  %s\n", line(x))
	}
}

// token is a word of the text: as it is, or in quotes as Go writes them where it would be read as something else.
func token(s string) string {
	plain := s != "" && utf8.ValidString(s) && !strings.ContainsAny(s, `"#*`) && !strings.HasSuffix(s, ":") && (s == "/" || !strings.HasSuffix(s, "/")) && s[0] != '!' &&
		strings.IndexFunc(s, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsGraphic(r) }) < 0
	if plain {
		return s
	}
	return strings.ReplaceAll(strconv.Quote(s), "*", `\x2a`)
}

// comment is a reason at the end of a line.
func comment(r closure.Reason) string {
	if s := words(r); s != "" {
		return "  # " + s
	}
	return ""
}

// words are a reason in one line: "library for /usr/bin/x: note".
func words(r closure.Reason) string {
	s := clean(r.Rule)
	if r.By != "" {
		s += " for " + token(r.By)
	}
	if r.Note != "" {
		s += ": " + clean(r.Note)
	}
	return s
}

// clean keeps a text in its line.
func clean(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '�'
		}
		return r
	}, strings.ToValidUTF8(s, "�")))
}

func comparePackages(a, b Package) int {
	return cmp.Or(cmp.Compare(a.Ecosystem, b.Ecosystem), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version))
}

func compareDirectories(a, b Directory) int { return cmp.Compare(a.Path, b.Path) }

func compareRules(a, b Rule) int {
	return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Dir, b.Dir))
}

func comparePaths(a, b Path) int { return cmp.Compare(a.Path, b.Path) }

package closure

import (
	"bytes"
	"path"

	"github.com/lighten/lighten/internal/lazy"
)

var (
	// madeBase is a name for a path or a part of one: SHARE = "/usr/share", USR = pathlib.Path("/usr").
	madeBase = lazy.MustCompile(`^[ \t]*(\w+)[ \t]*=[ \t]*(?:[\w.]*Path\()?["'](/[\w.+/-]*)["']\)?\s*(?:#.*)?\s*$`)
	// made is such a name, or a path in quotes, and what is joined to it by pathlib, os.path.join or +.
	made     = lazy.MustCompile(`(?:\b(\w+)|["'](/[\w.+/-]*)["'])\)?((?:(?:[ \t]*[/,+][ \t]*|\.joinpath\()["'][\w.+/-]+["']\)?)+)`)
	madePart = lazy.MustCompile(`([/,+]|\.joinpath\()[ \t]*["']([\w.+/-]+)["']`)
	// madeText is a name in an f-string that a path goes on from: f"{SHARE}/dict/words".
	madeText = lazy.MustCompile(`\{(\w+)\}(/[\w.+/-]+)`)
)

const (
	maxBases = 64   // names for paths that are remembered of one source
	maxLine  = 4096 // bytes of a line; nobody wrote a longer one
)

// madePaths finds paths that a source of Python makes of literal parts, each within a line. Most lines have neither a path in quotes nor a
// name for one, and the expressions are not tried on them: they are slow.
func madePaths(b []byte, facts map[string]bool) {
	bases := map[string]string{}
	for line := range bytes.Lines(b) {
		if len(line) > maxLine {
			continue
		}
		absolute := bytes.Contains(line, []byte(`"/`)) || bytes.Contains(line, []byte(`'/`))
		if absolute && len(bases) < maxBases {
			if m := madeBase.FindSubmatch(line); m != nil {
				bases[string(m[1])] = string(m[2])
				continue
			}
		}
		if bytes.ContainsAny(line, `"'`) && (absolute || names(line, bases)) {
			madeOf(line, bases, facts)
		}
	}
}

// names tells whether a line has one of the names in it.
func names(line []byte, bases map[string]string) bool {
	for name := range bases {
		if bytes.Contains(line, []byte(name)) {
			return true
		}
	}
	return false
}

func madeOf(line []byte, bases map[string]string, facts map[string]bool) {
	for _, m := range made.FindAllSubmatch(line, -1) {
		p := string(m[2])
		if len(m[1]) > 0 {
			p = bases[string(m[1])]
		}
		if p == "" {
			continue
		}
		for _, part := range madePart.FindAllSubmatch(m[3], -1) {
			if part[1][0] == '+' {
				p += string(part[2])
			} else {
				p = path.Join(p, string(part[2]))
			}
			addLiteral([]byte(p), facts)
		}
	}
	for _, m := range madeText.FindAllSubmatch(line, -1) {
		if p := bases[string(m[1])]; p != "" {
			addLiteral([]byte(path.Join(p, string(m[2]))), facts)
		}
	}
}

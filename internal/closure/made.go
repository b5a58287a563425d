package closure

import (
	"path"

	"github.com/lighten/lighten/internal/lazy"
)

var (
	// madeBase is a name for a path or a part of one: SHARE = "/usr/share", USR = pathlib.Path("/usr").
	madeBase = lazy.MustCompile(`(?m)^[ \t]*(\w+)[ \t]*=[ \t]*(?:[\w.]*Path\()?["'](/[\w.+/-]*)["']\)?[ \t]*(?:#.*)?$`)
	// made is such a name, or a path in quotes, and what is joined to it by pathlib, os.path.join or +.
	made     = lazy.MustCompile(`(?:\b(\w+)|["'](/[\w.+/-]*)["'])\)?((?:(?:[ \t]*[/,+][ \t]*|\.joinpath\()["'][\w.+/-]+["']\)?)+)`)
	madePart = lazy.MustCompile(`([/,+]|\.joinpath\()[ \t]*["']([\w.+/-]+)["']`)
	// madeText is a name in an f-string that a path goes on from: f"{SHARE}/dict/words".
	madeText = lazy.MustCompile(`\{(\w+)\}(/[\w.+/-]+)`)
)

// madePaths finds paths that a source of Python makes of literal parts.
func madePaths(b []byte, facts map[string]bool) {
	bases := map[string]string{}
	for _, m := range madeBase.FindAllSubmatch(b, maxLiterals) {
		bases[string(m[1])] = string(m[2])
	}
	for _, m := range made.FindAllSubmatch(b, maxLiterals) {
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
	for _, m := range madeText.FindAllSubmatch(b, maxLiterals) {
		if p := bases[string(m[1])]; p != "" {
			addLiteral([]byte(path.Join(p, string(m[2]))), facts)
		}
	}
}

package closure

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/lazy"
)

// A script gives the interpreter of another language code that stands in it: python3 -c 'import yaml', python3 - <<EOF, perl -MJSON -e '…'. What that
// asks for, the script asks for.

var (
	callsPython = anywhere("python", "sys.executable")
	givesCode   = anywhere("-c", "<<")

	// pythonWithin are import statements where one may begin: on a line of a here-document, and behind a quote or a semicolon in what -c has.
	pythonWithin = lazy.MustCompile(`(?m)(?:^|["';:])[ \t]*(?:from[ \t]+([A-Za-z_][\w.]*)[ \t]+import[ \t]+\(?([A-Za-z_]\w*(?:[ \t]*,[ \t]*[A-Za-z_]\w*)*)|` +
		`import[ \t]+([A-Za-z_][\w.]*(?:[ \t]+as[ \t]+\w+)?(?:[ \t]*,[ \t]*[A-Za-z_][\w.]*)*)[ \t]*(?:[;#"'\\]|$))`)

	perlCall   = lazy.MustCompile(`\bperl\b[^|;&\n]*`)
	perlOption = lazy.MustCompile(`\s["']?-[A-Za-z0-9]*[mM]-?([A-Za-z_]\w*(?:::\w+)*)`) // perlrun(1)
	perlCode   = lazy.MustCompile(`\s-[A-Za-z0-9]*[eE]\s*["']`)                         // begins what -e has
)

// withinFacts finds what the code within a script of a shell asks for, and within a source of Python, which gives another Python some.
func withinFacts(p string, b []byte, facts map[string]bool) {
	script := shellScript(p)
	if !script && path.Ext(p) != ".py" || bytes.IndexByte(b, 0) >= 0 {
		return
	}
	if callsPython.in(b) && givesCode.in(b) {
		for _, m := range pythonWithin.FindAllSubmatch(b, maxWords) {
			importFacts(m, facts)
		}
	}
	if script {
		moduleRuns(b, facts)
	}
	if !script || !bytes.Contains(b, []byte("perl")) {
		return
	}
	perlFacts(perlCode.ReplaceAll(b, []byte("\n")), facts)
	for _, call := range perlCall.FindAll(b, maxWords) {
		for _, m := range perlOption.FindAllSubmatch(call, -1) {
			facts[factUse+string(m[1])] = true
		}
	}
}

// ownScript tells a source of the program that says something and that no package brought, as pip does a command of each distribution.
func (m *maker) ownScript(e *image.Entry) bool {
	return len(e.Facts) > 0 && m.keep.owner[e.Path] == nil && ownSource(e.Path) // the expressions last: most of an image is asked for
}

// perlWithin tells a script of the program which gives Perl code that asks for modules.
func (m *maker) perlWithin(e *image.Entry) bool {
	return m.ownScript(e) && shellScript(e.Path) && slices.ContainsFunc(e.Facts, func(f string) bool { return strings.HasPrefix(f, factUse) })
}

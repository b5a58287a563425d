package closure

import (
	"bytes"
	"path"
	"strings"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/lazy"
)

// factPath is an absolute path among the strings of the program: "path /usr/share/greeter/". More text may follow it, because
// strings of Go's programs have no end of their own.
const factPath = "path "

// maxLiterals bounds the paths that are remembered of one file; a program of Go has some hundreds.
const maxLiterals = 1024

var (
	elfMagic = []byte("\x7fELF")
	literal  = lazy.MustCompile(`/[A-Za-z0-9_][A-Za-z0-9_.+@-]{0,63}(?:/[A-Za-z0-9_.+@-]{1,64}){0,8}/?`)
	// roots begin a path wherever they stand in a program; others do so only where no name goes before.
	roots = lazy.MustCompile(`/(?:etc|usr|var|opt|srv|home|run|app|data)/`)
)

// pathFacts finds the paths that a source or a compiled program names.
func pathFacts(b []byte, facts map[string]bool, compiled bool) {
	if compiled {
		if bytes.Contains(b, []byte("ca-certificates.crt")) { // openssl-probe of Rust joins it to the directories that it knows
			addLiteral([]byte("/etc/ssl/certs/ca-certificates.crt"), facts)
		}
		for _, at := range roots.FindAllIndex(b, -1) {
			addLiteral(literal.Find(b[at[0]:min(len(b), at[0]+256)]), facts)
		}
	}
	for _, at := range literal.FindAllIndex(b, -1) {
		if at[0] == 0 || !nameByte(b[at[0]-1]) || bytes.HasSuffix(b[:at[0]], []byte(":-")) { // a shell's ${LIB:-/usr/lib/x}
			addLiteral(b[at[0]:at[1]], facts)
		}
	}
}

func nameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("_.+@-/", c) >= 0
}

func addLiteral(p []byte, facts map[string]bool) {
	if bytes.Count(p, []byte("/")) > 1 && len(facts) < maxLiterals && !kernelOwn(string(p)) {
		facts[factPath+string(p)] = true
	}
}

var libraryDir = lazy.MustCompile(`^/(?:usr/)?(?:local/)?(?:lib|lib64|libexec|share|include)/|/(?:site|dist)-packages/|/node_modules/|\.so(?:\.|$)`)

// maybeProgram tells a file that may be a compiled program which no package brought: by its name, since no more is known yet.
func maybeProgram(p string) bool {
	switch path.Ext(p) {
	case "", ".bin", ".out":
		return !libraryDir.MatchString(p)
	}
	return strings.HasSuffix(path.Dir(p), "/bin") && !libraryDir.MatchString(p)
}

// literals keeps what the program's own files name by its path: data, configuration, directories of either. What is named was
// not seen to be opened, so that a package does not come along as a whole.
//
// Of the distribution's own files those of a server's settings count that it has read, in which a person wrote what it is to serve:
// directories that a request names first, programs that a connection starts first.
func literals(m *maker, e *image.Entry, s strength) {
	if len(e.Facts) == 0 || m.ownedBySystem(e.Path) && !(s == strong && m.Level == Safe && serverSettings(e.Path, e.Size)) {
		return
	}
	for _, f := range m.facts(e) {
		if p, ok := strings.CutPrefix(f, factPath); ok {
			m.literal(p, e)
		}
	}
}

func (m *maker) literal(text string, by *image.Entry) {
	p, whole := m.longest(text)
	whole = whole || by.ELF != nil // where one string ends and the next begins is not known
	x := m.Tree.Resolve(p)
	settings := serverSettings(by.Path, by.Size)
	if p == "" || x == nil || kernelOwn(x.Path) || x.Path == by.Path || pythonPath(x.Path) ||
		libraryDir.MatchString(x.Path+"/") && !(settings && servable(x)) && !strings.Contains(x.Path, "/share/") && !(x.IsDir() && strings.HasPrefix(x.Path, "/usr/local/lib/")) {
		return // libraries are found by other rules; a directory of its own in /usr/local/lib is the program's
	}
	if m.toolchainOf(x.Path) != nil {
		return // where the sources lay of what was compiled into the program
	}
	r := Reason{Rule: "named", By: by.Path, Note: "the program names it: " + p}
	switch {
	case x.IsFile() && x.Mode&0o111 != 0:
		if m.Level == Safe {
			m.namedCommand(p, by)
		}
	case !x.IsDir():
		m.add(p, weak, r)
	case !crossroads[x.Path]:
		m.add(p, weak, r)
		if whole && (!alone[x.Path] || zones(x.Path)) {
			m.namedDirectory(x, r, by.ELF == nil, settings)
		}
	}
}

// servable tells what lies among libraries and is no part of one: a directory of programs that a server runs, such as /usr/lib/cgi-bin, a program
// such as /usr/lib/openssh/sftp-server.
func servable(e *image.Entry) bool {
	return e.IsDir() && !crossroads[e.Path] && !alone[e.Path] && !strings.HasSuffix(e.Path, "-linux-gnu") || e.IsFile() && e.Mode&0o111 != 0 && !strings.Contains(path.Base(e.Path), ".so")
}

// zones tells the directories of time zones.
func zones(dir string) bool { return families[0].dir.MatchString(dir) }

// namedDirectory keeps what lies in a directory that the program names, since it opens that by names which it makes. Of what
// packages of the distribution own, time zones alone stay at the level tight. A source that names a directory of what rules drop, such as
// that of the licences, wants just that; among the strings of a compiled program are those of its libraries.
func (m *maker) namedDirectory(dir *image.Entry, r Reason, source, settings bool) {
	if !m.once("named directory", dir.Path) {
		return
	}
	m.single = m.single || dir.Path == "/etc/ssl/certs"
	dropped := source && m.Level == Safe && DropRule(dir.Path+"/x") != ""
	for x := range m.Tree.Under(dir.Path + "/") {
		if !m.installedOf(x.Path) && (m.Level == Safe || zones(dir.Path) || !m.ownedBySystem(x.Path)) {
			switch {
			case settings && x.Shebang != "" && !m.ownedBySystem(x.Path):
				m.run(x.Path, r) // a script by which a server answers
			case dropped && !m.dropped(x.Path):
				m.enter(x, weak, r)
			default:
				m.along(x, weak, r)
			}
		}
	}
}

// longest is the longest beginning of a text that is a path of the image, of two names at least; whole is false when the text
// goes on below it, to names that are not there.
func (m *maker) longest(text string) (p string, whole bool) {
	for c := range strings.SplitSeq(strings.Trim(text, "/"), "/") {
		if m.Tree.Resolve(p+"/"+c) != nil {
			p += "/" + c
			continue
		}
		for n := len(c) - 1; n > 1; n-- { // another string may follow without a gap
			if m.Tree.Resolve(p+"/"+c[:n]) != nil {
				return deep(p + "/" + c[:n]), true
			}
		}
		return deep(p), false
	}
	return deep(p), true
}

// deep is a path of two names at least, else "".
func deep(p string) string {
	if strings.Count(p, "/") < 2 {
		return ""
	}
	return p
}

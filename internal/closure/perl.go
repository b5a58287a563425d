package closure

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/lazy"
)

// factUse is a module of Perl that a source asks for: "use Data::Dumper".
const factUse = "use "

// perlSource tells sources of Perl: modules, libraries, programs.
func perlSource(p string) bool {
	switch path.Ext(p) {
	case ".pm", ".pl", ".psgi", ".cgi":
		return true
	}
	return false
}

// perlScript tells a program of Perl whose name does not say so.
func perlScript(b []byte) bool {
	line, _, _ := bytes.Cut(b[:min(len(b), 128)], []byte("\n"))
	return bytes.HasPrefix(line, []byte("#!")) && bytes.Contains(line, []byte("perl"))
}

var (
	// perlUse finds `use Module`, `no Module` and `require Module` at the beginning of a statement (perlfunc(1), use and require).
	perlUse = lazy.MustCompile(`(?m)(?:^|[;{(]|\bor\b|\band\b|&&|\|\|)[ \t]*(?:eval[ \t]*[{"'][ \t]*)?(?:use|no|require)[ \t]+([A-Za-z_]\w*(?:::\w+)*)`)
	// perlParent finds the classes that a class names as its parents (base(3perl), parent(3perl)).
	perlParent = lazy.MustCompile(`^[ \t]*use[ \t]+(?:base|parent)[ \t]+([^;]+);`)
	perlName   = lazy.MustCompile(`[A-Za-z_]\w*(?:::\w+)*`)
)

// perlGlob tells a pattern of names of files, for which perl loads File::Glob by itself (perlfunc, glob): glob "$dir/*.conf", <$dir/*>.
var perlGlob = lazy.MustCompile(`\bglob\b[ (]*["'q$]|<[^<>=;\s]*\*[^<>=;\s]*>`)

// perlFacts finds the modules that a source of Perl asks for.
func perlFacts(b []byte, facts map[string]bool) {
	rest := b
	for line := range bytes.Lines(b) {
		from := rest
		rest = rest[len(line):]
		if bytes.IndexByte(line, '*') >= 0 && perlGlob.Match(line) {
			facts[factUse+"File::Glob"] = true
		}
		if !perlAsks(line) { // expressions are slow, and most lines are of no interest
			continue
		}
		for _, m := range perlUse.FindAllSubmatch(line, -1) {
			facts[factUse+string(m[1])] = true
		}
		if m := perlParent.FindSubmatch(from); m != nil {
			for _, n := range perlName.FindAll(m[1], -1) {
				facts[factUse+string(n)] = true
			}
		}
	}
}

// perlAsks tells whether one of the words is in a line that begins a request for a module.
func perlAsks(line []byte) bool {
	for _, w := range [][]byte{[]byte("use"), []byte("no"), []byte("require")} {
		for l := line; ; {
			i := bytes.Index(l, w)
			if i < 0 {
				break
			}
			if l = l[i+len(w):]; len(l) > 0 && (l[0] == ' ' || l[0] == '\t') {
				return true
			}
		}
	}
	return false
}

// perlDir finds the directory of @INC that a module lies in, as Debian, Alpine and perl's own Configure lay them out:
// /usr/share/perl5, /usr/lib/x86_64-linux-gnu/perl/5.36, /usr/local/lib/perl5/site_perl/5.36/x86_64-linux-gnu.
var perlDir = lazy.MustCompile(`^.*/(?:perl-base|perl5?)(?:/(?:core_perl|vendor_perl|site_perl))?(?:/5[0-9.]*)?(?:/[a-z0-9_]+-linux[a-z0-9-]*)?/`)

// perlModules keeps what a source of Perl asks for, wherever it is found, and a module's compiled part: auto/Data/Dumper/Dumper.so. At
// the level safe the whole packages of these come along, and with the program's own source every package of modules. A program
// that came along with the rest of its package, as OpenSSL's tsget.pl does, asks for as little as for its interpreter.
//
// Modules that came along with a package, such as git's, ask for nothing where no interpreter stays.
func perlModules(m *maker, e *image.Entry, by strength) {
	m.perlRuns = m.perlRuns || perlInterpreter.MatchString(e.Path)
	if hookSample.MatchString(e.Path) || !strings.Contains(e.Shebang, "perl") && !m.perlWithin(e) && (!perlSource(e.Path) || path.Ext(e.Path) == ".cgi" && e.Shebang != "") || by == weak && m.ownedBySystem(e.Path) && !perlDir.MatchString(e.Path) {
		return
	}
	if by == strong && m.ownedBySystem(e.Path) && !m.read[e.Path] && !m.ran[e.Path] && !perlDir.MatchString(e.Path) {
		return // Postfix looks at the modes of all that is its own, a script of Perl that it never runs among it
	}
	if by == weak && m.ownedBySystem(e.Path) && !m.perlRuns {
		m.perlWaits = append(m.perlWaits, e)
		return
	}
	s, dirs := strong, m.perlDirs()
	if m.Level == Tight {
		s = weak
		m.perlCompiled(e, dirs)
	} else if !m.ownedBySystem(e.Path) {
		m.perlPackages(e)
	}
	for _, f := range e.Facts {
		name, ok := strings.CutPrefix(f, factUse)
		if !ok {
			continue
		}
		for _, inc := range dirs {
			if x := m.Tree.Get(inc + strings.ReplaceAll(name, "::", "/") + ".pm"); x != nil {
				m.enter(x, s, Reason{Rule: "module", By: e.Path, Note: "it asks for " + name})
			}
		}
	}
}

var perlInterpreter = lazy.MustCompile(`/(?:bin/perl(?:5[0-9.]*)?|libperl\.so[^/]*)$`)

// perlWaiting looks at modules that came before the interpreter did. It is called when nothing else comes in any more.
func (m *maker) perlWaiting() {
	if !m.perlRuns {
		return
	}
	waits := m.perlWaits
	m.perlWaits = nil
	for _, e := range waits {
		perlModules(m, e, weak)
	}
}

func (m *maker) perlCompiled(e *image.Entry, dirs []string) {
	dir := perlDir.FindString(e.Path)
	if dir == "" {
		return
	}
	auto := "auto/" + strings.TrimSuffix(e.Path[len(dir):], ".pm")
	for _, inc := range dirs {
		for x := range children(m.Tree, inc+auto) {
			m.enter(x, weak, Reason{Rule: "module", By: e.Path, Note: "its compiled part"})
		}
	}
}

// perlPackage tells packages that hold modules of Perl and nothing else, as distributions call them (Debian's Perl policy, 4.2).
var perlPackage = lazy.MustCompile(`^(?:lib.+-perl|perl-.+)$`)

// perlPackages keeps all modules that were installed for a program. Drivers, plugins and faster twins are asked for by names that
// are made at run time: DBI's dbi:SQLite, JSON's XS.
func (m *maker) perlPackages(by *image.Entry) {
	if !m.once("perl packages") {
		return
	}
	for x := range m.Tree.All() {
		if o := m.keep.owner[x.Path]; o != nil && o.System() && perlPackage.MatchString(o.Name) && !x.IsDir() {
			m.along(x, weak, Reason{Rule: "package", By: by.Path, Note: "package " + o.Name + " of modules, which programs ask for by names that they make"})
		}
	}
}

// perlDirs are the directories of modules that the image has, sorted, each with a slash behind it.
func (m *maker) perlDirs() []string {
	if m.perl != nil {
		return m.perl
	}
	m.perl = []string{}
	seen := map[string]bool{}
	for e := range m.Tree.All() {
		if dir := perlDir.FindString(e.Path); dir != "" && !seen[dir] && strings.HasSuffix(e.Path, ".pm") {
			seen[dir] = true
			m.perl = append(m.perl, dir)
		}
	}
	slices.Sort(m.perl)
	return m.perl
}

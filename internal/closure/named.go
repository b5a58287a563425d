package closure

import (
	"path"
	"slices"
	"strings"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/lazy"
)

// named keeps the commands that the program's own sources name where they run commands. The command stays with what its package has
// for it, and not the package's other commands: it was named, not seen. At the level tight those that installed modules name stay once a carved
// image lacked a program: the requests that no check has seen run commands then, and would miss one after the other.
func named(m *maker, e *image.Entry, _ strength) {
	if len(e.Facts) == 0 || m.ownedBySystem(e.Path) {
		return
	}
	if pythonDir.MatchString(e.Path) && !siteDir.MatchString(e.Path) {
		return // what the standard library runs, it runs for a program that asks for it
	}
	if path.Ext(e.Path) == ".py" && strings.Contains(e.Path, "/node_modules/") && m.lookPath("python3") == "" && m.lookPath("python") == "" {
		return // npm has gyp in it, of which nothing runs without Python
	}
	facts := m.facts(e)
	runs := false
	for _, f := range facts {
		if w, ok := strings.CutPrefix(f, factRun); ok {
			m.namedCommand(w, e)
			runs = true
		}
	}
	m.runs = m.runs || runs || slices.Contains(facts, factRuns)
	for _, f := range facts {
		if w, ok := strings.CutPrefix(f, factPiped); ok && runs {
			m.namedCommand(w, e)
		}
		if w, ok := strings.CutPrefix(f, factInstalled+factRun); ok && (m.Level == Safe || m.missedProgram) && m.addedFor(w, e) {
			m.namedCommand(w, e)
		}
	}
}

// addedFor tells whether a command that an installed module names came into the image with its language or after it. Who installs
// Tesseract beside pytesseract wants it; what a base image has, the module names for other programs than this one.
func (m *maker) addedFor(word string, by *image.Entry) bool {
	at := m.lookPath(word)
	x := m.Tree.Resolve(at)
	if x == nil || at == "" {
		return false
	}
	var language *image.Entry
	if site := siteDir.FindString(by.Path); site == "" {
		language = m.Tree.Resolve(m.lookPath("node"))
	} else if language = m.Tree.Get(path.Dir(strings.TrimSuffix(site, "/")) + "/os.py"); language == nil { // in an environment
		language = m.Tree.Resolve(m.lookPath("python3"))
	}
	return language != nil && x.Layer >= max(language.Layer, 1)
}

func (m *maker) namedCommand(word string, by *image.Entry) {
	at := word
	if word[0] != '/' {
		if at = m.lookPath(word); at == "" {
			return
		}
	}
	x := m.Tree.Resolve(at)
	if x == nil || !x.IsFile() || x.Mode&0o111 == 0 || m.onlyBuilds(at, by.Path) {
		return
	}
	m.ran[x.Path] = true
	m.add(at, weak, Reason{Rule: "named", By: by.Path, Note: "the program names the command " + word})
	if x.Shebang != "" && m.once("named script", x.Path) {
		m.queue = append(m.queue, work{x, strong}) // a script needs its interpreter
	}
	if o := m.keep.owner[x.Path]; o != nil && o.System() && m.once("of a named command", o.key) {
		m.withPrograms(o)
		for _, f := range o.files { // git does next to nothing without /usr/lib/git-core, nor perl without its modules
			if !isProgram(f) && !m.leadsToOther(f, x) && !compilers.MatchString(f.Path) && !m.ofLibrary(f) {
				m.along(f, weak, Reason{Rule: "package", By: x.Path, Note: "the program names a command of " + o.Name})
			}
		}
		m.dataOf(o, x)
	}
}

// leadsToOther tells a link among programs that is the name of another one than the command: lto-dump, of a package whose cc is named.
func (m *maker) leadsToOther(link, command *image.Entry) bool {
	if link.Type != symlink || !startsProgram(link) {
		return false
	}
	to := m.Tree.Resolve(link.Path)
	return to != nil && to != command && isProgram(to)
}

// dataOf keeps what the distribution has in packages of their own of what a command needs: those that its package depends on and that are built from
// the same source, such as octave-common, and Python's standard library of its interpreter. Where the command was seen, so was what it opens there.
func (m *maker) dataOf(o *owned, command *image.Entry) {
	for _, d := range o.Depends {
		for _, q := range m.systemPackages()[o.Ecosystem+" "+d] {
			if q == o || q.Source != o.Source || !m.once("data of a named command", q.key) {
				continue
			}
			for _, f := range q.files {
				if !startsProgram(f) && !compilers.MatchString(f.Path) && !m.ofLibrary(f) {
					m.along(f, weak, Reason{Rule: "package", By: command.Path, Note: "the program names a command of " + o.Name + ", which depends on " + q.Name})
				}
			}
		}
	}
}

// compilers is where gcc's parts lie. Words such as cc, which they are called by, mean another thing in most programs.
var compilers = lazy.MustCompile(`^/usr/lib(?:exec)?/gcc(?:-cross)?/`)

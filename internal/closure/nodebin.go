package closure

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/lighten/lighten/internal/image"
)

// launchers run what packages of Node.js have in node_modules/.bin: no PATH of an image leads there, but theirs does.
var launchers = []string{"npx", "npm", "pnpm", "pnpx", "yarn", "yarnpkg", "bunx", "bun", "corepack"}

// moduleCommands keeps the commands of the program's own packages that its sources name where they run commands, and those that the scripts of its
// package.json have which they name: npx prettier, npm run migrate. It takes a launcher, one that the source names or one that the
// program was seen to run by, as npm start does. Such packages are mostly those that only development needs, which go otherwise.
func moduleCommands(m *maker, e *image.Entry, _ strength) {
	if len(e.Facts) == 0 || m.ownedBySystem(e.Path) || nodePackage(e.Path) != "" || !m.hasModules(e.Path) {
		return
	}
	var words []string // sorted, as facts are
	for _, f := range m.facts(e) {
		if w, ok := strings.CutPrefix(f, factRun); ok {
			words = append(words, w)
		}
	}
	launches := func(w string) bool { return slices.Contains(launchers, w) }
	if len(words) == 0 || !slices.ContainsFunc(words, launches) && !m.wasLaunched() {
		return
	}
	for d := path.Dir(e.Path); ; d = path.Dir(d) {
		for _, w := range words {
			m.moduleCommand(d, w, e)
		}
		x, _ := m.manifest(d)
		for _, name := range slices.Sorted(maps.Keys(x.Scripts)) {
			if text, ok := x.Scripts[name].(string); ok && namesScript(words, name) {
				called, _, _ := shellNames([]byte(text))
				for _, w := range called {
					m.moduleCommand(d, w, e)
				}
			}
		}
		if d == "/" {
			return
		}
	}
}

// hasModules tells whether a directory above a path has packages of Node.js.
func (m *maker) hasModules(p string) bool {
	for d := path.Dir(p); ; d = path.Dir(d) {
		if m.Tree.Get(path.Join(d, "package.json")) != nil {
			return true
		}
		if d == "/" {
			return false
		}
	}
}

// wasLaunched tells whether a launcher was run or read while the program was observed.
func (m *maker) wasLaunched() bool {
	return slices.ContainsFunc(launchers, func(l string) bool {
		x := m.Tree.Resolve(m.lookPath(l))
		return x != nil && (m.ran[x.Path] || m.read[x.Path])
	})
}

// namesScript tells whether a script's name stands among words, which have no colons: db:migrate is two of them.
func namesScript(words []string, name string) bool {
	return !slices.ContainsFunc(strings.Split(name, ":"), func(part string) bool { return !slices.Contains(words, part) })
}

// moduleCommand keeps the command that a directory's node_modules has by this name, with the package that brings it.
func (m *maker) moduleCommand(dir, word string, by *image.Entry) {
	at := path.Join(dir, "node_modules/.bin", word)
	x := m.Tree.Resolve(at)
	if strings.Contains(word, "/") || x == nil || !x.IsFile() {
		return
	}
	m.add(at, weak, Reason{Rule: "named", By: by.Path, Note: "the program names the command " + word})
	if m.once("command of node_modules", x.Path) {
		m.queue = append(m.queue, work{x, strong}) // its package comes with it, with what that depends on
	}
}

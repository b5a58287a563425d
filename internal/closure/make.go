package closure

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/inventory"
	"github.com/lighten/lighten/internal/observe"
)

// Level says how much comes along with what is evident.
type Level string

const (
	Safe  Level = "safe"  // whole packages, the whole standard library
	Tight Level = "tight" // files that were looked up, and what these need
)

// Evidence is a record with what a reader should hear of its phases.
type Evidence struct {
	Record *observe.Record
	Miss   bool // its paths were looked up in vain in a carved image: a reason of its own
	Whole  bool // a miss brings all that it is part of, whatever the level
}

// Input is what Keep is made from.
type Input struct {
	Tree      *image.Tree // read with [Want]
	Inventory *inventory.Inventory
	Evidence  []Evidence
	Level     Level
	Keep      []string // globs of paths that stay whatever the evidence; ** crosses directories
	Drop      []string // globs of paths that go unless evidence wants them
	InVain    bool     // what was [AskedInVain] stays too
	Modules   bool     // at the level tight too, all modules of Python's distributions of which one stays
}

// Make works out what stays: what the evidence names, what the configuration names, what the system cannot do without,
// and all that these need.
func Make(in Input) (*Keep, error) {
	if in.Level == "" {
		in.Level = Safe
	}
	if in.Level != Safe && in.Level != Tight {
		return nil, fmt.Errorf("working out what stays: level %q: want safe or tight", in.Level)
	}
	m := newMaker(in)
	m.findToolchains()
	if err := m.globs(); err != nil {
		return nil, err
	}
	m.system()
	m.configuration()
	for _, e := range in.Evidence {
		m.evidence(e)
	}
	m.copied()
	for m.settle(); m.reach(); {
		m.settle()
	}
	m.dropsInVain()
	slices.Sort(m.keep.Notes)
	m.keep.Notes = slices.Compact(m.keep.Notes)
	return m.keep, nil
}

// maker is the work in progress: a list of what came in and was not looked at yet.
type maker struct {
	Input
	keep          *Keep
	queue         []work
	linker        *linker
	hard          map[string][]*image.Entry            // first name of a file with several -> all of them
	done          map[string]bool                      // things that a rule does once
	ran           map[string]bool                      // files that are run as programs
	read          map[string]bool                      // files that are opened
	runs          bool                                 // the program's own sources run commands
	computes      bool                                 // they import modules of the standard library, maybe, by names which they compute
	lists         bool                                 // they list what is installed
	byImport      map[string]bool                      // modules of packages that came because the program imports them: see [maker.importedPackages]
	missed        map[string]bool                      // files that a carved image lacked: what they need was not seen
	later, fully  map[string]bool                      // modules that functions of others import, and those that are to work in full: see [maker.laterOf]
	lateNames     []string                             // the first, until they are brought in
	unfit         map[string]bool                      // modules that need what does not stay, as far as that is known by now
	missedProgram bool                                 // one of them is a program
	whole         map[*owned]bool                      // packages that stay whole at the level tight too
	dists         []*owned                             // Python's distributions, sorted
	distsNamed    map[string][]*owned                  // the same by name: see distributionsNamed
	byName        map[string][]*owned                  // see systemPackages; nil: not looked for yet
	modules       map[*owned]map[string][]*image.Entry // see modulesOf
	stdlib        []*library
	headers       []*image.Entry             // withheld: see [maker.compiles]
	toolchains    []*built                   // of languages that are compiled ahead of time
	perl          []string                   // see perlDirs; nil: not looked for yet
	offers        map[string][]*image.Entry  // see offered; nil: not looked for yet
	perlRuns      bool                       // an interpreter of Perl stays
	perlWaits     []*image.Entry             // modules that came before it
	drop          []*regexp.Regexp           // Input.Drop
	native        *image.Entry               // see nativeELF
	onlyDeveloped map[string]map[string]bool // see developed
	typeCompilers []string                   // see [maker.declared]
	single        bool                       // certificate authorities are looked up one by one
}

type work struct {
	entry    *image.Entry
	strength strength
}

// rule brings in what an entry needs.
type rule func(m *maker, e *image.Entry, s strength)

// rules in the order in which they are tried on everything that comes in.
var rules = []rule{
	links, hardLinks, elfRule, scripts, toolScripts, companions, openedByModules, accounts, schedule, packages, python, importedTests, nodeModules, siblings, application, named, moduleCommands, loaded, literals,
	perlModules, askedModules, commandsOfLibraries, compiledModules, walkedPackages, gems,
}

func newMaker(in Input) *maker {
	m := &maker{
		Input: in, done: map[string]bool{}, ran: map[string]bool{}, read: map[string]bool{}, missed: map[string]bool{}, byImport: map[string]bool{}, later: map[string]bool{}, fully: map[string]bool{}, whole: map[*owned]bool{}, hard: map[string][]*image.Entry{}, modules: map[*owned]map[string][]*image.Entry{}, onlyDeveloped: map[string]map[string]bool{}, linker: newLinker(in.Tree),
		keep: &Keep{tree: in.Tree, owner: map[string]*owned{}, nodes: map[string]*node{}, drops: map[string]string{}},
	}
	byKey, packages := map[string]*owned{}, map[*inventory.Package]*owned{}
	for e := range in.Tree.All() {
		if e.Linkname != "" && e.IsFile() { // a hard link
			first := fmt.Sprint(e.Layer, e.Linkname)
			m.hard[first] = append(m.hard[first], e)
		}
		if e.IsDir() {
			continue
		}
		p := in.Inventory.OwnerOf(e)
		if p == nil || !Knows(*p) {
			continue
		}
		o := packages[p]
		if o == nil {
			key := strings.Join([]string{p.Ecosystem, p.Name, p.Arch, p.Version}, "\x00")
			if o = byKey[key]; o == nil {
				o = &owned{Package: *p, key: key}
				byKey[key] = o
				if p.Ecosystem == inventory.PyPI {
					m.dists = append(m.dists, o)
				}
			}
			packages[p] = o
		}
		o.files = append(o.files, e)
		if p.Ecosystem == inventory.PyPI {
			o.site = o.site || siteDir.MatchString(e.Path)
			o.local = o.local || path.Base(e.Path) == "direct_url.json"
		}
		m.keep.owner[e.Path] = o
	}
	m.single = !slices.ContainsFunc(bundles, func(p string) bool { return in.Tree.Resolve(p) != nil })
	slices.SortStableFunc(m.dists, func(a, b *owned) int { return inventory.Compare(a.Package, b.Package) })
	return m
}

// Knows reports whether packages of that ecosystem have rules here. The others' files belong to the program, or come by what the
// language's own rules say of a path.
func Knows(p inventory.Package) bool { return p.System() || p.Ecosystem == inventory.PyPI }

// settle tries every rule on everything until nothing new comes in.
func (m *maker) settle() {
	for len(m.queue) > 0 {
		w := m.queue[len(m.queue)-1]
		m.queue = m.queue[:len(m.queue)-1]
		for _, r := range rules {
			r(m, w.entry, w.strength)
		}
	}
}

// add brings in what p names, with every link on the way there. It returns the entry that p leads to, nil when it
// leads to nothing in the image.
func (m *maker) add(p string, s strength, r Reason) *image.Entry {
	trail, final := m.walk(p)
	for _, e := range trail {
		switch {
		case e.Type != symlink:
		case e.Path == p: // it is itself what is wanted
			m.enter(e, s, r)
		case r.By == "":
			m.enter(e, s, Reason{Rule: "link", Note: "on the way to " + p + ", " + r.Rule + ": " + r.Note})
		default:
			m.enter(e, s, Reason{Rule: "link", By: r.By, Note: "on the way to " + p})
		}
	}
	if final == nil {
		return nil
	}
	m.enter(final, s, r)
	return final
}

// enter brings one entry in.
func (m *maker) enter(e *image.Entry, s strength, r Reason) {
	n := m.keep.nodes[e.Path]
	if n == nil {
		n = &node{entry: e, strength: s}
		m.keep.nodes[e.Path] = n
		m.keep.parents(e)
	} else if n.strength >= s {
		if len(n.reasons) < maxReasons && !slices.Contains(n.reasons, r) {
			n.reasons = append(n.reasons, r)
		}
		return
	}
	if s > n.strength || len(n.reasons) == 0 {
		n.strength = s
		n.reasons = append([]Reason{r}, n.reasons[:min(len(n.reasons), maxReasons-1)]...)
	}
	m.queue = append(m.queue, work{e, s})
}

// once reports whether it is called the first time with these words.
func (m *maker) once(words ...string) bool {
	key := strings.Join(words, "\x00")
	if m.done[key] {
		return false
	}
	m.done[key] = true
	return true
}

// note tells the reader something, once.
func (m *maker) note(format string, args ...any) {
	m.keep.Notes = append(m.keep.Notes, fmt.Sprintf(format, args...))
}

// below brings in everything in a directory that no rule drops.
func (m *maker) below(dir string, s strength, r Reason) {
	for e := range m.Tree.Under(strings.TrimSuffix(dir, "/") + "/") {
		m.along(e, s, r)
	}
}

// along brings in an entry that comes with something else, unless a rule drops such things.
func (m *maker) along(e *image.Entry, s strength, r Reason) {
	if m.keep.nodes[e.Path] == nil {
		if m.dropped(e.Path) || m.toolchainOf(e.Path) != nil {
			return
		}
		if m.ruledOut(e.Path) {
			if hookSample.MatchString(e.Path) { // git and programs write hooks beside them
				m.enter(m.Tree.Get(path.Dir(e.Path)), weak, r)
			}
			return
		}
		if m.foreignAddon(e) {
			m.keep.drops[e.Path] = foreignParts
			return
		}
	}
	m.enter(e, s, r)
}

// ruledOut tells whether [DropRule] drops what comes along, in this image.
func (m *maker) ruledOut(p string) bool {
	switch DropRule(p) {
	case "":
		return false
	case singleAuthorities:
		return !m.single
	case declarations:
		return !m.compilesTypes(p)
	case windowsOfJava:
		return !m.screen()
	}
	return true
}

const maxWalkLinks = 40 // as in Linux (path_resolution(7))

func (m *maker) walk(p string) (trail []*image.Entry, final *image.Entry) { return walk(m.Tree, p) }

// walk follows a path through an image. trail holds every entry passed, links and directories, the last one included;
// final is what the path leads to, nil when something on the way is missing.
func walk(t *image.Tree, p string) (trail []*image.Entry, final *image.Entry) {
	todo := strings.Split(path.Clean("/"+p), "/")
	at, links := "/", 0
	final = t.Get("/")
	for len(todo) > 0 {
		c := todo[0]
		todo = todo[1:]
		switch c {
		case "", ".":
			continue
		case "..":
			at = path.Dir(at)
			final = t.Get(at)
			continue
		}
		e := t.Get(path.Join(at, c))
		if e == nil {
			return trail, nil
		}
		trail = append(trail, e)
		final = e
		if e.Type != symlink {
			at = e.Path
			continue
		}
		if links++; links > maxWalkLinks || len(e.Linkname) > 4096 {
			return trail, nil
		}
		if strings.HasPrefix(e.Linkname, "/") {
			at = "/"
		}
		final = t.Get(at)
		todo = append(strings.Split(e.Linkname, "/"), todo...)
	}
	return trail, final
}

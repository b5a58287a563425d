package closure

import (
	"archive/tar"
	"iter"
	"path"
	"strings"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/observe"
)

const symlink = tar.TypeSymlink

// evidence brings in what a record says was looked up, as far as the image has it.
func (m *maker) evidence(ev Evidence) {
	inVain := AskedInVain(m.Tree, ev.Record)
	for _, p := range ev.Record.Paths {
		if kernelOwn(p.Name) || !m.InVain && inVain(p) {
			continue
		}
		r := Reason{Rule: "looked up", Note: words(ev, p)}
		if ev.Miss {
			r.Rule = "missed"
		}
		bring := m.add
		if p.Ops&observe.Exec != 0 {
			bring = func(p string, _ strength, r Reason) *image.Entry { return m.run(p, r) }
		}
		x := m.Tree.Resolve(p.Name)
		if ev.Miss && x != nil {
			m.missed[x.Path] = true
			m.missedProgram = m.missedProgram || isProgram(x)
			m.walkedInto(x)
			if ev.Whole {
				m.wholly(x, r)
			}
		}
		if x != nil && p.Ops&observe.Open != 0 {
			m.read[x.Path] = true
			if o := m.keep.owner[x.Path]; o != nil {
				o.read = true
			}
		}
		s := strong
		if p.Name == "/etc/localtime" {
			s = weak // every program that tells the time: no evidence of further time zones
		}
		e := bring(p.Name, s, r)
		if e == nil {
			if p.Ops&observe.Write != 0 {
				m.writes(p.Name, r)
			}
			continue
		}
		if p.Ops&observe.List != 0 && e.IsDir() {
			m.listed(e, r)
		}
		if e.IsDir() && p.Ops&observe.Chdir != 0 && !crossroads[e.Path] {
			m.workedIn(e, r)
		}
	}
	if ev.Record.Full {
		m.note("the record of look-ups is full: what the program looked up after %d paths is not known", len(ev.Record.Paths))
	}
	if ev.Record.Unread > 0 {
		m.note("%d look-ups of %d could not be read, as of a process that changes its user and then forks: what only these want is not known, and keep: names it", ev.Record.Unread, ev.Record.Events)
	}
	for _, s := range ev.Record.Setuid {
		m.note("%s gains no rights while it is traced: what it does with them was not seen", s)
	}
	if ev.Record.Untraced != "" {
		m.note("not traced: %s; what stays follows from what files say of each other alone", ev.Record.Untraced)
	}
}

// walkedInto brings in, with a directory of Python's modules that was missed, what makes it and those below it packages. Who walks through a package
// imports each of these to look below it (pkgutil.walk_packages), and would miss one level a round.
func (m *maker) walkedInto(dir *image.Entry) {
	if !dir.IsDir() || !siteDir.MatchString(dir.Path) || m.Tree.Get(dir.Path+"/__init__.py") == nil {
		return
	}
	for x := range m.Tree.Under(dir.Path + "/") {
		if path.Base(x.Path) == "__init__.py" {
			m.enter(x, weak, Reason{Rule: "missed", By: dir.Path, Note: "makes a package of a directory below one that was missed"})
		}
	}
}

// wholly brings in what a path is part of: its package, a directory with all that is below it. A program that was told of one miss, and
// looks for the next thing then, would be told of them one by one.
func (m *maker) wholly(e *image.Entry, r Reason) {
	part := Reason{Rule: r.Rule, By: e.Path, Note: "part of the same package: one after the other was missed"}
	p, ok := m.Inventory.Owner(e.Path)
	switch o := m.keep.owner[e.Path]; {
	case o != nil:
		m.whole[o] = true // see [packages]
	case ok && m.once("wholly", p.Ecosystem, p.Name, p.Version):
		for x := range m.Inventory.Entries(p) {
			m.along(x, weak, part)
		}
	case e.IsDir() && !crossroads[e.Path]:
		part.Note = "below a directory of which one path after the other was missed"
		for x := range m.Tree.Under(e.Path + "/") {
			m.along(x, weak, part)
		}
	}
}

// kernelOwn are paths that the kernel makes when a container starts; an image's own files there are never seen.
func kernelOwn(p string) bool {
	for _, dir := range []string{"/proc", "/sys", "/dev"} {
		if p == dir || strings.HasPrefix(p, dir+"/") {
			return true
		}
	}
	return false
}

// writes keeps the directory in which a program makes a file that the image does not have.
func (m *maker) writes(p string, r Reason) {
	for d := path.Dir(p); ; d = path.Dir(d) {
		if e := m.add(d, strong, Reason{Rule: "written to", By: r.By, Note: "for " + p}); e != nil || d == "/" {
			return
		}
	}
}

// words say what was done with a path, and when.
func words(ev Evidence, p observe.Path) string {
	verb := "looked up"
	for _, v := range []struct {
		op   observe.Ops
		text string
	}{
		{observe.Exec, "run"}, {observe.Open, "opened"}, {observe.List, "listed"}, {observe.Write, "written"}, {observe.Connect, "connected to"},
	} {
		if p.Ops&v.op != 0 {
			verb = v.text
			break
		}
	}
	if p.By != "" && p.By != p.Name {
		verb += " by " + p.By
	}
	if p.Phase >= 0 && p.Phase < len(ev.Record.Phases) {
		verb += " in " + ev.Record.Phases[p.Phase]
	}
	return verb
}

// crossroads are directories that hold a bit of everything. A program that lists one does not need all of it: what it
// looks for there, it opens.
var crossroads = map[string]bool{
	"/": true, "/bin": true, "/sbin": true, "/lib": true, "/lib64": true, "/usr": true, "/usr/bin": true, "/usr/sbin": true, "/usr/lib": true,
	"/usr/lib64": true, "/usr/libexec": true, "/usr/share": true, "/usr/include": true, "/usr/local": true, "/usr/local/bin": true,
	"/usr/local/sbin": true, "/usr/local/lib": true, "/usr/local/share": true, "/etc": true, "/var": true, "/var/lib": true, "/var/cache": true,
	"/opt": true, "/home": true, "/srv": true, "/mnt": true, "/media": true, "/root": true,
}

// listable reports whether to list a directory is to want all that is in it.
func listable(t *image.Tree, dir string) bool {
	if crossroads[dir] || path.Base(dir) == "bin" && isEnvironment(t, path.Dir(dir)) || strings.HasSuffix(path.Dir(dir), "/lib") && strings.HasSuffix(dir, "-linux-gnu") {
		return false
	}
	return !pythonPath(dir) // the import system lists every directory that it looks into
}

// children are the entries directly in a directory.
func children(t *image.Tree, dir string) iter.Seq[*image.Entry] {
	prefix := strings.TrimSuffix(dir, "/") + "/"
	return func(yield func(*image.Entry) bool) {
		for e := range t.Under(prefix) {
			if !strings.Contains(e.Path[len(prefix):], "/") && !yield(e) {
				return
			}
		}
	}
}

// workedIn keeps the files, and not the directories, of where a program went to work: it opens them by names without a slash, of which nothing
// can be told.
func (m *maker) workedIn(dir *image.Entry, r Reason) {
	for e := range children(m.Tree, dir.Path) {
		if !e.IsDir() && !m.ownedBySystem(e.Path) && !alone[dir.Path] {
			m.along(e, weak, Reason{Rule: "working directory", By: dir.Path, Note: r.Note})
		}
	}
}

// listed keeps what a program saw when it read a directory: its names, and what these are.
func (m *maker) listed(dir *image.Entry, r Reason) {
	if !listable(m.Tree, dir.Path) {
		return
	}
	by := Reason{Rule: "listed", By: dir.Path, Note: strings.Replace(r.Note, "opened", "listed", 1)}
	if zones(dir.Path) { // who lists time zones goes through all of them
		for e := range m.Tree.Under(dir.Path + "/") {
			m.enter(e, weak, by)
		}
		return
	}
	for e := range children(m.Tree, dir.Path) {
		m.enter(e, weak, by)
	}
}

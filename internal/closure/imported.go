package closure

import (
	"iter"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/lighten/lighten/internal/image"
)

// importedPackages keeps the distribution's packages whose Python modules the program's own sources import, although no check has: Debian's
// python3-x has no record that a Python finds by itself, as what pip installs has. What such a module, or one that was missed, imports in turn is followed.
func (m *maker) importedPackages() {
	sites := m.systemSites()
	if len(sites) == 0 {
		return
	}
	for _, p := range slices.Sorted(maps.Keys(m.keep.nodes)) {
		e := m.keep.nodes[p].entry
		if !strings.HasSuffix(p, ".py") && !m.ownScript(e) || m.inLibrary(p) || forBuilding.MatchString(p) {
			continue
		}
		at, own := "", !siteDir.MatchString(p) || m.isLocal(e)
		if !own {
			if !m.byImport[p] && !m.missed[p] {
				continue // a check has imported it, and so what it needs
			}
			at = installedModule(e)
		}
		if !m.once("imports of", p) {
			continue
		}
		for name := range importsOf(e, at) {
			if top, _, _ := strings.Cut(name, "."); top != "" && !interactive[top] && !installers[top] {
				m.importedFrom(sites, name, p)
			}
		}
	}
}

// systemSites are where the Pythons that stay look for the modules of packages.
func (m *maker) systemSites() (sites []string) {
	for _, l := range m.stdlib {
		for _, dir := range []string{l.dir + "/site-packages", l.dir + "/dist-packages", path.Dir(l.dir) + "/python3/dist-packages"} {
			if m.Tree.Get(dir) != nil && !slices.Contains(sites, dir) {
				sites = append(sites, dir)
			}
		}
	}
	return sites
}

// importedFrom keeps the package that has a module: all of it if nothing of it is evident yet, else the module.
func (m *maker) importedFrom(sites []string, name, by string) {
	r := Reason{Rule: "package", By: by, Note: "the program imports " + name}
	for e := range m.moduleFiles(sites, name) {
		o := m.keep.owner[e.Path]
		files := []*image.Entry{e}
		if m.once("imported package", o.key) && !m.anyEvident(o.files) {
			files = o.files
		}
		for _, f := range files {
			if m.keep.Has(f.Path) {
				continue
			}
			if libraryTests.MatchString(f.Path) {
				m.keep.drops[f.Path] = "tests of libraries"
				continue
			}
			m.along(f, weak, r)
			m.byImport[f.Path] = true
		}
	}
}

// moduleFiles yields the files of packages of the system which are a module, or one of those that it lies in.
func (m *maker) moduleFiles(sites []string, name string) iter.Seq[*image.Entry] {
	return func(yield func(*image.Entry) bool) {
		for _, site := range sites {
			for at := name; at != ""; at = parentModule(at) {
				base := site + "/" + strings.ReplaceAll(at, ".", "/")
				found := []*image.Entry{m.Tree.Get(base + "/__init__.py"), m.Tree.Get(base + ".py")}
				for e := range m.Tree.Under(base + ".") {
					if e.ELF != nil {
						found = append(found, e)
					}
				}
				for _, e := range found {
					if e != nil && m.ownedBySystem(e.Path) && !yield(e) {
						return
					}
				}
			}
		}
	}
}

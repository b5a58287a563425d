// Package inventory reads the package databases of an image: who brought each path.
package inventory

import (
	"archive/tar"
	"cmp"
	"fmt"
	"iter"
	"path"
	"slices"
	"strings"

	"github.com/lighten/lighten/internal/image"
)

// The ecosystems, by their names in package URLs (package-url/purl-spec).
const (
	Deb      = "deb"
	APK      = "apk"
	RPM      = "rpm"
	PyPI     = "pypi"
	Conda    = "conda"
	NPM      = "npm"
	Gem      = "gem"
	Composer = "composer"
	Go       = "golang"
	Cargo    = "cargo"
	Maven    = "maven"
)

// Package is an installed package.
type Package struct {
	Ecosystem     string   // Deb, APK, …
	Name          string   // as its ecosystem writes it; PyPI: as in its metadata ("Flask"); Maven: "group:artifact"
	Version       string   // "" when nothing says; RPM: [EPOCH:]VERSION-RELEASE
	Arch          string   // "" where the ecosystem has none
	Depends       []string // names of packages, sorted; of alternatives the installed one; extras left out
	Source        string   // source package; the name itself where nothing else is said
	SourceVersion string   // of that; the version itself where nothing else is said
	File          string   // the program or archive that it is in or that it is; "" for packages that list their files
	Paths         int      // files and links of it that are in the image
	Bytes         int64    // of those files' content
}

// System reports whether the package is of the distribution, rather than of a language.
func (p Package) System() bool {
	return p.Ecosystem == Deb || p.Ecosystem == APK || p.Ecosystem == RPM
}

// Inventory is the packages of an image and what they own.
type Inventory struct {
	tree       *image.Tree
	packages   []*Package
	owners     map[string]*Package            // by Tree.Real
	modules    map[string]*Package            // Python module, dotted -> distribution
	dirs       map[string]*Package            // directories of which the content belongs to a package
	extensions map[string]map[string][]string // see gemExtensions
	notes      []string
	real       map[string]string // cache of Tree.Real for directories
}

// KeepName names what [Want], [Distil] and [Examine] do, for image.TreeOptions. It changes when they do.
const KeepName = "inventory 3"

// Want reports whether [Read] needs the content of the file at path: the rule for image.TreeOptions.Keep. It includes
// what tells the distribution (os-release), the users, and the loader's configuration, all small and wanted by others.
func Want(p string, size int64) bool {
	switch p {
	case dpkgStatus, dpkgDiversions, apkInstalled, apkInstalledUsr, "/etc/os-release", "/usr/lib/os-release",
		"/etc/debian_version", "/etc/alpine-release", "/etc/passwd", "/etc/group", "/etc/ld.so.conf":
		return true
	}
	dir, base := path.Split(p)
	switch dir {
	case DpkgInfo:
		return strings.HasSuffix(base, ".list")
	case dpkgStatusDir:
		return true
	case "/etc/ld.so.conf.d/":
		return strings.HasSuffix(base, ".conf")
	case "/etc/":
		return strings.HasPrefix(base, "ld-musl-") && strings.HasSuffix(base, ".path")
	}
	return wantPython(dir, base)
}

// Read reads every package database of the tree, which must hold the content that [Want] asks for. Without the facts of
// [Distil] and [Examine] it knows the packages of dpkg, apk and Python alone.
func Read(t *image.Tree) (*Inventory, error) {
	i := &Inventory{tree: t, owners: map[string]*Package{}, modules: map[string]*Package{}, dirs: map[string]*Package{}, extensions: map[string]map[string][]string{}, real: map[string]string{}}
	for _, read := range []func(*Inventory) error{readDpkg, readStatusDir, readAPK, readPython, readFacts} {
		if err := read(i); err != nil {
			return nil, err
		}
	}
	i.count()
	i.real, i.dirs, i.extensions = nil, nil, nil // only for reading
	slices.SortStableFunc(i.packages, func(a, b *Package) int { return Compare(*a, *b) })
	return i, nil
}

// Compare orders packages by ecosystem, name and version.
func Compare(a, b Package) int {
	return cmp.Or(strings.Compare(a.Ecosystem, b.Ecosystem), strings.Compare(a.Name, b.Name), strings.Compare(a.Arch+a.Version, b.Arch+b.Version),
		strings.Compare(a.File, b.File))
}

// count sums up what each package has in the image.
func (i *Inventory) count() {
	for p, pkg := range i.owners {
		e := i.tree.Get(p)
		if e == nil || e.IsDir() {
			continue
		}
		pkg.Paths++
		if e.IsFile() {
			pkg.Bytes += e.Size
		}
	}
}

// add takes a package in.
func (i *Inventory) add(p Package) *Package {
	slices.Sort(p.Depends)
	p.Depends = slices.Compact(p.Depends)
	if p.Source == "" {
		p.Source = p.Name
	}
	if p.SourceVersion == "" {
		p.SourceVersion = p.Version
	}
	i.packages = append(i.packages, &p)
	return &p
}

// own gives path to pkg unless somebody has it: the system's databases are read first, then Python's.
func (i *Inventory) own(p string, pkg *Package) {
	if p = i.realPath(p); p == "" || i.owners[p] != nil {
		return
	}
	if e := i.tree.Get(p); e != nil {
		p = e.Path // which is in memory already
	}
	i.owners[p] = pkg
}

// realPath is Tree.Real with the directories remembered: a package's files lie together.
func (i *Inventory) realPath(p string) string {
	p = path.Clean("/" + p)
	dir, base := path.Split(p)
	real, ok := i.real[dir]
	if !ok {
		real = i.tree.Real(path.Join(dir, "x")) // the last component stays as it is
		real = strings.TrimSuffix(real, "x")
		i.real[dir] = real
	}
	if real == "" {
		return ""
	}
	return real + base // real ends with a slash
}

// content returns the kept content of a database file; an empty one when the file is not there.
func (i *Inventory) content(p string) ([]byte, error) {
	if e := i.tree.Resolve(p); e == nil || !e.IsFile() {
		return nil, nil
	}
	b, ok := i.tree.Content(p)
	if !ok {
		return nil, fmt.Errorf("reading %s: its content was not kept, or is too large", p)
	}
	return b, nil
}

// Packages returns every package, sorted by ecosystem, name and version.
func (i *Inventory) Packages() []Package {
	list := make([]Package, len(i.packages))
	for n, p := range i.packages {
		list[n] = *p
	}
	return list
}

// Notes says which databases could not be read, and why.
func (i *Inventory) Notes() []string { return i.notes }

// Give says that paths belong to a package of the inventory whose own list of them is not in the image. What belongs to
// somebody already stays theirs. It is for once, before anything is asked of the inventory.
func (i *Inventory) Give(p Package, paths []string) {
	n := slices.IndexFunc(i.packages, func(q *Package) bool { return Compare(*q, p) == 0 })
	for _, at := range paths {
		e := i.tree.Get(at)
		if n < 0 || e == nil || i.owners[e.Path] != nil {
			continue
		}
		pkg := i.packages[n]
		i.owners[e.Path] = pkg
		pkg.Paths++
		if e.IsFile() {
			pkg.Bytes += e.Size
		}
	}
}

// Owner returns the package that brought path. A link that no package lists (ldconfig makes such) belongs to whoever
// owns what it points to. Paths may be spelled with or without the links of a merged /usr.
func (i *Inventory) Owner(p string) (Package, bool) {
	real := i.tree.Real(p) // not realPath: its cache is for building, Owner may be called by many at once
	if pkg := i.owners[real]; pkg != nil {
		return *pkg, true
	}
	if e := i.tree.Resolve(p); e != nil && e.Path != real {
		if pkg := i.owners[e.Path]; pkg != nil {
			return *pkg, true
		}
	}
	return Package{}, false
}

// OwnerOf is Owner for an entry of the inventory's own tree, which needs no path to be resolved; nil when nobody owns it.
// What it returns must not be changed.
func (i *Inventory) OwnerOf(e *image.Entry) *Package {
	if pkg := i.owners[e.Path]; pkg != nil || e.Type != tar.TypeSymlink || len(i.owners) == 0 {
		return pkg
	}
	if to := i.tree.Resolve(e.Path); to != nil {
		return i.owners[to.Path]
	}
	return nil
}

// Entries are the entries of the inventory's tree that belong to a package.
func (i *Inventory) Entries(p Package) iter.Seq[*image.Entry] {
	return func(yield func(*image.Entry) bool) {
		for e := range i.tree.All() {
			if o := i.OwnerOf(e); o != nil && Compare(*o, p) == 0 && !yield(e) {
				return
			}
		}
	}
}

// Module returns the distribution that brings a Python module ("PIL", "google.protobuf.message").
func (i *Inventory) Module(name string) (Package, bool) {
	for {
		if pkg := i.modules[name]; pkg != nil {
			return *pkg, true
		}
		cut := strings.LastIndexByte(name, '.')
		if cut < 0 {
			return Package{}, false
		}
		name = name[:cut]
	}
}

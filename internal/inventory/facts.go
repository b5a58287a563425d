package inventory

import (
	"encoding/json"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/lighten/lighten/internal/image"
)

// Rules say what of an image's files [Read] needs, for image.ReadTree: what lies in databases of text is kept, what lies in
// manifests, programs, archives and other databases is noted while they pass.
func Rules() image.TreeOptions {
	return image.TreeOptions{Keep: Want, Distil: Distil, Examine: Examine, KeepName: KeepName}
}

// Facts of a file, as Distil and Examine remember them: a kind, a space, and JSON or text.
const (
	factPackage = "package " // a record
	factFault   = "fault "   // why a database could not be read
)

// record is what a file tells of one package.
type record struct {
	Name    string   `json:"n"`
	Version string   `json:"v,omitempty"`
	Arch    string   `json:"a,omitempty"`
	Source  string   `json:"s,omitempty"`
	Depends []string `json:"d,omitempty"`
	Files   []string `json:"f,omitempty"` // as the ecosystem lists them
	Main    bool     `json:"m,omitempty"` // the file itself is this package's; the others of the file are parts of it
	Kind    string   `json:"k,omitempty"` // the ecosystem, where the file's place does not tell it
}

// ecosystem is a row of the table: where the manifests of an ecosystem lie, what they say and whose files that makes.
type ecosystem struct {
	name string

	// manifest tells a file that describes packages by its directory (which ends with a slash) and its name.
	manifest func(dir, base string) bool
	parse    func(content []byte) []record

	// claim gives files to the packages that the manifest e describes, in the order of its records.
	claim func(i *Inventory, e *image.Entry, all []record, packages []*Package)
}

// ecosystems of which manifests are read while they pass. What a distribution's database or pip says of a file goes
// before what they say.
var ecosystems = []ecosystem{conda, npm, gem, composer}

// maxManifest is the size of the largest manifest read; that of composer lists all packages of a program.
const maxManifest = 16 << 20

// Distil takes from a manifest what [Read] needs, for image.TreeOptions.Distil; nil for what is none.
func Distil(p string, size int64) func([]byte) []string {
	if size > maxManifest {
		return nil
	}
	dir, base := path.Split(p)
	for n := range ecosystems { // not by value: that would be a copy on the heap for each file
		if eco := &ecosystems[n]; eco.manifest(dir, base) {
			return func(b []byte) []string { return encode(eco.parse(b)) }
		}
	}
	if isPNPMStore(dir) {
		return func(b []byte) []string { return encode(parsePackageJSON(b)) }
	}
	return nil
}

// Examine takes from programs, archives and binary databases what [Read] needs, for image.TreeOptions.Examine; nil for
// what is none.
func Examine(p string, size int64, elf bool) func(io.ReaderAt, int64) []string {
	switch dir, base := path.Split(p); {
	case elf:
		return examineProgram
	case isRPM(dir, base):
		return examineRPM
	case isArchive(base):
		return func(r io.ReaderAt, size int64) []string { return encode(javaArchive(r, size, base)) }
	case isYarnCache(dir, base):
		return func(r io.ReaderAt, size int64) []string { return encode(yarnArchive(r, size)) }
	}
	return nil
}

func encode(all []record) []string {
	var facts []string
	for _, r := range all {
		if r.Name == "" {
			continue
		}
		b, err := json.Marshal(r)
		if err != nil {
			panic(err) // strings and lists of them
		}
		facts = append(facts, factPackage+string(b))
	}
	return facts
}

func decode(e *image.Entry) []record {
	var all []record
	for _, f := range e.Facts {
		s, ok := strings.CutPrefix(f, factPackage)
		if !ok {
			continue
		}
		var r record
		if json.Unmarshal([]byte(s), &r) == nil && r.Name != "" {
			all = append(all, r)
		}
	}
	return all
}

// readFacts takes in what was noted of manifests, programs and archives. Databases come first: their lists of files are
// exact, while manifests claim directories.
func readFacts(i *Inventory) error {
	var manifests []*image.Entry
	for e := range i.tree.All() {
		dir, base := path.Split(e.Path)
		for _, f := range e.Facts {
			if why, ok := strings.CutPrefix(f, factFault); ok {
				i.notes = append(i.notes, "reading "+e.Path+": "+why)
			}
		}
		all := decode(e)
		switch {
		case len(all) == 0:
		case isRPM(dir, base):
			i.takeRPM(e, all)
		default:
			manifests = append(manifests, e)
		}
	}
	for _, e := range manifests {
		i.takeManifest(e, decode(e))
	}
	i.claimDirs()
	return nil
}

func (i *Inventory) takeManifest(e *image.Entry, all []record) {
	dir, base := path.Split(e.Path)
	for _, eco := range ecosystems {
		if eco.manifest(dir, base) {
			var packages []*Package
			for _, r := range all {
				packages = append(packages, i.add(Package{Ecosystem: eco.name, Name: r.Name, Version: r.Version, Arch: r.Arch, Source: r.Source, Depends: r.Depends}))
			}
			eco.claim(i, e, all, packages)
			return
		}
	}
	for _, r := range all { // a program or an archive
		if r.Kind == "" {
			continue // another name, by a hard link, of a manifest
		}
		p := i.add(Package{Ecosystem: r.Kind, Name: r.Name, Version: r.Version, Depends: r.Depends, File: e.Path})
		if r.Main {
			i.own(e.Path, p)
		}
	}
}

// claimDir gives what lies in a directory to pkg, unless somebody has it, or a deeper directory is another's.
func (i *Inventory) claimDir(dir string, pkg *Package) {
	dir = path.Clean("/" + dir)
	if e := i.tree.Resolve(dir); e != nil && e.IsDir() && i.dirs[e.Path] == nil {
		i.dirs[e.Path] = pkg
		i.own(e.Path, pkg)
	}
}

// claimDirs settles what [Inventory.claimDir] noted.
func (i *Inventory) claimDirs() {
	if len(i.dirs) == 0 {
		return
	}
	last, owner := "", (*Package)(nil)
	for e := range i.tree.All() {
		if e.IsDir() || i.owners[e.Path] != nil {
			continue
		}
		if dir := path.Dir(e.Path); dir != last {
			last, owner = dir, i.dirOwner(dir)
		}
		if owner != nil {
			i.owners[e.Path] = owner
		}
	}
}

func (i *Inventory) dirOwner(dir string) *Package {
	for d := dir; d != "/"; d = path.Dir(d) {
		if p := i.dirs[d]; p != nil {
			return p
		}
	}
	return nil
}

// names returns the keys of a JSON object that lists dependencies, sorted.
func names(m map[string]any) []string {
	var list []string
	for n := range m {
		list = append(list, n)
	}
	slices.Sort(list)
	return list
}

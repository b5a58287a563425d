package lock

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/lighten/lighten/internal/closure"
	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/inventory"
)

// Keep returns what the lock keeps of an image. When the image no longer fits it, the error is an [*Unfit]: a package
// is gone, new or of another version, or a listed path is not there. Name is the lock's, for that error.
func (f *File) Keep(name string, t *image.Tree, inv *inventory.Inventory) (*closure.Keep, error) {
	n := namesOf(inv)
	if u := f.unfit(n, t); len(u) > 0 {
		return nil, &Unfit{Name: name, Reasons: u}
	}
	return f.restore(t, n, closure.Restore(t, inv, nil)), nil
}

// restore makes the lines paths again, as far as the image has them. Other is any Keep of that image: it knows who owns what.
func (f *File) restore(t *image.Tree, n *naming, other *closure.Keep) *closure.Keep {
	c := newCover(f.Level, other.Owner)
	c.take(f, n)
	x := f.index(n)
	kept := map[string][]closure.Reason{}
	for e := range t.All() {
		if file := x.files[e.Path]; file != nil {
			if !file.Gone {
				kept[e.Path] = []closure.Reason{file.Reason}
			}
			continue
		}
		d := x.directory(e.Path)
		what := Nothing
		if d != nil {
			what = d.What
		}
		if e.Path != "/" && c.has(e, what) {
			kept[e.Path] = []closure.Reason{x.why(e, other, d)}
		}
	}
	k := other.Other(kept)
	k.Notes = append(k.Notes, "what stays is what the lock says")
	f.rule(k, t)
	return k
}

// lines are a lock's by what they tell of.
type lines struct {
	packages    map[key]*Package
	directories map[string]*Directory
	files       map[string]*Path
}

func (f *File) index(n *naming) *lines {
	x := &lines{map[key]*Package{}, map[string]*Directory{}, map[string]*Path{}}
	for i := range f.Packages {
		for _, q := range n.find(f.Packages[i]) {
			x.packages[keyOf(q)] = &f.Packages[i]
		}
	}
	for i := range f.Directories {
		x.directories[f.Directories[i].Path] = &f.Directories[i]
	}
	for i := range f.Files {
		x.files[f.Files[i].Path] = &f.Files[i]
	}
	return x
}

// directory is the line that says what holds of a path: that of the innermost directory.
func (x *lines) directory(p string) *Directory {
	for ; ; p = path.Dir(p) {
		if d := x.directories[p]; d != nil || p == "/" {
			return d
		}
	}
}

// why is the reason for which a path stays that no line names.
func (x *lines) why(e *image.Entry, k *closure.Keep, d *Directory) closure.Reason {
	if closure.IsBytecode(e.Path) && (d == nil || d.What != All) {
		dir, name := module(e.Path)
		return closure.Reason{Rule: "bytecode", By: path.Join(dir, name+".py"), Note: "its compiled form"}
	}
	if p, ok := k.Owner(e.Path); ok && !e.IsDir() && (d == nil || d.What != All) {
		if l := x.packages[keyOf(p)]; l != nil {
			return along("package", "part of "+l.words(), l.Reason)
		}
	}
	if d == nil {
		return closure.Reason{Rule: "kept"}
	}
	return along("directory", "lies in "+d.Path, d.Reason)
}

// along is the reason of what stays along with a group: the group's, which says where the chain goes on.
func along(rule, note string, group closure.Reason) closure.Reason {
	if text := words(closure.Reason{Rule: group.Rule, Note: group.Note}); text != "" {
		note += ", which stays: " + text
	}
	return closure.Reason{Rule: rule, By: group.By, Note: note}
}

func (p *Package) words() string { return p.Ecosystem + " " + p.Name + " " + p.Version }

// unfit tells what of the image is not as the lock has it.
func (f *File) unfit(n *naming, t *image.Tree) []string {
	var u []string
	if p := platform(t); f.Platform != "" && p != f.Platform {
		u = append(u, fmt.Sprintf("the platform: %s → %s", f.Platform, p))
	}
	known := map[string]bool{}
	for _, d := range f.Dropped {
		known[d] = true
	}
	for _, p := range f.Packages {
		known[p.Ecosystem+" "+p.Name] = true
		found := n.find(p)
		if len(found) == 0 {
			u = append(u, n.other(p))
		}
		// As of an image that was carved before: only its original tells which files these are.
		if has := func(q inventory.Package) bool { return n.listed[keyOf(q)] }; len(found) > 0 && (p.Extent == closure.Whole || p.Extent == closure.Data) && !slices.ContainsFunc(found, has) {
			u = append(u, fmt.Sprintf("package %s: the image does not tell which files are its", p.words()))
		}
	}
	for _, p := range n.packages {
		if !known[p.Ecosystem+" "+p.Name] && !known[p.Ecosystem+" "+p.Name+":"+p.Arch] {
			u = append(u, fmt.Sprintf("package %s %s %s is new", p.Ecosystem, p.Name, p.Version))
		}
	}
	for _, d := range f.Directories {
		if e := t.Get(d.Path); d.What != Gone && (e == nil || !e.IsDir()) {
			u = append(u, fmt.Sprintf("directory %s is not there", token(d.Path)))
		}
	}
	for _, x := range f.Files {
		if e := t.Get(x.Path); !x.Gone && e == nil {
			u = append(u, token(x.Path)+" is not there")
		} else if !x.Gone && e.IsDir() != x.Dir {
			u = append(u, token(x.Path)+map[bool]string{true: " is a directory no longer", false: " has become a directory"}[x.Dir])
		}
	}
	slices.Sort(u)
	return slices.Compact(u)
}

// other says what became of a package that is not there as it was.
func (n *naming) other(p Package) string {
	var now []string
	for _, q := range n.packages {
		if q.Ecosystem == p.Ecosystem && (q.Name == p.Name || q.Name+":"+q.Arch == p.Name) {
			now = append(now, q.Version)
		}
	}
	if len(now) == 0 {
		return fmt.Sprintf("package %s %s %s is gone", p.Ecosystem, p.Name, p.Version)
	}
	return fmt.Sprintf("package %s %s: %s → %s", p.Ecosystem, p.Name, p.Version, strings.Join(now, ", "))
}

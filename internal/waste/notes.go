package waste

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/lighten/lighten/internal/image"
)

// LargeFile is the size from which a file is worth a look.
const LargeFile = 10 << 20

var notes = []*Category{
	{Rule: "large-files", Title: "files above 10 MiB", Class: Note, find: large,
		Advice: "look whether the program needs them, and whether they compress"},
	{Rule: "versions", Title: "several versions of one library", Class: Note, find: versions,
		Advice: "align what wants them on one version; the bytes are those of all but the newest"},
}

func large(f *finder, c *Category) {
	f.each(func(e *image.Entry, s *state) {
		if s.kind == Seen && e.IsFile() && e.Size >= LargeFile {
			f.add(c, Place{Path: e.Path, Layer: e.Layer, By: -1}, e.Stored(), e.Pull)
		}
	})
}

// versions looks for packages that are there in more than one version, and for shared libraries of several ABIs.
func versions(f *finder, c *Category) {
	type id struct{ ecosystem, name, arch string }
	byName := map[id][]*Owner{}
	for n := range f.a.Owners {
		if o := &f.a.Owners[n]; o.Package != nil {
			k := id{o.Package.Ecosystem, o.Package.Name, o.Package.Arch}
			byName[k] = append(byName[k], o)
		}
	}
	for _, all := range byName {
		slices.SortFunc(all, func(a, b *Owner) int { return compareVersions(b.Package.Version, a.Package.Version) })
		var others []string
		for _, o := range all[1:] {
			others = append(others, o.Package.Version)
		}
		if others = slices.DeleteFunc(others, func(v string) bool { return v == all[0].Package.Version }); len(others) == 0 {
			continue
		}
		p := all[0].Package
		for _, o := range all[1:] {
			f.addAmount(c, Place{Path: p.Ecosystem + " " + p.Name, Note: p.Version + " and " + strings.Join(others, ", "), Layer: -1, By: -1}, o.Amount)
		}
	}
	f.sonames(c)
}

// soname is a library's name with the version of its ABI.
var soname = regexp.MustCompile(`^(lib[^/]+?)(?:-[0-9.]+)?\.so\.([0-9][0-9.]*)$`)

func (f *finder) sonames(c *Category) {
	byName := map[string][]*image.Entry{}
	f.each(func(e *image.Entry, s *state) {
		if s.kind == Seen && e.ELF != nil && e.ELF.Soname != "" {
			if m := soname.FindStringSubmatch(e.ELF.Soname); m != nil {
				byName[m[1]] = append(byName[m[1]], e)
			}
		}
	})
	for name, all := range byName {
		slices.SortFunc(all, func(a, b *image.Entry) int {
			return cmp.Or(compareVersions(abi(b), abi(a)), strings.Compare(a.Path, b.Path))
		})
		seen := []string{abi(all[0])}
		for _, e := range all[1:] {
			if v := abi(e); !slices.Contains(seen, v) {
				seen = append(seen, v)
			}
		}
		if len(seen) == 1 {
			continue
		}
		for _, e := range all {
			if abi(e) != seen[0] {
				f.add(c, Place{Path: name + ".so", Note: strings.Join(seen, " and "), Layer: -1, By: -1}, e.Stored(), e.Pull)
			}
		}
	}
}

func abi(e *image.Entry) string { return soname.FindStringSubmatch(e.ELF.Soname)[2] }

// compareVersions orders versions by their numbers, as far as different ecosystems agree on what those mean.
func compareVersions(a, b string) int {
	x, y := numbers.FindAllString(a, -1), numbers.FindAllString(b, -1)
	for n := range min(len(x), len(y)) {
		i, j := strings.TrimLeft(x[n], "0"), strings.TrimLeft(y[n], "0")
		if c := cmp.Or(cmp.Compare(len(i), len(j)), strings.Compare(i, j)); c != 0 {
			return c
		}
	}
	return cmp.Or(cmp.Compare(len(x), len(y)), strings.Compare(a, b))
}

var numbers = regexp.MustCompile(`[0-9]+`)

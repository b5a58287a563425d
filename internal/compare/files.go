package compare

import (
	"archive/tar"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/inventory"
)

// Files is how the trees of two images differ. Times do not count.
type Files struct {
	Added   Amount `json:"added"`
	Removed Amount `json:"removed"`
	Content Amount `json:"content"` // changed in content or type, and perhaps more; Bytes are those of the new content
	Mode    Amount `json:"mode"`    // of the rest, changed in mode, and perhaps in owner
	Owner   Amount `json:"owner"`   // changed in owner alone
	Caps    Amount `json:"capabilities"`
	Same    Amount `json:"same"`
	List    []File `json:"list,omitempty"` // every path that differs, sorted
}

// Amount is a number of paths, and the bytes of the files among them.
type Amount struct {
	Paths int   `json:"paths"`
	Bytes int64 `json:"bytes"`
}

func (a *Amount) add(e *image.Entry) {
	a.Paths++
	if e.Type == tar.TypeReg {
		a.Bytes += e.Size
	}
}

// File is a path that differs.
type File struct {
	Path    string   `json:"path"`
	What    What     `json:"what"`             // added, removed, changed
	Fields  []string `json:"fields,omitempty"` // of what is changed: type, content, target, mode, owner, capabilities
	Before  string   `json:"before,omitempty"` // what it is: "file 0755 0:0 1234"
	After   string   `json:"after,omitempty"`
	Bytes   int64    `json:"bytes"`             // more on disk; negative: less
	Package string   `json:"package,omitempty"` // whose it is, in the second image if it is there
}

// Side is an image with its files.
type Side struct {
	Tree      *image.Tree
	Inventory *inventory.Inventory
}

// FilesOf compares the trees of two images, read with [Rules].
func FilesOf(a, b Side) *Files {
	f := &Files{}
	for x, y := range both(a.Tree, b.Tree) {
		switch {
		case x == nil:
			f.Added.add(y)
			f.List = append(f.List, File{Path: y.Path, What: Added, After: describe(y), Bytes: stored(y), Package: owner(b, y)})
		case y == nil:
			f.Removed.add(x)
			f.List = append(f.List, File{Path: x.Path, What: Removed, Before: describe(x), Bytes: -stored(x), Package: owner(a, x)})
		default:
			fields := differs(x, y)
			f.count(fields, y)
			if len(fields) > 0 {
				f.List = append(f.List, File{Path: y.Path, What: Changed, Fields: fields, Before: describe(x), After: describe(y), Bytes: stored(y) - stored(x), Package: owner(b, y)})
			}
		}
	}
	return f
}

func (f *Files) count(fields []string, e *image.Entry) {
	switch {
	case len(fields) == 0:
		f.Same.add(e)
	case slices.ContainsFunc(fields, func(s string) bool { return s == "type" || s == "content" || s == "target" }):
		f.Content.add(e)
	case slices.Contains(fields, "mode"):
		f.Mode.add(e)
	case slices.Contains(fields, "owner"):
		f.Owner.add(e)
	default:
		f.Caps.add(e)
	}
}

// both yields the entries of two trees by path, in order; nil where one has none.
func both(a, b *image.Tree) func(yield func(x, y *image.Entry) bool) {
	return func(yield func(x, y *image.Entry) bool) {
		left, right := slices.Collect(a.All()), slices.Collect(b.All())
		for len(left) > 0 || len(right) > 0 {
			var x, y *image.Entry
			c := 0
			switch {
			case len(left) == 0:
				c = 1
			case len(right) == 0:
				c = -1
			default:
				c = strings.Compare(left[0].Path, right[0].Path)
			}
			if c <= 0 {
				x, left = left[0], left[1:]
			}
			if c >= 0 {
				y, right = right[0], right[1:]
			}
			if !yield(x, y) {
				return
			}
		}
	}
}

// kind is an entry's type; another name of a file is a file.
func kind(e *image.Entry) string {
	switch e.Type {
	case tar.TypeReg, tar.TypeLink:
		return "file"
	case tar.TypeDir:
		return "dir"
	case tar.TypeSymlink:
		return "link"
	case tar.TypeChar:
		return "char"
	case tar.TypeBlock:
		return "block"
	case tar.TypeFifo:
		return "fifo"
	}
	return fmt.Sprintf("type %q", e.Type)
}

// differs names what of an entry is different.
func differs(x, y *image.Entry) []string {
	if kind(x) != kind(y) {
		return []string{"type"}
	}
	var fields []string
	if x.IsFile() && (x.Size != y.Size || x.Hash != y.Hash) {
		fields = append(fields, "content")
	}
	if x.Type == tar.TypeSymlink {
		if x.Linkname != y.Linkname {
			fields = append(fields, "target")
		}
	} else if x.Bits() != y.Bits() { // a link's own is never used
		fields = append(fields, "mode")
	}
	if x.UID != y.UID || x.GID != y.GID {
		fields = append(fields, "owner")
	}
	if x.Caps != y.Caps {
		fields = append(fields, "capabilities")
	}
	return fields
}

// describe is an entry in a line.
func describe(e *image.Entry) string {
	s := fmt.Sprintf("%s %s %d:%d", kind(e), e.Permissions(), e.UID, e.GID)
	switch {
	case e.IsFile():
		s += fmt.Sprintf(" %d", e.Size)
	case e.Type == tar.TypeSymlink:
		s = fmt.Sprintf("link %d:%d → %s", e.UID, e.GID, e.Linkname)
	}
	return s
}

// stored are the bytes that a path takes: those of a file with several names count at the first.
func stored(e *image.Entry) int64 {
	switch e.Type {
	case tar.TypeReg:
		return e.Size
	case tar.TypeSymlink:
		return int64(len(e.Linkname))
	}
	return 0
}

func owner(s Side, e *image.Entry) string {
	if p := s.Inventory.OwnerOf(e); p != nil {
		return p.Ecosystem + " " + p.Name
	}
	return ""
}

// Largest returns the n paths of a kind that weigh most, in either direction. Directories that come or go are not among them.
func (f *Files) Largest(what What, n int) []File {
	list := slices.DeleteFunc(slices.Clone(f.List), func(x File) bool {
		return x.What != what || what != Changed && strings.HasPrefix(x.Before+x.After, "dir ")
	})
	slices.SortStableFunc(list, func(x, y File) int { return cmp.Compare(abs(y.Bytes), abs(x.Bytes)) })
	return list[:min(n, len(list))]
}

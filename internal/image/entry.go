package image

import (
	"archive/tar"
	"fmt"
	"io/fs"
	"iter"
	"path"
	"strings"
	"time"
)

// Entry is a path of an image, as the layer that brought it says. Entries must not be changed.
type Entry struct {
	Path     string // absolute and clean: "/usr/bin/x"
	Type     byte   // tar type flag: tar.TypeReg, TypeDir, TypeSymlink, TypeLink (hard link), TypeChar, TypeBlock, TypeFifo
	linked   bool   // a hard link whose target was found
	Shown    bool   // no later layer hides it: it is what the tree has at its path
	Mode     fs.FileMode
	UID, GID int
	Size     int64 // bytes of content; a hard link's are its target's
	ModTime  time.Time
	Linkname string // a symbolic link's text; the absolute path a hard link was made from
	Layer    int    // index into Tree.Layers

	// What TreeOptions.Account asked for, else 0.
	Hash uint64 // of a file's content (xxHash64): with Size, equal for files of equal content
	Pull int64  // estimate of the bytes that the entry takes of its layer's compressed form; no hard link has its target's

	origin place
	*details
}

// details is what few entries have. It is never nil and must not be changed: entries share it.
type details struct {
	Caps    string   // file capabilities: the attribute security.capability as it is; "" for none
	ELF     *ELF     // nil unless the file is ELF
	Shebang string   // a script's first line without "#!"; "" for what is none
	Facts   []string // what TreeOptions.Distil and Examine took from the content
	content *string  // nil: not kept
}

var noDetails = &details{}

// kept returns d in memory of its own, which d itself need not be.
func (d *details) kept() *details {
	if d.Caps == "" && d.ELF == nil && d.Shebang == "" && d.Facts == nil && d.content == nil {
		return noDetails
	}
	k := *d
	return &k
}

// place is an [Origin] in half the memory: there are as many as files.
type place struct{ layer, header int32 }

// Origin is where the layers hold an entry: what a path is like and what is in it stand there. The names of one file,
// hard links of each other, have the same origin.
type Origin struct {
	Layer  int // index into Tree.Layers
	Header int // number of the tar header within the layer, from 0
}

// implied is the origin of directories that no layer describes.
const implied = -1

// Origin returns where the entry's content and attributes stand, which for a hard link may be a lower layer. It returns
// false for a directory that is there for what lies in it alone: no layer says what it is like.
func (e *Entry) Origin() (Origin, bool) {
	return Origin{int(e.origin.layer), int(e.origin.header)}, e.origin.header != implied
}

// IsFile reports whether the entry has content: a regular file or another name of one.
func (e *Entry) IsFile() bool { return e.Type == tar.TypeReg || e.Type == tar.TypeLink }

// IsDir reports whether the entry is a directory.
func (e *Entry) IsDir() bool { return e.Type == tar.TypeDir }

// Stored returns the bytes of content behind the entry: a file's, or a symbolic link's text. All names of one file, those
// of the same origin, have them together.
func (e *Entry) Stored() int64 {
	switch e.Type {
	case tar.TypeReg, tar.TypeLink:
		return e.Size
	case tar.TypeSymlink:
		return int64(len(e.Linkname))
	}
	return 0
}

// Bits are the entry's permissions with setuid, setgid and sticky bit, as tar and chmod(1) number them: 0o4755.
func (e *Entry) Bits() int64 {
	bits := int64(e.Mode.Perm())
	for _, b := range [...]struct {
		is  fs.FileMode
		bit int64
	}{{fs.ModeSetuid, 0o4000}, {fs.ModeSetgid, 0o2000}, {fs.ModeSticky, 0o1000}} {
		if e.Mode&b.is != 0 {
			bits |= b.bit
		}
	}
	return bits
}

// Permissions are Bits as chmod(1) is told them: "4755".
func (e *Entry) Permissions() string { return fmt.Sprintf("%04o", e.Bits()) }

// File is a regular file that a layer brings.
type File struct {
	Path string
	Size int64
}

// maxLinks is how many symbolic links are followed for one path, as in Linux (path_resolution(7)).
const maxLinks = 40

// entries is a list of which the members stay where they are: pointers to them last, and to add one copies no other.
type entries struct {
	chunks [][]Entry // full ones, but for the last
	n      int
}

const entryChunk = 256

func (l *entries) add(e Entry) {
	if l.n%entryChunk == 0 {
		l.chunks = append(l.chunks, make([]Entry, 0, entryChunk))
	}
	last := &l.chunks[len(l.chunks)-1]
	*last = append(*last, e)
	l.n++
}

func (l *entries) at(i int) *Entry { return &l.chunks[i/entryChunk][i%entryChunk] }

func (l *entries) all() iter.Seq[*Entry] {
	return func(yield func(*Entry) bool) {
		for _, c := range l.chunks {
			for n := range c {
				if !yield(&c[n]) {
					return
				}
			}
		}
	}
}

// clean makes a path absolute without "." and ".."; what would lead above the root stays below it.
func clean(p string) string {
	p = "/" + p
	if strings.Contains(p, "//") || strings.Contains(p, "/.") {
		return path.Clean(p)
	}
	if len(p) > 1 { // nearly all are: path.Clean would look at each byte
		p = strings.TrimSuffix(p, "/")
	}
	return p
}

// split is path.Split of an absolute and clean path, without the slash: path.Dir and path.Base clean it once more.
func split(p string) (dir, base string) {
	cut := strings.LastIndexByte(p, '/')
	return p[:max(cut, 1)], p[cut+1:]
}

// Parent is path.Dir of an absolute and clean path.
func Parent(p string) string { dir, _ := split(p); return dir }

// follow resolves the symbolic links of p within the entries that get knows. The result's last component is resolved
// too if last is set. Components that get does not know are taken as they are. It returns "" when there are too many
// links.
func follow(get func(string) *Entry, p string, last bool) string {
	todo := strings.Split(strings.Trim(clean(p), "/"), "/")
	done, links := "/", 0
	for len(todo) > 0 {
		c := todo[0]
		todo = todo[1:]
		switch c {
		case "", ".":
			continue
		case "..":
			done = path.Dir(done)
			continue
		}
		next := path.Join(done, c)
		e := get(next)
		if e == nil || e.Type != tar.TypeSymlink || len(todo) == 0 && !last {
			done = next
			continue
		}
		if links++; links > maxLinks || len(e.Linkname) > 64<<10 {
			return ""
		}
		if strings.HasPrefix(e.Linkname, "/") {
			done = "/"
		}
		todo = append(strings.Split(e.Linkname, "/"), todo...)
	}
	return done
}

// Real returns path with the symbolic links of its directories followed and its last component left as it is: the one
// spelling under which [Tree.Get] knows it. On a merged-/usr system that of /lib/x is /usr/lib/x. It returns "" when
// there are too many links.
func (t *Tree) Real(path string) string {
	return follow(func(p string) *Entry { return t.entries[p] }, path, false)
}

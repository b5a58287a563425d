// Package closure works out what files need other files, without running anything.
package closure

import (
	"cmp"
	"debug/elf"
	"path"
	"slices"
	"strings"

	"github.com/lighten/lighten/internal/image"
)

// Missing is a library that no file of the image is.
type Missing struct {
	Name     string // as the file that needs it says: "libpq.so.5", or a loader's path
	NeededBy string // path of that file
}

// Libraries finds the shared libraries that the programs and libraries at roots load, those libraries' own and so on,
// as the dynamic loader of glibc or musl would: by DT_RPATH and DT_RUNPATH with $ORIGIN, LD_LIBRARY_PATH of the image's
// environment, ld.so.conf or musl's path file, and the default directories. The loaders that programs name count as well.
//
// A key of found is NAME@NEEDER, the name as the file at path NEEDER says it; the value is the path at which it is
// found, often a symbolic link (Tree.Resolve leads to the file). Roots that are no ELF files are passed over. missing
// is sorted.
//
// The tree must hold the content of the loader's configuration files (inventory.Want keeps it); what `ldconfig` would
// find counts as found, be /etc/ld.so.cache up to date or not.
func Libraries(t *image.Tree, roots []string) (found map[string]string, missing []Missing) {
	l := newLinker(t)
	for _, r := range roots {
		l.root(r)
	}
	for m := range l.missing {
		missing = append(missing, m)
	}
	slices.SortFunc(missing, func(a, b Missing) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.NeededBy, b.NeededBy))
	})
	return l.found, missing
}

func newLinker(t *image.Tree) *linker {
	return &linker{tree: t, found: map[string]string{}, missing: map[Missing]bool{}, conf: configured(t), env: libraryPath(t)}
}

type linker struct {
	tree    *image.Tree
	found   map[string]string
	missing map[Missing]bool
	conf    []string // directories of ld.so.conf
	env     []string // LD_LIBRARY_PATH

	load func(o *object, at string) // told of every file that a program loads; nil: nobody
}

// object is a file in the order in which the loader takes it in, with the one that asked for it.
type object struct {
	path   string
	elf    *image.ELF
	parent *object
}

// maxObjects bounds one program's libraries; the largest real ones load some hundreds.
const maxObjects = 10000

// root follows one program or library.
func (l *linker) root(p string) {
	e := l.tree.Resolve(p)
	if e == nil || e.ELF == nil {
		return
	}
	musl := l.isMusl(e.ELF)
	if e.ELF.Interp != "" {
		l.note(e.ELF.Interp, e.Path, l.tree.Real(e.ELF.Interp))
	}
	loaded := map[string]bool{}
	queue := []*object{{path: e.Path, elf: e.ELF}}
	for n := 0; n < len(queue) && n < maxObjects; n++ {
		o := queue[n]
		for _, name := range o.elf.Needed {
			at := l.find(o, name, musl)
			l.note(name, o.path, at)
			lib := l.tree.Resolve(at)
			if at == "" || lib == nil || loaded[lib.Path] {
				continue
			}
			loaded[lib.Path] = true
			if l.load != nil {
				l.load(o, at)
			}
			queue = append(queue, &object{path: at, elf: lib.ELF, parent: o})
		}
	}
}

// note records where a needed file is, or that it is not.
func (l *linker) note(name, by, at string) {
	if at == "" || l.tree.Resolve(at) == nil {
		l.missing[Missing{name, by}] = true
		return
	}
	l.found[name+"@"+by] = at
}

// find returns where the loader finds name for o; "" when nowhere.
func (l *linker) find(o *object, name string, musl bool) string {
	if strings.Contains(name, "/") {
		return l.try(name, o.elf)
	}
	if musl && muslOwn(name) {
		return l.muslLoader(o.elf)
	}
	search := l.glibcDirs
	if musl {
		search = l.muslDirs
	}
	for _, dir := range search(o) {
		if at := l.try(path.Join(dir, name), o.elf); at != "" {
			return at
		}
	}
	return ""
}

// try returns the path if a library for o's machine is there; the loader passes over those for others.
func (l *linker) try(p string, want *image.ELF) string {
	e := l.tree.Resolve(p)
	if e == nil || e.ELF == nil || e.ELF.Machine != want.Machine || e.ELF.Class != want.Class {
		return ""
	}
	return l.tree.Real(p)
}

// glibcDirs is the search order of ld.so(8).
func (l *linker) glibcDirs(o *object) []string {
	var dirs []string
	if o.elf.Runpath == nil {
		for a := o; a != nil; a = a.parent { // DT_RPATH is inherited, and void where DT_RUNPATH is
			if a.elf.Runpath == nil {
				dirs = append(dirs, expand(a.elf.Rpath, a)...)
			}
		}
	}
	dirs = append(dirs, l.env...)
	dirs = append(dirs, expand(o.elf.Runpath, o)...)
	dirs = append(dirs, l.conf...)
	if triplet := triplets[o.elf.Machine]; triplet != "" {
		dirs = append(dirs, "/lib/"+triplet, "/usr/lib/"+triplet) // Debian's loader has these built in
	}
	if o.elf.Class == elf.ELFCLASS64 {
		dirs = append(dirs, "/lib64", "/usr/lib64")
	}
	return append(dirs, "/lib", "/usr/lib")
}

// muslDirs is the order in musl's ldso/dynlink.c: both kinds of path are inherited there.
func (l *linker) muslDirs(o *object) []string {
	dirs := slices.Clone(l.env)
	for a := o; a != nil; a = a.parent {
		p := a.elf.Runpath
		if p == nil {
			p = a.elf.Rpath
		}
		dirs = append(dirs, expand(p, a)...)
	}
	if b, ok := l.tree.Content("/etc/ld-musl-" + muslArch(o.elf) + ".path"); ok {
		return append(dirs, strings.FieldsFunc(string(b), func(r rune) bool { return r == ':' || r == '\n' })...)
	}
	return append(dirs, "/lib", "/usr/local/lib", "/usr/lib")
}

// muslOwn reports whether musl's loader answers for a library itself (dynlink.c: reserved names).
func muslOwn(name string) bool {
	rest, ok := strings.CutPrefix(name, "lib")
	if !ok {
		return false
	}
	for _, own := range []string{"c.", "pthread.", "rt.", "m.", "dl.", "util.", "xnet."} {
		if strings.HasPrefix(rest, own) {
			return true
		}
	}
	return false
}

func (l *linker) muslLoader(e *image.ELF) string {
	return l.try("/lib/ld-musl-"+muslArch(e)+".so.1", e)
}

// isMusl tells which loader loads a file: the one it names, the C library it needs, else the only one there.
func (l *linker) isMusl(e *image.ELF) bool {
	if e.Interp != "" {
		return strings.Contains(path.Base(e.Interp), "ld-musl-")
	}
	for _, n := range e.Needed {
		if strings.HasPrefix(n, "libc.musl-") {
			return true
		}
		if n == "libc.so.6" {
			return false
		}
	}
	return l.muslLoader(e) != ""
}

// triplets are Debian's multiarch directories.
var triplets = map[elf.Machine]string{
	elf.EM_X86_64: "x86_64-linux-gnu", elf.EM_386: "i386-linux-gnu", elf.EM_AARCH64: "aarch64-linux-gnu",
	elf.EM_ARM: "arm-linux-gnueabihf", elf.EM_PPC64: "powerpc64le-linux-gnu", elf.EM_S390: "s390x-linux-gnu",
	elf.EM_RISCV: "riscv64-linux-gnu",
}

// muslArch is the machine in the name of musl's loader.
func muslArch(e *image.ELF) string {
	switch e.Machine {
	case elf.EM_X86_64:
		return "x86_64"
	case elf.EM_386:
		return "i386"
	case elf.EM_AARCH64:
		return "aarch64"
	case elf.EM_ARM:
		return "armhf"
	case elf.EM_PPC64:
		return "powerpc64le"
	case elf.EM_S390:
		return "s390x"
	case elf.EM_RISCV:
		return "riscv64"
	}
	return ""
}

// expand replaces $ORIGIN, $LIB and $PLATFORM in the parts of a path that o carries.
func expand(parts []string, o *object) []string {
	var dirs []string
	for _, p := range parts {
		if p == "" {
			continue // the working directory, which is not known and no place for libraries
		}
		for _, lib := range libDirs(p, o.elf) {
			r := strings.NewReplacer("${ORIGIN}", path.Dir(o.path), "$ORIGIN", path.Dir(o.path), "${LIB}", lib, "$LIB", lib,
				"${PLATFORM}", muslArch(o.elf), "$PLATFORM", muslArch(o.elf))
			dirs = append(dirs, r.Replace(p))
		}
	}
	return dirs
}

// libDirs is what $LIB can stand for: it is built into the loader, differently by distributions.
func libDirs(p string, e *image.ELF) []string {
	if !strings.Contains(p, "$LIB") && !strings.Contains(p, "${LIB}") {
		return []string{""}
	}
	return []string{"lib/" + triplets[e.Machine], "lib64", "lib"}
}

// libraryPath is LD_LIBRARY_PATH of the image's environment.
func libraryPath(t *image.Tree) []string {
	for _, v := range t.Config.Config.Env {
		if p, ok := strings.CutPrefix(v, "LD_LIBRARY_PATH="); ok {
			return slices.DeleteFunc(strings.FieldsFunc(p, func(r rune) bool { return r == ':' || r == ';' }), func(d string) bool { return !path.IsAbs(d) })
		}
	}
	return nil
}

// configured returns the directories of /etc/ld.so.conf and what it includes.
func configured(t *image.Tree) []string { return readConf(t, "/etc/ld.so.conf", map[string]bool{}) }

func readConf(t *image.Tree, file string, seen map[string]bool) []string {
	b, ok := t.Content(file)
	if !ok || seen[file] {
		return nil
	}
	seen[file] = true
	var dirs []string
	for line := range strings.Lines(string(b)) {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(strings.NewReplacer(",", " ", ":", " ").Replace(line))
		switch {
		case len(fields) == 0 || fields[0] == "hwcap":
		case fields[0] == "include":
			for _, pattern := range fields[1:] {
				if !path.IsAbs(pattern) {
					pattern = path.Join(path.Dir(file), pattern)
				}
				for e := range t.Under(path.Dir(pattern) + "/") {
					if ok, err := path.Match(pattern, e.Path); ok && err == nil {
						dirs = append(dirs, readConf(t, e.Path, seen)...)
					}
				}
			}
		default:
			for _, f := range fields {
				if path.IsAbs(f) {
					dirs = append(dirs, path.Clean(f))
				}
			}
		}
	}
	return dirs
}

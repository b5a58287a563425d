package image

import (
	"archive/tar"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Size is what an image costs and what it leaves open.
type Size struct {
	Pull   int64    // bytes over the network: manifest, configuration and compressed layers
	Disk   int64    // bytes of the files of all layers, hidden ones too: what `docker images` shows
	Layers int      //
	Files  int      // files that can be seen, by name: regular ones and hard links
	Setuid []string // programs that run as their owner or group, sorted
	Shell  string   // a shell's path, "" when there is none
	Libc   string   // "glibc 2.36", "musl" or "none"
	User   string   // who the program runs as, as the configuration says; "root" when it does not
}

// Measure sums the tree up.
func (t *Tree) Measure() Size {
	s := Size{Pull: t.overhead, Layers: len(t.Layers), Shell: t.shell(), Libc: t.libc(), User: t.user()}
	pulled := map[string]bool{}
	for _, l := range t.Layers {
		if !pulled[l.Name()] { // a blob that is there twice is fetched once
			pulled[l.Name()] = true
			s.Pull += l.PullBytes
		}
		s.Disk += l.DiskBytes
	}
	for _, e := range t.entries { // in any order: sorting all would take longer than the rest
		if !e.IsFile() {
			continue
		}
		s.Files++
		if e.Mode&(fs.ModeSetuid|fs.ModeSetgid) != 0 && e.Mode&0o111 != 0 {
			s.Setuid = append(s.Setuid, e.Path)
		}
	}
	slices.Sort(s.Setuid)
	return s
}

func (t *Tree) user() string {
	switch u := t.Config.Config.User; u {
	case "", "0", "0:0", "root:root":
		return "root"
	default:
		return u
	}
}

// shells are where a shell is looked for, the usual one first. Distroless images made for debugging have the last.
var shells = []string{
	"/bin/sh", "/usr/bin/sh", "/bin/bash", "/usr/bin/bash", "/bin/dash", "/usr/bin/dash", "/bin/ash", "/bin/zsh",
	"/usr/bin/zsh", "/bin/ksh", "/usr/bin/fish", "/usr/local/bin/bash", "/bin/busybox", "/usr/bin/busybox", "/busybox/sh",
}

func (t *Tree) shell() string {
	for _, p := range shells {
		if e := t.Resolve(p); e != nil && e.IsFile() && e.Mode&0o111 != 0 {
			return p
		}
	}
	return ""
}

// libc tells which C library the image's programs use: that of the loader which most of them name, since an image may
// hold a foreign one besides (a compatibility layer, a cross compiler).
func (t *Tree) libc() string {
	loaders := map[string]int{}
	glibc, musl := "", false
	for _, e := range t.entries {
		if rest, ok := strings.CutPrefix(e.Path, "/lib/ld-musl-"); ok && !strings.Contains(rest, "/") {
			musl = true
		}
		if e.ELF == nil || e.Type != tar.TypeReg {
			continue
		}
		if e.ELF.Interp != "" {
			loaders[path.Base(e.ELF.Interp)]++
		}
		if e.ELF.Libc > glibc && defaultLibrary(e.Path) {
			glibc = e.ELF.Libc
		}
	}
	gnu, other := 0, 0
	for l, n := range loaders {
		switch {
		case strings.HasPrefix(l, "ld-musl-"):
			other += n
		case strings.HasPrefix(l, "ld-linux") || strings.HasPrefix(l, "ld64.") || l == "ld.so.1":
			gnu += n
		}
	}
	switch {
	case musl && (glibc == "" || other >= gnu):
		return "musl"
	case glibc != "":
		return glibc
	}
	return "none"
}

// defaultLibrary reports whether a file lies where the system's own C library does.
func defaultLibrary(p string) bool {
	for _, dir := range []string{"/lib/", "/lib64/", "/usr/lib/", "/usr/lib64/"} {
		if rest, ok := strings.CutPrefix(p, dir); ok && strings.Count(rest, "/") <= 1 {
			return true
		}
	}
	return false
}

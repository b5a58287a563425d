package closure_test

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lighten/lighten/internal/closure"
	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/inventory"
	"github.com/lighten/lighten/internal/testimage"
)

// object makes a small but honest ELF file: a program header for all, one for the loader's path, one for the dynamic
// section.
func object(machine elf.Machine, interp string, dynamic ...any) string {
	const headers, phsize = 64, 56
	strtab := []byte{0}
	str := func(s string) uint64 {
		at := len(strtab)
		strtab = append(append(strtab, s...), 0)
		return uint64(at)
	}
	var entries []elf.Dyn64
	for i := 0; i+1 < len(dynamic); i += 2 {
		entries = append(entries, elf.Dyn64{Tag: int64(dynamic[i].(elf.DynTag)), Val: str(dynamic[i+1].(string))})
	}
	interpAt := str(interp)
	base := uint64(headers + 3*phsize)
	dynSize := uint64(16 * (len(entries) + 3))
	entries = append(entries, elf.Dyn64{Tag: int64(elf.DT_STRTAB), Val: 0x1000 + base + dynSize}, elf.Dyn64{Tag: int64(elf.DT_STRSZ), Val: uint64(len(strtab))}, elf.Dyn64{})
	total := base + dynSize + uint64(len(strtab))
	var b bytes.Buffer
	write := func(v any) { binary.Write(&b, binary.LittleEndian, v) } // a bytes.Buffer never fails
	h := elf.Header64{Type: uint16(elf.ET_DYN), Machine: uint16(machine), Version: 1, Phoff: headers, Ehsize: headers, Phentsize: phsize, Phnum: 3}
	copy(h.Ident[:], "\x7fELF\x02\x01\x01")
	write(h)
	write(elf.Prog64{Type: uint32(elf.PT_LOAD), Vaddr: 0x1000, Filesz: total, Memsz: total})
	write(elf.Prog64{Type: uint32(elf.PT_DYNAMIC), Off: base, Vaddr: 0x1000 + base, Filesz: dynSize, Memsz: dynSize})
	p := elf.Prog64{Type: uint32(elf.PT_NULL)}
	if interp != "" {
		p = elf.Prog64{Type: uint32(elf.PT_INTERP), Off: base + dynSize + interpAt, Filesz: uint64(len(interp) + 1)}
	}
	write(p)
	write(entries)
	b.Write(strtab)
	return b.String()
}

func amd64(interp string, dynamic ...any) string { return object(elf.EM_X86_64, interp, dynamic...) }

const (
	needed  = elf.DT_NEEDED
	rpath   = elf.DT_RPATH
	runpath = elf.DT_RUNPATH
	glibc   = "/lib64/ld-linux-x86-64.so.2"
	musl    = "/lib/ld-musl-x86_64.so.1"
)

func tree(t testing.TB, img v1.Image) *image.Tree {
	t.Helper()
	tr, err := image.ReadTree(context.Background(), img, image.TreeOptions{Keep: inventory.Want})
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func TestLibraries(t *testing.T) {
	tests := []struct {
		name    string
		env     []string
		tree    testimage.Tree
		found   map[string]string
		missing []closure.Missing
	}{
		{name: "from program to library to library", tree: testimage.Tree{
			"/bin/app": amd64(glibc, needed, "liba.so.1"), glibc: amd64(""), "/lib/x86_64-linux-gnu/liba.so.1": "symlink liba.so.1.2",
			"/lib/x86_64-linux-gnu/liba.so.1.2": amd64("", needed, "libb.so"), "/usr/lib/libb.so": amd64("", needed, "libgone.so")},
			found:   map[string]string{glibc + "@/bin/app": glibc, "liba.so.1@/bin/app": "/lib/x86_64-linux-gnu/liba.so.1", "libb.so@/lib/x86_64-linux-gnu/liba.so.1": "/usr/lib/libb.so"},
			missing: []closure.Missing{{Name: "libgone.so", NeededBy: "/usr/lib/libb.so"}}},
		{name: "no loader", tree: testimage.Tree{"/bin/app": amd64(glibc)}, missing: []closure.Missing{{Name: glibc, NeededBy: "/bin/app"}}},
		{name: "$ORIGIN in DT_RUNPATH is for the file itself alone", tree: testimage.Tree{
			"/bin/app": amd64("", runpath, "$ORIGIN/../own:/x", needed, "liba.so"), "/own/liba.so": amd64("", needed, "libb.so"), "/own/libb.so": amd64("")},
			found:   map[string]string{"liba.so@/bin/app": "/own/liba.so"},
			missing: []closure.Missing{{Name: "libb.so", NeededBy: "/own/liba.so"}}},
		{name: "DT_RPATH is inherited", tree: testimage.Tree{
			"/bin/app": amd64("", rpath, "${ORIGIN}/../own", needed, "liba.so"), "/own/liba.so": amd64("", needed, "libb.so"), "/own/libb.so": amd64("")},
			found: map[string]string{"liba.so@/bin/app": "/own/liba.so", "libb.so@/own/liba.so": "/own/libb.so"}},
		{name: "DT_RPATH before the environment before DT_RUNPATH", env: []string{"LD_LIBRARY_PATH=/env::relative"}, tree: testimage.Tree{
			"/bin/a": amd64("", rpath, "/r", needed, "l.so"), "/bin/b": amd64("", runpath, "/r", needed, "l.so"), "/r/l.so": amd64(""), "/env/l.so": amd64("")},
			found: map[string]string{"l.so@/bin/a": "/r/l.so", "l.so@/bin/b": "/env/l.so"}},
		{name: "ld.so.conf with what it includes, before the default", tree: testimage.Tree{
			"/bin/app": amd64("", needed, "l.so", needed, "m.so"), "/etc/ld.so.conf": "include /etc/ld.so.conf.d/*.conf # and\ninclude /etc/ld.so.conf\n",
			"/etc/ld.so.conf.d/a.conf": "# none\n/opt/lib\n", "/opt/lib/l.so": amd64(""), "/lib/l.so": amd64(""), "/lib/m.so": amd64("")},
			found: map[string]string{"l.so@/bin/app": "/opt/lib/l.so", "m.so@/bin/app": "/lib/m.so"}},
		{name: "a library for another machine is passed over", tree: testimage.Tree{
			"/bin/app": amd64("", needed, "l.so"), "/lib64/l.so": object(elf.EM_AARCH64, ""), "/usr/lib/l.so": amd64("")},
			found: map[string]string{"l.so@/bin/app": "/usr/lib/l.so"}},
		{name: "a path instead of a name", tree: testimage.Tree{"/bin/app": amd64("", needed, "/opt/l.so"), "/opt/l.so": amd64("")},
			found: map[string]string{"/opt/l.so@/bin/app": "/opt/l.so"}},
		{name: "musl answers for its own libraries and has its own order", tree: testimage.Tree{
			"/bin/app": amd64(musl, needed, "libc.musl-x86_64.so.1", needed, "l.so"), musl: amd64(""), "/usr/local/lib/l.so": amd64(""), "/usr/lib/l.so": amd64("")},
			found: map[string]string{musl + "@/bin/app": musl, "libc.musl-x86_64.so.1@/bin/app": musl, "l.so@/bin/app": "/usr/local/lib/l.so"}},
		{name: "musl's path file", tree: testimage.Tree{
			"/bin/app": amd64(musl, needed, "l.so"), musl: amd64(""), "/etc/ld-musl-x86_64.path": "/a:/b\n/c", "/c/l.so": amd64(""), "/lib/l.so": amd64("")},
			found: map[string]string{musl + "@/bin/app": musl, "l.so@/bin/app": "/c/l.so"}},
		{name: "a circle", tree: testimage.Tree{"/lib/a.so": amd64("", needed, "b.so"), "/lib/b.so": amd64("", needed, "a.so"), "/bin/app": amd64("", needed, "a.so")},
			found: map[string]string{"a.so@/bin/app": "/lib/a.so", "b.so@/lib/a.so": "/lib/b.so", "a.so@/lib/b.so": "/lib/a.so"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			files := testimage.Tree{"/bin/script": "file 0755 #!/bin/sh\n"}
			for p, content := range tt.tree {
				if files[p] = content; !strings.HasPrefix(content, "symlink ") {
					files[p] = "file 0755 " + content
				}
			}
			roots := []string{"/bin/script", "/bin/gone"}
			for _, p := range slices.Sorted(maps.Keys(tt.tree)) {
				if strings.HasPrefix(p, "/bin/") {
					roots = append(roots, p)
				}
			}
			found, missing := closure.Libraries(tree(t, testimage.Image(t, v1.Config{Env: tt.env}, files)), roots)
			if !maps.Equal(found, tt.found) {
				t.Errorf("found\n%v\nwant\n%v", found, tt.found)
			}
			if !slices.Equal(missing, tt.missing) {
				t.Errorf("missing %v, want %v", missing, tt.missing)
			}
		})
	}
}

var loaderLine = regexp.MustCompile(`^\s*(\S+) => (\S+) \(0x`)

// The image's own loader is the oracle: for every program and library of a base image, the same libraries.
func TestLikeTheLoader(t *testing.T) {
	testimage.Need(t, "root", "umoci", "skopeo", "chroot")
	for ref, loader := range map[string]string{"python:3.11-slim": glibc, "python:3.11-alpine": musl} {
		t.Run(ref, func(t *testing.T) {
			src := testimage.BaseRef(t, ref)
			dir := t.TempDir()
			for _, c := range [][]string{
				{"skopeo", "--insecure-policy", "copy", "-q", src, "oci:" + dir + "/layout:x"},
				{"umoci", "raw", "unpack", "--image", dir + "/layout:x", dir + "/root"},
			} {
				if out, err := exec.Command(c[0], c[1:]...).CombinedOutput(); err != nil {
					t.Fatalf("%q: %v\n%s", c, err, out)
				}
			}
			img, err := image.Open(context.Background(), src, image.Options{})
			if err != nil {
				t.Fatal(err)
			}
			compared := compareWithLoader(t, tree(t, img), dir+"/root", loader)
			if compared < 20 {
				t.Errorf("only %d files compared", compared)
			}
		})
	}
}

func compareWithLoader(t *testing.T, tr *image.Tree, root, loader string) (compared int) {
	t.Helper()
	for e := range tr.All() {
		if e.ELF == nil || e.Type != '0' || e.ELF.Needed == nil || e.ELF.Machine != elf.EM_X86_64 || e.ELF.Interp != "" && e.ELF.Interp != loader {
			continue
		}
		out, err := exec.Command("chroot", root, loader, "--list", e.Path).CombinedOutput()
		found, missing := closure.Libraries(tr, []string{e.Path})
		if lacks := strings.Contains(string(out), "cannot open shared object file") || strings.Contains(string(out), "Error loading shared library"); lacks != (missing != nil) {
			t.Errorf("%s: missing %v; the loader says %v, %.200s", e.Path, missing, err, out)
		}
		if missing != nil {
			continue // the loader says no more then
		}
		want := map[string]bool{}
		for line := range strings.Lines(string(out)) {
			if m := loaderLine.FindStringSubmatch(line); m != nil && tr.Resolve(m[2]) != nil && !isLoader(m[1]) {
				want[fmt.Sprint(filepath.Base(m[1]), " ", tr.Resolve(m[2]).Path)] = true
			}
		}
		got := map[string]bool{}
		for k, p := range found {
			name, _, _ := strings.Cut(k, "@")
			if !isLoader(name) {
				got[fmt.Sprint(filepath.Base(name), " ", tr.Resolve(p).Path)] = true
			}
		}
		if !maps.Equal(got, want) {
			t.Errorf("%s: got %v, the loader says %v", e.Path, slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
		}
		compared++
	}
	return compared
}

// isLoader tells the loader itself, which is musl's C library too and goes by several names.
func isLoader(name string) bool {
	base := filepath.Base(name)
	return strings.HasPrefix(base, "ld-") || strings.HasPrefix(base, "libc.musl-") || base == "libc.so"
}

package closure

import (
	"debug/elf"
	"path"
	"strings"

	"github.com/lighten/lighten/internal/image"
)

// machines are what runs on a platform's processor, by its name (GOARCH).
var machines = map[string]elf.Machine{
	"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64, "arm": elf.EM_ARM, "386": elf.EM_386, "ppc64le": elf.EM_PPC64, "s390x": elf.EM_S390, "riscv64": elf.EM_RISCV,
}

// halves are the processors of 32 bits whose programs those of 64 bits run.
var halves = map[elf.Machine]elf.Machine{elf.EM_X86_64: elf.EM_386, elf.EM_AARCH64: elf.EM_ARM}

const foreignParts = "compiled parts for other systems"

// foreignAddon tells a compiled part of a package of Node.js that nothing in this image can load. Packages bring theirs for every system at
// once (prebuildify), and npm installs those for glibc and for musl where their manifests do not tell them apart: an addon of
// Windows or of macOS, one for another processor, one that needs musl where there is none.
func (m *maker) foreignAddon(e *image.Entry) bool {
	if !e.IsFile() || nodePackage(e.Path) == "" {
		return false
	}
	if e.ELF == nil {
		return path.Ext(e.Path) == ".node" && e.Size > 0
	}
	if own := machines[m.Tree.Config.Architecture]; own != 0 && e.ELF.Machine != own && e.ELF.Machine != halves[own] {
		return true
	}
	for _, n := range append([]string{path.Base(e.ELF.Interp)}, e.ELF.Needed...) {
		if strings.HasPrefix(n, "libc.musl-") || strings.HasPrefix(n, "ld-musl-") {
			return m.linker.muslLoader(e.ELF) == ""
		}
	}
	return false
}

// declarations is the rule that drops what describes JavaScript to TypeScript's compiler.
const declarations = "declarations for TypeScript"

// compilesTypes tells whether the program that has p among its node_modules has TypeScript's compiler there to run, as ts-node needs it: one
// that its development alone needs is only there where something asks for it.
func (m *maker) compilesTypes(p string) bool {
	project, _, _ := strings.Cut(p, "/node_modules/")
	for _, dir := range []string{project, "/usr/local/lib"} {
		if compiler := m.Tree.Resolve(dir + "/node_modules/typescript"); compiler != nil && (!m.developed(dir)[compiler.Path] || m.done[keyNodePackage(compiler.Path)]) {
			return true
		}
	}
	return false
}

// declared brings the declarations of what stays, and those that are packages of their own (@types), once a compiler of TypeScript stays
// that only development needs: it may be asked for after they went. Without being told, it reads all of @types ("types" in the TSConfig
// reference).
func (m *maker) declared() {
	for _, compiler := range m.typeCompilers {
		r := Reason{Rule: "package", By: compiler + "/package.json", Note: "a declaration: TypeScript's compiler stays"}
		modules := path.Dir(compiler)
		for e := range m.Tree.Under(modules + "/") {
			dir := nodePackage(e.Path)
			if dir != "" && path.Dir(dir) == modules+"/@types" {
				m.nodePackage(dir, compiler)
			}
			if dir != "" && m.keep.nodes[dir+"/package.json"] != nil && DropRule(e.Path) == declarations { // of one that came before, these went
				m.along(e, weak, r)
			}
		}
	}
	m.typeCompilers = nil
}

package closure

import (
	"path"
	"slices"
	"strings"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/lazy"
	"github.com/lighten/lighten/internal/needless"
	"github.com/lighten/lighten/internal/observe"
)

var (
	compilerDriver = lazy.MustCompile(`^(?:[a-z0-9_]+-)*(?:gcc|g\+\+|cc|c\+\+|clang|clang\+\+|tcc)(?:-[0-9.]+)?$`)
	compilerParts  = lazy.MustCompile(`^(?:cc1|cc1plus|(?:[a-z0-9_]+-)*as)$`)

	// startFiles are what the C library and the compiler bring for each program that is linked.
	startFiles = lazy.MustCompile(`/(?:crt1\.o|libgcc\.a)$`)
)

// compilesNative keeps what a compiler of C needs that was seen to run: headers of its own and of the C library, and what is linked into each
// program. Without these it stays in vain: "go run" asks it for its version only, as long as nothing has changed. Python's ctypes runs
// one to find libraries, which needs none of it.
func (m *maker) compilesNative() {
	if !m.once("compiles natively") {
		return
	}
	by := m.compilerRun()
	if by == "" {
		return
	}
	if slices.Contains(rustTools, path.Base(by)) {
		m.builtByCargo(by)
	}
	for _, tool := range []string{"as", "ld", "nm", "strip"} {
		if at := m.lookPath(tool); at != "" {
			m.add(at, strong, Reason{Rule: "toolchain", By: by, Note: "compilers run it"})
		}
	}
	for _, pattern := range []string{"/lib/*/libmvec.so.1", "/usr/lib/*/libmvec.so.1"} {
		m.companion(m.Tree.Resolve(by), "the linker script libm.so of the C library names it", pattern)
	}
	var wanted []*owned
	for e := range m.Tree.All() {
		if o := m.keep.owner[e.Path]; o != nil && o.System() && startFiles.MatchString(e.Path) && !slices.Contains(wanted, o) {
			wanted = append(wanted, o)
		}
	}
	for i := 0; i < len(wanted); i++ { // which grows
		for _, d := range wanted[i].Depends {
			for _, o := range m.systemPackages()[wanted[i].Ecosystem+" "+d] {
				if !slices.Contains(wanted, o) && slices.ContainsFunc(o.files, forCompiling) {
					wanted = append(wanted, o)
				}
			}
		}
	}
	for _, o := range wanted {
		for _, f := range o.files {
			r := Reason{Rule: "toolchain", By: by, Note: "it compiles while the program runs, which takes " + o.Name}
			switch {
			case forCompiling(f):
				m.enter(f, weak, r)
			case path.Ext(f.Path) != ".a":
				m.along(f, weak, r)
			}
		}
	}
}

// builtByCargo keeps by what cargo tells what is built already, where it is run: it builds all of it anew otherwise.
func (m *maker) builtByCargo(by string) {
	for e := range m.Tree.All() {
		project, _, ok := strings.Cut(e.Path, "/target/")
		if ok && DropRule(e.Path) != "" && m.Tree.Get(project+"/Cargo.toml") != nil {
			m.enter(e, weak, Reason{Rule: "toolchain", By: by, Note: "it tells by this what is built"})
		}
	}
}

// compilerRun is a compiler of C that was run, or one of another language that links by it; "" when none was.
func (m *maker) compilerRun() string {
	for _, ev := range m.Evidence {
		for _, p := range ev.Record.Paths {
			base := path.Base(p.Name)
			if p.Ops&observe.Exec == 0 || m.Tree.Resolve(p.Name) == nil {
				continue
			}
			if slices.Contains(rustTools, base) {
				if cc := m.lookPath("cc"); cc != "" {
					m.add(cc, strong, Reason{Rule: "toolchain", By: p.Name, Note: "it links by this"})
				}
				return p.Name
			}
			if compilerParts.MatchString(base) || compilerDriver.MatchString(base) && !runsPython(m.Tree, p.By) && !linkers.MatchString(path.Base(p.By)) {
				return p.Name
			}
		}
	}
	return ""
}

// smallLibrary is the size, in bytes, of static libraries that are empty but for their name (libpthread.a, since the C library has it all), or have
// what cannot be shared (libc_nonshared.a).
const smallLibrary = 64 << 10

// forCompiling tells headers and what is linked into each program. Other static libraries are for programs that are linked statically.
func forCompiling(e *image.Entry) bool {
	if path.Ext(e.Path) == ".a" {
		base := path.Base(e.Path)
		return base == "libgcc.a" || base == "libgcc_eh.a" || e.Size <= smallLibrary
	}
	rule := DropRule(e.Path)
	return rule == needless.Headers.Name || rule == needless.Static.Name
}

package closure

import (
	"iter"
	"path"
	"slices"
	"strings"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/lazy"
)

// toolchain is what compiles a language ahead of time, and what that compiled from. In an image of one stage it lies beside the program that came
// out of it, ten times as large, and the program names it: a program of Go has the path of every source in it, one of Rust those in which it
// can panic.
type toolchain struct {
	name  string        // the rule that drops its parts
	mark  string        // end of a path that only it has; what stands before it is its root
	also  string        // below its root, and there too; "" when the mark says enough
	parts *lazy.Pattern // of paths below its root: what compiles and what is compiled from
	tools []string      // who runs one of them compiles
}

var toolchains = []toolchain{
	// lib/time stays, in which programs look for time zones where the system has none (time.LoadLocation).
	{"toolchain of Go", "/bin/go", "pkg/tool", lazy.MustCompile(`^(?:api|bin|doc|misc|pkg|src|test)/|^lib/(?:fips140|hg|wasm)/`), goTools},
	{"modules of Go, compiled into programs", "/pkg/mod/cache/download", "", lazy.MustCompile(`^pkg/(?:mod|sumdb)/`), goTools},
	{"toolchain of Rust", "/lib/rustlib", "bin/rustc", lazy.MustCompile(`^bin/(?:cargo|clippy|rls|rust)[^/]*$|^lib/(?:rustlib/|lib(?:rustc_driver|LLVM)[^/]*$)|^libexec/(?:cargo|rust)|^share/doc/(?:cargo|clippy|rust)`), rustTools},
	{"crates of Rust, compiled into programs", "/registry/index", "registry/cache", lazy.MustCompile(`^registry/|^git/(?:db|checkouts)/|^bin/(?:cargo|clippy|rls|rust)[^/]*$`), rustTools},
}

var (
	goTools   = []string{"go"}
	rustTools = []string{"cargo", "rustc", "rustdoc", "rustup"}
)

// built is a toolchain of the image.
type built struct {
	*toolchain
	root string
}

// has tells a part of it.
func (b *built) has(p string) bool {
	rest, ok := strings.CutPrefix(p, b.root+"/")
	return ok && b.parts.MatchString(rest)
}

// findToolchains finds those that no package of the distribution brought. Of packages there are other rules.
func (m *maker) findToolchains() {
	for e := range m.Tree.All() {
		for i := range toolchains {
			t := &toolchains[i]
			root, ok := strings.CutSuffix(e.Path, t.mark)
			if !ok || m.ownedBySystem(e.Path) {
				continue
			}
			if also := m.Tree.Resolve(path.Join(root, t.also)); also != nil && !m.ownedBySystem(also.Path) {
				m.toolchains = append(m.toolchains, &built{t, root})
			}
		}
	}
	for _, b := range m.toolchains {
		for e := range m.partsOf(b) {
			m.keep.drops[e.Path] = b.name
		}
	}
}

func (m *maker) partsOf(b *built) iter.Seq[*image.Entry] {
	return func(yield func(*image.Entry) bool) {
		for e := range m.Tree.Under(b.root + "/") {
			if b.has(e.Path) && !yield(e) {
				return
			}
		}
	}
}

// toolchainOf is the toolchain that a path is a part of, as long as nothing runs one of its tools; else nil. Its parts do not come along with
// anything.
func (m *maker) toolchainOf(p string) *built {
	for _, b := range m.toolchains {
		if !m.done[b.name] && b.has(p) {
			return b
		}
	}
	return nil
}

// compilesAhead keeps the toolchains of which something that stays runs a tool.
func (m *maker) compilesAhead() {
	for i := range toolchains {
		t := &toolchains[i]
		by := m.toolOf(t)
		if by == "" || !m.once(t.name) {
			continue
		}
		for _, b := range m.toolchains {
			if b.toolchain != t {
				continue
			}
			for e := range m.partsOf(b) {
				m.along(e, weak, Reason{Rule: "toolchain", By: by, Note: "something compiles while the program runs"})
			}
		}
	}
}

// toolOf is a tool of a toolchain that is run, or that something of the program runs; "" when there is none.
func (m *maker) toolOf(t *toolchain) string {
	first := ""
	for p := range m.ran {
		if slices.Contains(t.tools, path.Base(p)) && m.keep.Has(p) && (first == "" || p < first) {
			first = p
		}
	}
	return first
}

// onlyBuilds tells that a command is a tool of a toolchain which something names that builds the program: a Makefile, a script that nothing
// was seen to run and that the program does not name.
func (m *maker) onlyBuilds(command, by string) bool {
	x, n := m.Tree.Resolve(command), m.keep.nodes[by]
	if x == nil || n == nil || n.entry.ELF != nil || !builder.MatchString(by) && !strings.HasPrefix(n.entry.Shebang, "/") {
		return false
	}
	if b := m.toolchainOf(x.Path); b == nil || !slices.Contains(b.tools, path.Base(x.Path)) {
		return false
	}
	return n.strength != strong && !slices.ContainsFunc(n.reasons, func(r Reason) bool { return r.Rule == "named" })
}

// builder tells scripts, settings, and files such as Makefile from sources of the program.
var builder = lazy.MustCompile(`\.(?:sh|mk)$|/[^./]+$|` + settingsFile.String())

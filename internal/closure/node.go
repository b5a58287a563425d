package closure

import (
	"encoding/json"
	"path"
	"slices"
	"strings"

	"github.com/lighten/lighten/internal/image"
)

// nodeModules keeps a package of node_modules as a whole, with the packages that it depends on, as Node resolves them.
func nodeModules(m *maker, e *image.Entry, s strength) {
	if s != strong {
		return
	}
	if dir := nodePackage(e.Path); dir != "" {
		m.nodePackage(dir, e.Path)
	}
}

// nodePackage is the directory of the innermost package of node_modules that p lies in; "" when it lies in none.
func nodePackage(p string) string {
	i := strings.LastIndex(p, "/node_modules/")
	if i < 0 {
		return ""
	}
	base := p[:i+len("/node_modules/")]
	parts := strings.SplitN(p[len(base):], "/", 3)
	switch {
	case parts[0] == "" || parts[0][0] == '.':
		return ""
	case parts[0][0] == '@' && len(parts) > 1:
		return base + parts[0] + "/" + parts[1]
	}
	return base + parts[0]
}

// keyNodePackage is the key of [maker.once] under which it is done that a package of node_modules stays as a whole.
func keyNodePackage(dir string) string { return "node package\x00" + dir }

func (m *maker) nodePackage(dir, by string) {
	if !m.once(keyNodePackage(dir)) {
		return
	}
	if path.Base(dir) == "typescript" {
		m.typeCompilers = append(m.typeCompilers, dir)
	}
	r := Reason{Rule: "package", By: by, Note: "part of package " + path.Base(dir)}
	for x := range m.Tree.Under(dir + "/") {
		if nodePackage(x.Path) == dir { // a package of its own lies deeper: it comes when it is wanted
			m.along(x, weak, r)
		}
	}
	for _, d := range m.nodeDepends(dir) {
		if at := m.resolveNode(dir, d); at != "" {
			m.nodePackage(at, by)
		}
	}
}

// manifest is what a package.json says of what is needed at run time.
type manifest struct {
	Dependencies         map[string]any `json:"dependencies"`
	OptionalDependencies map[string]any `json:"optionalDependencies"`
	PeerDependencies     map[string]any `json:"peerDependencies"`
	DevDependencies      map[string]any `json:"devDependencies"`
	Scripts              map[string]any `json:"scripts"`
}

func (m *maker) manifest(dir string) (manifest, bool) {
	var x manifest
	b, ok := m.Tree.Content(dir + "/package.json")
	return x, ok && json.Unmarshal(b, &x) == nil
}

func (m *maker) nodeDepends(dir string) []string {
	x, _ := m.manifest(dir)
	var names []string
	for _, d := range []map[string]any{x.Dependencies, x.OptionalDependencies, x.PeerDependencies} {
		for n := range d {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// resolveNode finds a package as require does: in node_modules of every directory up to the root.
func (m *maker) resolveNode(from, name string) string {
	for d := from; ; d = path.Dir(d) {
		if path.Base(d) != "node_modules" {
			if e := m.Tree.Resolve(path.Join(d, "node_modules", name)); e != nil && e.IsDir() {
				return e.Path
			}
		}
		if d == "/" {
			return ""
		}
	}
}

// developed returns the packages in a program's node_modules that only its development needs: those that nothing of its
// dependencies leads to. A program that lists no dependencies of its own has none.
func (m *maker) developed(dir string) map[string]bool {
	if only, ok := m.onlyDeveloped[dir]; ok {
		return only
	}
	only := m.notNeeded(dir)
	m.onlyDeveloped[dir] = only
	return only
}

func (m *maker) notNeeded(dir string) map[string]bool {
	x, ok := m.manifest(dir)
	if !ok || len(x.Dependencies) == 0 || len(x.DevDependencies) == 0 {
		return nil
	}
	needed := map[string]bool{}
	var visit func(from string)
	visit = func(from string) {
		for _, n := range m.nodeDepends(from) {
			if at := m.resolveNode(from, n); at != "" && !needed[at] {
				needed[at] = true
				visit(at)
			}
		}
	}
	visit(dir)
	only := map[string]bool{}
	for e := range m.Tree.Under(dir + "/node_modules/") {
		if p := nodePackage(e.Path); p != "" && !needed[p] {
			only[p] = true
		}
	}
	return only
}

package closure

import (
	"path"
	"strings"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/lazy"
)

// copied keeps what a person copied into the image, at the level safe: no package manager brought it, so it is the program's, and if it is
// opened by a name that comes with a request, nothing else tells so.
func (m *maker) copied() {
	if m.Level != Safe {
		return
	}
	for i, l := range m.Tree.Layers {
		if !copyStep.MatchString(l.CreatedBy) || m.hasSystem(i) {
			continue
		}
		step := strings.TrimSuffix(copyStep.ReplaceAllString(l.CreatedBy, "$1 "), " # buildkit")
		for e := range m.Tree.LayerEntries(i) {
			x := m.Tree.Get(e.Path) // later steps may have changed its owner
			if x != nil && x.IsDir() == e.IsDir() && m.byHand(x) {
				m.along(x, weak, Reason{Rule: "copied", Note: "put into the image by " + step})
			}
		}
	}
}

// copyStep is how a layer's history tells of COPY and ADD, as BuildKit and as other builders write it.
var copyStep = lazy.MustCompile(`^(?:/bin/sh -c #\(nop\) +)?(COPY|ADD) +`)

// hasSystem tells whether a layer holds a distribution, as that of a base image made by ADD does.
func (m *maker) hasSystem(layer int) bool {
	for e := range m.Tree.LayerEntries(layer) {
		if e.Path == "/etc/os-release" || e.Path == "/usr/lib/os-release" {
			return true
		}
	}
	return false
}

// byHand tells of a copied path that it is the program's and not one of a language, of a package, of the system, or of the build alone.
func (m *maker) byHand(e *image.Entry) bool {
	if e.IsDir() && !m.empty(e) {
		return false
	}
	p := e.Path
	if m.ownedBySystem(p) || m.installedOf(p) || pythonPath(p) || Dependency(p) || leftovers.MatchString(p) {
		return false
	}
	for d := path.Dir(p); d != "/"; d = path.Dir(d) {
		if alone[d] || isEnvironment(m.Tree, d) {
			return false
		}
	}
	return !ofSystem.MatchString(p) || handMade.MatchString(p)
}

var (
	ofSystem = lazy.MustCompile(`^/(?:bin|boot|dev|lib[0-9a-z]*|sbin|usr|var|opt/java|root/\.[^/]+|home/[^/]+/\.[^/]+)(?:/|$)`)
	handMade = lazy.MustCompile(`^/usr/(?:local/)?share/|^/usr/local/etc/|^/var/(?:www|opt|lib)/`)
	// Packages are copied to be installed, and what they are made of says nothing to a program that runs.
	leftovers = lazy.MustCompile(`\.(?:whl|deb|rpm|apk)$|/(?:Dockerfile(?:\.[^/]+)?|\.dockerignore)$`)
)

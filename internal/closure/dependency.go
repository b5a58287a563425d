package closure

import (
	"path"
	"slices"
	"strings"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/lazy"
)

// tongue is a language whose libraries the distribution has as packages.
type tongue struct {
	ext    string
	module *lazy.Pattern // path of a module of such a package
}

var tongues = []tongue{
	{".rb", lazy.MustCompile(`^/usr/(?:lib|share)/(?:ruby|rubygems-integration)/|^/var/lib/gems/`)},
	{".py", lazy.MustCompile(`^/usr/lib/python3[^/]*/(?:dist|site)-packages/`)},
	{".pm", lazy.MustCompile(`^/usr/(?:share|lib/[^/]+)/perl5/`)},
	{".js", lazy.MustCompile(`^/usr/(?:share|lib|lib/[^/]+)/node(?:js|_modules)/`)},
	{".php", lazy.MustCompile(`^/usr/share/php/`)},
	{".lua", luaModule},
	{".tcl", lazy.MustCompile(`^/usr/(?:share|lib)/tcltk/`)},
}

// commandsOfLibraries keeps the commands of the packages that a library's own package depends on, where the library was read, or comes since the
// program imports it: it runs them, when a request needs it. The distribution says so in its index (Debian Policy 7.2: what is required "for the depending package to provide a
// significant amount of functionality"), so that no source has to: mini_magick makes the names of ImageMagick's commands from those of its classes.
func commandsOfLibraries(m *maker, e *image.Entry, s strength) {
	if m.Level == Tight || !(s == strong && m.read[e.Path]) && !m.byImport[e.Path] || !m.ownedBySystem(e.Path) {
		return
	}
	i := slices.IndexFunc(tongues, func(t tongue) bool { return t.ext == path.Ext(e.Path) && t.module.MatchString(e.Path) })
	if i < 0 {
		return
	}
	o := m.keep.owner[e.Path]
	if !m.once("commands of", o.key) {
		return
	}
	for _, d := range o.Depends {
		m.commandsFor(o.Ecosystem, d, e, tongues[i])
	}
}

// commandsFor keeps the commands of a package that a library of a language depends on; of one that has nothing but what it depends on itself, those of
// that.
func (m *maker) commandsFor(ecosystem, name string, by *image.Entry, t tongue) {
	for _, o := range m.systemPackages()[ecosystem+" "+name] {
		meta := !slices.ContainsFunc(o.files, func(x *image.Entry) bool { return !strings.HasPrefix(x.Path, "/usr/share/") && !isRecord(x.Path) })
		if meta && m.once("meta", o.key, t.ext) {
			for _, d := range o.Depends {
				m.commandsFor(ecosystem, d, by, t)
			}
		}
		if forInstalling.MatchString(name) || slices.ContainsFunc(o.files, func(x *image.Entry) bool { return path.Ext(x.Path) == t.ext && t.module.MatchString(x.Path) }) {
			continue // a library itself, which was read or was not
		}
		for _, x := range o.files {
			if dir := path.Dir(x.Path); dir != "/usr/bin" && dir != "/bin" || !startsProgram(x) {
				continue
			}
			if to := m.add(x.Path, strong, Reason{Rule: "dependency", By: by.Path, Note: "the package of this library depends on " + name + ", for its commands"}); to != nil {
				m.ran[to.Path] = true
			}
		}
	}
}

// forInstalling tells packages whose commands are for installing and building packages, and interpreters, which were seen where they are run.
var forInstalling = lazy.MustCompile(`^(?:ucf|debconf|dpkg|dpkg-dev|apt|aptitude|sgml-base|xml-core|lsb-base|init-system-helpers|build-essential|binutils|make|cmake|pkg-?conf(?:ig)?|swig[0-9.]*|` +
	`(?:python|perl|ruby|nodejs|php|lua|tcl|tk|luajit)[0-9.]*(?:-(?:minimal|base|cli|common))?|(?:gcc|g\+\+|cpp|clang)(?:-[0-9.]+)?)$`)

// isRecord tells a package manager's own files about a package.
func isRecord(p string) bool { return strings.HasPrefix(p, "/var/lib/dpkg/") }

// systemPackages are the packages of the distribution by ecosystem and name, such as "deb git"; several of one name are of several architectures.
func (m *maker) systemPackages() map[string][]*owned {
	if m.byName == nil {
		m.byName = map[string][]*owned{}
		for e := range m.Tree.All() {
			if o := m.keep.owner[e.Path]; o != nil && o.System() && !slices.Contains(m.byName[o.Ecosystem+" "+o.Name], o) {
				m.byName[o.Ecosystem+" "+o.Name] = append(m.byName[o.Ecosystem+" "+o.Name], o)
			}
		}
	}
	return m.byName
}

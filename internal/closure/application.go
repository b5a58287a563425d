package closure

import (
	"path"
	"strings"

	"github.com/lighten/lighten/internal/image"
)

// application keeps the program itself: of what no package owns, the whole directory that evidence leads into. A
// template, a static file, a plugin is opened by a name that no trace of another request shows.
func application(m *maker, e *image.Entry, s strength) {
	if s != strong || m.ownedBySystem(e.Path) {
		return
	}
	dir := unit(e.Path)
	if pythonPath(e.Path) && (pythonPath(dir) || !strings.Contains(e.Path, "/app/")) {
		return // a module of gunicorn.app lies in Python's directory, not in the program's
	}
	m.program(dir, e.Path)
}

// program keeps the program's directory.
func (m *maker) program(dir, by string) {
	if dir == "" || !m.once("application", dir) {
		return
	}
	dev := m.developed(dir)
	r := Reason{Rule: "application", By: by, Note: "lies in the program's directory " + dir}
	for x := range m.Tree.Under(dir + "/") {
		if p := nodePackage(x.Path); p != "" && dev[p] {
			m.keep.drops[x.Path] = "packages for development"
			continue
		}
		if m.ownedBySystem(x.Path) || m.installedOf(x.Path) {
			continue // a virtual environment's distributions have a rule of their own
		}
		m.along(x, weak, r)
	}
}

// ownedBySystem reports whether a package of the distribution owns a path.
func (m *maker) ownedBySystem(p string) bool {
	o := m.keep.owner[p]
	return o != nil && o.System()
}

// unit is the directory that belongs together with a path that no package owns: /app, /opt/tool, /usr/local/lib/x.
// "" means that the path stands alone.
func unit(p string) string {
	parts := strings.Split(strings.TrimPrefix(p, "/"), "/")
	for depth := 1; depth < len(parts); depth++ {
		dir := "/" + strings.Join(parts[:depth], "/")
		switch {
		case crossroads[dir]:
			continue
		case alone[dir]:
			return ""
		case dir == "/usr/src", strings.HasPrefix(dir, "/usr/lib/") && strings.HasSuffix(dir, "-linux-gnu"):
			continue
		}
		return dir
	}
	return ""
}

// alone are directories whose files have nothing to do with each other.
var alone = map[string]bool{
	"/bin": true, "/sbin": true, "/usr/bin": true, "/usr/sbin": true, "/usr/local/bin": true, "/usr/local/sbin": true,
	"/tmp": true, "/var/tmp": true, "/run": true, "/var/run": true, "/var/log": true, "/var/cache": true, "/var/spool": true, "/var/backups": true,
	"/var/lock": true, "/proc": true, "/sys": true, "/dev": true, "/boot": true, "/media": true, "/mnt": true, "/usr/include": true,
	"/usr/share/zoneinfo": true, "/usr/share/locale": true, "/usr/share/doc": true, "/usr/share/man": true, "/usr/local/include": true,
	"/var/lib/apt": true, "/var/lib/dpkg": true, "/lib/apk": true, "/etc/apk": true, "/etc/apt": true, "/etc/alternatives": true,
	"/usr/local/lib/node_modules": true, "/etc/ssl": true, "/usr/lib/locale": true,
}

// isRuntime tells paths of a language's own files that no package owns.
func isRuntime(p string) bool {
	return strings.HasPrefix(p, "/usr/local/") && !strings.HasPrefix(p, "/usr/local/share/ca-certificates") || pythonDir.MatchString(p) ||
		strings.HasPrefix(p, "/opt/java/") || strings.HasPrefix(p, "/usr/lib/jvm/")
}

// Dependency tells paths that a language's package manager brings.
func Dependency(p string) bool {
	return siteDir.MatchString(p) || strings.Contains(p, "/node_modules/") || strings.Contains(p, "/vendor/bundle/") || path.Base(p) == "node_modules"
}

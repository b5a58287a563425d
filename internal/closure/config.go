package closure

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/lighten/lighten/internal/image"
)

// configuration keeps what the image's configuration names: its program, health check, user, directories, and files
// in its environment.
func (m *maker) configuration() {
	c := m.Tree.Config.Config
	named := func(what string) Reason { return Reason{Rule: "configuration", Note: "named by " + what} }
	if c.WorkingDir != "" {
		if e := m.add(c.WorkingDir, strong, named("WORKDIR")); e != nil {
			m.program(workUnit(e.Path), e.Path)
		}
	}
	m.argv(slices.Concat(c.Entrypoint, c.Cmd), named("ENTRYPOINT and CMD"))
	if len(c.Entrypoint) > 0 {
		m.argv(c.Entrypoint, named("ENTRYPOINT"))
	}
	if h := c.Healthcheck; h != nil && len(h.Test) > 1 {
		switch h.Test[0] {
		case "CMD":
			m.argv(h.Test[1:], named("HEALTHCHECK"))
		case "CMD-SHELL":
			m.argv([]string{"/bin/sh", "-c", h.Test[1]}, named("HEALTHCHECK"))
		}
	}
	for _, v := range slices.Sorted(maps.Keys(c.Volumes)) {
		m.add(v, strong, named("VOLUME"))
		m.below(m.real(v), strong, Reason{Rule: "configuration", By: m.real(v), Note: "in a VOLUME, which starts with it"})
	}
	for _, v := range c.Env {
		name, value, _ := strings.Cut(v, "=")
		for p := range strings.SplitSeq(value, ":") {
			if path.IsAbs(p) && !crossroads[path.Clean(p)] && name != "PATH" && !kernelOwn(p) {
				if at := m.add(p, strong, named("ENV "+name)); at != nil && name == "SSL_CERT_DIR" {
					m.single = true
					m.below(at.Path, weak, named("ENV "+name))
				}
			}
		}
	}
	m.user(c.User, named("USER"))
}

// workUnit is the directory that belongs to a program which runs in dir. /srv, /opt or a home directory as the working
// directory is the program's own, whatever else images put there.
func workUnit(dir string) string {
	if u := unit(path.Join(dir, "x")); u != "" {
		return u
	}
	switch dir {
	case "/srv", "/opt", "/home", "/root", "/mnt", "/media":
		return dir
	}
	return ""
}

// argv keeps a command: the program, what it names that is there, and what a shell would call.
func (m *maker) argv(argv []string, r Reason) {
	if len(argv) == 0 {
		return
	}
	m.command(argv[0], r)
	if isShell(path.Base(argv[0])) {
		if i := slices.Index(argv, "-c"); i > 0 && i+1 < len(argv) {
			m.shellCommands(m.real(argv[0]), []byte(argv[i+1]))
		}
	}
	for _, a := range argv[1:] {
		if !strings.HasPrefix(a, "-") {
			if at := m.fileOf(a); at != nil {
				m.add(at.Path, strong, r)
			} else {
				m.command(a, r) // tini -- gunicorn
			}
		}
	}
}

// fileOf finds the file that an argument names, as it stands or in the working directory.
func (m *maker) fileOf(arg string) *image.Entry {
	if !path.IsAbs(arg) {
		arg = path.Join("/", m.Tree.Config.Config.WorkingDir, arg)
	}
	if e := m.Tree.Resolve(arg); e != nil && (e.IsFile() || !crossroads[e.Path]) {
		return e
	}
	return nil
}

// user keeps the home directory of the user that the program runs as.
func (m *maker) user(u string, r Reason) {
	u, _, _ = strings.Cut(u, ":")
	if u == "" {
		u = "root"
	}
	b, _ := m.Tree.Content("/etc/passwd")
	for line := range strings.Lines(string(b)) {
		f := strings.Split(strings.TrimSpace(line), ":")
		if len(f) < 6 || f[0] != u && f[2] != u {
			continue
		}
		if e := m.Tree.Resolve(f[5]); e != nil && e.IsDir() && e.Path != "/" {
			m.enter(e, weak, Reason{Rule: r.Rule, Note: "home of " + f[0]})
		}
	}
}

package closure

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"github.com/lighten/lighten/internal/image"
	"mvdan.cc/sh/v3/syntax"
)

// scripts keeps the interpreter that a script names, and the commands that a shell script calls by name, those of
// branches that no check has taken included. A script counts that is run, or lies where programs lie; a module that happens to begin
// with such a line does not.
func scripts(m *maker, e *image.Entry, s strength) {
	if e.Shebang == "" && m.Level == Safe && strings.HasSuffix(e.Path, ".sh") && !m.ownedBySystem(e.Path) {
		if b, ok := m.Tree.Content(e.Path); ok { // a part of the program, which a script reads with the dot command
			m.shellCommands(e.Path, b)
		}
		return
	}
	if s != strong || e.Shebang == "" || !m.ran[e.Path] && !isProgram(e) {
		return
	}
	words := strings.Fields(e.Shebang)
	if len(words) == 0 {
		return
	}
	shell, how := path.Base(words[0]), strong
	if shell == "env" {
		// It comes with all that a shell script may call. What is no shell calls nothing of it: manage.py of Django has this line too.
		if shell = m.env(e, words[1:]); !isShell(shell) {
			how = weak
		}
	}
	m.add(words[0], how, Reason{Rule: "interpreter", By: e.Path, Note: "its first line names it"})
	if isShell(shell) {
		if b, ok := m.Tree.Content(e.Path); ok {
			m.shellCommands(e.Path, b)
		}
	}
}

// isProgram tells an executable file that lies where PATH usually leads.
func isProgram(e *image.Entry) bool {
	switch path.Base(path.Dir(e.Path)) {
	case "bin", "sbin", "libexec":
		return e.IsFile() && e.Mode&0o111 != 0
	}
	return false
}

// startsProgram tells a program and a link by which one is found: mkfs.ext4 is a name of mke2fs.
func startsProgram(e *image.Entry) bool {
	switch path.Base(path.Dir(e.Path)) {
	case "bin", "sbin", "libexec":
		return e.Type == symlink || isProgram(e)
	}
	return false
}

// env follows `env [-S] [NAME=VALUE…] PROGRAM` (env(1)) and returns the program's name.
func (m *maker) env(e *image.Entry, words []string) string {
	for _, w := range words {
		if w == "-S" || strings.HasPrefix(w, "--split-string") || strings.HasPrefix(w, "-") || strings.Contains(w, "=") {
			continue
		}
		m.command(w, Reason{Rule: "interpreter", By: e.Path, Note: "its first line names it, by way of env"})
		return path.Base(w)
	}
	return ""
}

func isShell(name string) bool {
	switch name {
	case "sh", "bash", "dash", "ash", "ksh", "zsh", "busybox":
		return true
	}
	return false
}

// command keeps a program that is called by name, looked for in PATH.
func (m *maker) command(name string, r Reason) *image.Entry {
	if strings.Contains(name, "/") {
		if !path.IsAbs(name) {
			name = path.Join("/", m.Tree.Config.Config.WorkingDir, name)
		}
		return m.run(name, r)
	}
	if at := m.lookPath(name); at != "" {
		return m.run(at, r)
	}
	return nil
}

// run brings in a file that is run.
func (m *maker) run(p string, r Reason) *image.Entry {
	if e := m.Tree.Resolve(p); e != nil && e.IsFile() {
		m.ran[e.Path] = true
	}
	return m.add(p, strong, r)
}

// lookPath finds a command in the PATH of the image; "" when there is none. A name with a slash is none that is looked for.
func (m *maker) lookPath(name string) string {
	if name == "" || strings.Contains(name, "/") {
		return ""
	}
	return m.Tree.LookPath(name)
}

// shellCommands keeps the commands that a shell script names literally. What cannot be parsed names none.
func (m *maker) shellCommands(by string, script []byte) {
	called, items, _ := shellNames(script)
	for _, c := range called {
		if m.onlyBuilds(m.lookPath(c), by) {
			continue
		}
		m.command(c, Reason{Rule: "named", By: by, Note: "a command of this script"})
	}
	if e := m.Tree.Get(by); e != nil && m.Level == Safe {
		for _, c := range items {
			if at := m.lookPath(c); at != "" {
				m.namedCommand(at, e)
			}
		}
	}
}

// shellNames are what a shell script calls by names that stand in it, less the functions that it defines, and the items that its loops go
// through: for how in gzip xz; do command -v "$how". What cannot be parsed has neither.
func shellNames(script []byte) (called, items []string, functions int) {
	if bytes.Count(script, []byte("(")) > maxParentheses {
		return nil, nil, 0
	}
	f, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(bytes.NewReader(script), "")
	if err != nil {
		return nil, nil, 0
	}
	defined := map[string]bool{"": true}
	syntax.Walk(f, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.FuncDecl:
			defined[n.Name.Value] = true
		case *syntax.WordIter:
			for _, w := range n.Items {
				items = append(items, w.Lit())
			}
		case *syntax.CallExpr:
			for i, w := range n.Args {
				lit := w.Lit()
				if i == 0 || carriers[n.Args[0].Lit()] && !strings.HasPrefix(lit, "-") {
					called = append(called, lit)
				}
			}
		}
		return true
	})
	called = slices.DeleteFunc(called, func(c string) bool { return defined[c] })
	return called, items, len(defined) - 1
}

// maxParentheses bounds how deep a script nests, since the parser goes down with each: 128 kB of nothing else took a gigabyte.
const maxParentheses = 4096

// carriers run another command that stands among their arguments.
var carriers = map[string]bool{
	"exec": true, "env": true, "nohup": true, "nice": true, "timeout": true, "xargs": true, "sudo": true, "gosu": true, "su-exec": true,
	"setpriv": true, "chroot": true, "time": true, "command": true, "tini": true, "dumb-init": true, "stdbuf": true, "if": true,
	"ionice": true, "taskset": true, "chrt": true, "doas": true, "runuser": true, "flock": true, "faketime": true, "xvfb-run": true,
}

package closure

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/lazy"
)

// factCalls is a command that a shell script of the distribution calls: "calls sed".
const factCalls = "calls "

// maxTool is the size, in bytes, up to which a tool's script is read: git's are up to 50 kB.
const maxTool = 64 << 10

var toolDir = lazy.MustCompile(`^/(?:usr/)?(?:s?bin|lib|libexec)/`)

// toolScript tells what may be a shell script among the distribution's tools, or a part of one that others read.
func toolScript(p string, size int64) bool {
	return size <= maxTool && (path.Ext(p) == "" || strings.HasSuffix(p, ".sh")) && toolDir.MatchString(p)
}

// scriptFacts finds the commands that a shell script calls. A file without a first line that names a shell is a part of scripts if it
// begins with a comment and defines functions: git-sh-setup.
func scriptFacts(b []byte, facts map[string]bool) {
	if !bytes.HasPrefix(b, []byte("#")) || bytes.IndexByte(b, 0) >= 0 {
		return
	}
	line, _, _ := bytes.Cut(b, []byte("\n"))
	words, script := strings.CutPrefix(string(line), "#!")
	if script && !slices.ContainsFunc(strings.Fields(words), func(w string) bool { return isShell(path.Base(w)) }) {
		return
	}
	called, items, functions := shellNames(b)
	if !script && functions == 0 {
		return
	}
	called = append(called, items...)
	for _, c := range called[:min(len(called), maxWords)] {
		if len(c) > 1 && len(c) <= 64 {
			facts[factCalls+c] = true
		}
	}
}

// toolScripts keeps the commands that the distribution's shell scripts call: of one that is run, and of those that a package has beside its
// programs, which run them: git submodule is /usr/lib/git-core/git-submodule. What lies in PATH is run by its name, which something has
// to say. At the level tight it is one that a source names and no check has run: Ubuntu's ldconfig is a script that calls ldconfig.real.
func toolScripts(m *maker, e *image.Entry, s strength) {
	if len(e.Facts) == 0 || !m.ownedBySystem(e.Path) || (isProgram(e) || path.Base(path.Dir(e.Path)) == "bin") && !m.ran[e.Path] {
		return
	}
	if m.Level == Tight && (!m.ran[e.Path] || m.keep.Evident(e.Path)) {
		return
	}
	if !m.ran[e.Path] && !m.done[programsOf(m.keep.owner[e.Path])] {
		return // nothing that stays runs it: a job of e2fsprogs was read, not its programs
	}
	if !m.ran[e.Path] && path.Base(path.Dir(e.Path)) == "git-core" && slices.Contains(seldom, strings.TrimPrefix(path.Base(e.Path), "git-")) {
		return
	}
	if !m.ran[e.Path] && machineHook.MatchString(e.Path) {
		return
	}
	m.toolCalls(e)
}

// machineHook tells what managers of a machine's devices, networks and power run when one of these changes: Postfix brings a script for each, which
// calls systemctl. Where such a manager is run, it was seen to run them.
var machineHook = lazy.MustCompile(`^/(?:usr/)?lib/(?:networkd-dispatcher|NetworkManager|systemd|udev|pm-utils|init|ifupdown|resolvconf|dhcpcd)/`)

// programsOf is the key of [maker.once] under which it is done that programs of a package stay.
func programsOf(o *owned) string { return "programs of\x00" + o.key }

// withPrograms says that programs of a package stay, and looks again at scripts of it that came before.
func (m *maker) withPrograms(o *owned) {
	if !m.once(programsOf(o)) {
		return
	}
	for _, x := range o.files {
		if n := m.keep.nodes[x.Path]; n != nil && len(x.Facts) > 0 {
			m.queue = append(m.queue, work{x, n.strength})
		}
	}
}

func (m *maker) toolCalls(e *image.Entry) {
	for _, f := range e.Facts {
		c, ok := strings.CutPrefix(f, factCalls)
		if !ok {
			continue
		}
		if m.once("tool of", e.Path) && e.Shebang != "" {
			m.add(strings.Fields(e.Shebang)[0], weak, Reason{Rule: "interpreter", By: e.Path, Note: "its first line names it"})
		}
		m.namedCommand(c, e)
	}
}

// seldom are commands of git that are scripts for people and bring perl, which is larger than git. They count if the program names them.
var seldom = []string{"filter-branch", "instaweb", "request-pull"}

// factSeldom is one of [seldom] that a file of the program names: "seldom instaweb".
const factSeldom = "seldom "

func seldomFacts(b []byte, facts map[string]bool) {
	for _, c := range seldom {
		if bytes.Contains(b, []byte(c)) {
			facts[factSeldom+c] = true
		}
	}
}

// seldomCommands keeps what those of [seldom] call that the program names. It is called when nothing else comes in any more.
func (m *maker) seldomCommands() {
	named := map[string]bool{}
	var scripts []*image.Entry
	for p, n := range m.keep.nodes {
		if path.Base(path.Dir(p)) == "git-core" {
			scripts = append(scripts, n.entry)
			continue
		}
		if m.ownedBySystem(p) {
			continue // git itself knows them all
		}
		for _, f := range m.facts(n.entry) {
			if c, ok := strings.CutPrefix(f, factSeldom); ok {
				named["git-"+c] = true
			}
		}
	}
	slices.SortFunc(scripts, func(a, b *image.Entry) int { return strings.Compare(a.Path, b.Path) })
	for _, e := range scripts {
		if named[path.Base(e.Path)] && m.once("seldom", e.Path) {
			m.toolCalls(e)
		}
	}
}

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
// to say.
func toolScripts(m *maker, e *image.Entry, s strength) {
	if m.Level == Tight || len(e.Facts) == 0 || !m.ownedBySystem(e.Path) || (isProgram(e) || path.Base(path.Dir(e.Path)) == "bin") && !m.ran[e.Path] {
		return
	}
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

package ignore

import (
	"io"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"golang.org/x/sys/unix"

	"github.com/lighten/lighten/internal/dockerfile"
)

// names is what the build mentions.
type names struct {
	paths      []string        // patterns of COPY, ADD, bind mounts and the exceptions of the .dockerignore
	words      map[string]bool // words of the Dockerfiles, the build files and the checks
	dockerfile map[string]bool // words of the Dockerfiles alone
	commands   map[string]bool // "npm install": program and first argument of RUN
	project    map[string]bool // files at the top of the context
	buildFiles string          // text of the files that describe the project
}

// Files that say how a project is built; what they name is needed for that.
var buildFiles = []string{"pyproject.toml", "setup.py", "setup.cfg", "MANIFEST.in", "package.json", "Cargo.toml", "Makefile", "pom.xml", "build.gradle", "tox.ini"}

var wordForm = regexp.MustCompile(`[A-Za-z0-9_.-]+`)

func readNames(o Options, patterns []string, root *os.Root) *names {
	n := &names{words: map[string]bool{}, dockerfile: map[string]bool{}, commands: map[string]bool{}, project: map[string]bool{}}
	for _, p := range patterns {
		if keep, ok := strings.CutPrefix(p, "!"); ok {
			n.addPath(keep)
		}
	}
	for _, d := range o.Documents {
		n.addDocument(d)
	}
	for _, text := range o.Named {
		n.addWords(text, n.words)
	}
	for _, name := range buildFiles {
		if b := readHead(root, name, 1<<20); b != nil {
			n.project[name] = true
			n.buildFiles += string(b) + "\n"
			n.addWords(string(b), n.words)
		}
	}
	return n
}

func (n *names) addWords(text string, to map[string]bool) {
	for _, w := range wordForm.FindAllString(text, -1) {
		to[strings.Trim(w, ".")] = true
		to[w] = true
	}
}

// addPath notes a pattern that is named explicitly; the whole context is not.
func (n *names) addPath(p string) {
	p = strings.TrimPrefix(path.Clean("/"+strings.TrimSpace(p)), "/")
	if p != "" && p != "*" && p != "**" && p != "**/*" {
		n.paths = append(n.paths, p)
	}
}

func (n *names) addDocument(d *dockerfile.Document) {
	for _, i := range d.Instructions {
		// Comments say nothing about the build, and COPY is known exactly.
		for _, w := range i.Args {
			if i.Name != "COPY" && i.Name != "ADD" && i.Name != "LABEL" {
				n.addWords(w.Value, n.words)
				n.addWords(w.Value, n.dockerfile)
			}
		}
		for _, h := range i.Heredocs {
			n.addWords(d.Text(h.Body), n.words)
			n.addWords(d.Text(h.Body), n.dockerfile)
		}
		switch c := i.Command.(type) {
		case *instructions.CopyCommand:
			if d.StageNamed(i.Expand(c.From)) == nil { // an image or a named context may hold anything
				n.addSources(i, c.SourcePaths)
			}
		case *instructions.AddCommand:
			n.addSources(i, c.SourcePaths)
		case *instructions.OnbuildCommand:
			if t := i.Trigger; t != nil && (t.Name == "COPY" || t.Name == "ADD") && len(t.Args) > 1 {
				for _, w := range t.Args[:len(t.Args)-1] {
					n.addPath(i.Expand(w.Value))
				}
			}
		case *instructions.RunCommand:
			n.addRun(i)
		}
	}
}

func (n *names) addSources(i *dockerfile.Instruction, sources []string) {
	for _, s := range sources {
		n.addPath(i.Expand(s))
	}
}

func (n *names) addRun(i *dockerfile.Instruction) {
	for _, f := range i.Flags {
		for _, field := range strings.Split(f.Value, ",") {
			key, value, _ := strings.Cut(field, "=")
			if k := strings.ToLower(key); f.Name == "mount" && (k == "source" || k == "src") {
				n.addPath(i.Expand(value))
			}
		}
	}
	sh, err := i.Shell()
	if err != nil {
		return
	}
	for _, c := range sh.Commands {
		n.commands[c.Name] = true
		for _, a := range c.Args {
			if !strings.HasPrefix(a.Value, "-") {
				n.commands[c.Name+" "+a.Value] = true
				break
			}
		}
	}
}

// runs reports whether a RUN has one of the commands.
func (n *names) runs(commands ...string) bool {
	return slices.ContainsFunc(commands, func(c string) bool { return n.commands[c] })
}

// keeps says why the candidate must stay; "" when nothing names it.
func (n *names) keeps(c *candidate, r *rule) string {
	for _, p := range n.paths {
		switch explicit(p, c.path) {
		case nameIt:
			return "the build names " + p
		case holdsIt:
			if r.weak {
				return "the build names " + p
			}
		}
	}
	if r.weak && n.words[path.Base(c.path)] {
		return "the build or a check names " + path.Base(c.path)
	}
	return ""
}

const (
	unrelated = iota
	nameIt    // the pattern names the path, or something below it
	holdsIt   // the path lies below what the pattern names
)

// explicit compares a path with a pattern of COPY.
func explicit(pattern, p string) int {
	a, b := strings.Split(pattern, "/"), strings.Split(p, "/")
	for n := range min(len(a), len(b)) {
		if a[n] == "**" {
			return explicitTail(a[n+1:], b)
		}
		if ok, err := path.Match(a[n], b[n]); err == nil && !ok || err != nil && a[n] != b[n] {
			return unrelated
		}
	}
	if len(a) < len(b) {
		return holdsIt
	}
	return nameIt
}

// explicitTail compares the end of a path with what stands behind "**".
func explicitTail(tail, p []string) int {
	if len(tail) == 0 {
		return holdsIt
	}
	for n := range p {
		if ok, err := path.Match(tail[0], p[n]); err == nil && ok {
			return nameIt
		}
	}
	return unrelated
}

// readHead returns the first bytes of a regular file; nil when there is none.
func readHead(root *os.Root, name string, limit int64) []byte {
	info, err := root.Lstat(name)
	if err != nil || !info.Mode().IsRegular() {
		return nil
	}
	f, err := root.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit))
	if err != nil {
		return nil
	}
	return b
}

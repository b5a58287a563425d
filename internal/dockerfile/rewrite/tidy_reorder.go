package rewrite

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/lighten/lighten/internal/dockerfile"
)

// A wholeCopy is "COPY . DIR" directly followed by a RUN in DIR.
type wholeCopy struct {
	copy  *dockerfile.Instruction
	run   script
	flags string // of the COPY, with a space before each
}

// wholeCopies finds the places where the whole context is copied before an install.
func (p *tidyPass) wholeCopies() (out []wholeCopy) {
	for n := 1; n < len(p.d.Instructions); n++ {
		cp, i := p.d.Instructions[n-1], p.d.Instructions[n]
		c, ok := cp.Command.(*instructions.CopyCommand)
		s, isRun := readScript(i)
		if !ok || !isRun || cp.JSON || c.From != "" || c.Parents || len(c.SourceContents) > 0 || len(c.SourcePaths) != 1 ||
			(c.SourcePaths[0] != "." && c.SourcePaths[0] != "./" && c.SourcePaths[0] != "/") {
			continue
		}
		dir := workdir(i)
		if dir == "" || resolve(dir, cp.Expand(c.DestPath)) != dir || cp.Flag("exclude") != nil {
			continue
		}
		w := wholeCopy{copy: cp, run: s}
		for _, f := range cp.Flags {
			w.flags += " " + p.d.Text(f.Range)
		}
		out = append(out, w)
	}
	return out
}

// split copies the named files alone, runs the install, then copies the rest.
func (w wholeCopy) split(files []string, why string) ([]dockerfile.Edit, bool) {
	d := w.copy.Document()
	byDir := map[string][]string{}
	for _, f := range files {
		if strings.ContainsAny(f, " \t*?[]\\$\"'#") || !fs.ValidPath(f) {
			return nil, false
		}
		byDir[path.Dir(f)] = append(byDir[path.Dir(f)], f)
	}
	var dirs []string
	for dir := range byDir {
		dirs = append(dirs, dir)
		slices.Sort(byDir[dir])
	}
	slices.Sort(dirs)
	nl := newline(d)
	var text strings.Builder
	for _, dir := range dirs {
		text.WriteString("COPY" + w.flags + " " + strings.Join(slices.Compact(byDir[dir]), " ") + " ./")
		if dir != "." {
			text.WriteString(dir + "/")
		}
		text.WriteString(nl)
	}
	run := w.run.Lines()
	if len(w.run.Comments) > 0 {
		run.Start = lineStart(d, w.run.Comments[0].Start)
	}
	moved := strings.TrimRight(d.Text(run), "\r\n") + nl
	text.WriteString(moved)
	at := w.copy.Lines().Start
	if len(w.copy.Comments) > 0 {
		at = lineStart(d, w.copy.Comments[0].Start)
	}
	return []dockerfile.Edit{
		{Range: dockerfile.Range{Start: at, End: at}, New: text.String(), Why: why},
		{Range: run, Why: why},
	}, true
}

func lineStart(d *dockerfile.Document, at int) int {
	return bytes.LastIndexByte(d.Source[:at], '\n') + 1
}

// reorderPython copies requirement files before the source.
func reorderPython(p *tidyPass) (groups [][]dockerfile.Edit) {
	if p.o.Context == nil {
		return nil
	}
	for _, w := range p.wholeCopies() {
		files, ok := w.requirements(p.o.Context)
		if !ok {
			continue
		}
		if edits, ok := w.split(files, "the dependencies are installed before the source is copied: as long as their list stays the same, a build takes that layer from the cache"); ok {
			groups = append(groups, edits)
		}
	}
	return groups
}

// pipFlags are options of pip install that name no local file. Those of the second map take a value.
var pipFlags = map[string]bool{"--no-cache-dir": false, "--upgrade": false, "-U": false, "--no-deps": false, "-q": false, "-qq": false, "-v": false, "--quiet": false,
	"--disable-pip-version-check": false, "--no-input": false, "--root-user-action": true, "--no-compile": false, "--compile": false, "--prefer-binary": false,
	"--require-hashes": false, "--pre": false, "--user": false, "--break-system-packages": false, "--no-warn-script-location": false, "--ignore-installed": false,
	"--index-url": true, "-i": true, "--extra-index-url": true, "--trusted-host": true, "--timeout": true, "--default-timeout": true, "--retries": true, "--only-binary": true,
	"--no-binary": true, "--progress-bar": true, "--prefix": true}

// requirements are the files that the pip commands of the RUN read from the context; not ok when they may read anything else.
func (w wholeCopy) requirements(context fs.FS) (files []string, ok bool) {
	if w.run.sh != nil && w.run.redirects() {
		return nil, false
	}
	for _, c := range w.run.commands {
		args, isPip := pipArgs(c)
		if removesPipCache(c) && !c.Nested {
			continue
		}
		if !isPip || c.Nested || len(args) == 0 || args[0].Value != "install" {
			return nil, false
		}
		named, ok := pipInstallFiles(args[1:])
		if !ok {
			return nil, false
		}
		for _, f := range named {
			if files, ok = requirementFiles(context, path.Clean(f), files); !ok {
				return nil, false
			}
		}
	}
	return files, len(files) > 0
}

func pipInstallFiles(args []dockerfile.Word) (files []string, ok bool) {
	for n := 0; n < len(args); n++ {
		v := args[n].Value
		name, value, joined := strings.Cut(v, "=")
		isFile := name == "-r" || name == "--requirement" || name == "-c" || name == "--constraint"
		takes, known := pipFlags[name]
		switch {
		case strings.HasPrefix(v, "-r") && len(v) > 2 && !strings.HasPrefix(v, "--"):
			files = append(files, v[2:])
		case isFile && joined:
			files = append(files, value)
		case isFile && n+1 < len(args) && args[n+1].Static:
			n++
			files = append(files, args[n].Value)
		case isFile, strings.HasPrefix(v, "-") && !known:
			return nil, false
		case strings.HasPrefix(v, "-"):
			if takes && !joined {
				n++
			}
		case localRequirement(v):
			return nil, false
		}
	}
	return files, true
}

// localRequirement reports whether a requirement names a file or directory.
func localRequirement(v string) bool {
	v = strings.TrimSpace(v)
	if strings.Contains(v, "file:") || strings.HasSuffix(v, ".whl") || strings.HasSuffix(v, ".tar.gz") || strings.HasSuffix(v, ".zip") {
		return !strings.Contains(v, "https://") && !strings.Contains(v, "http://")
	}
	return strings.HasPrefix(v, ".") || strings.HasPrefix(v, "/") || strings.Contains(v, "$") || strings.Contains(v, "/") && !strings.Contains(v, "://")
}

// maxRequirements bounds what is read of a requirement file, and how many there may be.
const maxRequirements = 1 << 20

// requirementFiles adds a file and those that it refers to; not ok when one of them refers to local paths.
func requirementFiles(context fs.FS, name string, seen []string) ([]string, bool) {
	if slices.Contains(seen, name) {
		return seen, true
	}
	src, ok := readSmall(context, name)
	if !ok || len(seen) > 100 {
		return nil, false
	}
	seen = append(seen, name)
	text := strings.ReplaceAll(strings.ReplaceAll(string(src), "\r\n", "\n"), "\\\n", " ")
	lines := bufio.NewScanner(strings.NewReader(text))
	lines.Buffer(nil, maxRequirements+1)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if at := strings.Index(line, " #"); at >= 0 {
			line = line[:at]
		}
		if line == "" || line[0] == '#' {
			continue
		}
		if line[0] != '-' {
			if localRequirement(strings.Fields(line)[0]) || strings.Contains(line, "file:") {
				return nil, false
			}
			continue
		}
		fields := strings.Fields(strings.Replace(line, "=", " ", 1))
		for _, short := range []string{"-r", "-c"} {
			if strings.HasPrefix(fields[0], short) && len(fields[0]) > 2 {
				fields = append([]string{short, fields[0][2:]}, fields[1:]...)
			}
		}
		switch fields[0] {
		case "-r", "--requirement", "-c", "--constraint":
			if len(fields) != 2 {
				return nil, false
			}
			if seen, ok = requirementFiles(context, path.Join(path.Dir(name), fields[1]), seen); !ok {
				return nil, false
			}
		case "-i", "--index-url", "--extra-index-url", "--trusted-host", "--no-binary", "--only-binary", "--prefer-binary", "--require-hashes", "--pre":
		default: // -e, --find-links, …
			return nil, false
		}
	}
	return seen, lines.Err() == nil
}

func readSmall(context fs.FS, name string) ([]byte, bool) {
	if !fs.ValidPath(name) {
		return nil, false
	}
	info, err := fs.Stat(context, name)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxRequirements {
		return nil, false
	}
	b, err := fs.ReadFile(context, name)
	return b, err == nil
}

// nodeFiles are what an install reads beside package.json.
var nodeFiles = []string{"package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", ".npmrc", ".yarnrc"}

// reorderNode copies package.json and the lock files before the source.
func reorderNode(p *tidyPass) (groups [][]dockerfile.Edit) {
	if p.o.Context == nil {
		return nil
	}
	for _, w := range p.wholeCopies() {
		files, ok := nodeManifest(p.o.Context)
		if !ok || !w.onlyNodeInstall() {
			continue
		}
		if edits, ok := w.split(files, "the modules are installed before the source is copied: as long as package.json and its lock file stay the same, a build takes that layer from the cache"); ok {
			groups = append(groups, edits)
		}
	}
	return groups
}

// onlyNodeInstall reports whether the RUN installs what package.json lists and nothing else.
func (w wholeCopy) onlyNodeInstall() bool {
	if w.run.sh != nil && w.run.redirects() {
		return false
	}
	for _, c := range w.run.commands {
		if !does(c, "npm", "ci", "install", "i", "cache") && !does(c, "yarn", "install", "cache") && !(c.Name == "yarn" && len(c.Args) == 0) && !does(c, "pnpm", "install", "i") {
			return false
		}
		if c.Nested {
			return false
		}
		if n := subcommand(c.Args); n >= 0 && c.Args[n].Value != "cache" && slices.ContainsFunc(c.Args[n+1:], func(a dockerfile.Word) bool {
			return !strings.HasPrefix(a.Value, "-") || strings.HasPrefix(a.Value, "--prefix") || strings.HasPrefix(a.Value, "-C")
		}) {
			return false
		}
	}
	return true
}

// nodeManifest lists the files that an install reads; not ok when it would read or run other files of the project.
func nodeManifest(context fs.FS) ([]string, bool) {
	src, ok := readSmall(context, "package.json")
	if !ok {
		return nil, false
	}
	var pkg struct {
		Scripts    map[string]string `json:"scripts"`
		Workspaces json.RawMessage   `json:"workspaces"`
		Patched    json.RawMessage   `json:"pnpm"`
	}
	if json.Unmarshal(src, &pkg) != nil || pkg.Workspaces != nil || pkg.Patched != nil {
		return nil, false
	}
	for _, hook := range []string{"preinstall", "install", "postinstall", "prepublish", "preprepare", "prepare", "postprepare"} {
		if pkg.Scripts[hook] != "" {
			return nil, false
		}
	}
	for _, local := range []string{`"file:`, `"link:`, `"portal:`, `"workspace:`, `"./`, `"../`} {
		if bytes.Contains(src, []byte(local)) && local != `"./` {
			return nil, false
		}
	}
	for _, other := range []string{".yarnrc.yml", "pnpm-workspace.yaml", "node_modules", "binding.gyp"} {
		if _, err := fs.Stat(context, other); err == nil {
			return nil, false
		}
	}
	files := []string{"package.json"}
	for _, name := range nodeFiles {
		if _, ok := readSmall(context, name); ok {
			files = append(files, name)
		} else if _, err := fs.Stat(context, name); err == nil {
			return nil, false
		}
	}
	return files, true
}

// yarnClassic reports whether the project's lock file is of yarn 1.
func (p *tidyPass) yarnClassic() bool {
	if p.o.Context == nil {
		return false
	}
	f, err := p.o.Context.Open("yarn.lock")
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 512)
	n, _ := f.Read(head)
	return bytes.Contains(head[:n], []byte("# yarn lockfile v1"))
}

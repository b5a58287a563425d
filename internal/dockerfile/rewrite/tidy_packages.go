package rewrite

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/lighten/lighten/internal/dockerfile"
)

var pipName = regexp.MustCompile(`^pip[0-9.]*$`)
var pythonName = regexp.MustCompile(`^python[0-9.]*$`)

// pipArgs are the arguments of pip, however it is called.
func pipArgs(c dockerfile.Command) ([]dockerfile.Word, bool) {
	if pipName.MatchString(c.Name) {
		return c.Args, true
	}
	if pythonName.MatchString(c.Name) && len(c.Args) > 2 && c.Args[0].Value == "-m" && c.Args[1].Value == "pip" {
		return c.Args[2:], true
	}
	return nil, false
}

// isOn reads a switch as pip reads its own.
func isOn(v string) bool {
	switch strings.ToLower(v) {
	case "", "0", "false", "off", "no", "n", "f":
		return false
	}
	return true
}

// switchedOn reports whether a variable is set for the command by ENV, ARG or the script.
func (s script) switchedOn(c dockerfile.Command, name string) bool {
	if v := s.Expand("$" + name); v != "$"+name && isOn(v) {
		return true
	}
	for _, o := range s.commands {
		for _, a := range o.Assigns {
			if a.Name == name {
				return isOn(a.Value)
			}
		}
		if o.Name == "export" && hasArg(o.Args, name) {
			return true
		}
	}
	return strings.Contains(s.Document().Text(s.Range), name)
}

// pipNoCache keeps the wheels and archives that pip downloads out of the layer.
func pipNoCache(p *tidyPass) (groups [][]dockerfile.Edit) {
	for _, s := range p.scripts() {
		if s.hasCacheMount() || s.mounts("/root/.cache") {
			continue
		}
		for n, c := range s.commands {
			args, ok := pipArgs(c)
			sub := subcommand(args)
			if !ok || sub < 0 || args[sub].Value != "install" && args[sub].Value != "wheel" ||
				hasArg(args, "--no-cache-dir", "--cache-dir") || s.switchedOn(c, "PIP_NO_CACHE_DIR") || s.clearsLater(n, "/root/.cache", "pip") {
				continue
			}
			groups = append(groups, []dockerfile.Edit{s.insertAfter(args[sub], "--no-cache-dir",
				"pip keeps no copy of what it downloads in the layer; nothing reads /root/.cache/pip at run time")})
		}
	}
	return append(groups, uvNoCache(p)...)
}

func uvNoCache(p *tidyPass) (groups [][]dockerfile.Edit) {
	for _, s := range p.scripts() {
		if s.hasCacheMount() {
			continue
		}
		for n, c := range s.commands {
			if !does(c, "uv", "pip", "sync") || hasArg(c.Args, "--no-cache", "-n", "--cache-dir") ||
				s.switchedOn(c, "UV_NO_CACHE") || s.clearsLater(n, "/root/.cache", "uv") {
				continue
			}
			sub := subcommand(c.Args)
			if c.Args[sub].Value == "pip" {
				sub++
				if sub >= len(c.Args) || c.Args[sub].Value != "install" && c.Args[sub].Value != "sync" {
					continue
				}
			}
			groups = append(groups, []dockerfile.Edit{s.insertAfter(c.Args[sub], "--no-cache", "uv keeps no copy of what it downloads in the layer")})
		}
	}
	return groups
}

// clearsLater reports whether a command behind n removes dir, or clears the cache of the tool.
func (s script) clearsLater(n int, dir, tool string) bool {
	for _, c := range s.commands[n+1:] {
		if c.Name == "rm" && slices.ContainsFunc(c.Args, func(w dockerfile.Word) bool {
			v := strings.TrimSuffix(strings.TrimSuffix(w.Value, "*"), "/")
			v = strings.Replace(v, "~", "/root", 1)
			return v != "" && strings.HasPrefix(v, "/") && (within(dir, v) || within(v, dir))
		}) {
			return true
		}
		if c.Name == tool && (hasArg(c.Args, "clean") || hasArg(c.Args, "purge") || hasArg(c.Args, "cache")) {
			return true
		}
	}
	return false
}

func isApt(c dockerfile.Command) bool { return c.Name == "apt-get" || c.Name == "apt" }

func isAptInstall(c dockerfile.Command) bool {
	return isApt(c) && hasArg(c.Args, "install", "build-dep", "satisfy")
}

func isAptUpdate(c dockerfile.Command) bool { return isApt(c) && hasArg(c.Args, "update") }

var aptYes = []string{"-y", "-yq", "-qy", "-yqq", "-qqy", "-q", "-qq", "--yes", "--assume-yes", "--quiet"}

const whyRecommends = "apt installs only what the packages depend on; a recommended package that the program uses without naming it is missing then, which the checks show"

// needed are recommended packages without which a package does not do what it is installed for, those that bring them by
// themselves, and the base images that have them. Source: Debian's package records (Depends and Recommends of bookworm and trixie).
var needed = []struct {
	of      *regexp.Regexp
	name    string
	brought *regexp.Regexp
	has     *regexp.Regexp
}{
	// A compiler without the C library's headers compiles nothing.
	{regexp.MustCompile(`^gcc(-\d+)?$`), "libc6-dev",
		regexp.MustCompile(`^(libc6-dev|build-essential|g\+\+(-\d+)?|gfortran(-\d+)?|rustc|cargo|(lib)?python3[\d.]*-dev)$`), fullImage},
	// What fetches over https knows no certificate.
	{regexp.MustCompile(`^(curl|wget|git)$`), "ca-certificates",
		regexp.MustCompile(`^(ca-certificates|python3-pip)$`), regexp.MustCompile(`^python(:|$)|` + fullImage.String())},
}

// fullImage tells an official image that stands on buildpack-deps.
var fullImage = regexp.MustCompile(`^(buildpack-deps|gcc|golang|node|perl|python|ruby|rust)(:[\w.]+(-(trixie|bookworm|bullseye|buster))?)?$`)

// withNeeded are the edits that name those recommended packages of an apt-get install which its other packages need.
func (s script) withNeeded(args []dockerfile.Word) (edits []dockerfile.Edit) {
	base := s.Document().Expand(lineage(s.Stage)[0].Base, nil)
	base = strings.TrimPrefix(strings.TrimPrefix(base, "docker.io/"), "library/")
	named := func(re *regexp.Regexp) int {
		return slices.IndexFunc(args, func(w dockerfile.Word) bool { n, _, _ := strings.Cut(w.Value, "="); return re.MatchString(n) })
	}
	for _, x := range needed {
		if at := named(x.of); at >= 0 && named(x.brought) < 0 && !x.has.MatchString(base) {
			name, _, _ := strings.Cut(args[at].Value, "=")
			edits = append(edits, s.insertAfter(args[at], x.name, name+" only recommends "+x.name+", without which it is of little use, so that is named"))
		}
	}
	return edits
}

// aptRecommends leaves out packages that nothing depends on. It may change behaviour, so the reason says what to watch.
func aptRecommends(p *tidyPass) (groups [][]dockerfile.Edit) {
	for _, s := range p.scripts() {
		if strings.Contains(p.d.Text(s.Range), "Install-Recommends") {
			continue
		}
		for _, c := range s.commands {
			at := slices.IndexFunc(c.Args, func(w dockerfile.Word) bool { return w.Value == "install" })
			if !isApt(c) || at < 0 || hasArg(c.Args, "--no-install-recommends", "--install-recommends") {
				continue
			}
			for at+1 < len(c.Args) && slices.Contains(aptYes, c.Args[at+1].Value) {
				at++
			}
			groups = append(groups, append([]dockerfile.Edit{s.insertAfter(c.Args[at], "--no-install-recommends", whyRecommends)}, s.withNeeded(c.Args)...))
		}
	}
	return groups
}

const aptListsDir = "/var/lib/apt/lists"

// aptLists removes the package lists in the layer that fetched them, when nothing later needs them.
func aptLists(p *tidyPass) (groups [][]dockerfile.Edit) {
	for _, s := range p.scripts() {
		last := -1
		updates := false
		for n, c := range s.commands {
			if isApt(c) || c.Name == "aptitude" || c.Name == "dpkg" {
				last = n
			}
			updates = updates || isAptUpdate(c)
		}
		if !updates || s.mounts("/var/lib/apt") || s.clearsLater(-1, aptListsDir, "") || p.needsLists(s) {
			continue
		}
		for n := last + 1; n < len(s.commands); n++ { // add-apt-repository, tasksel: let them come first
			if strings.Contains(s.commands[n].Name, "apt") {
				last = n
			}
		}
		if edits, ok := s.appendCommand(last, "rm -rf "+aptListsDir+"/*",
			"the package lists are removed in the layer that fetched them; every later apt-get update fetches them anew"); ok {
			groups = append(groups, edits)
		}
	}
	return groups
}

// needsLists reports whether an instruction behind s may install packages from the lists that s fetched.
func (p *tidyPass) needsLists(s script) bool {
	for _, i := range p.later(s.Instruction) {
		if i.Name == "ONBUILD" {
			return true
		}
		if i.Name != "RUN" {
			continue
		}
		o, ok := readScript(i)
		if !ok || o.runsUnknownProgram() {
			return true
		}
		for _, c := range o.commands {
			if isAptUpdate(c) {
				break
			}
			if isApt(c) && hasArg(c.Args, "install", "build-dep", "satisfy", "upgrade", "dist-upgrade", "download", "source") ||
				c.Name == "apt-cache" || c.Name == "aptitude" {
				return true
			}
		}
	}
	return false
}

// apkNoCache lets apk fetch its index for the one command, instead of leaving it in the layer.
func apkNoCache(p *tidyPass) (groups [][]dockerfile.Edit) {
	const why = "apk fetches the index for this command alone and leaves none in the layer"
	for _, s := range p.scripts() {
		if s.mounts("/var/cache/apk") || s.mounts("/etc/apk") || strings.Contains(p.d.Text(s.Range), "/etc/apk/cache") {
			continue
		}
		var edits []dockerfile.Edit
		for n, c := range s.commands {
			switch {
			case (does(c, "apk", "add", "upgrade")) && !hasArg(c.Args, "--no-cache", "--cache-dir", "--no-network"):
				edits = append(edits, s.apkFlag(c, why))
			case does(c, "apk", "update") && len(c.Args) == 1 && s.onlyApkLater(n):
				if r, ok := s.droppable(n); ok {
					edits = append(edits, dockerfile.Edit{Range: r, Why: "apk add --no-cache reads the newest index by itself"})
				}
			}
		}
		if len(edits) > 0 {
			groups = append(groups, edits)
		}
	}
	return groups
}

// droppable is the range of command n with the && behind it, when the script is the same without it.
func (s script) droppable(n int) (dockerfile.Range, bool) {
	if !s.plain(n) || s.commands[n].Op != "&&" || n+1 == len(s.commands) || len(s.commands[n].Stmt.Redirs) > 0 {
		return dockerfile.Range{}, false
	}
	next := s.commands[n+1]
	r := dockerfile.Range{Start: s.commands[n].Range.Start, End: next.Range.Start}
	// A comment, a negation or a redirection in between would be lost.
	exact := !next.Nested && s.sh.Range(next.Stmt).Start == r.End && !strings.Contains(s.Document().Text(r), "#")
	return r, exact
}

// apkFlag puts --no-cache in the place of --update, or behind the subcommand.
func (s script) apkFlag(c dockerfile.Command, why string) dockerfile.Edit {
	for _, w := range c.Args {
		if w.Value == "--update" || w.Value == "--update-cache" || w.Value == "-U" {
			text := "--no-cache"
			if s.sh == nil {
				text = `"` + text + `"`
			}
			return dockerfile.Edit{Range: w.Range, New: text, Why: why}
		}
	}
	return s.insertAfter(c.Args[subcommand(c.Args)], "--no-cache", why)
}

// onlyApkLater reports whether all apk commands behind n work without the index that apk update left.
func (s script) onlyApkLater(n int) bool {
	for _, c := range s.commands[n+1:] {
		if c.Nested || c.Name == "apk" && !does(c, "apk", "add", "upgrade", "del") || c.Name == "" {
			return false
		}
	}
	return true
}

// A cacheTool is a package manager that leaves a cache in the layer, and the command that clears it.
type cacheTool struct {
	name  string
	subs  []string // what fills it
	clear string
	dir   string
}

var cacheTools = []cacheTool{
	{"npm", []string{"ci", "install", "i", "add"}, "npm cache clean --force", "/root/.npm"},
	{"yarn", []string{"install", "add"}, "yarn cache clean", "/usr/local/share/.cache"},
	{"dnf", []string{"install", "upgrade", "update", "groupinstall"}, "dnf clean all", "/var/cache/dnf"},
	{"microdnf", []string{"install", "upgrade", "update"}, "microdnf clean all", "/var/cache/yum"},
	{"yum", []string{"install", "upgrade", "update", "groupinstall"}, "yum clean all", "/var/cache/yum"},
	{"zypper", []string{"install", "in", "update", "up"}, "zypper clean --all", "/var/cache/zypp"},
	{"conda", []string{"install", "create", "env"}, "conda clean -afy", "/opt/conda/pkgs"},
}

// clearCaches clears the cache of a package manager behind its last use in a RUN.
func clearCaches(p *tidyPass) (groups [][]dockerfile.Edit) {
	for _, s := range p.scripts() {
		if s.hasCacheMount() || s.sh == nil {
			continue
		}
		for _, tool := range cacheTools {
			last := -1
			for n, c := range s.commands {
				if does(c, tool.name, tool.subs...) || tool.name == "yarn" && c.Name == "yarn" && subcommand(c.Args) < 0 {
					last = n
				}
			}
			if tool.name == "yarn" && !p.yarnClassic() { // later versions may run from their cache
				continue
			}
			if last < 0 || s.mounts(tool.dir) || s.clearsLater(last, tool.dir, tool.name) {
				continue
			}
			if edits, ok := s.appendCommand(last, tool.clear,
				fmt.Sprintf("the cache of %s is cleared in the layer that filled it; it is of use only to the next install", tool.name)); ok {
				groups = append(groups, edits)
			}
		}
	}
	return groups
}

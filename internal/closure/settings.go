package closure

import (
	"bytes"
	"iter"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/lighten/lighten/internal/lazy"
)

// factConfigured is a word that may be a command in a file of settings: it counts if the program runs commands at all.
const factConfigured = "configured "

// maxSettings is the size of a file of settings that is read for what it names, in bytes. Larger ones are data.
const maxSettings = 64 << 10

var (
	settingsFile = lazy.MustCompile(`\.(?:ya?ml|json|toml|ini|cfg|conf|properties)$`)
	// developers' are settings of tools that build, test or deploy a program.
	developers = lazy.MustCompile(`/(?:package(?:-lock)?|composer|tsconfig[^/]*|pyproject|poetry|setup|tox|pytest|lighten|(?:docker-)?compose[^/]*|mkdocs|renovate)\.[a-z]+$|/\.[^/]+`)
)

// ownSettings tells what is likely a file of settings of the program itself: among its sources, or in a directory of its own in /etc.
func ownSettings(p string, size int64) bool {
	own := !notOwn.MatchString(p) || strings.HasPrefix(p, "/etc/") && strings.Count(p, "/") > 2
	return own && size <= maxSettings && settingsFile.MatchString(p) && !developers.MatchString(p)
}

// serverSettings tells what may be a file of settings of a server that the distribution has: in a directory of its own in /etc, whatever it is
// called: /etc/ssh/sshd_config, /etc/apache2/conf-available/serve-cgi-bin.conf; or beside those: /etc/rsyncd.conf. Those that libraries read have
// companions.
func serverSettings(p string, size int64) bool {
	rest, ok := strings.CutPrefix(p, "/etc/")
	dir, name, deeper := strings.Cut(rest, "/")
	if ok && !deeper {
		return size <= maxSettings && settingsFile.MatchString(p) && !systemSettings[rest]
	}
	return ok && deeper && size <= maxSettings && !others[dir] && !strings.HasPrefix(dir, "rc") && !strings.HasPrefix(dir, "cron") && !strings.HasPrefix(dir, "java-") &&
		!strings.HasPrefix(dir, "ImageMagick") && path.Ext(name) != ".sh"
}

// others are directories in /etc of what is no server: of the system, of libraries, of what starts servers on machines.
var others = wordSet("alternatives apt bash_completion.d binfmt.d ca-certificates default dpkg fonts init.d init kernel ld.so.conf.d logrotate.d mysql opt pam.d perl " +
	"profile.d security selinux skel ssl sysctl.d systemd terminfo tmpfiles.d udev update-motd.d xdg X11 xml")

// systemSettings are files of settings in /etc of the system itself, of libraries and of package managers.
var systemSettings = wordSet("adduser.conf ca-certificates.conf debconf.conf deluser.conf e2scrub.conf gai.conf host.conf ld.so.conf libaudit.conf logrotate.conf " +
	"mke2fs.conf nsswitch.conf pam.conf resolv.conf sysctl.conf ucf.conf xattr.conf")

// settingsPaths finds the paths that a file of settings names outside its comments.
func settingsPaths(b []byte, facts map[string]bool) {
	if bytes.IndexByte(b, 0) >= 0 {
		return
	}
	for line := range bytes.Lines(b) {
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' && line[0] != ';' {
			pathFacts(line, facts, false)
		}
	}
}

// settingsFacts finds paths, and words that may be commands: those that begin a line, a value or a text in quotes, and those behind what
// begins another command in it. Which keys a program takes for commands it alone knows. Each fact begins with whose it is.
func settingsFacts(b []byte, whose string) []string {
	if bytes.IndexByte(b, 0) >= 0 {
		return nil
	}
	facts := map[string]bool{}
	settingsPaths(b, facts)
	seldomFacts(b, facts)
	driverFacts(b, facts)
	n := 0
	add := func(text []byte, key string) {
		text = bytes.TrimSpace(text)
		for w := range leadingWords(text) {
			if ordinary[string(w)] && !settingRuns(key) && !commandLine(text) {
				continue
			}
			if f := factConfigured + string(w); n < maxWords && !facts[f] {
				facts[f] = true
				n++
			}
		}
	}
	key := "" // under which a line stands
	for line := range bytes.Lines(b) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 || strings.IndexByte("#;/", line[0]) >= 0 {
			continue
		}
		for _, name := range dottedWord.FindAll(line, maxWords) { // a class of Python, which logging and others import by its name
			if len(facts) < maxLiterals {
				facts[factString+string(name)] = true
			}
		}
		section := line[0] == '[' // of an INI file
		for ; bytes.HasPrefix(line, []byte("- ")); line = bytes.TrimSpace(line[2:]) {
		}
		if i := bytes.IndexAny(line, ":="); i >= 0 {
			if k := bytes.Trim(line[:i], "\"' []{"); !bytes.ContainsAny(k, " \t") {
				key = string(k)
			}
			add(line[i+1:], key)
		}
		add(line, key)
		if !section {
			for k, text := range flowItems(line, key) {
				add(text, k)
			}
		}
		for _, q := range quoted.FindAllIndex(line, -1) {
			text := line[q[0]+1 : q[1]-1]
			if bytes.HasPrefix(bytes.TrimLeft(line[q[1]:], " "), []byte(":")) {
				key = string(text)
			}
			add(text, key)
		}
	}
	all := slices.Sorted(maps.Keys(facts))
	for i, f := range all {
		all[i] = whose + f
	}
	return all
}

var dottedWord = lazy.MustCompile(`\b[A-Za-z_]\w{0,63}(?:\.[A-Za-z_]\w{0,63}){1,8}\b`)

// flowItems are the texts without quotes in a flow collection of YAML, each with the key that it stands under: cmp and -s of
// "run: [cmp, -s]", "du -k" of "{run: du -k, timeout: 5}".
func flowItems(line []byte, key string) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		value := line
		if name, after, ok := bytes.Cut(line, []byte(": ")); ok && !bytes.ContainsAny(name, "[{\"'") {
			value = bytes.TrimSpace(after)
		}
		if len(value) == 0 || value[0] != '[' && value[0] != '{' {
			return
		}
		value = quoted.ReplaceAll(value, nil)
		for item := range bytes.FieldsFuncSeq(value, func(r rune) bool { return strings.ContainsRune("[]{},", r) }) {
			if name, after, ok := bytes.Cut(item, []byte(":")); ok {
				key, item = string(bytes.TrimSpace(name)), after
			}
			if !yield(key, item) {
				return
			}
		}
	}
}

// settingRuns tells the name of a setting that is a command or a script.
func settingRuns(key string) bool {
	key = strings.ReplaceAll(key, "-", "_")
	return runsByName(key) || commandByName(key) || slices.ContainsFunc(nameParts(key), func(p string) bool { return scriptParts[p] })
}

// settingValue is what stands behind the name of a setting that runs, in a text that holds settings: "command: tar cf x".
func settingValue(line []byte) []byte {
	name, value, ok := bytes.Cut(line, []byte(": "))
	name = bytes.TrimSpace(bytes.TrimPrefix(bytes.TrimSpace(name), []byte("- ")))
	if !ok || len(name) > 64 || bytes.ContainsAny(name, " \t") || !settingRuns(string(name)) {
		return nil
	}
	return bytes.TrimSpace(value)
}

var scriptParts = wordSet("script scripts commands hook hooks before after pre post on job jobs task tasks step steps cron do action actions test build start stop")

// configured keeps what a program whose sources run commands may run without naming it: the commands that its settings name, and those
// that scripts of its own call, which it starts by names that it makes.
func (m *maker) configured() {
	if !m.runs || m.Level == Tight {
		return
	}
	for _, p := range slices.Sorted(maps.Keys(m.keep.nodes)) {
		e := m.keep.nodes[p].entry
		if m.ownedBySystem(p) {
			continue
		}
		if e.Shebang != "" && !m.ran[p] && (ownSource(p) || m.isLocal(e)) && !forBuilding.MatchString(p) {
			m.ran[p] = true
			scripts(m, e, strong)
		}
		for _, f := range m.facts(e) {
			if w, ok := strings.CutPrefix(f, factConfigured); ok {
				m.namedCommand(w, e)
			}
		}
	}
}

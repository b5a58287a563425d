package closure

import (
	"bytes"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/inventory"
	"github.com/lighten/lighten/internal/lazy"
)

// Facts of a source, as Distil remembers them: a kind, a space, a name.
const (
	factImport = "import " // a Python module that is imported, dotted; relative ones begin with dots
	factNeeds  = "needs "  // the same, of an [interactive] one without which the source cannot be loaded
	factString = "string " // a string that could be the dotted name of one
	factRun    = "run "    // a word among the strings near a call that runs commands
	factRuns   = "runs"    // there is such a call
)

// maxSource is the size of a source that is read for what it names. Larger ones are generated.
const maxSource = 1 << 20

// Want reports whether [Make] and [inventory.Read] need the content of the file at path, for image.TreeOptions.Keep.
func Want(p string, size int64) bool {
	return inventory.Want(p, size) || size <= maxSource && (path.Base(p) == "package.json" || shellScript(p) && size <= 64<<10)
}

// KeepName names what [Want] and [Distil] keep, for image.TreeOptions. It changes when they do.
const KeepName = inventory.KeepName + ", closure 52"

// Rules say what of an image's files [Make] and [inventory.Read] need, for image.ReadTree.
func Rules() image.TreeOptions {
	return image.TreeOptions{Keep: Want, Distil: Distil, Examine: examine, KeepName: KeepName}
}

// Distil takes from a source what it imports and which commands it names, and from a manifest which packages it describes, for
// image.TreeOptions.Distil.
func Distil(p string, size int64) func([]byte) []string {
	if d := inventory.Distil(p, size); d != nil {
		return d
	}
	if path.Ext(p) == ".class" && size <= maxClass && !notOwn.MatchString(p) {
		return classRunFacts
	}
	if beamModule(p, size) {
		return beamFacts
	}
	if ownSettings(p, size) {
		return func(b []byte) []string { return settingsFacts(b, "") }
	}
	if installedSettings(p, size) {
		return func(b []byte) []string { return settingsFacts(b, factInstalled) }
	}
	if serverSettings(p, size) {
		return func(b []byte) []string {
			facts := map[string]bool{}
			settingsPaths(b, facts)
			askFacts(p, b, facts)
			return slices.Sorted(maps.Keys(facts))
		}
	}
	own := ownSource(p)
	py := strings.HasSuffix(p, ".py")
	perl, program, tool := perlSource(p), maybeProgram(p), toolScript(p, size)
	module := strings.Contains(p, "/node_modules/") && (strings.HasSuffix(p, ".js") || strings.HasSuffix(p, ".cjs") || strings.HasSuffix(p, ".mjs"))
	asked := asks(p)
	if size > maxSource && !program || !own && !py && !perl && !program && !module && !tool && !asked {
		return nil
	}
	return func(b []byte) []string {
		facts := map[string]bool{}
		if size > maxSource || bytes.HasPrefix(b, elfMagic) { // a large one comes in pieces
			if program {
				pathFacts(b, facts, true)
				compiledRunFacts(b, facts)
				seldomFacts(b, facts)
			}
			return slices.Sorted(maps.Keys(facts))
		}
		if tool {
			scriptFacts(b, facts)
		}
		if own || asked {
			askFacts(p, b, facts)
		}
		if own {
			withinFacts(p, b, facts)
		}
		if perl || perlScript(b) {
			perlFacts(b, facts)
		}
		if script := program && !py && pythonScript.Match(b); py || script {
			pythonFacts(b, facts, own)
			if script {
				facts[factCommand] = true
			}
		}
		if own || py && siteDir.MatchString(p) {
			libraryFacts(b, facts, own && py)
		}
		switch {
		case own:
			if path.Ext(p) == ".go" {
				b = goImports.ReplaceAll(b, nil)
			}
			runFacts(b, facts, path.Ext(p))
			pathFacts(b, facts, false)
			if py {
				madePaths(b, facts)
			}
		case py && siteDir.MatchString(p), module && bytes.Contains(b, []byte("child_process")):
			installedFacts(b, facts, path.Ext(p))
		}
		return slices.Sorted(maps.Keys(facts))
	}
}

// goImports are the imports of a source of Go: strings, sort and time are commands as well.
var goImports = lazy.MustCompile(`(?m)^import\s*(?:\([^)]*\)|[^\n(]*$)`)

var (
	importLine = lazy.MustCompile(`^\s*(?:from\s+(\.*[\w.]*)\s+import\s+(.+)|import\s+(.+))`)
	withImport = lazy.MustCompile(`^\s*(?:if|else|try|except|finally|with|def)\b[^"'#]*:\s*((?:from|import)\s.*)`) // it follows on the same line
	moduleName = lazy.MustCompile(`^\.*[A-Za-z_][\w.]*$|^\.+$`)
)

// factCommand tells a program of Python whose name does not say so, such as pip makes for each command of a distribution.
const factCommand = "command of Python"

// pythonFacts finds import statements, at the top and within functions, and strings by which modules may be imported later:
// dotted ones, and in the program's own sources any that could be a name.
func pythonFacts(b []byte, facts map[string]bool, own bool) {
	if bytes.IndexByte(b, 0) >= 0 {
		return // Python refuses such a source, and expressions take long over what is no text
	}
	if bytes.Contains(b, []byte("find_library")) {
		facts[factRun+"ldconfig"] = true // ctypes.util asks it where a library is
	}
	whose := ""
	if !own {
		whose = factInstalled
	}
	if authorityDir.in(b) {
		facts[whose+factPath+"/etc/ssl/certs"] = true
	}
	if lists.in(b) && listing.Match(b) {
		facts[whose+factLists] = true
	}
	if own {
		driverFacts(b, facts)
		walkFacts(b, facts)
	}
	byName := importsByName(b)
	if byName && computesImports(b) {
		facts[whose+factComputes] = true
	}
	more := false              // whether the names of an import go on in further lines
	open := ""                 // the package that they are imported from
	atTop := map[string]bool{} // what is imported -> whether that is so in one of these
	must := false              // an import that is neither in a function nor where its absence is provided for
	add := func(module string) {
		facts[factImport+module] = true
		atTop[module] = atTop[module] || must
		if top, _, _ := strings.Cut(module, "."); must && interactive[top] && !onScreen[top] {
			facts[factNeeds+module] = true
		}
	}
	for line := range bytes.Lines(b) {
		if more {
			for _, n := range importedNames(string(line)) {
				add(open + "." + n)
			}
			more = bytes.IndexByte(line, ')') < 0
			continue
		}
		imports := bytes.Contains(line, []byte("import"))
		var m [][]byte
		if imports { // expressions are slow, and most lines are of no interest
			m = importLine.FindSubmatch(line)
			if m == nil && bytes.IndexByte(line, ':') > 0 {
				if w := withImport.FindSubmatch(line); w != nil {
					m = importLine.FindSubmatch(w[1])
				}
			}
		}
		if m != nil {
			from, names, plain := string(m[1]), string(m[2]), string(m[3])
			must = bytes.HasPrefix(line, []byte("import")) || bytes.HasPrefix(line, []byte("from"))
			if plain != "" {
				for _, n := range importedNames(plain) {
					add(n)
				}
			} else if moduleName.MatchString(from) {
				add(from)
				for _, n := range importedNames(names) { // a name may be a module of the package
					add(strings.TrimSuffix(from, ".") + "." + n)
				}
				if strings.Contains(names, "(") && !strings.Contains(names, ")") {
					more, open = true, strings.TrimSuffix(from, ".")
				}
			}
			continue
		}
		if own && imports {
			importsInText(line, facts)
		}
		if byName && bytes.ContainsAny(line, "{%+") {
			for _, m := range beginning.FindAllSubmatch(line, maxWords) {
				facts[factBegins+string(m[1])] = true
			}
		}
		any := own || imports
		if bytes.IndexByte(line, '.') < 0 && !any && !byName || !bytes.ContainsAny(line, `"'`) {
			continue
		}
		for name := range dottedNames(line) {
			if any || bytes.IndexByte(name, '.') > 0 {
				facts[factString+string(name)] = true
			} else if byName {
				facts[factInstalled+factString+string(name)] = true
			}
		}
	}
	must = false // a call is no statement
	if byName {
		for _, m := range namedImport.FindAllSubmatch(b, maxWords) {
			add(string(m[1]))
		}
	}
	for module, must := range atTop {
		if !must && !own {
			facts[factLater+module] = true
		}
	}
}

// namedImport is a call that imports what a literal text names: a statement in other words.
var namedImport = lazy.MustCompile(`\b(?:import_module|__import__)\(\s*["'](\.*[A-Za-z_][\w.]*)["']\s*[,)]`)

// lists is what a source has that [listing] may match.
var lists = anywhere("distributions(", "entry_points(", "working_set")

// authorityDir is by which sources name the directory of certificate authorities without its path (ssl.get_default_verify_paths).
var authorityDir = atWord("get_default_verify_paths", "capath")

// importedNames takes "a as b, (c.d" apart.
func importedNames(s string) []string {
	var names []string
	s, _, _ = strings.Cut(s, "#")
	s, _, _ = strings.Cut(s, ";")
	for part := range strings.SplitSeq(strings.Trim(s, " \t\r\n()\\"), ",") {
		if f := strings.Fields(strings.Trim(part, " ();\\")); len(f) > 0 && moduleName.MatchString(f[0]) {
			names = append(names, f[0])
		}
	}
	return names
}

// runs are calls by which programs of common languages run commands.
var runs = slices.Concat(
	anywhere("subprocess", "os.system", "os.popen", "os.exec", "child_process", "execa", "execFile", "execSync", "shutil.which", "spawn", "Popen", "check_output", "check_call",
		"shell_exec", "passthru", "proc_open", "pcntl_exec", "ProcessBuilder", "getRuntime().exec", "qx{", "qx(", "qx/", "Open3", "Command::new", "exec.Command",
		"System.cmd", "System.shell", "Port.open", "os:cmd", "os.cmd", "open_port", "MuonTrap", // Elixir and Erlang
		"System.Process", "Sys.command", "Unix.open_process", "Unix.create_process", "Lwt_process", // Haskell and OCaml
		"sys.process", "clojure.java.shell", "Process.Start", "Process.run", "execCmd", "startProcess", // Scala, Clojure, .NET, Crystal and Dart, Nim
		"run-program", "open-input-pipe", "open-output-pipe", "open-pipe", "(system ", "(system* ", "(process ", "process_create", "| getline"), // Lisp, Scheme, Racket, Prolog, awk
	atWord("system(", "exec(", "popen("),
)

// processes are what scripts of Node.js, Deno and Bun run commands by.
var processes = anywhere("child_process", "execa", "shelljs", "cross-spawn", "Deno.Command", "Deno.run", "Bun.spawn")

// forBrowsers tells a call in a script without [processes] that runs nothing: RegExp.exec, a method that is called system, what is packed into
// long lines.
func forBrowsers(b []byte, at int) bool {
	end := min(len(b), at+maxWritten/2)
	return at > 0 && b[at-1] == '.' || bytes.HasPrefix(b[at:], []byte("system(")) ||
		at > maxWritten/2 && bytes.IndexByte(b[at-maxWritten/2:at], '\n') < 0 && bytes.IndexByte(b[at:end], '\n') < 0
}

// maxWritten is how long a line is, in bytes, that nobody writes.
const maxWritten = 1 << 10

var (
	quoted   = lazy.MustCompile("\"[^\"\\n]+\"|'[^'\\n]+'|`[^`\\n]+`")
	wordRule = lazy.MustCompile(`/?[A-Za-z0-9_][A-Za-z0-9_./+-]*`)
)

// backticks are the extensions of languages in which `date` runs a command, and a call's arguments need no parentheses. In PHP's most are
// MySQL's, which encloses names so.
var backticks = map[string]bool{".rb": true, ".pl": true, ".pm": true}

var shellRuns = slices.Concat(phrasesOf(inCode, []string{"`", "%x"}), atWord("system ", "exec ", "popen "))

// shellCalls are those by which a language, by its sources' extension, has a shell run a command, which it finds by this path.
var shellCalls = map[string]phrases{
	".py":  atWord("shell=True", "os.system(", "os.popen(", "getoutput(", "getstatusoutput(", "create_subprocess_shell("),
	".lua": atWord("io.popen", "os.execute"),
	".php": atWord("shell_exec(", "exec(", "system(", "passthru(", "popen("),
	".rkt": anywhere("(system ", "(process "), ".scm": anywhere("(system ", "open-input-pipe", "open-output-pipe", "open-pipe"), ".awk": anywhere("getline", "system("),
}

// maxWidth is how far, in bytes, before a word the sign of a comment is looked for.
const maxWidth = 200

// inCode tells what stands in no line that is a comment: those have commands and names in backticks as well.
func inCode(b []byte, at int) bool {
	line := b[max(0, at-maxWidth):at]
	line = line[bytes.LastIndexByte(line, '\n')+1:]
	return !bytes.HasPrefix(bytes.TrimLeft(line, " \t"), []byte("#"))
}

// wordList is a list of words, or a command, as Ruby and Perl write them: %w[wc -c], %x(date), qw(wc -c).
var wordList = lazy.MustCompile(`(?:%[wWx]|\bq[wx])\s?[\[({</|!]([^\])}>/|!\n]+)`)

// nearby is how many lines a call's arguments may take.
const nearby = 5

// runFacts finds words that may be commands in a source that runs some: every word in the strings of lines near such a call,
// and elsewhere strings that are one word, and words that begin a command in others. The source's extension tells its language.
func runFacts(b []byte, facts map[string]bool, ext string) {
	seldomFacts(b, facts)
	bareFacts(b, facts, ext)
	calls := runs.starts(b)
	if scripted[ext] && !processes.in(b) {
		calls = slices.DeleteFunc(calls, func(at int) bool { return forBrowsers(b, at) })
	}
	if backticks[ext] {
		calls = append(calls, shellRuns.starts(b)...)
		slices.Sort(calls)
	}
	if len(calls) == 0 {
		return
	}
	facts[factRuns] = true
	if shellCalls[ext].in(b) {
		facts[factRun+"/bin/sh"] = true
	}
	add := exceptOrdinary(runAdder(facts), b, ext)
	left, end := 0, 0
	for line := range bytes.Lines(b) {
		end += len(line)
		for ; len(calls) > 0 && calls[0] < end; calls = calls[1:] {
			left = nearby
		}
		left--
		if left >= 0 && backticks[ext] {
			for _, list := range wordList.FindAllSubmatch(line, -1) {
				for _, w := range wordRule.FindAll(list[1], -1) {
					add(w)
				}
			}
		}
		if !bytes.ContainsAny(line, "\"'`") {
			continue
		}
		for _, q := range quoted.FindAll(line, -1) {
			text := withoutImports(q[1 : len(q)-1])
			words := wordRule.FindAll(text, -1)
			if left < 0 && (len(words) != 1 || len(words[0]) != len(q)-2) { // a function of the program may run it: sh("git log | head")
				if !documents(line) {
					for w := range leadingWords(text) {
						add(w)
					}
				}
				continue
			}
			for _, w := range words {
				add(w)
			}
		}
	}
	delimiters := otherDelimiters
	if ext == ".py" {
		delimiters = pythonDelimiters
	}
	for line := range textLines(b, delimiters) {
		line = withoutImports(line)
		for w := range leadingWords(line) {
			add(w)
		}
		for w := range leadingWords(settingValue(line)) {
			add(w)
		}
	}
	moduleRuns(b, facts)
}

// moduleRuns finds the modules of Python that a source runs.
func moduleRuns(b []byte, facts map[string]bool) {
	if !bytes.Contains(b, []byte("-m")) {
		return
	}
	for _, m := range moduleRun.FindAllSubmatch(b, -1) {
		facts[factImport+string(m[1])] = true
		facts[factImport+string(m[1])+"."+mainModule] = true
	}
}

// importStatement is one of Python within a text: programs give such to python -c, while ImageMagick's command import, which brings its
// libraries and fonts, has options.
var importStatement = lazy.MustCompile(`(?:\bfrom\s+[\w.]+\s+)?\bimport\s+[A-Za-z_][\w.]*(?:\s+as\s+\w+)?(?:\s*,\s*[A-Za-z_][\w.]*(?:\s+as\s+\w+)?)*\s*(?:[;#\\]|$)`)

// importsInText finds the modules that the strings of a line import: a program gives such a text to python -c, or to exec.
func importsInText(line []byte, facts map[string]bool) {
	for _, q := range quoted.FindAll(line, -1) {
		for _, statement := range importStatement.FindAll(q[1:len(q)-1], -1) {
			if m := importLine.FindSubmatch(bytes.TrimRight(statement, "\\")); m != nil {
				importFacts(m, facts)
			}
		}
	}
}

// importFacts notes what a statement imports, whose groups are a package, the names from it, and the names of a plain one.
func importFacts(groups [][]byte, facts map[string]bool) {
	from := string(groups[1])
	if from != "" {
		facts[factImport+from] = true
		from += "."
	}
	for _, n := range importedNames(string(groups[2]) + string(groups[3])) {
		facts[factImport+from+n] = true
	}
}

func withoutImports(text []byte) []byte {
	if !bytes.Contains(text, []byte("import ")) {
		return text
	}
	return importStatement.ReplaceAll(text, nil)
}

// maxWords bounds the words that are remembered of one source.
const maxWords = 4096

// runAdder returns what adds a word that may be a command to facts, up to maxWords new ones.
func runAdder(facts map[string]bool) func(word []byte) {
	n := 0
	return func(w []byte) {
		if n < maxWords && !facts[factRun+string(w)] {
			facts[factRun+string(w)] = true
			n++
		}
	}
}

// moduleRun is a module of Python that is run: python -m NAME, the same as a list, or behind what sys.executable gives.
var moduleRun = lazy.MustCompile(`(?:["']-m["']\s*,\s*["']|(?:\bpython[0-9.]*|["'}]) -m )([A-Za-z_][\w.]*)`)

// runsCommands tells cheaply whether a source of Python may run commands: few of what is installed do.
func runsCommands(b []byte) bool {
	for _, w := range []string{"subprocess", "os.system", "os.popen", "shutil.which"} {
		if bytes.Contains(b, []byte(w)) {
			return true
		}
	}
	return false
}

// sources are files that a person wrote for a program.
var sources = lazy.MustCompile(`\.(?:py|js|mjs|cjs|ts|rb|php|pl|pm|sh|lua|tcl|scm|lisp|R|r|Rmd|qmd|exs?|erl|java|kts?|scala|clj|groovy|cs|fs|swift|cr|nim|jl|hs|ml|dart|go|rs|rkt|prolog|awk|zig|cljc|fsx|m)$|/[^./]+$`)

var notOwn = lazy.MustCompile(`^/(?:usr/(?:lib|share|bin|sbin|include|lib64|libexec)|lib|lib64|bin|sbin|etc|var|proc|sys|dev|run|tmp|boot)/|` +
	`/(?:site|dist)-packages/|/node_modules/|^/usr/local/(?:lib|include|share|go)/|/vendor/|/(?:Docker|Container|Jenkins|Vagrant|Earth)file$`) // which say how images are made

// ownSource tells what is likely a source of the program itself and not of what was installed.
func ownSource(p string) bool {
	for _, dir := range []string{"/var/www/", "/usr/lib/cgi-bin/", "/var/task/"} { // where web servers and AWS Lambda have programs
		if rest, ok := strings.CutPrefix(p, dir); ok {
			p = "/srv/" + rest
		}
	}
	return sources.MatchString(p) && !notOwn.MatchString(p)
}

// shellScript tells what may be a shell script that names commands: by its name, or without one where programs lie.
func shellScript(p string) bool {
	return strings.HasSuffix(p, ".sh") || path.Ext(p) == "" && ownSource(p) || path.Ext(p) == ".cgi" && !notOwn.MatchString(p) || strings.HasPrefix(p, "/usr/lib/cgi-bin/") ||
		crontab(p)
}

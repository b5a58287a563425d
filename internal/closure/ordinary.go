package closure

import (
	"bytes"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/lighten/lighten/internal/flow"
	"github.com/lighten/lighten/internal/lazy"
)

// ordinary are names of commands that are words of English, of SQL, of HTML or of programming as well, or abbreviations of languages and
// units: "display" is a property of CSS far more often than the command of ImageMagick, which brings 36 MB. Such a word alone says
// nothing: it counts where a command stands. Words whose command is small beside what every image has are not here.
var ordinary = wordSet(`
	animate compare composite conjure convert display identify import montage stream
	ar as cc c++ cpp elfedit gold gprof ld make nm patch scalar size strings strip
	at batch dot ex file free host ip kill m4 mail node open play prove rec route screen script skill sq ss tc top trust view w watch wish
`)

func wordSet(words string) map[string]bool {
	set := map[string]bool{}
	for w := range strings.FieldsSeq(words) {
		set[w] = true
	}
	return set
}

// evidentWords are the [ordinary] words that stand in a source where a command does; false when that cannot be told.
func evidentWords(b []byte, ext string) (map[string]bool, bool) {
	python := ext == ".py" || ext == "" && pythonScript.Match(b)
	if !python && !scripted[ext] {
		return nil, false
	}
	words := map[string]bool{}
	add := func(text []byte) {
		for w := range leadingWords(text) {
			words[string(w)] = true
		}
	}
	ok := flow.Follow(b, python, flow.Sought{Sink: runsByName, Holds: commandByName, Carries: func(w string) bool { return carriers[w] }, Shell: isShell, Found: func(text []byte, at flow.Position) {
		for line := range bytes.Lines(text) {
			if line = bytes.TrimSpace(withoutImports(line)); at == flow.Rest {
				line = slices.Concat([]byte(" "), line) // its first word goes on with what was before
			}
			at = flow.First
			add(line)
			add(settingValue(line))
		}
	}, Any: func(text []byte, optioned bool) {
		if optioned {
			add(text)
		}
		if shellScriptText.Match(text) {
			for line := range bytes.Lines(text) {
				add(bytes.TrimSpace(line))
			}
			return
		}
		if !scriptLike(text) {
			return
		}
		for line := range bytes.Lines(text) {
			if line = bytes.TrimSpace(withoutImports(line)); commandLine(line) {
				add(line)
			}
		}
	}})
	return words, ok
}

// shellScriptText is a script that a program writes into a file.
var shellScriptText = lazy.MustCompile(`^\s*#!\s*/\S*(?:sh|env (?:-S )?\w*sh)\b`)

var pythonScript = lazy.MustCompile(`^#![^\n]*python`)

// scripted are the extensions of JavaScript and TypeScript.
var scripted = map[string]bool{".js": true, ".mjs": true, ".cjs": true, ".ts": true}

// runParts are words in the names of functions that run commands, or look for them.
var runParts = wordSet(`run runs exec execa execfile execsync spawn popen system shell sh bash which subprocess sudo launch invoke
	execv execve execvp execvpe execl execle execlp execlpe spawnv spawnve spawnvp spawnvpe spawnl spawnle spawnlp spawnlpe spawnsync execfilesync popen2 popen3 posixspawn`)

var runNames = wordSet("call check_call check_output getoutput getstatusoutput command_output find_executable get_bin_path posix_spawn posix_spawnp local")

// askParts and toolParts are words in the names of functions that look for a command, or say that it is needed.
var (
	askParts  = wordSet("find has have check need needs require requires required exists exist available installed locate lookup look resolve detect test is")
	toolParts = wordSet("command cmd program prog tool binary bin executable exe exec app")
)

// runsByName tells a function that runs commands, or asks for them, by its name.
func runsByName(name string) bool {
	parts := nameParts(name)
	has := func(set map[string]bool) bool {
		return slices.ContainsFunc(parts, func(p string) bool { return set[p] })
	}
	return runNames[name] || has(runParts) || has(askParts) && has(toolParts)
}

var commandParts = wordSet("cmd cmds command cmdline bin binary binaries exe executable executables prog argv")

// commandByName tells a variable that holds a command by its name.
func commandByName(name string) bool {
	return slices.ContainsFunc(nameParts(name), func(p string) bool { return commandParts[p] })
}

var (
	plainWord = lazy.MustCompile(`^[A-Za-z']+[.,;:!?)]*$`)
	option    = lazy.MustCompile(`^--?[A-Za-z][\w=-]*`)
	isPath    = lazy.MustCompile(`^(?:~|\.\.?)?/[\w.{$*%-]|^[{$%][\w{}()]*/`)
	operator  = lazy.MustCompile(`^(?:\|\|?|&&|[0-9]?>>?|<|[0-9]?>&[0-9]|2>/dev/null)$`)
)

// commandLine tells a command with its arguments from a sentence: what stands behind the first word up to an option, a path or what a shell
// takes for an operator is no plain word.
func commandLine(line []byte) bool {
	behind := 0 // the command
	for _, w := range strings.Fields(string(line[:min(len(line), 1<<10)])) {
		switch {
		case behind == 0:
			if !carriers[path.Base(w)] && !keywords[w] && w[0] != '-' {
				behind = 1
			}
			continue
		case option.MatchString(w), isPath.MatchString(w), behind > 1 && operator.MatchString(w):
			return true
		case plainWord.MatchString(w):
			return false
		}
		behind++
	}
	return false
}

// exceptOrdinary returns what adds a word that may be a command, but for [ordinary] ones that stand where none does.
func exceptOrdinary(add func(word []byte), b []byte, ext string) func(word []byte) {
	told := sync.OnceValues(func() (map[string]bool, bool) { return evidentWords(b, ext) })
	return func(w []byte) {
		if ordinary[string(w)] {
			if evident, ok := told(); ok && !evident[string(w)] {
				return
			}
		}
		add(w)
	}
}

// scriptLike tells a text of which each line could be a command, or a part of one.
func scriptLike(text []byte) bool {
	goesOn := false
	for line := range bytes.Lines(text) {
		line = bytes.TrimSpace(line)
		if len(line) > 0 && !goesOn && strings.IndexByte("#\"'$./[({})!", line[0]) < 0 && !assignment.Match(line) {
			if _, to := leadingWord(line); to == 0 {
				return false
			}
		}
		goesOn = bytes.HasSuffix(line, []byte("\\"))
	}
	return true
}

var assignment = lazy.MustCompile(`^[A-Za-z_]\w*=`)

// nameParts are the words of which a name is made: run_command, runCommand.
func nameParts(name string) []string {
	var b strings.Builder
	for i, c := range name {
		if i > 0 && c >= 'A' && c <= 'Z' && name[i-1] >= 'a' && name[i-1] <= 'z' {
			b.WriteByte('_')
		}
		b.WriteRune(c)
	}
	return strings.FieldsFunc(strings.ToLower(b.String()), func(c rune) bool { return c == '_' || c == '$' })
}

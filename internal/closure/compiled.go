package closure

import (
	"bytes"
	"debug/elf"
	"io"
	"iter"
	"slices"
	"strings"

	"github.com/lighten/lighten/internal/lazy"
)

// maxCommands bounds the words that are remembered of one compiled program; one that runs commands names a few.
const maxCommands = 256

// runners are functions by which compiled programs run commands, as their names stand in the table of dynamic symbols, or of Go's
// functions: system(3), exec(3), posix_spawn(3), os/exec.
var runners = slices.Concat(
	symbols("system\x00", "popen\x00", "execlp\x00", "execvp\x00", "execvpe\x00", "posix_spawnp\x00"),
	goRunner,
)

var goRunner = anywhere("os/exec.(*Cmd).Start")

// factPiped is a word behind "| " or "&& " in a compiled program: a command, if the program runs some.
const factPiped = "piped "

var (
	leading  = lazy.MustCompile(`(?:^|[;|&(][ \t]*|exec |sudo )([0-9]{0,2}[a-z][a-z0-9_.+-]{0,30})(?:$|[ \t;|&<>)])`)
	longer   = anywhere("exec ", "sudo ")
	pipes    = [][]byte{[]byte("| "), []byte("&& "), []byte("$(")}
	wordHere = lazy.MustCompile(`^[0-9]{0,2}[a-z][a-z0-9_.+-]{0,30}`)
)

// options are those of a carrier, before the command that it runs: xargs -0 -n 1 basename.
var options = lazy.MustCompile(`^(?:(?:-[^ \t]*|[0-9]+|[A-Z_]+=[^ \t]*)[ \t]+)+`)

// keywords are words of a shell behind which a command stands.
var keywords = map[string]bool{"if": true, "then": true, "else": true, "elif": true, "while": true, "until": true, "do": true}

// leadingWords are the words of a line that may be commands: the first, and those behind what begins another command.
func leadingWords(line []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for {
			from, to := leadingWord(line)
			if to == 0 || !yield(line[from:to]) {
				return
			}
			word := line[from:to]
			line = line[to:] // what ends a word may begin the next command
			if carriers[string(word)] || keywords[string(word)] {
				line = bytes.TrimLeft(line, " \t")
				if carriers[string(word)] {
					line = line[len(options.Find(line)):]
				}
			}
		}
	}
}

// leadingWord is where [leading] finds a word; from 0 to 0 if it finds none. Most texts of a program have no sign of a shell in them: then
// it can only be the first, and the expression, which is slow, need not look for it.
func leadingWord(line []byte) (from, to int) {
	if !bytes.ContainsAny(line, ";|&(") && !longer.in(line) {
		n := len(wordHere.Find(line[:min(len(line), 33)]))
		if n < len(line) && strings.IndexByte(" \t<>)", line[n]) < 0 {
			n = 0
		}
		return 0, n
	}
	if m := leading.FindSubmatchIndex(line); m != nil {
		return m[2], m[3]
	}
	return 0, 0
}

// compiledRunFacts finds words that may be commands among the strings of a compiled program: where constants lie, the first word of a
// string, and those that begin a command within it for a shell. Elsewhere symbols have such names, and strings of Go's and Rust's
// programs have no end of their own. What runs commands may give them to a shell.
func compiledRunFacts(b []byte, facts map[string]bool) {
	n := 0
	add := func(kind string, word []byte) {
		if n < maxCommands && len(word) > 0 && !facts[kind+string(word)] {
			facts[kind+string(word)] = true
			n++
		}
	}
	for _, p := range pipes {
		for rest := b; ; {
			i := bytes.Index(rest, p)
			if i < 0 {
				break
			}
			rest = rest[i+len(p):]
			add(factPiped, wordHere.Find(rest[:min(len(rest), 34)]))
		}
	}
	rust := rustRunner.in(b) // one that is linked statically has no other sign
	if !rust && !runners.in(b) {
		return
	}
	facts[factRun+"sh"] = true
	if rust || goRunner.in(b) {
		goRunFacts(b, facts)
	}
	for text := range bytes.SplitSeq(constantsOf(b), []byte{0}) {
		if len(text) < 2 || len(text) > 300 {
			continue
		}
		for w := range leadingWords(text) {
			add(factRun, w)
		}
	}
}

// rustRunner is the source of Rust's library that starts processes, which panics in it name: of this year's release, and of earlier ones.
var rustRunner = anywhere("src/sys/process/unix/unix.rs", "process/process_unix.rs")

// goRunFacts finds words that may be commands among the strings of a program of Go, or of Rust, which refers to them alike: strings of one word, and what begins a command in
// others.
func goRunFacts(b []byte, facts map[string]bool) {
	add := runAdder(facts)
	for text := range goStrings(b) {
		if w := wordRule.Find(text); len(w) > 1 && len(w) == len(text) && len(w) <= 64 {
			add(w)
			continue
		}
		for line := range bytes.Lines(text) {
			for w := range leadingWords(bytes.TrimSpace(line)) {
				add(w)
			}
		}
	}
}

// maxConstants is how much of a program's constants is read, in bytes.
const maxConstants = 1 << 20

// constantsOf is the section of constants of an ELF file; nil when there is none, or the bytes are a piece of a larger file that does
// not hold it.
func constantsOf(b []byte) []byte {
	f, err := elf.NewFile(bytes.NewReader(b))
	if err != nil {
		return nil
	}
	s := f.Section(".rodata")
	if s == nil || s.Type != elf.SHT_PROGBITS {
		return nil
	}
	c, err := io.ReadAll(io.LimitReader(s.Open(), maxConstants))
	if err != nil {
		return nil
	}
	return c
}

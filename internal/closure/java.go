package closure

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/lighten/lighten/internal/inventory"
)

// Bounds on what is read of an archive of Java's classes, in bytes.
const (
	maxArchive = 256 << 20 // a larger one is not read
	maxClass   = 1 << 20   // nor a larger class
	maxClasses = 64 << 20  // of classes taken out of one
)

// examine finds the commands that Java's archives name, and what [inventory.Examine] finds.
func examine(p string, size int64, elf bool) func(io.ReaderAt, int64) []string {
	packages := inventory.Examine(p, size, elf)
	ext := path.Ext(p)
	if ext != ".jar" && ext != ".war" || size > maxArchive || notOwn.MatchString(p) {
		return packages
	}
	return func(r io.ReaderAt, size int64) []string {
		var facts []string
		if packages != nil {
			facts = packages(r, size)
		}
		return append(facts, archiveRunFacts(r, size)...)
	}
}

// archiveRunFacts finds words that may be commands in the classes of an archive: in those that start processes, and in those that
// use one which does. Archives within it are libraries, and are not read.
func archiveRunFacts(r io.ReaderAt, size int64) []string {
	z, err := inventory.OpenZip(r, size)
	if err != nil {
		return nil
	}
	var classes []*class
	runners := map[string]bool{}
	left := int64(maxClasses)
	for _, f := range z.File {
		if path.Ext(f.Name) != ".class" || f.UncompressedSize64 > maxClass || int64(f.UncompressedSize64) > left {
			continue
		}
		left -= int64(f.UncompressedSize64)
		if c := readClass(f); c != nil {
			classes = append(classes, c)
			if c.runs {
				runners[c.name] = true
			}
		}
	}
	facts := map[string]bool{}
	for _, c := range classes {
		if c.runs || slices.ContainsFunc(c.uses, func(u string) bool { return runners[u] }) {
			c.commands(facts)
		}
	}
	return slices.Sorted(maps.Keys(facts))
}

func readClass(f *zip.File) *class {
	r, err := f.Open()
	if err != nil {
		return nil
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, int64(f.UncompressedSize64)))
	if err != nil {
		return nil
	}
	return parseClass(b)
}

// class is what the constants of a compiled class tell.
type class struct {
	name    string   // java/lang/String
	uses    []string // other classes that it names
	strings []string
	runs    bool // it starts processes
}

// parseClass reads the constant pool (JVM specification, 4.4); nil when there is none.
func parseClass(b []byte) *class {
	if len(b) < 10 || binary.BigEndian.Uint32(b) != 0xcafebabe {
		return nil
	}
	n := int(binary.BigEndian.Uint16(b[8:]))
	rest := b[10:]
	texts := make([][]byte, n)
	var classes, literals []int // of texts, by number
	classAt := map[int]int{}
	for i := 1; i < n; i++ {
		if len(rest) < 3 {
			return nil
		}
		size := 0
		switch tag := rest[0]; tag {
		case 1: // Utf8
			size = 2 + int(binary.BigEndian.Uint16(rest[1:]))
			if len(rest) < 1+size {
				return nil
			}
			texts[i] = rest[3 : 1+size]
		case 7, 8: // Class, String
			size = 2
			at := int(binary.BigEndian.Uint16(rest[1:]))
			if at >= n {
				return nil
			}
			if tag == 8 {
				literals = append(literals, at)
			} else {
				classes, classAt[i] = append(classes, at), at
			}
		case 16, 19, 20:
			size = 2
		case 15:
			size = 3
		case 3, 4, 9, 10, 11, 12, 17, 18:
			size = 4
		case 5, 6: // these take two numbers
			size = 8
			i++
		default:
			return nil
		}
		if len(rest) < 1+size {
			return nil
		}
		rest = rest[1+size:]
	}
	if len(rest) < 4 {
		return nil
	}
	c := &class{}
	if at, ok := classAt[int(binary.BigEndian.Uint16(rest[2:]))]; ok {
		c.name = string(texts[at])
	}
	for _, at := range classes {
		c.uses = append(c.uses, string(texts[at]))
	}
	for _, at := range literals {
		c.strings = append(c.strings, string(texts[at]))
	}
	exec := slices.ContainsFunc(texts, func(t []byte) bool { return string(t) == "exec" })
	c.runs = slices.Contains(c.uses, "java/lang/ProcessBuilder") || exec && slices.Contains(c.uses, "java/lang/Runtime")
	return c
}

// commands adds the words of its strings that may be commands: strings of one word, and what begins a command in others.
func (c *class) commands(facts map[string]bool) {
	for _, s := range c.strings {
		if w := wordRule.FindString(s); w == s && w != "" && len(w) <= 64 && len(facts) < maxWords {
			facts[factRun+w] = true
			continue
		}
		for line := range strings.Lines(s) {
			for w := range leadingWords(bytes.TrimSpace([]byte(line))) {
				if len(facts) < maxWords {
					facts[factRun+string(w)] = true
				}
			}
		}
	}
}

// classRunFacts finds the commands of a class that lies by itself.
func classRunFacts(b []byte) []string {
	facts := map[string]bool{}
	if c := parseClass(b); c != nil && c.runs {
		c.commands(facts)
	}
	return slices.Sorted(maps.Keys(facts))
}

// windowsOfJava is the rule that drops what Java draws windows by, which brings GTK and CUPS along. Where DISPLAY is not set it draws into memory
// alone (java.awt.headless), and loads none of it.
const windowsOfJava = "windows of Java, for which there is no screen"

// screen tells whether programs of the image may have one to draw on: that of its environment, or a server of X11 of its own.
func (m *maker) screen() bool {
	for _, v := range m.Tree.Config.Config.Env {
		if strings.HasPrefix(v, "DISPLAY=") {
			return true
		}
	}
	for _, server := range []string{"Xvfb", "Xorg", "Xvnc", "Xtigervnc", "Xephyr"} {
		if m.lookPath(server) != "" {
			return true
		}
	}
	return false
}

// earlierJava is the rule that drops by what Java's compiler compiles for an earlier release (javac --release, JEP 247): a tenth of a run time, of which the
// distribution's has it too.
const earlierJava = "interfaces of earlier releases of Java"

// compilesJava are programs that compile Java, or what runs the compiler within itself.
var compilesJava = wordSet("javac javadoc jdeps jdeprscan jshell mvn gradle ant")

// javaReleases brings the interfaces of earlier releases to a compiler that is run. That it stays says nothing: all of a run time does.
func (m *maker) javaReleases() {
	for _, p := range slices.Sorted(maps.Keys(m.ran)) {
		if !compilesJava[path.Base(p)] || !m.once("interfaces of earlier releases") {
			continue
		}
		for _, pattern := range []string{"/usr/lib/jvm/*/lib/ct.sym", "/opt/*/lib/ct.sym", "/opt/java/*/lib/ct.sym", "/usr/local/*/lib/ct.sym"} {
			m.companion(m.Tree.Get(p), "Java's compiler reads it for --release", pattern)
		}
	}
}

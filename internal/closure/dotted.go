package closure

import (
	"bytes"
	"iter"

	"github.com/lighten/lighten/internal/flow"
)

// dottedNames yields the texts in quotes that could be the dotted name of a Python module; of "module:name" and "ext://module" the module.
// It is `["'](?:ext://)?([A-Za-z_]\w*(?:\.\w+)*)["':]` by hand: most lines of most modules are looked at.
func dottedNames(line []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for {
			i := bytes.IndexAny(line, `"'`)
			if i < 0 {
				return
			}
			line = line[i+1:]
			after, _ := bytes.CutPrefix(line, []byte("ext://"))
			name := dottedName(after)
			if name == nil {
				after, name = line, dottedName(line)
			}
			if name == nil {
				continue
			}
			if !yield(name) {
				return
			}
			line = after[len(name)+1:]
		}
	}
}

// dottedName is the name that b begins with, if a quote or a colon follows it.
func dottedName(b []byte) []byte {
	begins := true // a part of the name
	for n, c := range b {
		switch {
		case flow.WordByte(c) && (n > 0 || c > '9'):
			begins = false
		case begins:
			return nil
		case c == '.':
			begins = true
		case c == '"', c == '\'', c == ':':
			return b[:n]
		default:
			return nil
		}
	}
	return nil
}

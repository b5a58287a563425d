package closure

import (
	"bytes"
	"iter"
)

// delimiters enclose strings of several lines: Python's; text of Java, templates of JavaScript, raw strings of Go.
var (
	pythonDelimiters = [][]byte{[]byte(`"""`), []byte(`'''`)}
	otherDelimiters  = [][]byte{[]byte(`"""`), []byte("`")}
)

// textLines are the lines of the strings of a source that take several: scripts that a program gives to a shell stand in such. What
// documents a function of Python, or the source itself, is none.
func textLines(b []byte, delimiters [][]byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		var end []byte // of the string that goes on; nil: none
		counts := false
		before := byte(':') // how the last line ended that was not empty: a source begins as a function does
		for line := range bytes.Lines(b) {
			line = bytes.TrimSpace(line)
			if end == nil {
				var start int
				if start, end = opens(line, delimiters); end != nil {
					counts = start > 1 || before != ':' // the string may have a letter before it
					if counts && !yield(bytes.TrimSpace(line[start+len(end):])) {
						return
					}
				}
			} else {
				text := line
				at := bytes.Index(line, end)
				if at >= 0 {
					text = line[:at]
					end = nil
				}
				if counts && !yield(bytes.TrimSpace(text)) {
					return
				}
			}
			if len(line) > 0 {
				before = line[len(line)-1]
			}
		}
	}
}

// opens tells where a string begins in a line that does not end in it, and how it will end; nil when none does.
func opens(line []byte, delimiters [][]byte) (start int, end []byte) {
	for from := 0; ; {
		start, end = -1, nil
		for _, d := range delimiters {
			if i := bytes.Index(line[from:], d); i >= 0 && (end == nil || from+i < start) {
				start, end = from+i, d
			}
		}
		if end == nil {
			return 0, nil
		}
		closes := bytes.Index(line[start+len(end):], end)
		if closes < 0 {
			return start, end
		}
		from = start + 2*len(end) + closes
	}
}

// documents tells a line of Python that is a string by itself, which documents what it stands in.
func documents(line []byte) bool {
	line = bytes.TrimSpace(line)
	return bytes.HasPrefix(line, pythonDelimiters[0]) || bytes.HasPrefix(line, pythonDelimiters[1])
}

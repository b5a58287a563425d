package closure

import "github.com/lighten/lighten/internal/lazy"

// bareCommands are where a language has a command in no string, by its sources' extension; the group begins with it.
var bareCommands = map[string]*lazy.Pattern{
	".tcl":    lazy.MustCompile(`\bexec\s+(?:-\w+\s+|--\s+)*([^\]\n]+)`),
	".pl":     lazy.MustCompile(`\bpath\(\s*([a-z]\w*)\s*\)`), // of Prolog's process_create/3
	".prolog": lazy.MustCompile(`\bpath\(\s*([a-z]\w*)\s*\)`),
}

// bareFacts finds commands that stand in no string.
func bareFacts(b []byte, facts map[string]bool, ext string) {
	pattern := bareCommands[ext]
	if pattern == nil {
		return
	}
	add := runAdder(facts)
	for _, m := range pattern.FindAllSubmatch(b, maxWords) {
		facts[factRuns] = true
		for w := range leadingWords(m[1]) {
			add(w)
		}
	}
}

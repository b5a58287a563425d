package closure

import (
	"bytes"
	"slices"

	"github.com/lighten/lighten/internal/flow"
)

// phrases are texts that are sought in many bytes: a regular expression of as many alternatives takes forty times as long, which was a
// third of what carving took.
type phrases []phrase

type phrase struct {
	text  string
	where func(b []byte, at int) bool // whether one that begins at b[at] counts; nil: it does
}

// in reports whether b holds one of them.
func (all phrases) in(b []byte) bool {
	return slices.ContainsFunc(all, func(p phrase) bool {
		for range p.all(b) {
			return true
		}
		return false
	})
}

// starts returns where they begin in b, in order.
func (all phrases) starts(b []byte) []int {
	var starts []int
	for _, p := range all {
		for at := range p.all(b) {
			starts = append(starts, at)
		}
	}
	slices.Sort(starts)
	return starts
}

func (p phrase) all(b []byte) func(yield func(at int) bool) {
	text := []byte(p.text)
	return func(yield func(int) bool) {
		for at := 0; ; at += len(text) {
			i := bytes.Index(b[at:], text)
			if i < 0 {
				return
			}
			at += i
			if (p.where == nil || p.where(b, at)) && !yield(at) {
				return
			}
		}
	}
}

// anywhere, atWord and symbols make phrases: wherever they stand, where a word begins, and after a NUL.
func anywhere(texts ...string) phrases { return phrasesOf(nil, texts) }

func atWord(texts ...string) phrases {
	return phrasesOf(func(b []byte, at int) bool { return at == 0 || !flow.WordByte(b[at-1]) }, texts)
}

func symbols(texts ...string) phrases {
	return phrasesOf(func(b []byte, at int) bool { return at > 0 && b[at-1] == 0 }, texts)
}

func phrasesOf(where func([]byte, int) bool, texts []string) phrases {
	var all phrases
	for _, t := range texts {
		all = append(all, phrase{t, where})
	}
	return all
}

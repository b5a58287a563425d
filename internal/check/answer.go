package check

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"unicode/utf8"
)

// maxPart bounds what a report keeps of each part of an answer, in bytes.
const maxPart = 64 << 10

// Answer is what came back when a check asked; parts that its kind has none of are nil.
type Answer struct {
	Status   int    `json:"status,omitempty"` // of HTTP
	Type     string `json:"type,omitempty"`   // Content-Type
	Location string `json:"location,omitempty"`
	Code     *int   `json:"code,omitempty"` // a command's exit code
	Body     *Part  `json:"body,omitempty"`
	Stdout   *Part  `json:"stdout,omitempty"`
	Stderr   *Part  `json:"stderr,omitempty"`
	Line     *Part  `json:"line,omitempty"` // of the log, the one that matched
}

// Part is a text or bytes of an answer: its beginning, and what tells it from others as a whole.
type Part struct {
	Head   []byte `json:"head,omitempty"` // at most 64 KiB; of what is no text, nothing
	Size   int    `json:"size"`           // bytes that were read, at most 4 MiB
	SHA256 string `json:"sha256"`         // of those
	Binary bool   `json:"binary,omitempty"`

	raw []byte // until [Answer.without]
}

func newPart(b []byte) *Part {
	sum := sha256.Sum256(b)
	p := &Part{Size: len(b), SHA256: hex.EncodeToString(sum[:]), Binary: !isText(b), raw: b}
	if !p.Binary {
		p.Head = b[:min(len(b), maxPart)]
	}
	return p
}

// ignored stands in an answer for what a check says is not to be compared.
const ignored = "<ignored>"

// without replaces what matches a regular expression, which may be "", and lets go of what is no longer needed. a may be nil.
func (a *Answer) without(re string) *Answer {
	if a == nil {
		return nil
	}
	for _, x := range parts {
		p := x.of(a)
		if p == nil {
			continue
		}
		if re != "" {
			*p = *newPart(regexp.MustCompile(re).ReplaceAllLiteral(p.raw, []byte(ignored))) // compiled once before, by Parse
		}
		p.raw = nil
	}
	return a
}

// isText tells whether b is UTF-8 without control characters but those of text and terminals.
func isText(b []byte) bool {
	for _, r := range string(b) {
		if r < ' ' && r != '\n' && r != '\r' && r != '\t' && r != '\f' && r != 0x1b {
			return false
		}
	}
	return utf8.Valid(b)
}

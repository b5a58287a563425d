// Package observe sees which paths a program and its descendants look up, without privilege: the kernel asks before each
// of their system calls that names a path (seccomp user notification, seccomp_unotify(2)), and is told to go on.
package observe

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// recordVersion is that of the JSON of a [Record].
const recordVersion = 1

// Record is what a traced program looked up. Its JSON is versioned.
type Record struct {
	Version  int      // of the JSON form
	Arch     string   // GOARCH
	Phases   []string // when things were looked up: "start", "check 1: GET /", …
	Paths    []Path   // sorted by name, each once
	Listens  []string // addresses that the program accepts connections on, as bound: "tcp 0.0.0.0:5000", "unix /run/x.sock"; sorted
	Setuid   []string // executed programs whose setuid or setgid bit, or file capabilities, no_new_privs disarmed; sorted
	Notes    []string // what else tracing changed for the program; sorted
	Events   int64    // system calls answered
	Unread   int64    // of those, whose path could not be read
	Full     bool     // more distinct paths than the bound: the record is incomplete
	Untraced string   // why nothing (or not all) was traced; "" when all was
}

// Path is a path that was looked up, whether it was found or not: absolute within the tracer's root, relative ones
// joined with the working or given directory. Symbolic links of its components are not resolved, nor is a ".." after
// a component that could be one. Numbers below /proc are "*".
type Path struct {
	Name  string // raw bytes, not always UTF-8
	Ops   Ops
	Phase int    // index into Phases: when first
	By    string // program (path given to execve) that looked it up first
}

// Ops says in which ways a path was looked up.
type Ops uint16

// The ways to look a path up.
const (
	Open     Ops = 1 << iota // opened for reading
	Stat                     // asked for metadata, extended attributes included
	Readlink                 // asked for a link's target
	Access                   // asked for permission
	List                     // directory entries read
	Exec                     // executed
	Write                    // opened for writing, created, removed, renamed, metadata changed
	Chdir                    // made the working or root directory
	Connect                  // socket connected to

	allOps = 1<<iota - 1
)

var opWords = [...]string{"open", "stat", "readlink", "access", "list", "exec", "write", "chdir", "connect"}

// Has tells whether all of ops are among o.
func (o Ops) Has(ops Ops) bool { return o&ops == ops }

// Words names the ops, in the order of their constants.
func (o Ops) Words() []string {
	var words []string
	for i, w := range opWords {
		if o&(1<<i) != 0 {
			words = append(words, w)
		}
	}
	return words
}

func (o Ops) String() string { return strings.Join(o.Words(), ",") }

// MarshalJSON writes a list of words.
func (o Ops) MarshalJSON() ([]byte, error) {
	if o&^allOps != 0 {
		return nil, fmt.Errorf("unknown ops %#x", uint16(o&^allOps))
	}
	b := []byte{'['}
	for i, w := range o.Words() {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, '"'), w...), '"')
	}
	return append(b, ']'), nil
}

// UnmarshalJSON reads what MarshalJSON writes: known words, each once, in order.
func (o *Ops) UnmarshalJSON(b []byte) error {
	var words []string
	if err := json.Unmarshal(b, &words); err != nil {
		return err
	}
	*o = 0
	for _, w := range words {
		i := slices.Index(opWords[:], w)
		if i < 0 {
			return fmt.Errorf("unknown op %q", w)
		}
		if op := Ops(1) << i; *o >= op {
			return fmt.Errorf("op %q is out of order", w)
		}
		*o |= 1 << i
	}
	return nil
}

// text is a string of any bytes: a JSON string when it is UTF-8, else {"base64": …}.
type text string

type rawText struct {
	Base64 []byte `json:"base64"`
}

func (s text) MarshalJSON() ([]byte, error) {
	if utf8.ValidString(string(s)) {
		return json.Marshal(string(s))
	}
	return json.Marshal(rawText{[]byte(s)})
}

func (s *text) UnmarshalJSON(b []byte) error {
	if len(b) == 0 || b[0] != '{' {
		return json.Unmarshal(b, (*string)(s))
	}
	var raw rawText
	if err := strictly(b, &raw); err != nil {
		return err
	}
	if utf8.Valid(raw.Base64) {
		return fmt.Errorf("%q needs no base64", raw.Base64)
	}
	*s = text(raw.Base64)
	return nil
}

// recordJSON and pathJSON are the forms in JSON.
type recordJSON struct {
	Version  int        `json:"version"`
	Arch     string     `json:"arch"`
	Phases   []text     `json:"phases"`
	Paths    []pathJSON `json:"paths"`
	Listens  []text     `json:"listens,omitempty"`
	Setuid   []text     `json:"setuid,omitempty"`
	Notes    []text     `json:"notes,omitempty"`
	Events   int64      `json:"events"`
	Unread   int64      `json:"unread,omitempty"`
	Full     bool       `json:"full,omitempty"`
	Untraced text       `json:"untraced,omitempty"`
}

type pathJSON struct {
	Name  text `json:"name"`
	Ops   Ops  `json:"ops"`
	Phase int  `json:"phase"`
	By    text `json:"by,omitempty"`
}

// MarshalJSON writes the versioned form that [ParseRecord] reads.
func (r Record) MarshalJSON() ([]byte, error) {
	j := recordJSON{r.Version, r.Arch, texts[text](r.Phases), make([]pathJSON, len(r.Paths)), texts[text](r.Listens), texts[text](r.Setuid),
		texts[text](r.Notes), r.Events, r.Unread, r.Full, text(r.Untraced)}
	for i, p := range r.Paths {
		j.Paths[i] = pathJSON{text(p.Name), p.Ops, p.Phase, text(p.By)}
	}
	return json.Marshal(j)
}

// UnmarshalJSON reads as [ParseRecord] does.
func (r *Record) UnmarshalJSON(b []byte) error {
	p, err := ParseRecord(b)
	if err == nil {
		*r = *p
	}
	return err
}

func texts[T, F ~string](from []F) []T {
	if from == nil {
		return nil
	}
	to := make([]T, len(from))
	for i, s := range from {
		to[i] = T(s)
	}
	return to
}

// Bounds of a record that is read. A path is at most a directory and a text of PATH_MAX each.
const (
	maxRecord = 1 << 30 // bytes
	maxName   = 2 * pathMax
	maxPhases = 100_000
	maxExtra  = 100_000 // listens, setuid, notes
)

// ParseRecord reads a record's JSON and checks it: it was made beside a program that may have been hostile. Errors say
// what is wrong; an unknown version is one.
func ParseRecord(b []byte) (*Record, error) {
	r, err := parseRecord(b)
	if err != nil {
		return nil, fmt.Errorf("reading the record of the traced program: %w", err)
	}
	return r, nil
}

func parseRecord(b []byte) (*Record, error) {
	if len(b) > maxRecord {
		return nil, fmt.Errorf("%d bytes are more than the bound of %d", len(b), maxRecord)
	}
	var version struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(b, &version); err != nil {
		return nil, err
	}
	if version.Version != recordVersion {
		return nil, fmt.Errorf("version %d is unknown: this is version %d of the format; trace again with this lighten", version.Version, recordVersion)
	}
	var j recordJSON
	if err := strictly(b, &j); err != nil {
		return nil, err
	}
	r := &Record{j.Version, j.Arch, texts[string](j.Phases), make([]Path, len(j.Paths)), texts[string](j.Listens), texts[string](j.Setuid),
		texts[string](j.Notes), j.Events, j.Unread, j.Full, string(j.Untraced)}
	programs := map[string]string{} // few programs look up many paths
	for i, p := range j.Paths {
		by, ok := programs[string(p.By)]
		if !ok {
			by = string(p.By)
			programs[by] = by
		}
		r.Paths[i] = Path{string(p.Name), p.Ops, p.Phase, by}
	}
	return r, r.check()
}

// strictly decodes exactly one value without unknown keys.
func strictly(b []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more follows the record's end")
	}
	return nil
}

func (r *Record) check() error {
	if len(r.Phases) > maxPhases {
		return fmt.Errorf("%d phases are more than the bound of %d", len(r.Phases), maxPhases)
	}
	if r.Events < 0 || r.Unread < 0 {
		return errors.New("counts are negative")
	}
	for i, p := range r.Paths {
		if err := p.check(len(r.Phases)); err != nil {
			return fmt.Errorf("path %d %.80q: %w", i, p.Name, err)
		}
		if i > 0 && r.Paths[i-1].Name >= p.Name {
			return fmt.Errorf("path %d %.80q is not after %.80q", i, p.Name, r.Paths[i-1].Name)
		}
	}
	for what, list := range map[string][]string{"listens": r.Listens, "setuid": r.Setuid, "notes": r.Notes} {
		if len(list) > maxExtra || !slices.IsSorted(list) || len(slices.Compact(slices.Clone(list))) != len(list) {
			return fmt.Errorf("%s is not a sorted list of at most %d", what, maxExtra)
		}
	}
	return nil
}

func (p Path) check(phases int) error {
	switch {
	case !strings.HasPrefix(p.Name, "/"):
		return errors.New("is not absolute")
	case len(p.Name) > maxName || len(p.By) > maxName:
		return fmt.Errorf("is longer than %d bytes", maxName)
	case strings.ContainsRune(p.Name, 0) || strings.ContainsRune(p.By, 0):
		return errors.New("holds a zero byte")
	case p.Ops == 0:
		return errors.New("was looked up in no way")
	case p.Phase < 0 || p.Phase >= phases:
		return fmt.Errorf("phase %d is none of %d", p.Phase, phases)
	}
	return nil
}

// Package flow tells which strings of a source of Python or JavaScript reach certain calls: as arguments, by variables, attributes and keys
// of the same name, by parameters of the source's own functions and by what these return. It reads roughly, without a grammar, and finds
// rather more than less.
package flow

import (
	"slices"
	"strings"
)

// Sought is what strings are followed to.
type Sought struct {
	Sink  func(name string) bool           // a function that takes it, by its last name
	Holds func(name string) bool           // a variable that holds it, by its name
	Found func(text []byte, at Position)   // is told of each string that reaches one, maybe several times
	Any   func(text []byte, optioned bool) // nil, or is told of every string; optioned: the first of a list in which options follow

	// Parts says that all of a text is sought, such as "lib" + name + ".so". Otherwise it is what stands first, and further on what stands
	// behind a word that Carries or Shell tells.
	Parts   bool
	Carries func(word string) bool // a command that runs another one
	Shell   func(word string) bool // one that runs a text
}

// Position is how a string stands where it was found.
type Position int

// The positions.
const (
	First  Position = iota // what runs: the first of a list, or of several arguments
	Rest                   // goes on with that
	Script                 // given to a shell
)

// flow is a source that is followed.
type flow struct {
	b      []byte
	tokens []token
	python bool
	Sought

	functions map[string][]*function
	owners    []*function      // by scope
	wanted    map[key]mode     // variables of which the values reach a call
	returned  map[string]mode  // functions of which the results do
	takes     map[string][]int // the source's own functions that give a parameter on: its index; -1 - i: all from i on
	params    map[string]bool  // wanted parameters
	aliases   map[string]bool  // other names of sinks
	sinks     map[string]bool  // by name, as far as it was asked
	done      map[[2]int]bool
	changed   bool
	work      int
}

// mode is how a value is used: as it is, or one of what it holds.
type mode int

const (
	asNamed mode = iota + 1 // as it is, for what the variable's name says
	direct                  // as it is
	each                    // one of what it holds
	deep                    // one of what those hold: for NAME, COMMAND in LIST
)

// key is a variable of a function (0: of none), or with [attribute] an attribute, key or keyword.
type key struct {
	scope int
	name  string
}

const attribute = -1

type function struct {
	name   string
	scope  int // its own
	parent int
	params []string
}

// maxWork bounds how many tokens are looked at.
const maxWork = 4 << 20

// Follow tells of each string that reaches a call. It returns false when the source cannot be read, or takes too long: then nothing is known of
// those that it did not tell of.
func Follow(b []byte, python bool, what Sought) bool {
	tokens, ok := tokensOf(b, python)
	if !ok {
		return false
	}
	f := &flow{
		b: b, tokens: tokens, python: python, Sought: what, functions: map[string][]*function{}, owners: []*function{nil},
		wanted: map[key]mode{}, returned: map[string]mode{}, takes: map[string][]int{}, aliases: map[string]bool{}, params: map[string]bool{}, sinks: map[string]bool{}, done: map[[2]int]bool{},
	}
	f.findFunctions()
	f.findAliases()
	if f.Any != nil {
		f.strings()
	}
	for f.changed = true; f.changed && f.work < maxWork; {
		f.changed = false
		for i := range f.tokens {
			f.visit(i)
		}
		f.work += len(f.tokens)
	}
	return f.work < maxWork
}

// strings tells of every string.
func (f *flow) strings() {
	for i, t := range f.tokens {
		if t.kind == 's' {
			f.Any(f.text(i), (f.is(t.within, '[') || f.is(t.within, '(')) && i == f.skip(t.within+1) && f.hasOption(i+1, f.tokens[t.within].pair))
		}
	}
}

// skip is the next token that is no end of a line.
func (f *flow) skip(i int) int {
	for f.is(i, '\n') {
		i++
	}
	return i
}

func (f *flow) hasOption(from, to int) bool {
	for i := from; i < to && f.work < maxWork; i++ {
		f.work++
		if f.is(i, 's') && option.Match(f.text(i)) {
			return true
		}
	}
	return false
}

func (f *flow) is(i int, kind byte) bool {
	return i >= 0 && i < len(f.tokens) && f.tokens[i].kind == kind
}

// word is a name; "" for anything else.
func (f *flow) word(i int) string {
	if !f.is(i, 'n') {
		return ""
	}
	return string(f.b[f.tokens[i].from:f.tokens[i].to])
}

func (f *flow) text(i int) []byte { return f.b[f.tokens[i].from:f.tokens[i].to] }

// visit looks at one token: does a call begin here, or does something get a value?
func (f *flow) visit(i int) {
	t := f.tokens[i]
	switch {
	case t.kind == '(':
		f.call(i)
	case t.kind == 's' && f.is(i+1, ':') && t.within >= 0 && f.is(t.within, '{'):
		f.given(key{attribute, string(f.text(i))}, i+2)
	case t.kind == 's' && f.is(i+1, ',') && f.is(t.within, '(') && f.wanted[key{attribute, string(f.text(i))}] != 0: // setdefault("NAME", "value")
		f.values(i+2, f.end(i+2, true), direct, false)
	case t.kind == 'n' && f.is(i+1, 's') && !f.python && (f.word(i) == "$" || f.isSink(f.word(i))): // $`convert ${a} b`
		f.Found(f.text(i+1), First)
		f.inText(f.text(i+1), t.scope)
	case t.kind == ']' && f.is(i+1, '=') && !f.is(i+2, '=') && t.pair > 0:
		f.element(t.pair, i+2)
	case t.kind == 'n' && f.isSink(f.word(i)) && f.is(i+1, ',') && t.within >= 0 && f.is(t.within, '('): // executor.submit(subprocess.run, [...])
		f.values(i+2, f.tokens[t.within].pair, direct, true)
	case t.kind == 'n':
		f.name(i)
	}
}

// name looks at a name that may be given a value.
func (f *flow) name(i int) {
	t, word := f.tokens[i], f.word(i)
	switch {
	case word == "return" || word == "yield":
		if o := f.owners[t.scope]; o != nil {
			m := f.returned[o.name]
			if m == 0 && f.Holds(o.name) {
				m = asNamed
			}
			if m != 0 {
				f.values(i+1, f.end(i+1, false), m, false)
			}
		}
		return
	case word == "for":
		f.loop(i)
		return
	}
	k := key{t.scope, word}
	if f.is(i-1, '.') {
		k.scope = attribute
	}
	switch next := i + 1; {
	case f.is(next, '=') && !f.is(next+1, '=') && !f.is(next+1, '>'):
		if t.within >= 0 && f.is(t.within, '(') && f.callee(t.within) != "" && !f.declares(t.within) {
			k.scope = attribute // a keyword
			if word == "default" {
				f.option(t.within, next+1)
			}
		}
		f.given(k, next+1)
	case f.is(next, '+') && f.is(next+1, '=') || f.is(next, ':') && f.is(next+1, '=') || f.is(next, '|') && f.is(next+1, '='):
		f.given(k, next+2)
	case f.is(next, ':') && f.python && (t.within < 0 || f.declares(t.within)): // with its type
		if at := f.equals(next + 1); at > 0 {
			f.given(k, at)
		}
	case f.is(next, ':') && !f.python && t.within >= 0 && f.is(t.within, '{'):
		f.given(key{attribute, word}, next+1)
	case f.is(next, '.') && f.is(next+2, '('):
		if m := f.wanted[k]; m != 0 {
			switch f.word(next + 1) {
			case "insert", "unshift":
				f.values(next+3, f.tokens[next+2].pair, m, true)
			case "append", "push", "add", "extend":
				if m == each {
					f.values(next+3, f.tokens[next+2].pair, m, true)
				}
			}
		}
	}
}

// option looks at the default of an option, which gives an attribute or a parameter of its name: add_argument("--editor", default="vi").
func (f *flow) option(call, value int) {
	for i := call + 1; i < value; i++ {
		name, dashes := strings.CutPrefix(string(f.textAt(i)), "--")
		if name = strings.ReplaceAll(name, "-", "_"); dashes && (f.params[name] || f.wanted[key{attribute, name}] != 0 || f.Holds(name)) {
			f.values(value, f.end(value, true), direct, false)
			return
		}
	}
}

// textAt is a string; nil for anything else.
func (f *flow) textAt(i int) []byte {
	if !f.is(i, 's') {
		return nil
	}
	return f.text(i)
}

// element looks at a value that an element of a variable gets: NAME["key"] = VALUE.
func (f *flow) element(bracket, value int) {
	k := key{f.tokens[bracket].scope, f.word(bracket - 1)}
	if f.is(bracket-2, '.') {
		k.scope = attribute
	}
	if m := f.wanted[k]; k.name != "" && m != 0 {
		f.values(value, f.end(value, f.tokens[bracket].within >= 0), min(m, direct), false)
	} else if f.is(bracket+1, 's') && f.tokens[bracket].pair == bracket+2 {
		f.given(key{attribute, string(f.text(bracket + 1))}, value)
	}
}

// equals finds the value behind a type: NAME: TYPE = VALUE.
func (f *flow) equals(i int) int {
	for n := 0; n < 32 && i < len(f.tokens); n++ {
		switch t := f.tokens[i]; {
		case t.kind == '=':
			return i + 1
		case t.kind == '\n' || t.kind == ',' || t.kind == ')':
			return 0
		case t.pair > i:
			i = t.pair
		}
		i++
	}
	return 0
}

// given looks at a value that a variable gets.
func (f *flow) given(k key, from int) {
	m := f.wanted[k]
	if m == 0 && k.scope > 0 { // an attribute of a class stands in its body, and is of the same name
		m = f.wanted[key{attribute, k.name}]
	}
	if m == 0 && k.scope == 0 {
		m = f.wanted[key{attribute, k.name}]
	}
	if m == 0 && f.Holds(k.name) {
		m = asNamed
	}
	if m != 0 {
		f.values(from, f.end(from, f.tokens[from-1].within >= 0), m, false)
	}
}

// loop looks at what a loop goes through: for NAME, NAME in VALUES.
func (f *flow) loop(i int) {
	any, names := false, 0
	for n := i + 1; n < len(f.tokens) && n < i+16; n++ {
		switch w := f.word(n); {
		case w == "in" || w == "of":
			m := each
			if names > 1 {
				m = deep
			}
			if any {
				f.values(n+1, f.end(n+1, f.tokens[i].within >= 0), m, false)
			}
			return
		case w != "":
			names++
			any = any || f.wanted[key{f.tokens[n].scope, w}] != 0
		case f.is(n, ':') || f.is(n, '\n'):
			return
		}
	}
}

// end is where an expression ends that begins at a token. One in brackets goes on over lines, to a comma.
func (f *flow) end(i int, inside bool) int {
	for ; i < len(f.tokens); i++ {
		switch t := f.tokens[i]; t.kind {
		case '(', '[', '{':
			i = t.pair
		case ')', ']', '}', ';':
			return i
		case ',':
			if inside && f.python || !f.python {
				return i
			}
		case '\n':
			if inside && f.python || !f.python && (f.continues(i-1) || f.continues(i+1)) {
				continue
			}
			return i
		case 'n':
			if w := f.word(i); inside && f.python && w == "for" {
				return i
			}
		}
	}
	return i
}

// continues tells a sign at the end or the beginning of a line by which an expression goes on in JavaScript.
func (f *flow) continues(i int) bool {
	return i >= 0 && i < len(f.tokens) && strings.IndexByte("=+.?:&|,", f.tokens[i].kind) >= 0
}

// callee is the last name of what is called by the parenthesis at i; "" when it calls nothing.
func (f *flow) callee(i int) string {
	w := f.word(i - 1)
	if notCalled[w] {
		return ""
	}
	return w
}

var notCalled = map[string]bool{
	"if": true, "in": true, "and": true, "or": true, "not": true, "return": true, "else": true, "while": true, "for": true, "await": true, "yield": true, "is": true,
	"elif": true, "assert": true, "lambda": true, "switch": true, "catch": true, "typeof": true, "of": true, "print": false,
}

// declares tells the parenthesis of parameters from that of arguments.
func (f *flow) declares(i int) bool {
	w := f.word(i - 2)
	return w == "def" || w == "function" || w == "class"
}

func (f *flow) isSink(name string) bool {
	if name == "" {
		return false
	}
	is, ok := f.sinks[name]
	if !ok {
		is = f.aliases[name] || f.Sink(name)
		f.sinks[name] = is
	}
	return is
}

// call looks at the arguments of a call.
func (f *flow) call(i int) {
	name := f.callee(i)
	if name == "" || f.declares(i) {
		return
	}
	if f.isSink(name) {
		f.values(i+1, f.tokens[i].pair, direct, true)
		return
	}
	for n, from := 0, i+1; from < f.tokens[i].pair && len(f.takes[name]) > 0; n++ {
		to := min(f.end(from, true), f.tokens[i].pair)
		if f.is(from, '\n') && to == from {
			to++
		}
		if at, value := f.argument(name, n, from); slices.ContainsFunc(f.takes[name], func(p int) bool { return p == at || p < 0 && at >= -1-p }) {
			f.values(value, to, direct, false)
		}
		from = to + 1
	}
}

// argument is the index of the parameter that takes the nth argument, which begins at from, and where its value begins.
func (f *flow) argument(name string, n, from int) (index, value int) {
	for f.is(from, '\n') {
		from++
	}
	if !f.is(from+1, '=') || f.is(from+2, '=') {
		return n, from
	}
	for _, o := range f.functions[name] {
		if i := slices.Index(o.params, f.word(from)); i >= 0 {
			return i, from + 2
		}
	}
	return -1, from + 2
}

// want notes that what a variable holds reaches a call.
func (f *flow) want(k key, m mode) {
	if f.wanted[k] >= m {
		return
	}
	f.wanted[k], f.changed = m, true
	if k.scope <= 0 {
		return
	}
	o := f.owners[k.scope]
	if n := slices.Index(o.params, k.name); n >= 0 {
		f.takes[o.name] = append(f.takes[o.name], n)
		f.params[k.name] = true
	} else if n := slices.Index(o.params, "*"+k.name); n >= 0 {
		f.takes[o.name] = append(f.takes[o.name], -1-n)
	} else {
		f.want(key{o.parent, k.name}, m)
	}
}

var notVariables = map[string]bool{
	"self": true, "cls": true, "this": true, "if": true, "else": true, "for": true, "in": true, "not": true, "and": true, "or": true, "lambda": true, "await": true, "None": true,
	"True": true, "False": true, "new": true, "null": true, "undefined": true, "is": true, "sys": true, "os": true, "subprocess": true, "async": true, "typeof": true,
}

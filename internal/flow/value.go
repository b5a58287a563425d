package flow

import (
	"bytes"
	"path"

	"github.com/lighten/lighten/internal/lazy"
)

// spot is a bracket of an expression, or the expression itself.
type spot struct {
	kind   byte // its bracket; 's' of a subscript; 0: the expression
	call   bool // around arguments
	ok     bool // what stands here reaches the call
	base   bool // the same, but for a keyword
	lead   bool // and is what runs
	leads  bool // any element may be
	later  bool // but the first argument: os.environ.get("CONVERT", "convert")
	shell  bool // a shell's name stood before
	part   bool // this goes on with what stood before
	runs   bool // what runs another command stood before: sudo
	second bool // this is a call's second argument, after one that is no string
	mode   mode
	index  int
	texts  int
}

// passes are functions that give what they get, or most of it.
var passes = map[string]bool{
	"split": true, "str": true, "quote": true, "list": true, "tuple": true, "join": true, "Path": true, "fspath": true, "encode": true, "format": true, "dedent": true, "strip": true,
	"deque": true, "set": true, "sorted": true, "filter": true, "map": true, "concat": true, "chain": true, "next": true, "iter": true, "any": true, "all": true, "partial": true, "expandvars": true,
	"dict": true, "bytes": true, "sh_quote": true, "reversed": true, "enumerate": true, "zip": true, "render": true, "Template": true, "safe_load": true, "loads": true, "from_string": true, "cast": true, "Field": true, "field": true, "Option": true, "Argument": true,
}

// defaults are functions of which the second argument is what they give otherwise.
var defaults = map[string]bool{"get": true, "getenv": true, "pop": true, "setdefault": true, "getattr": true, "config": true, "env": true, "option": true}

// option is one of a command.
var option = lazy.MustCompile(`^--?[A-Za-z]`)

// commandKeywords are keywords of calls that run something which take what runs.
var commandKeywords = map[string]bool{
	"args": true, "cmd": true, "command": true, "executable": true, "program": true, "argv": true, "commands": true, "script": true, "popenargs": true,
}

// values looks at an expression: what in it reaches a call.
func (f *flow) values(from, to int, m mode, call bool) {
	id := [2]int{from, int(m)}
	if f.done[id] {
		return
	}
	f.done[id] = true
	stack := []spot{{call: call, ok: true, base: true, lead: true, leads: m >= each || f.Parts, mode: m}}
	for i := from; i < min(to, len(f.tokens)) && f.work < maxWork; i++ {
		f.work++
		p := &stack[len(stack)-1]
		switch f.tokens[i].kind {
		case '(', '[', '{':
			stack = append(stack, f.opened(i, p))
		case ')', ']', '}':
			if len(stack) > 1 {
				stack = stack[:len(stack)-1]
				if !f.Parts {
					stack[len(stack)-1].closed(p)
				}
			}
		case ',':
			p.next()
		case ':', '?', '|', '=':
			p.part = false
		case 's':
			f.string(i, p)
		case 'n':
			f.mentioned(i, p)
		}
	}
}

// next goes on to the next element.
func (p *spot) next() {
	p.second = p.call && p.index == 0 && p.texts == 0 // os.spawnlp(os.P_WAIT, "convert", …)
	p.lead = p.leads || p.lead && (p.runs || p.second)
	p.index++
	p.ok, p.part = p.base, false
	if p.later {
		p.ok, p.lead = true, true
	}
}

// closed goes on behind a bracket.
func (p *spot) closed(inner *spot) {
	p.runs = p.runs || inner.runs // ["sudo"] + command
	p.part = !inner.runs
}

func (f *flow) opened(i int, p *spot) spot {
	q := spot{kind: f.tokens[i].kind, ok: p.ok, lead: p.lead && !p.part, mode: p.mode}
	if p.second && !p.leads && !p.runs && (q.kind == '{' || !f.python) { // spawn(command, ["arguments"], {cwd: "x"})
		q.lead = false
	}
	name := f.callee(i)
	after := f.is(i-1, ')') || f.is(i-1, ']') || name != ""
	switch {
	case q.kind == '(' && after:
		q.call = true
		switch {
		case passes[name]:
			q.leads = p.leads
		case defaults[name]:
			q.later, q.ok = q.ok && q.lead, false
		default:
			if q.ok && q.lead && f.returned[name] < p.mode {
				f.returned[name], f.changed = p.mode, true
			}
			q.ok = false
		}
	case q.kind == '[' && (after || f.is(i-1, 's')):
		q.kind, q.lead = 's', p.lead
	case q.kind == '{' && p.mode == asNamed:
		q.ok = false
	case p.mode == deep:
		q.leads, q.mode = q.lead, each
	case q.kind == '{', p.mode == each: // of what it holds any may be chosen, but not of what that holds
		q.leads, q.mode = q.lead, direct
	}
	q.leads = q.leads || f.Parts
	q.base = q.ok
	return q
}

// string looks at a string in an expression.
func (f *flow) string(i int, p *spot) {
	text := f.text(i)
	compared := f.is(i-1, '=') && (f.is(i-2, '=') || f.is(i-2, '!')) || f.word(i-1) == "in"
	if !p.ok || compared || p.kind == '{' && f.is(i+1, ':') {
		return
	}
	if p.kind == 's' {
		if p.lead {
			f.want(key{attribute, string(text)}, p.mode)
		}
		return
	}
	if bytes.HasPrefix(text, []byte("-exec")) { // of find(1)
		p.runs, p.lead, p.part = true, true, false
		return
	}
	at := First
	switch {
	case p.lead && p.part:
		at = Rest
	case p.lead:
		f.inText(text, f.tokens[i].scope)
	case p.shell:
		at = Script
	default:
		return
	}
	f.Found(text, at)
	p.part = !f.Parts && !unfinished.Match(text)
	p.texts++
	base := path.Base(string(text))
	p.shell = p.shell || f.Shell != nil && f.Shell(base)
	p.runs = p.runs || f.Carries != nil && f.Carries(base)
}

// unfinished tells a text behind which a command may begin, or which is filled with one.
var unfinished = lazy.MustCompile(`^(?:%s|\{\})|[;|&(]\s*$`)

// filled is a variable that a string is filled with where a command begins: f"{CONVERT} a b | {OTHER}", `${convert} a`.
var filled = lazy.MustCompile(`(?:^|[;|&(]\s*|\b(?:sudo|exec|env)\s+)\$?\{\s*(?:[A-Za-z_]\w*\.)*([A-Za-z_]\w*)`)

var filledAnywhere = lazy.MustCompile(`\$?\{\s*(?:[A-Za-z_]\w*\.)*([A-Za-z_]\w*)`)

func (f *flow) inText(text []byte, scope int) {
	if !bytes.Contains(text, []byte("{")) {
		return
	}
	names := filled
	if f.Parts {
		names = filledAnywhere
	}
	for _, x := range names.FindAllSubmatch(text, -1) {
		f.want(key{scope, string(x[1])}, direct)
		f.want(key{attribute, string(x[1])}, direct)
	}
}

// mentioned looks at a name in an expression.
func (f *flow) mentioned(i int, p *spot) {
	w := f.word(i)
	if w == "else" || w == "or" {
		p.part = false
	}
	if p.call && f.is(i+1, '=') && !f.is(i+2, '=') { // a keyword
		p.ok = p.base && (p.leads || commandKeywords[w] || w == "default") || p.later && w == "default"
		p.lead = true
		return
	}
	goesOn := f.is(i-1, '.') && (f.is(i-2, ')') || f.is(i-2, ']')) // parse_args().how
	if !p.ok || !(p.lead && (!p.part || goesOn) || p.shell) || f.is(i+1, '(') || p.kind == 's' || p.kind == '{' && f.is(i+1, ':') || notVariables[w] {
		return
	}
	k, m := key{f.tokens[i].scope, w}, p.mode
	if f.is(i-1, '.') {
		k.scope = attribute
	}
	switch {
	case f.is(i+1, '['):
		m = each
	case f.is(i+1, '.') && f.is(i+3, '('):
		if holders[f.word(i+2)] {
			m = each
		}
	case f.is(i+1, '.') && f.word(i+2) == "value": // of an enumeration
	case f.is(i+1, '.'):
		return
	}
	f.want(k, m)
	p.part = !f.Parts && !f.is(i+1, '.')
}

// holders are methods that give something of what their object holds.
var holders = map[string]bool{"get": true, "items": true, "values": true, "pop": true}

package flow

import "bytes"

// findAliases finds other names of what is called: from subprocess import run as go; sh = promisify(exec).
func (f *flow) findAliases() {
	for i := range f.tokens {
		if w := f.word(i); w == "" || !f.Sink(w) || f.is(i+1, '(') || f.is(i+1, '.') {
			continue
		}
		if f.word(i+1) == "as" || f.is(i+1, ':') && !f.python {
			f.aliases[f.word(i+2)] = true
			continue
		}
		for n := i - 1; n > 0 && n > i-12 && !f.is(n, '\n'); n-- {
			if f.is(n, '=') && f.is(n-1, 'n') && (f.tokens[n].within < 0 || f.is(f.tokens[n].within, '{')) {
				f.aliases[f.word(n-1)] = true
				break
			}
		}
	}
	delete(f.aliases, "")
}

// findFunctions finds functions, what they are called and what they take, and of Python's where they end: by how far lines are indented.
func (f *flow) findFunctions() {
	var open []*function
	var indents []int
	for i := 0; i < len(f.tokens); i++ {
		if f.python && len(open) > 0 && f.tokens[i].within < 0 && (i == 0 || f.is(i-1, '\n')) && !f.is(i, '\n') {
			for n := f.indent(i); len(open) > 0 && n <= indents[len(indents)-1]; {
				open, indents = open[:len(open)-1], indents[:len(indents)-1]
			}
		}
		if len(open) > 0 {
			f.tokens[i].scope = open[len(open)-1].scope
		}
		name, params := f.declared(i)
		if name == "" {
			continue
		}
		o := &function{name: name, params: f.parameters(params)}
		if f.python {
			if len(open) > 0 {
				o.parent = open[len(open)-1].scope
			}
			o.scope = len(f.owners)
			open, indents = append(open, o), append(indents, f.indent(i))
		} else {
			o.scope = len(f.owners)
		}
		f.owners = append(f.owners, o)
		f.functions[name] = append(f.functions[name], o)
		if !f.python {
			f.enclose(o, params)
		}
	}
}

// enclose says of the tokens of a function of JavaScript that they are its own.
func (f *flow) enclose(o *function, params int) {
	to := f.tokens[params].pair
	if o.parent = f.tokens[params].scope; f.is(to+1, '{') {
		to = f.tokens[to+1].pair
	} else if f.is(to+1, '=') && f.is(to+2, '>') {
		if f.is(to+3, '{') {
			to = f.tokens[to+3].pair
		} else {
			to = f.end(to+3, false)
		}
	}
	if f.work += to - params; f.work > maxWork {
		return
	}
	for i := params; i <= to && i < len(f.tokens); i++ {
		f.tokens[i].scope = o.scope
	}
}

// declared is the name of the function that is declared at i, and the parenthesis of its parameters.
func (f *flow) declared(i int) (string, int) {
	switch w := f.word(i); {
	case w == "def" || w == "function":
		if f.is(i+2, '(') {
			return f.word(i + 1), i + 2
		}
	case w != "" && f.is(i+1, '=') && !f.python: // NAME = (a, b) => or NAME = async function (a, b)
		n := i + 2
		for f.word(n) == "async" || f.word(n) == "function" {
			n++
		}
		if f.is(n, '(') && (f.word(n-1) == "function" || f.is(f.tokens[n].pair+1, '=') && f.is(f.tokens[n].pair+2, '>')) {
			return w, n
		}
	}
	return "", 0
}

// parameters are the names of what a function takes, * before one that takes all that follow; not self.
func (f *flow) parameters(i int) []string {
	var names []string
	for from := i + 1; from < f.tokens[i].pair; {
		n := from
		star := ""
		for f.is(n, '*') || f.is(n, '.') || f.is(n, '\n') {
			if !f.is(n, '\n') {
				star = "*"
			}
			n++
		}
		if w := f.word(n); len(names) > 0 || w != "self" && w != "cls" {
			names = append(names, star+w)
		}
		from = min(f.end(from, true), f.tokens[i].pair) + 1
	}
	return names
}

// indent is how far the line is indented that a token stands in.
func (f *flow) indent(i int) int {
	at := f.tokens[i].from
	line := f.b[max(0, at-maxIndent):at]
	line = line[bytes.LastIndexByte(line, '\n')+1:]
	return len(line) - len(bytes.TrimLeft(line, " \t"))
}

// maxIndent is how far the beginning of a line is looked for, in bytes.
const maxIndent = 1 << 10

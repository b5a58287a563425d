package flow_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/lighten/lighten/internal/flow"
)

// found are the strings of a source that reach a call of run.
func found(source string, python bool) (words []string, ok bool) {
	ok = flow.Follow([]byte(source), python, flow.Sought{
		Sink: func(name string) bool { return name == "run" }, Holds: func(name string) bool { return name == "held" },
		Found: func(text []byte, _ flow.Position) {
			if !slices.Contains(words, string(text)) {
				words = append(words, string(text))
			}
		},
		Any: func([]byte, bool) {},
	})
	slices.Sort(words)
	return words, ok
}

func TestReading(t *testing.T) {
	for _, c := range []struct {
		name, source string
		python       bool
		found        string
	}{
		{"quotes, comments and prefixes", "# 'a\nx = b\"it's\" # \"\nrun(rb'''c\n''' # d')\n)\nrun(f\"e\")", true, "c\n|e"},
		{"an apostrophe in no string", "it's\nrun('a')", true, "a"},
		{"a line that goes on", "x = \\\n  'a'\nrun(x)", true, "a"},
		{"a type", "def f(x: str = 'a', y: 'b' = None) -> 'c':\n  run(x)\nz: int = 'd'\nrun(z)", true, "a|d"},
		{"scopes", "def f():\n  x = 'a'\n  def g():\n    run(x)\ndef h():\n  x = 'b'\nx = 'c'", true, "a|c"},
		{"templates in templates", "const x = `a ${f({ b: `c` })} d`; run(x); g('e')", false, "a ${f({ b: `c` })} d"},
		{"expressions and divisions", "if (/['\"]/.test(x)) run('a'); y = b / 2; z = 'c' / d; run(\n 'e')", false, "a|e"},
		{"functions", "function f(a, b) { run(b) }\nconst g = async (c) => run(c)\nf('x', 'y')\ng('z')", false, "y|z"},
		{"comments", "// it's\n/* 'a */ run('b') // c'", false, "b"},
		{"what is held", "held = 'a'\nf(held={'b': 'c'})\nother = 'd'", true, "a"},
	} {
		got, ok := found(c.source, c.python)
		if want := strings.Split(c.found, "|"); !ok || !slices.Equal(got, want) {
			t.Errorf("%s: %q (%v), want %q", c.name, got, ok, want)
		}
	}
}

// What cannot be read is said not to be known.
func TestUnread(t *testing.T) {
	for _, source := range []string{"run('a'))", "run(('a')", "x = [", strings.Repeat("x ", 1<<19)} {
		if _, ok := found(source, true); ok {
			t.Errorf("%.20q is said to be read", source)
		}
	}
}

// Sources that are made to take long end.
func TestBounded(t *testing.T) {
	for _, source := range []string{
		strings.Repeat("['a', ", 40000) + strings.Repeat("]", 40000), strings.Repeat("held = {'held': ", 20000) + strings.Repeat("}", 20000),
		strings.Repeat("def f(): ", 60000), strings.Repeat("function f() {", 30000) + strings.Repeat("}", 30000), strings.Repeat("a(run, ", 40000) + strings.Repeat(")", 40000),
	} {
		found(source, true)
		found(source, false)
	}
}

func FuzzFollow(f *testing.F) {
	for _, s := range []string{
		"def f(a, *b):\n  run([x[\"y\"], f'{a}'])\nfor t in ('a', 'b'): f(t, c='d')\n",
		"const { run: go } = require('x')\nconst f = async (c) => { await go(`${c} x`, { y: 'z' }) }\n",
		"x.insert(0, 'a'); run(x.get('b', 'c'))", "run = '\\", "a:=`${", "/[", "held: x = \\",
	} {
		f.Add(s, true)
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, source string, python bool) {
		words, _ := found(source, python)
		for _, w := range words {
			if !strings.Contains(source, w) {
				t.Errorf("%q is no part of the source", w)
			}
		}
	})
}

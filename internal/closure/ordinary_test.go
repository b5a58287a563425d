package closure_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/lighten/lighten/internal/closure"
)

// Words that are commands and something else as well count where a command stands.
func TestOrdinaryWords(t *testing.T) {
	for _, c := range []struct{ name, file, source, runs string }{
		// where a command stands
		{"the first of a list", "a.py", "subprocess.run(['convert', a, 'display'])", "convert"},
		{"the first of a list over lines", "a.py", "subprocess.check_call(\n    [\n        'convert',\n        '-resize', size,\n    ],\n    cwd='display',\n)", "convert"},
		{"a text for a shell", "a.py", "os.system('convert a b && display b | stream')", "convert display stream"},
		{"a text in parts", "a.py", "os.system('cd x; '\n    'convert ' + a + ' import | compare')", "convert compare"},
		{"a text that is filled", "a.py", "os.system(f'{env} {CONVERT} a')\nCONVERT = 'convert'\nos.popen('%s a' % TOOL)\nTOOL = 'compare'", "compare"},
		{"where the text begins with it", "a.py", "CONVERT = 'convert'\nos.system(f'{CONVERT} a')", "convert"},
		{"a variable", "a.py", "def f(a):\n    what = ['convert', a]\n    subprocess.run(what + ['display'])\n", "convert"},
		{"a constant of another function's", "a.py", "X = 'convert'\nY: str = 'display'\ndef f(a):\n    subprocess.run([X, a])\n", "convert"},
		{"a variable of the same name in another function", "a.py", "def g():\n    x = 'display'\ndef f(a):\n    x = 'convert'\n    subprocess.run([x, a])\n", "convert"},
		{"an attribute", "a.py", "class A:\n    def __init__(self):\n        self.how = ['convert']\n        self.what = 'display'\n    def f(self):\n        subprocess.run([*self.how, self.what])\n", "convert"},
		{"an attribute of the class", "a.py", "class A:\n    how = 'convert'\n    what = 'display'\n    def f(self):\n        subprocess.run([self.how, self.what])\n", "convert"},
		{"a function of the program's own", "a.py", "def go(c, level):\n    subprocess.run(c, shell=True)\ndef also(c):\n    go(c, 'import')\nalso('convert a b')\ngo('display', 'stream')\n", "convert display"},
		{"one that takes all arguments", "a.py", "def go(where, *c):\n    subprocess.run(list(c), cwd=where)\ngo('display', 'convert', 'a')\n", "convert"},
		{"one of a class", "a.py", "class A:\n    def go(self, c):\n        return subprocess.call(c)\n    def f(self):\n        self.go(['make', 'display'])\n", "make"},
		{"a keyword", "a.py", "def go(c, level):\n    subprocess.run(c, shell=True)\ngo(level='display', c='convert a')\nsubprocess.run(args=['make'], env={'display': 'x'})\n", "convert make"},
		{"what a function returns", "a.py", "def how(x):\n    if x: return ['convert', x]\n    return 'display'\ndef what(): return 'stream'\nsubprocess.run(how(1))\nprint(what())\n", "convert display"},
		{"the first that is there", "a.py", "for t in ('magick', 'convert'):\n    if shutil.which(t): break\nx = ['display']\n", "convert"},
		{"any that is there", "a.py", "found = [t for t in ALL if shutil.which(t)]\nALL = ['convert', 'compare']\nOTHER = ['display', 'stream']\n", "convert compare"},
		{"chosen by name", "a.py", "ALL = {'display': 'convert -x', 'stream': ['make', 'import']}\ndef f(n):\n    subprocess.run(ALL[n], shell=True)\n", "convert make"},
		{"asked of the environment", "a.py", "c = os.environ.get('CONVERT', 'convert')\nsubprocess.run([c, os.environ.get('X', 'display')])\n", "convert"},
		{"one or the other", "a.py", "subprocess.run(['convert' if old else 'compare', 'display'])\n", "convert compare"},
		{"behind what runs it", "a.py", "subprocess.run(['sudo', '-u', 'x', 'convert'])\nsubprocess.run(['git', 'display'])\n", "convert"},
		{"for a shell in a list", "a.py", "subprocess.run(['bash', '-c', 'cd x; convert a'])\nsubprocess.run(['git', 'commit', '-m', 'import x'])", "convert"},
		{"a script", "a.py", "S = '''\nset -e\nconvert a b\n'''\nsubprocess.run(['sh', '-c', S])\nT = '''\nmake a note\n'''", "convert"},
		{"a script in place", "a.py", "subprocess.run('''\nset -e\nconvert a b\n''', shell=True)\n", "convert"},
		{"of asyncio", "a.py", "async def f():\n    p = await asyncio.create_subprocess_exec('convert', 'display')\n    q = await asyncio.create_subprocess_shell('compare a')\n", "convert compare"},
		{"given to another thread", "a.py", "loop.run_in_executor(None, subprocess.run, ['convert', 'display'])\nThread(target=subprocess.call, args=(['compare'],))\n", "convert compare"},
		{"under another name", "a.py", "from subprocess import check_output as ask\nask(['convert', 'display'])\ngo = subprocess.run\ngo('compare')\n", "convert compare"},
		{"split", "a.py", "subprocess.run(shlex.split('convert a b'))\nsubprocess.run('compare a'.split())", "convert compare"},
		{"put before a list", "a.py", "c = [a]\nc.insert(0, 'convert')\nc.append('display')\nsubprocess.run(c)", "convert"},
		{"os.exec and os.spawn", "a.py", "os.execvp('convert', ['convert', 'display'])\nos.spawnlp(os.P_WAIT, 'compare', 'compare')", "convert compare"},
		{"by the name of a variable", "a.py", "import subprocess\nconvert_cmd = 'convert'\nconfig = {'command': 'compare', 'kind': 'display'}\nx = A(executable='stream')\n", "convert compare stream"},
		{"with options, wherever it stands", "a.py", "import subprocess\nx = ['convert', '-resize', size]\ny('compare {} -metric x'.format(a))\nz('Use display --all')\n", "convert compare"},
		{"with paths", "a.py", "import subprocess\ny('file /etc/passwd')\nz('display the import / export')\n", "file"},
		{"in a file without an extension", "tool", "#!/usr/bin/env python3\nsubprocess.run(['convert', 'display'])\n", "convert"},
		{"of Node.js", "a.js", "const { spawn, execFile: go } = require('child_process')\nspawn('convert', ['display'], { cwd: 'stream' })\ngo('compare', x, () => { css('import') })\n", "convert compare"},
		{"of Node.js by a function", "a.mjs", "import { promisify } from 'util'\nimport { exec } from 'node:child_process'\nconst ask = promisify(exec)\nconst sh = async (c) => {\n  const { stdout } = await ask(c)\n}\nfunction f(a) {\n  const how = `convert ${a}`\n  sh(how)\n  css('display')\n}\n", "convert"},
		// where none does
		{"settings in a text", "a.py", "ALL = yaml.safe_load('''\nx:\n  command: convert a b\n  display: block\n  kind: file\n''')\nsubprocess.run(ALL['x']['command'], shell=True)\n", "convert"},
		{"behind the name of what runs it", "a.mjs", "import { execa } from 'execa'\nawait execa`convert ${a} b`\nawait $`${tool} x`\nconst tool = 'compare'\nconst x = css`display`\n", "compare convert"},
		{"a tuple with options, over lines", "a.py", "import subprocess\ndef x(self):\n    y(\n        (\n            'compare',\n            a,\n            '-metric',\n        )\n    )\n    return ('strings', '--all', self.path)\n", "compare"},
		{"what a function returns whose name says so", "a.py", "import subprocess\ndef cmdline(self):\n    return ['convert', self.path]\ndef kinds():\n    return ['display', x]\n", "convert"},
		{"an element", "a.py", "ALL = {}\nALL['x'] = ['convert', 'display']\nOTHER['x'] = 'stream'\nsubprocess.run(ALL[n])\nconfig['cmd'] = 'make'\n", "convert make"},
		{"what is asked for", "a.py", "import subprocess\n@tool_required('compare')\ndef f(): pass\nif has_command('convert'): pass\nx = find_program('make')\n@cli.command('display')\ndef g(): pass\n", "compare convert make"},
		{"a setting with its usual value", "a.py", "app.add_config_value('converter', 'convert', 'display')\napp.add_config_value('kind', 'stream')\ndef f(self):\n    subprocess.run([self.config.converter, self.config.kind])\n", "convert"},
		{"the default of an option", "a.py", "p.add_argument('--how', default='convert', help='display')\np.add_argument('--kind', default='stream')\nsubprocess.run([p.parse_args().how])\n", "convert"},
		{"one that a decorator gives", "a.py", "@click.option('--the-tool', default='convert')\n@click.option('--kind', default='stream')\ndef f(the_tool, kind):\n    subprocess.run([the_tool, kind])\n", "convert"},
		{"the default of a parameter or a field", "a.py", "def f(how='convert', kind='stream'):\n    subprocess.run([how, kind])\nclass S(BaseSettings):\n    what: str = Field('compare', description='display')\n    other: str = Field(default='make')\nsubprocess.run([s.what, s.other])\n", "compare convert"},
		{"an enumeration", "a.py", "class T(Enum):\n    A = 'convert'\n    B = 'compare'\n    C = 'display'\ndef f(t):\n    subprocess.run([t.value])\nf(T.A)\nsubprocess.run(T.B.value)\n", "compare convert"},
		{"of pairs", "a.py", "for n, c in [('display', 'convert -x'), ('y', ['make', 'z'])]:\n    subprocess.run(c)\n", "convert display make"},
		{"a script that is written", "a.py", "open('x', 'w').write('''#!/bin/sh\nconvert a b\n''')\nsubprocess.run(['sh', 'x'])\n", "convert"},
		{"behind what runs it, of others", "a.py", "subprocess.run(['xvfb-run', '-a', 'import'])\nsubprocess.run(['find', x, '-exec', 'file', '{}', ';'])\nos.system('find . -exec stream {}')", "file import stream"},
		{"of TypeScript", "a.ts", "import { spawn } from 'child_process'\nclass A {\n  private how: string = process.env.X || 'convert';\n  kind = 'display';\n  f({ what = 'compare' } = {}): void {\n    spawn(this.how ?? 'make', [this.kind])\n    spawn(what)\n  }\n}\n", "compare convert make"},
		{"joined", "a.js", "const cp = require('child_process')\nconst c = ['convert', a].join(' ')\ncp.exec(c, { cwd: 'display' }, e => log('import'))\n", "convert"},
		{"keys, subscripts, comparisons and other calls", "a.py", "import subprocess\nx = {'display': 1, 'c': d['convert']}\nif x == 'import' or x in ('stream',): get('file')\nadd_argument('compare', help='convert it')\n", ""},
		{"lists of words", "a.py", "import subprocess\nsubprocess.run(['git'])\nACTIONS = ['display', 'compare', 'convert']\nCHOICES = [('make', 'Make'), ('patch', _('Patch'))]\n", ""},
		{"SQL", "a.py", "import subprocess\ndb.execute('''\nselect\n  file, size\nfrom x\n  stream\nconvert x\n''')\nx = 'import a | b'\n", ""},
		{"HTML, CSS and JavaScript in a text", "a.py", "subprocess.run(['git'])\nPAGE = '''\n<style>\nbody { display: block }\n</style>\n<script>\nimport x from './x.js'\nconvert (a)\n</script>\n'''", ""},
		{"help", "a.py", "import subprocess\nEPILOG = '''\nexamples:\n  convert --to x y\n  display /etc/x\nMake sure it works.\n'''\n", ""},
		{"what documents", "a.py", "\"\"\"Run it.\n\nconvert --to x\n\"\"\"\ndef f():\n    '''convert -x y'''\n    subprocess.run(['git'])", ""},
		{"messages near a call", "a.py", "subprocess.run(['git'])\nlog.info('import %s', x)\nlog.info(f'file {x} not found')\nraise E('make sure; display it')", ""},
		{"commands of a command line of its own", "a.py", "@cli.command('convert')\n@click.argument('file')\ndef f(file):\n    subprocess.run(['git'])\n", ""},
		{"expressions of JavaScript", "a.js", "const { spawn } = require('child_process')\nspawn('git')\nif (/['\"]/.test(x) && a / b) css(e, 'display')\nconst o = { stream: 'file', k: 'convert' }\n", ""},
	} {
		facts := closure.Distil("/app/"+c.file, int64(len(c.source)))([]byte(c.source))
		var got []string
		for w := range strings.FieldsSeq("animate compare convert display file import make patch size stream") {
			if slices.Contains(facts, "run "+w) {
				got = append(got, w)
			}
		}
		want := strings.Fields(c.runs)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v run, want %v", c.name, got, want)
		}
	}
}

// A word that is but a command counts anywhere where the program runs commands, and an ordinary one where the source cannot be read.
func TestOtherWords(t *testing.T) {
	for source, want := range map[string]string{
		"subprocess.run(x)\n\n\n\n\n\n\n\n\nx = {'git': 1}":      "git",
		"subprocess.run(x)\n\n\n\n\n\n\n\n\nx = {'display': 1}":  "",
		"subprocess.run(x)]\n\n\n\n\n\n\n\n\nx = {'display': 1}": "display",
	} {
		facts := closure.Distil("/app/a.py", int64(len(source)))([]byte(source))
		if got := slices.Contains(facts, "run "+want); want != "" && !got || want == "" && slices.Contains(facts, "run display") {
			t.Errorf("%q: %q is missing, or display is not", source, want)
		}
	}
}

// A word of a program that is no library's name by itself counts where it reaches what loads one.
func TestLibraryWords(t *testing.T) {
	for source, want := range map[string]string{
		"ctypes.CDLL('m')\nx = {'db': 1, 'libx': 2, 'y.so.1': 3}\nif 'db' in g: pass\n":                                                                     "libx m y.so.1",
		"def load(n):\n    return ctypes.CDLL(find_library(n))\nfor n in ['crypt', 'z']:\n    load(n)\nprint('db')\n":                                       "crypt z",
		"N = 'sodium'\nctypes.CDLL('lib' + N + '.so')\nctypes.CDLL(f'{D}/lib{M}.so')\nM = 'magic'\nlog('event')\n":                                          "lib magic sodium",
		"ctypes.CDLL('lib%s.so.%d' % (N, 1))\nN = 'pq'\nctypes.CDLL(os.path.join(D, '{}.so'.format(A)))\nA = b or 'ev'":                                     "ev pq",
		"class A:\n    names = ('gd', 'gd3')\n    def f(self):\n        for n in self.names:\n            self.lib = ffi.dlopen(n)\nx = 'form'\nlib = 'uv'": "gd gd3 uv",
		"x = ['CDLL', 'find_library', 'event']":   "",
		"x = (('mzgcdll', 'event'), ('a', 'gd'))": "",
	} {
		facts := closure.Distil("/app/a.py", int64(len(source)))([]byte(source))
		var got []string
		for _, f := range facts {
			if w, ok := strings.CutPrefix(f, "library "); ok {
				got = append(got, w)
			}
		}
		if !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("%q: libraries %q, want %q", source, got, want)
		}
	}
}

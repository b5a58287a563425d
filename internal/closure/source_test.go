package closure_test

import (
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lighten/lighten/internal/closure"
	"github.com/lighten/lighten/internal/testimage"
)

// What a program's sources name that no check has asked for: commands in scripts that they hold, libraries that they load, modules
// that they run.
func TestSources(t *testing.T) {
	const lib = "/usr/local/lib/python3.11/"
	const site = lib + "site-packages/"
	bin := func(names string) testimage.Tree {
		tree := testimage.Tree{}
		for n := range strings.FieldsSeq(names) {
			tree["/usr/bin/"+n] = exe + amd64("")
		}
		return tree
	}
	gone := func(names string) map[string]string {
		goes := map[string]string{}
		for n := range strings.FieldsSeq(names) {
			goes["/usr/bin/"+n] = "never looked up"
		}
		return goes
	}
	app := v1.Config{WorkingDir: "/app"}
	for _, c := range []keepCase{
		{
			name: "a shell for the commands that sources in Lua give it", tree: join(bin("date"), testimage.Tree{"/bin/sh": exe + amd64(""), "/app/a.lua": "file 0644 io.popen('date -u')\n"}),
			config: app, level: closure.Tight, stays: "/bin/sh /usr/bin/date",
		},
		{
			name: "commands in languages whose calls look otherwise, or that have them in no string",
			tree: join(bin("head sort wc tail cut cat tee who"), testimage.Tree{
				"/app/a.rkt": "file 0644 (system \"head -1 x\")\n", "/app/b.scm": "file 0644 (open-input-pipe \"sort x\")\n", "/app/c.lisp": "file 0644 (uiop:run-program '(\"wc\" \"-l\"))\n",
				"/app/d.pl": "file 0644 p :- process_create(path(tail), [x], []).\n", "/app/e.tcl": "file 0644 set x [exec -ignorestderr cut -f1 x | cat]; puts who\n", "/app/f.awk": "file 0644 { \"tee x\" | getline y }\n",
			}),
			config: app, stays: "/usr/bin/head /usr/bin/sort /usr/bin/wc /usr/bin/tail /usr/bin/cut /usr/bin/cat /usr/bin/tee", goes: gone("who"),
		},
		{
			name: "commands of a script over several lines, not of what documents a function",
			tree: join(bin("find sort who mount jq cut tee"), testimage.Tree{
				"/app/job.py": "file 0644 \"\"\"who runs jobs.\"\"\"\n\ndef f():\n    \"\"\"\n    mount what is there\n    \"\"\"\n" +
					"    script = f\"\"\"\n        if true; then find /srv|sort; fi\n    \"\"\"\n    later = (\n        '''jq . | cut -f1'''\n    )\n\n    return subprocess.run(\n        '''\n        tee out\n        ''', shell=True)\n",
			}),
			config: app, stays: "/usr/bin/find /usr/bin/sort /usr/bin/tee", goes: gone("who mount"),
		},
		{
			name: "commands in Python that the program gives to an interpreter, and not its word import, which is a command of ImageMagick",
			tree: join(bin("import head git"), testimage.Tree{
				"/app/job.py": "file 0644 subprocess.run([sys.executable, '-c', 'import sys, os.path as p; from json import loads; print(sys.path)'])\n" +
					"code = '''\nimport os\n'''\nrun('import os; os.system(\"git log\")')\nsh('''\nhead x\n''')\n",
			}),
			config: app, stays: "/usr/bin/head /usr/bin/git", goes: gone("import"),
		},
		{
			name: "a command of one letter, and not the mode of a file",
			tree: join(bin("w X"), testimage.Tree{
				"/app/log.py": "file 0644 subprocess.run(['X', '-v'])\nopen(p, 'w')\ngzip.open(p, mode='w')\nprint('wc'); f(\n  a, 'w')\n",
			}),
			config: app, stays: "/usr/bin/X", goes: gone("w"),
		},
		{
			name: "commands that PHP and Lua start otherwise than by a shell",
			tree: join(bin("tac rev nl who"), testimage.Tree{
				"/app/a.php": "file 0644 <?php $p = proc_open(['tac', $f], [], $pipes);\n", "/app/b.php": "file 0644 <?php pcntl_exec('/usr/bin/rev');\n", "/app/c.lua": "file 0644 os.execute('nl x')\n",
				"/app/d.php": "file 0644 <?php echo 'who';\n",
			}),
			config: app, stays: "/usr/bin/tac /usr/bin/rev /usr/bin/nl", goes: gone("who"),
		},
		{
			name: "the command import, which has options",
			tree: join(bin("import"), testimage.Tree{
				"/app/shot.py": "file 0644 subprocess.run(['import', '-window', 'root', 'x.png'])\n",
			}),
			config: app, stays: "/usr/bin/import",
		},
		{
			name: "commands of a template of JavaScript, and of a long line",
			tree: join(bin("rsync gpg uniq"), testimage.Tree{
				"/app/job.js": "file 0644 const { execSync } = require('child_process')\n\n\n\n\n\n\nconst text = `\n  rsync -a x y && gpg --sign z\n`\nexecSync('" + strings.Repeat("echo x; ", 90) + "uniq')\n",
			}),
			config: app, stays: "/usr/bin/rsync /usr/bin/gpg /usr/bin/uniq",
		},
		{
			name: "commands of settings that a source has in a text",
			tree: join(bin("tar gzip sort"), testimage.Tree{
				"/app/job.py": "file 0644 import subprocess\n\n\n\n\n\n\n\nALL = load(\"\"\"\n  - command: tar cf - x | gzip\n    note: sort it\n\"\"\")\n",
			}),
			config: app, stays: "/usr/bin/tar /usr/bin/gzip", goes: gone("sort"),
		},
		{
			name: "commands that the program gives to a function of its own",
			tree: join(bin("curl head sort git"), testimage.Tree{
				"/app/job.py": "file 0644 def sh(c): subprocess.run(c, shell=True)\n\n\n\n\n\n\n\nsh('curl -s x | head')\nsh(\"git log\")\nprint('They sort x')\n",
			}),
			config: app, stays: "/usr/bin/curl /usr/bin/head /usr/bin/git", goes: gone("sort"),
		},
		{
			name: "of a named command what its package has for it, not its other commands, nor compilers",
			tree: join(bin("git gitk cc"), testimage.Tree{
				"/var/lib/dpkg/status":        "file 0644 " + statusOf("git", "gcc-12"),
				"/var/lib/dpkg/info/git.list": "file 0644 /usr/bin/git\n/usr/bin/gitk\n/usr/lib/git-core/git-remote-https\n/usr/share/doc/git/README\n", "/usr/lib/git-core/git-remote-https": exe + amd64(""), "/usr/share/doc/git/README": "file 0644 x",
				"/var/lib/dpkg/info/gcc-12.list": "file 0644 /usr/bin/cc\n/usr/lib/gcc/x/12/lto1\n", "/usr/lib/gcc/x/12/lto1": exe + amd64(""),
				"/app/job.py": "file 0644 subprocess.run(['git', 'fetch'])\nsubprocess.run('cc')\n",
			}),
			config: app, stays: "/usr/bin/git /usr/lib/git-core/git-remote-https /usr/bin/cc",
			goes: map[string]string{"/usr/bin/gitk": "package not needed", "/usr/share/doc/git/README": "documentation", "/usr/lib/gcc/x/12/lto1": "package not needed"},
		},
		{
			name: "of git not what its commands for people call, which bring perl, unless the program names them",
			tree: join(bin("sh perl sed"), testimage.Tree{
				"/usr/bin/git":                       exe + amd64("") + "\x00request-pull\x00",
				"/var/lib/dpkg/status":               "file 0644 " + statusOf("git"),
				"/var/lib/dpkg/info/git.list":        "file 0644 /usr/bin/git\n/usr/lib/git-core/git-submodule\n/usr/lib/git-core/git-request-pull\n/usr/share/perl5/Git.pm\n",
				"/usr/lib/git-core/git-submodule":    "file 0755 #!/bin/sh\nsed x\n",
				"/usr/lib/git-core/git-request-pull": "file 0755 #!/bin/sh\nset fnord $(git ls-remote x | perl -e x)\n",
				"/usr/share/perl5/Git.pm":            "file 0644 use AutoLoader;\n", "/usr/share/perl/5.36/AutoLoader.pm": "file 0644 x",
				"/app/job.py": "file 0644 subprocess.run(['git', 'fetch'])\n",
			}),
			config: app, stays: "/usr/bin/git /usr/bin/sed /usr/lib/git-core/git-request-pull /usr/share/perl5/Git.pm",
			goes: map[string]string{"/usr/bin/perl": "never looked up", "/usr/share/perl/5.36/AutoLoader.pm": "never looked up"},
		},
		{
			name: "what one of these calls that the program names",
			tree: join(bin("git sh perl"), testimage.Tree{
				"/var/lib/dpkg/status":               "file 0644 " + statusOf("git"),
				"/var/lib/dpkg/info/git.list":        "file 0644 /usr/bin/git\n/usr/lib/git-core/git-request-pull\n/usr/share/perl5/Git.pm\n",
				"/usr/lib/git-core/git-request-pull": "file 0755 #!/bin/sh\nset fnord $(git ls-remote x | perl -e x)\n",
				"/usr/share/perl5/Git.pm":            "file 0644 use AutoLoader;\n", "/usr/share/perl/5.36/AutoLoader.pm": "file 0644 x",
				"/app/job.py": "file 0644 def git(*a): subprocess.run(['git', *a])\n\n\n\n\n\n\n\ngit(*'request-pull a b'.split())\n",
			}),
			config: app, stays: "/usr/bin/git /usr/bin/perl /usr/share/perl/5.36/AutoLoader.pm",
		},
		{
			name: "of ImageMagick's directory what it opens, not the scripts for who compiles with it",
			tree: testimage.Tree{
				"/usr/lib/libMagickCore-6.Q16.so.6":                                    exe + amd64(""),
				"/usr/lib/x86_64-linux-gnu/ImageMagick-6.9.11/modules-Q16/coders/a.so": exe + amd64(""), "/usr/lib/x86_64-linux-gnu/ImageMagick-6.9.11/config-Q16/configure.xml": "file 0644 x",
				"/usr/lib/x86_64-linux-gnu/ImageMagick-6.9.11/bin-q16/Wand-config": "file 0755 #!/bin/sh\npkg-config x\n",
			},
			looked: "open /usr/lib/libMagickCore-6.Q16.so.6",
			stays:  "/usr/lib/x86_64-linux-gnu/ImageMagick-6.9.11/modules-Q16/coders/a.so /usr/lib/x86_64-linux-gnu/ImageMagick-6.9.11/config-Q16/configure.xml",
			goes:   map[string]string{"/usr/lib/x86_64-linux-gnu/ImageMagick-6.9.11/bin-q16/Wand-config": "never looked up"},
		},
		{
			name: "libraries that a wheel opens, not those that it has in itself under another name",
			tree: join(glibcTree, testimage.Tree{
				"/usr/bin/x": exe + amd64(glibc), site + "PIL/ft.so": exe + amd64("", needed, "libpng-fb49c9fc.so.0.6", needed, "dlopen") + "\x00libpng.so.0\x00libfribidi.so.0\x00",
				"/usr/lib/x86_64-linux-gnu/libpng.so.0": exe + amd64(""), "/usr/lib/x86_64-linux-gnu/libfribidi.so.0": exe + amd64(""),
			}),
			looked: "open " + site + "PIL/ft.so", stays: "/usr/lib/x86_64-linux-gnu/libfribidi.so.0", goes: map[string]string{"/usr/lib/x86_64-linux-gnu/libpng.so.0": "never looked up"},
		},
		{
			name:   "companions of a program, not of a module of its name",
			tree:   testimage.Tree{"/etc/mime.types": "file 0644 x", "/app/ruby.py": "file 0644 x", "/bin/sh": "file 0755 x", "/app/node": "file 0644 x"},
			config: app, looked: "open /app/ruby.py\nopen /app/node", goes: map[string]string{"/etc/mime.types": "never looked up", "/bin/sh": "never looked up"},
		},
		{
			name:   "the standard library beside an interpreter, not the distribution's of the same version",
			tree:   testimage.Tree{"/usr/local/bin/python3.11": exe + amd64(""), lib + "os.py": "file 0644 x", "/usr/lib/python3.11/os.py": "file 0644 x", "/usr/lib/python3.11/json.py": "file 0644 x"},
			looked: "exec /usr/local/bin/python3.11", stays: lib + "os.py", goes: map[string]string{"/usr/lib/python3.11/os.py": "never looked up", "/usr/lib/python3.11/json.py": "never looked up"},
		},
		{
			name:   "what sources for browsers do with expressions runs nothing",
			tree:   join(bin("curl git"), testimage.Tree{"/app/static/a.js": "file 0644 const m = /x/.exec(y); f('curl')\n", "/app/static/b.js": "file 0644 o={system(){}};" + strings.Repeat("f();", 400) + "exec(x);g('curl');" + strings.Repeat("f();", 400) + "\n", "/app/b.js": "file 0644 const { exec } = require('./sh'); exec('git log')\n"}),
			config: app, stays: "/usr/bin/git", goes: gone("curl"),
		},
		{
			name: "ordinary words in settings where a command stands",
			tree: join(bin("display convert make file stream import patch"), testimage.Tree{
				"/app/a.py":   "file 0644 subprocess.run(jobs[name], shell=True)\n",
				"/app/a.yaml": "file 0644 display: block\nkind: file\nimport: [stream, patch]\njobs:\n  thumbs: convert {} -resize 10x10\nhooks:\n  run: make\n",
				"/app/b.json": "file 0644 {\"command\": \"display\", \"text\": \"import it\"}\n",
			}),
			config: app, stays: "/usr/bin/convert /usr/bin/make /usr/bin/display", goes: gone("file stream import patch"),
		},
		{
			name: "of env's package itself alone for a script that is none of a shell",
			tree: join(bin("sh"), testimage.Tree{
				"/var/lib/dpkg/status": "file 0644 " + statusOf("coreutils"), "/var/lib/dpkg/info/coreutils.list": "file 0644 /usr/bin/env\n/usr/bin/factor\n",
				"/usr/bin/env": exe + amd64(""), "/usr/bin/factor": exe + amd64(""), "/usr/local/bin/python": exe + amd64(""),
				"/app/manage.py": "file 0755 #!/usr/bin/env python\n",
			}),
			config: app, looked: "exec /app/manage.py", stays: "/usr/bin/env /usr/local/bin/python", goes: map[string]string{"/usr/bin/factor": "package not needed"},
		},
		{
			name: "all of it for one of a shell",
			tree: join(bin("sh"), testimage.Tree{
				"/var/lib/dpkg/status": "file 0644 " + statusOf("coreutils"), "/var/lib/dpkg/info/coreutils.list": "file 0644 /usr/bin/env\n/usr/bin/factor\n",
				"/usr/bin/env": exe + amd64(""), "/usr/bin/factor": exe + amd64(""), "/app/go": "file 0755 #!/usr/bin/env sh\n",
			}),
			config: app, looked: "exec /app/go", stays: "/usr/bin/env /usr/bin/factor /usr/bin/sh",
		},
		{
			name: "a script that settings name",
			tree: testimage.Tree{
				"/usr/local/bin/report": "file 0755 #!/bin/sh\nwc -l\n", "/bin/sh": exe + amd64(""), "/usr/bin/wc": exe + amd64(""), "/usr/bin/nl": exe + amd64(""),
				"/app/a.py": "file 0644 subprocess.run(jobs[name])\n", "/app/a.ini": "file 0644 [nl]\nrun = report -x\n",
			},
			config: app, stays: "/usr/local/bin/report /bin/sh /usr/bin/wc", goes: gone("nl"),
		},
		{
			name: "commands that settings have in lists and mappings without quotes",
			tree: join(bin("cmp du wc tac sort file rev nl"), testimage.Tree{
				"/app/a.py": "file 0644 subprocess.run(jobs[name])\n",
				"/app/a.yaml": "file 0644 jobs:\n  diff:\n    run: [cmp, -s, a, b]\n  use: {run: du -k, timeout: 5}\n  deep: {steps: [{do: [wc, -l]}, {do: tac}]}\n" +
					"tools: [sort]\nkinds: [file, dir]\nsays: \"[rev, nl]\"\nhe says [nl, rev]: x\n",
			}),
			config: app, stays: "/usr/bin/cmp /usr/bin/du /usr/bin/wc /usr/bin/tac /usr/bin/sort", goes: gone("file rev nl"),
		},
		{
			name: "fonts for what has fontconfig in it",
			tree: testimage.Tree{
				"/app/node_modules/@img/sharp-libvips-linux-x64/lib/libvips-cpp.so.42": exe + amd64(""), "/etc/fonts/fonts.conf": "file 0644 x", "/usr/share/fonts/a.ttf": "file 0644 x",
			},
			looked: "open /app/node_modules/@img/sharp-libvips-linux-x64/lib/libvips-cpp.so.42", stays: "/etc/fonts/fonts.conf /usr/share/fonts/a.ttf",
		},
		{
			name: "commands that Ruby and Perl write as lists of words, or between backticks",
			tree: join(bin("wc uname date sort rev who tac w nl"), testimage.Tree{
				"/app/a.rb": "file 0644 up = IO.popen %w[wc -c]\n\n\n\n\n\n\nsay %w[who]\n", "/app/b.rb": "file 0644 host = `uname -s | rev`.strip\n", "/app/c.rb": "file 0644 %x(date +%s)\n",
				"/app/d.pl": "file 0644 system qw(sort -r x);\n", "/app/e.js": "file 0644 const a = `tac`;\n", "/app/f.rb": "file 0644 # as `nl` does\nsay 'nl'\n",
			}),
			config: app, stays: "/usr/bin/wc /usr/bin/uname /usr/bin/rev /usr/bin/date /usr/bin/sort", goes: gone("who tac w nl"),
		},
		{
			name: "of a named command what the scripts of its package call, and not those in PATH",
			tree: join(bin("git gitk sh sed awk wish basename sort"), testimage.Tree{
				"/var/lib/dpkg/status":            "file 0644 " + statusOf("git"),
				"/var/lib/dpkg/info/git.list":     "file 0644 /usr/bin/git\n/usr/bin/gitk\n/usr/lib/git-core/git-submodule\n/usr/lib/git-core/git-sh-setup\n/usr/lib/git-core/README\n",
				"/usr/lib/git-core/git-submodule": "file 0755 #!/usr/bin/sh\n. git-sh-setup\ncmd_add() { name=$(basename \"$1\") && sed -e 1d; }\ncmd_add\n",
				"/usr/lib/git-core/git-sh-setup":  "file 0644 # to be read by scripts\ndie() { awk '{ print }' >&2; }\n",
				"/usr/lib/git-core/README":        "file 0644 # no script\nsort\n",
				"/usr/bin/gitk":                   "file 0755 #!/bin/sh\nexec wish \"$0\" -- \"$@\"\n",
				"/app/job.py":                     "file 0644 subprocess.run(['git', 'fetch'])\n",
			}),
			config: app, stays: "/usr/bin/git /usr/lib/git-core/git-submodule /usr/bin/sh /usr/bin/sed /usr/bin/basename /usr/bin/awk", goes: gone("wish sort"),
		},
		{
			name: "what programs start or read that a program names: gpg, the clients of PostgreSQL, a command that begins with a digit",
			tree: join(bin("gpg gpg-agent psql 7z"), testimage.Tree{
				"/usr/bin/psql": "symlink ../share/postgresql-common/pg_wrapper", "/usr/share/postgresql-common/pg_wrapper": "file 0755 #!/usr/bin/perl\n", "/usr/lib/postgresql/15/bin/psql": exe + amd64(""),
				"/app/job.py": "file 0644 sh('gpg -d x; 7z l y')\nsubprocess.run(['psql'])\n",
			}),
			config: app, stays: "/usr/bin/gpg /usr/bin/gpg-agent /usr/bin/7z /usr/lib/postgresql/15/bin/psql",
		},
		{
			name: "the clients of PostgreSQL at the level tight, which are nothing without what they stand for", level: closure.Tight,
			tree: join(bin("psql"), testimage.Tree{
				"/usr/bin/psql": "symlink ../share/postgresql-common/pg_wrapper", "/usr/share/postgresql-common/pg_wrapper": "file 0755 #!/usr/bin/perl\n", "/usr/lib/postgresql/15/bin/psql": exe + amd64(""),
				"/app/job.py": "file 0644 subprocess.run(['psql'])\n",
			}),
			config: app, stays: "/usr/lib/postgresql/15/bin/psql",
		},
		{
			name: "profiles that Ghostscript's directory links to",
			tree: join(glibcTree, testimage.Tree{
				"/usr/bin/gs": exe + amd64(glibc, needed, "libgs.so.10"), "/usr/lib/x86_64-linux-gnu/libgs.so.10": exe + amd64(""),
				"/usr/share/ghostscript/10/iccprofiles": "symlink ../../color/icc/ghostscript", "/usr/share/color/icc/ghostscript/gray.icc": "file 0644 x", "/usr/share/color/icc/x.icc": "file 0644 x",
			}),
			looked: "exec /usr/bin/gs", stays: "/usr/share/color/icc/ghostscript/gray.icc", goes: map[string]string{"/usr/share/color/icc/x.icc": "never looked up"},
		},
		{
			name: "compressors that tar runs", tree: join(bin("tar gzip xz zstdcat"), testimage.Tree{"/app/job.py": "file 0644 subprocess.run(['tar', 'czf', 'x.tgz', 'x'])\n"}),
			config: app, stays: "/usr/bin/tar /usr/bin/gzip /usr/bin/xz", goes: gone("zstdcat"),
		},
		{
			name: "libraries that a module loads by names which it computes",
			tree: join(glibcTree, testimage.Tree{
				"/usr/bin/x": exe + amd64(glibc), "/usr/lib/x86_64-linux-gnu/libmagic.so.1": "symlink libmagic.so.1.0.0", "/usr/lib/x86_64-linux-gnu/libmagic.so.1.0.0": exe + amd64(""),
				"/usr/lib/file/magic.mgc": "file 0644 x", "/usr/lib/x86_64-linux-gnu/libsodium.so.23": exe + amd64("", needed, "libdeep.so.1"), "/usr/lib/x86_64-linux-gnu/libdeep.so.1": exe + amd64(""),
				"/usr/lib/x86_64-linux-gnu/libmagician.so.1": exe + amd64(""), "/usr/lib/x86_64-linux-gnu/libother.so.1": exe + amd64(""),
				site + "magic/loader.py": "file 0644 names = ['magic', 'nothing']\ndef load():\n    return [ctypes.CDLL(ctypes.util.find_library(n)) for n in names]\n",
				site + "plain.py":        "file 0644 x = 'other'\n", "/app/a.py": "file 0644 ffi.dlopen('libsodium.so.23')\n",
			}),
			config: app, looked: "open " + site + "magic/loader.py\nopen " + site + "plain.py",
			stays: "/usr/lib/x86_64-linux-gnu/libmagic.so.1 /usr/lib/x86_64-linux-gnu/libmagic.so.1.0.0 /usr/lib/file/magic.mgc /usr/lib/x86_64-linux-gnu/libsodium.so.23 /usr/lib/x86_64-linux-gnu/libdeep.so.1",
			goes:  map[string]string{"/usr/lib/x86_64-linux-gnu/libmagician.so.1": "never looked up", "/usr/lib/x86_64-linux-gnu/libother.so.1": "never looked up"},
		},
		{
			name: "what a module of the standard library cannot be loaded without, modules that are run, and those that a text for an interpreter imports",
			tree: testimage.Tree{
				lib + "os.py": "file 0644 x", lib + "xmlrpc/__init__.py": "file 0644 x", lib + "xmlrpc/server.py": "file 0644 import pydoc\n", lib + "pydoc.py": "file 0644 def f():\n    import doctest\n",
				lib + "doctest.py": "file 0644 x", lib + "trace.py": "file 0644 x", lib + "profile.py": "file 0644 x", lib + "pdb.py": "file 0644 x",
				"/app/a.py":       "file 0644 def later():\n    from xmlrpc import server\n    subprocess.run([sys.executable, '-m', 'trace'])\n    os.system('python3 -m profile x')\n    run('python3', '-c', 'import sys, pstats as p; from tabnanny import check; print(1)')\n",
				lib + "pstats.py": "file 0644 x", lib + "tabnanny.py": "file 0644 x",
			},
			config: app, looked: "stat " + lib + "os.py", stays: lib + "pydoc.py " + lib + "trace.py " + lib + "profile.py " + lib + "pstats.py " + lib + "tabnanny.py",
			goes: map[string]string{lib + "doctest.py": "Python's own tests, tools and what is given up", lib + "pdb.py": "Python's own tests, tools and what is given up"},
		},
		{
			name: "what installs others, where the program imports it and not its setup.py alone",
			tree: testimage.Tree{
				lib + "os.py": "file 0644 x", site + "pkg_resources/__init__.py": "file 0644 x", site + "setuptools-70.dist-info/METADATA": "file 0644 Name: setuptools\nVersion: 70\n",
				site + "setuptools-70.dist-info/RECORD": "file 0644 pkg_resources/__init__.py,,\nsetuptools-70.dist-info/METADATA,,\n",
				site + "wheel/__init__.py":              "file 0644 x", site + "wheel-1.dist-info/METADATA": "file 0644 Name: wheel\nVersion: 1\n", site + "wheel-1.dist-info/RECORD": "file 0644 wheel/__init__.py,,\n",
				"/app/a.py": "file 0644 def later():\n    import pkg_resources\n", "/app/setup.py": "file 0644 import wheel\n",
			},
			config: app, looked: "stat " + lib + "os.py", stays: site + "pkg_resources/__init__.py", goes: map[string]string{site + "wheel/__init__.py": "package not needed"},
		},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t) })
	}
}

// A command that an installed module names stays where it came into the image with the language or after it.
func TestCommandsOfModules(t *testing.T) {
	const lib = "/usr/local/lib/python3.11/"
	const site = lib + "site-packages/"
	base := testimage.Tree{"/usr/bin/less": exe + amd64(""), "/usr/bin/ffprobe": exe + amd64("")}
	language := testimage.Tree{lib + "os.py": "file 0644 x", "/usr/local/bin/node": exe + amd64("")}
	program := testimage.Tree{
		"/usr/bin/tesseract": exe + amd64(""), "/usr/bin/ffmpeg": exe + amd64(""), "/usr/bin/other": exe + amd64(""),
		site + "pytesseract.py":                "file 0644 import subprocess\ncmd = 'tesseract'\npager = 'less'\n",
		"/app/node_modules/ff/package.json":    "file 0644 {}",
		"/app/node_modules/ff/index.js":        "file 0644 const { spawn } = require('child_process')\nspawn('ffmpeg')\nspawn('ffprobe')\n",
		"/app/node_modules/plain/index.js":     "file 0644 const x = 'other'\n",
		"/app/node_modules/plain/package.json": "file 0644 {}",
	}
	tree, inv := readImage(t, testimage.Image(t, v1.Config{WorkingDir: "/app"}, base, language, program))
	k, err := closure.Make(closure.Input{
		Tree: tree, Inventory: inv, Level: closure.Safe,
		Evidence: []closure.Evidence{{Record: record(t, "open "+lib+"os.py\nopen "+site+"pytesseract.py\nopen /app/node_modules/ff/index.js\nopen /app/node_modules/plain/index.js")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for p, want := range map[string]bool{"tesseract": true, "ffmpeg": true, "less": false, "ffprobe": false, "other": false} {
		if got := k.Has("/usr/bin/" + p); got != want {
			t.Errorf("%s: stays %v, want %v", p, got, want)
		}
	}
}

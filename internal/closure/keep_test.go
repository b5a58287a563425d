package closure_test

import (
	"debug/elf"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lighten/lighten/internal/closure"
	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/inventory"
	"github.com/lighten/lighten/internal/observe"
	"github.com/lighten/lighten/internal/testimage"
)

// keepCase is an image, what its program looked up, and what of it stays and goes.
type keepCase struct {
	name   string
	tree   testimage.Tree
	config v1.Config
	looked string // words: "open /a", "exec /b", a line each
	missed string // the same, in vain in a carved image
	level  closure.Level
	keep   []string
	drop   []string
	stays  string            // paths
	goes   map[string]string // path -> rule
	why    map[string]string // path -> rules from it back to the evidence
	notes  string
}

const exe = "file 0755 "

var (
	glibcTree = testimage.Tree{
		"/lib64/": "dir 0755", "/lib64/ld-linux-x86-64.so.2": exe + amd64(""),
		"/usr/lib/x86_64-linux-gnu/libc.so.6": exe + amd64("", soname, "libc.so.6"),
	}
	statusOf = func(names ...string) string {
		var b strings.Builder
		for _, n := range names {
			b.WriteString("Package: " + n + "\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n\n")
		}
		return b.String()
	}
)

const soname = elf.DT_SONAME

// authorities are what update-ca-certificates makes.
var authorities = testimage.Tree{
	"/usr/lib/libssl.so.3": exe + amd64("", soname, "libssl.so.3"), "/usr/lib/libcrypto.so.3": exe + amd64("", soname, "libcrypto.so.3"), "/etc/ssl/certs/ca-certificates.crt": "file 0644 x", "/etc/ssl/certs/ssl-cert-snakeoil.pem": "file 0644 x",
	"/usr/share/ca-certificates/mozilla/A.crt": "file 0644 x", "/etc/ssl/certs/A.pem": "symlink /usr/share/ca-certificates/mozilla/A.crt", "/etc/ssl/certs/0a1b2c3d.0": "symlink A.pem",
	"/usr/share/ca-certificates/mozilla/B.crt": "file 0644 x", "/etc/ssl/certs/B.pem": "symlink /usr/share/ca-certificates/mozilla/B.crt",
}

var javaWindows = join(glibcTree, testimage.Tree{
	"/usr/lib/jvm/java-21/lib/modules": "file 0644 x", "/usr/lib/jvm/java-21/lib/libawt_headless.so": exe + amd64(""), "/usr/lib/jvm/java-21/lib/libawt_xawt.so": exe + amd64("", elf.DT_NEEDED, "libgtk-3.so.0"),
	"/usr/lib/x86_64-linux-gnu/libgtk-3.so.0": exe + amd64(""),
})

var javaReleases = join(glibcTree, testimage.Tree{
	"/var/lib/dpkg/status":        "file 0644 " + statusOf("jre", "jdk"),
	"/var/lib/dpkg/info/jre.list": "file 0644 /usr/lib/jvm/java-21/lib/modules\n/usr/lib/jvm/java-21/lib/tzdb.dat\n/usr/lib/jvm/java-21/lib/ct.sym\n",
	"/var/lib/dpkg/info/jdk.list": "file 0644 /usr/lib/jvm/java-21/bin/javac\n", "/usr/lib/jvm/java-21/bin/javac": exe + amd64(""),
	"/usr/lib/jvm/java-21/lib/modules": "file 0644 x", "/usr/lib/jvm/java-21/lib/tzdb.dat": "file 0644 x", "/usr/lib/jvm/java-21/lib/ct.sym": "file 0644 x",
})

func TestKeep(t *testing.T) {
	for _, c := range keepCases() {
		t.Run(c.name, func(t *testing.T) { c.run(t) })
	}
}

func keepCases() []keepCase {
	return []keepCase{
		{
			name:   "a link on the way and the file at its end",
			tree:   testimage.Tree{"/usr/lib/x": "file 0644 x", "/lib": "symlink usr/lib", "/usr/lib/y": "file 0644 y"},
			looked: "open /lib/x", stays: "/lib /usr/lib/x /usr /usr/lib", goes: map[string]string{"/usr/lib/y": "never looked up"},
		},
		{
			name: "every link of a chain", tree: testimage.Tree{"/a": "symlink b", "/opt/": "dir 0755", "/b": "symlink /opt/c", "/opt/c": "symlink d", "/opt/d": "file 0644 x"},
			looked: "open /a", stays: "/a /b /opt/c /opt/d", why: map[string]string{"/opt/d": "looked up"},
		},
		{
			name: "links in a circle", tree: testimage.Tree{"/opt/a": "symlink b", "/opt/b": "symlink a", "/opt/c": "file 0644 x"},
			looked: "stat /opt/a", stays: "/opt/a /opt/b",
		},
		{
			name: "all names of a file", tree: testimage.Tree{"/usr/bin/perl": "file 0755 x", "/usr/bin/perl5": "hardlink /usr/bin/perl"},
			looked: "exec /usr/bin/perl5", stays: "/usr/bin/perl /usr/bin/perl5",
		},
		{
			name: "loader and libraries of a program",
			tree: join(glibcTree, testimage.Tree{
				"/usr/bin/x": exe + amd64(glibc, needed, "liba.so.1"), "/usr/lib/x86_64-linux-gnu/liba.so.1": "symlink liba.so.1.2",
				"/usr/lib/x86_64-linux-gnu/liba.so.1.2": exe + amd64("", needed, "libc.so.6"), "/usr/lib/x86_64-linux-gnu/libb.so": exe + amd64(""),
				"/usr/lib/x86_64-linux-gnu/glibc-hwcaps/x86-64-v3/liba.so.1": exe + amd64(""),
			}),
			config: v1.Config{Entrypoint: []string{"/usr/bin/x"}},
			stays: "/usr/bin/x /lib64/ld-linux-x86-64.so.2 /usr/lib/x86_64-linux-gnu/liba.so.1 /usr/lib/x86_64-linux-gnu/liba.so.1.2 " +
				"/usr/lib/x86_64-linux-gnu/libc.so.6 /usr/lib/x86_64-linux-gnu/glibc-hwcaps/x86-64-v3/liba.so.1",
			goes: map[string]string{"/usr/lib/x86_64-linux-gnu/libb.so": "never looked up"},
			why:  map[string]string{"/usr/lib/x86_64-linux-gnu/libc.so.6": "library library configuration"},
		},
		{
			name: "the interpreter of a script, by way of env", tree: testimage.Tree{
				"/usr/bin/run": "file 0755 #!/usr/bin/env -S perl -w\n", "/usr/bin/env": exe + amd64(""), "/usr/bin/perl": exe + amd64(""), "/usr/bin/ruby": exe + amd64(""),
			},
			looked: "exec /usr/bin/run", stays: "/usr/bin/env /usr/bin/perl", goes: map[string]string{"/usr/bin/ruby": "never looked up"},
		},
		{
			name: "a module that begins as a script does is none", tree: testimage.Tree{
				"/usr/lib/x/base64.py": "file 0755 #!/usr/bin/env python3\n", "/usr/bin/env": exe + amd64(""),
			},
			looked: "open /usr/lib/x/base64.py", goes: map[string]string{"/usr/bin/env": "never looked up"},
		},
		{
			name: "commands of a shell script, in branches that were not taken too", tree: testimage.Tree{
				"/entry.sh": "file 0755 #!/bin/sh\nif [ -n \"$X\" ]; then\n  chown -R app /data && exec gosu app \"$@\"\nfi\nhelper() { :; }\nhelper\n",
				"/bin/sh":   exe + amd64(""), "/bin/chown": exe + amd64(""), "/usr/bin/gosu": exe + amd64(""), "/usr/bin/helper": exe + amd64(""),
			},
			config: v1.Config{Entrypoint: []string{"/entry.sh"}},
			stays:  "/entry.sh /bin/sh /bin/chown /usr/bin/gosu", goes: map[string]string{"/usr/bin/helper": "never looked up"},
		},
		{
			name: "a package as a whole, less its documentation, and its records", tree: join(glibcTree, testimage.Tree{
				"/var/lib/dpkg/status": "file 0644 " + statusOf("tool", "other"), "/var/lib/dpkg/info/tool.list": "file 0644 /usr/bin/tool\n/usr/lib/tool/part\n/usr/share/doc/tool/copyright\n/usr/share/doc/tool/NEWS\n/usr/share/man/man1/tool.1\n/etc/tool.conf\n",
				"/usr/bin/tool": exe + amd64(""), "/usr/lib/tool/part": "file 0644 x", "/usr/share/doc/tool/copyright": "file 0644 x", "/usr/share/doc/tool/NEWS": "file 0644 x",
				"/usr/share/man/man1/tool.1": "file 0644 x", "/etc/tool.conf": "file 0644 x",
				"/var/lib/dpkg/info/other.list": "file 0644 /usr/bin/other\n", "/usr/bin/other": exe + amd64(""),
			}),
			looked: "exec /usr/bin/tool", stays: "/usr/lib/tool/part /usr/share/doc/tool/copyright /etc/tool.conf /var/lib/dpkg/status /var/lib/dpkg/info/tool.list",
			goes: map[string]string{"/usr/share/doc/tool/NEWS": "documentation", "/usr/share/man/man1/tool.1": "man pages", "/usr/bin/other": "package not needed"},
		},
		{
			name: "of a distribution's Python what a service imports, not what its packages hold", tree: join(glibcTree, testimage.Tree{
				"/var/lib/dpkg/status":                   "file 0644 " + statusOf("libpython3.11-stdlib", "libdb5.3"),
				"/var/lib/dpkg/info/libdb5.3.list":       "file 0644 /usr/lib/x86_64-linux-gnu/libdb-5.3.so\n",
				"/usr/lib/x86_64-linux-gnu/libdb-5.3.so": exe + amd64(""),
				"/var/lib/dpkg/info/libpython3.11-stdlib.list": "file 0644 /usr/bin/python3.11\n/usr/lib/python3.11/os.py\n/usr/lib/python3.11/wave.py\n/usr/lib/python3.11/pydoc_data/topics.py\n" +
					"/usr/lib/python3.11/lib-dynload/_dbm.cpython-311-x86_64-linux-gnu.so\n/usr/share/python3.11/data\n",
				"/usr/bin/python3.11": exe + amd64(glibc), "/usr/share/python3.11/data": "file 0644 x",
				"/usr/lib/python3.11/os.py": "file 0644 x", "/usr/lib/python3.11/wave.py": "file 0644 x", "/usr/lib/python3.11/pydoc_data/topics.py": "file 0644 x",
				"/usr/lib/python3.11/lib-dynload/_dbm.cpython-311-x86_64-linux-gnu.so": exe + amd64("", needed, "libdb-5.3.so"),
			}),
			looked: "exec /usr/bin/python3.11\nopen /usr/lib/python3.11/os.py", stays: "/usr/lib/python3.11/wave.py /usr/share/python3.11/data",
			goes: map[string]string{
				"/usr/lib/python3.11/pydoc_data/topics.py":                             "Python's own tests, tools and what is given up",
				"/usr/lib/python3.11/lib-dynload/_dbm.cpython-311-x86_64-linux-gnu.so": "modules of Python that nothing imports",
				"/usr/lib/x86_64-linux-gnu/libdb-5.3.so":                               "package not needed",
			},
		},
		{
			name: "of a package touched files alone, at the level tight", level: closure.Tight, tree: testimage.Tree{
				"/var/lib/dpkg/status": "file 0644 " + statusOf("tool"), "/var/lib/dpkg/info/tool.list": "file 0644 /usr/bin/tool\n/usr/lib/tool/part\n",
				"/usr/bin/tool": exe + amd64(""), "/usr/lib/tool/part": "file 0644 x",
			},
			looked: "exec /usr/bin/tool", stays: "/usr/bin/tool /var/lib/dpkg/status", goes: map[string]string{"/usr/lib/tool/part": "package not needed"},
		},
		{
			name: "of a virtual environment that a program names and lists, what the program needs", level: closure.Tight, tree: join(glibcTree, testimage.Tree{
				"/opt/venv/pyvenv.cfg": "file 0644 home = /usr/bin\n", "/opt/venv/bin/python": "symlink /usr/bin/python3.11", "/usr/bin/python3.11": exe + amd64(glibc),
				"/usr/lib/python3.11/os.py": "file 0644 x", "/opt/venv/bin/activate": "file 0644 VIRTUAL_ENV=/opt/venv\n",
				"/opt/venv/bin/pip": "file 0755 #!/opt/venv/bin/python\n", "/opt/venv/share/data": "file 0644 x",
				"/opt/venv/lib/python3.11/site-packages/flask.py": "file 0644 x", "/opt/venv/lib/python3.11/site-packages/pip/__init__.py": "file 0644 x",
				"/opt/venv/lib/python3.11/site-packages/pip-24.dist-info/METADATA": "file 0644 Name: pip\nVersion: 24\n",
				"/opt/venv/lib/python3.11/site-packages/pip-24.dist-info/RECORD":   "file 0644 pip/__init__.py,,\n../../../bin/pip,,\n",
				"/srv/app.py": "file 0644 home = '/opt/venv'\n",
			}),
			config: v1.Config{WorkingDir: "/srv"},
			looked: "exec /opt/venv/bin/python\nopen /opt/venv/pyvenv.cfg\nlist /opt/venv/bin\nopen /opt/venv/lib/python3.11/site-packages/flask.py\nopen /srv/app.py",
			stays:  "/opt/venv/bin/python /opt/venv/share/data /opt/venv/lib/python3.11/site-packages/flask.py",
			goes: map[string]string{
				"/opt/venv/bin/activate": "activation of virtual environments by a shell", "/opt/venv/bin/pip": "package not needed",
				"/opt/venv/lib/python3.11/site-packages/pip/__init__.py": "package not needed",
			},
		},
		{
			name: "no programs of a package that gave data alone", tree: testimage.Tree{
				"/var/lib/dpkg/status": "file 0644 " + statusOf("tls", "perl"), "/var/lib/dpkg/info/tls.list": "file 0644 /usr/bin/tls\n/etc/tls.cnf\n/usr/lib/tls/more\n/usr/lib/tls/get.pl\n",
				"/usr/bin/tls": exe + amd64(""), "/etc/tls.cnf": "file 0644 x", "/usr/lib/tls/more": "file 0644 x", "/usr/lib/tls/get.pl": "file 0755 #!/usr/bin/perl\nuse Text::Wrap;\n",
				"/var/lib/dpkg/info/perl.list": "file 0644 /usr/share/perl/5.36/Text/Wrap.pm\n", "/usr/share/perl/5.36/Text/Wrap.pm": "file 0644 x",
			},
			looked: "open /etc/tls.cnf", stays: "/etc/tls.cnf /usr/lib/tls/more /usr/lib/tls/get.pl",
			goes: map[string]string{"/usr/bin/tls": "programs of packages that only gave data", "/usr/share/perl/5.36/Text/Wrap.pm": "package not needed"},
		},
		{
			name: "an empty directory, and none that would be", tree: testimage.Tree{"/srv/uploads/": "dir 0755", "/usr/share/perl5/Carp.pm": "file 0644 x", "/usr/share/perl5/Carp/Heavy.pm": "file 0644 x", "/usr/bin/z": "file 0755 x"},
			looked: "open /usr/bin/z", stays: "/srv/uploads", goes: map[string]string{"/usr/share/perl5/Carp": "never looked up", "/usr/share/perl5/Carp/Heavy.pm": "never looked up"},
		},
		{
			name: "a listed directory", tree: testimage.Tree{"/data/plugins/a": "file 0644 x", "/data/plugins/b/": "dir 0755", "/usr/bin/z": "file 0755 x"},
			looked: "list /data/plugins\nlist /usr/bin", stays: "/data/plugins/a /data/plugins/b", goes: map[string]string{"/usr/bin/z": "never looked up"},
		},
		{
			name: "a path that begins another", tree: testimage.Tree{"/opt/foo": "file 0644 x", "/opt/foobar": "file 0644 y"},
			looked: "stat /opt/foo\nopen /opt/foobar", stays: "/opt/foo /opt/foobar",
		},
		{
			name: "the program's directory as a whole, less version control", tree: testimage.Tree{
				"/app/main": exe + amd64(""), "/app/templates/later.html": "file 0644 x", "/app/.git/config": "file 0644 x", "/srv/uploads/": "dir 0770 @33:33", "/srv/other": "file 0644 x",
			},
			config: v1.Config{WorkingDir: "/app", Cmd: []string{"./main"}, Volumes: map[string]struct{}{"/srv/uploads": {}}},
			stays:  "/app/main /app/templates/later.html /srv/uploads", goes: map[string]string{"/app/.git/config": "version control", "/srv/other": "never looked up"},
		},
		{
			name: "a working directory that other images share", tree: testimage.Tree{"/srv/main.py": "file 0644 x", "/srv/templates/a": "file 0644 x", "/opt/x": "file 0644 x"},
			config: v1.Config{WorkingDir: "/srv", Cmd: []string{"python3", "-m", "main"}}, stays: "/srv/main.py /srv/templates/a",
			goes: map[string]string{"/opt/x": "never looked up"},
		},
		{
			name: "where the program writes", tree: testimage.Tree{"/var/lib/store/": "dir 0700", "/var/lib/store/seed": "file 0600 x"},
			looked: "write /var/lib/store/new", stays: "/var/lib/store",
		},
		{
			name: "commands that the program's source names where it runs commands", tree: testimage.Tree{
				"/app/main.py": "file 0644 import subprocess\nsubprocess.run(['git', 'log'])\nWORDS = 'ls'\n\n\n\n\n\nTEXT = 'a cat sleeps'\n", "/usr/bin/git": exe + amd64(""), "/usr/bin/cat": exe + amd64(""),
			},
			looked: "open /app/main.py", stays: "/usr/bin/git", goes: map[string]string{"/usr/bin/cat": "never looked up"},
		},
		{
			name: "a shell for a program that calls system", tree: join(glibcTree, testimage.Tree{
				"/usr/bin/x": exe + amd64(glibc, needed, "libc.so.6", soname, "system"), "/bin/sh": exe + amd64(""),
			}),
			looked: "exec /usr/bin/x", stays: "/bin/sh",
		},
		{
			name: "a shell, and commands behind a pipe, for a program of which the strings have no end", tree: testimage.Tree{
				"/opt/x": exe + amd64("", soname, "os/exec.(*Cmd).Start", soname, "begins | sort -u && wc -lends | no"), "/bin/sh": exe + amd64(""), "/usr/bin/sort": exe + amd64(""), "/usr/bin/wc": exe + amd64(""), "/usr/bin/ls": exe + amd64(""),
			},
			looked: "exec /opt/x", stays: "/bin/sh /usr/bin/sort /usr/bin/wc", goes: map[string]string{"/usr/bin/ls": "never looked up"},
		},
		{
			name: "users with their passwords, which getpwnam of a root's program reads", tree: testimage.Tree{"/etc/passwd": "file 0644 root:x:0:0::/root:/bin/sh\n", "/etc/shadow": "file 0640 root:*::::::\n", "/opt/x": "file 0755 x"},
			looked: "exec /opt/x", stays: "/etc/passwd /etc/shadow",
		},
		{
			name: "commands of a program in PHP, where web servers have it", tree: testimage.Tree{
				"/var/www/lib/Job.php": "file 0644 <?php echo shell_exec('git log | tr a-z A-Z');\n", "/usr/bin/git": exe + amd64(""), "/usr/bin/tr": exe + amd64(""), "/var/lib/x/y.php": "file 0644 <?php shell_exec('ls');\n", "/usr/bin/ls": exe + amd64(""),
			},
			looked: "open /var/www/lib/Job.php\nopen /var/lib/x/y.php", stays: "/usr/bin/git /usr/bin/tr", goes: map[string]string{"/usr/bin/ls": "never looked up"},
		},
		{
			name: "commands of a program that was installed as a distribution from its own directory, and bytecode of modules that take long to compile", tree: testimage.Tree{
				"/usr/local/bin/python3.11": exe + amd64(""), "/usr/local/lib/python3.11/os.py": "file 0644 x", "/usr/bin/sort": exe + amd64(""), "/usr/bin/ls": exe + amd64(""),
				"/usr/local/lib/python3.11/site-packages/shop/jobs.py": "file 0644 import subprocess\nsubprocess.run('sort', shell=True)\n", "/usr/local/lib/python3.11/site-packages/tool.py": "file 0644 import subprocess\nsubprocess.run('ls')\n",
				"/usr/local/lib/python3.11/site-packages/table.py": "noise 0644 300000", "/usr/local/lib/python3.11/site-packages/__pycache__/table.cpython-311.pyc": "file 0644 x", "/usr/local/lib/python3.11/site-packages/__pycache__/tool.cpython-311.pyc": "file 0644 x",
				"/usr/local/lib/python3.11/site-packages/shop-1.dist-info/METADATA": "file 0644 Name: shop\nVersion: 1\n", "/usr/local/lib/python3.11/site-packages/shop-1.dist-info/direct_url.json": "file 0644 {}",
				"/usr/local/lib/python3.11/site-packages/shop-1.dist-info/RECORD":   "file 0644 shop/jobs.py,,\nshop-1.dist-info/METADATA,,\nshop-1.dist-info/direct_url.json,,\nshop-1.dist-info/RECORD,,\n",
				"/usr/local/lib/python3.11/site-packages/tool-1.dist-info/METADATA": "file 0644 Name: tool\nVersion: 1\n",
				"/usr/local/lib/python3.11/site-packages/tool-1.dist-info/RECORD":   "file 0644 tool.py,,\ntable.py,,\n__pycache__/tool.cpython-311.pyc,,\n__pycache__/table.cpython-311.pyc,,\ntool-1.dist-info/METADATA,,\n",
			},
			looked: "exec /usr/local/bin/python3.11\nopen /usr/local/lib/python3.11/os.py",
			stays:  "/usr/bin/sort /usr/local/lib/python3.11/site-packages/__pycache__/table.cpython-311.pyc /usr/local/lib/python3.11/site-packages/tool.py",
			goes:   map[string]string{"/usr/bin/ls": "never looked up", "/usr/local/lib/python3.11/site-packages/__pycache__/tool.cpython-311.pyc": "bytecode of modules that were not imported"},
		},
		{
			name: "commands of the parts of a shell script", tree: testimage.Tree{
				"/app/run": "file 0755 #!/bin/sh\n. ${LIB:-/usr/local/lib/job}/$1.sh\n", "/usr/local/lib/libx.so": exe + amd64(""), "/usr/local/lib/job/pack.sh": "file 0644 pack() { tar c . | xz; }\n", "/bin/sh": exe + amd64(""),
				"/usr/bin/tar": exe + amd64(""), "/usr/bin/xz": exe + amd64(""), "/usr/bin/ls": exe + amd64(""),
			},
			config: v1.Config{WorkingDir: "/app", Entrypoint: []string{"./run"}}, stays: "/usr/local/lib/job/pack.sh /usr/bin/tar /usr/bin/xz",
			goes: map[string]string{"/usr/bin/ls": "never looked up", "/usr/local/lib/libx.so": "never looked up"},
		},
		{
			name: "neither for one that runs none", tree: testimage.Tree{
				"/opt/x": exe + amd64("", soname, "begins | sort -u"), "/bin/sh": exe + amd64(""), "/usr/bin/sort": exe + amd64(""),
			},
			looked: "exec /opt/x", goes: map[string]string{"/bin/sh": "never looked up", "/usr/bin/sort": "never looked up"},
		},
		{
			name: "the modules of interpreters that a server's modules embed", tree: testimage.Tree{
				"/usr/lib/postgresql/15/bin/postgres": exe + amd64(""), "/usr/lib/postgresql/15/lib/plpython3.so": exe + amd64("", needed, "libpython3.11.so.1.0"),
				"/usr/lib/postgresql/15/lib/plperl.so": exe + amd64("", needed, "libperl.so.5.36"), "/usr/lib/libpython3.11.so.1.0": exe + amd64("", soname, "libpython3.11.so.1.0"),
				"/usr/lib/libperl.so.5.36": exe + amd64("", soname, "libperl.so.5.36"), "/usr/lib/python3.11/os.py": "file 0644 x", "/usr/lib/python3.11/encodings/__init__.py": "file 0644 x",
				"/usr/share/perl/5.36/strict.pm": "file 0644 x", "/usr/lib/x86_64-linux-gnu/perl/5.36/CORE/charclass_invlists.h": "file 0644 x",
			},
			looked: "exec /usr/lib/postgresql/15/bin/postgres", stays: "/usr/lib/python3.11/os.py /usr/lib/python3.11/encodings/__init__.py /usr/share/perl/5.36/strict.pm",
			goes: map[string]string{"/usr/lib/x86_64-linux-gnu/perl/5.36/CORE/charclass_invlists.h": "headers of Perl"},
		},
		{
			name: "plugins of MariaDB's clients", tree: testimage.Tree{
				"/usr/lib/x86_64-linux-gnu/libmariadb.so.3": exe + amd64("", soname, "libmariadb.so.3"), "/usr/lib/x86_64-linux-gnu/libmariadb3/plugin/caching_sha2_password.so": exe + amd64(""),
			},
			looked: "open /usr/lib/x86_64-linux-gnu/libmariadb.so.3", level: closure.Tight, stays: "/usr/lib/x86_64-linux-gnu/libmariadb3/plugin/caching_sha2_password.so",
		},
		{
			name: "what lighten.yaml says", tree: testimage.Tree{"/opt/a/x/y": "file 0644 x", "/opt/b": "file 0644 x", "/app/big": "file 0644 x", "/app/x": "file 0644 x"},
			keep: []string{"/opt/a/**", "/nothing/*"}, drop: []string{"/app/big", "/opt/a/x", "/no/more"}, config: v1.Config{WorkingDir: "/app"},
			stays: "/opt/a/x/y /app/x", goes: map[string]string{"/opt/b": "never looked up", "/app/big": "drop, as asked"}, notes: "drop \"/no/more\" fits nothing in the image\ndrop \"/opt/a/x\" takes nothing away: keep names what it fits, or it was looked up, or something that stays needs it\nkeep \"/nothing/*\" fits nothing in the image",
		},
		{
			name: "neither /proc nor /dev of the image", tree: testimage.Tree{"/dev/null": "char 0666 1:3", "/proc/x": "file 0644 x"},
			looked: "open /dev/null\nopen /proc/x", goes: map[string]string{"/dev/null": "never looked up", "/proc/x": "never looked up"},
		},
		{
			name: "families that are opened by computed names", tree: testimage.Tree{
				"/usr/share/zoneinfo/UTC": "file 0644 x", "/usr/share/zoneinfo/Europe/Berlin": "file 0644 x", "/usr/share/zoneinfo/right/UTC": "file 0644 x",
			},
			looked: "open /usr/share/zoneinfo/UTC", stays: "/usr/share/zoneinfo/Europe/Berlin", goes: map[string]string{"/usr/share/zoneinfo/right/UTC": "other time zone tables"}, level: closure.Tight,
		},
		{
			name: "a Java run time, less the classes prepared for large heaps", tree: testimage.Tree{
				"/usr/lib/jvm/java-21/lib/modules": "file 0644 x", "/usr/lib/jvm/java-21/lib/jexec": "file 0755 x", "/usr/lib/jvm/java-21/lib/server/classes.jsa": "file 0644 x",
				"/usr/lib/jvm/java-21/lib/server/classes_nocoops.jsa": "file 0644 x", "/usr/lib/jvm/java-21/lib/src.zip": "file 0644 x",
			},
			looked: "open /usr/lib/jvm/java-21/lib/modules", stays: "/usr/lib/jvm/java-21/lib/server/classes.jsa /usr/lib/jvm/java-21/lib/jexec",
			goes: map[string]string{
				"/usr/lib/jvm/java-21/lib/server/classes_nocoops.jsa": "classes of Java prepared for large heaps", "/usr/lib/jvm/java-21/lib/src.zip": "source code of Java",
			},
		},
		{
			name: "what Java's compiler alone reads", tree: javaReleases, looked: "open /usr/lib/jvm/java-21/lib/modules", stays: "/usr/lib/jvm/java-21/lib/tzdb.dat",
			goes: map[string]string{"/usr/lib/jvm/java-21/lib/ct.sym": "interfaces of earlier releases of Java"},
		},
		{
			name: "what Java's compiler reads, where it is run", tree: javaReleases, looked: "exec /usr/lib/jvm/java-21/bin/javac\nopen /usr/lib/jvm/java-21/lib/modules", stays: "/usr/lib/jvm/java-21/lib/ct.sym",
		},
		{
			name: "what Java's compiler reads, where the program names it", tree: join(javaReleases, testimage.Tree{"/usr/bin/javac": "symlink /usr/lib/jvm/java-21/bin/javac", "/app/a.py": "file 0644 subprocess.run(['javac', 'A.java'])\n"}),
			config: v1.Config{WorkingDir: "/app", Env: []string{"PATH=/usr/bin"}}, looked: "open /usr/lib/jvm/java-21/lib/modules", stays: "/usr/lib/jvm/java-21/lib/ct.sym",
		},
		{
			name: "Java without a screen", tree: javaWindows, looked: "open /usr/lib/jvm/java-21/lib/modules", stays: "/usr/lib/jvm/java-21/lib/libawt_headless.so",
			goes: map[string]string{"/usr/lib/jvm/java-21/lib/libawt_xawt.so": "windows of Java, for which there is no screen", "/usr/lib/x86_64-linux-gnu/libgtk-3.so.0": "never looked up"},
		},
		{
			name: "Java with a screen", tree: javaWindows, config: v1.Config{Env: []string{"DISPLAY=:0"}}, looked: "open /usr/lib/jvm/java-21/lib/modules",
			stays: "/usr/lib/jvm/java-21/lib/libawt_xawt.so /usr/lib/x86_64-linux-gnu/libgtk-3.so.0",
		},
		{
			name: "Java with a server of X11", tree: join(javaWindows, testimage.Tree{"/usr/bin/Xvfb": exe + amd64("")}), config: v1.Config{Env: []string{"PATH=/usr/bin"}}, looked: "open /usr/lib/jvm/java-21/lib/modules",
			stays: "/usr/lib/jvm/java-21/lib/libawt_xawt.so",
		},
		{name: "windows of Java that were looked up", tree: javaWindows, looked: "open /usr/lib/jvm/java-21/lib/libawt_xawt.so", stays: "/usr/lib/x86_64-linux-gnu/libgtk-3.so.0"},
		{
			name: "what a library opens whose file has another name than itself: the C library of Debian 11", tree: testimage.Tree{
				"/lib/x86_64-linux-gnu/libc-2.31.so": exe + amd64("", soname, "libc.so.6"), "/lib/x86_64-linux-gnu/libc.so.6": "symlink libc-2.31.so",
				"/usr/share/zoneinfo/Europe/Berlin": "file 0644 x", "/etc/services": "file 0644 x",
			},
			looked: "open /lib/x86_64-linux-gnu/libc.so.6", stays: "/usr/share/zoneinfo/Europe/Berlin /etc/services",
		},
		{
			name: "data that a compiled program names, strings without an end included", tree: testimage.Tree{
				"/usr/sbin/x": exe + amd64("", soname, "/usr/share/greeter/etc/x.key"), "/usr/share/greeter/de.txt": "file 0644 x", "/etc/x.key": "file 0600 @5:5 x",
				"/etc/y.key": "file 0600 x", "/usr/share/greet": "file 0644 x",
			},
			looked: "exec /usr/sbin/x", stays: "/usr/share/greeter/de.txt /etc/x.key", level: closure.Tight,
			goes: map[string]string{"/etc/y.key": "never looked up", "/usr/share/greet": "never looked up"},
			why:  map[string]string{"/etc/x.key": "named looked up"},
		},
		{
			name: "of a package's directory that a program names, nothing at the level tight but time zones", level: closure.Tight, tree: testimage.Tree{
				"/var/lib/dpkg/status": "file 0644 " + statusOf("d"), "/var/lib/dpkg/info/d.list": "file 0644 /usr/share/d/a\n/usr/share/zoneinfo/UTC\n",
				"/usr/share/d/a": "file 0644 x", "/usr/share/zoneinfo/UTC": "file 0644 x",
				"/usr/sbin/x": exe + amd64("", soname, "/usr/share/d", soname, "/usr/share/zoneinfo/"),
			},
			looked: "exec /usr/sbin/x", stays: "/usr/share/zoneinfo/UTC", goes: map[string]string{"/usr/share/d/a": "package not needed"},
		},
		{
			name: "files and commands that a shell script names outside of commands", tree: testimage.Tree{
				"/usr/local/bin/run": "file 0755 #!/bin/sh\nmenu=/usr/local/share/x/menu\nfor how in gzip xz; do command -v $how; done\n", "/bin/sh": exe + amd64(""),
				"/usr/local/share/x/menu": "file 0644 x", "/usr/local/share/x/other": "file 0644 x", "/usr/bin/gzip": exe + amd64(""), "/usr/bin/tar": exe + amd64(""),
			},
			config: v1.Config{Entrypoint: []string{"run"}}, stays: "/usr/local/share/x/menu /usr/bin/gzip",
			goes: map[string]string{"/usr/bin/tar": "never looked up", "/usr/local/share/x/other": "never looked up"},
		},
		{
			name: "the directory that a program makes its working one", tree: testimage.Tree{"/var/lib/x/letters": "file 0640 x", "/var/lib/x/15/base": "file 0600 x", "/var/lib/y/z": "file 0644 x"},
			looked: "chdir /var/lib/x", stays: "/var/lib/x/letters", goes: map[string]string{"/var/lib/y/z": "never looked up", "/var/lib/x/15/base": "never looked up"},
		},
		{
			name: "what sources of Perl ask for, with their packages, and the packages of modules", tree: testimage.Tree{
				"/var/lib/dpkg/status": "file 0644 " + statusOf("perl", "libdbd-sqlite3-perl", "debconf"), "/var/lib/dpkg/info/perl.list": "file 0644 /usr/share/perl/5.36/Text/Wrap.pm\n/usr/share/perl/5.36/Text/Tabs.pm\n",
				"/var/lib/dpkg/info/libdbd-sqlite3-perl.list": "file 0644 /usr/lib/x86_64-linux-gnu/perl5/5.36/DBD/SQLite.pm\n", "/var/lib/dpkg/info/debconf.list": "file 0644 /usr/share/perl5/Debconf/Db.pm\n",
				"/opt/tea/tea": "file 0755 #!/usr/bin/perl\nuse Text::Wrap;\n", "/usr/bin/perl": exe + amd64(""), "/usr/share/perl/5.36/Text/Wrap.pm": "file 0644 x", "/usr/share/perl/5.36/Text/Tabs.pm": "file 0644 x",
				"/usr/lib/x86_64-linux-gnu/perl5/5.36/DBD/SQLite.pm": "file 0644 x", "/usr/share/perl5/Debconf/Db.pm": "file 0644 x",
			},
			looked: "exec /opt/tea/tea", stays: "/usr/lib/x86_64-linux-gnu/perl5/5.36/DBD/SQLite.pm /usr/share/perl/5.36/Text/Wrap.pm /usr/share/perl/5.36/Text/Tabs.pm",
			goes: map[string]string{"/usr/share/perl5/Debconf/Db.pm": "package not needed"},
		},
		{
			name: "what modules of Perl ask for, compiled parts too, at the level tight", level: closure.Tight, tree: testimage.Tree{
				"/var/lib/dpkg/status": "file 0644 " + statusOf("perl"), "/var/lib/dpkg/info/perl.list": "file 0644 /usr/share/perl/5.36/strict.pm\n/usr/share/perl/5.36/Text/Wrap.pm\n/usr/share/perl/5.36/JSON/PP.pm\n",
				"/opt/tea/tea.pl": "file 0644 use strict;\nuse Data::Dumper;\n  eval { require JSON::PP };\n# use Text::Wrap;\n", "/usr/share/perl/5.36/strict.pm": "file 0644 x",
				"/usr/lib/x86_64-linux-gnu/perl/5.36/Data/Dumper.pm": "file 0644 use parent 'Exporter';\n", "/usr/lib/x86_64-linux-gnu/perl/5.36/auto/Data/Dumper/Dumper.so": exe + amd64(""),
				"/usr/lib/x86_64-linux-gnu/perl-base/Exporter.pm": "file 0644 x", "/usr/share/perl/5.36/JSON/PP.pm": "file 0644 x", "/usr/share/perl/5.36/Text/Wrap.pm": "file 0644 x",
			},
			looked: "open /opt/tea/tea.pl",
			stays:  "/usr/share/perl/5.36/strict.pm /usr/lib/x86_64-linux-gnu/perl/5.36/auto/Data/Dumper/Dumper.so /usr/lib/x86_64-linux-gnu/perl-base/Exporter.pm /usr/share/perl/5.36/JSON/PP.pm",
			goes:   map[string]string{"/usr/share/perl/5.36/Text/Wrap.pm": "package not needed"},
		},
		{
			name: "what Perl loads for patterns of names, at the level tight", level: closure.Tight, tree: testimage.Tree{
				"/opt/a.pl": "file 0755 #!/usr/bin/perl\nmy @f = <$dir/*.conf>;\n", "/usr/bin/perl": exe + amd64(""),
				"/usr/lib/x86_64-linux-gnu/perl/5.36/File/Glob.pm": "file 0644 x",
			},
			looked: "exec /opt/a.pl", stays: "/usr/lib/x86_64-linux-gnu/perl/5.36/File/Glob.pm",
		},
		{
			name: "no patterns of names", level: closure.Tight, tree: testimage.Tree{
				"/opt/b.pl": "file 0755 #!/usr/bin/perl\nif ($x <$y*2 && $z> 1) {}\nmy %h = (glob => 1); # $a * $b\n", "/usr/bin/perl": exe + amd64(""), "/usr/lib/x86_64-linux-gnu/perl/5.36/File/Glob.pm": "file 0644 x",
			},
			looked: "exec /opt/b.pl", goes: map[string]string{"/usr/lib/x86_64-linux-gnu/perl/5.36/File/Glob.pm": "never looked up"},
		},
		{
			name: "parts of the C library for libraries within archives of Java, at the level tight", level: closure.Tight, tree: join(glibcTree, testimage.Tree{
				"/usr/lib/jvm/java-21/lib/server/libjvm.so": exe + amd64("", needed, "libc.so.6"), "/usr/lib/x86_64-linux-gnu/libpthread.so.0": exe + amd64(""),
			}),
			looked: "open /usr/lib/jvm/java-21/lib/server/libjvm.so", stays: "/usr/lib/x86_64-linux-gnu/libpthread.so.0",
		},
		{
			name: "a shell and the locales made in the image, for Perl", tree: join(glibcTree, testimage.Tree{
				"/usr/bin/perl": exe + amd64(glibc, needed, "libc.so.6"), "/bin/sh": exe + amd64(""), "/usr/lib/locale/locale-archive": "file 0644 x", "/usr/lib/locale/de_DE/LC_TIME": "file 0644 x",
			}),
			looked: "exec /usr/bin/perl", stays: "/bin/sh /usr/lib/locale/locale-archive", goes: map[string]string{"/usr/lib/locale/de_DE/LC_TIME": "locales"},
		},
		{
			name: "modules and dictionaries of PostgreSQL at the level tight", level: closure.Tight, tree: testimage.Tree{
				"/var/lib/dpkg/status": "file 0644 " + statusOf("pg"), "/var/lib/dpkg/info/pg.list": "file 0644 /usr/lib/postgresql/15/bin/postgres\n/usr/lib/postgresql/15/bin/psql\n",
				"/usr/lib/postgresql/15/bin/postgres": exe + amd64(""), "/usr/lib/postgresql/15/bin/psql": exe + amd64(""), "/usr/lib/postgresql/15/lib/pg_trgm.so": exe + amd64(""),
				"/usr/share/postgresql/15/tsearch_data/german.stop": "file 0644 x",
			},
			looked: "exec /usr/lib/postgresql/15/bin/postgres", stays: "/usr/lib/postgresql/15/lib/pg_trgm.so /usr/share/postgresql/15/tsearch_data/german.stop",
			goes: map[string]string{"/usr/lib/postgresql/15/bin/psql": "package not needed"},
		},
		{
			name: "conversions for a program that calls iconv, not for bash, curl and the C++ library alone", tree: join(glibcTree, testimage.Tree{
				"/usr/bin/x": exe + amd64(glibc, needed, "libstdc++.so.6", needed, "libidn2.so.0"), "/usr/lib/x86_64-linux-gnu/libidn2.so.0": exe + amd64("", soname, "iconv_open", soname, "libidn2.so.0"),
				"/usr/bin/bash": exe + amd64(glibc, soname, "iconv_open"),
				"/usr/lib/x86_64-linux-gnu/libstdc++.so.6":  exe + amd64("", soname, "iconv_open", soname, "libstdc++.so.6"),
				"/usr/lib/x86_64-linux-gnu/gconv/EUC-JP.so": exe + amd64(""),
			}),
			looked: "exec /usr/bin/x\nexec /usr/bin/bash", goes: map[string]string{"/usr/lib/x86_64-linux-gnu/gconv/EUC-JP.so": "character set conversions"},
		},
		{
			name: "the caches of fonts, which are about files of the image", tree: join(glibcTree, testimage.Tree{
				"/usr/bin/dot": exe + amd64(glibc, needed, "libfontconfig.so.1"), "/usr/lib/x86_64-linux-gnu/libfontconfig.so.1": exe + amd64(""),
				"/var/cache/fontconfig/a-le64.cache-8": "file 0644 x", "/var/cache/debconf/x": "file 0644 x",
			}),
			looked: "exec /usr/bin/dot", stays: "/var/cache/fontconfig/a-le64.cache-8", goes: map[string]string{"/var/cache/debconf/x": "package manager"},
		},
		{
			name: "all time zones for who lists them", level: closure.Tight, tree: testimage.Tree{"/usr/share/zoneinfo/right/Asia/Tokyo": "file 0644 x", "/usr/share/zoneinfo/UTC": "file 0644 x"},
			looked: "list /usr/share/zoneinfo", stays: "/usr/share/zoneinfo/UTC /usr/share/zoneinfo/right/Asia/Tokyo",
		},
		{
			name: "no further time zones for who tells the local time", level: closure.Tight, tree: testimage.Tree{
				"/etc/localtime": "symlink /usr/share/zoneinfo/UTC", "/usr/share/zoneinfo/UTC": "file 0644 x", "/usr/share/zoneinfo/Asia/Tokyo": "file 0644 x",
			},
			looked: "open /etc/localtime", stays: "/etc/localtime /usr/share/zoneinfo/UTC", goes: map[string]string{"/usr/share/zoneinfo/Asia/Tokyo": "never looked up"},
		},
		{
			name: "the file of all certificate authorities instead of each", tree: join(glibcTree, authorities, testimage.Tree{"/usr/lib/ssl/cert.pem": "symlink /etc/ssl/certs/ca-certificates.crt"}),
			looked: "open /usr/lib/libssl.so.3\nopen /usr/lib/libcrypto.so.3", stays: "/usr/lib/ssl/cert.pem /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ssl-cert-snakeoil.pem",
			goes: map[string]string{"/usr/share/ca-certificates/mozilla/A.crt": "certificate authorities one by one", "/etc/ssl/certs/A.pem": "certificate authorities one by one"},
		},
		{
			name: "each certificate authority where no library looks for a file of all", tree: join(glibcTree, authorities),
			looked: "open /usr/lib/libssl.so.3\nopen /usr/lib/libcrypto.so.3", stays: "/usr/share/ca-certificates/mozilla/A.crt /etc/ssl/certs/0a1b2c3d.0",
		},
		{
			name: "each certificate authority for who looks one up", tree: join(glibcTree, authorities, testimage.Tree{"/usr/lib/ssl/cert.pem": "symlink /etc/ssl/certs/ca-certificates.crt"}),
			looked: "stat /etc/ssl/certs/0a1b2c3d.0", stays: "/usr/share/ca-certificates/mozilla/B.crt /etc/ssl/certs/B.pem",
		},
		{
			name: "no authority for OpenSSL, which lists them and has read the file of all", tree: join(glibcTree, authorities, testimage.Tree{"/usr/lib/ssl/cert.pem": "symlink /etc/ssl/certs/ca-certificates.crt", "/usr/lib/ssl/certs": "symlink /etc/ssl/certs"}),
			looked: "open /usr/lib/ssl/cert.pem\nlist /usr/lib/ssl/certs", stays: "/etc/ssl/certs/ca-certificates.crt", goes: map[string]string{"/etc/ssl/certs/A.pem": "certificate authorities one by one", "/etc/ssl/certs/0a1b2c3d.0": "certificate authorities one by one"},
		},
		{
			name: "each certificate authority for who lists them and has not read the file of all", tree: join(glibcTree, authorities, testimage.Tree{"/usr/lib/ssl/cert.pem": "symlink /etc/ssl/certs/ca-certificates.crt"}),
			looked: "list /etc/ssl/certs", stays: "/etc/ssl/certs/A.pem /etc/ssl/certs/0a1b2c3d.0",
		},
		nodeCase(), nodeCommandsCase(), nodeForeignCase(), nodeTypesCase(), pythonCase(closure.Safe), pythonCase(closure.Tight),
	}
}

func nodeCase() keepCase {
	return keepCase{
		name: "packages of Node, less those for development", tree: testimage.Tree{
			"/app/package.json": `file 0644 {"dependencies": {"a": "1"}, "devDependencies": {"d": "1"}}`, "/app/index.js": "file 0644 x",
			"/app/node_modules/a/package.json": `file 0644 {"dependencies": {"b": "1"}}`, "/app/node_modules/a/lib/later.js": "file 0644 x",
			"/app/node_modules/b/index.js": "file 0644 x", "/app/node_modules/d/index.js": "file 0644 x",
		},
		config: v1.Config{WorkingDir: "/app"}, looked: "open /app/index.js",
		stays: "/app/node_modules/a/lib/later.js /app/node_modules/b/index.js", goes: map[string]string{"/app/node_modules/d/index.js": "packages for development"},
	}
}

func nodeCommandsCase() keepCase {
	const node = "/app/node_modules/"
	return keepCase{
		name: "packages for development whose commands the program names by what launches them", tree: join(glibcTree, testimage.Tree{
			"/app/package.json":  `file 0644 {"dependencies": {"a": "1"}, "devDependencies": {"d": "1", "e": "1", "f": "1", "i": "1"}, "scripts": {"db:migrate": "NODE_ENV=x umzug up", "lint": "lint ."}}`,
			"/app/index.js":      "file 0644 const { execFile } = require('child_process')\nexecFile('npx', ['pretty', 'a.ts'])\nexecFile('npm', ['run', 'db:migrate'])\nexecFile('npx', ['tsc'])\n",
			"/usr/local/bin/npx": exe + "#!/bin/sh\n", node + "a/package.json": "file 0644 {}", node + "a/index.js": "file 0644 x",
			node + ".bin/pretty": "symlink ../d/cli.js", node + "d/package.json": `file 0644 {"dependencies": {"g": "1"}}`, node + "d/cli.js": exe + "#!/bin/sh\n", node + "d/lib/later.js": "file 0644 x", node + "g/index.js": "file 0644 x",
			node + ".bin/umzug": "symlink ../e/cli.js", node + "e/cli.js": exe + "#!/bin/sh\n", node + "e/package.json": "file 0644 {}",
			node + ".bin/tsc": "symlink ../typescript/tsc.js", node + "typescript/tsc.js": exe + "#!/bin/sh\n", node + "typescript/lib.d.ts": "file 0644 x", node + "a/index.d.ts": "file 0644 x", node + "@types/h/index.d.ts": "file 0644 x", node + "i/package.json": `file 0644 {"dependencies": {"@types/j": "1"}}`, node + "@types/j/package.json": "file 0644 {}", node + "@types/j/index.d.ts": "file 0644 x", node + "f/index.d.ts": "file 0644 x",
			node + ".bin/lint": "symlink ../f/cli.js", node + "f/cli.js": exe + "#!/bin/sh\n", node + "f/package.json": "file 0644 {}",
		}),
		config: v1.Config{WorkingDir: "/app"}, looked: "open /app/index.js\nopen " + node + "i/package.json",
		stays: node + "@types/j/index.d.ts " + node + ".bin/pretty " + node + "d/lib/later.js " + node + "g/index.js " + node + ".bin/umzug " + node + "e/package.json " + node + "typescript/lib.d.ts " + node + "a/index.d.ts " + node + "@types/h/index.d.ts",
		goes:  map[string]string{node + "f/package.json": "packages for development", node + "f/index.d.ts": "packages for development"},
	}
}

func nodeForeignCase() keepCase {
	const node = "/app/node_modules/"
	const foreign = "compiled parts for other systems"
	return keepCase{
		name: "addons of Node for this system alone, and no source maps", tree: join(glibcTree, testimage.Tree{
			"/app/index.js": "file 0644 x", node + "a/package.json": "file 0644 {}", node + "a/index.js": "file 0644 x", node + "a/index.js.map": "file 0644 x", node + "a/index.d.ts": "file 0644 x",
			node + "a/prebuilds/linux-x64/node.napi.node":         exe + amd64("", needed, "libc.so.6"),
			node + "a/prebuilds/linux-x64/node.napi.musl.node":    exe + amd64("", needed, "libc.musl-x86_64.so.1"),
			node + "a/prebuilds/linux-arm64/node.napi.node":       exe + object(elf.EM_AARCH64, "", needed, "libc.so.6"),
			node + "a/prebuilds/darwin-x64/node.napi.node":        exe + "\xcf\xfa\xed\xfe",
			node + "@img/libvips-linuxmusl-x64/lib/libvips.so.42": exe + amd64("", needed, "libc.musl-x86_64.so.1"),
			"/app/downloads/agent.node":                           "file 0644 MZ", "/app/index.js.map": "file 0644 x", "/app/README.md": "file 0644 x",
			node + "a/README.md": "file 0644 x", node + "a/lib/history.js": "file 0644 x", node + "a/LICENSE.md": "file 0644 x",
			node + "a/gyp/find.py": "file 0644 ctypes.util.find_library('c')\n", "/sbin/ldconfig": exe + amd64(""),
		}),
		config: v1.Config{WorkingDir: "/app"}, looked: "open /app/index.js",
		stays: node + "a/index.js " + node + "a/prebuilds/linux-x64/node.napi.node /app/downloads/agent.node /app/index.js.map /app/README.md " + node + "a/lib/history.js " + node + "a/LICENSE.md",
		goes: map[string]string{
			node + "a/prebuilds/linux-x64/node.napi.musl.node": foreign, node + "a/prebuilds/linux-arm64/node.napi.node": foreign, node + "a/prebuilds/darwin-x64/node.napi.node": foreign,
			node + "@img/libvips-linuxmusl-x64/lib/libvips.so.42": foreign, node + "a/index.js.map": "source maps", node + "a/index.d.ts": "declarations for TypeScript",
			node + "a/README.md": "documentation", "/sbin/ldconfig": "never looked up",
		},
	}
}

func nodeTypesCase() keepCase {
	return keepCase{
		name: "declarations where the compiler of TypeScript is there to run, and musl's addons where musl is", tree: testimage.Tree{
			"/app/package.json": `file 0644 {"dependencies": {"typescript": "5", "a": "1"}, "devDependencies": {"d": "1"}}`, "/app/index.ts": "file 0644 x",
			"/app/node_modules/typescript/package.json": "file 0644 {}", "/app/node_modules/typescript/lib/lib.d.ts": "file 0644 x",
			"/app/node_modules/a/a.node": exe + amd64("", needed, "libc.musl-x86_64.so.1"), "/lib/ld-musl-x86_64.so.1": exe + amd64("", soname, "libc.musl-x86_64.so.1"),
		},
		config: v1.Config{WorkingDir: "/app"}, looked: "open /app/index.ts", stays: "/app/node_modules/typescript/lib/lib.d.ts /app/node_modules/a/a.node",
	}
}

func pythonCase(level closure.Level) keepCase {
	const lib = "/usr/local/lib/python3.11/"
	const site = lib + "site-packages/"
	const unseen = "Python's own tests, tools and what is given up"
	c := keepCase{
		name: "Python at the level " + string(level), level: level,
		tree: join(glibcTree, testimage.Tree{
			"/usr/local/bin/python3.11": exe + amd64(glibc), "/usr/local/bin/python3": "symlink python3.11", "/usr/local/bin/python": "symlink python3",
			lib + "os.py": "file 0644 x", lib + "__pycache__/os.cpython-311.pyc": "file 0644 x", lib + "__pycache__/os.cpython-311.opt-1.pyc": "file 0644 x",
			lib + "json/__init__.py": "file 0644 from . import decoder\n", lib + "json/decoder.py": "file 0644 x", lib + "json/__pycache__/decoder.cpython-311.pyc": "file 0644 x",
			lib + "config-3.11-x86_64-linux-gnu/Makefile": "file 0644 x",
			lib + "wave.py": "file 0644 x", lib + "pdb.py": "file 0644 import cmd\n", lib + "cProfile.py": "file 0644 x", lib + "pydoc.py": "file 0644 x", lib + "distutils/spawn.py": "file 0644 x", lib + "tkinter/__init__.py": "file 0644 x",
			lib + "unittest/__init__.py": "file 0644 from .case import TestCase\n", lib + "unittest/case.py": "file 0644 x", lib + "unittest/mock.py": "file 0644 x", lib + "sqlite3/__init__.py": "file 0644 from _sqlite3 import *\n", lib + "idlelib/x.py": "file 0644 x", lib + "encodings/cp1252.py": "file 0644 x", lib + "encodings/utf_8.py": "file 0644 x",
			lib + "encodings/gb2312.py": "file 0644 import _codecs_cn\n", lib + "_pyio.py": "file 0644 x", lib + "asyncio/proactor_events.py": "file 0644 x", lib + "ctypes/macholib/README.ctypes": "file 0644 x", lib + "lib-dynload/_codecs_cn.cpython-311-x86_64-linux-gnu.so": exe + amd64(""),
			lib + "_compat_pickle.py": "file 0644 x = {'whichdb': 'dbm.ndbm'}\n", lib + "dbm/ndbm.py": "file 0644 from _dbm import *\n",
			lib + "lib-dynload/_dbm.cpython-311-x86_64-linux-gnu.so": exe + amd64("", needed, "libdb-5.3.so"), "/usr/lib/x86_64-linux-gnu/libdb-5.3.so": exe + amd64(""),
			lib + "ctypes/util.py": "file 0644 def find_library(name): return run('/sbin/ldconfig')\n", "/sbin/ldconfig": exe + amd64(""),
			lib + "lib-dynload/_sqlite3.cpython-311-x86_64-linux-gnu.so": exe + amd64("", needed, "libsqlite3.so.0"), "/usr/lib/x86_64-linux-gnu/libsqlite3.so.0": exe + amd64(""),
			lib + "lib-dynload/nis.cpython-311-x86_64-linux-gnu.so": exe + amd64("", needed, "libnsl.so.2"), "/usr/lib/x86_64-linux-gnu/libnsl.so.2": exe + amd64(""),
			site + "flask/__init__.py": "file 0644 import json\n", site + "flask/later.py": "file 0644 import pdb, tkinter\nfrom distutils import (\n    spawn,\n)\n\ndef f():\n    import pydoc\n", site + "flask/data.txt": "file 0644 x", site + "flask/app/base.py": "file 0644 x", site + "flask/tests/t.py": "file 0644 x", site + "django/test/client.py": "file 0644 x",
			site + "Flask-3.0.dist-info/METADATA":     "file 0644 Name: Flask\nVersion: 3.0\nRequires-Dist: blinker\n",
			site + "Flask-3.0.dist-info/RECORD":       "file 0644 flask/__init__.py,,\nflask/later.py,,\nflask/app/base.py,,\nflask/tests/t.py,,\ndjango/test/client.py,,\nFlask-3.0.dist-info/METADATA,,\nFlask-3.0.dist-info/RECORD,,\n../../../bin/flask,,\n",
			"/usr/local/bin/flask":                    "file 0755 #!/usr/local/bin/python3.11\n",
			site + "blinker.py":                       "file 0644 x",
			site + "blinker-1.dist-info/METADATA":     "file 0644 Name: blinker\nVersion: 1\n",
			site + "blinker-1.dist-info/RECORD":       "file 0644 blinker.py,,\nblinker-1.dist-info/METADATA,,\n",
			site + "pip/__init__.py":                  "file 0644 x",
			site + "pip-24.dist-info/METADATA":        "file 0644 Name: pip\nVersion: 24\n",
			site + "pip-24.dist-info/RECORD":          "file 0644 pip/__init__.py,,\n",
			site + "setuptools/__init__.py":           "file 0644 x",
			site + "_distutils_hack/__init__.py":      "file 0644 x",
			site + "setuptools-70.dist-info/METADATA": "file 0644 Name: setuptools\nVersion: 70\n",
			site + "setuptools-70.dist-info/RECORD":   "file 0644 setuptools/__init__.py,,\n_distutils_hack/__init__.py,,\nsetuptools-70.dist-info/METADATA,,\n",
			"/app/app.py":                             "file 0644 import flask\n\ndef later():\n    import sqlite3\n    from unittest import mock\n",
		}),
		config: v1.Config{WorkingDir: "/app", Cmd: []string{"python", "app.py"}},
		looked: "exec /usr/local/bin/python\nopen " + lib + "os.py\nopen " + lib + "__pycache__/os.cpython-311.pyc\nopen " + lib + "encodings/utf_8.py\nopen " + lib + "_compat_pickle.py\nopen " + lib + "ctypes/util.py\nopen " + site + "flask/__init__.py\nopen " + site + "flask/app/base.py\nlist " + lib + "\nopen " + site + "_distutils_hack/__init__.py",
		stays: "/usr/local/bin/python /usr/local/bin/python3 /usr/local/bin/python3.11 " + lib + "os.py " + lib + "__pycache__/os.cpython-311.pyc " +
			lib + "encodings/cp1252.py " + lib + "config-3.11-x86_64-linux-gnu " + site + "flask/data.txt " + site + "Flask-3.0.dist-info/RECORD /usr/local/bin/flask " + site + "_distutils_hack/__init__.py " +
			lib + "lib-dynload/_sqlite3.cpython-311-x86_64-linux-gnu.so /usr/lib/x86_64-linux-gnu/libsqlite3.so.0 " + lib + "unittest/case.py " + lib + "unittest/mock.py " + site + "setuptools-70.dist-info/METADATA",
		goes: map[string]string{
			lib + "__pycache__/os.cpython-311.opt-1.pyc":             "bytecode for python -O",
			lib + "json/__pycache__/decoder.cpython-311.pyc":         "bytecode of modules that were not imported",
			lib + "idlelib/x.py":                                     unseen,
			lib + "config-3.11-x86_64-linux-gnu/Makefile":            unseen,
			lib + "pydoc.py":                                         unseen,
			lib + "cProfile.py":                                      unseen,
			lib + "tkinter/__init__.py":                              unseen,
			lib + "lib-dynload/nis.cpython-311-x86_64-linux-gnu.so":  unseen,
			"/usr/lib/x86_64-linux-gnu/libnsl.so.2":                  "never looked up",
			site + "flask/tests/t.py":                                "tests of libraries",
			site + "pip/__init__.py":                                 "package not needed",
			site + "setuptools/__init__.py":                          "package not needed",
			lib + "lib-dynload/_dbm.cpython-311-x86_64-linux-gnu.so": "modules of Python that nothing imports",
			"/usr/lib/x86_64-linux-gnu/libdb-5.3.so":                 "never looked up",
			"/sbin/ldconfig":                                         "never looked up",
			lib + "dbm/ndbm.py":                                      "modules of Python that nothing imports",
			site + "setuptools-70.dist-info/RECORD":                  "lists of the files of distributions that do not stay",
		},
	}
	if level == closure.Safe {
		c.stays += " " + lib + "pdb.py " + lib + "distutils/spawn.py " + lib + "wave.py " + lib + "json/decoder.py " + site + "flask/later.py " + site + "django/test/client.py " + site + "blinker.py " + lib + "lib-dynload/_codecs_cn.cpython-311-x86_64-linux-gnu.so"
		for _, p := range []string{"_pyio.py", "asyncio/proactor_events.py", "ctypes/macholib/README.ctypes"} {
			c.goes[lib+p] = "modules of Python for other systems, and twins of compiled ones"
		}
	} else {
		c.goes[lib+"lib-dynload/_codecs_cn.cpython-311-x86_64-linux-gnu.so"] = "modules of Python that nothing imports"
		c.goes[lib+"wave.py"] = "modules of Python that nothing imports"
		c.goes[site+"flask/later.py"] = "modules of distributions that were not imported"
	}
	return c
}

func join(trees ...testimage.Tree) testimage.Tree {
	out := testimage.Tree{}
	for _, t := range trees {
		for k, v := range t {
			out[k] = v
		}
	}
	return out
}

// read makes an image of the case as carving sees it.
func (c keepCase) read(t *testing.T) (*image.Tree, *inventory.Inventory) {
	t.Helper()
	return readImage(t, testimage.Image(t, c.config, c.tree))
}

func readImage(t *testing.T, img v1.Image) (*image.Tree, *inventory.Inventory) {
	t.Helper()
	tr, err := image.ReadTree(t.Context(), img, closure.Rules())
	if err != nil {
		t.Fatal(err)
	}
	inv, err := inventory.Read(tr)
	if err != nil {
		t.Fatal(err)
	}
	return tr, inv
}

func record(t *testing.T, looked string) *observe.Record {
	t.Helper()
	ops := map[string]observe.Ops{"open": observe.Open, "stat": observe.Stat, "exec": observe.Exec, "list": observe.Open | observe.List, "write": observe.Write, "chdir": observe.Chdir}
	r := &observe.Record{Phases: []string{"start"}}
	for line := range strings.Lines(looked) {
		op, p, _ := strings.Cut(strings.TrimSpace(line), " ")
		if ops[op] == 0 {
			t.Fatalf("unknown op %q", op)
		}
		r.Paths = append(r.Paths, observe.Path{Name: p, Ops: ops[op]})
	}
	return r
}

func (c keepCase) run(t *testing.T) {
	tr, inv := c.read(t)
	evidence := []closure.Evidence{{Record: record(t, c.looked)}}
	if c.missed != "" {
		evidence = append(evidence, closure.Evidence{Record: record(t, c.missed), Miss: true})
	}
	k, err := closure.Make(closure.Input{
		Tree: tr, Inventory: inv, Evidence: evidence, Level: c.level, Keep: c.keep, Drop: c.drop,
	})
	if err != nil {
		t.Fatal(err)
	}
	for p := range strings.FieldsSeq(c.stays) {
		if !k.Has(p) {
			t.Errorf("%s goes by the rule %q, want it to stay", p, k.Rule(p))
		}
	}
	for p, rule := range c.goes {
		if k.Has(p) {
			t.Errorf("%s stays: %v, want it to go", p, k.Why(p))
		} else if got := k.Rule(p); got != rule {
			t.Errorf("%s goes by the rule %q, want %q", p, got, rule)
		}
	}
	for p, want := range c.why {
		var got []string
		for _, s := range k.Why(p) {
			got = append(got, s.Rule)
		}
		if g := strings.Join(got, " "); g != want {
			t.Errorf("%s stays by %q, want %q", p, g, want)
		}
	}
	for p := range k.Paths() {
		if len(k.Reasons(p)) == 0 {
			t.Errorf("%s stays without a reason", p)
		}
	}
	if !strings.Contains(strings.Join(k.Notes, "\n"), c.notes) {
		t.Errorf("notes %q, want %q among them", k.Notes, c.notes)
	}
}

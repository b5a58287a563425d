package closure_test

import (
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lighten/lighten/internal/closure"
	"github.com/lighten/lighten/internal/testimage"
)

// What a carved image lacked at the level tight tells of more that further requests would miss, one after the other.
func TestMissed(t *testing.T) {
	const lib = "/usr/local/lib/python3.11/"
	const unseen, unimported = "Python's own tests, tools and what is given up", "modules of Python that nothing imports"
	tree := testimage.Tree{
		"/bin/sh": exe + amd64(""), "/usr/bin/awk": exe + amd64(""), "/usr/bin/sort": exe + amd64(""), "/usr/bin/who": exe + amd64(""),
		lib + "os.py": "file 0644 x", lib + "wave.py": "file 0644 x", lib + "statistics.py": "file 0644 x", lib + "telnetlib.py": "file 0644 x", lib + "_private.py": "file 0644 x", lib + "tkinter/__init__.py": "file 0644 x",
		lib + "encodings/shift_jis.py": "file 0644 import _codecs_jp\n", lib + "lib-dynload/_codecs_jp.cpython-311-x86_64-linux-gnu.so": exe + amd64(""), lib + "lib-dynload/_codecs_cn.cpython-311-x86_64-linux-gnu.so": exe + amd64(""),
	}
	mac := testimage.Tree{
		lib + "ctypes/macholib/dyld.py": "file 0644 from ctypes.macholib.framework import info\n", lib + "ctypes/macholib/framework.py": "file 0644 from .dylib import info\nimport ctypes.macholib.dyld\n",
		lib + "ctypes/macholib/dylib.py": "file 0644 x", lib + "ctypes/macholib/other.py": "file 0644 x",
	}
	runs := testimage.Tree{"/app/a.py": "file 0644 lines = {'a': 'awk 1 | sort'}\n\n\n\n\n\n\nsubprocess.run(lines[x], shell=True)\n"}
	computes := testimage.Tree{"/app/a.py": "file 0644 import_module(name)\n"}
	for _, c := range []keepCase{
		{
			name: "a module whose name the program computed, and so any but for screens", tree: join(tree, computes), missed: "open " + lib + "wave.py",
			stays: lib + "statistics.py " + lib + "telnetlib.py", goes: map[string]string{lib + "tkinter/__init__.py": unseen},
		},
		{
			name: "a module of a program that computes none", tree: join(tree, runs), missed: "open " + lib + "wave.py",
			goes: map[string]string{lib + "statistics.py": unimported, lib + "telnetlib.py": unseen},
		},
		{
			name: "a module that a source imports", tree: join(tree, computes, testimage.Tree{"/app/b.py": "file 0644 import wave\n"}), missed: "open " + lib + "wave.py",
			goes: map[string]string{lib + "statistics.py": unimported},
		},
		{
			name: "a module that the library asks for", tree: join(tree, computes), missed: "open " + lib + "_private.py",
			goes: map[string]string{lib + "statistics.py": unimported},
		},
		{
			name: "a module of a library, and so what it imports", tree: join(tree, distribution(lib+"site-packages/", "pool", "pool.py"), testimage.Tree{lib + "site-packages/pool.py": "file 0644 import statistics\n"}),
			missed: "open " + lib + "site-packages/pool.py", stays: lib + "statistics.py", goes: map[string]string{lib + "wave.py": unimported},
		},
		{
			name: "a module for another system, and so what it imports", tree: join(tree, mac), missed: "open " + lib + "ctypes/macholib/dyld.py",
			stays: lib + "ctypes/macholib/framework.py " + lib + "ctypes/macholib/dylib.py", goes: map[string]string{lib + "ctypes/macholib/other.py": "modules of Python for other systems, and twins of compiled ones"},
		},
		{
			name: "a codec of East Asia", tree: tree, missed: "open " + lib + "lib-dynload/_codecs_jp.cpython-311-x86_64-linux-gnu.so",
			stays: lib + "lib-dynload/_codecs_cn.cpython-311-x86_64-linux-gnu.so",
		},
	} {
		c.config, c.level, c.looked = v1.Config{WorkingDir: "/app"}, closure.Tight, "stat "+lib+"os.py"
		t.Run(c.name, func(t *testing.T) { c.run(t) })
	}
}

// Of what a library opens by names that it makes, one that was missed tells of the others: whoever lets people in reads one file of PAM after the other.
func TestMissedCompanions(t *testing.T) {
	const lib = "/usr/lib/x86_64-linux-gnu/"
	tree := testimage.Tree{
		lib + "libc.so.6": exe + amd64("", soname, "libc.so.6"), lib + "libdl.so.2": exe + amd64(""), lib + "libpthread.so.0": exe + amd64(""),
		lib + "libpam.so.0": exe + amd64(""), lib + "security/pam_unix.so": exe + amd64(""), "/etc/pam.d/other": "file 0644 x", "/etc/pam.d/common-auth": "file 0644 x",
		"/etc/security/limits.conf": "file 0644 x", "/usr/share/zoneinfo/Asia/Tokyo": "file 0644 x",
	}
	const pam = "/etc/pam.d/other /etc/pam.d/common-auth /etc/security/limits.conf " + lib + "security/pam_unix.so"
	gone := map[string]string{}
	for _, p := range strings.Fields(pam) {
		gone[p] = "never looked up"
	}
	for _, c := range []keepCase{
		{name: "none was missed", tree: tree, looked: "open " + lib + "libpam.so.0", goes: gone},
		{name: "one was", tree: tree, looked: "open " + lib + "libpam.so.0", missed: "open /etc/pam.d/other", stays: pam},
		{name: "the directory was", tree: tree, looked: "open " + lib + "libpam.so.0", missed: "stat /etc/pam.d", stays: pam},
		{name: "something else was", tree: tree, looked: "open " + lib + "libpam.so.0", missed: "open /usr/share/zoneinfo/Asia/Tokyo", goes: gone},
		{name: "a part of the C library was", tree: tree, looked: "open " + lib + "libc.so.6", missed: "open " + lib + "libpthread.so.0", stays: lib + "libdl.so.2"},
		{name: "no part of it was", tree: tree, looked: "open " + lib + "libc.so.6", goes: map[string]string{lib + "libdl.so.2": "never looked up"}},
		{name: "nobody here opens them", tree: tree, missed: "open /etc/pam.d/other", goes: map[string]string{"/etc/security/limits.conf": "never looked up"}},
	} {
		c.level = closure.Tight
		t.Run(c.name, func(t *testing.T) { c.run(t) })
	}
}

// Modules that a library imports by names with a literal beginning, those that a compiled one may import, and drivers that addresses name.
func TestComputedModules(t *testing.T) {
	const lib = "/usr/local/lib/python3.11/"
	const site = lib + "site-packages/"
	const gone = "modules of distributions that were not imported"
	files := testimage.Tree{
		lib + "os.py": "file 0644 x", lib + "wave.py": "file 0644 x", lib + "sqlite3/__init__.py": "file 0644 x", lib + "sqlite3/dump.py": "file 0644 x",
		site + "nio/__init__.py": "file 0644 import_module(\n    f\"nio.backends._{name}\")\n", site + "nio/backends/__init__.py": "file 0644 x", site + "nio/backends/_a.py": "file 0644 import wave\n",
		site + "nio/backends/_b/__init__.py": "file 0644 x", site + "nio/backends/_b/c.py": "file 0644 x", site + "nio/backends/other.py": "file 0644 x",
		site + "fast/_core.so": exe + amd64(""), site + "fast/version.py": "file 0644 x", site + "fast/sub/far.py": "file 0644 x", site + "fast/__init__.py": "file 0644 x",
		site + "adb/__init__.py": "file 0644 x", site + "bdb2/__init__.py": "file 0644 x", site + "cdb/__init__.py": "file 0644 x",
		"/app/a.py": "file 0644 import sqlite3; print('x')\nif x: from fast import _core; y()\nURL = 'postgresql+adb://u:p@db/shop'\n", "/app/alembic.ini": "file 0644 sqlalchemy.url = mysql+bdb2://db/shop\n",
	}
	names := map[string]string{"nio": "nio/__init__.py nio/backends/__init__.py nio/backends/_a.py nio/backends/_b/__init__.py nio/backends/_b/c.py nio/backends/other.py", "fast": "fast/__init__.py fast/_core.so fast/version.py fast/sub/far.py", "adb": "adb/__init__.py", "bdb2": "bdb2/__init__.py", "cdb": "cdb/__init__.py"}
	for name, modules := range names {
		files = join(files, distribution(site, name, modules))
	}
	files = join(files, distribution(site, "ffi", "_ffi.so ffi/api.so"), testimage.Tree{
		site + "fast-1.dist-info/METADATA": "file 0644 Name: fast\nVersion: 1\nRequires-Dist: ffi\n", site + "_ffi.so": exe + amd64(""), site + "ffi/api.so": exe + amd64(""),
	})
	c := keepCase{
		tree: files, config: v1.Config{WorkingDir: "/app"}, level: closure.Tight,
		looked: "stat " + lib + "os.py\nopen " + site + "nio/__init__.py\nopen " + site + "fast/__init__.py",
		stays: lib + "wave.py " + lib + "sqlite3/dump.py " + site + "nio/backends/_a.py " + site + "nio/backends/_b/__init__.py " + site + "fast/_core.so " + site + "fast/version.py " +
			site + "adb/__init__.py " + site + "bdb2/__init__.py " + site + "_ffi.so",
		goes: map[string]string{site + "nio/backends/_b/c.py": gone, site + "nio/backends/other.py": gone, site + "fast/sub/far.py": gone, site + "ffi/api.so": gone, site + "cdb/__init__.py": "package not needed"},
	}
	c.run(t)
}

// Who walks through a package that is gone misses it, then what makes it one, then what lies below: all of it comes back at once.
func TestMissedPackages(t *testing.T) {
	const site = "/usr/local/lib/python3.11/site-packages/"
	const tests = site + "pool/tests/"
	tree := join(distribution(site, "pool", "pool/__init__.py pool/tests/__init__.py pool/tests/test_a.py pool/tests/data/__init__.py pool/tests/data/deep/__init__.py"), testimage.Tree{
		"/usr/local/lib/python3.11/os.py": "file 0644 x", site + "pool/__init__.py": "file 0644 x", tests + "__init__.py": "file 0644 x", tests + "test_a.py": "file 0644 x",
		tests + "data/__init__.py": "file 0644 x", tests + "data/deep/__init__.py": "file 0644 x",
	})
	for _, level := range []closure.Level{closure.Safe, closure.Tight} {
		keepCase{
			tree: tree, looked: "open " + site + "pool/__init__.py", missed: "stat " + site + "pool/tests", level: level,
			stays: tests + "__init__.py " + tests + "data/__init__.py " + tests + "data/deep/__init__.py", goes: map[string]string{tests + "test_a.py": "tests of libraries"},
		}.run(t)
	}
}

// What the program's own sources say that it will run and open by name stays at the level tight before anything is missed.
func TestTightAsSourcesSay(t *testing.T) {
	const lib, libs = "/usr/local/lib/python3.11/", "/usr/lib/x86_64-linux-gnu/"
	tree := testimage.Tree{
		"/bin/sh": exe + amd64(glibc), "/usr/bin/awk": exe + amd64(""), "/usr/bin/sort": exe + amd64(""), "/usr/bin/who": exe + amd64(""), lib + "os.py": "file 0644 x",
		libs + "libmagic.so.1": exe + amd64(""), libs + "gconv/KOI8-R.so": exe + amd64(""), libs + "gconv/gconv-modules": "file 0644 x",
		"/usr/share/zoneinfo/Asia/Tokyo": "file 0644 x", "/lib/terminfo/v/vt100": "file 0644 x",
	}
	pool := join(distribution(lib+"site-packages/", "pool", "pool/__init__.py pool/a.py"), testimage.Tree{lib + "site-packages/pool/__init__.py": "file 0644 x", lib + "site-packages/pool/a.py": "file 0644 x"})
	const never, terminals = "never looked up", "/lib/terminfo/v/vt100"
	for _, c := range []keepCase{
		{name: "what a shell is given", tree: testimage.Tree{"/app/a.py": "file 0644 lines = {'a': 'awk 1 | sort'}\n\n\n\n\n\n\nsubprocess.run(lines[x], shell=True)\n"}, stays: "/bin/sh /usr/bin/awk /usr/bin/sort", goes: map[string]string{"/usr/bin/who": never}},
		{name: "a command without a shell", tree: testimage.Tree{"/app/a.py": "file 0644 subprocess.run(['sort', '-u'])\n"}, stays: "/usr/bin/sort", goes: map[string]string{"/bin/sh": never}},
		{name: "a library", tree: testimage.Tree{"/app/a.py": "file 0644 lib = ctypes.CDLL(find_library('magic'))\n"}, stays: libs + "libmagic.so.1"},
		{name: "not what a library loads", tree: join(distribution(lib+"site-packages/", "pool", "pool.py"), testimage.Tree{lib + "site-packages/pool.py": "file 0644 lib = ctypes.CDLL(find_library('magic'))\n"}), goes: map[string]string{libs + "libmagic.so.1": never}},
		{name: "what a library will load", tree: join(pool, testimage.Tree{lib + "site-packages/pool/a.py": "file 0644 ffi.dlopen('gconv', 'libmagic.so.1')\n", "/app/a.py": "file 0644 from pool import a\n"}), stays: libs + "libmagic.so.1"},
		{name: "what a library will open", tree: join(pool, testimage.Tree{lib + "site-packages/pool/a.py": "file 0644 import zoneinfo\n", "/app/a.py": "file 0644 from pool import a\n"}), stays: "/usr/share/zoneinfo/Asia/Tokyo"},
		{name: "conversions", tree: testimage.Tree{"/usr/bin/iconv": exe + amd64(glibc, needed, "libc.so.6", soname, "iconv_open"), libs + "libc.so.6": exe + amd64(""), "/app/a.py": "file 0644 subprocess.run(['iconv'])\n"}, stays: libs + "gconv/KOI8-R.so"},
		{name: "packages that are walked through", tree: join(pool, testimage.Tree{"/app/a.py": "file 0644 import pool\nwalk_packages(pool.__path__)\n"}), stays: lib + "site-packages/pool/a.py", goes: map[string]string{libs + "gconv/KOI8-R.so": "character set conversions"}},
		{name: "packages that are imported by a name and walked through", tree: join(pool, testimage.Tree{"/app/a.py": "file 0644 iter_modules(import_module('pool').__path__)\n"}), stays: lib + "site-packages/pool/a.py"},
		{name: "not packages that are only imported", tree: join(pool, testimage.Tree{"/app/a.py": "file 0644 import pool\nwalk_packages(x.__path__)\n"}), goes: map[string]string{lib + "site-packages/pool/a.py": "modules of distributions that were not imported"}},
		{name: "zones", tree: testimage.Tree{"/app/a.py": "file 0644 from zoneinfo import ZoneInfo\n"}, stays: "/usr/share/zoneinfo/Asia/Tokyo", goes: map[string]string{terminals: never}},
		{name: "terminals", tree: testimage.Tree{"/app/a.py": "file 0644 def f():\n    import curses\n"}, stays: terminals, goes: map[string]string{"/usr/share/zoneinfo/Asia/Tokyo": never}},
		{name: "not what a library imports", tree: join(distribution(lib+"site-packages/", "pool", "pool.py"), testimage.Tree{lib + "site-packages/pool.py": "file 0644 import zoneinfo\n"}), goes: map[string]string{"/usr/share/zoneinfo/Asia/Tokyo": never}},
	} {
		c.tree, c.config, c.level = join(tree, c.tree), v1.Config{WorkingDir: "/app"}, closure.Tight
		c.looked = "stat " + lib + "os.py\nopen " + lib + "site-packages/pool.py\nopen " + lib + "site-packages/pool/__init__.py"
		t.Run(c.name, func(t *testing.T) { c.run(t) })
	}
}

// Where answers differ although nothing was missed, distributions stay whole at the level tight too.
func TestAllModules(t *testing.T) {
	const site = "/usr/local/lib/python3.11/site-packages/"
	tree := join(testimage.Tree{"/usr/local/lib/python3.11/os.py": "file 0644 x"}, distribution(site, "pool", "pool/__init__.py pool/later.py"), distribution(site, "other", "other.py"), testimage.Tree{
		site + "pool/__init__.py": "file 0644 x", site + "pool/later.py": "file 0644 x", site + "other.py": "file 0644 x",
	})
	for _, all := range []bool{false, true} {
		c := keepCase{tree: tree}
		tr, inv := c.read(t)
		k, err := closure.Make(closure.Input{Tree: tr, Inventory: inv, Evidence: []closure.Evidence{{Record: record(t, "open "+site+"pool/__init__.py")}}, Level: closure.Tight, Modules: all})
		if err != nil {
			t.Fatal(err)
		}
		if k.Has(site+"pool/later.py") != all || k.Has(site+"other.py") {
			t.Errorf("all modules %v: got %v of what is seen and %v of what is not", all, k.Has(site+"pool/later.py"), k.Has(site+"other.py"))
		}
	}
}

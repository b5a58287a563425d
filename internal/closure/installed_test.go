package closure_test

import (
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lighten/lighten/internal/closure"
	"github.com/lighten/lighten/internal/observe"
	"github.com/lighten/lighten/internal/testimage"
)

// A program that was installed from its directory is read as one that lies in /app is; what came from an index is not.
func TestInstalledProgram(t *testing.T) {
	const lib = "/usr/local/lib/python3.11/"
	const site = lib + "site-packages/"
	const info = site + "shop-1.dist-info/"
	const unseen, never = "Python's own tests, tools and what is given up", "never looked up"
	program := testimage.Tree{
		"/usr/bin/wc": exe + amd64(""), "/usr/share/dict/words": "file 0644 x",
		lib + "os.py": "file 0644 x", lib + "telnetlib.py": "file 0644 x", lib + "pdb.py": "file 0644 x", lib + "pydoc.py": "file 0644 def help():\n    import pydoc_data.topics\n",
		lib + "pydoc_data/__init__.py": "file 0644 x", lib + "pydoc_data/topics.py": "file 0644 x",
		site + "shop/net.py":    "file 0644 import importlib, subprocess\nkinds = {'old': 'telnetlib'}\ndef load(k): return importlib.import_module(f'{kinds[k]}')\ndef run(c): subprocess.run(c, shell=True)\n",
		site + "shop/look.py":   "file 0644 def look():\n    import pdb, pydoc\n    return open('/usr/share/dict/words')\n",
		site + "shop/tools.ini": "file 0644 [tools]\ncount = wc -l\n",
		info + "METADATA":       "file 0644 Name: shop\nVersion: 1\n",
		info + "RECORD":         "file 0644 shop/net.py,,\nshop/look.py,,\nshop/tools.ini,,\nshop-1.dist-info/METADATA,,\nshop-1.dist-info/direct_url.json,,\n",
	}
	wanted := []string{"/usr/bin/wc", "/usr/share/dict/words", lib + "telnetlib.py", lib + "pdb.py", lib + "pydoc_data/topics.py"}
	stays := ""
	for _, p := range wanted {
		stays += p + " "
	}
	looked := "stat " + lib + "os.py\nopen " + site + "shop/net.py"
	for _, c := range []keepCase{
		{name: "from its directory", tree: join(program, testimage.Tree{info + "direct_url.json": "file 0644 {}"}), looked: looked, stays: stays},
		{
			name: "from an index", tree: program, looked: looked,
			goes: map[string]string{"/usr/bin/wc": never, "/usr/share/dict/words": never, lib + "telnetlib.py": unseen, lib + "pdb.py": unseen, lib + "pydoc_data/topics.py": unseen},
		},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t) })
	}
}

// The sources of a program that was installed in place stay as a program's directory does, at the level tight too.
func TestInstalledInPlace(t *testing.T) {
	const site = "/usr/local/lib/python3.11/site-packages/"
	const info = site + "shop-1.dist-info/"
	c := keepCase{
		tree: testimage.Tree{
			"/usr/local/lib/python3.11/os.py": "file 0644 x", info + "METADATA": "file 0644 Name: shop\nVersion: 1\n", info + "direct_url.json": "file 0644 {}",
			info + "RECORD":                   "file 0644 ../../../../app/venv/bin/shop,,\nshop-1.dist-info/METADATA,,\nshop-1.dist-info/direct_url.json,,\n",
			"/app/src/shop.egg-info/PKG-INFO": "file 0644 Name: shop\nVersion: 1\n", "/app/src/shop.egg-info/top_level.txt": "file 0644 shop\n",
			"/app/src/shop/__init__.py": "file 0644 x", "/app/src/shop/plugins/late.py": "file 0644 x", "/app/src/shop/a.html": "file 0644 x",
		},
		config: v1.Config{WorkingDir: "/app"}, level: closure.Tight, looked: "stat /usr/local/lib/python3.11/os.py\nopen /app/src/shop/__init__.py",
		stays: "/app/src/shop/plugins/late.py /app/src/shop/a.html",
	}
	c.run(t)
}

// What a function of the program imports, and no check has, can be imported at the level tight: with what that imports in its turn, of a
// distribution of which a part was seen too. What a function of a library imports of that library stays if it needs nothing that would go. Of the standard library, a package that the program imports has what it imports of itself later.
// Settings name classes by their modules.
func TestImportsOfUnseenModules(t *testing.T) {
	const lib = "/usr/local/lib/python3.11/"
	const site = lib + "site-packages/"
	dist := func(name string, modules ...string) testimage.Tree {
		return distribution(site, name, strings.Join(modules, " "))
	}
	c := keepCase{
		tree: join(dist("ask", "ask/__init__.py", "ask/api.py"), dist("pool", "pool/__init__.py", "pool/util/__init__.py", "pool/util/retry.py", "pool/util/wait.py", "pool/proxy.py", "pool/heavy.py", "pool/deep.py", "pool/_win32.py", "pool/log.py", "pool/typed.py", "pool/__main__.py", "pool/util/__main__.py", "pool/cli.py", "../../../bin/pool", "../../../bin/heavy"), dist("extras", "extras.py"), dist("setuptools", "setuptools/__init__.py"), testimage.Tree{
			lib + "os.py": "file 0644 x", lib + "stringy.py": "file 0644 x", lib + "hooks.py": "file 0644 x", lib + "setuptools.py": "file 0644 x",
			lib + "tasks/__init__.py": "file 0644 def start():\n    from .later import run\n", lib + "tasks/later.py": "file 0644 import hooks\n", lib + "tasks/never.py": "file 0644 x",
			lib + "quiet/__init__.py": "file 0644 def start():\n    from .later import run\n", lib + "quiet/later.py": "file 0644 x",
			site + "ask/__init__.py": "file 0644 from . import api\ntry:\n    import setuptools\nexcept ImportError:\n    pass\n", site + "ask/api.py": "file 0644 import pydoc\nfrom pool.util.retry import Retry\ndef f():\n    import doctest\n", lib + "pydoc.py": "file 0644 x", lib + "doctest.py": "file 0644 x",
			site + "pool/__init__.py": "file 0644 def proxy():\n    import pool.proxy, pool.heavy, pool._win32, pool.typed\n    from pool import deep\n", site + "pool/util/__init__.py": "file 0644 x", site + "pool/util/retry.py": "file 0644 import stringy\nfrom . import (\n    wait,\n)\n", site + "pool/util/wait.py": "file 0644 x", site + "pool/proxy.py": "file 0644 import os\ndef f():\n    import wave\n",
			site + "pool/heavy.py": "file 0644 import wave\n", site + "pool/_win32.py": "file 0644 x", site + "pool/deep.py": "file 0644 from . import heavy\n", lib + "wave.py": "file 0644 x",
			site + "pool/cli.py": "file 0644 x", "/usr/local/bin/pool": "file 0755 #!/usr/local/bin/python\nfrom pool.cli import main\n", "/usr/local/bin/heavy": "file 0755 #!/usr/local/bin/python\nfrom pool.heavy import main\n",
			site + "pool/__main__.py": "file 0644 from .proxy import main\n", site + "pool/util/__main__.py": "file 0644 from pool import heavy\n",
			site + "pool/typed.py": "file 0644 import extras\n", site + "extras.py": "file 0644 x",
			lib + "sqlite3/__init__.py": "file 0644 x", lib + "sqlite3/dump.py": "file 0644 x", "/app/log.ini": "file 0644 [handler]\nclass=pool.log.JSON\n", site + "pool/log.py": "file 0644 x",
			site + "setuptools/__init__.py": "file 0644 x", "/app/a.py": "file 0644 import tasks, sqlite3\ndef f():\n    import ask\n",
		}),
		config: v1.Config{WorkingDir: "/app"}, level: closure.Tight,
		looked: "stat " + lib + "os.py\nopen " + lib + "tasks/__init__.py\nopen " + lib + "quiet/__init__.py\nopen " + lib + "sqlite3/__init__.py\nopen " + site + "pool/__init__.py\nopen " + site + "extras.py",
		stays:  site + "pool/cli.py " + site + "pool/__main__.py " + site + "pool/typed.py " + site + "ask/api.py " + site + "pool/util/__init__.py " + site + "pool/util/retry.py " + site + "pool/util/wait.py " + lib + "stringy.py " + lib + "tasks/later.py " + lib + "hooks.py " + lib + "sqlite3/dump.py " + site + "pool/log.py " + site + "pool/proxy.py " + lib + "pydoc.py",
		goes: map[string]string{
			site + "pool/heavy.py": "modules of distributions that were not imported", site + "pool/util/__main__.py": "modules of distributions that were not imported", site + "pool/deep.py": "modules of distributions that were not imported",
			site + "pool/_win32.py": "modules of distributions that were not imported", lib + "wave.py": "modules of Python that nothing imports", site + "setuptools/__init__.py": "package not needed",
			lib + "doctest.py":     "Python's own tests, tools and what is given up",
			lib + "tasks/never.py": "modules of Python that nothing imports", lib + "quiet/later.py": "modules of Python that nothing imports",
		},
	}
	c.run(t)
}

// Modules of the standard library that few import stay for a program that imports by names which it computes.
func TestComputedImports(t *testing.T) {
	const lib = "/usr/local/lib/python3.11/"
	const unseen = "Python's own tests, tools and what is given up"
	app := v1.Config{WorkingDir: "/app"}
	tree := testimage.Tree{
		lib + "os.py": "file 0644 x", lib + "telnetlib.py": "file 0644 x", lib + "unittest/__init__.py": "file 0644 x", lib + "unittest/__main__.py": "file 0644 x", lib + "test/support.py": "file 0644 x",
		lib + "lib2to3/tests/a.py": "file 0644 x",
	}
	modules := lib + "telnetlib.py " + lib + "unittest/__init__.py"
	none := map[string]string{lib + "telnetlib.py": unseen, lib + "unittest/__main__.py": unseen, lib + "test/support.py": unseen}
	for _, c := range []struct {
		name, source string
		stays        string
		goes         map[string]string
		level        closure.Level
	}{
		{"of a variable", "importlib.import_module(name)", modules, map[string]string{lib + "test/support.py": unseen, lib + "lib2to3/tests/a.py": unseen}, closure.Safe},
		{"of a call", "m = __import__( names.pop() )", modules, nil, closure.Safe},
		{"of a literal name", "importlib.import_module('json')", "", none, closure.Safe},
		{"that begin with a literal text", "import_module(f'shop.{name}')", "", none, closure.Safe},
		{"of its own package", "import_module(__name__ + '.' + name)", "", none, closure.Safe},
		{"at the level tight", "import_module(name)", "", none, closure.Tight},
		{"none, and a package with a part that is run", "import unittest", lib + "unittest/__main__.py", map[string]string{lib + "telnetlib.py": unseen}, closure.Safe},
	} {
		k := keepCase{name: c.name, tree: join(tree, testimage.Tree{"/app/a.py": "file 0644 " + c.source + "\n"}), config: app, looked: "stat " + lib + "os.py", level: c.level, stays: c.stays, goes: c.goes}
		t.Run(c.name, func(t *testing.T) { k.run(t) })
	}
}

// A program that lists what is installed is told of pip too, although nothing of that stays.
func TestListedDistributions(t *testing.T) {
	const lib = "/usr/local/lib/python3.11/"
	const info = lib + "site-packages/pip-24.dist-info/"
	tree := testimage.Tree{
		lib + "os.py": "file 0644 x", lib + "site-packages/pip/__init__.py": "file 0644 x", info + "METADATA": "file 0644 Name: pip\nVersion: 24\n", info + "entry_points.txt": "file 0644 x",
		info + "RECORD": "file 0644 pip/__init__.py,,\npip-24.dist-info/METADATA,,\npip-24.dist-info/entry_points.txt,,\npip-24.dist-info/RECORD,,\n",
	}
	pip := map[string]string{lib + "site-packages/pip/__init__.py": "package not needed"}
	all := map[string]string{lib + "site-packages/pip/__init__.py": "package not needed", info + "METADATA": "package not needed"}
	for source, c := range map[string]keepCase{
		"sorted(d.name for d in metadata.distributions())": {stays: info + "METADATA " + info + "entry_points.txt " + info + "RECORD", goes: pip},
		"{p.key for p in pkg_resources.working_set}":       {stays: info + "METADATA", goes: pip},
		"entry_points()": {stays: info + "METADATA", goes: pip, level: closure.Tight},
		"entry_points(group='shop.plugins'); metadata.version('flask'); distributions(name='flask')": {goes: all},
	} {
		c.name, c.config, c.looked = source, v1.Config{WorkingDir: "/app"}, "stat "+lib+"os.py"
		c.tree = join(tree, testimage.Tree{"/app/a.py": "file 0644 " + source + "\n"})
		t.Run(c.name, func(t *testing.T) { c.run(t) })
	}
}

// An interpreter needs the standard library of its own prefix, and not that of another Python of the same version.
func TestTwoPythons(t *testing.T) {
	const never = "never looked up"
	tree := testimage.Tree{
		"/usr/local/lib/libpython3.11.so.1.0": exe + amd64("", soname, "libpython3.11.so.1.0"), "/usr/local/lib/python3.11/os.py": "file 0644 x", "/usr/local/lib/python3.11/wave.py": "file 0644 x",
		"/usr/lib/x86_64-linux-gnu/libpython3.11.so.1.0": exe + amd64("", soname, "libpython3.11.so.1.0"), "/usr/lib/python3.11/os.py": "file 0644 x", "/usr/lib/python3.11/wave.py": "file 0644 x",
	}
	for _, c := range []keepCase{
		{
			name: "the image's", tree: tree, looked: "open /usr/local/lib/libpython3.11.so.1.0", stays: "/usr/local/lib/python3.11/os.py /usr/local/lib/python3.11/wave.py",
			goes: map[string]string{"/usr/lib/python3.11/os.py": never, "/usr/lib/python3.11/wave.py": never},
		},
		{
			name: "the distribution's, which lies deeper", tree: tree, looked: "open /usr/lib/x86_64-linux-gnu/libpython3.11.so.1.0", stays: "/usr/lib/python3.11/os.py /usr/lib/python3.11/wave.py",
			goes: map[string]string{"/usr/local/lib/python3.11/os.py": never},
		},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t) })
	}
}

// A script that stays while its interpreter went is missed when it is run: the kernel says that it is not there.
func TestMissedInterpreter(t *testing.T) {
	c := keepCase{tree: testimage.Tree{"/app/jobs/count.sh": "file 0755 #!/bin/sh\n", "/bin/sh": exe + amd64(""), "/app/a": "file 0644 x"}}
	tree, inv := c.read(t)
	for _, interpreter := range []bool{false, true} {
		looked := "open /app/a"
		if interpreter {
			looked += "\nexec /bin/sh"
		}
		k, err := closure.Make(closure.Input{Tree: tree, Inventory: inv, Evidence: []closure.Evidence{{Record: record(t, looked)}}, Level: closure.Tight, Keep: []string{"/app/**"}})
		if err != nil {
			t.Fatal(err)
		}
		for ops, want := range map[observe.Ops]bool{observe.Open: false, observe.Exec: !interpreter} {
			if got := k.Misses(observe.Path{Name: "/app/jobs/count.sh", Ops: ops}); got != want {
				t.Errorf("%s, interpreter there %v: missed %v, want %v", ops, interpreter, got, want)
			}
		}
	}
}

// distribution is what describes one in site-packages of which these files are.
func distribution(site, name, files string) testimage.Tree {
	info, record := name+"-1.dist-info/", ""
	for f := range strings.FieldsSeq(files + " " + info + "METADATA") {
		record += f + ",,\n"
	}
	return testimage.Tree{site + info + "METADATA": "file 0644 Name: " + name + "\nVersion: 1\n", site + info + "RECORD": "file 0644 " + record}
}

package closure_test

import (
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lighten/lighten/internal/closure"
	"github.com/lighten/lighten/internal/testimage"
)

// Modules of Debian's packages that a function of the program imports stay with their packages, and with what they import in their turn; of a
// package of which a check has shown a part, at the level tight, the module. Of one that was missed, what it imports. What tests and builds import is not the program's.
func TestImportsOfPackages(t *testing.T) {
	const never = "package not needed"
	const site = "/usr/lib/python3/dist-packages/"
	tree := testimage.Tree{
		"/usr/lib/python3.11/os.py": "file 0644 x", "/usr/lib/x86_64-linux-gnu/libz.so.1": exe + amd64("", soname, "libz.so.1"), "/usr/lib/x86_64-linux-gnu/libc.so.6": exe + amd64("", soname, "libc.so.6"),
		"/app/main.py":            "file 0644 import seen\ndef f():\n    import websocket, space.part, _fast\n    from seen import late\n",
		"/app/setup.py":           "file 0644 import onlybuild\n",
		site + "seen/__init__.py": "file 0644 try:\n    import unasked\nexcept ImportError: pass\n",
	}
	var status []string
	pkg := func(name string, files ...string) {
		status = append(status, name)
		var list strings.Builder
		for _, f := range files {
			p, text, _ := strings.Cut(f, "|")
			list.WriteString(site + p + "\n")
			if tree[site+p] == "" {
				tree[site+p] = "file 0644 " + text
			}
		}
		tree["/var/lib/dpkg/info/"+name+".list"] = "file 0644 " + list.String()
	}
	tree[site+"_fast.cpython-311-x86_64-linux-gnu.so"] = exe + amd64("", needed, "libz.so.1")
	pkg("python3-websocket", "websocket/__init__.py|from . import _core\n", "websocket/_core.py|import six\n", "websocket/tests/test_core.py|import onlytest\n", "websocket-1.egg-info/PKG-INFO|Name: websocket-client\nVersion: 1\n")
	pkg("python3-six", "six.py|x")
	pkg("python3-space", "space/part.py|x", "space/data.txt|x")
	pkg("python3-fast", "_fast.cpython-311-x86_64-linux-gnu.so")
	pkg("python3-seen", "seen/__init__.py", "seen/late.py|x", "seen/never.py|x")
	pkg("python3-named", "named/__init__.py|from ._a import x\n", "named/_a.py|from . import _b\nimport six\n", "named/_b.py|x", "named/_c.py|x")
	pkg("python3-unasked", "unasked.py|x")
	pkg("python3-onlytest", "onlytest.py|x")
	pkg("python3-onlybuild", "onlybuild.py|x")
	tree["/var/lib/dpkg/status"] = "file 0644 " + statusOf(status...)
	const stays = site + "websocket/__init__.py " + site + "websocket/_core.py " + site + "websocket-1.egg-info/PKG-INFO " + site + "six.py " + site + "space/part.py " + site + "space/data.txt " +
		site + "_fast.cpython-311-x86_64-linux-gnu.so /usr/lib/x86_64-linux-gnu/libz.so.1 " + site + "seen/late.py " + site + "named/_a.py " + site + "named/_b.py"
	for _, level := range []closure.Level{closure.Safe, closure.Tight} {
		goes := map[string]string{site + "websocket/tests/test_core.py": "tests of libraries", site + "unasked.py": never, site + "onlytest.py": never, site + "onlybuild.py": never}
		if level == closure.Tight {
			goes[site+"seen/never.py"], goes[site+"named/_c.py"] = never, never
		}
		c := keepCase{
			tree: tree, config: v1.Config{WorkingDir: "/app"}, level: level, stays: stays, goes: goes,
			missed: "open " + site + "named/__init__.py",
			looked: "stat /usr/lib/python3.11/os.py\nopen /app/main.py\nopen " + site + "seen/__init__.py",
		}
		t.Run(string(level), c.run)
	}
}

// A command of a distribution that was missed, at the level tight, has what it imports, and what that does in its turn.
func TestImportsOfCommands(t *testing.T) {
	const lib = "/usr/local/lib/python3.11/"
	const site = lib + "site-packages/"
	c := keepCase{
		tree: join(distribution(site, "tidy", "tidy/__init__.py tidy/run.py tidy/never.py ../../../bin/tidy ../../../bin/other"), distribution(site, "fast", "fast/__init__.py fast/__init__.cpython-311-x86_64-linux-gnu.so fast/part.py fast/other/x.py"), distribution(site, "clack", "clack/__init__.py"), testimage.Tree{
			lib + "os.py": "file 0644 x", lib + "hooks.py": "file 0644 x", "/app/main.py": "file 0644 import subprocess\nsubprocess.run(['tidy'])\n",
			"/usr/local/bin/tidy":     "file 0755 #!/usr/local/bin/python\nimport sys\nfrom tidy.run import main\nsys.exit(main())\n",
			"/usr/local/bin/other":    "file 0755 #!/usr/local/bin/python\nfrom tidy.never import main\n",
			site + "tidy/__init__.py": "file 0644 x", site + "tidy/run.py": "file 0644 import clack, hooks, fast.part\n", site + "tidy/never.py": "file 0644 x", site + "clack/__init__.py": "file 0644 x",
			site + "fast/__init__.py": "file 0644 x", site + "fast/__init__.cpython-311-x86_64-linux-gnu.so": exe + amd64(""), site + "fast/part.py": "file 0644 x", site + "fast/other/x.py": "file 0644 x",
		}),
		config: v1.Config{WorkingDir: "/app"}, level: closure.Tight,
		looked: "stat " + lib + "os.py\nopen /app/main.py\nopen " + site + "fast/other/x.py", missed: "exec /usr/local/bin/tidy",
		stays: "/usr/local/bin/tidy " + site + "tidy/never.py " + site + "tidy/__init__.py " + site + "tidy/run.py " + site + "clack/__init__.py " + lib + "hooks.py " + site + "fast/__init__.cpython-311-x86_64-linux-gnu.so " + site + "fast/part.py",
	}
	c.run(t)
}

// At the level tight, what an installed module that no check has imported asks for by a call with its name is imported as by a statement.
func TestImportsByCall(t *testing.T) {
	const lib = "/usr/local/lib/python3.11/"
	const site = lib + "site-packages/"
	c := keepCase{
		tree: join(distribution(site, "slug", "slug/__init__.py slug/part.py"), distribution(site, "plain", "plain/__init__.py"), distribution(site, "other", "other/__init__.py"), testimage.Tree{
			lib + "os.py": "file 0644 x", "/app/main.py": "file 0644 def f():\n    import slug\n", site + "slug/part.py": "file 0644 x",
			site + "slug/__init__.py":  "file 0644 def f(other):\n    import_module('.part', __package__)\n    __import__(other + 'other')\n    return importlib.import_module(\n        \"plain\")\n",
			site + "plain/__init__.py": "file 0644 x", site + "other/__init__.py": "file 0644 x",
		}),
		config: v1.Config{WorkingDir: "/app"}, level: closure.Tight, looked: "stat " + lib + "os.py\nopen /app/main.py",
		stays: site + "slug/__init__.py " + site + "slug/part.py " + site + "plain/__init__.py",
		goes:  map[string]string{site + "other/__init__.py": "package not needed"},
	}
	c.run(t)
}

package closure_test

import (
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lighten/lighten/internal/closure"
	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/observe"
	"github.com/lighten/lighten/internal/testimage"
)

func treeOf(t *testing.T, tree testimage.Tree) *image.Tree {
	t.Helper()
	read, err := image.ReadTree(t.Context(), testimage.Image(t, v1.Config{}, tree), image.TreeOptions{Keep: closure.Want})
	if err != nil {
		t.Fatal(err)
	}
	return read
}

// A look-up is missed in another image when it leads somewhere in the original alone, whatever way either goes.
func TestMissedIn(t *testing.T) {
	original := treeOf(t, testimage.Tree{
		"/lib": "symlink usr/lib", "/usr/lib/a": "file 0644 a", "/usr/lib/b": "file 0644 b", "/etc/alias": "symlink /usr/lib/b", "/etc/dangling": "symlink nowhere",
		"/opt/plugins/one": "file 0644 1", "/opt/plugins/two": "file 0644 2", "/opt/empty/": "dir 0755", "/opt/hooks/a.sample": "file 0755 x", "/opt/hooks/b": "file 0755 x", "/usr/bin/x": "file 0755 x", "/usr/bin/y": "file 0755 y",
		"/dev/made": "char 0666 1:3", "/proc/made": "file 0644 x",
		"/usr/lib/m.py": "file 0644 m", "/usr/lib/__pycache__/m.cpython-311.pyc": "file 0644 m", "/usr/lib/__pycache__/n.cpython-311.pyc": "file 0644 n", "/usr/lib/n.py": "file 0644 n",
		"/opt/run.sh": "file 0755 #!/usr/bin/y -e\n", "/opt/ok.sh": "file 0755 #! /usr/bin/x\n", "/opt/no.sh": "file 0755 #!/usr/bin/nowhere\n",
	})
	light := treeOf(t, testimage.Tree{ // of other layout: /lib is a directory
		"/lib/a": "file 0644 a", "/usr/lib/": "dir 0755", "/usr/lib/b": "file 0644 b", "/etc/alias": "symlink /opt/b", "/opt/plugins/one": "file 0644 1", "/opt/hooks/b": "file 0755 x", "/usr/bin/x": "file 0755 x",
		"/usr/lib/m.py": "file 0644 m",
		"/opt/run.sh":   "file 0755 #!/usr/bin/y -e\n", "/opt/ok.sh": "file 0755 #! /usr/bin/x\n", "/opt/no.sh": "file 0755 #!/usr/bin/nowhere\n",
	})
	for _, c := range []struct {
		path string
		ops  observe.Ops
		want bool
	}{
		{"/lib/a", observe.Open, false},
		{"/usr/lib/a", observe.Open, true},
		{"/lib/b", observe.Open, true},
		{"/usr/lib/b", observe.Open, false},
		{"/etc/alias", observe.Open, true}, // leads nowhere there
		{"/etc/dangling", observe.Open, false},
		{"/nowhere", observe.Stat, false},
		{"/opt/plugins", observe.Stat, false},
		{"/opt/plugins", observe.List, true},
		{"/opt/plugins/one", observe.Open, false},
		{"/opt/plugins/two", observe.Open, true},
		{"/opt/hooks", observe.List, false}, // samples, which git copies and never runs
		{"/opt/hooks/a.sample", observe.Open, true},
		{"/opt/empty", observe.Stat, true},
		{"/usr/bin", observe.List, false}, // nobody needs all of it
		{"/usr/bin/y", observe.Exec, true},
		{"/opt/run.sh", observe.Open, false},
		{"/opt/run.sh", observe.Exec, true}, // the kernel does not find its interpreter
		{"/opt/ok.sh", observe.Exec, false},
		{"/opt/no.sh", observe.Exec, false}, // nor in the original
		{"/dev/made", observe.Open, false},
		{"/proc/made", observe.Open, false},
		{"/usr/lib/__pycache__/m.cpython-311.pyc", observe.Open, false}, // the source is there
		{"/usr/lib/__pycache__/n.cpython-311.pyc", observe.Open, true},
		{"/usr/lib/__pycache__", observe.Stat, false},
	} {
		if got := closure.MissedIn(light, original, observe.Path{Name: c.path, Ops: c.ops}); got != c.want {
			t.Errorf("%s %s: missed %v, want %v", c.ops, c.path, got, c.want)
		}
	}
}

// A directory that lacks nothing but samples of hooks is the same to who lists it.
func TestMissesNoSample(t *testing.T) {
	c := keepCase{tree: testimage.Tree{"/srv/a.git/config": "file 0644 x", "/srv/a.git/hooks/push": "file 0755 x", "/srv/a.git/hooks/push.sample": "file 0755 x"}}
	tr, inv := c.read(t)
	k, err := closure.Make(closure.Input{Tree: tr, Inventory: inv, Evidence: []closure.Evidence{{Record: record(t, "open /srv/a.git/config")}}})
	if err != nil {
		t.Fatal(err)
	}
	if k.Has("/srv/a.git/hooks/push.sample") || !k.Has("/srv/a.git/hooks/push") {
		t.Error("want the hook to stay and its sample to go")
	}
	if k.Misses(observe.Path{Name: "/srv/a.git/hooks", Ops: observe.Open | observe.List}) {
		t.Error("its directory is missed")
	}
}

// The templates of git have samples alone: what it makes of them has a directory for hooks nevertheless.
func TestSamplesDirectoryStays(t *testing.T) {
	const hooks = "/usr/share/git-core/templates/hooks"
	keepCase{
		tree: testimage.Tree{
			"/var/lib/dpkg/status": "file 0644 " + statusOf("git"), "/var/lib/dpkg/info/git.list": "file 0644 /usr/bin/git\n" + hooks + "/push.sample\n",
			"/usr/bin/git": exe + amd64(""), hooks + "/push.sample": "file 0755 x",
		},
		looked: "exec /usr/bin/git", stays: hooks, goes: map[string]string{hooks + "/push.sample": "version control"},
	}.run(t)
}

// So is one of a package of Node.js that lacks nothing but parts for other systems: who lists it takes the one for this system.
func TestMissesNoForeignPart(t *testing.T) {
	c := nodeForeignCase()
	tr, inv := c.read(t)
	k, err := closure.Make(closure.Input{Tree: tr, Inventory: inv, Evidence: []closure.Evidence{{Record: record(t, c.looked)}}})
	if err != nil {
		t.Fatal(err)
	}
	const dir = "/app/node_modules/a/prebuilds/linux-x64"
	if k.Misses(observe.Path{Name: dir, Ops: observe.List}) {
		t.Error("the directory of addons is missed")
	}
	if !k.Misses(observe.Path{Name: dir + "/node.napi.musl.node", Ops: observe.Open}) || !k.Misses(observe.Path{Name: "/app/node_modules/a", Ops: observe.List}) {
		t.Error("want an addon that is opened, and a directory that lacks a source map, to be missed")
	}
}

package closure_test

import (
	"os"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lighten/lighten/internal/closure"
	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/inventory"
	"github.com/lighten/lighten/internal/observe"
	"github.com/lighten/lighten/internal/testimage"
)

// foreign are the places where an image's bytes are read for what they say: sources, programs, configurations, databases.
var foreign = []string{
	"/app/main.py", "/app/run.sh", "/app/package.json", "/app/x.pl", "/usr/bin/run", "/usr/lib/libx.so.1", "/usr/share/perl5/X.pm", "/usr/lib/python3/dist-packages/x/__init__.py",
	"/usr/lib/python3/dist-packages/x-1.dist-info/RECORD", "/usr/lib/python3/dist-packages/x-1.dist-info/METADATA", "/usr/lib/python3/dist-packages/x-1.dist-info/entry_points.txt",
	"/usr/lib/python3/dist-packages/x.pth", "/var/lib/dpkg/status", "/var/lib/dpkg/info/x.list", "/var/lib/dpkg/diversions", "/lib/apk/db/installed", "/etc/ld.so.conf", "/etc/ld.so.conf.d/x.conf",
	"/etc/passwd", "/etc/os-release", "/srv/node_modules/x/package.json",
}

// Whatever stands in an image's files, at any of the places where they are read: what is kept of it is in the image, and has a reason that
// ends at the evidence.
func FuzzMake(f *testing.F) {
	f.Add([]byte("#!/usr/bin/env -S run x\nimport x.y, os\nfrom .z import *\nrequire X::Y;\nsubprocess.run(['run', '/etc/x'])\n"), uint32(1<<0|1<<1|1<<4|1<<6))
	f.Add([]byte("Package: x\nStatus: install ok installed\nVersion: 1\nDepends: y | x\n\nP:x\nV:1\nF:usr/bin\nR:run\n"), uint32(1<<12|1<<15))
	f.Add([]byte("x/__init__.py,sha256=a,1\n../../../bin/run,,\n/etc/passwd,,\n"), uint32(1<<8|1<<13|1<<14))
	f.Add([]byte(`{"name": "x", "main": "../../../etc/passwd", "dependencies": {"x": "*"}, "exports": {".": [null, {"a": "./b"}]}}`), uint32(1<<2|1<<20))
	f.Add([]byte("include /etc/ld.so.conf.d/*.conf\n/usr/lib\n"), uint32(1<<16|1<<17))
	if b, err := os.ReadFile("/bin/true"); err == nil {
		f.Add(b[:min(len(b), 40<<10)], uint32(1<<4|1<<5))
	}
	f.Fuzz(func(t *testing.T, b []byte, where uint32) {
		tree := testimage.Tree{"/usr/bin/sh": "file 0755 x", "/bin": "symlink usr/bin", "/usr/share/x": "file 0644 x"}
		seen := &observe.Record{Phases: []string{"start"}, Paths: []observe.Path{{Name: "/app", Ops: observe.List | observe.Chdir}}}
		for n, p := range foreign {
			tree[p] = "file 0755 x"
			if where&(1<<n) != 0 {
				tree[p] = "file 0755 " + string(b)
			}
			if n%2 == 0 {
				seen.Paths = append(seen.Paths, observe.Path{Name: p, Ops: observe.Open})
			} else {
				seen.Paths = append(seen.Paths, observe.Path{Name: p, Ops: observe.Exec})
			}
		}
		img := testimage.Image(t, v1.Config{Entrypoint: []string{"/usr/bin/run"}, WorkingDir: "/app"}, tree)
		read, err := image.ReadTree(t.Context(), img, image.TreeOptions{Keep: closure.Want, Distil: closure.Distil})
		if err != nil {
			t.Fatal(err)
		}
		inv, err := inventory.Read(read)
		if err != nil {
			return
		}
		for _, level := range []closure.Level{closure.Safe, closure.Tight} {
			k, err := closure.Make(closure.Input{Tree: read, Inventory: inv, Evidence: []closure.Evidence{{Record: seen}}, Level: level})
			if err != nil {
				t.Fatal(err)
			}
			for e := range read.All() {
				if !k.Has(e.Path) {
					continue
				}
				if why := k.Why(e.Path); len(why) == 0 {
					t.Errorf("%s: %q is kept for no reason", level, e.Path)
				}
			}
		}
	})
}

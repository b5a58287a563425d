package closure_test

import (
	"slices"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lighten/lighten/internal/closure"
	"github.com/lighten/lighten/internal/observe"
	"github.com/lighten/lighten/internal/testimage"
)

// What stays in the program's directory although nothing of it was looked up is told, and nothing else.
func TestUnseen(t *testing.T) {
	const mods = "/app/node_modules/"
	img := testimage.Image(t, v1.Config{WorkingDir: "/app"}, testimage.Tree{
		"/app/server.js": "file 0644 " + string(make([]byte, 500)), mods + "express/index.js": "file 0644 " + string(make([]byte, 500)), mods + "express/lib/a.js": "file 0644 " + string(make([]byte, 500)),
		mods + "@next/swc/swc.node": exe + amd64(""), mods + "@next/swc/package.json": "file 0644 {}", mods + "small/index.js": "file 0644 x", mods + "express/node_modules/deep/a.js": "file 0644 " + string(make([]byte, 200)),
	})
	tree, inv := readImage(t, img)
	k, err := closure.Make(closure.Input{Tree: tree, Inventory: inv, Level: closure.Safe, Evidence: []closure.Evidence{{Record: &observe.Record{
		Phases: []string{"start"}, Paths: []observe.Path{{Name: mods + "express/index.js", Ops: observe.Open}},
	}}}})
	if err != nil {
		t.Fatal(err)
	}
	size := tree.Get(mods+"@next/swc/swc.node").Size + 2
	want := []closure.Unseen{{Name: "@next/swc", Dir: mods + "@next/swc", Bytes: size}, {Name: "deep", Dir: mods + "express/node_modules/deep", Bytes: 200}}
	slices.SortFunc(want, func(a, b closure.Unseen) int { return int(b.Bytes - a.Bytes) })
	if got := k.Unseen(100, nil); !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := k.Unseen(size+200, nil); len(got) != 0 {
		t.Errorf("got %+v, want none of that size", got)
	}
	tried := &observe.Record{Paths: []observe.Path{{Name: mods + "@next/swc/swc.node", Ops: observe.Open}, {Name: mods + "express/node_modules", Ops: observe.Stat}}}
	if got := k.Unseen(100, tried); len(got) != 1 || got[0].Name != "deep" {
		t.Errorf("got %+v, want what was not looked up in the carved image either", got)
	}
}

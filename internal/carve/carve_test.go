package carve_test

import (
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lighten/lighten/internal/carve"
	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/testimage"
)

func TestCarve(t *testing.T) {
	cases := []struct {
		name   string
		layers []testimage.Tree
		keep   []string
		want   []testimage.Tree
	}{
		{"nothing", []testimage.Tree{{"/a": "file 0644 x"}}, nil, nil},
		{"no layers", nil, []string{"/"}, nil},
		{"a file of each layer", []testimage.Tree{{"/a": "file 0644 x", "/b": "file 0644 y"}, {"/c": "file 0600 @5:6 z", "/d": "file 0644"}},
			[]string{"/a", "/c"}, []testimage.Tree{{"/a": "file 0644 x", "/c": "file 0600 @5:6 z"}}},
		{"parents come along as they are", []testimage.Tree{{"/a/": "dir 0700 @1:2", "/a/b/": "dir 1777", "/a/b/c": "file 0644 x", "/a/d": "file 0644"}},
			[]string{"/a/b/c"}, []testimage.Tree{{"/a/": "dir 0700 @1:2", "/a/b/": "dir 1777", "/a/b/c": "file 0644 x"}}},
		{"a directory is as its topmost layer says", []testimage.Tree{{"/a/": "dir 0700", "/a/b": "file 0644 x"}, {"/a/": "dir 0711 @3:3"}, {"/a/c": "file 0644"}},
			[]string{"/a/b"}, []testimage.Tree{{"/a/": "dir 0711 @3:3", "/a/b": "file 0644 x"}}},
		{"a directory that no layer describes", []testimage.Tree{{"/a/b/c": "file 0644 x"}},
			[]string{"/a/b/c"}, []testimage.Tree{{"/a/": "dir 0755", "/a/b/": "dir 0755", "/a/b/c": "file 0644 x"}}},
		{"the topmost of a file's versions", []testimage.Tree{{"/a": "file 0644 old"}, {"/a": "file 0755 new"}},
			[]string{"/a"}, []testimage.Tree{{"/a": "file 0755 new"}}},
		{"deleted and made anew", []testimage.Tree{{"/a": "file 0644 old"}, {"/.wh.a": "file 0000"}, {"/a": "file 0755 new"}},
			[]string{"/a"}, []testimage.Tree{{"/a": "file 0755 new"}}},
		{"hidden by an opaque directory", []testimage.Tree{{"/d/": "dir 0755", "/d/a": "file 0644 old"}, {"/d/.wh..wh..opq": "file 0000", "/d/": "dir 0700", "/d/b": "file 0644"}},
			[]string{"/d/a", "/d/b"}, []testimage.Tree{{"/d/": "dir 0700", "/d/b": "file 0644"}}},
		{"a file that became a directory", []testimage.Tree{{"/d": "file 0644 old"}, {"/d/": "dir 0700", "/d/b": "file 0644"}},
			[]string{"/d/b"}, []testimage.Tree{{"/d/": "dir 0700", "/d/b": "file 0644"}}},
		{"a link whose file is dropped", []testimage.Tree{{"/a": "file 4755 x", "/b": "hardlink /a", "/c": "hardlink /a"}},
			[]string{"/b", "/c"}, []testimage.Tree{{"/b": "file 4755 x", "/c": "hardlink /b"}}},
		{"a link to a file of a lower layer", []testimage.Tree{{"/b": "file 0640 @7:8 x"}, {"/a": "hardlink /b", "/c": "hardlink /a"}},
			[]string{"/a", "/b", "/c"}, []testimage.Tree{{"/a": "file 0640 @7:8 x", "/b": "hardlink /a", "/c": "hardlink /a"}}},
		{"a link to what has changed since", []testimage.Tree{{"/a": "file 0644 old", "/b": "hardlink /a"}, {"/a": "file 0644 new"}},
			[]string{"/a", "/b"}, []testimage.Tree{{"/a": "file 0644 new", "/b": "file 0644 old"}}},
		{"devices, pipes and links", []testimage.Tree{{"/n": "char 0666 1:3", "/s": "block 0660 @0:6 8:1", "/p": "fifo 0600", "/l": "symlink ../../x/./y//", "/o": "symlink o"}},
			[]string{"/n", "/s", "/p", "/l", "/o"},
			[]testimage.Tree{{"/n": "char 0666 1:3", "/s": "block 0660 @0:6 8:1", "/p": "fifo 0600", "/l": "symlink ../../x/./y//", "/o": "symlink o"}}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			img := testimage.Image(t, v1.Config{}, c.layers...)
			compareLayers(t, dumpLayers(t, mustCarve(t, img, carve.Options{Keep: keep(c.keep...)})), c.want)
		})
	}
}

// What goes into which layer; directories are repeated where something lies in them, and only there.
func TestLayers(t *testing.T) {
	img := testimage.Image(t, v1.Config{}, testimage.Tree{
		"/usr/": "dir 0711", "/usr/lib/": "dir 0755 @1:1", "/usr/lib/system": "file 0644 s", "/usr/lib/dep": "file 0644 d", "/empty/": "dir 1777",
		"/app/": "dir 0750 @9:9", "/app/main": "file 0755 a", "/app/twin": "hardlink /usr/lib/dep"})
	where := func(e *image.Entry) (int, bool) {
		switch e.Path {
		case "/usr/lib/dep", "/empty":
			return 2, true
		case "/app/main", "/app/twin":
			return 3, true
		}
		return 0, true
	}
	o := carve.Options{Layers: []string{"system", "runtime", "dependencies", "application"}, Keep: where}
	compareLayers(t, dumpLayers(t, mustCarve(t, img, o)), []testimage.Tree{
		{"/usr/": "dir 0711", "/usr/lib/": "dir 0755 @1:1", "/usr/lib/system": "file 0644 s"},
		{"/usr/": "dir 0711", "/usr/lib/": "dir 0755 @1:1", "/app/": "dir 0750 @9:9", "/app/twin": "file 0644 d", "/usr/lib/dep": "hardlink /app/twin", "/empty/": "dir 1777"},
		{"/app/": "dir 0750 @9:9", "/app/main": "file 0755 a"},
	})
	o.Squash = true
	squashed := dumpLayers(t, mustCarve(t, img, o))
	if len(squashed) != 1 || len(squashed[0]) != 8 {
		t.Errorf("squashed: %v", squashed)
	}
}

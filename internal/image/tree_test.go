package image_test

import (
	"archive/tar"
	"context"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/testimage"
)

// withParents adds the directories that a tree leaves out.
func withParents(tree testimage.Tree) testimage.Tree {
	out := testimage.Tree{}
	for p, text := range tree {
		out[p] = text
		for d := filepath.Dir(strings.TrimSuffix(p, "/")); d != "/"; d = filepath.Dir(d) {
			if _, ok := tree[d+"/"]; !ok {
				out[d+"/"] = "dir 0755"
			}
		}
	}
	return out
}

func TestReadTreeHostile(t *testing.T) {
	for _, c := range testimage.Hostile(t) {
		t.Run(c.Name, func(t *testing.T) {
			tree, err := image.ReadTree(context.Background(), c.Image, image.TreeOptions{Keep: everything})
			if c.Broken {
				if err == nil {
					t.Fatal("no error")
				}
				if !strings.HasPrefix(err.Error(), "reading ") {
					t.Errorf("error names no place: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if c.Tree != nil {
				compare(t, dump(t, tree), withParents(c.Tree))
			}
		})
	}
}

func TestReadTreeMerge(t *testing.T) {
	tests := []struct {
		name   string
		layers []testimage.Tree
		want   testimage.Tree
	}{
		{"a removed directory takes everything below along",
			[]testimage.Tree{{"/d/": "dir 0755", "/d/e/": "dir 0700", "/d/e/f": "file 0644 x", "/dx": "file 0644 y"}, {"/.wh.d": "file 0000"}},
			testimage.Tree{"/dx": "file 0644 y"}},
		{"a directory, a file, a directory again: the first one's content is gone",
			[]testimage.Tree{{"/d/a": "file 0644 1"}, {"/d": "file 0644 2"}, {"/d/": "dir 0711", "/d/b": "file 0644 3"}},
			testimage.Tree{"/d/": "dir 0711", "/d/b": "file 0644 3"}},
		{"the same without an entry for the directory",
			[]testimage.Tree{{"/d/a": "file 0644 1"}, {"/d": "file 0644 2"}, {"/d/b": "file 0644 3"}},
			testimage.Tree{"/d/": "dir 0755", "/d/b": "file 0644 3"}},
		{"a directory in the place of a link does not go through it",
			[]testimage.Tree{{"/real/x": "file 0644 1", "/d": "symlink real"}, {"/d/x": "file 0644 2"}},
			testimage.Tree{"/real/": "dir 0755", "/real/x": "file 0644 1", "/d/": "dir 0755", "/d/x": "file 0644 2"}},
		{"a directory's newer mode, its older content",
			[]testimage.Tree{{"/d/": "dir 0755", "/d/a": "file 0644 1"}, {"/d/": "dir 0700"}},
			testimage.Tree{"/d/": "dir 0700", "/d/a": "file 0644 1"}},
		{"an unnamed directory keeps the mode of the layer that named it",
			[]testimage.Tree{{"/d/": "dir 0711"}, {"/d/a": "file 0644 1"}},
			testimage.Tree{"/d/": "dir 0711", "/d/a": "file 0644 1"}},
		{"removed and made again by a later layer",
			[]testimage.Tree{{"/d/a": "file 0644 1", "/d/b": "file 0644 1"}, {"/.wh.d": "file 0000"}, {"/d/b": "file 0600 2"}},
			testimage.Tree{"/d/": "dir 0755", "/d/b": "file 0600 2"}},
		{"opaque in the middle",
			[]testimage.Tree{{"/d/": "dir 0755", "/d/a": "file 0644 1"}, {"/d/": "dir 0755", "/d/.wh..wh..opq": "file 0000", "/d/b": "file 0644 2"}, {"/d/c": "file 0644 3"}},
			testimage.Tree{"/d/": "dir 0755", "/d/b": "file 0644 2", "/d/c": "file 0644 3"}},
		{"everything below made opaque",
			[]testimage.Tree{{"/a": "file 0644 1"}, {"/.wh..wh..opq": "file 0000", "/b": "file 0644 2"}},
			testimage.Tree{"/b": "file 0644 2"}},
		{"whiteouts of dots remove nothing",
			[]testimage.Tree{{"/d/a": "file 0644 1"}, {"/d/.wh...": "file 0000", "/d/.wh..": "file 0000", "/d/.wh.": "file 0000"}},
			testimage.Tree{"/d/": "dir 0755", "/d/a": "file 0644 1"}},
		{"the notes of AUFS are none of the image's files",
			[]testimage.Tree{{"/.wh..wh.plnk/1.2": "file 0644 1", "/.wh..wh.aufs": "file 0644", "/a": "file 0644 1"}},
			testimage.Tree{"/a": "file 0644 1"}},
		{"a hard link keeps what a later layer takes from its other name",
			[]testimage.Tree{{"/a": "file 0640 1", "/b": "hardlink /a"}, {"/a": "file 0644 2"}},
			testimage.Tree{"/a": "file 0644 2", "/b": "file 0640 1"}},
		{"a hard link to a file of a lower layer",
			[]testimage.Tree{{"/a": "file 0640 1"}, {"/b": "hardlink /a"}},
			testimage.Tree{"/a": "file 0640 1", "/b": "file 0640 1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			compare(t, dump(t, readTree(t, testimage.Image(t, v1.Config{}, tt.layers...))), tt.want)
		})
	}
}

func entry(kind byte, name, link, content string) testimage.Entry {
	return testimage.Entry{Header: tar.Header{Typeflag: kind, Name: name, Linkname: link, Mode: 0o755, Size: int64(len(content))}, Content: []byte(content)}
}

// Order matters within a layer too: unpacking goes from the first entry to the last.
func TestReadTreeOrder(t *testing.T) {
	tests := []struct {
		name    string
		entries []testimage.Entry
		want    testimage.Tree
		wantErr string
	}{
		{name: "through a link of the same layer", entries: []testimage.Entry{
			entry(tar.TypeDir, "usr/lib/", "", ""), entry(tar.TypeSymlink, "lib", "usr/lib", ""), entry(tar.TypeReg, "lib/x", "", "1")},
			want: testimage.Tree{"/usr/": "dir 0755", "/usr/lib/": "dir 0755", "/lib": "symlink usr/lib", "/usr/lib/x": "file 0755 1"}},
		{name: "a directory gives way to a file", entries: []testimage.Entry{
			entry(tar.TypeDir, "d/", "", ""), entry(tar.TypeReg, "d/x", "", "1"), entry(tar.TypeReg, "d", "", "2")},
			want: testimage.Tree{"/d": "file 0755 2"}},
		{name: "a directory without an entry gives way to a link", entries: []testimage.Entry{
			entry(tar.TypeReg, "d/x", "", "1"), entry(tar.TypeSymlink, "d", "e", ""), entry(tar.TypeReg, "d/y", "", "2")},
			want: testimage.Tree{"/d": "symlink e", "/e/": "dir 0755", "/e/y": "file 0755 2"}},
		{name: "and comes back", entries: []testimage.Entry{
			entry(tar.TypeReg, "d/x", "", "1"), entry(tar.TypeReg, "d", "", "2"), entry(tar.TypeDir, "d", "", ""), entry(tar.TypeReg, "d/x", "", "3")},
			want: testimage.Tree{"/d/": "dir 0755", "/d/x": "file 0755 3"}},
		{name: "below a file", entries: []testimage.Entry{entry(tar.TypeReg, "d", "", "1"), entry(tar.TypeReg, "d/x", "", "2")},
			wantErr: "/d, above it, is no directory"},
		{name: "a link into itself", entries: []testimage.Entry{entry(tar.TypeSymlink, "d", "d/d", ""), entry(tar.TypeReg, "d/x", "", "2")},
			wantErr: "too many symbolic links"},
		{name: "out of the image", entries: []testimage.Entry{entry(tar.TypeReg, "a/../../x", "", "2")}, wantErr: "leads out of the image"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			img := testimage.ImageOf(t, v1.Config{}, testimage.RawLayer(t, tt.entries...))
			tree, err := image.ReadTree(context.Background(), img, image.TreeOptions{Keep: everything})
			if tt.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), tt.wantErr) || !strings.Contains(err.Error(), "sha256:") {
					t.Fatalf("got error %v, want one with %q and the layer", err, tt.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			compare(t, dump(t, tree), tt.want)
		})
	}
}

func TestReadTreeLimits(t *testing.T) {
	img := testimage.Image(t, v1.Config{}, testimage.Tree{"/aaaa/bbbb": "file 0644 12345", "/c": "file 0644 1", "/d": "file 0644 1"})
	tests := []struct {
		o    image.TreeOptions
		want string
	}{
		{image.TreeOptions{MaxEntries: 2}, "more than 2 files"},
		{image.TreeOptions{MaxPath: 8}, "limit 8"},
		{image.TreeOptions{MaxNames: 10}, "names of more than"},
		{image.TreeOptions{Keep: everything, MaxKept: 5}, "content to keep"},
	}
	for _, tt := range tests {
		_, err := image.ReadTree(context.Background(), img, tt.o)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: got error %v, want one with %q", tt.o, err, tt.want)
		}
	}
	tree, err := image.ReadTree(context.Background(), img, image.TreeOptions{Keep: everything, MaxContent: 4})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := tree.Content("/aaaa/bbbb"); ok {
		t.Error("content above MaxContent was kept")
	}
}

func TestTreeLookups(t *testing.T) {
	tree := readTree(t, testimage.Image(t, v1.Config{}, testimage.Tree{
		"/usr/lib/libx.so.1.0": "file 0644 elf", "/usr/lib/libx.so.1": "symlink libx.so.1.0", "/lib": "symlink usr/lib",
		"/abs": "symlink /lib/libx.so.1", "/out": "symlink ../../../lib", "/loop": "symlink loop", "/dangling": "symlink nowhere",
	}))
	for p, want := range map[string]string{
		"/lib/libx.so.1": "/usr/lib/libx.so.1.0", "abs": "/usr/lib/libx.so.1.0", "/out/libx.so.1": "/usr/lib/libx.so.1.0",
		"/lib/../lib/./libx.so.1": "/usr/lib/libx.so.1.0", "/loop": "", "/dangling": "", "/loop/x": "", "/": "/",
	} {
		got := ""
		if e := tree.Resolve(p); e != nil {
			got = e.Path
		}
		if got != want {
			t.Errorf("Resolve(%q) = %q, want %q", p, got, want)
		}
	}
	if got := tree.Real("/lib/libx.so.1"); got != "/usr/lib/libx.so.1" {
		t.Errorf("Real = %q", got)
	}
	if e := tree.Get("lib"); e == nil || e.Type != tar.TypeSymlink {
		t.Errorf("Get follows links: %+v", e)
	}
	var under []string
	for e := range tree.Under("/usr/lib/") {
		under = append(under, e.Path)
	}
	if want := []string{"/usr/lib/libx.so.1", "/usr/lib/libx.so.1.0"}; !slices.Equal(under, want) {
		t.Errorf("Under = %q, want %q", under, want)
	}
}

func TestTreeMeasure(t *testing.T) {
	img := testimage.Image(t, v1.Config{User: "app"},
		testimage.Tree{"/a": "zeros 0644 1000", "/b": "hardlink /a", "/s": "file 4755 12", "/g": "file 2755 12", "/noexec": "file 4644 1", "/bin/busybox": "file 0755 x"},
		testimage.Tree{"/a": "zeros 0644 500", "/.wh.s": "file 0000", "/bin/sh": "symlink busybox"})
	tree := readTree(t, img)
	got := tree.Measure()
	m, err := img.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	size, err := img.Size()
	if err != nil {
		t.Fatal(err)
	}
	want := image.Size{Pull: size + m.Config.Size + m.Layers[0].Size + m.Layers[1].Size, Disk: 1000 + 2 + 2 + 1 + 1 + 500 + 7, Layers: 2, Files: 5,
		Setuid: []string{"/g"}, Shell: "/bin/sh", Libc: "none", User: "app"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if by := tree.Layers[1].CreatedBy; by != "layer 1" {
		t.Errorf("CreatedBy = %q", by)
	}
	files := tree.LayerFiles(0)
	if len(files) != 5 || files[0] != (image.File{Path: "/a", Size: 1000}) {
		t.Errorf("LayerFiles(0) = %v", files)
	}
}

func TestReadTreeCache(t *testing.T) {
	img := testimage.Image(t, v1.Config{}, testimage.Tree{"/a": "file 4640 @3:4 text", "/d/b": "hardlink /a", "/l": "symlink a"}, testimage.Tree{"/d/.wh.b": "file 0000", "/e/.wh..wh..opq": "file 0000"})
	dir := filepath.Join(t.TempDir(), "cache")
	o := image.TreeOptions{Keep: everything, KeepName: "everything", CacheDir: dir}
	read := func(img v1.Image) []image.Entry {
		t.Helper()
		tree, err := image.ReadTree(context.Background(), img, o)
		if err != nil {
			t.Fatal(err)
		}
		var all []image.Entry
		for e := range tree.All() {
			c := *e
			if c.ModTime.Equal(testimage.ModTime) {
				c.ModTime = testimage.ModTime
			}
			all = append(all, c)
		}
		return all
	}
	first := read(img)
	if second := read(unreadable{img}); !reflect.DeepEqual(first, second) {
		t.Errorf("from the cache:\n%+v\nread:\n%+v", second, first)
	}
	names, err := os.ReadDir(dir)
	if err != nil || len(names) != 2 {
		t.Fatalf("cache holds %v, %v; want a file for each layer", names, err)
	}
	for _, n := range names { // damaged: read again
		p := filepath.Join(dir, n.Name())
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		b[len(b)/2] ^= 1
		if err := os.WriteFile(p, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if third := read(img); !reflect.DeepEqual(first, third) {
		t.Error("a damaged cache changes the tree")
	}
	o.KeepName = "another rule"
	if _, err := image.ReadTree(context.Background(), unreadable{img}, o); err == nil {
		t.Error("the index of one rule was taken for another's")
	}
}

// unreadable is an image whose layers cannot be opened.
type unreadable struct{ v1.Image }

func (u unreadable) Layers() ([]v1.Layer, error) {
	layers, err := u.Image.Layers()
	for i, l := range layers {
		layers[i] = unreadableLayer{l}
	}
	return layers, err
}

func TestLookPath(t *testing.T) {
	tree := testimage.Tree{
		"/usr/bin/both": "file 0755 x", "/opt/bin/both": "file 0755 x", "/opt/bin/data": "file 0644 x", "/usr/bin/data": "file 0755 x", "/bin": "symlink usr/bin", "/usr/bin/linked": "symlink /opt/bin/both",
		"/usr/bin/dir/": "dir 0755", "/usr/bin/gone": "symlink nowhere", "/app/run": "file 0755 x",
	}
	for _, c := range []struct {
		env           []string
		program, want string
	}{
		{nil, "both", "/usr/bin/both"},
		{[]string{"A=b", "PATH=/opt/bin:/usr/bin"}, "both", "/opt/bin/both"},
		{[]string{"PATH=/opt/bin:/bin"}, "data", "/bin/data"}, // not executable in the first
		{nil, "linked", "/usr/bin/linked"},
		{nil, "dir", ""}, {nil, "gone", ""}, {nil, "none", ""},
		{nil, "./run", "/app/run"}, {nil, "/app/run", "/app/run"}, {nil, "/run", ""}, {nil, "run", ""},
	} {
		read := readTree(t, testimage.Image(t, v1.Config{Env: c.env, WorkingDir: "/app"}, tree))
		if got := read.LookPath(c.program); got != c.want {
			t.Errorf("%q %q: got %q, want %q", c.env, c.program, got, c.want)
		}
	}
}

// Where nothing can be cached, an image is read all the same.
func TestReadTreeWithoutCache(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	img := testimage.Image(t, v1.Config{}, testimage.Tree{"/a": "file 0644 x"})
	tree, err := image.ReadTree(t.Context(), img, image.TreeOptions{CacheDir: filepath.Join(file, "layers")})
	if err != nil {
		t.Fatal(err)
	}
	if tree.Get("/a") == nil {
		t.Error("/a is not there")
	}
}

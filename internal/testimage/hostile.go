package testimage

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Case is an image that a careless reader stumbles over.
type Case struct {
	Name   string
	Image  v1.Image
	Broken bool // reading all of it has to end with an error; otherwise it is odd, but valid
	Tree   Tree // the merged file system as it has to be read; nil: not said
}

// Hostile returns images that are broken, or odd but valid.
func Hostile(t testing.TB) []Case {
	t.Helper()
	return append(odd(t), broken(t)...)
}

func file(name, content string) Entry {
	return Entry{Header: tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(content)), ModTime: ModTime}, Content: []byte(content)}
}

func link(kind byte, name, target string) Entry {
	return Entry{Header: tar.Header{Typeflag: kind, Name: name, Linkname: target, Mode: 0o777, ModTime: ModTime}}
}

func dir(name string) Entry {
	return Entry{Header: tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: 0o755, ModTime: ModTime}}
}

func odd(t testing.TB) []Case {
	t.Helper()
	raw := func(layers ...[]Entry) v1.Image {
		var ls []v1.Layer
		for _, l := range layers {
			ls = append(ls, RawLayer(t, l...))
		}
		return ImageOf(t, v1.Config{}, ls...)
	}
	long := strings.Repeat("a", 200) + "/" + strings.Repeat("b", 200)
	return []Case{
		{Name: "no layers", Image: raw(), Tree: Tree{}},
		{Name: "an empty layer", Image: raw(nil, []Entry{file("a", "x")}), Tree: Tree{"/a": "file 0644 x"}},
		{Name: "names with a leading dot or slash", Image: raw([]Entry{file("./a", "x"), file("/b", "y"), dir("./")}),
			Tree: Tree{"/a": "file 0644 x", "/b": "file 0644 y"}},
		{Name: "no entry for a parent directory", Image: raw([]Entry{file("x/y/z", "1")}), Tree: Tree{"/x/y/z": "file 0644 1"}},
		{Name: "a file twice in one layer", Image: raw([]Entry{file("a", "old"), file("a", "new")}), Tree: Tree{"/a": "file 0644 new"}},
		{Name: "a whiteout of what is not there", Image: raw([]Entry{file("a", "x")}, []Entry{file(".wh.b", "")}), Tree: Tree{"/a": "file 0644 x"}},
		{Name: "a directory replaced by a file", Image: raw([]Entry{dir("d"), file("d/a", "x")}, []Entry{file("d", "f")}), Tree: Tree{"/d": "file 0644 f"}},
		{Name: "a file replaced by a directory", Image: raw([]Entry{file("d", "f")}, []Entry{dir("d"), file("d/a", "x")}),
			Tree: Tree{"/d/": "dir 0755", "/d/a": "file 0644 x"}},
		{Name: "an opaque directory that is filled again", Image: raw([]Entry{dir("d"), file("d/old", "x")},
			[]Entry{dir("d"), file("d/new", "y"), file("d/.wh..wh..opq", "")}), Tree: Tree{"/d/": "dir 0755", "/d/new": "file 0644 y"}},
		{Name: "a whiteout and the same name anew in one layer", Image: raw([]Entry{dir("d"), file("d/a", "x")},
			[]Entry{file(".wh.d", ""), dir("d"), file("d/b", "y")}), Tree: Tree{"/d/": "dir 0755", "/d/b": "file 0644 y"}},
		{Name: "links in a circle", Image: raw([]Entry{link(tar.TypeSymlink, "a", "b"), link(tar.TypeSymlink, "b", "a")}),
			Tree: Tree{"/a": "symlink b", "/b": "symlink a"}},
		{Name: "a link out of the root", Image: raw([]Entry{link(tar.TypeSymlink, "a", "../../../../etc/passwd")}),
			Tree: Tree{"/a": "symlink ../../../../etc/passwd"}},
		{Name: "a global PAX header", Image: raw([]Entry{{Header: tar.Header{Typeflag: tar.TypeXGlobalHeader,
			PAXRecords: map[string]string{"comment": "git"}}}, file("a", "x")}), Tree: Tree{"/a": "file 0644 x"}},
		{Name: "a long name", Image: raw([]Entry{file(long, "x")}), Tree: Tree{"/" + long: "file 0644 x"}},
		{Name: "a name that is no UTF-8", Image: raw([]Entry{file("caf\xe9", "x")}), Tree: Tree{"/caf\xe9": "file 0644 x"}},
		{Name: "more history than layers", Image: longHistory(t, raw([]Entry{file("a", "x")})), Tree: Tree{"/a": "file 0644 x"}},
	}
}

func longHistory(t testing.TB, img v1.Image) v1.Image {
	t.Helper()
	cf, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	cf = cf.DeepCopy()
	for range 3 {
		cf.History = append(cf.History, v1.History{CreatedBy: "no layer, and not said to be empty"})
	}
	if img, err = mutate.ConfigFile(img, cf); err != nil {
		t.Fatal(err)
	}
	return img
}

func broken(t testing.TB) []Case {
	t.Helper()
	good := Layer(t, Tree{"/a": "noise 0644 200000"})
	whole := blobOf(t, good)
	base := ImageOf(t, v1.Config{}, good)
	with := func(l v1.Layer) v1.Image { return ImageOf(t, v1.Config{}, l) }
	flipped := bytes.Clone(whole)
	flipped[len(flipped)/2] ^= 0xff
	return []Case{
		{Name: "a truncated layer", Image: with(lying{good, whole[:len(whole)/2]}), Broken: true},
		{Name: "a flipped byte in a layer", Image: with(lying{good, flipped}), Broken: true},
		{Name: "an empty blob for a layer", Image: with(lying{good, nil}), Broken: true},
		{Name: "a layer that is no archive", Image: with(lying{good, []byte("<html>404</html>")}), Broken: true},
		{Name: "a name above the root", Image: with(RawLayer(t, file("../../etc/evil", "x"))), Broken: true},
		{Name: "a hard link to nothing", Image: with(RawLayer(t, link(tar.TypeLink, "a", "gone"))), Broken: true},
		{Name: "fewer diff IDs than layers", Image: fewerDiffIDs(t, base), Broken: true},
	}
}

func blobOf(t testing.TB, l v1.Layer) []byte {
	t.Helper()
	r, err := l.Compressed()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// lying is a layer whose blob is not what its digest says.
type lying struct {
	v1.Layer
	blob []byte
}

func (l lying) Compressed() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(l.blob)), nil }

func (l lying) Uncompressed() (io.ReadCloser, error) {
	r, err := gzip.NewReader(bytes.NewReader(l.blob))
	if err != nil {
		return nil, fmt.Errorf("reading layer: %w", err)
	}
	return r, nil
}

func (l lying) MediaType() (types.MediaType, error) { return types.OCILayer, nil }

// fewerDiffIDs is an image whose configuration has lost its diff IDs.
func fewerDiffIDs(t testing.TB, img v1.Image) v1.Image {
	t.Helper()
	cf, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	cf = cf.DeepCopy()
	cf.RootFS.DiffIDs = nil
	out, err := mutate.ConfigFile(img, cf)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

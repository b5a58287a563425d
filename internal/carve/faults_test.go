package carve_test

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/lighten/lighten/internal/carve"
	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/testimage"
)

// The faults of other minifiers, and what else is easily lost, each as a test named after it.

func TestFaultSystemDirectoriesStay0755(t *testing.T) {
	img := testimage.Image(t, v1.Config{}, testimage.Tree{"/etc/": "dir 0755", "/etc/passwd": "file 0644 root", "/usr/": "dir 0755", "/usr/bin/": "dir 0755",
		"/usr/bin/x": "file 0755 x", "/tmp/": "dir 1777", "/root/": "dir 0700", "/var/spool/cups/": "dir 0710 @0:7"}, testimage.Tree{"/usr/bin/y": "file 0755 y"})
	for _, squash := range []bool{false, true} {
		out := mustCarve(t, img, carve.Options{Layers: []string{"a", "b"}, Squash: squash, Keep: func(e *image.Entry) (int, bool) {
			return len(e.Path) % 2, !e.IsDir() || e.Path == "/tmp" || e.Path == "/root" || e.Path == "/var/spool/cups"
		}})
		for _, layer := range dumpLayers(t, out) {
			for p, want := range map[string]string{"/etc/": "dir 0755", "/usr/": "dir 0755", "/usr/bin/": "dir 0755", "/tmp/": "dir 1777", "/root/": "dir 0700", "/var/spool/cups/": "dir 0710 @0:7"} {
				if got, ok := layer[p]; ok && got != want {
					t.Errorf("%s is %q, want %q", p, got, want)
				}
			}
			for p := range layer { // nothing is left for unpacking to make up
				for d := range withParents(p) {
					if layer[d] == "" && layer[d+"/"] == "" {
						t.Errorf("%s is in a layer that does not say what %s is like", p, d)
					}
				}
			}
		}
	}
}

// capNetBind is the xattr security.capability of cap_net_bind_service+ep (linux/capability.h, revision 2).
const capNetBind = "\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"

func TestFaultSetuidCapabilitiesAndHardLinksSurvive(t *testing.T) {
	when := time.Date(2023, 4, 5, 6, 7, 8, 123456789, time.UTC)
	xattrs := map[string]string{"SCHILY.xattr.security.capability": capNetBind, "SCHILY.xattr.user.odd": "a\x00\xff=b\n"}
	entry := func(kind byte, name string, mode int64) testimage.Entry {
		e := testimage.Entry{Header: tar.Header{Typeflag: kind, Name: name, Mode: mode, Uid: 12, Gid: 34, Uname: "somebody", Gname: "staff", ModTime: when,
			AccessTime: when.Add(time.Hour), ChangeTime: when.Add(time.Hour), PAXRecords: xattrs, Format: tar.FormatPAX}}
		if kind == tar.TypeReg {
			e.Content = []byte(name)
			e.Header.Size = int64(len(name))
		}
		return e
	}
	link := entry(tar.TypeLink, "bin/same", 0o755)
	link.Header.Linkname = "bin/ping"
	link.Header.PAXRecords = nil
	img := testimage.ImageOf(t, v1.Config{}, testimage.RawLayer(t, entry(tar.TypeDir, "bin", 0o2775), entry(tar.TypeReg, "bin/ping", 0o4755),
		entry(tar.TypeReg, "bin/wall", 0o2755), link), testimage.Layer(t, testimage.Tree{"/bin/other": "file 0644"}))
	for _, kept := range [][]string{{"/bin/ping", "/bin/wall", "/bin/same"}, {"/bin/same", "/bin/wall"}} {
		out := headers(t, mustCarve(t, img, carve.Options{Keep: keep(kept...)}))
		for p, mode := range map[string]int64{"/bin": 0o2775, kept[0]: 0o4755, "/bin/same": 0o4755, "/bin/wall": 0o2755} {
			h := out[p]
			if h == nil {
				t.Errorf("%s is missing", p)
				continue
			}
			if h.Mode != mode || h.Uid != 12 || h.Gid != 34 || !h.ModTime.Equal(when) {
				t.Errorf("%s: mode %o, owner %d:%d, time %s", p, h.Mode, h.Uid, h.Gid, h.ModTime)
			}
			if h.Uname != "" || h.Gname != "" || !h.AccessTime.IsZero() || !h.ChangeTime.IsZero() {
				t.Errorf("%s: names %q %q, times %s %s, which are none of the file's own", p, h.Uname, h.Gname, h.AccessTime, h.ChangeTime)
			}
			for k, v := range xattrs {
				if h.PAXRecords[k] != v {
					t.Errorf("%s: %s is %q, want %q", p, k, h.PAXRecords[k], v)
				}
			}
		}
		if len(kept) == 3 && (out["/bin/same"].Typeflag != tar.TypeLink || out["/bin/same"].Linkname != "bin/ping") {
			t.Errorf("/bin/same is %c to %q", out["/bin/same"].Typeflag, out["/bin/same"].Linkname)
		}
		if len(kept) == 2 && out["/bin/same"].Typeflag != tar.TypeReg {
			t.Errorf("/bin/same is %c, want the file itself", out["/bin/same"].Typeflag)
		}
	}
}

func TestFaultEmptyDirectoriesStay(t *testing.T) {
	img := testimage.Image(t, v1.Config{}, testimage.Tree{"/app/": "dir 0755", "/app/plugins/": "dir 0750 @33:33", "/app/uploads/": "dir 1777", "/app/x": "file 0644"},
		testimage.Tree{"/app/implied/.wh.gone": "file 0000"})
	compareLayers(t, dumpLayers(t, mustCarve(t, img, carve.Options{Keep: func(e *image.Entry) (int, bool) { return 0, e.IsDir() }})), []testimage.Tree{
		{"/app/": "dir 0755", "/app/plugins/": "dir 0750 @33:33", "/app/uploads/": "dir 1777", "/app/implied/": "dir 0755"}})
}

func TestFaultPrefixPathsStay(t *testing.T) {
	tree := testimage.Tree{"/app/": "dir 0755", "/app/foo": "file 0644 1", "/app/foobar": "file 0644 2", "/app/foo-/": "dir 0700", "/app/foo-/x": "file 0644 3",
		"/app/foo.d/": "dir 0711", "/app/foo.d/y": "file 0644 4", "/a": "file 0644 5", "/a.": "file 0644 6"}
	compareLayers(t, dumpLayers(t, mustCarve(t, testimage.Image(t, v1.Config{}, tree), carve.Options{Keep: everything})), []testimage.Tree{tree})
}

func TestFaultSameDigestFourTimes(t *testing.T) {
	img, cached := randomImage(t, 7), t.TempDir()
	for _, c := range []image.Compression{image.Keep, image.Gzip, image.Zstd} {
		seen := map[string]bool{}
		for n := range 4 {
			tree, err := image.ReadTree(context.Background(), img, image.TreeOptions{CacheDir: []string{"", cached}[n%2]})
			if err != nil {
				t.Fatal(err)
			}
			out, err := carve.Carve(context.Background(), img, tree, carve.Options{Compression: c, Layers: []string{"a", "b", "c"},
				Keep: func(e *image.Entry) (int, bool) { return len(e.Path) % 3, len(e.Path)%5 != 0 }, Labels: map[string]string{"x": "1", "y": "2", "z": "3"}})
			if err != nil {
				t.Fatal(err)
			}
			seen[digest(t, out)] = true
		}
		if len(seen) != 1 {
			t.Errorf("%q: four runs, %d digests", c, len(seen))
		}
	}
}

// The same files give the same layer however the original's layers divide them, so that pulls share it.
func TestSameLayersHoweverTheyWereDivided(t *testing.T) {
	tree := testimage.Tree{"/a": "file 0644 1", "/b": "file 0644 2", "/c": "hardlink /b", "/d": "file 0644 3"}
	one := mustCarve(t, testimage.Image(t, v1.Config{}, tree), carve.Options{Keep: everything})
	two := mustCarve(t, testimage.Image(t, v1.Config{}, testimage.Tree{"/b": tree["/b"], "/d": "file 0600 old"},
		testimage.Tree{"/c": tree["/c"], "/d": tree["/d"]}, testimage.Tree{"/a": tree["/a"]}), carve.Options{Keep: everything})
	var ids []v1.Hash
	for _, img := range []v1.Image{one, two} {
		m, err := img.Manifest()
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, m.Layers[0].Digest)
	}
	if ids[0] != ids[1] {
		t.Errorf("%s and %s", ids[0], ids[1])
	}
}

// Nothing but the original's own entries is in the result: no run-time write, no whiteout, nothing below /proc, /sys
// or /dev that the image did not have.
func TestFaultNothingOfTheRunIsBakedIn(t *testing.T) {
	img := testimage.Image(t, v1.Config{}, testimage.Tree{"/proc/": "dir 0555", "/sys/": "dir 0555", "/dev/": "dir 0755", "/etc/": "dir 0755", "/etc/hosts": "file 0644", "/gone": "file 0644", "/d/x": "file 0644"},
		testimage.Tree{"/.wh.gone": "file 0000", "/d/": "dir 0755", "/d/.wh..wh..opq": "file 0000", "/.wh..wh.plnk": "file 0600"})
	compareLayers(t, dumpLayers(t, mustCarve(t, img, carve.Options{Keep: everything})), []testimage.Tree{
		{"/proc/": "dir 0555", "/sys/": "dir 0555", "/dev/": "dir 0755", "/etc/": "dir 0755", "/etc/hosts": "file 0644", "/d/": "dir 0755"}})
}

// HEALTHCHECK, labels, annotations and history stay, and so do fields that only the builder knows.
func TestFaultConfigurationAndHistoryStay(t *testing.T) {
	img := testimage.Image(t, v1.Config{}, testimage.Tree{"/a": "file 0644 x"}, testimage.Tree{"/b": "file 0644 y"})
	raw := withConfig(t, img, `"config": {"Env": ["A=<&>"], "Healthcheck": {"Test": ["CMD", "x"], "Interval": 30000000000, "StartInterval": 5},
		"Labels": {"old": "1", "both": "old"}, "User": "33:33", "Volumes": {"/data": {}}, "StopSignal": "SIGINT", "Shell": ["/bin/ash"], "OnBuild": ["RUN x"], "Memory": 12345678901234567890},
		"created": "2024-01-02T03:04:05.000000006Z", "os.features": ["x"], "variant": "v8", "moby.buildkit.cache.v0": {"deep": [1, 2.50]}, "author": "me"`)
	raw = mutate.Annotations(raw, map[string]string{"org.example.a": "1"}).(v1.Image)
	out := mustCarve(t, raw, carve.Options{Keep: everything, Layers: []string{"system", "application"}, Comment: "by evidence", Labels: map[string]string{"both": "new", "more": "2"},
		Annotations: map[string]string{"org.example.b": "2"}})

	var got, want map[string]any
	for img, m := range map[v1.Image]*map[string]any{raw: &want, out: &got} {
		b, err := img.RawConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		d := json.NewDecoder(strings.NewReader(string(b)))
		d.UseNumber() // to the digit
		if err := d.Decode(m); err != nil {
			t.Fatal(err)
		}
	}
	var history []any
	for _, h := range want["history"].([]any) {
		h.(map[string]any)["empty_layer"] = true
		history = append(history, h)
	}
	want["history"] = append(history, map[string]any{"created": want["created"], "created_by": "lighten carve: system", "comment": "by evidence"})
	want["rootfs"] = got["rootfs"]
	want["config"].(map[string]any)["Labels"] = map[string]any{"old": "1", "both": "new", "more": "2"}
	if a, b := fmt.Sprint(want), fmt.Sprint(got); a != b {
		t.Errorf("got  %s\nwant %s", b, a)
	}
	m, err := out.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(m.Annotations, map[string]string{"org.example.a": "1", "org.example.b": "2"}) || m.MediaType != types.OCIManifestSchema1 {
		t.Errorf("annotations %v of %s", m.Annotations, m.MediaType)
	}
}

// withConfig puts fields, in JSON, into an image's configuration beside rootfs and history.
func withConfig(t testing.TB, img v1.Image, fields string) v1.Image {
	t.Helper()
	b, err := img.RawConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	var have map[string]json.RawMessage
	if err := json.Unmarshal(b, &have); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf(`{"os": "linux", "architecture": "amd64", "history": %s, "rootfs": %s, %s}`, have["history"], have["rootfs"], fields)
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	out, err := image.New([]byte(text), layers, nil)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestFaultOddNamesStay(t *testing.T) {
	deep := "/" + strings.Repeat(strings.Repeat("d", 200)+"/", 20) // a path of 4,096 bytes, the most that Linux takes
	deep += strings.Repeat("f", 4095-len(deep))
	tree := testimage.Tree{"/caf\xe9": "file 0644 latin1", "/\xff\xfe/": "dir 0700", "/\xff\xfe/x": "symlink \xe9", "/new\nline": "file 0644 n", "/a=b": "file 0644",
		"/ ": "file 0644 space", deep: "file 0644 deep", "/h\xe9": "hardlink /caf\xe9"}
	out := dumpLayers(t, mustCarve(t, testimage.Image(t, v1.Config{}, tree), carve.Options{Keep: func(e *image.Entry) (int, bool) { return 0, !e.IsDir() }}))
	for p, want := range tree {
		if got := out[0][p]; got != want {
			t.Errorf("%.40q: got %q, want %q", p, got, want)
		}
	}
}

func TestFaultSparseFilesStay(t *testing.T) {
	const size = 64 << 20
	for _, format := range []string{"gnu", "posix"} {
		img := testimage.ImageOf(t, v1.Config{}, sparseLayer(t, format, size))
		h, b := onlyFile(t, mustCarve(t, img, carve.Options{Keep: everything}))
		if h.Name != "sparse" || h.Size != size || len(b) != size || string(b[:4]) != "head" || string(b[size-4:]) != "tail" || strings.Trim(string(b[4:size-4]), "\x00") != "" {
			t.Errorf("%s: %q, %d bytes, %q … %q", format, h.Name, len(b), b[:8], b[len(b)-8:])
		}
		for k := range h.PAXRecords {
			if strings.HasPrefix(k, "GNU.sparse") {
				t.Errorf("%s: there is still %s", format, k)
			}
		}
	}
}

// A header of a few bytes claims more than a disk has.
func TestFaultHugeSparseFileIsRefused(t *testing.T) {
	img := testimage.ImageOf(t, v1.Config{}, sparseLayer(t, "posix", 100<<30), testimage.Layer(t, testimage.Tree{"/a": "file 0644 x"}))
	tree := readTreeWithoutContent(t, img)
	_, err := carve.Carve(context.Background(), img, tree, carve.Options{Keep: everything})
	if err == nil || !strings.Contains(err.Error(), "a sparse file of 100 GiB") {
		t.Errorf("error %v", err)
	}
	if _, err := carve.Carve(context.Background(), img, tree, carve.Options{Keep: keep("/a")}); err != nil {
		t.Errorf("without it: %v", err)
	}
}

// sparseLayer is a layer with a sparse file as GNU tar writes it.
func sparseLayer(t testing.TB, format string, size int64) v1.Layer {
	t.Helper()
	testimage.Need(t, "tar")
	dir := t.TempDir()
	f, err := os.Create(dir + "/sparse")
	if err != nil {
		t.Fatal(err)
	}
	_, e1 := f.WriteAt([]byte("head"), 0)
	_, e2 := f.WriteAt([]byte("tail"), size-4)
	if err := errors.Join(e1, e2, f.Close()); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("tar", "-C", dir, "--sparse", "--format="+format, "-cf", "-", "sparse").Output()
	if err != nil {
		t.Fatal(err)
	}
	if int64(len(out)) > size/2 {
		t.Fatalf("tar wrote %d bytes: not sparse", len(out))
	}
	return tarLayer(t, out)
}

func tarLayer(t testing.TB, archive []byte) v1.Layer {
	t.Helper()
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(archive)), nil }, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// onlyFile reads the first entry of an image's first layer.
func onlyFile(t testing.TB, img v1.Image) (*tar.Header, []byte) {
	t.Helper()
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	rc, err := layers[0].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer rc.Close()
	tr := tar.NewReader(rc)
	h, err := tr.Next()
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(tr)
	if err != nil {
		t.Fatal(err)
	}
	return h, b
}

// Files that the program's user cannot read stay so.
func TestFaultUnreadableFilesStayUnreadable(t *testing.T) {
	tree := testimage.Tree{"/etc/": "dir 0755", "/etc/shadow": "file 0000 @0:42 x", "/secret/": "dir 0000", "/secret/a": "file 0400 y"}
	compareLayers(t, dumpLayers(t, mustCarve(t, testimage.Image(t, v1.Config{}, tree), carve.Options{Keep: everything})), []testimage.Tree{tree})
}

// Symbolic links stay to the byte: in circles, out of the root, absolute, to nothing.
func TestFaultSymbolicLinksStay(t *testing.T) {
	tree := testimage.Tree{"/a": "symlink b", "/b": "symlink a", "/out": "symlink ../../../../etc/passwd", "/abs": "symlink //usr/../x/", "/none": "symlink nowhere", "/self": "symlink .",
		"/long": "symlink " + strings.Repeat("x/", 2000)}
	compareLayers(t, dumpLayers(t, mustCarve(t, testimage.Image(t, v1.Config{}, tree), carve.Options{Keep: everything})), []testimage.Tree{tree})
}

// A hard link into another layer, which no engine unpacks, becomes one of the layer that the file goes to; so do several, and one whose first
// name was deleted is the file itself.
func TestFaultHardLinkIntoAnotherLayer(t *testing.T) {
	img := testimage.Image(t, v1.Config{}, testimage.Tree{"/a": "file 0640 @7:8 one", "/gone": "file 0600 two"},
		testimage.Tree{"/b": "hardlink /a", "/c": "hardlink /gone"}, testimage.Tree{"/d": "hardlink /b", "/.wh.gone": "file 0000"})
	out := mustCarve(t, img, carve.Options{Layers: []string{"low", "high"}, Keep: func(e *image.Entry) (int, bool) { return min(1, int(e.Path[len(e.Path)-1]-'a')), !e.IsDir() }})
	compareLayers(t, dumpLayers(t, out), []testimage.Tree{{"/a": "file 0640 @7:8 one", "/b": "hardlink /a", "/d": "hardlink /a"}, {"/c": "file 0600 two"}})
}

// FIFOs and devices stay what they are. A socket cannot be in a layer: tar has no type for it.
func TestFaultSpecialFilesStay(t *testing.T) {
	tree := testimage.Tree{"/run/": "dir 0755", "/run/pipe": "fifo 0622 @5:6", "/dev/": "dir 0755", "/dev/null": "char 0666 1:3", "/dev/sda": "block 0660 @0:6 8:0"}
	compareLayers(t, dumpLayers(t, mustCarve(t, testimage.Image(t, v1.Config{}, tree), carve.Options{Keep: everything})), []testimage.Tree{tree})
}

// Of a path that a layer holds twice, or in a directory that gives way later, or through a link of the same layer, the
// right one is taken.
func TestFaultTheRightOccurrence(t *testing.T) {
	file := func(name, content string) testimage.Entry {
		return testimage.Entry{Header: tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(content)), ModTime: testimage.ModTime}, Content: []byte(content)}
	}
	link := func(kind byte, name, to string) testimage.Entry {
		return testimage.Entry{Header: tar.Header{Typeflag: kind, Name: name, Linkname: to, Mode: 0o777, ModTime: testimage.ModTime}}
	}
	global := testimage.Entry{Header: tar.Header{Typeflag: tar.TypeXGlobalHeader, Name: "pax_global_header", PAXRecords: map[string]string{"comment": "git"}}}
	img := testimage.ImageOf(t, v1.Config{}, testimage.RawLayer(t,
		global, file("twice", "old"), link(tar.TypeLink, "kept", "twice"), file("./twice", "new"),
		file("d/a", "first"), link(tar.TypeSymlink, "d", "e"), global, file("d/a", "second"), // lands in /e/a
		file("f/x", "1"), file("f", "file"), link(tar.TypeSymlink, "s", "nowhere"), link(tar.TypeLink, "s2", "s")))
	compareLayers(t, dumpLayers(t, mustCarve(t, img, carve.Options{Keep: everything})), []testimage.Tree{{
		"/twice": "file 0644 new", "/kept": "file 0644 old", "/d": "symlink e", "/e/": "dir 0755", "/e/a": "file 0644 second", "/f": "file 0644 file",
		"/s": "symlink nowhere", "/s2": "hardlink /s"}})
}

// Images that a careless reader stumbles over: no layers, whiteouts of every kind, what changed its kind, global PAX headers, broken blobs.
func TestFaultOddImages(t *testing.T) {
	for _, c := range testimage.Hostile(t) {
		t.Run(c.Name, func(t *testing.T) {
			tree, err := image.ReadTree(context.Background(), c.Image, image.TreeOptions{})
			if err != nil {
				if !c.Broken {
					t.Fatal(err)
				}
				return
			}
			if c.Broken {
				t.Fatal("read without an error")
			}
			out, err := carve.Carve(context.Background(), c.Image, tree, carve.Options{Keep: everything})
			if err != nil {
				t.Fatal(err)
			}
			kept := map[string]bool{}
			for e := range tree.All() {
				kept[e.Path] = true
			}
			sameEntries(t, readTree(t, c.Image), readTree(t, out), kept)
		})
	}
}

// lying is a layer that gives another layer's blob as its own.
type lying struct {
	v1.Layer
	blob v1.Layer
}

func (l lying) Compressed() (io.ReadCloser, error)   { return l.blob.Compressed() }
func (l lying) Uncompressed() (io.ReadCloser, error) { return l.blob.Uncompressed() }

func TestFaultLyingDigestIsRefused(t *testing.T) {
	good := testimage.Layer(t, testimage.Tree{"/a": "file 0644 good"})
	base := testimage.Layer(t, testimage.Tree{"/b": "file 0644 base"})
	tree := readTree(t, testimage.ImageOf(t, v1.Config{}, base, good))
	bad := testimage.ImageOf(t, v1.Config{}, base, lying{good, testimage.Layer(t, testimage.Tree{"/a": "file 0644 evil"})})
	name, err := good.Digest()
	if err != nil {
		t.Fatal(err)
	}
	_, err = carve.Carve(context.Background(), bad, tree, carve.Options{Keep: everything})
	if err == nil || !strings.Contains(err.Error(), name.String()) || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("error %v, want one that names %s", err, name)
	}
	if _, err := carve.Carve(context.Background(), bad, tree, carve.Options{Keep: keep("/b")}); err != nil {
		t.Errorf("the lying layer is not needed, yet: %v", err)
	}
}

// foreign is a layer that must not be passed on.
type foreign struct{ v1.Layer }

func (foreign) MediaType() (types.MediaType, error) { return types.DockerForeignLayer, nil }

func TestFaultForeignLayerIsRefused(t *testing.T) {
	img := testimage.ImageOf(t, v1.Config{}, foreign{testimage.Layer(t, testimage.Tree{"/windows": "file 0644"})}, testimage.Layer(t, testimage.Tree{"/a": "file 0644 x"}))
	_, err := carve.Carve(context.Background(), img, readTree(t, img), carve.Options{Keep: everything})
	if err == nil || !strings.Contains(err.Error(), "must not be passed on") {
		t.Errorf("error %v", err)
	}
	compareLayers(t, dumpLayers(t, mustCarve(t, img, carve.Options{Keep: keep("/a")})), []testimage.Tree{{"/a": "file 0644 x"}})
}

// A layer of which nothing is kept is not read.
func TestUnneededLayersAreNotRead(t *testing.T) {
	img := testimage.Image(t, v1.Config{}, testimage.Tree{"/a": "file 0644 x"}, testimage.Tree{"/b": "file 0644 y"})
	tree := readTree(t, img)
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	unreadable := testimage.ImageOf(t, v1.Config{}, layers[0], lying{layers[1], closedLayer{}})
	if _, err := carve.Carve(context.Background(), unreadable, tree, carve.Options{Keep: keep("/a")}); err != nil {
		t.Error(err)
	}
}

type closedLayer struct{ v1.Layer }

func (closedLayer) Compressed() (io.ReadCloser, error) { return nil, fmt.Errorf("not to be read") }

func TestErrors(t *testing.T) {
	img := testimage.Image(t, v1.Config{}, testimage.Tree{"/a/": "dir 0755"})
	unknown := testimage.ImageOf(t, v1.Config{}, testimage.RawLayer(t, testimage.Entry{Header: tar.Header{Typeflag: 'Z', Name: "odd"}}))
	dirLink := testimage.ImageOf(t, v1.Config{}, testimage.RawLayer(t, testimage.Entry{Header: tar.Header{Typeflag: tar.TypeDir, Name: "d"}},
		testimage.Entry{Header: tar.Header{Typeflag: tar.TypeLink, Name: "l", Linkname: "d"}}))
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	cases := []struct {
		name string
		ctx  context.Context
		img  v1.Image
		o    carve.Options
		want string
	}{
		{"no Keep", context.Background(), img, carve.Options{}, "nothing says what to keep"},
		{"no such layer", context.Background(), img, carve.Options{Keep: func(*image.Entry) (int, bool) { return 1, true }}, "layer 1 of 1"},
		{"unknown type", context.Background(), unknown, carve.Options{Keep: everything}, "unknown type"},
		{"hard link to a directory", context.Background(), dirLink, carve.Options{Keep: everything}, "hard link to the directory"},
		{"interrupted", canceled, img, carve.Options{Keep: everything}, "context canceled"},
	}
	for _, c := range cases {
		out, err := carve.Carve(c.ctx, c.img, readTree(t, c.img), c.o)
		if err == nil || out != nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, error %v, want %q", c.name, out, err, c.want)
		}
	}
}

// The temporary files are gone with the image; none has a name while it lives.
func TestNothingIsLeftBehind(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	img := randomImage(t, 3)
	mustCarve(t, img, carve.Options{Keep: everything})
	names, err := os.ReadDir(dir)
	if err != nil || len(names) > 0 {
		t.Errorf("%v, %v", names, err)
	}
}

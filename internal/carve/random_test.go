package carve_test

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/lighten/lighten/internal/carve"
	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/testimage"
)

// disk is what unpacking layers one over the other makes, by the simplest program that does so: the oracle.
type disk map[string]*inode

type inode struct {
	h       tar.Header
	content string
}

// randomEntries writes down a layer that can be unpacked over what below holds, and unpacks it.
func randomEntries(r *rand.Rand, below disk) []testimage.Entry {
	var entries []testimage.Entry
	own := map[string]bool{} // paths of this layer: whiteouts do not hide them
	names := []string{"a", "b", "ab", "c\xe9", "a-b", "x y"}
	anyPath := func() string {
		p := ""
		for range 1 + r.IntN(4) {
			p += "/" + names[r.IntN(len(names))]
		}
		return p
	}
	for range 3 + r.IntN(25) {
		p := anyPath()
		if r.IntN(12) == 0 && !own[p] && !anyBelow(own, p) && below.dir(path.Dir(p)) {
			hide := testimage.Entry{Header: tar.Header{Typeflag: tar.TypeReg, Name: path.Join(path.Dir(p), ".wh."+path.Base(p))[1:]}}
			if r.IntN(3) == 0 {
				hide.Header.Name = path.Join(path.Dir(p), ".wh..wh..opq")[1:]
				p = path.Dir(p)
				if anyBelow(own, p) {
					continue
				}
				below.removeBelow(p)
			} else {
				below.removeBelow(p)
				delete(below, p)
			}
			below.imply("/" + hide.Header.Name)
			own["/"+hide.Header.Name] = true
			entries = append(entries, hide)
			continue
		}
		if !below.dir(path.Dir(p)) {
			continue // something is in the way
		}
		h := tar.Header{Typeflag: tar.TypeReg, Name: p[1:], Mode: int64(r.IntN(0o10000)), Uid: r.IntN(3) * 1000, Gid: r.IntN(1 << 23), Format: tar.FormatPAX,
			ModTime: time.Unix(int64(r.IntN(2e9)), int64(r.IntN(2))*int64(r.IntN(1e9)))}
		if r.IntN(4) == 0 {
			h.PAXRecords = map[string]string{"SCHILY.xattr.user.x": fmt.Sprintf("\x00\xff%d", r.IntN(100))}
		}
		e := testimage.Entry{Header: h}
		switch r.IntN(9) {
		case 0, 1, 2:
			if own[p] && below[p] != nil && below[p].h.Typeflag != tar.TypeDir {
				continue // Docker and containerd differ on what of the layers below shows then
			}
			e.Header.Typeflag, e.Header.Name = tar.TypeDir, h.Name+"/"
		case 3:
			e.Header.Typeflag, e.Header.Linkname = tar.TypeSymlink, strings.Repeat("../", r.IntN(3))+names[r.IntN(len(names))]
		case 4:
			e.Header.Typeflag, e.Header.Devmajor, e.Header.Devminor = tar.TypeChar, int64(r.IntN(300)), int64(r.IntN(300))
		case 5:
			files := below.files()
			if len(files) == 0 {
				continue
			}
			to := files[r.IntN(len(files))]
			if to == p || strings.HasPrefix(to, p+"/") || strings.HasPrefix(p, to+"/") {
				continue
			}
			e.Header.Typeflag, e.Header.Linkname = tar.TypeLink, to[1:]
			e.Header.PAXRecords = nil
		default:
			e.Content = []byte(strings.Repeat(fmt.Sprintf("%d ", r.IntN(1000)), r.IntN(800)))
			e.Header.Size = int64(len(e.Content))
		}
		entries = append(entries, e)
		own[p] = true
		below.put(p, e)
	}
	return entries
}

func anyBelow(paths map[string]bool, dir string) bool {
	for p := range paths {
		if strings.HasPrefix(p, strings.TrimSuffix(dir, "/")+"/") {
			return true
		}
	}
	return false
}

// dir reports whether p is or can become a directory without removing anything.
func (d disk) dir(p string) bool {
	for ; p != "/"; p = path.Dir(p) {
		if i := d[p]; i != nil && i.h.Typeflag != tar.TypeDir {
			return false
		}
	}
	return true
}

func (d disk) files() []string {
	var all []string
	for p, i := range d {
		if i.h.Typeflag == tar.TypeReg {
			all = append(all, p)
		}
	}
	slices.Sort(all)
	return all
}

func (d disk) removeBelow(dir string) {
	maps.DeleteFunc(d, func(p string, _ *inode) bool { return strings.HasPrefix(p, strings.TrimSuffix(dir, "/")+"/") })
}

// imply makes the directories above p.
func (d disk) imply(p string) {
	for up := path.Dir(p); up != "/"; up = path.Dir(up) {
		if d[up] == nil {
			d[up] = &inode{h: tar.Header{Typeflag: tar.TypeDir, Mode: 0o755, ModTime: time.Unix(0, 0)}}
		}
	}
}

func (d disk) put(p string, e testimage.Entry) {
	d.imply(p)
	if e.Header.Typeflag == tar.TypeLink {
		to := d["/"+e.Header.Linkname]
		d.removeBelow(p)
		d[p] = to
		return
	}
	if e.Header.Typeflag != tar.TypeDir {
		d.removeBelow(p)
	}
	d[p] = &inode{e.Header, string(e.Content)}
}

// unpack unpacks a layer as it comes, with nothing but the rules of the image specification.
func (d disk) unpack(t testing.TB, l v1.Layer) {
	t.Helper()
	rc, err := l.Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer rc.Close()
	tr := tar.NewReader(rc)
	for {
		h, err := tr.Next()
		if err == io.EOF {
			return
		} else if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if _, err := b.ReadFrom(tr); err != nil {
			t.Fatal(err)
		}
		p := path.Clean("/" + h.Name)
		if h.Typeflag == tar.TypeLink && d["/"+h.Linkname] == nil {
			t.Errorf("%q is a hard link to %q, which is not there", p, h.Linkname)
			continue
		}
		if up := path.Dir(p); up != "/" && d[up] == nil {
			t.Errorf("%q comes before the directory above it", p)
		}
		d.put(p, testimage.Entry{Header: *h, Content: b.Bytes()})
	}
}

func (i *inode) String() string {
	h := i.h
	return fmt.Sprintf("%c %o %d:%d %d %q %d:%d %q %q", h.Typeflag, h.Mode, h.Uid, h.Gid, h.ModTime.UnixNano(), h.Linkname, h.Devmajor, h.Devminor,
		h.PAXRecords["SCHILY.xattr.user.x"], i.content)
}

// randomLayers returns an image and what unpacking it gives.
func randomLayers(t testing.TB, seed uint64) (v1.Image, disk) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 1))
	d := disk{}
	var layers []v1.Layer
	for range 1 + r.IntN(4) {
		layers = append(layers, testimage.RawLayer(t, randomEntries(r, d)...))
	}
	return testimage.ImageOf(t, v1.Config{}, layers...), d
}

func randomImage(t testing.TB, seed uint64) v1.Image {
	img, _ := randomLayers(t, seed)
	return img
}

// Whatever the image and whatever is kept of it: the carved image, unpacked, is the original restricted to the kept
// paths and the directories above them, to the last attribute, and its tree says so as well.
func checkRandom(t *testing.T, seed uint64) {
	img, original := randomLayers(t, seed)
	tree := readTree(t, img)
	r := rand.New(rand.NewPCG(seed, 2))
	names := []string{"one", "two", "three"}[:1+r.IntN(3)]
	part := 1 + r.IntN(10)
	choice := map[string]int{}
	var paths []string
	for e := range tree.All() {
		if n := r.IntN(10); n < part && e.Path != "/" {
			choice[e.Path] = r.IntN(len(names))
			paths = append(paths, e.Path)
		}
	}
	compression := []image.Compression{image.Gzip, image.Zstd}[r.IntN(2)]
	out, err := carve.Carve(context.Background(), img, tree, carve.Options{Layers: names, Squash: r.IntN(4) == 0, Compression: compression,
		Keep: func(e *image.Entry) (int, bool) { n, ok := choice[e.Path]; return n, ok }})
	if err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	if err := validate.Image(out); err != nil && compression == image.Gzip { // the library reads no zstd
		t.Fatalf("seed %d: %v", seed, err)
	}
	kept := withParents(paths...)
	sameEntries(t, tree, readTree(t, out), kept)
	carved := disk{}
	layers, err := out.Layers()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range layers {
		carved.unpack(t, l)
	}
	for p := range kept {
		if original[p] == nil || carved[p] == nil || original[p].String() != carved[p].String() {
			t.Errorf("%q:\ngot  %v\nwant %v", p, carved[p], original[p])
		}
	}
	for p := range carved {
		if !kept[p] {
			t.Errorf("%q was not kept", p)
		}
		for q := range carved {
			if (carved[p] == carved[q]) != (original[p] == original[q]) {
				t.Errorf("%q and %q: the same file now: %t, before: %t", p, q, carved[p] == carved[q], original[p] == original[q])
			}
		}
	}
	if t.Failed() {
		t.Fatalf("seed %d", seed)
	}
}

func TestRandomImages(t *testing.T) {
	for seed := range uint64(150) {
		checkRandom(t, seed)
	}
}

func FuzzCarve(f *testing.F) {
	f.Add(uint64(1000))
	f.Fuzz(checkRandom)
}

// Whatever bytes are a layer: the image is refused, or what is carved of it is what its tree says.
func FuzzCarveLayer(f *testing.F) {
	f.Add(testimage.Tar(f, testimage.Tree{"/d/": "dir 0755", "/d/a": "file 0644 x", "/d/.wh.b": "file 0000", "/l": "symlink d", "/h": "hardlink /d/a", "/n": "char 0666 1:3", "/p": "fifo 0600"}), uint32(1))
	f.Add(testimage.Tar(f, testimage.Tree{"/low/.wh..wh..opq": "file 0000", "/low/" + strings.Repeat("x", 300): "file 4755 y", "/top": "hardlink /low/file"}), uint32(0xffff))
	f.Fuzz(func(t *testing.T, b []byte, choice uint32) {
		img := testimage.ImageOf(t, v1.Config{}, testimage.Layer(t, testimage.Tree{"/low/file": "file 0644 low", "/low/link": "symlink file", "/d/": "dir 0700"}), tarLayer(t, b))
		tree, err := image.ReadTree(context.Background(), img, image.TreeOptions{Keep: func(string, int64) bool { return true }})
		if err != nil {
			return
		}
		var paths []string
		n := 0
		out, err := carve.Carve(context.Background(), img, tree, carve.Options{Layers: []string{"one", "two"}, Keep: func(e *image.Entry) (int, bool) {
			n++
			keep := choice>>(n%32)&1 == 1
			if keep {
				paths = append(paths, e.Path)
			}
			return n % 2, keep
		}})
		if err != nil {
			return
		}
		again, err := image.ReadTree(context.Background(), out, image.TreeOptions{Keep: func(string, int64) bool { return true }})
		if err != nil {
			t.Fatalf("what was carved cannot be read: %v", err)
		}
		sameEntries(t, tree, again, withParents(paths...))
	})
}

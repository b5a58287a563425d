package waste_test

import (
	"archive/tar"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sys/unix"

	"github.com/lighten/lighten/internal/testimage"
	"github.com/lighten/lighten/internal/waste"
)

// The kernel is the oracle: 200 random images are unpacked layer by layer, every prefix of the layers is mounted as an
// overlay, and what can be seen of each inode is found by looking. Which layer hides it, how, and how many bytes that
// makes must be what the analysis says.
func TestLikeOverlayfs(t *testing.T) {
	testimage.Need(t, "root")
	dir := t.TempDir()
	kinds := map[waste.Kind]int{}
	for seed := range uint64(200) {
		g := &generator{rnd: rand.New(rand.NewPCG(seed, 5))}
		root := filepath.Join(dir, fmt.Sprint(seed))
		layers := g.image()
		disk := unpack(t, root, layers)
		var ls []v1.Layer
		for _, l := range layers {
			ls = append(ls, testimage.RawLayer(t, l...))
		}
		a := analyse(t, testimage.ImageOf(t, v1.Config{}, ls...))
		disk.look(t)
		disk.compare(t, a, kinds)
		if t.Failed() {
			for i, l := range layers {
				for _, e := range l {
					t.Logf("layer %d: %c %q %q %d", i, e.Header.Typeflag, e.Header.Name, e.Header.Linkname, e.Header.Size)
				}
			}
			t.Fatalf("seed %d", seed)
		}
		if err := os.RemoveAll(root); err != nil {
			t.Fatal(err)
		}
	}
	for _, k := range waste.Hidden {
		if k != waste.Lost && kinds[k] < 20 { // a layer as unpacked has nothing that is lost
			t.Errorf("%d files are %s: too few to tell", kinds[k], k)
		}
	}
}

// generator makes random layers over few names, so that they meet often.
type generator struct {
	rnd *rand.Rand
	now map[string]string // non-directories that the layers so far show: content, or symbolic link's text
}

func (g *generator) image() (layers [][]testimage.Entry) {
	g.now = map[string]string{}
	for range 2 + g.rnd.IntN(4) {
		layers = append(layers, g.layer())
	}
	return layers
}

func (g *generator) path() string {
	p := ""
	for range 1 + g.rnd.IntN(3) {
		p += "/" + string("abcd"[g.rnd.IntN(4)])
	}
	return p
}

// layer makes a layer in which each path comes once and nothing lies in what is no directory.
func (g *generator) layer() []testimage.Entry {
	made := map[string]testimage.Entry{}
	whiteouts := map[string]bool{} // also with an opaque directory's path and a slash
	for range 1 + g.rnd.IntN(10) {
		p := g.path()
		switch g.rnd.IntN(8) {
		case 0:
			if all := g.shown(); len(all) > 0 && g.rnd.IntN(2) == 0 {
				p = all[g.rnd.IntN(len(all))]
			}
			whiteouts[p] = true
		case 1:
			whiteouts[p+"/"] = true
		case 2:
			made[p] = entryOf(tar.TypeDir, p, "", "")
		case 3:
			made[p] = entryOf(tar.TypeSymlink, p, g.text(), "")
		case 4: // chmod
			if all := g.shown(); len(all) > 0 {
				p = all[g.rnd.IntN(len(all))]
				made[p] = entryOf(tar.TypeReg, p, "", g.now[p])
			}
		default:
			made[p] = entryOf(tar.TypeReg, p, "", g.text())
		}
	}
	var entries []testimage.Entry
	for _, p := range sorted(made) {
		e := made[p]
		if blocked(made, p) || e.Header.Typeflag != tar.TypeDir && parent(made, whiteouts, p) {
			delete(made, p)
			continue
		}
		entries = append(entries, e)
	}
	entries = append(entries, g.links(made, whiteouts)...)
	for _, w := range sorted(whiteouts) {
		if blocked(made, w) {
			delete(whiteouts, w)
			continue
		}
		if e, ok := made[strings.TrimSuffix(w, "/")]; ok && e.Header.Typeflag != tar.TypeDir && strings.HasSuffix(w, "/") {
			delete(whiteouts, w)
			continue
		}
		name := path.Dir(w) + "/.wh." + path.Base(w)
		if strings.HasSuffix(w, "/") {
			name = w + ".wh..wh..opq"
		}
		entries = append(entries, entryOf(tar.TypeReg, name, "", ""))
	}
	g.apply(made, whiteouts)
	return entries
}

// links adds hard links, to files of the layer and to such of lower layers that are seen still.
func (g *generator) links(made map[string]testimage.Entry, whiteouts map[string]bool) (links []testimage.Entry) {
	for range g.rnd.IntN(3) {
		p := g.path()
		if _, ok := made[p]; ok || blocked(made, p) || parent(made, whiteouts, p) {
			continue
		}
		var targets []string
		for _, q := range sorted(made) {
			if made[q].Header.Typeflag == tar.TypeReg {
				targets = append(targets, q)
			}
		}
		if g.rnd.IntN(3) == 0 {
			for _, q := range g.shown() {
				if _, ok := made[q]; !ok && q != p && !parent(made, whiteouts, q) && !blocked(made, q) && !strings.HasPrefix(g.now[q], "symlink ") {
					targets = append(targets, q)
				}
			}
		}
		if len(targets) == 0 {
			continue
		}
		target := targets[g.rnd.IntN(len(targets))]
		e := entryOf(tar.TypeLink, p, strings.TrimPrefix(target, "/"), "")
		e.Content = nil
		made[p] = e
		links = append(links, e)
	}
	return links
}

// apply keeps account of what is shown, roughly: the oracle is the kernel, this only finds paths worth a change.
func (g *generator) apply(made map[string]testimage.Entry, whiteouts map[string]bool) {
	for w := range whiteouts {
		for p := range g.now {
			if p == w || strings.HasPrefix(p, strings.TrimSuffix(w, "/")+"/") {
				delete(g.now, p)
			}
		}
	}
	for _, p := range sorted(made) {
		for q := range g.now {
			if e := made[p]; strings.HasPrefix(q, p+"/") && e.Header.Typeflag != tar.TypeDir || strings.HasPrefix(p, q+"/") || p == q {
				delete(g.now, q)
			}
		}
	}
	for p, e := range made {
		if e.Header.Typeflag == tar.TypeReg {
			g.now[p] = string(e.Content)
		}
	}
}

func (g *generator) shown() []string { return sorted(g.now) }

func (g *generator) text() string {
	return strings.Repeat(string("xyz"[g.rnd.IntN(3)]), 1+g.rnd.IntN(9))
}

// blocked reports whether something above p is no directory.
func blocked(made map[string]testimage.Entry, p string) bool {
	for d := path.Dir(strings.TrimSuffix(p, "/")); d != "/"; d = path.Dir(d) {
		if e, ok := made[d]; ok && e.Header.Typeflag != tar.TypeDir {
			return true
		}
	}
	return false
}

// parent reports whether something lies in p.
func parent(made map[string]testimage.Entry, whiteouts map[string]bool, p string) bool {
	in := func(q string) bool { return strings.HasPrefix(q, p+"/") }
	return slices.ContainsFunc(sorted(made), in) || slices.ContainsFunc(sorted(whiteouts), in)
}

func sorted[V any](m map[string]V) []string {
	var all []string
	for k := range m {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}

func entryOf(kind byte, p, link, content string) testimage.Entry {
	return testimage.Entry{Header: tar.Header{Typeflag: kind, Name: strings.TrimPrefix(p, "/"), Linkname: link, Mode: 0o755, Size: int64(len(content))}, Content: []byte(content)}
}

// disk is an image unpacked, a directory for each layer.
type disk struct {
	root  string
	n     int
	made  []map[string]bool     // directories that are opaque because the layer removes them first
	seen  []map[uint64]bool     // inodes that the first so many layers show
	paths []map[uint64][]string // and where
	inode map[uint64]*onDisk    // all there are
}

type onDisk struct {
	layer int
	size  int64
}

func (d *disk) dir(i int) string { return filepath.Join(d.root, fmt.Sprint(i)) }

// unpack writes layers as overlayfs keeps them. Hard links to lower layers are links across their directories: one inode.
func unpack(t *testing.T, root string, layers [][]testimage.Entry) *disk {
	t.Helper()
	d := &disk{root: root, n: len(layers), inode: map[uint64]*onDisk{}}
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for i, l := range layers {
		check(os.MkdirAll(d.dir(i), 0o755))
		opaque := map[string]bool{}
		var whiteouts, dirs []string
		for _, e := range l {
			p := filepath.Join(d.dir(i), e.Header.Name)
			check(os.MkdirAll(filepath.Dir(p), 0o755))
			base := path.Base(e.Header.Name)
			switch {
			case base == ".wh..wh..opq":
				dirs = append(dirs, filepath.Dir(p))
			case strings.HasPrefix(base, ".wh."):
				whiteouts = append(whiteouts, filepath.Join(filepath.Dir(p), base[4:]))
			case e.Header.Typeflag == tar.TypeDir:
				check(os.MkdirAll(p, 0o755))
			case e.Header.Typeflag == tar.TypeSymlink:
				check(os.Symlink(e.Header.Linkname, p))
			case e.Header.Typeflag == tar.TypeLink:
				var err error
				for j := i; j >= 0; j-- {
					if err = os.Link(filepath.Join(d.dir(j), e.Header.Linkname), p); err == nil {
						break
					}
				}
				check(err)
			default:
				check(os.WriteFile(p, e.Content, 0o644))
			}
		}
		for _, w := range whiteouts {
			err := unix.Mknod(w, unix.S_IFCHR, 0)
			if errors.Is(err, fs.ErrExist) { // removed, and there again: a file hides as well, a directory must be opaque
				if fi, err := os.Lstat(w); err == nil && fi.IsDir() {
					opaque[strings.TrimPrefix(w, d.dir(i))] = true
					dirs = append(dirs, w)
				}
			} else {
				check(err)
			}
		}
		for _, p := range dirs {
			check(unix.Lsetxattr(p, "trusted.overlay.opaque", []byte("y"), 0))
		}
		d.made = append(d.made, opaque)
	}
	return d
}

// look mounts every prefix of the layers and notes which inodes it shows.
func (d *disk) look(t *testing.T) {
	t.Helper()
	for i := range d.n {
		walk(t, d.dir(i), func(p string, st *syscall.Stat_t) {
			if st.Mode&syscall.S_IFMT != syscall.S_IFCHR && d.inode[st.Ino] == nil {
				d.inode[st.Ino] = &onDisk{i, st.Size}
			}
		})
	}
	for i := range d.n {
		at := d.dir(0)
		if i > 0 {
			at = filepath.Join(d.root, "merged")
			if err := os.MkdirAll(at, 0o755); err != nil {
				t.Fatal(err)
			}
			var lower []string
			for j := i; j >= 0; j-- {
				lower = append(lower, d.dir(j))
			}
			if err := unix.Mount("overlay", at, "overlay", unix.MS_RDONLY, "lowerdir="+strings.Join(lower, ":")); err != nil {
				t.Fatalf("mounting %d layers: %v", i+1, err)
			}
		}
		seen, paths := map[uint64]bool{}, map[uint64][]string{}
		walk(t, at, func(p string, st *syscall.Stat_t) {
			if st.Mode&syscall.S_IFMT == syscall.S_IFCHR {
				return
			}
			seen[st.Ino] = true
			paths[st.Ino] = append(paths[st.Ino], p)
			if d.inode[st.Ino] == nil {
				t.Fatalf("%s: inode %d is of no layer", p, st.Ino)
			}
		})
		d.seen, d.paths = append(d.seen, seen), append(d.paths, paths)
		if i > 0 {
			if err := unix.Unmount(at, 0); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// walk calls do for all that is no directory.
func walk(t *testing.T, root string, do func(p string, st *syscall.Stat_t)) {
	t.Helper()
	err := filepath.WalkDir(root, func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		fi, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil // a whiteout with nothing below it
		} else if err != nil {
			return err
		}
		do(strings.TrimPrefix(p, root), fi.Sys().(*syscall.Stat_t))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// compare holds the analysis against what was seen.
func (d *disk) compare(t *testing.T, a *waste.Analysis, kinds map[waste.Kind]int) {
	t.Helper()
	type pair struct{ layer, by int }
	want, got := map[pair]int64{}, map[pair]int64{}
	how := map[string]waste.Kind{} // of files with one name: "layer path"
	var total, seen int64
	for ino, f := range d.inode {
		total += f.size
		last := -1
		for i := range d.n {
			if d.seen[i][ino] {
				last = i
			}
		}
		if last == d.n-1 {
			seen += f.size
			last = -2
		}
		want[pair{f.layer, last + 1}] += f.size
		if last >= 0 && len(d.paths[last][ino]) == 1 {
			p := d.paths[last][ino][0]
			how[fmt.Sprintf("%d %s", f.layer, p)] = d.kind(t, ino, p, last+1)
		}
	}
	var hidden int64
	for i := range a.Layers {
		for f := range a.Files(i) {
			if f.IsDir() || f.Linked {
				continue
			}
			got[pair{i, f.By}] += f.Stored()
			if f.Kind != waste.Seen {
				hidden += f.Stored()
				kinds[f.Kind]++
				if k, ok := how[fmt.Sprintf("%d %s", i, f.Path)]; ok && k != f.Kind {
					t.Errorf("layer %d, %s is %s, on disk it is %s", i, f.Path, f.Kind, k)
				}
			}
		}
		if l := &a.Layers[i]; l.Seen().Bytes+l.Hidden().Bytes != l.DiskBytes {
			t.Errorf("layer %d: %d seen and %d hidden of %d bytes", i, l.Seen().Bytes, l.Hidden().Bytes, l.DiskBytes)
		}
	}
	for k := range want {
		if want[k] != got[k] {
			t.Errorf("layer %d, hidden by %d: %d bytes, on disk %d", k.layer, k.by, got[k], want[k])
		}
	}
	for k := range got {
		if _, ok := want[k]; !ok && got[k] != 0 {
			t.Errorf("layer %d, hidden by %d: %d bytes, on disk none", k.layer, k.by, got[k])
		}
	}
	if a.Seen.Bytes != seen || a.Wasted.Bytes != total-seen || hidden != total-seen || a.Size.Disk != total {
		t.Errorf("seen %d, wasted %d of %d; on disk %d of %d are seen", a.Seen.Bytes, a.Wasted.Bytes, a.Size.Disk, seen, total)
	}
}

// kind tells from layer k's own directory how it hides a file at p.
func (d *disk) kind(t *testing.T, ino uint64, p string, k int) waste.Kind {
	t.Helper()
	for q := p; q != "/"; q = path.Dir(q) {
		at := filepath.Join(d.dir(k), q)
		fi, err := os.Lstat(at)
		if err != nil {
			continue
		}
		st := fi.Sys().(*syscall.Stat_t)
		whiteout := st.Mode&syscall.S_IFMT == syscall.S_IFCHR
		switch {
		case whiteout && q == p:
			return waste.Removed
		case whiteout:
			return waste.DirRemoved
		case q == p && fi.IsDir(), q != p && !fi.IsDir():
			return waste.Replaced
		case q == p && d.same(t, ino, at):
			return waste.Copied
		case q == p:
			return waste.Overwritten
		}
		var v [1]byte
		if n, err := unix.Lgetxattr(at, "trusted.overlay.opaque", v[:]); err == nil && n == 1 {
			if d.made[k][q] {
				return waste.DirRemoved
			}
			return waste.Opaque
		}
	}
	t.Errorf("%s: nothing in layer %d hides it", p, k)
	return waste.Seen
}

// same reports whether a file has the content and type of an inode.
func (d *disk) same(t *testing.T, ino uint64, at string) bool {
	t.Helper()
	f := d.inode[ino]
	equal := false
	walk(t, d.dir(f.layer), func(p string, st *syscall.Stat_t) {
		if st.Ino == ino {
			equal = read(t, filepath.Join(d.dir(f.layer), p)) == read(t, at)
		}
	})
	return equal
}

func read(t *testing.T, p string) string {
	t.Helper()
	if to, err := os.Readlink(p); err == nil {
		return "symlink " + to
	}
	b, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}
	return "file " + string(b)
}

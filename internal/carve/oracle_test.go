package carve_test

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sys/unix"

	"github.com/lighten/lighten/internal/carve"
	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/testimage"
)

// unpacked is what umoci unpacks of an image: every path with all that a file system knows of it.
func unpacked(t testing.TB, img v1.Image) map[string]string {
	t.Helper()
	dir := t.TempDir()
	if err := image.Write(t.Context(), img, "oci:"+dir+"/layout:x", image.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("umoci", "raw", "unpack", "--image", dir+"/layout:x", dir+"/root").CombinedOutput(); err != nil {
		t.Fatalf("umoci: %v\n%s", err, out)
	}
	paths := map[string]string{}
	inodes := map[uint64][]string{}
	err := filepath.WalkDir(dir+"/root", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := "/" + strings.TrimPrefix(strings.TrimPrefix(p, dir+"/root"), "/")
		fi, err := d.Info()
		if err != nil {
			return err
		}
		st := fi.Sys().(*syscall.Stat_t)
		content := ""
		switch {
		case fi.Mode().IsRegular():
			b, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			content = fmt.Sprintf("%d bytes %08x", len(b), crc32.ChecksumIEEE(b))
			inodes[st.Ino] = append(inodes[st.Ino], name)
		case fi.Mode()&fs.ModeSymlink != 0:
			if content, err = os.Readlink(p); err != nil {
				return err
			}
		}
		x, err := xattrs(p)
		if err != nil {
			return err
		}
		paths[name] = fmt.Sprintf("%s %d:%d %d.%09d dev %d %s %s", fi.Mode(), st.Uid, st.Gid, st.Mtim.Sec, st.Mtim.Nsec, st.Rdev, content, x)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, names := range inodes {
		slices.Sort(names)
		for _, n := range names {
			paths[n] += " names " + strings.Join(names, " ")
		}
	}
	return paths
}

func xattrs(p string) (string, error) {
	list := make([]byte, 64<<10)
	n, err := unix.Llistxattr(p, list)
	if errors.Is(err, unix.ENOTSUP) {
		return "", nil
	} else if err != nil {
		return "", &fs.PathError{Op: "llistxattr", Path: p, Err: err}
	}
	var all []string
	for name := range strings.SplitSeq(strings.TrimSuffix(string(list[:n]), "\x00"), "\x00") {
		if name == "" {
			continue
		}
		value := make([]byte, 64<<10)
		n, err := unix.Lgetxattr(p, name, value)
		if err != nil {
			return "", &fs.PathError{Op: "lgetxattr", Path: p, Err: err}
		}
		all = append(all, fmt.Sprintf("%s=%q", name, value[:n]))
	}
	slices.Sort(all)
	return strings.Join(all, " "), nil
}

// Another tool, as root, unpacks the original and the carved image: what was kept is the same on disk, to the last
// attribute that the file system has.
func TestLikeUmoci(t *testing.T) {
	testimage.Need(t, "root", "umoci")
	images := map[string]v1.Image{}
	for _, ref := range []string{"python:3.11-alpine", "gcr.io/distroless/python3"} { // links to links, and many directories
		if !testimage.Has(ref) {
			continue
		}
		img, err := image.Open(t.Context(), testimage.BaseRef(t, ref), image.Options{})
		if err != nil {
			t.Fatal(err)
		}
		images[ref] = img
	}
	images["odd"] = oddImage(t)
	for _, name := range slices.Sorted(maps.Keys(images)) {
		t.Run(name, func(t *testing.T) {
			img := images[name]
			original := unpacked(t, img)
			tree := readTreeWithoutContent(t, img)
			for _, share := range []uint32{100, 35} {
				kept := []string{}
				out, err := carve.Carve(t.Context(), img, tree, carve.Options{Layers: []string{"a", "b", "c"}, Keep: func(e *image.Entry) (int, bool) {
					o, _ := e.Origin() // a file with all its names, so that they can be compared
					sum := crc32.ChecksumIEEE(fmt.Append(nil, o))
					if keep := sum%100 < share; !keep || e.Path == "/" {
						return 0, false
					}
					kept = append(kept, e.Path)
					return int(crc32.ChecksumIEEE([]byte(e.Path)) >> 8 % 3), true
				}})
				if err != nil {
					t.Fatal(err)
				}
				want := map[string]string{}
				for p := range withParents(kept...) {
					want[p] = original[p]
				}
				got := unpacked(t, out)
				delete(got, "/") // whose time is that of unpacking
				compare(t, got, want)
			}
		})
	}
}

// oddImage has what base images lack.
func oddImage(t testing.TB) v1.Image {
	t.Helper()
	entries, err := testimage.Tree{"/bin/ping": "file 4755 x", "/bin/same": "hardlink /bin/ping", "/n": "char 0666 1:3", "/b": "block 0660 @0:6 8:1", "/p": "fifo 0600 @5:5",
		"/tmp/": "dir 1777", "/caf\xe9": "file 0644 y", "/empty/": "dir 2750 @1:2", "/bin/": "dir 0755", "/none": "file 0000", "/loop": "symlink loop"}.Entries()
	if err != nil {
		t.Fatal(err)
	}
	for n := range entries {
		if name := entries[n].Header.Name; name == "bin/ping" {
			entries[n].Header.PAXRecords = map[string]string{"SCHILY.xattr.security.capability": capNetBind, "SCHILY.xattr.user.odd": "a\x00\xff=b\n"}
		} else if name == "tmp/" {
			entries[n].Header.PAXRecords = map[string]string{"SCHILY.xattr.user.dir": "1"}
		}
		entries[n].Header.ModTime = testimage.ModTime.Add(123456789)
	}
	return testimage.ImageOf(t, v1.Config{}, testimage.RawLayer(t, entries...), testimage.Layer(t, testimage.Tree{"/again": "hardlink /bin/ping", "/tmp/x": "file 0644"}))
}

// Other tools take the image: skopeo copies it, Docker loads and lists it.
func TestTakenBySkopeo(t *testing.T) {
	testimage.Need(t, "skopeo")
	out := mustCarve(t, oddImage(t), carve.Options{Keep: everything, Layers: []string{"a", "b"}})
	dir := t.TempDir()
	if err := image.Write(t.Context(), out, "oci:"+dir+"/layout:x", image.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, dest := range []string{"dir:" + dir + "/copy", "docker-archive:" + dir + "/a.tar:x:y"} {
		if out, err := exec.Command("skopeo", "--insecure-policy", "copy", "-q", "oci:"+dir+"/layout:x", dest).CombinedOutput(); err != nil {
			t.Errorf("skopeo copy to %s: %v\n%s", dest, err, out)
		}
	}
}

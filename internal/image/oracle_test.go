package image_test

import (
	"archive/tar"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/testimage"
)

// umoci unpacks an image of a layout and returns its root file system.
func umoci(t testing.TB, layout, tag string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "bundle")
	if out, err := exec.Command("umoci", "raw", "unpack", "--image", layout+":"+tag, dir).CombinedOutput(); err != nil {
		t.Fatalf("umoci: %v\n%s", err, out)
	}
	return dir
}

// The tree is what another tool unpacks: every path, its type, mode, owner, size and link.
func TestReadTreeLikeUmoci(t *testing.T) {
	testimage.Need(t, "root", "umoci", "skopeo", "bases")
	cases := map[string]string{} // name -> reference
	for _, ref := range []string{"docker.io/library/python:3.11-slim", "docker.io/library/python:3.11-alpine", "gcr.io/distroless/python3-debian12:latest"} {
		cases[ref] = testimage.BaseRef(t, ref)
	}
	for ref, src := range cases {
		t.Run(ref, func(t *testing.T) {
			tree := readTree(t, mustOpen(t, src, image.Options{}))
			layout := t.TempDir() + "/layout" // umoci takes short tags alone
			if out, err := exec.Command("skopeo", "--insecure-policy", "copy", "-q", src, "oci:"+layout+":x").CombinedOutput(); err != nil {
				t.Fatalf("skopeo: %v\n%s", err, out)
			}
			sameAsDisk(t, tree, umoci(t, layout, "x"))
		})
	}
}

func sameAsDisk(t *testing.T, tree *image.Tree, root string) {
	t.Helper()
	n, files := 0, 0
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := "/" + strings.TrimPrefix(strings.TrimPrefix(p, root), "/")
		fi, err := d.Info()
		if err != nil {
			return err
		}
		n++
		e := tree.Get(name)
		if e == nil {
			t.Errorf("%s: on disk, not in the tree", name)
			return nil
		}
		st := fi.Sys().(*syscall.Stat_t)
		if name != "/" && (e.Mode.Type() != fi.Mode().Type() || e.Mode.Type() != fs.ModeSymlink && e.Mode != fi.Mode()) {
			t.Errorf("%s: mode %s, on disk %s", name, e.Mode, fi.Mode())
		}
		if name != "/" && (e.UID != int(st.Uid) || e.GID != int(st.Gid)) {
			t.Errorf("%s: owner %d:%d, on disk %d:%d", name, e.UID, e.GID, st.Uid, st.Gid)
		}
		switch {
		case e.IsFile():
			files++
			if e.Size != fi.Size() {
				t.Errorf("%s: %d bytes, on disk %d", name, e.Size, fi.Size())
			}
		case e.Type == tar.TypeSymlink:
			if l, err := os.Readlink(p); err != nil || l != e.Linkname {
				t.Errorf("%s: links to %q, on disk %q, %v", name, e.Linkname, l, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for range tree.All() {
		n--
	}
	if n != 0 {
		t.Errorf("%d paths more on disk than in the tree", n)
	}
	if got := tree.Measure().Files; got != files {
		t.Errorf("Measure says %d files, on disk %d", got, files)
	}
}

// Docker shows as an image's size the bytes of its layers' files.
func TestDiskIsDockersSize(t *testing.T) {
	testimage.Need(t, "docker")
	src := testimage.BaseRef(t, "python:3.11-slim")
	img := mustOpen(t, src, image.Options{})
	const name = "lighten-test/size:1"
	if err := image.Write(t.Context(), img, "docker-daemon:"+name, image.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	defer exec.Command("docker", "rmi", "-f", name).Run() // what stays is a cached image
	out, err := exec.Command("docker", "image", "inspect", "--format", "{{.Size}}", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	if got := readTree(t, img).Measure().Disk; strings.TrimSpace(string(out)) != itoa(got) {
		t.Errorf("Disk is %d, Docker says %s", got, out)
	}
}

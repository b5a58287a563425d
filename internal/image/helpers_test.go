package image_test

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/testimage"
)

// everything keeps all content.
func everything(string, int64) bool { return true }

// readTree reads an image with all its content.
func readTree(t testing.TB, img v1.Image) *image.Tree {
	t.Helper()
	tree, err := image.ReadTree(context.Background(), img, image.TreeOptions{Keep: everything})
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// dump renders a tree as a test value; a hard link is a file with its target's content, as it would be on disk.
func dump(t testing.TB, tree *image.Tree) testimage.Tree {
	t.Helper()
	out := testimage.Tree{}
	for e := range tree.All() {
		if e.Path == "/" {
			continue
		}
		mode := fmt.Sprintf("%04o", e.Mode.Perm())
		switch e.Type {
		case tar.TypeDir:
			out[e.Path+"/"] = "dir " + mode
		case tar.TypeSymlink:
			out[e.Path] = "symlink " + e.Linkname
		case tar.TypeReg, tar.TypeLink:
			b, ok := content(tree, e)
			if !ok || int64(len(b)) != e.Size {
				t.Errorf("%s: content kept: %t, %d bytes of %d", e.Path, ok, len(b), e.Size)
			}
			out[e.Path] = strings.TrimSuffix("file "+mode+" "+string(b), " ")
		default:
			out[e.Path] = "other " + string(e.Type)
		}
	}
	return out
}

func content(tree *image.Tree, e *image.Entry) ([]byte, bool) { return tree.Content(e.Path) }

// compare reports every difference between two trees.
func compare(t testing.TB, got, want testimage.Tree) {
	t.Helper()
	for p, w := range want {
		if got[p] != w {
			t.Errorf("%s: got %.80q, want %.80q", p, got[p], w)
		}
	}
	for p, g := range got {
		if _, ok := want[p]; !ok {
			t.Errorf("%s: got %.80q, want nothing", p, g)
		}
	}
}

// mirrorOptions reach the stand-in bases by the loopback registry.
func mirrorOptions(t testing.TB) image.Options {
	t.Helper()
	testimage.Need(t, "bases")
	return image.Options{Access: testimage.Access(t)}
}

type unreadableLayer struct{ v1.Layer }

func (unreadableLayer) Compressed() (io.ReadCloser, error) { return nil, errors.New("not to be read") }

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

package cli_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/testimage"
)

// layered is an image that adds, changes, removes and wastes.
func layered(t *testing.T) v1.Image {
	return testimage.Image(t, v1.Config{},
		testimage.Tree{"/etc/app.conf": "noise 0644 20000", "/usr/share/man/man1/app.1": "noise 0644 30000", "/var/lib/gone": "noise 0644 50000"},
		testimage.Tree{"/etc/app.conf": "noise 0600 20000", "/var/lib/.wh.gone": "file 0000", "/srv/a\x1b[31mb\ttrick\x07": "noise 0644 9000"},
	)
}

// The program as it is run, in a terminal: keys, the mouse, a new size, and the terminal afterwards as before.
func TestExplore(t *testing.T) {
	ref := "oci:" + testimage.Layout(t, map[string]v1.Image{"example.com/shop:1": layered(t)})
	x := startTerminal(t, nil, nil, "inspect", "-i", ref, "--state", t.TempDir())
	x.sees(`\[1 Files\].*linux/amd64`)
	x.sees(`(?m)^>   all +129kB`)
	x.keys("\x1b[B\x1b[B") // down, down: the second layer
	x.sees(`(?m)^ ?C   +20kB .*app.conf|C H? .*etc/`)
	x.keys("\t*")
	x.sees(`(?m)^>?C? +.*path.* in layer 2|path.*in layer 2`)
	x.sees(`R .*- +- +50kB +gone`)
	x.sees("a�\\[31mb trick�")
	x.keys("/trick")
	x.sees(`match 1 of 1`)
	x.keys("\r")
	x.sees(`file 0644 0:0 · layer 2`)
	x.size(120, 40)
	x.sees(`█`)
	x.keys("\x1b[<0;18;1M\x1b[<0;18;1m") // click on the second tab
	x.sees(`\[2 Findings\]`)
	x.keys("\x1b[<0;30;4M\x1b[<0;30;4m")
	x.keys("\x1b[<0;30;4M\x1b[<0;30;4m")
	x.keys("?")
	x.sees("the letters before a path")
	x.size(20, 5)
	x.sees("(?s)everywhere.*quit")
	x.keys("q")
	x.restored(0)
}

// However it ends, the terminal is given back; without colours nothing is coloured.
func TestExploreEnds(t *testing.T) {
	ref := "oci:" + testimage.Layout(t, map[string]v1.Image{"example.com/shop:1": layered(t)})
	for _, tt := range []struct {
		name string
		env  string
		end  func(x *terminal)
		code int
	}{
		{"ctrl-c", "NO_COLOR=1", func(x *terminal) { x.keys("\x03") }, 0},
		{"terminated", "TERM=dumb", func(x *terminal) { _ = x.cmd.Process.Signal(syscall.SIGTERM) }, 130},
		{"quit", "NO_COLOR=yes", func(x *terminal) { x.keys("q") }, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x := startTerminal(t, nil, []string{tt.env}, "inspect", "-i", ref, "--state", t.TempDir())
			x.sees(`the whole image`)
			x.keys("\t")
			x.sees(`directory`)
			tt.end(x)
			x.restored(tt.code)
			for _, color := range []string{"\x1b[3", "\x1b[9", "\x1b[1;3", "\x1b[4"} {
				for n := range 8 {
					if code := fmt.Sprint(color, n, "m"); strings.Contains(x.written(), code) {
						t.Errorf("%q was written", code)
					}
				}
			}
		})
	}
}

// Every kind of source can be explored; an archive on standard input leaves the keys to the terminal.
func TestExploreSources(t *testing.T) {
	img := layered(t)
	dir := t.TempDir()
	registry := testimage.Serve(t, []string{testimage.Layout(t, map[string]v1.Image{"docker.io/library/shop:1": img})})
	refs := []string{"shop:1", "oci:" + dir + "/layout:1", "oci-archive:" + dir + "/oci.tar", "docker-archive:" + dir + "/docker.tar.gz", "-"}
	for _, ref := range refs[1:4] {
		if err := image.Write(t.Context(), img, ref, image.WriteOptions{Name: "shop:1"}); err != nil {
			t.Fatal(err)
		}
	}
	for _, ref := range refs {
		t.Run(ref[:1]+filepath.Base(ref), func(t *testing.T) {
			x := exploreSource(t, ref, dir, registry.URL())
			x.sees(`(?m)^>   all +129kB`)
			x.keys("2")
			x.sees(`removed later`)
			x.keys("q")
			x.restored(0)
		})
	}
}

func exploreSource(t *testing.T, ref, dir, registry string) *terminal {
	args := []string{"inspect", "-i", ref, "--state", t.TempDir(), "--mirror", "docker.io=" + registry}
	if ref != "-" {
		return startTerminal(t, nil, nil, args...)
	}
	f, err := os.Open(dir + "/docker.tar.gz")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return startTerminal(t, f, nil, args...)
}

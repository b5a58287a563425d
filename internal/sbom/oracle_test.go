package sbom_test

import (
	"archive/tar"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/lighten/lighten/internal/carve"
	"github.com/lighten/lighten/internal/closure"
	"github.com/lighten/lighten/internal/heal"
	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/inventory"
	"github.com/lighten/lighten/internal/observe"
	"github.com/lighten/lighten/internal/testimage"
)

// The list of packages, of an image and of what carving leaves of it, is what dpkg and Python themselves say of it.
func TestLikeDpkgAndPip(t *testing.T) {
	testimage.Need(t, "dpkg-query", "python3")
	original, err := image.Open(t.Context(), testimage.BaseRef(t, "python:3.11-slim"), image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	images := map[string]v1.Image{"original": original}
	tree, inv, err := heal.Read(t.Context(), original, "")
	if err != nil {
		t.Fatal(err)
	}
	seen := &observe.Record{Phases: []string{"start"}, Paths: []observe.Path{
		{Name: "/usr/local/bin/python3.11", Ops: observe.Exec}, {Name: "/usr/bin/tar", Ops: observe.Exec},
		{Name: "/usr/local/lib/python3.11/site-packages/setuptools/__init__.py", Ops: observe.Open},
	}}
	for _, level := range []closure.Level{closure.Safe, closure.Tight} {
		keep, err := closure.Make(closure.Input{Tree: tree, Inventory: inv, Evidence: []closure.Evidence{{Record: seen}}, Level: level})
		if err != nil {
			t.Fatal(err)
		}
		if images[string(level)], err = heal.Apply(t.Context(), original, tree, keep, carve.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	counts := map[string]int{}
	for _, name := range slices.Sorted(maps.Keys(images)) {
		t.Run(name, func(t *testing.T) {
			got := map[string][]string{}
			for _, p := range billOf(t, images[name]).Packages {
				line := p.Name + " " + p.Version
				if p.Ecosystem == inventory.Deb {
					line += " " + p.Arch
				}
				got[p.Ecosystem] = append(got[p.Ecosystem], line)
			}
			root := unpack(t, images[name], "/var/lib/dpkg/status", "/usr/local/lib/python3.11/site-packages/")
			counts[name] = len(got[inventory.Deb])
			if len(got[inventory.PyPI]) == 0 {
				t.Error("no Python distribution")
			}
			same(t, "dpkg", got[inventory.Deb], lines(t, "dpkg-query", "--admindir="+root+"/var/lib/dpkg", "-W", "-f", "${Package} ${Version} ${Architecture}\n"))
			same(t, "Python", got[inventory.PyPI], lines(t, "python3", "-c", "import importlib.metadata as m, sys\nfor d in m.distributions(path=[sys.argv[1]]): print(d.metadata['Name'], d.version)",
				root+"/usr/local/lib/python3.11/site-packages"))
		})
	}
	if counts["safe"] == 0 || counts["safe"] >= counts["original"] || counts["tight"] == 0 {
		t.Errorf("Debian's packages: %v, want less after carving than before", counts)
	}
}

func same(t *testing.T, who string, got, want []string) {
	t.Helper()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("listed %q,\n%s says %q", got, who, want)
	}
}

func lines(t *testing.T, name string, args ...string) []string {
	t.Helper()
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return strings.FieldsFunc(string(out), func(r rune) bool { return r == '\n' })
}

// unpack writes the regular files of an image whose paths begin with one of prefixes, below a new directory.
func unpack(t *testing.T, img v1.Image, prefixes ...string) string {
	t.Helper()
	dir := t.TempDir()
	rc := mutate.Extract(img)
	defer rc.Close()
	tr := tar.NewReader(rc)
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return dir
		} else if err != nil {
			t.Fatal(err)
		}
		name := filepath.Clean("/" + h.Name)
		if h.Typeflag != tar.TypeReg || !slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(name, p) }) {
			continue
		}
		b, err := io.ReadAll(tr)
		if err == nil {
			err = os.MkdirAll(filepath.Dir(dir+name), 0o755)
		}
		if err == nil {
			err = os.WriteFile(dir+name, b, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

package heal_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/lighten/lighten/internal/check"
	"github.com/lighten/lighten/internal/engine/enginetest"
	"github.com/lighten/lighten/internal/heal"
	"github.com/lighten/lighten/internal/testimage"
)

// Two images are asked the same: what they answer, what differs and what the second one misses is told.
func TestVerify(t *testing.T) {
	e := enginetest.Open(t)
	script := fault{name: "cat", layers: []testimage.Tree{{"/opt/a": "file 0644 one\n", "/opt/b": "file 0644 two\n"}}, sh: "cat /opt/a; cat /opt/b || echo none; date +%N"}
	original, file := faultImage(t, plain, []fault{script})
	over := func(tree testimage.Tree) v1.Image {
		img, err := mutate.AppendLayers(original, testimage.Layer(t, tree))
		if err != nil {
			t.Fatal(err)
		}
		return img
	}
	for _, c := range []struct {
		name        string
		light       v1.Image
		want        string
		passes      bool
		differences int
		misses      []string
	}{
		{"the same", original, "one", true, 0, nil},
		{"something else besides", over(testimage.Tree{"/opt/c": "file 0644 x"}), "one", true, 0, nil},
		{"another answer", over(testimage.Tree{"/opt/a": "file 0644 one and a half\n"}), "one", true, 1, nil},
		{"another answer, because a file is missing", over(testimage.Tree{"/opt/.wh.b": "file 0000"}), "one", true, 1, []string{"/opt/b"}},
		{"a failed check", over(testimage.Tree{"/opt/.wh.b": "file 0000"}), "two", false, 0, []string{"/opt/b"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			file.Checks[0].Exit.Stdout = c.want
			got, err := heal.Verify(t.Context(), original, c.light, faultOptions(t, e, file))
			if err != nil {
				t.Fatal(err)
			}
			var misses []string
			for _, m := range got.Misses {
				misses = append(misses, m.Path)
			}
			if got.Light.Passed() != c.passes || !got.Original.Passed() || !slices.Equal(misses, c.misses) {
				t.Errorf("passed %v, missed %q, untraced %q", got.Light.Passed(), misses, got.Untraced)
			}
			if c.passes && len(got.Differences) != c.differences {
				t.Errorf("differences: %+v, want %d", got.Differences, c.differences)
			}
			if (got.Untraced != "") == c.passes {
				t.Errorf("untraced %q, passed %v", got.Untraced, c.passes)
			}
			if len(got.Inventory.Packages()) == 0 || len(got.LightInventory.Packages()) == 0 || got.LightTree.Get("/app/run") == nil {
				t.Error("the light image was not read")
			}
		})
	}
	t.Run("a command that is gone", func(t *testing.T) {
		lacks := over(testimage.Tree{"/usr/bin/.wh.factor": "file 0000"})
		got, err := heal.Verify(t.Context(), original, lacks, faultOptions(t, e, &check.File{Checks: []check.Check{{Exec: &check.Exec{Args: []string{"factor", "6"}}}}}))
		if err != nil {
			t.Fatal(err)
		}
		if got.Light.Passed() || len(got.Misses) != 1 || got.Misses[0].Path != "/usr/bin/factor" {
			t.Errorf("passed %v, missed %+v", got.Light.Passed(), got.Misses)
		}
	})
	t.Run("an original that fails", func(t *testing.T) {
		failing := &check.File{Checks: []check.Check{{Exit: &check.Exec{Args: []string{"f0"}, Stdout: "three"}}}}
		got, err := heal.Verify(t.Context(), original, original, faultOptions(t, e, failing))
		if !errors.Is(err, heal.ErrOriginal) || got == nil || got.Light != nil || !strings.Contains(got.Original.FirstFailure(), "three") {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

// In which order a directory is listed depends on the layers that it is made of: a program that prints it unsorted answers the same.
func TestOrderOfDirectories(t *testing.T) {
	e := enginetest.Open(t)
	lower, upper := listed(12)
	original, file := faultImage(t, plain, []fault{{name: "listed", layers: []testimage.Tree{lower, upper}, sh: "echo $(ls -U /opt/list)"}})
	res, err := heal.Carve(t.Context(), original, faultOptions(t, e, file))
	if err != nil {
		t.Fatal(err)
	}
	if res.Rejected != "" || len(res.Differences) > 0 {
		t.Errorf("rejected %q, differences: %+v", res.Rejected, res.Differences)
	}
	got, err := heal.Verify(t.Context(), original, res.Image, faultOptions(t, e, file))
	if err != nil {
		t.Fatal(err)
	}
	if !got.Light.Passed() || len(got.Differences) > 0 {
		t.Errorf("differences: %+v", got.Differences)
	}
}

// Python lists the directories that it imports from, so that nothing tells of a program which counts the modules of a package: its answer does.
func TestAnswersWithoutMisses(t *testing.T) {
	e := enginetest.Open(t)
	const site = "/usr/lib/python3.11/site-packages/"
	img, file := faultImage(t, plain, []fault{
		{name: "seen", layers: []testimage.Tree{{
			site + "pool/__init__.py": "file 0644 x", site + "pool/later.py": "file 0644 x", site + "pool-1.dist-info/METADATA": "file 0644 Name: pool\nVersion: 1\n",
			site + "pool-1.dist-info/RECORD": "file 0644 pool/__init__.py,,\npool/later.py,,\npool-1.dist-info/METADATA,,\npool-1.dist-info/RECORD,,\n",
		}}, sh: "cat " + site + "pool/__init__.py", prints: "x"},
		{name: "counted", sh: "d=site-packages; echo modules: $(ls /usr/lib/python3.11/$d/pool)"},
	})
	res := healedTight(t, e, img, file)
	if res.Rejected != "" || res.Before != 0 || res.After != 1 || res.Rounds != 2 || !res.Keep.Has(site+"pool/later.py") {
		t.Errorf("rejected %q, %d rounds, hold-out checks %d before healing and %d after, missed %+v", res.Rejected, res.Rounds, res.Before, res.After, res.Misses)
	}
}

package rewrite_test

import (
	"flag"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/txtar"

	"github.com/lighten/lighten/internal/dockerfile"
	"github.com/lighten/lighten/internal/dockerfile/rewrite"
)

var update = flag.Bool("update", false, "write the golden files anew")

// tidy applies Tidy and checks what must hold for every file: it applies, and a second Tidy has nothing to do.
func tidy(t *testing.T, d *dockerfile.Document, o rewrite.TidyOptions) (*dockerfile.Document, []dockerfile.Edit) {
	t.Helper()
	edits := rewrite.Tidy(d, o)
	after, err := d.Apply(edits...)
	if err != nil {
		t.Fatalf("the edits do not apply: %v", err)
	}
	for _, e := range edits {
		if e.Why == "" {
			t.Errorf("edit %+v has no reason", e)
		}
	}
	if again := rewrite.Tidy(after, o); len(again) != 0 {
		t.Errorf("a second Tidy wants %+v in\n%s", again, after.Source)
	}
	return after, edits
}

// TestTidy reads a Dockerfile and the files of its context from an archive and compares
// the result and its reasons with those at the end of the archive.
func TestTidy(t *testing.T) {
	names, err := filepath.Glob("testdata/tidy/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			ar, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			context, err := txtar.FS(ar)
			if err != nil {
				t.Fatal(err)
			}
			src, err := fs.ReadFile(context, "Dockerfile")
			if err != nil {
				t.Fatal(err)
			}
			d, err := dockerfile.Parse("Dockerfile", src)
			if err != nil {
				t.Fatal(err)
			}
			after, edits := tidy(t, d, rewrite.TidyOptions{Context: context})
			var why strings.Builder
			for _, e := range edits {
				why.WriteString(e.Why + "\n")
			}
			compare(t, ar, name, map[string]string{"want": string(after.Source), "why": why.String()})
		})
	}
}

func compare(t *testing.T, ar *txtar.Archive, name string, got map[string]string) {
	t.Helper()
	for _, section := range []string{"want", "why"} {
		found := false
		for n, f := range ar.Files {
			if f.Name != section {
				continue
			}
			found = true
			if string(f.Data) != got[section] && !*update {
				t.Errorf("%s is\n%s\nwant\n%s", section, got[section], f.Data)
			}
			ar.Files[n].Data = []byte(got[section])
		}
		if !found && !*update {
			t.Errorf("no section %s: run with -update", section)
		} else if !found {
			ar.Files = append(ar.Files, txtar.File{Name: section, Data: []byte(got[section])})
		}
	}
	if *update {
		if err := os.WriteFile(name, txtar.Format(ar), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestTidyAgreesWithBuildKit tidies every Dockerfile at hand.
func TestTidyAgreesWithBuildKit(t *testing.T) {
	var names []string
	collect := func(dir string) {
		filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if err == nil && e.Type().IsRegular() && strings.Contains(strings.ToLower(e.Name()), "dockerfile") && filepath.Ext(path) != ".go" {
				names = append(names, path)
			}
			return nil
		})
	}
	samples, _ := filepath.Glob("../testdata/samples/*")
	names = append(names, samples...)
	if dir, err := exec.Command("go", "env", "GOMODCACHE").Output(); err == nil {
		collect(strings.TrimSpace(string(dir)))
	}
	changed := 0
	for _, name := range names {
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		d, err := dockerfile.Parse(name, src)
		if err != nil {
			continue
		}
		t.Run(name, func(t *testing.T) {
			_, edits := tidy(t, d, rewrite.TidyOptions{Context: os.DirFS(filepath.Dir(name))})
			if len(edits) > 0 {
				changed++
			}
		})
	}
	t.Logf("%d of %d files changed", changed, len(names))
}

// FuzzTidy checks that what Tidy proposes applies, and that it is done then.
func FuzzTidy(f *testing.F) {
	names, _ := filepath.Glob("testdata/tidy/*.txtar")
	for _, name := range names {
		ar, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(ar.Files[0].Data)
	}
	context := fstest.MapFS{"requirements.txt": {Data: []byte("flask\n")}, "package.json": {Data: []byte("{}")}}
	f.Fuzz(func(t *testing.T, src []byte) {
		d, err := dockerfile.Parse("Dockerfile", src)
		if err != nil {
			return
		}
		tidy(t, d, rewrite.TidyOptions{Context: context})
	})
}

package rewrite_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/txtar"

	"github.com/lighten/lighten/internal/dockerfile"
	"github.com/lighten/lighten/internal/dockerfile/rewrite"
	"github.com/lighten/lighten/internal/stack"
)

var strategies = []struct {
	name string
	make func(rewrite.Input) (rewrite.Output, error)
}{
	{"slim", rewrite.Slim}, {"multi-stage", rewrite.MultiStage}, {"alpine", rewrite.Alpine}, {"distroless", rewrite.Distroless},
	{"repair", func(in rewrite.Input) (rewrite.Output, error) {
		o, why, err := rewrite.Repair(in.Doc)
		if why != "" {
			o.Notes = append([]string{why}, o.Notes...)
		}
		return o, err
	}},
}

// evidences are what a built original told, by the name that a golden file's comment gives after "evidence:".
var evidences = map[string]rewrite.Evidence{
	"": {},
	"wheels": {
		Built: true, Codename: "bookworm", Env: []string{"PATH=/usr/local/bin", "LANG=C.UTF-8", "PYTHON_VERSION=3.11.2"}, Scripts: []string{"gunicorn", "uvicorn"},
		Dists: []rewrite.Dist{{Name: "flask", Version: "2.3.3"}, {Name: "pydantic_core", Version: "2.23.4", Native: true}},
		IDs:   map[string]string{"worker": "999"},
	},
	"hashes": {
		Built: true, Env: []string{"PYTHON_VERSION=3.11.2"}, Dists: []rewrite.Dist{{Name: "flask", Version: "2.3.3"}, {Name: "pydantic_core", Version: "2.23.4", Native: true, OtherHash: true}},
	},
	"compiled": {
		Built: true, Codename: "bookworm", Env: []string{"LANG=C.UTF-8", "PYTHON_VERSION=3.11.2"},
		Libraries: []string{"libpq5", "libxml2", "libxslt1.1", "zlib1g"}, Slim: []string{"libpq5", "libxml2", "libxslt1.1"}, Distroless: []string{"libpq5", "libxml2", "libxslt1.1"},
		Dists: []rewrite.Dist{{Name: "lxml", Version: "5.3.0", Native: true, Compiled: true}, {Name: "psycopg2", Version: "2.9.9", Native: true, Compiled: true}, {Name: "uwsgi", Version: "2.0", Native: true, NoMusl: true}},
	},
}

// Each archive holds a Dockerfile with the files of its context, and what every strategy makes of it.
func TestStrategies(t *testing.T) {
	files, err := filepath.Glob("testdata/strategy/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".txtar"), func(t *testing.T) { golden(t, f) })
	}
}

func golden(t *testing.T, file string) {
	ar, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	dir := fstest.MapFS{}
	var src []byte
	var kept []txtar.File
	for _, f := range ar.Files {
		switch {
		case strings.HasPrefix(f.Name, "want/"):
			continue
		case f.Name == "Dockerfile":
			src = f.Data
		default:
			dir[f.Name] = &fstest.MapFile{Data: f.Data}
		}
		kept = append(kept, f)
	}
	doc, err := dockerfile.Parse("Dockerfile", src)
	if err != nil {
		t.Fatal(err)
	}
	project, err := stack.Detect(dir, doc)
	if err != nil {
		t.Fatal(err)
	}
	_, name, _ := strings.Cut(string(ar.Comment), "evidence:")
	e, ok := evidences[strings.TrimSpace(name)]
	if !ok {
		t.Fatalf("no evidence %q", name)
	}
	for _, s := range strategies {
		o, err := s.make(rewrite.Input{Doc: doc, Project: project, Context: dir, Evidence: e})
		var refused *rewrite.Refusal
		if err != nil && !errors.As(err, &refused) {
			t.Fatalf("%s: %v", s.name, err)
		}
		text := string(o.Dockerfile)
		for _, n := range o.Notes {
			text += "note: " + n + "\n"
		}
		if err != nil {
			text = "refused: " + err.Error() + "\n"
		}
		if text == "" {
			continue // nothing to repair
		}
		kept = append(kept, txtar.File{Name: "want/" + s.name, Data: []byte(text)})
		if err == nil && o.Dockerfile != nil {
			after, err := dockerfile.Parse(s.name, o.Dockerfile)
			if err != nil {
				t.Fatalf("%s does not parse: %v", s.name, err)
			}
			if again := rewrite.Tidy(after, rewrite.TidyOptions{}); len(again) != 0 {
				t.Errorf("%s is not tidy: %+v", s.name, again)
			}
		}
	}
	got := txtar.Format(&txtar.Archive{Comment: ar.Comment, Files: kept})
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want := txtar.Format(ar); string(got) != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

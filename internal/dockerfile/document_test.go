package dockerfile_test

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/lighten/lighten/internal/dockerfile"
)

// samples are the committed Dockerfiles.
func samples(t testing.TB) map[string][]byte {
	t.Helper()
	names, err := filepath.Glob("testdata/samples/*")
	if err != nil || len(names) == 0 {
		t.Fatalf("no samples: %v", err)
	}
	out := map[string][]byte{}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		out[name] = b
	}
	return out
}

// moduleCache are the Dockerfiles of the Go module cache; none when there is no cache.
func moduleCache(t testing.TB) map[string][]byte {
	t.Helper()
	dir, err := exec.Command("go", "env", "GOMODCACHE").Output()
	if err != nil {
		return nil
	}
	out := map[string][]byte{}
	filepath.WalkDir(strings.TrimSpace(string(dir)), func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() && strings.Contains(strings.ToLower(e.Name()), "dockerfile") && filepath.Ext(path) != ".go" {
			if b, err := os.ReadFile(path); err == nil {
				out[path] = b
			}
		}
		return nil
	})
	return out
}

var shapes = map[dockerfile.Kind]*regexp.Regexp{
	dockerfile.KindBOM:          regexp.MustCompile(`^\x{FEFF}$`),
	dockerfile.KindDirective:    regexp.MustCompile(`(?s)^\s*#\s*\w+\s*=.*$`),
	dockerfile.KindComment:      regexp.MustCompile(`(?s)^[\s\p{Z}\x{85}]*#.*$`),
	dockerfile.KindBlank:        regexp.MustCompile(`^[\s\p{Z}\x{85}\v]*$`),
	dockerfile.KindNewline:      regexp.MustCompile(`^\r*\n?$|^[\r\n]+$`),
	dockerfile.KindSpace:        regexp.MustCompile(`^[\s\p{Z}\x{85}\v]+$`),
	dockerfile.KindContinuation: regexp.MustCompile("^[\\\\`][ \t]*[\r\n]*$"),
	dockerfile.KindFlag:         regexp.MustCompile(`(?s)^.+$`),
	dockerfile.KindKeyword:      regexp.MustCompile(`(?s)^\S+$`),
}

// checkTokens checks that the tokens put together are the source, each byte once and each token of
// the look of its kind.
func checkTokens(t *testing.T, d *dockerfile.Document) {
	t.Helper()
	var out bytes.Buffer
	at := 0
	for _, tok := range d.Tokens() {
		if tok.Start != at {
			t.Fatalf("token of kind %d begins at %d, want %d: %q", tok.Kind, tok.Start, at, d.Text(tok.Range))
		}
		at = tok.End
		text := d.Text(tok.Range)
		out.WriteString(text)
		if shape := shapes[tok.Kind]; shape != nil && !shape.MatchString(text) {
			t.Fatalf("token of kind %d is %q", tok.Kind, text)
		}
	}
	if !bytes.Equal(out.Bytes(), d.Source) {
		t.Fatalf("tokens make\n%q\nwant\n%q", out.Bytes(), d.Source)
	}
}

// checkAgainstBuildKit rebuilds what BuildKit sees of each instruction from the word
// and flag tokens and compares it with BuildKit's parser.
func checkAgainstBuildKit(t *testing.T, d *dockerfile.Document) {
	t.Helper()
	res, err := parser.Parse(bytes.NewReader(d.Source))
	if err != nil {
		t.Fatalf("BuildKit refuses what Parse accepted: %v", err)
	}
	if len(res.AST.Children) != len(d.Instructions) {
		t.Fatalf("%d instructions, BuildKit has %d", len(d.Instructions), len(res.AST.Children))
	}
	tokens := d.Tokens()
	for n, i := range d.Instructions {
		node := res.AST.Children[n]
		var text strings.Builder
		for _, tok := range tokens {
			if tok.Start < i.Range.Start || tok.End > i.Range.End {
				continue
			}
			switch tok.Kind {
			case dockerfile.KindKeyword, dockerfile.KindFlag, dockerfile.KindWord, dockerfile.KindSpace, dockerfile.KindPunctuation:
				text.WriteString(d.Text(tok.Range))
			}
		}
		if got, want := strings.TrimSpace(text.String()), strings.TrimSpace(node.Original); got != want {
			t.Errorf("line %d: tokens make %q, BuildKit sees %q", i.Line, got, want)
		}
		if len(i.Heredocs) != len(node.Heredocs) {
			t.Errorf("line %d: %d here-documents, BuildKit has %d", i.Line, len(i.Heredocs), len(node.Heredocs))
			continue
		}
		for k, h := range i.Heredocs {
			if got := d.Text(h.Body); got != node.Heredocs[k].Content {
				t.Errorf("line %d: here-document %q, BuildKit has %q", i.Line, got, node.Heredocs[k].Content)
			}
		}
	}
}

func checkSource(t *testing.T, name string, src []byte) {
	d, err := dockerfile.Parse(name, src)
	if err != nil {
		if strings.Contains(err.Error(), "cannot be placed") {
			t.Errorf("BuildKit and Parse differ: %v", err)
		}
		return
	}
	checkTokens(t, d)
	checkAgainstBuildKit(t, d)
}

func TestEveryByteIsOneToken(t *testing.T) {
	for name, src := range samples(t) {
		t.Run(filepath.Base(name), func(t *testing.T) {
			if _, err := dockerfile.Parse(name, src); err != nil {
				t.Fatal(err)
			}
			checkSource(t, name, src)
		})
	}
}

func TestModuleCache(t *testing.T) {
	files := moduleCache(t)
	if len(files) == 0 {
		t.Skip("no Go module cache")
	}
	read := 0
	for name, src := range files {
		if _, err := dockerfile.Parse(name, src); err == nil {
			read++
		}
		t.Run(name, func(t *testing.T) { checkSource(t, name, src) })
	}
	t.Logf("%d of %d files are Dockerfiles that BuildKit accepts", read, len(files))
}

package rewrite_test

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lighten/lighten/internal/dockerfile"
	"github.com/lighten/lighten/internal/dockerfile/rewrite"
)

// build runs the RUN instructions as a build does: each in a shell of its own, in the same directory, until one fails.
// It returns what the directory holds afterwards, and which exit code ended it.
func build(t *testing.T, d *dockerfile.Document, dir string) string {
	t.Helper()
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	code := 0
	for _, i := range d.Final().Instructions {
		sh, err := i.Shell()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("/bin/sh", "-c", sh.Text())
		cmd.Dir = dir
		if cmd.Run(); cmd.ProcessState.ExitCode() != 0 {
			code = 1 // a build ends, whatever the number
			break
		}
	}
	out := fmt.Sprintf("exit %d\n", code)
	filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			b, _ := os.ReadFile(path)
			out += strings.TrimPrefix(path, dir) + " " + string(b) + "\n"
		}
		return nil
	})
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestJoinedScriptsDoTheSame has the shell itself judge that joined instructions leave what separate ones left.
func TestJoinedScriptsDoTheSame(t *testing.T) {
	tests := []struct {
		name string
		runs []string
		join bool
	}{
		{"plain", []string{"mkdir DIR/x && echo 1 > DIR/x/a", "rm -r DIR/x"}, true},
		{"directory", []string{"mkdir sub DIR/x && cd sub && pwd > here", "pwd > there; rm -r DIR/x"}, true},
		{"variables", []string{"A=1; export A; echo $A > DIR/x", "echo ${A:-none} > y; rm DIR/x"}, true},
		{"failure first", []string{"touch DIR/x; false", "touch y; rm DIR/x"}, true},
		{"failure first, alternative after", []string{"touch DIR/x; false", "rm DIR/x || touch y"}, true},
		{"failure in the middle", []string{"touch DIR/x; false; true", "rm DIR/x; touch y"}, true},
		{"failure last", []string{"touch DIR/x", "rm DIR/x; false"}, true},
		{"early exit", []string{"touch DIR/x; exit 0; touch z", "rm DIR/x; touch y"}, true},
		{"early failure", []string{"touch DIR/x; exit 3", "rm DIR/x; touch y"}, true},
		{"function", []string{"f() { echo a > DIR/x; }; f", "f 2>/dev/null || echo none > y; rm DIR/x"}, true},
		{"umask", []string{"umask 777; touch DIR/x", "umask > y; rm -f DIR/x"}, true},
		{"three", []string{"touch DIR/x; cd /", "touch y || true; echo 2 >> y", "rm DIR/x && pwd > z"}, true},
		{"unless", []string{"touch DIR/x; ! true", "rm DIR/x"}, true},
		{"set -e", []string{"set -e; touch DIR/x; false; touch z", "rm DIR/x"}, false},
		{"background", []string{"touch DIR/x &", "rm -f DIR/x"}, false},
		{"comment", []string{"touch DIR/x # and more", "rm DIR/x"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "root")
			src := "FROM x\nRUN " + strings.ReplaceAll(strings.Join(tt.runs, "\nRUN "), "DIR", dir) + "\n"
			before, err := dockerfile.Parse("Dockerfile", []byte(src))
			if err != nil {
				t.Fatal(err)
			}
			after, _ := tidy(t, before, rewrite.TidyOptions{})
			if joined := len(after.Instructions) == 2; joined != tt.join {
				t.Fatalf("joined %v, want %v:\n%s", joined, tt.join, after.Source)
			}
			if !tt.join {
				return // nothing changed; a script may be left alone because its outcome is a race
			}
			want, got := build(t, before, dir), build(t, after, dir)
			if got != want {
				t.Errorf("joined, it leaves\n%s\nwant\n%s\nfrom\n%s", got, want, after.Source)
			}
		})
	}
}

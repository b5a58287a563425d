package closure_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lighten/lighten/internal/closure"
)

// The commands that a program of Go names are found as its code and its data refer to them, though its strings have no end of their own.
func TestGoCommands(t *testing.T) {
	source := `package main

import ("os"; "os/exec"; "strings")

var tools = []string{"convert", "identify"}

func main() {
	out, _ := exec.Command("uptime", "-p").Output()
	exec.Command("sh", "-c", "cd /srv && rsync -a x y; echo "+os.Args[0]).Run()
	for _, t := range tools { exec.Command(t, strings.ToUpper(string(out))).Run() }
	println("the midnight update of git")
}`
	for _, arch := range []string{"amd64", "arm64"} {
		t.Run(arch, func(t *testing.T) { goCommands(t, source, arch) })
	}
}

func goCommands(t *testing.T, source, arch string) {
	dir := t.TempDir()
	for name, text := range map[string]string{"main.go": source, "go.mod": "module x\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", "x", ".")
	c.Dir, c.Env = dir, append(os.Environ(), "CGO_ENABLED=0", "GOARCH="+arch, "GOOS=linux", "GOFLAGS=-mod=mod", "GOWORK=off")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	b, err := os.ReadFile(filepath.Join(dir, "x"))
	if err != nil {
		t.Fatal(err)
	}
	facts := closure.Distil("/opt/x", int64(len(b)))(b)
	for word, want := range map[string]bool{"uptime": true, "sh": true, "rsync": true, "echo": true, "convert": true, "identify": true, "git": false, "date": false} {
		if got := slices.Contains(facts, "run "+word); got != want {
			t.Errorf("%s: got %v, want %v", word, got, want)
		}
	}
	n := 0
	for _, f := range facts {
		if strings.HasPrefix(f, "run ") {
			n++
		}
	}
	if n > 1500 {
		t.Errorf("%d words for a program that names six", n)
	}
	t.Logf("%d words", n)
}

// FuzzGoStrings reads programs that no compiler made.
func FuzzGoStrings(f *testing.F) {
	if b, err := os.ReadFile("/bin/true"); err == nil {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		b = append(b, "os/exec.(*Cmd).Start"...)
		closure.Distil("/opt/x", int64(len(b)))(b)
	})
}

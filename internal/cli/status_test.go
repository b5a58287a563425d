package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lighten/lighten/internal/testimage"
)

// Whoever waits in a terminal is told for what, and the report is not written behind it.
func TestStatus(t *testing.T) {
	file := filepath.Join(t.TempDir(), "saved.tar")
	testimage.Save(t, layered(t), file)
	saved, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	x := startTerminal(t, r, nil, "inspect", "-", "--state", t.TempDir())
	r.Close()
	x.sees(`^opening -\s*$`)
	if _, err := w.Write(saved); err != nil {
		t.Fatal(err)
	}
	w.Close()
	x.restored(0)
	if out := x.written(); !strings.Contains(out, "\r\x1b[2K-, linux/amd64\r\n") {
		t.Errorf("%q", out)
	}
}

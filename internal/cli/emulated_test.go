package cli_test

import (
	"archive/tar"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/lighten/lighten/internal/testimage"
)

// Scripts that run programs of another architecture, where the kernel knows an emulator for it.
func TestEmulatedScripts(t *testing.T) {
	testimage.Need(t, "root", "runc")
	if _, err := os.Stat("/proc/sys/fs/binfmt_misc/qemu-aarch64"); err != nil {
		t.Skip("no emulator of arm64 is registered: apt-get install qemu-user-static binfmt-support")
	}
	index := testimage.Attested(t, t.TempDir(), teaImage(t, "amd64"), teaImage(t, "arm64"))
	testscript.Run(t, testscript.Params{
		Dir: "testdata/emulated", RequireExplicitExec: true, Cmds: commands,
		Setup: func(e *testscript.Env) error {
			e.Setenv("INDEX", index)
			return setup(e)
		},
	})
}

const teaProgram = `package main

import (
	"fmt"
	"os"
)

func main() {
	name := "/etc/tea"
	if len(os.Args) > 1 {
		name = os.Args[1]
	}
	b, err := os.ReadFile(name)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(b))
}
`

// teaImage holds a static program for an architecture, and files.
func teaImage(t *testing.T, arch string) v1.Image {
	t.Helper()
	dir := t.TempDir()
	source, program := filepath.Join(dir, "main.go"), filepath.Join(dir, "tea")
	if err := os.WriteFile(source, []byte(teaProgram), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "build", "-o", program, source)
	cmd.Env = append(os.Environ(), "GOARCH="+arch, "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	b, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	entry := testimage.Entry{Header: tar.Header{Typeflag: tar.TypeReg, Name: "tea", Mode: 0o755, Size: int64(len(b))}, Content: b}
	files := testimage.Layer(t, testimage.Tree{"/etc/tea": "file 0644 tea", "/etc/milk": "file 0644 milk", "/etc/coffee": "file 0644 coffee"})
	return onPlatform(t, testimage.ImageOf(t, v1.Config{Entrypoint: []string{"/tea"}}, testimage.RawLayer(t, entry), files), arch)
}

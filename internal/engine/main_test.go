package engine_test

import (
	"debug/elf"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lighten/lighten/internal/access"
	"github.com/lighten/lighten/internal/engine"
	"github.com/lighten/lighten/internal/engine/enginetest"
	"github.com/lighten/lighten/internal/testimage"
)

// TestMain lets the test program be what containers and killed processes run: LIGHTEN_TEST_ROLE names the part.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		if f := roles[os.Args[1]]; f != nil {
			if err := f(os.Args[2:]); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(3)
			}
			os.Exit(0)
		}
	}
	os.Exit(m.Run())
}

var roles = map[string]func([]string) error{
	"role-look":  look,
	"role-sleep": func([]string) error { time.Sleep(time.Hour); return nil },
	"role-build": childBuild,
}

// look writes what a program started by Run finds around itself.
func look(args []string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "uid=%d args=%v\n", os.Getuid(), args)
	in, err := os.ReadFile("/dev/.lighten/in/plan")
	fmt.Fprintf(&b, "plan=%q %v\n", in, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	fmt.Fprintf(&b, "loopback=%v\n", err == nil)
	if err == nil {
		c, err := net.DialTimeout("tcp", l.Addr().String(), time.Second)
		fmt.Fprintf(&b, "dial=%v\n", err == nil)
		if err == nil {
			c.Close()
		}
	}
	ifs, _ := net.Interfaces()
	fmt.Fprintf(&b, "interfaces=%d\n", len(ifs))
	fmt.Fprintf(&b, "write-root=%v\n", os.WriteFile("/written", []byte("x"), 0o644))
	ents, _ := os.ReadDir("/dev/.lighten/root")
	for _, e := range ents {
		os.WriteFile(filepath.Join("/dev/.lighten/root", e.Name(), "written"), nil, 0o644)
		rel, _ := os.ReadFile(filepath.Join("/dev/.lighten/root", e.Name(), "etc/os-release"))
		id := ""
		for _, l := range strings.Split(string(rel), "\n") {
			if v, ok := strings.CutPrefix(l, "ID="); ok {
				id = v
			}
		}
		fmt.Fprintf(&b, "root %s=%s\n", e.Name(), id)
	}
	hosts, _ := os.ReadFile("/etc/hosts")
	fmt.Fprintf(&b, "hosts=%v\n", strings.Contains(string(hosts), "db"))
	_, err = os.Stat("/dev/.lighten-ca.pem")
	fmt.Fprintf(&b, "ca=%v env=%q\n", err == nil, os.Getenv("SSL_CERT_FILE"))
	return os.WriteFile("/dev/.lighten/out/report", []byte(b.String()), 0o644)
}

// config reaches the loopback registry with the stand-in bases.
func config(t testing.TB) access.Config {
	reg := testimage.Registry(t)
	return access.Config{Mirrors: map[string][]string{"docker.io": {reg}, "gcr.io": {reg}}}
}

// open opens an embedded engine on a state of its own.
func open(t testing.TB, edit ...func(*engine.Options)) *engine.Engine {
	t.Helper()
	testimage.Need(t, "bases")
	bare := func(o *engine.Options) { o.Access = config(t) } // without the host's authorities
	return enginetest.Open(t, append([]func(*engine.Options){bare}, edit...)...)
}

// contextDir is a build context with the given files.
func contextDir(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, s := range files {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(s), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// testBinary is this test program, for Run.
func testBinary(t testing.TB) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	f, err := elf.Open(exe)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if s := f.Section(".interp"); s != nil {
		t.Fatal("this test program needs a C library, which not every image has: test with CGO_ENABLED=0")
	}
	return exe
}

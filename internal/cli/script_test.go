package cli_test

import (
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/rogpeppe/go-internal/testscript"
	"go.yaml.in/yaml/v3"
	"golang.org/x/crypto/ssh/agent"
	"golang.org/x/sys/unix"

	"github.com/lighten/lighten/internal/access"
	"github.com/lighten/lighten/internal/check"
	"github.com/lighten/lighten/internal/cli"
	"github.com/lighten/lighten/internal/engine/embedded"
	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/testimage"
)

// The scripts run lighten as its own process; inside a candidate the same program is the supervisor.
func TestMain(m *testing.M) {
	if code, ok := check.Inside(os.Args); ok {
		os.Exit(code)
	}
	testscript.Main(m, map[string]func(){"lighten": func() {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		os.Exit(cli.Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}})
}

// Scripts that need no container: what is refused, shown and explained before anything is built.
func TestScripts(t *testing.T) {
	images, index := shopImages(t), shopIndex(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", RequireExplicitExec: true, Cmds: commands,
		Setup: func(e *testscript.Env) error {
			e.Setenv("IMAGES", images)
			e.Setenv("INDEX", index)
			return setup(e)
		},
	})
}

// dpkgStatus is Debian's list of packages, each a name and a version.
func dpkgStatus(packages ...string) string {
	s := "file 0644 "
	for _, p := range packages {
		name, version, _ := strings.Cut(p, " ")
		s += "Package: " + name + "\nStatus: install ok installed\nArchitecture: amd64\nVersion: " + version + "\n\n"
	}
	return s
}

// shop is a small program.
var shop = testimage.Tree{
	"/lib": "symlink usr/lib", "/tmp/": "dir 1777", "/app/main.py": "file 0755 x", "/usr/lib/tool": "file 0644 x", "/usr/bin/gone": "file 0755 x", "/usr/bin/tool": "file 0755 x",
	"/usr/share/man/man1/tool.1": "file 0644 x", "/var/lib/dpkg/status": dpkgStatus("tool 3", "gone 1"),
	"/var/lib/dpkg/info/tool.list": "file 0644 /usr/bin/tool\n/usr/lib/tool\n/usr/share/man/man1/tool.1\n", "/var/lib/dpkg/info/gone.list": "file 0644 /usr/bin/gone\n",
}

// shopImages writes images of a small program: as it was when its lock was made, with other packages and paths, and with a label that nobody
// reads. It returns the layout, to be followed by a tag.
func shopImages(t *testing.T) string {
	t.Helper()
	changed := testimage.Tree{
		"/usr/lib/tool": "file 0644 x", "/lib": "symlink usr/lib", "/var/lib/dpkg/status": dpkgStatus("tool 4", "extra 1"),
		"/var/lib/dpkg/info/tool.list": "file 0644 /usr/lib/tool\n",
	}
	dir := t.TempDir()
	// One version of a program and the next, on the same base: other packages, files and settings.
	base := testimage.Tree{"/etc/os-release": "file 0644 ID=debian\nVERSION_ID=12\n", "/bin/sh": "noise 0755 30000", "/usr/bin/su": "file 4755 x"}
	first := testimage.Image(t, v1.Config{Env: []string{"MODE=test", "API_TOKEN=first"}, Cmd: []string{"serve"}, ExposedPorts: map[string]struct{}{"80/tcp": {}}}, base, testimage.Tree{
		"/app/main.js": "file 0644 one", "/app/old\x1b[31m": "file 0644 x", "/app/same": "file 0644 same", "/app/mode": "file 0644 x", "/app/owner": "file 0644 x",
		"/var/lib/dpkg/status":              "file 0644 Package: libx1\nStatus: install ok installed\nArchitecture: amd64\nSource: libx (1.9)\nVersion: 1.10\n\n",
		"/app/node_modules/ms/package.json": `file 0644 {"name": "ms", "version": "2.0.0"}`, "/app/node_modules/gone/package.json": `file 0644 {"name": "gone", "version": "1.0.0"}`,
	})
	next := testimage.Image(t, v1.Config{Env: []string{"MODE=live", "API_TOKEN=second"}, Cmd: []string{"serve"}, User: "app"}, base, testimage.Tree{
		"/app/main.js": "file 0644 two", "/app/new": "noise 0755 50000", "/app/same": "file 0644 same", "/app/mode": "file 0755 x", "/app/owner": "file 0644 @7:7 x", "/app/sneaky": "file 4755 x",
		"/var/lib/dpkg/status":              "file 0644 Package: libx1\nStatus: install ok installed\nArchitecture: amd64\nSource: libx (1.9.1)\nVersion: 1.10.1\n\n",
		"/app/node_modules/ms/package.json": `file 0644 {"name": "ms", "version": "2.1.3"}`, "/app/node_modules/ms/node_modules/ms/package.json": `file 0644 {"name": "ms", "version": "2.0.0"}`,
	})
	for tag, img := range map[string]v1.Image{
		"first": first, "next": next, "base": testimage.Image(t, v1.Config{}, base),
		"shop": testimage.Image(t, v1.Config{}, shop), "changed": testimage.Image(t, v1.Config{}, changed),
		"wasteful": wasteful(t),
		"broken":   testimage.Image(t, v1.Config{Labels: map[string]string{"io.lighten.guard": "no"}}, shop),
	} {
		if err := image.Write(t.Context(), img, "oci:"+dir+":"+tag, image.WriteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	return "oci:" + dir
}

// wasteful is an image with one of everything that `lighten inspect` finds.
func wasteful(t *testing.T) v1.Image {
	t.Helper()
	img := testimage.Image(t, v1.Config{Env: []string{"DB_PASSWORD=hunter2hunter2"}},
		testimage.Tree{"/etc/passwd": "file 0644 root:x:0:0::/:/bin/sh\n", "/var/lib/apt/lists/debian": "noise 0644 30000", "/root/.cache/pip/wheel": "noise 0644 20000", "/app/data": "noise 0644 10000", "/app/tool": "file 4755 x"},
		testimage.Tree{"/var/lib/apt/.wh.lists": "file 0000", "/app/data": "noise 0640 @9:9 10000", "/app/\x1b[31mred": "file 0644 x", "/tmp/=cmd|calc": "file 0644 x"},
		testimage.Tree{"/root/.ssh/id_rsa": "file 0600 -----BEGIN RSA PRIVATE KEY-----"},
		testimage.Tree{"/root/.ssh/.wh.id_rsa": "file 0000"})
	cf, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	cf = cf.DeepCopy()
	for i, by := range []string{"/bin/sh -c apt-get update && apt-get install -y x", "RUN /bin/sh -c chown -R 9:9 /app # buildkit", "COPY id_rsa /root/.ssh/ # buildkit", "RUN |1 NPM_TOKEN=hunter3hunter3 /bin/sh -c npm ci # buildkit"} {
		cf.History[i].CreatedBy = by
	}
	if img, err = mutate.ConfigFile(img, cf); err != nil {
		t.Fatal(err)
	}
	return img
}

// shopIndex writes an index of the small program for two platforms, with attestations, and returns its reference.
func shopIndex(t *testing.T) string {
	t.Helper()
	img := testimage.Image(t, v1.Config{}, shop)
	return testimage.Attested(t, t.TempDir(), img, onPlatform(t, img, "arm64"))
}

// onPlatform is an image that says it is for another architecture.
func onPlatform(t *testing.T, img v1.Image, arch string) v1.Image {
	t.Helper()
	cf, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	cf = cf.DeepCopy()
	cf.Architecture = arch
	if img, err = mutate.ConfigFile(img, cf); err != nil {
		t.Fatal(err)
	}
	return img
}

// Scripts that build: one warm engine for all, which they wait for in turn.
func TestBuildScripts(t *testing.T) {
	testimage.Need(t, "root", "runc", "base:python:3.11-slim", "base:debian:bookworm-slim")
	state := t.TempDir()
	registry := testimage.Registry(t)
	img, err := image.Open(t.Context(), testimage.BaseRef(t, "debian:bookworm-slim"), image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	index := testimage.Attested(t, t.TempDir(), img, onPlatform(t, img, "s390x"))
	testscript.Run(t, testscript.Params{
		Dir: "testdata/build", RequireExplicitExec: true, Cmds: commands,
		Setup: func(e *testscript.Env) error {
			e.Setenv("LIGHTEN_STATE", state)
			e.Setenv("INDEX", index)
			e.Setenv("REGISTRY", strings.TrimPrefix(registry, "http://"))
			return configure(e, testimage.Mirrors(registry))
		},
	})
}

// Registries that answer wrongly: asked again, then a clear error.
func TestRegistryFaults(t *testing.T) {
	testimage.Need(t, "root", "runc", "base:python:3.11-slim")
	layouts, err := testimage.Layouts()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		wrap func(http.Handler) http.Handler
		ok   bool
		want string
	}{
		{"401", testimage.Status(http.StatusUnauthorized, 1000), false, "401|docker login|not authorized"},
		{"429", testimage.Status(http.StatusTooManyRequests, 1000), false, "429"},
		{"500", testimage.Status(http.StatusInternalServerError, 1000), false, "500"},
		{"503 once", testimage.Status(http.StatusServiceUnavailable, 1), true, "winner|original"},
		{"blob cut once", testimage.CutBlobs(1), true, "winner|original"},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv := testimage.Serve(t, layouts, c.wrap)
			state := t.TempDir()
			testscript.Run(t, testscript.Params{
				Files: []string{"testdata/fault.txtar"}, RequireExplicitExec: true,
				Setup: func(e *testscript.Env) error {
					e.Setenv("LIGHTEN_STATE", state)
					e.Setenv("WANT", c.want)
					return configure(e, testimage.Mirrors(srv.URL()))
				},
				Condition: func(s string) (bool, error) { return s == "ok" && c.ok, nil },
			})
		})
	}
}

func setup(e *testscript.Env) error {
	root, err := testimage.Root()
	if err != nil {
		return err
	}
	e.Setenv("EXAMPLES", filepath.Join(root, "examples"))
	if e.Getenv("LIGHTEN_STATE") == "" {
		e.Setenv("LIGHTEN_STATE", filepath.Join(e.WorkDir, ".state"))
	}
	e.Setenv("HOME", e.WorkDir)
	return nil
}

// configure has lighten take images from a loopback registry.
func configure(e *testscript.Env, mirrors map[string][]string) error {
	if err := setup(e); err != nil {
		return err
	}
	b, err := yaml.Marshal(map[string]any{"mirrors": mirrors})
	if err != nil {
		return err
	}
	file := filepath.Join(e.WorkDir, ".lighten-config.yaml")
	e.Setenv("LIGHTEN_CONFIG", file)
	return os.WriteFile(file, b, 0o644)
}

var commands = map[string]func(*testscript.TestScript, bool, []string){
	// validate IMAGE…: each is a well-formed image by go-containerregistry's rules; with -fast, which it has for layers
	// that are not gzip, without looking into them.
	"validate": func(ts *testscript.TestScript, neg bool, args []string) {
		var opts []validate.Option
		for _, a := range args {
			if a == "-fast" {
				opts = append(opts, validate.Fast)
				continue
			}
			if kind, file, ok := strings.Cut(a, ":"); ok && strings.HasSuffix(kind, "-archive") || kind == "oci" {
				a = kind + ":" + ts.MkAbs(file)
			}
			img, err := image.Open(context.Background(), a, image.Options{})
			if err == nil {
				err = validate.Image(img, opts...)
			}
			if (err != nil) != neg {
				ts.Fatalf("validating %s: %v", a, err)
			}
		}
	},
	// full DIR: a file system of 1 MB is mounted there.
	"full": func(ts *testscript.TestScript, _ bool, args []string) {
		dir := ts.MkAbs(args[0])
		ts.Check(os.MkdirAll(dir, 0o755))
		ts.Check(unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"))
		ts.Defer(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	},
	// empty DIR: nothing is in it.
	"empty": func(ts *testscript.TestScript, _ bool, args []string) {
		ents, err := os.ReadDir(ts.MkAbs(args[0]))
		ts.Check(err)
		if len(ents) > 0 {
			ts.Fatalf("%s holds %v, want nothing", args[0], ents)
		}
	},
	// hold STATE: another process has the state directory, until the script ends.
	"hold": func(ts *testscript.TestScript, _ bool, args []string) {
		f, err := os.OpenFile(filepath.Join(ts.MkAbs(args[0]), "lock"), os.O_RDWR|os.O_CREATE, 0o600)
		ts.Check(err)
		ts.Check(syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB))
		ts.Defer(func() { f.Close() })
	},
	// agent SOCKET: an SSH agent with one key listens there.
	"agent": func(ts *testscript.TestScript, _ bool, args []string) {
		keys := agent.NewKeyring()
		_, key, err := ed25519.GenerateKey(nil)
		ts.Check(err)
		ts.Check(keys.Add(agent.AddedKey{PrivateKey: key}))
		l, err := net.Listen("unix", ts.MkAbs(args[0]))
		ts.Check(err)
		ts.Defer(func() { l.Close() })
		go func() {
			for c, err := l.Accept(); err == nil; c, err = l.Accept() {
				go func() { defer c.Close(); _ = agent.ServeAgent(keys, c) }() // ends when the client goes
			}
		}()
	},
	// key FILE: a private key in a file.
	"key": func(ts *testscript.TestScript, _ bool, args []string) {
		_, key, err := ed25519.GenerateKey(nil)
		ts.Check(err)
		der, err := x509.MarshalPKCS8PrivateKey(key)
		ts.Check(err)
		ts.Check(os.WriteFile(ts.MkAbs(args[0]), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
	},
	// buildkitd NAME: a BuildKit of its own state serves TCP on loopback, at the address in the variable.
	"buildkitd": func(ts *testscript.TestScript, _ bool, args []string) {
		a, err := access.Load(ts.Getenv("LIGHTEN_CONFIG"))
		ts.Check(err)
		state, err := os.MkdirTemp("", "lighten-buildkitd-")
		ts.Check(err)
		inner, err := embedded.New(embedded.Options{State: state, Access: a})
		ts.Check(err)
		l, err := net.Listen("tcp", "127.0.0.1:0")
		ts.Check(err)
		served := make(chan error, 1)
		go func() { served <- inner.Serve(l) }()
		ts.Defer(func() {
			if err := inner.Close(); err != nil {
				ts.Logf("closing the engine: %v", err)
			}
			<-served
			os.RemoveAll(state)
		})
		ts.Setenv(args[0], l.Addr().String())
	},
	// sparse FILE: a file of 5 GB that holds nothing.
	"sparse": func(ts *testscript.TestScript, _ bool, args []string) {
		f, err := os.Create(ts.MkAbs(args[0]))
		ts.Check(err)
		ts.Check(f.Truncate(5 << 30))
		ts.Check(f.Close())
	},
}

package lock_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lighten/lighten/internal/closure"
	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/inventory"
	"github.com/lighten/lighten/internal/lock"
	"github.com/lighten/lighten/internal/observe"
	"github.com/lighten/lighten/internal/testimage"
)

var update = flag.Bool("update", false, "write the golden files anew")

func read(t testing.TB, img v1.Image) (*image.Tree, *inventory.Inventory) {
	t.Helper()
	tree, err := image.ReadTree(t.Context(), img, closure.Rules())
	if err != nil {
		t.Fatal(err)
	}
	inv, err := inventory.Read(tree)
	if err != nil {
		t.Fatal(err)
	}
	return tree, inv
}

func write(t testing.TB, f *lock.File) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := f.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func status(packages ...string) string {
	var b strings.Builder
	for _, p := range packages {
		name, version, _ := strings.Cut(p, " ")
		fmt.Fprintf(&b, "Package: %s\nStatus: install ok installed\nArchitecture: amd64\nVersion: %s\n\n", name, version)
	}
	return b.String()
}

const site = "/usr/local/lib/python3.11/site-packages/"

// program is a small image as there are many: a distribution, a language, a dependency and a program.
func program() testimage.Tree {
	return testimage.Tree{
		"/lib": "symlink usr/lib", "/tmp/": "dir 1777", "/etc/passwd": "file 0644 root:x:0:0::/root:/bin/sh\n",
		"/var/lib/dpkg/status":         "file 0644 " + status("libtool 1:2.4-1", "tool 3", "gone 1"),
		"/var/lib/dpkg/info/tool.list": "file 0644 /usr/bin/tool\n/usr/bin/tool-admin\n/usr/share/tool/data\n/usr/share/man/man1/tool.1\n/usr/share/doc/tool/copyright\n",
		"/var/lib/dpkg/info/gone.list": "file 0644 /usr/bin/gone\n", "/var/lib/dpkg/info/libtool.list": "file 0644 /usr/lib/libtool.so.1\n/usr/lib/libtool.so.2\n",
		"/usr/bin/tool": "file 0755 #!/bin/sh\n", "/usr/bin/tool-admin": "file 0755 #!/bin/sh\n", "/usr/share/tool/data": "file 0644 x",
		"/usr/share/man/man1/tool.1": "file 0644 x", "/usr/share/doc/tool/copyright": "file 0644 x", "/usr/bin/gone": "file 0755 x",
		"/usr/lib/libtool.so.1": "file 0644 x", "/usr/lib/libtool.so.2": "file 0644 x", "/bin/sh": "file 0755 x",
		site + "flask/__init__.py": "file 0644 x", site + "flask/app.py": "file 0644 x", site + "flask/tests/test_a.py": "file 0644 x",
		site + "flask/__pycache__/app.cpython-311.pyc": "file 0644 x", site + "flask/__pycache__/__init__.cpython-311.pyc": "file 0644 x",
		site + "Flask-3.0.dist-info/METADATA": "file 0644 Name: Flask\nVersion: 3.0\n",
		site + "Flask-3.0.dist-info/RECORD": "file 0644 flask/__init__.py,,\nflask/app.py,,\nflask/tests/test_a.py,,\nflask/__pycache__/app.cpython-311.pyc,,\n" +
			"flask/__pycache__/__init__.cpython-311.pyc,,\nFlask-3.0.dist-info/METADATA,,\nFlask-3.0.dist-info/RECORD,,\n",
		"/app/main.py": "file 0755 #!/usr/bin/tool\n", "/app/templates/index.html": "file 0644 x", "/app/a b#c.txt": "file 0644 x", "/app/.git/HEAD": "file 0644 x",
		"/opt/other/file": "file 0644 x",
	}
}

func shop(t testing.TB) v1.Image {
	t.Helper()
	return testimage.Image(t, v1.Config{Entrypoint: []string{"/app/main.py"}, WorkingDir: "/app"}, program())
}

func keep(t testing.TB, level closure.Level) (*closure.Keep, *image.Tree, *inventory.Inventory) {
	t.Helper()
	tree, inv := read(t, shop(t))
	rec := &observe.Record{Phases: []string{"start", "check 1: GET /"}}
	for _, p := range []string{"/app/main.py", "/lib/libtool.so.1", site + "flask/app.py"} {
		rec.Paths = append(rec.Paths, observe.Path{Name: p, Ops: observe.Open, Phase: 1, By: "/usr/bin/tool"})
	}
	k, err := closure.Make(closure.Input{Tree: tree, Inventory: inv, Evidence: []closure.Evidence{{Record: rec}}, Level: level})
	if err != nil {
		t.Fatal(err)
	}
	return k, tree, inv
}

func TestGolden(t *testing.T) {
	for _, level := range []closure.Level{closure.Safe, closure.Tight} {
		t.Run(string(level), func(t *testing.T) {
			k, tree, inv := keep(t, level)
			f, err := lock.Of(k, tree, inv, lock.Header{Image: "shop:1", Level: level})
			if err != nil {
				t.Fatal(err)
			}
			got := write(t, f)
			golden := filepath.Join("testdata", string(level)+".lock")
			if *update {
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// An image that is not what the lock was made from is refused, and what changed is named.
func TestUnfit(t *testing.T) {
	k, tree, inv := keep(t, closure.Safe)
	f, err := lock.Of(k, tree, inv, lock.Header{Level: closure.Safe})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		change func(testimage.Tree)
		want   string
	}{
		{"nothing", func(testimage.Tree) {}, ""},
		{"another content", func(t testimage.Tree) { t["/app/main.py"] = "file 0755 #!/bin/sh\necho" }, ""},
		{"a new file of the program", func(t testimage.Tree) { t["/app/new.py"] = "file 0644 x" }, ""},
		{"another version", func(t testimage.Tree) {
			t["/var/lib/dpkg/status"] = "file 0644 " + status("libtool 1:2.5-1", "tool 3", "gone 1")
		}, "package deb libtool: 1:2.4-1 → 1:2.5-1"},
		{"another version of what was dropped", func(t testimage.Tree) {
			t["/var/lib/dpkg/status"] = "file 0644 " + status("libtool 1:2.4-1", "tool 3", "gone 2")
		}, ""},
		{"a package less", func(t testimage.Tree) { t["/var/lib/dpkg/status"] = "file 0644 " + status("libtool 1:2.4-1", "gone 1") }, "package deb tool 3 is gone"},
		{"a package more", func(t testimage.Tree) {
			t["/var/lib/dpkg/status"] = "file 0644 " + status("libtool 1:2.4-1", "tool 3", "gone 1", "extra 7")
		}, "package deb extra 7 is new"},
		{"a package without its list of files, as after carving", func(t testimage.Tree) { delete(t, "/var/lib/dpkg/info/libtool.list") },
			"package deb libtool 1:2.4-1: the image does not tell which files are its"},
		{"a directory less", func(t testimage.Tree) {
			for p := range t {
				if strings.HasPrefix(p, "/app/") {
					delete(t, p)
				}
			}
		}, "directory /app is not there"},
		{"a path less", func(t testimage.Tree) { delete(t, "/tmp/") }, "/tmp is not there"},
		{"a file instead of a directory", func(t testimage.Tree) { delete(t, "/tmp/"); t["/tmp"] = "file 0644 x" }, "/tmp is a directory no longer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			other := program()
			c.change(other)
			tree, inv := read(t, testimage.Image(t, v1.Config{}, other))
			k, err := f.Keep("lighten.lock", tree, inv)
			var u *lock.Unfit
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want == "":
				if !k.Has("/app/main.py") || k.Has("/usr/bin/gone") {
					t.Error("another set of paths")
				}
			case !errors.As(err, &u) || !strings.Contains(err.Error(), c.want):
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestUnfitPlatform(t *testing.T) {
	k, tree, inv := keep(t, closure.Safe)
	f, err := lock.Of(k, tree, inv, lock.Header{Level: closure.Safe})
	if err != nil {
		t.Fatal(err)
	}
	own := f.Platform
	if _, err := f.Keep("lighten.lock", tree, inv); err != nil || own == "" {
		t.Errorf("on the lock's own platform %q: %v", own, err)
	}
	f.Platform = "linux/riscv64"
	if _, err := f.Keep("lighten.lock", tree, inv); err == nil || !strings.Contains(err.Error(), "the platform: linux/riscv64 → "+own) {
		t.Errorf("on another platform: %v", err)
	}
}

// random is a tree of all that is hard to fold: packages of three kinds, bytecode, links, empty directories, odd names, dropped places.
func random(r *rand.Rand) testimage.Tree {
	tree := program()
	names := []string{"a", "b", "a b", "x:y", "*", "**", "!n", "\"q\"", "n\xff", "c#d", "é", "__pycache__", "tests", "z:"}
	tops := []string{"/app", "/opt/x", "/usr/share/doc/tool", "/usr/share/locale", "/etc/conf", "/srv/deep/er", site + "loose", "/usr/include/h", "/usr/bin"}
	var owned strings.Builder
	for range 20 + r.IntN(60) {
		p := tops[r.IntN(len(tops))]
		for range 1 + r.IntN(4) {
			if n := names[r.IntN(len(names))]; tree[p] == "" {
				p += "/" + n
			}
		}
		if _, ok := tree[p+"/"]; ok || tree[p] != "" {
			continue
		}
		switch r.IntN(8) {
		case 0:
			tree[p+"/"] = "dir 0755"
		case 1:
			tree[p+"/__pycache__/m"+names[r.IntN(3)]+".cpython-311.pyc"] = "file 0644 x"
			tree[p+"/__pycache__/m.cpython-311.opt-1.pyc"] = "file 0644 x"
		case 2:
			tree[p+"l"] = "symlink " + names[r.IntN(3)]
		case 3:
			if !strings.ContainsAny(p, "\n") {
				fmt.Fprintln(&owned, p)
			}
			fallthrough
		default:
			tree[p] = "file 0755 x"
		}
	}
	tree["/var/lib/dpkg/info/tool.list"] += owned.String()
	for p := range tree { // a file in the place of a directory
		for d := filepath.Dir(strings.TrimSuffix(p, "/")); d != "/"; d = filepath.Dir(d) {
			if strings.HasPrefix(tree[d], "file") {
				delete(tree, d)
			}
		}
	}
	return tree
}

// label is the guard of what k keeps.
func label(t *testing.T, f *lock.File, k *closure.Keep, tree *image.Tree, inv *inventory.Inventory) string {
	t.Helper()
	s, err := f.Guard(k, tree, inv).Encode()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// What a lock gives is what it was made from, for whatever is kept of whatever image, and after any number of times through its text.
func TestExact(t *testing.T) {
	for seed := range uint64(150) {
		r := rand.New(rand.NewPCG(seed, 1))
		tree, inv := read(t, testimage.Image(t, v1.Config{}, random(r)))
		paths := map[string][]closure.Reason{}
		share := r.Float64()
		prefix := ""
		if r.IntN(2) == 0 {
			prefix = []string{"/app", "/usr", "/opt"}[r.IntN(3)]
		}
		for e := range tree.All() {
			if r.Float64() < share || prefix != "" && strings.HasPrefix(e.Path, prefix) && r.Float64() < 0.95 {
				paths[e.Path] = []closure.Reason{{Rule: "looked up", By: []string{"", "/usr/bin/tool", "/a b:"}[r.IntN(3)], Note: "opened in check 1: GET /"}}
			}
		}
		paths["/etc/passwd"] = nil
		k := closure.Restore(tree, inv, paths)
		for e := range tree.All() { // as Make does
			switch n := r.IntN(20); {
			case closure.IsBytecode(e.Path):
				k.SetRule(e.Path, closure.UnseenBytecode)
			case n < 4 || strings.Contains(e.Path, "/tests/"):
				k.SetRule(e.Path, []string{"tests of libraries", "a \"rule\""}[n%2])
			}
		}
		level := []closure.Level{closure.Safe, closure.Tight}[r.IntN(2)]
		f, err := lock.Of(k, tree, inv, lock.Header{Image: "x y", Level: level})
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		text := write(t, f)
		again, err := lock.Parse("lighten.lock", text)
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, text)
		}
		if b := write(t, again); !bytes.Equal(b, text) {
			t.Fatalf("seed %d: printed again it is\n%s\nnot\n%s", seed, b, text)
		}
		back, err := again.Keep("lighten.lock", tree, inv)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for e := range tree.All() {
			if back.Has(e.Path) != k.Has(e.Path) {
				t.Fatalf("seed %d: %q: kept %v, by the lock %v\n%s", seed, e.Path, k.Has(e.Path), back.Has(e.Path), text)
			}
			if !back.Has(e.Path) && !e.IsDir() && back.Rule(e.Path) != k.Rule(e.Path) {
				t.Fatalf("seed %d: %q goes by %q, by the lock by %q\n%s", seed, e.Path, k.Rule(e.Path), back.Rule(e.Path), text)
			}
			if back.Has(e.Path) && len(back.Why(e.Path)) == 0 {
				t.Fatalf("seed %d: %q has no reason", seed, e.Path)
			}
		}
		if a, b := label(t, f, k, tree, inv), label(t, again, back, tree, inv); a != b {
			t.Fatalf("seed %d: carved by the lock it has another label\n%s", seed, text)
		}
		// It takes no more lines than there are paths to tell of.
		if n := len(f.Files) + len(f.Directories); n > len(paths)+len(f.Packages) {
			t.Errorf("seed %d: %d lines for %d paths", seed, n, len(paths))
		}
	}
}

func TestParseErrors(t *testing.T) {
	const head = "version: 1\nlevel: safe\n"
	for _, c := range []struct{ text, want string }{
		{"", "no line \"version: 1\""},
		{"version: 2\n", "lighten.lock:1: version \"2\" is not known"},
		{"version: 1\n", "level \"\": want safe or tight"},
		{head + "level: safe\n", "lighten.lock:3: it is there twice"},
		{head + "colour: blue\n", "nothing is called \"colour\""},
		{head + "things:\n", "no section is called \"things\""},
		{head + "  /x\n", "outside packages"},
		{head + "files:\n  x\n", "lighten.lock:4: \"x\" is no clean absolute path"},
		{head + "files:\n  /x/../y\n", "no clean absolute path"},
		{head + "files:\n  /x\n  !/x\n", "lighten.lock:5: it is there twice"},
		{head + "files:\n  \"/x\n", "a quote is not closed"},
		{head + "files:\n  /x /y\n", "want PATH or !PATH"},
		{head + "packages:\n  deb x 1\n", "want ECOSYSTEM NAME VERSION: EXTENT"},
		{head + "packages:\n  deb x 1: most\n", "extent \"most\""},
		{head + "directories:\n  /x\n", "want DIRECTORY/**"},
		{head + "bytecode:\n  /x/:\n", "want DIRECTORY/: NAME"},
		{head + "dropped:\n  apt\n", "want ECOSYSTEM NAME"},
	} {
		_, err := lock.Parse("lighten.lock", []byte(c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: got %v, want %q", c.text, err, c.want)
		}
	}
}

// Whatever is read is written in a form that is read as the same.
func FuzzParse(f *testing.F) {
	for _, name := range []string{"safe.lock", "tight.lock"} {
		b, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte("version: 1\nlevel: tight\nfiles:\n  \"/a\\xff \"/  # r for \"/b:\": n\n  !/c\nbytecode:\n  //: \"\" x\n  /d/*\n  /e/**\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		x, err := lock.Parse("lighten.lock", b)
		if err != nil {
			return
		}
		text := write(t, x)
		y, err := lock.Parse("lighten.lock", text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if again := write(t, y); !bytes.Equal(again, text) {
			t.Errorf("got\n%q\nwant\n%q", again, text)
		}
	})
}

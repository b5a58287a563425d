package lock_test

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lighten/lighten/internal/carve"
	"github.com/lighten/lighten/internal/closure"
	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/lock"
	"github.com/lighten/lighten/internal/observe"
	"github.com/lighten/lighten/internal/testimage"
)

// carved returns what answers for a carved image by its label, read again.
func carved(t *testing.T, img v1.Image, k *closure.Keep, level closure.Level) *lock.Oracle {
	t.Helper()
	tree, inv := read(t, img)
	f, err := lock.Of(k, tree, inv, lock.Header{Level: level})
	if err != nil {
		t.Fatal(err)
	}
	label, err := f.Guard(k, tree, inv).Encode()
	if err != nil {
		t.Fatal(err)
	}
	light, err := carve.Carve(t.Context(), img, tree, carve.Options{
		Keep: func(e *image.Entry) (int, bool) { return 0, k.Has(e.Path) }, Replace: k.Rewritten, Labels: map[string]string{lock.Label: label},
	})
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := light.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	g, err := lock.ParseGuard(cfg.Config.Labels[lock.Label])
	if err != nil {
		t.Fatal(err)
	}
	return g.Oracle(read(t, light))
}

func TestWhy(t *testing.T) {
	img := shop(t)
	k, tree, inv := keep(t, closure.Safe)
	light, original := carved(t, img, k, closure.Safe), lock.OracleOf(k, tree, inv)
	for _, c := range []struct{ path, want string }{
		{"/app/main.py", "kept: directory"},
		{"app/templates/index.html", "kept: directory"},
		{"/lib/libtool.so.2", "kept as /usr/lib/libtool.so.2 of deb libtool: package"},
		{"/lib", "kept: link"},
		{"/usr", "kept: directory package"},
		{site + "flask/__pycache__/app.cpython-311.pyc", "kept of pypi Flask: bytecode package"},
		{site + "flask/__pycache__/__init__.cpython-311.pyc", "dropped, if it was there: bytecode of modules that were not imported"},
		{site + "flask/tests/test_a.py", "dropped with " + site + "flask/tests: tests of libraries"},
		{"/usr/bin/gone", "dropped of deb gone: package not needed"},
		{"/usr/share/man/man1/tool.1", "dropped, if it was there: man pages"},
		{"/opt/other/file", "dropped with /opt: never looked up"},
		{"/opt/other", "dropped with /opt: never looked up"},
		{"/etc/passwd", "kept: system"},
		{"/usr/bin/never", "absent"},
		{"/app/.git/HEAD", "dropped, if it was there: version control"},
	} {
		if got := answer(light.Why(c.path)); got != c.want {
			t.Errorf("%s: got %q, want %q", c.path, got, c.want)
		}
		a, b := light.Why(c.path), original.Why(c.path)
		if a.State != b.State || a.Rule != b.Rule {
			t.Errorf("%s: the carved image says %s, the original %s", c.path, answer(a), answer(b))
		}
	}
}

// By which name the image was asked for is not told on.
func TestGuardNamesNoImage(t *testing.T) {
	k, tree, inv := keep(t, closure.Safe)
	var labels []string
	for _, name := range []string{"docker-archive:/home/somebody/shop.tar", "registry.example/shop:1"} {
		f, err := lock.Of(k, tree, inv, lock.Header{Image: name, Level: closure.Safe})
		if err != nil {
			t.Fatal(err)
		}
		label, err := f.Guard(k, tree, inv).Encode()
		if err != nil {
			t.Fatal(err)
		}
		if f.Image != name {
			t.Errorf("the lock names %q, want %q", f.Image, name)
		}
		labels = append(labels, label)
	}
	if labels[0] != labels[1] {
		t.Error("the label is another one when the image has another name")
	}
}

func answer(a lock.Answer) string {
	s := a.State
	if a.Real != "" && a.Real != "/"+strings.TrimPrefix(a.Path, "/") {
		s += " as " + a.Real
	}
	if a.Package != "" && a.Directory == "" {
		s += " of " + a.Package
	}
	if a.Unsure && a.Directory == "" {
		s += ", if it was there"
	}
	if a.Directory != "" {
		s += " with " + a.Directory
	}
	if a.Rule != "" {
		s += ": " + a.Rule
	}
	var rules []string
	for _, x := range a.Chain {
		if !slices.Contains(rules, x.Rule) {
			rules = append(rules, x.Rule)
		}
	}
	if len(rules) > 0 {
		s += ": " + strings.Join(rules, " ")
	}
	return s
}

// Of every path of the original, the carved image knows whether it stays.
func TestWhyAll(t *testing.T) {
	ask := func(name string, img v1.Image, k *closure.Keep, level closure.Level) {
		light := carved(t, img, k, level)
		tree, _ := read(t, img)
		for e := range tree.All() {
			want := lock.Dropped
			if k.Has(e.Path) {
				want = lock.Kept
			}
			if got := light.Why(e.Path); got.State != want {
				t.Errorf("%s: %q: got %s, want %s", name, e.Path, answer(got), want)
			}
		}
	}
	for _, level := range []closure.Level{closure.Safe, closure.Tight} {
		k, _, _ := keep(t, level)
		ask(string(level), shop(t), k, level)
	}
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 2))
		img := testimage.Image(t, v1.Config{}, random(r))
		tree, inv := read(t, img)
		paths := map[string][]closure.Reason{"/etc/passwd": nil}
		for e := range tree.All() {
			if r.IntN(2) == 0 {
				paths[e.Path] = nil
			}
		}
		ask(fmt.Sprint("seed ", seed), img, closure.Restore(tree, inv, paths), closure.Safe)
	}
}

// TestWhyUnlisted holds that a carved image tells of which package a path is part whose list is not in it, and why that stays.
func TestWhyUnlisted(t *testing.T) {
	files := testimage.Tree{
		"/var/lib/dpkg/status":         "file 0644 " + status("tool 3", "other 1"),
		"/var/lib/dpkg/info/tool.list": "file 0644 /usr/bin/tool\n/usr/lib/tool/a\n/usr/lib/tool/deep/b\n/usr/lib/c\n",
		"/usr/bin/tool":                "file 0755 x", "/usr/lib/tool/a": "file 0644 x", "/usr/lib/tool/deep/b": "file 0644 x", "/usr/lib/c": "file 0644 x",
		"/var/lib/dpkg/info/other.list": "file 0644 /usr/lib/d\n/usr/lib/other/e\n", "/usr/lib/d": "file 0644 x", "/usr/lib/other/e": "file 0644 x", "/usr/lib/other/mine": "file 0644 x",
	}
	img := testimage.Image(t, v1.Config{}, files)
	tree, inv := read(t, img)
	paths := map[string][]closure.Reason{}
	for e := range tree.All() {
		if !e.IsDir() && !strings.HasSuffix(e.Path, ".list") {
			paths[e.Path] = []closure.Reason{{Rule: "looked up", Note: "opened in start"}}
		}
	}
	light := carved(t, img, closure.Restore(tree, inv, paths), closure.Tight)
	for p, pkg := range map[string]string{
		"/usr/bin/tool": "deb tool", "/usr/lib/tool/a": "deb tool", "/usr/lib/tool/deep/b": "deb tool", "/usr/lib/c": "deb tool", "/usr/lib/d": "deb other", "/usr/lib/other/e": "deb other",
	} {
		a := light.Why(p)
		if a.State != lock.Kept || a.Package != pkg || len(a.Chain) == 0 || !strings.Contains(a.Chain[0].Note, "part of "+pkg) || !strings.Contains(a.Chain[0].Note, "opened in start") {
			t.Errorf("%s: got %+v", p, a)
		}
	}
	if a := light.Why("/usr/lib/other/mine"); a.State != lock.Kept || a.Package != "" {
		t.Errorf("what no package owns: got %+v", a)
	}
}

func TestParseGuardErrors(t *testing.T) {
	for _, label := range []string{"", "3:", "2:", "2:!", "1:AAAA", "2:" + strings.Repeat("A", 1000)} {
		if _, err := lock.ParseGuard(label); err == nil || !strings.Contains(err.Error(), lock.Label) {
			t.Errorf("%.20q: got %v", label, err)
		}
	}
}

// A guard that is read is written in a form that is read as the same.
func FuzzParseGuard(f *testing.F) {
	const head = "version: 1\nlevel: safe\n\x00"
	f.Add(head + "\"man pages\" \"deb tool\"\n /usr/share/man/**\n\"never looked up\" \"\"\n /opt/: a \"b c\"\n")
	f.Add(head + "x \"\"\n //: a\n")
	f.Add(head + "x \"\"\n //: a\n\"deb tool\"\n /usr/lib/tool/**\n /usr/bin/: tool\n")
	z, err := zstd.NewWriter(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		_, _ = lock.ParseGuard(text)
		g, err := lock.ParseGuard("2:" + base64.StdEncoding.EncodeToString(z.EncodeAll([]byte(text), nil)))
		if err != nil {
			return
		}
		label, err := g.Encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := lock.ParseGuard(label)
		if err != nil {
			t.Fatal(err)
		}
		if second, err := again.Encode(); err != nil || second != label {
			t.Errorf("%v: encoded again it is another label", err)
		}
	})
}

// A link on the way to a program does not tell who wants it; the program itself does, also of the link.
func TestWhyNoLink(t *testing.T) {
	img := testimage.Image(t, v1.Config{Cmd: []string{"/bin/tool"}}, testimage.Tree{
		"/var/lib/dpkg/status": "file 0644 " + status("tool"), "/var/lib/dpkg/info/tool.list": "file 0644 /usr/bin/tool\n/usr/lib/tool/tool\n/usr/lib/tool/data\n",
		"/usr/bin/tool": "symlink ../lib/tool/tool", "/usr/lib/tool/tool": "file 0755 x", "/usr/lib/tool/data": "file 0644 x", "/bin": "symlink usr/bin",
	})
	in, inv := read(t, img)
	k, err := closure.Make(closure.Input{Tree: in, Inventory: inv})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"/usr/lib/tool/data", "/usr/bin/tool", "/bin"} {
		if c := carved(t, img, k, closure.Safe).Why(p).Chain; len(c) != 1 || !strings.Contains(c[0].Note, "named by ENTRYPOINT and CMD") {
			t.Errorf("%s: got %+v", p, c)
		}
	}
}

// TestWhyEnds holds that packages which ask for each other's modules tell where the evidence is, and not of each other.
func TestWhyEnds(t *testing.T) {
	const dir = "/usr/share/perl5/"
	tree := testimage.Tree{
		"/var/lib/dpkg/status": "file 0644 " + status("one", "two"), "/var/lib/dpkg/info/one.list": "file 0644 " + dir + "A.pm\n" + dir + "C.pm\n",
		"/var/lib/dpkg/info/two.list": "file 0644 " + dir + "B.pm\n" + dir + "D.pm\n", "/usr/bin/perl": "file 0755 x",
		dir + "A.pm": "file 0644 use B;\n", dir + "B.pm": "file 0644 use A;\n", dir + "C.pm": "file 0644 1;\n", dir + "D.pm": "file 0644 use C;\n",
	}
	img := testimage.Image(t, v1.Config{Cmd: []string{"perl"}}, tree)
	in, inv := read(t, img)
	k, err := closure.Make(closure.Input{Tree: in, Inventory: inv, Evidence: []closure.Evidence{{Record: &observe.Record{
		Phases: []string{"start"}, Paths: []observe.Path{{Name: dir + "D.pm", Ops: observe.Open}},
	}}}})
	if err != nil {
		t.Fatal(err)
	}
	light := carved(t, img, k, closure.Safe)
	for _, p := range []string{"A.pm", "B.pm", "C.pm", "D.pm"} {
		a := light.Why(dir + p)
		if len(a.Chain) == 0 || a.Chain[len(a.Chain)-1].By != "" {
			t.Errorf("%s: the chain goes round: %+v", p, a.Chain)
		}
	}
}

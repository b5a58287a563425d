package inventory_test

import (
	"archive/zip"
	"bytes"
	"compress/zlib"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/inventory"
	"github.com/lighten/lighten/internal/testimage"
)

// list prints packages as "ecosystem name version [depends] file paths", those with a File by it.
func list(inv *inventory.Inventory) []string {
	var all []string
	for _, p := range inv.Packages() {
		s := fmt.Sprintf("%s %s %s %v %d", p.Ecosystem, p.Name, p.Version, p.Depends, p.Paths)
		if p.File != "" {
			s += " in " + p.File
		}
		all = append(all, s)
	}
	return all
}

const rackSpec = `# -*- encoding: utf-8 -*-
# stub: rack 3.1.8 ruby lib

Gem::Specification.new do |s|
  s.name = "rack".freeze
  s.version = "3.1.8"
end
`

const nokogiriSpec = `# -*- encoding: utf-8 -*-
# stub: nokogiri 1.16.0 x86_64-linux lib
# stub: ext/nokogiri/extconf.rb

Gem::Specification.new do |s|
  s.name = "nokogiri".freeze
  s.version = "1.16.0"
  s.platform = "x86_64-linux".freeze
  s.add_runtime_dependency(%q<racc>.freeze, ["~> 1.4"])
  s.add_development_dependency(%q<rake>.freeze, ["~> 1.4"])
end
`

const jsonSpec = `Gem::Specification.new do |s|
  s.name = "json"
  s.version = Gem::Version.new("2.9.1")
  s.files = ["README.md", "lib/json.rb", "lib/json/ext.rb"]
end
`

func TestReadLanguages(t *testing.T) {
	for name, c := range map[string]struct {
		tree   testimage.Tree
		want   []string
		owners map[string]string // "" for nobody
	}{
		"npm": {
			testimage.Tree{
				"/app/package.json":                                             `file 0644 {"name": "shop", "version": "1.0.0"}`,
				"/app/node_modules/.package-lock.json":                          "file 0644 {}",
				"/app/node_modules/express/package.json":                        `file 0644 {"name": "express", "version": "4.18.2", "dependencies": {"ms": "2.0.0", "accepts": "1"}, "devDependencies": {"mocha": "1"}}`,
				"/app/node_modules/express/lib/app.js":                          "file 0644 x",
				"/app/node_modules/express/test/fixtures/a/package.json":        `file 0644 {"name": "fixture", "version": "0"}`,
				"/app/node_modules/express/node_modules/ms/package.json":        `file 0644 {"name": "ms", "version": "2.0.0"}`,
				"/app/node_modules/express/node_modules/ms/index.js":            "file 0644 x",
				"/app/node_modules/@types/node/package.json":                    `file 0644 {"name": "@types/node", "version": "20.1.0"}`,
				"/app/node_modules/@types/node/index.d.ts":                      "file 0644 x",
				"/app/node_modules/.bin/express":                                "symlink ../express/lib/app.js",
				"/app/node_modules/broken/package.json":                         "file 0644 {",
				"/srv/node_modules/.pnpm/ms@2.1.3/node_modules/ms/package.json": `file 0644 {"name": "ms", "version": "2.1.3"}`,
				"/a/store/v3/files/ab/0123":                                     `file 0644 {"name": "linked", "version": "1.0.0"}`,
				"/opt/node_modules/linked/package.json":                         "hardlink /a/store/v3/files/ab/0123",
				"/srv/node_modules/ms":                                          "symlink .pnpm/ms@2.1.3/node_modules/ms",
			},
			[]string{"npm @types/node 20.1.0 [] 2", "npm express 4.18.2 [accepts ms] 3", "npm linked 1.0.0 [] 1", "npm ms 2.0.0 [] 2", "npm ms 2.1.3 [] 1"},
			map[string]string{
				"/a/store/v3/files/ab/0123": "", "/opt/node_modules/linked/package.json": "linked 1.0.0",
				"/app/node_modules/express/lib/app.js": "express 4.18.2", "/app/node_modules/express/node_modules/ms/index.js": "ms 2.0.0", "/app/node_modules/.bin/express": "express 4.18.2",
				"/app/node_modules/@types/node/index.d.ts": "@types/node 20.1.0", "/srv/node_modules/ms": "ms 2.1.3", "/srv/node_modules/ms/package.json": "ms 2.1.3", "/app/package.json": "",
				"/app/node_modules/broken/package.json": "", "/app/node_modules/express/test/fixtures/a/package.json": "express 4.18.2",
			},
		},
		"gem": {
			testimage.Tree{
				"/usr/local/bundle/specifications/rack-3.1.8.gemspec":                               "file 0644 " + rackSpec,
				"/usr/local/bundle/gems/rack-3.1.8/lib/rack.rb":                                     "file 0644 x",
				"/usr/local/bundle/cache/rack-3.1.8.gem":                                            "file 0644 x",
				"/usr/local/bundle/specifications/nokogiri-1.16.0-x86_64-linux.gemspec":             "file 0644 " + nokogiriSpec,
				"/usr/local/bundle/gems/nokogiri-1.16.0-x86_64-linux/lib/nokogiri.rb":               "file 0644 x",
				"/usr/local/bundle/extensions/x86_64-linux/3.3.0/nokogiri-1.16.0-x86_64-linux/n.so": "file 0644 x",
				"/usr/local/lib/ruby/gems/3.3.0/specifications/default/json-2.9.1.gemspec":          "file 0644 " + jsonSpec,
				"/usr/local/lib/ruby/3.3.0/json.rb":                                                 "file 0644 x",
				"/usr/local/lib/ruby/3.3.0/json/ext.rb":                                             "file 0644 x",
				"/usr/local/lib/ruby/3.3.0/set.rb":                                                  "file 0644 x",
			},
			[]string{"gem json 2.9.1 [] 3", "gem nokogiri 1.16.0 [racc] 3", "gem rack 3.1.8 [] 3"},
			map[string]string{
				"/usr/local/bundle/gems/rack-3.1.8/lib/rack.rb": "rack 3.1.8", "/usr/local/bundle/cache/rack-3.1.8.gem": "rack 3.1.8", "/usr/local/lib/ruby/3.3.0/json/ext.rb": "json 2.9.1",
				"/usr/local/lib/ruby/3.3.0/set.rb": "", "/usr/local/bundle/extensions/x86_64-linux/3.3.0/nokogiri-1.16.0-x86_64-linux/n.so": "nokogiri 1.16.0",
			},
		},
		"composer": {
			testimage.Tree{
				"/app/vendor/composer/installed.json": `file 0644 {"packages": [{"name": "monolog/monolog", "version": "3.1.0", "install-path": "../monolog/monolog", "require": {"php": ">=8", "psr/log": "^3"}},
					{"name": "acme/theme", "version": "1.0.0", "install-path": "../../themes/acme"}, {"name": "acme/meta", "version": "1.0.0", "install-path": null}]}`,
				"/app/vendor/monolog/monolog/src/Logger.php": "file 0644 x",
				"/app/themes/acme/style.css":                 "file 0644 x",
				"/old/vendor/composer/installed.json":        `file 0644 [{"name": "psr/log", "version": "1.0"}]`,
				"/old/vendor/psr/log/Log.php":                "file 0644 x",
				"/app/vendor/autoload.php":                   "file 0644 x",
			},
			[]string{"composer acme/meta 1.0.0 [] 0", "composer acme/theme 1.0.0 [] 1", "composer monolog/monolog 3.1.0 [psr/log] 1", "composer psr/log 1.0 [] 1"},
			map[string]string{"/app/themes/acme/style.css": "acme/theme 1.0.0", "/app/vendor/monolog/monolog/src/Logger.php": "monolog/monolog 3.1.0", "/old/vendor/psr/log/Log.php": "psr/log 1.0", "/app/vendor/autoload.php": ""},
		},
		"conda": {
			testimage.Tree{
				"/opt/conda/conda-meta/zlib-1.3.1-hb9d3cd8_2.json":        `file 0644 {"name": "zlib", "version": "1.3.1", "subdir": "linux-64", "depends": ["__glibc >=2.17", "libzlib 1.3.1 hb9d3cd8_2"], "files": ["include/zlib.h", "lib/libz.so"]}`,
				"/opt/conda/conda-meta/flask-3-py.json":                   `file 0644 {"name": "flask", "version": "3", "depends": [], "files": ["lib/site-packages/flask/__init__.py", "lib/flask.txt"]}`,
				"/opt/conda/conda-meta/history":                           "file 0644 x",
				"/opt/conda/include/zlib.h":                               "file 0644 x",
				"/opt/conda/lib/libz.so":                                  "symlink libz.so.1",
				"/opt/conda/lib/flask.txt":                                "file 0644 x",
				"/opt/conda/lib/site-packages/flask/__init__.py":          "file 0644 x",
				"/opt/conda/lib/site-packages/flask-3.dist-info/METADATA": "file 0644 Name: Flask\nVersion: 3\n",
				"/opt/conda/lib/site-packages/flask-3.dist-info/RECORD":   "file 0644 flask/__init__.py,,\n",
			},
			[]string{"conda flask 3 [] 2", "conda zlib 1.3.1 [libzlib] 3", "pypi Flask 3 [] 3"},
			map[string]string{"/opt/conda/lib/libz.so": "zlib 1.3.1", "/opt/conda/lib/site-packages/flask/__init__.py": "Flask 3", "/opt/conda/lib/flask.txt": "flask 3", "/opt/conda/conda-meta/history": ""},
		},
		"yarn": {
			testimage.Tree{"/app/.yarn/cache/@babel-core-npm-7.1.0-0123456789-10.zip": "file 0644 " + archive(t, zip.Deflate, "node_modules/@babel/core/package.json", `{"name": "@babel/core", "version": "7.1.0"}`)},
			[]string{"npm @babel/core 7.1.0 [] 1 in /app/.yarn/cache/@babel-core-npm-7.1.0-0123456789-10.zip"},
			map[string]string{"/app/.yarn/cache/@babel-core-npm-7.1.0-0123456789-10.zip": "@babel/core 7.1.0"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			inv, _ := read(t, testimage.Image(t, v1.Config{}, c.tree))
			if got := list(inv); !slices.Equal(got, c.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
			for p, want := range c.owners {
				o, _ := inv.Owner(p)
				if got := strings.TrimSpace(o.Name + " " + o.Version); got != want {
					t.Errorf("Owner(%s) = %q, want %q", p, got, want)
				}
			}
		})
	}
}

// archive is a zip file of names and contents in turn.
func archive(t testing.TB, method uint16, files ...string) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for n := 0; n < len(files); n += 2 {
		w, err := z.CreateHeader(&zip.FileHeader{Name: files[n], Method: method})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, files[n+1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func pom(group, artifact, version string) (name, content string) {
	return "META-INF/maven/" + group + "/" + artifact + "/pom.properties", "#Generated\ngroupId=" + group + "\nartifactId=" + artifact + "\nversion=" + version + "\n"
}

func TestReadJava(t *testing.T) {
	corePom, core := pom("org.springframework", "spring-core", "6.1.0")
	webPom, web := pom("org.acme", "web", "2")
	appPom, app := pom("org.acme", "shop", "1.0")
	shadedPom, shaded := pom("com.google.guava", "guava", "33.0")
	lib := archive(t, zip.Deflate, corePom, core)
	inner := archive(t, zip.Deflate, "META-INF/MANIFEST.MF", "Manifest-Version: 1.0\r\nImplementation-Version: 9.\r\n 1\r\nImplementation-Vendor-Id: org.inner\r\n\r\nName: x\r\n", "WEB-INF/lib/spring-core-6.1.0.jar", lib)
	tree := testimage.Tree{
		"/app/shop.jar": "file 0644 " + archive(t, zip.Store, "META-INF/MANIFEST.MF", "Manifest-Version: 1.0\n", appPom, app, shadedPom, shaded,
			"BOOT-INF/lib/spring-core-6.1.0.jar", lib, "BOOT-INF/lib/plain-1.4.jar", archive(t, zip.Deflate, "a.class", "x")),
		"/app/inner.war": "file 0644 " + inner,
		"/app/web-2.jar": "file 0644 " + archive(t, zip.Deflate, webPom, web),
		"/app/bad.jar":   "file 0644 PK no zip",
	}
	inv, _ := read(t, testimage.Image(t, v1.Config{}, tree))
	want := []string{
		"maven com.google.guava:guava 33.0 [] 0 in /app/shop.jar",
		"maven org.acme:shop 1.0 [com.google.guava:guava org.springframework:spring-core plain] 1 in /app/shop.jar",
		"maven org.acme:web 2 [] 1 in /app/web-2.jar",
		"maven org.inner:inner 9.1 [org.springframework:spring-core] 1 in /app/inner.war",
		"maven org.springframework:spring-core 6.1.0 [] 0 in /app/inner.war",
		"maven org.springframework:spring-core 6.1.0 [] 0 in /app/shop.jar",
		"maven plain 1.4 [] 0 in /app/shop.jar",
	}
	if got := list(inv); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// A program of Go that this repository's tests need anyway; `go version -m` is the oracle.
func TestReadGo(t *testing.T) {
	out, err := exec.Command("go", "tool", "-n", "staticcheck").Output()
	if err != nil {
		t.Fatal(err)
	}
	program := strings.TrimSpace(string(out))
	b, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	if out, err = exec.Command("go", "version", "-m", program).Output(); err != nil {
		t.Fatal(err)
	}
	var want []string
	for line := range strings.Lines(string(out)) {
		if f := strings.Fields(line); len(f) > 2 && (f[0] == "dep" || f[0] == "mod") {
			want = append(want, f[1]+" "+strings.ReplaceAll(f[2], "(devel)", ""))
		}
	}
	for where, size := range map[string]int{"in memory": 0, "on disk": 20 << 20} { // what is larger than 16 MiB lies on disk while it is read
		t.Run(where, func(t *testing.T) {
			content := string(b) + strings.Repeat("\x00", max(0, size-len(b)))
			inv, _ := read(t, testimage.Image(t, v1.Config{}, testimage.Tree{"/app/shop": "file 0755 " + content}))
			var got []string
			for _, p := range inv.Packages() {
				if p.Name != "stdlib" {
					got = append(got, p.Name+" "+p.Version)
				}
			}
			slices.Sort(want)
			slices.Sort(got)
			if !slices.Equal(got, want) || len(got) < 5 {
				t.Errorf("got %q, want %q", got, want)
			}
			if o, _ := inv.Owner("/app/shop"); o.Name != "honnef.co/go/tools" || !slices.Contains(o.Depends, "stdlib") {
				t.Errorf("the program belongs to %+v", o)
			}
		})
	}
}

const crates = `{"packages": [{"name": "cc", "version": "1.0", "source": "crates.io", "kind": "build"}, {"name": "itoa", "version": "1.0.9", "source": "crates.io"},
	{"name": "shop", "version": "0.1.0", "source": "local", "dependencies": [0, 1, 7, -1], "root": true}]}`

func deflated(t testing.TB, s string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	if _, err := io.WriteString(z, s); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// A program with the section that `cargo auditable` makes.
func TestReadRust(t *testing.T) {
	testimage.Need(t, "objcopy")
	dir := t.TempDir()
	section, program := filepath.Join(dir, "section"), filepath.Join(dir, "program")
	if err := os.WriteFile(section, deflated(t, crates), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("objcopy", "--add-section", ".dep-v0="+section, "/bin/true", program).CombinedOutput(); err != nil {
		t.Fatalf("objcopy: %v: %s", err, out)
	}
	b, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	inv, _ := read(t, testimage.Image(t, v1.Config{}, testimage.Tree{"/app/shop": "file 0755 " + string(b)}))
	want := []string{"cargo itoa 1.0.9 [] 0 in /app/shop", "cargo shop 0.1.0 [itoa] 1 in /app/shop"}
	if got := list(inv); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A zip file of a few MB whose directory names millions of files takes no memory for them.
func TestZipDirectoryIsBounded(t *testing.T) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for n := range 300_000 {
		if _, err := z.CreateHeader(&zip.FileHeader{Name: fmt.Sprintf("META-INF/%06d.jar", n)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if n := inventory.JavaArchive(b.Bytes()); n != 0 {
		t.Errorf("%d artifacts of an archive that is too large", n)
	}
}

func TestReadInLayersAndCache(t *testing.T) {
	img := testimage.Image(t, v1.Config{}, testimage.Tree{"/app/node_modules/a/package.json": `file 0644 {"name": "a", "version": "1"}`, "/app/node_modules/b/package.json": `file 0644 {"name": "b", "version": "1"}`},
		testimage.Tree{"/app/node_modules/a/package.json": `file 0644 {"name": "a", "version": "2"}`, "/app/node_modules/.wh.b": "file 0000"})
	o := inventory.Rules()
	o.CacheDir = t.TempDir()
	for range 2 { // read, and from the cache
		tree, err := image.ReadTree(t.Context(), img, o)
		if err != nil {
			t.Fatal(err)
		}
		inv, err := inventory.Read(tree)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := list(inv), []string{"npm a 2 [] 1"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func FuzzManifests(f *testing.F) {
	for _, s := range []string{rackSpec, nokogiriSpec, jsonSpec, `{"name": "a", "version": "1", "dependencies": {"b": 1}, "files": ["x"], "depends": ["y >1"]}`, `{"packages": [{"name": "a/b", "install-path": "../a/b", "require": {"c/d": "1"}}]}`,
		`[{"name": "a/b"}]`, "groupId=a\nartifactId=b\nversion=1\n", "A: b\n c\n\nName: x\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, n := range inventory.ParseManifests(b) {
			if n == "" {
				t.Error("a package without a name")
			}
		}
	})
}

func FuzzArchive(f *testing.F) {
	name, content := pom("a", "b", "1")
	f.Add([]byte(archive(f, zip.Store, name, content, "x.jar", archive(f, zip.Deflate, "META-INF/MANIFEST.MF", "A: b\n"))))
	f.Add([]byte(archive(f, zip.Deflate, "x.jar", "y")))
	f.Fuzz(func(_ *testing.T, b []byte) { inventory.JavaArchive(b) })
}

func FuzzProgram(f *testing.F) {
	f.Add(deflated(f, crates))
	f.Add([]byte("\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 60)))
	f.Fuzz(func(_ *testing.T, b []byte) {
		inventory.RustCrates(b)
		inventory.ExamineProgram(bytes.NewReader(b), int64(len(b)))
	})
}

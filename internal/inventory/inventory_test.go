package inventory_test

import (
	"context"
	"fmt"
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

func read(t testing.TB, img v1.Image) (*inventory.Inventory, *image.Tree) {
	t.Helper()
	tree, err := image.ReadTree(context.Background(), img, inventory.Rules())
	if err != nil {
		t.Fatal(err)
	}
	inv, err := inventory.Read(tree)
	if err != nil {
		t.Fatal(err)
	}
	return inv, tree
}

const status = `Package: libc6
Status: install ok installed
Architecture: amd64
Source: glibc (2.36-9)
Version: 2.36-9+deb12u10
Depends: libgcc-s1
Description: GNU C Library
 Package: not a field
 .
 more

Package: libgcc-s1
Status: install ok installed
Architecture: amd64
Version: 12.2.0
Provides: libgcc1 (= 1:12)

Package: app
Status: install ok installed
Architecture: all
Version: 1
Depends: libc6 (>= 2.3), nothing | libgcc1,
 default-x | gone
Pre-Depends: dpkg:any (>= 1)

Package: removed
Status: deinstall ok config-files
Architecture: all
Version: 1
`

func TestRead(t *testing.T) {
	inv, _ := read(t, testimage.Image(t, v1.Config{}, testimage.Tree{
		"/lib":                     "symlink usr/lib",
		"/usr/lib/libc.so.6":       "file 0755 12345",
		"/usr/lib/libg.so.1.0":     "file 0755 123",
		"/usr/lib/libg.so.1":       "symlink libg.so.1.0",
		"/usr/bin/app":             "file 0755 app",
		"/usr/bin/sh.distrib":      "file 0755 sh",
		"/usr/bin/sh":              "file 0755 other",
		"/usr/bin/mine":            "file 0755 mine",
		"/var/lib/dpkg/status":     "file 0644 " + status,
		"/var/lib/dpkg/diversions": "file 0644 /usr/bin/sh\n/usr/bin/sh.distrib\napp\n",

		"/var/lib/dpkg/info/libc6:amd64.list":     "file 0644 /.\n/lib\n/lib/libc.so.6\n/usr/bin/sh\n/usr/bin\n",
		"/var/lib/dpkg/info/libgcc-s1:amd64.list": "file 0644 /lib/libg.so.1.0\n",
		"/var/lib/dpkg/info/app.list":             "file 0644 /usr/bin/app\n/usr/bin/sh\n/usr/share/gone\n",
		"/var/lib/dpkg/info/app.postinst":         "file 0755 #!/bin/sh\n",

		"/site-packages/Flask-2.3.3.dist-info/METADATA": "file 0644 Metadata-Version: 2.1\nName: Flask\nVersion: 2.3.3\nRequires-Dist: Werkzeug (>=2.3.7)\nRequires-Dist: python-dotenv ; extra == 'dotenv'\n\nName: description\n",
		"/site-packages/Flask-2.3.3.dist-info/RECORD":   "file 0644 flask/__init__.py,sha256=x,5\n\"flask/a,b.py\",,\n../usr/bin/flask,,\nFlask-2.3.3.dist-info/RECORD,,\n",
		"/site-packages/flask/__init__.py":              "file 0644 12345",
		"/site-packages/flask/a,b.py":                   "file 0644 1",
		"/usr/bin/flask":                                "file 0755 x",
		"/site-packages/Pillow-1.dist-info/METADATA":    "file 0644 Name: Pillow\nVersion: 1\n",
		"/site-packages/Pillow-1.dist-info/RECORD":      "file 0644 PIL/__init__.py,,\nPIL/_imaging.cpython-311-x86_64-linux-gnu.so,,\n",
		"/site-packages/PIL/__init__.py":                "file 0644",
		"/site-packages/google_a-1.dist-info/METADATA":  "file 0644 Name: google-a\nVersion: 1\n",
		"/site-packages/google_a-1.dist-info/RECORD":    "file 0644 google/a/__init__.py,,\n",
		"/site-packages/google_b-1.dist-info/METADATA":  "file 0644 Name: google-b\nVersion: 1\n",
		"/site-packages/google_b-1.dist-info/RECORD":    "file 0644 google/b/__init__.py,,\n",
		"/dist-packages/six-1.egg-info/PKG-INFO":        "file 0644 Name: six\nVersion: 1\n",
		"/dist-packages/six-1.egg-info/top_level.txt":   "file 0644 six\n",
		"/dist-packages/six.py":                         "file 0644 six",
		"/dist-packages/old-2.egg-info":                 "file 0644 Name: old\nVersion: 2\n",
		"/dist-packages/broken-2.dist-info/unrelated":   "file 0644 x",
	}))
	var got []string
	for _, p := range inv.Packages() {
		got = append(got, fmt.Sprintf("%s %s %s %s %s %v paths=%d bytes=%d", p.Ecosystem, p.Name, p.Version, p.Arch, p.Source, p.Depends, p.Paths, p.Bytes))
	}
	want := []string{
		"deb app 1 all app [default-x dpkg libc6 libgcc-s1] paths=4 bytes=" + fmt.Sprint(len("app")+len("other")+len("/usr/bin/app\n/usr/bin/sh\n/usr/share/gone\n")+len("#!/bin/sh\n")),
		"deb libc6 2.36-9+deb12u10 amd64 glibc [libgcc-s1] paths=3 bytes=" + fmt.Sprint(5+2+len("/.\n/lib\n/lib/libc.so.6\n/usr/bin/sh\n/usr/bin\n")),
		"deb libgcc-s1 12.2.0 amd64 libgcc-s1 [] paths=2 bytes=" + fmt.Sprint(3+len("/lib/libg.so.1.0\n")),
	}
	if !slices.Equal(got[:min(3, len(got))], want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	var names []string
	for _, p := range inv.Packages()[3:] {
		names = append(names, p.Ecosystem+" "+p.Name)
	}
	if want := []string{"pypi Flask", "pypi Pillow", "pypi google-a", "pypi google-b", "pypi old", "pypi six"}; !slices.Equal(names, want) {
		t.Errorf("Python: got %q, want %q", names, want)
	}
	for p, want := range map[string]string{
		"/lib/libc.so.6": "libc6", "/usr/lib/libc.so.6": "libc6", "/usr/lib/libg.so.1": "libgcc-s1", "/usr/bin/sh": "app",
		"/usr/bin/sh.distrib": "libc6", "/usr/bin/flask": "Flask", "/site-packages/flask/a,b.py": "Flask", "/usr/bin/mine": "",
		"/usr/bin": "", "/dist-packages/six.py": "six", "/gone": "", "/var/lib/dpkg/info/app.postinst": "app",
	} {
		if pkg, ok := inv.Owner(p); pkg.Name != want || ok != (want != "") {
			t.Errorf("Owner(%s) = %q, %t; want %q", p, pkg.Name, ok, want)
		}
	}
	for m, want := range map[string]string{
		"flask": "Flask", "flask.views": "Flask", "PIL._imaging": "Pillow", "google.a": "google-a", "google.b.x": "google-b", "six": "six", "os": "",
	} {
		if pkg, _ := inv.Module(m); pkg.Name != want {
			t.Errorf("Module(%s) = %q, want %q", m, pkg.Name, want)
		}
	}
}

func TestReadAPK(t *testing.T) {
	const db = "C:Q1x=\nP:musl\nV:1.2.5-r0\nA:x86_64\np:so:libc.musl-x86_64.so.1=1\no:musl\nF:lib\nR:ld-musl-x86_64.so.1\na:0:0:755\n\n" +
		"P:busybox\nV:1.36\nA:x86_64\nD:so:libc.musl-x86_64.so.1 /lib/ld-musl-x86_64.so.1 missing>=1 !conflict\np:/bin/sh cmd:ls=1\no:busybox\nF:bin\nR:busybox\n\n" +
		"P:app\nV:1\nA:noarch\nD:/bin/sh busybox>1\nF:\nR:top\n"
	for _, where := range []string{"/lib/apk/db/installed", "/usr/lib/apk/db/installed"} {
		inv, _ := read(t, testimage.Image(t, v1.Config{}, testimage.Tree{where: "file 0644 " + db, "/bin/busybox": "file 0755 12", "/lib/ld-musl-x86_64.so.1": "file 0755 1", "/top": "file 0644 1"}))
		var got []string
		for _, p := range inv.Packages() {
			got = append(got, fmt.Sprintf("%s %s %s %s %v %d %d", p.Ecosystem, p.Name, p.Version, p.Source, p.Depends, p.Paths, p.Bytes))
		}
		want := []string{"apk app 1 app [busybox] 1 1", "apk busybox 1.36 busybox [missing musl] 1 2", "apk musl 1.2.5-r0 musl [] 1 1"}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", where, got, want)
		}
	}
}

func TestReadWithoutContent(t *testing.T) {
	tree, err := image.ReadTree(context.Background(), testimage.Image(t, v1.Config{}, testimage.Tree{"/var/lib/dpkg/status": "file 0644 " + status}), image.TreeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := inventory.Read(tree); err == nil || !strings.Contains(err.Error(), "/var/lib/dpkg/status") {
		t.Errorf("got %v; want an error that names the file", err)
	}
}

func base(t testing.TB, ref string) v1.Image {
	t.Helper()
	img, err := image.Open(context.Background(), testimage.BaseRef(t, ref), image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// dpkg-query is the oracle: the same packages, and the same owner of every path it lists.
func TestLikeDpkgQuery(t *testing.T) {
	testimage.Need(t, "dpkg-query", "bases")
	img := base(t, "python:3.11-slim")
	inv, tree := read(t, img)
	admin := t.TempDir() // dpkg's database alone
	full, err := image.ReadTree(context.Background(), img, image.TreeOptions{Keep: func(p string, _ int64) bool { return strings.HasPrefix(p, "/var/lib/dpkg/") }})
	if err != nil {
		t.Fatal(err)
	}
	for e := range full.Under("/var/lib/dpkg/") {
		p := filepath.Join(admin, strings.TrimPrefix(e.Path, "/var/lib/dpkg/"))
		if e.IsDir() {
			err = os.MkdirAll(p, 0o755)
		} else if b, ok := full.Content(e.Path); ok {
			if err = os.MkdirAll(filepath.Dir(p), 0o755); err == nil {
				err = os.WriteFile(p, b, 0o644)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	query := func(args ...string) []string {
		t.Helper()
		out, err := exec.Command("dpkg-query", append([]string{"--admindir=" + admin}, args...)...).Output()
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		slices.Sort(lines)
		return lines
	}
	var got []string
	for _, p := range inv.Packages() {
		if p.Ecosystem == inventory.Deb {
			got = append(got, fmt.Sprintf("%s %s %s %s %s", p.Name, p.Version, p.Arch, p.Source, p.SourceVersion))
		}
	}
	slices.Sort(got)
	if want := query("-W", "-f", "${Package} ${Version} ${Architecture} ${source:Package} ${source:Version}\n"); !slices.Equal(got, want) {
		t.Errorf("got %d packages, dpkg-query %d:\n%q\n%q", len(got), len(want), got, want)
	}
	checked := 0
	for _, pkg := range []string{"libc6", "bash", "coreutils", "libssl3", "perl-base"} {
		for _, p := range query("-L", pkg) {
			if strings.HasPrefix(p, "diverted by") || strings.HasPrefix(p, "locally diverted") {
				continue
			}
			if e := tree.Resolve(p); e == nil || e.IsDir() {
				continue
			}
			checked++
			if owner, _ := inv.Owner(p); owner.Name != pkg {
				t.Errorf("%s: owner %q, dpkg-query says %q", p, owner.Name, pkg)
			}
		}
	}
	if checked < 200 {
		t.Errorf("only %d paths compared", checked)
	}
}

func TestBases(t *testing.T) {
	testimage.Need(t, "bases")
	for ref, want := range map[string]map[string]string{
		"python:3.11-slim":                   {"/lib/x86_64-linux-gnu/libc.so.6": "libc6", "/usr/local/lib/python3.11/site-packages/pip/__init__.py": "pip", "/usr/local/bin/python3.11": ""},
		"python:3.11-alpine":                 {"/lib/ld-musl-x86_64.so.1": "musl", "/bin/busybox": "busybox", "/usr/local/lib/python3.11/site-packages/pip/__init__.py": "pip"},
		"gcr.io/distroless/python3-debian12": {"/usr/bin/python3.11": "python3.11-minimal", "/lib/x86_64-linux-gnu/libc.so.6": "libc6"},
	} {
		img := base(t, ref)
		inv, _ := read(t, img)
		for p, name := range want {
			if owner, _ := inv.Owner(p); owner.Name != name {
				t.Errorf("%s: Owner(%s) = %q, want %q", ref, p, owner.Name, name)
			}
		}
	}
}

func FuzzParsers(f *testing.F) {
	f.Add([]byte(status))
	f.Add([]byte("P:a\nF:x\nR:y\n\n"))
	f.Add([]byte("a,b,c\n\"d\"\"e\",,\n"))
	f.Add([]byte("Name: x\nRequires-Dist: y (>1); extra=='z'\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, p := range inventory.ParseControl(b) {
			if p["Package"] == "" {
				t.Error("a paragraph without a package")
			}
			for _, a := range inventory.ParseRelations(p["Depends"]) {
				if len(a) == 0 || slices.Contains(a, "") {
					t.Errorf("an empty name in %q", p["Depends"])
				}
			}
		}
		for _, p := range inventory.ParseRecord(b, "/site") {
			if !filepath.IsAbs(p) || filepath.Clean(p) != p {
				t.Errorf("not absolute and clean: %q", p)
			}
		}
		inventory.ParseAPK(b)
		inventory.ParseMetadata(b)
		inventory.ParseDiversions(b)
	})
}

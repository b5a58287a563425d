package inventory_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lighten/lighten/internal/inventory"
	"github.com/lighten/lighten/internal/testimage"
)

// rpmData is the directory of the databases that go-rpmdb is tested with, in the module cache.
func rpmData(t testing.TB) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/anchore/go-rpmdb").Output()
	dir := filepath.Join(strings.TrimSpace(string(out)), "pkg", "testdata")
	if _, serr := os.Stat(dir); err != nil || serr != nil {
		t.Skipf("go-rpmdb's test data is not in the module cache: %v, %v", err, serr)
	}
	return dir
}

// rpm itself is the oracle: the same packages, and the same owner of every path, in each form of its database.
func TestLikeRPM(t *testing.T) {
	testimage.Need(t, "rpm")
	data := rpmData(t)
	for _, c := range []struct{ name, file, at, backend string }{
		{"centos7-plain", "Packages", "/var/lib/rpm/", "bdb_ro"},
		{"ubi8-s390x", "Packages", "/var/lib/rpm/", "bdb_ro"}, // of a big-endian machine
		{"rockylinux-9", "rpmdb.sqlite", "/var/lib/rpm/", "sqlite"},
		{"fedora35", "rpmdb.sqlite", "/usr/lib/sysimage/rpm/", "sqlite"},
	} {
		t.Run(c.name, func(t *testing.T) {
			content, err := os.ReadFile(filepath.Join(data, c.name, c.file))
			if err != nil {
				t.Fatal(err)
			}
			packages, owners := queryRPM(t, content, c.file, c.backend)
			tree := testimage.Tree{}
			for p := range owners {
				if !strings.Contains(p, "/rpm/") && len(p) > len("/lib64") { // the database's own files, and links of a merged /usr
					tree[p] = "file 0644 x"
				}
			}
			tree[c.at+c.file] = "file 0644 " + string(content)
			for _, p := range slices.Collect(maps.Keys(tree)) {
				for d := path.Dir(p); ; d = path.Dir(d) {
					if delete(tree, d); d == "/" {
						break
					}
				}
			}
			inv, _ := read(t, testimage.Image(t, v1.Config{}, tree))
			if n := inv.Notes(); len(n) > 0 {
				t.Fatal(n)
			}
			var got []string
			for _, p := range inv.Packages() {
				got = append(got, fmt.Sprintf("%s %s %s %s", p.Name, p.Version, p.Arch, p.Source))
			}
			slices.Sort(got)
			if !slices.Equal(got, packages) || len(got) < 20 {
				t.Errorf("got %d packages, rpm %d:\n%q\n%q", len(got), len(packages), got, packages)
			}
			for p := range tree {
				if strings.HasPrefix(p, c.at) {
					continue
				}
				if o, _ := inv.Owner(p); !slices.Contains(owners[p], o.Name) {
					t.Errorf("%s: owner %q, rpm says %q", p, o.Name, owners[p])
				}
			}
			if len(tree) < 1000 {
				t.Errorf("only %d paths compared", len(tree))
			}
		})
	}
}

// Debian's rpm does not read ndb: what is compared is what go-rpmdb's authors wrote down of that database.
func TestNDB(t *testing.T) {
	content, err := os.ReadFile(filepath.Join(rpmData(t), "sle15-bci", "Packages.db"))
	if err != nil {
		t.Fatal(err)
	}
	inv, _ := read(t, testimage.Image(t, v1.Config{}, testimage.Tree{
		"/usr/lib/sysimage/rpm/Packages.db": "file 0644 " + string(content), "/usr/bin/bash": "file 0755 x", "/etc/zypp/zypp.conf": "file 0644 x",
	}))
	got := map[string]string{}
	for _, p := range inv.Packages() {
		got[p.Name] = p.Version + " " + p.Arch + " " + p.Source
	}
	for name, want := range map[string]string{"bash": "4.4-19.6.1 x86_64 bash", "libgcc_s1": "11.2.1+git610-1.3.9 x86_64 gcc11", "libreadline7": "7.0-19.6.1 x86_64 bash", "file-magic": "5.32-7.14.1 noarch file"} {
		if got[name] != want {
			t.Errorf("%s: got %q, want %q", name, got[name], want)
		}
	}
	if o, _ := inv.Owner("/usr/bin/bash"); o.Name != "bash" || len(got) != 35 {
		t.Errorf("bash belongs to %q, of %d packages; want bash, of 35", o.Name, len(got))
	}
}

func queryRPM(t *testing.T, content []byte, file, backend string) (packages []string, owners map[string][]string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, file), content, 0o644); err != nil {
		t.Fatal(err)
	}
	query := func(format string) []string {
		cmd := exec.Command("rpm", "--dbpath", dir, "--define", "_db_backend "+backend, "-qa", "--qf", format)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("rpm: %v: %s", err, &stderr)
		}
		return strings.Split(strings.TrimSpace(string(out)), "\n")
	}
	for _, l := range query("%{NAME} %{EVR} %{ARCH} %{SOURCERPM}\n") {
		f := strings.Fields(l)
		if f[0] == "gpg-pubkey" {
			continue
		}
		parts := strings.Split(f[3], "-")
		f[3] = strings.Join(parts[:len(parts)-2], "-")
		packages = append(packages, strings.Join(f, " "))
	}
	owners = map[string][]string{}
	for _, l := range query("[%{=NAME} %{FILENAMES}\n]") {
		if name, p, ok := strings.Cut(l, " "); ok && path.IsAbs(p) {
			owners[p] = append(owners[p], name)
		}
	}
	slices.Sort(packages)
	return packages, owners
}

// Databases that would not end, or end the program.
func TestDamagedRPM(t *testing.T) {
	data := rpmData(t)
	bdb, err := os.ReadFile(filepath.Join(data, "libuuid", "Packages"))
	if err != nil {
		t.Fatal(err)
	}
	ndb, err := os.ReadFile(filepath.Join(data, "sle15-bci", "Packages.db"))
	if err != nil {
		t.Fatal(err)
	}
	overflow := bytes.Index(bdb, []byte{0, 7}) // any page's type is at 25; looked for below
	for n := 4096; n < len(bdb); n += 4096 {
		if bdb[n+25] == 7 {
			overflow = n
			break
		}
	}
	edit := func(b []byte, at int, v uint32) []byte {
		b = bytes.Clone(b)
		binary.LittleEndian.PutUint32(b[at:], v)
		return b
	}
	for name, c := range map[string]struct {
		file string
		b    []byte
		want string
	}{
		"empty":          {"Packages", nil, "cut off"},
		"short":          {"Packages", bdb[:100], "pages are missing"},
		"cut":            {"Packages", bdb[:len(bdb)-4096], "pages are missing"},
		"endless chain":  {"Packages", edit(bdb, overflow+16, uint32(overflow/4096)), "lead nowhere"},
		"chain outside":  {"Packages", edit(bdb, overflow+16, 1<<30), "lead nowhere"},
		"no overflow":    {"Packages", edit(bdb, overflow+24, 0), "no overflow page"},
		"page size":      {"Packages", edit(bdb, 20, 3), "pages have 3 bytes"},
		"unknown":        {"Packages", []byte(strings.Repeat("x", 1000)), "form is not known"},
		"ndb pages":      {"Packages.db", edit(ndb, 12, 2000), "pages of slots"},
		"ndb blob size":  {"Packages.db", edit(ndb, int(binary.LittleEndian.Uint32(ndb[40:]))*16+12, 1<<31), "longer than it is"},
		"ndb slot":       {"Packages.db", edit(ndb, 32, 1), "a slot is none"},
		"ndb cut":        {"Packages.db", ndb[:40000], "longer than it is"},
		"sqlite garbage": {"rpmdb.sqlite", []byte("SQLite format 3\x00" + strings.Repeat("y", 5000)), "damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			inv, _ := read(t, testimage.Image(t, v1.Config{}, testimage.Tree{"/var/lib/rpm/" + c.file: "file 0644 " + string(c.b)}))
			notes := strings.Join(inv.Notes(), "\n")
			if !strings.Contains(notes, c.want) || !strings.Contains(notes, "/var/lib/rpm/"+c.file) || len(inv.Packages()) > 0 {
				t.Errorf("got %d packages and %q; want a note with %q", len(inv.Packages()), notes, c.want)
			}
		})
	}
}

// A table that is none, and one whose pages come many times, would give rows without end.
func TestHostileSQLite(t *testing.T) {
	testimage.Need(t, "sqlite3")
	for _, schema := range []string{
		"CREATE VIEW Packages AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM n) SELECT x AS hnum, 'blob' AS blob FROM n",
		"CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, blob BLOB AS (zeroblob(1000000000))); INSERT INTO Packages (hnum) VALUES (1)",
	} {
		file := filepath.Join(t.TempDir(), "db")
		if out, err := exec.Command("sqlite3", file, schema).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		inv, _ := read(t, testimage.Image(t, v1.Config{}, testimage.Tree{"/var/lib/rpm/rpmdb.sqlite": "file 0644 " + string(b)}))
		if n := strings.Join(inv.Notes(), "\n"); !strings.Contains(n, "no plain table") {
			t.Errorf("%s: got %q", schema, n)
		}
	}
}

func FuzzRPM(f *testing.F) {
	f.Add([]byte("SQLite format 3\x00"))
	f.Add([]byte("RpmP\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00"))
	if b, err := os.ReadFile(filepath.Join(rpmData(f), "libuuid", "Packages")); err == nil {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		inventory.ReadRPM(bytes.NewReader(b), int64(len(b))) // it ends, and does not panic
	})
}

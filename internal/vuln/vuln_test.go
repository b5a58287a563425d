package vuln_test

import (
	"archive/zip"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/inventory"
	"github.com/lighten/lighten/internal/testimage"
	"github.com/lighten/lighten/internal/vuln"
)

func sign(n int) int { return max(min(n, 1), -1) }

func TestCompare(t *testing.T) {
	for _, c := range []struct{ ecosystem, older, newer string }{
		{inventory.Deb, "1.0~rc1-1", "1.0-1"}, {inventory.Deb, "2.36-9+deb12u9", "2.36-9+deb12u10"}, {inventory.Deb, "9.9", "1:1.0"},
		{inventory.APK, "1.2.4-r9", "1.2.5-r0"}, {inventory.APK, "1.0_rc1", "1.0"}, {inventory.APK, "1.0-r1", "1.0-r10"}, {inventory.APK, "3.1.4_git20240101", "3.1.5"},
		{inventory.RPM, "1.0-1.el9", "1.0-2.el9"}, {inventory.RPM, "5.1.8-6.el9", "1:1.0-1"}, {inventory.RPM, "1.0~rc1-1", "1.0-1"},
		{inventory.PyPI, "1.0rc1", "1.0"}, {inventory.PyPI, "1.0", "1.0.post1"}, {inventory.PyPI, "9.0", "1!1.0"}, {inventory.PyPI, "1.9", "1.10"},
		{inventory.NPM, "1.0.0-alpha.9", "1.0.0-alpha.10"}, {inventory.NPM, "1.0.0-rc.1", "1.0.0"}, {inventory.NPM, "2.9.0", "2.10.0"},
		{inventory.Gem, "1.0.0.pre2", "1.0.0"}, {inventory.Gem, "1.9", "1.10"}, {inventory.Composer, "v1.9.0", "1.10.0"}, {inventory.Composer, "1.0.0-beta1", "1.0.0"},
		{inventory.Go, "v1.2.3", "1.2.4"}, {inventory.Go, "v0.0.0-20230101000000-abcdefabcdef", "v0.1.0"}, {inventory.Go, "1.21.0-rc.1", "1.21.0"}, {inventory.Go, "v2.0.0+incompatible", "v2.0.1+incompatible"},
		{inventory.Cargo, "0.9.0", "0.10.0"}, {inventory.Maven, "1.0-SNAPSHOT", "1.0"}, {inventory.Maven, "1.0-alpha-1", "1.0-beta-1"}, {inventory.Maven, "2.17.0", "2.17.1"}, {inventory.Maven, "5.3.9", "5.3.10.RELEASE"},
	} {
		for _, x := range []struct {
			a, b string
			want int
		}{{c.older, c.newer, -1}, {c.newer, c.older, 1}, {c.older, c.older, 0}} {
			if got, err := vuln.Compare(c.ecosystem, x.a, x.b); err != nil || sign(got) != x.want {
				t.Errorf("%s: %s, %s: got %d, %v; want %d", c.ecosystem, x.a, x.b, got, err, x.want)
			}
		}
	}
	for _, c := range [][2]string{{inventory.PyPI, "not a version"}, {inventory.Deb, ""}, {inventory.NPM, "x.y"}, {"nosuch", "1"}} {
		if _, err := vuln.Compare(c[0], c[1], "1.0.0"); err == nil {
			t.Errorf("%s: %q is taken for a version", c[0], c[1])
		}
	}
}

// random makes versions that an ecosystem could have: numbers, and words that it gives a meaning.
func random(r *rand.Rand, seps, words []string) string {
	s := fmt.Sprint(r.IntN(3))
	for range 1 + r.IntN(3) {
		s += "." + fmt.Sprint(r.IntN(12))
	}
	if len(words) > 0 && r.IntN(2) == 0 {
		s += seps[r.IntN(len(seps))] + words[r.IntN(len(words))] + fmt.Sprint(r.IntN(11))
	}
	return s
}

// The package managers themselves are the oracle.
func TestLikePackageManagers(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const pairs = 150
	for _, c := range []struct {
		ecosystem   string
		need        string
		seps, words []string
		ask         func(t *testing.T, pairs [][2]string) []int
	}{
		{inventory.Deb, "dpkg", []string{"-", "~", "+", "-1~"}, []string{"rc", "deb12u", "", "b"}, func(t *testing.T, pairs [][2]string) (out []int) {
			for _, p := range pairs {
				switch {
				case exec.Command("dpkg", "--compare-versions", p[0], "lt", p[1]).Run() == nil:
					out = append(out, -1)
				case exec.Command("dpkg", "--compare-versions", p[0], "gt", p[1]).Run() == nil:
					out = append(out, 1)
				default:
					out = append(out, 0)
				}
			}
			return out
		}},
		{inventory.APK, "root", []string{"", "", "a", "b"}, []string{"_rc", "_alpha", "_p", "_git", "-r", "_rc1-r", "_p2_beta", "_p_p"}, func(t *testing.T, pairs [][2]string) (out []int) {
			pairs[0], pairs[1], pairs[2], pairs[3] = [2]string{"1.0_rc1", "1.0"}, [2]string{"1.00", "1.0"}, [2]string{"1.01", "1.1"}, [2]string{"1.0.05", "1.0.5"}
			pairs[4], pairs[5], pairs[6], pairs[7] = [2]string{"1.0", "1.00.1"}, [2]string{"1.0a", "1.0.1"}, [2]string{"1.0-r0", "1.0"}, [2]string{"1.0_p1", "1.0-r1"}
			root := unpack(t, "alpine:3.20")
			for _, p := range pairs {
				b, err := exec.Command("chroot", root, "/sbin/apk", "version", "-t", p[0], p[1]).Output()
				if err != nil {
					t.Fatal(err)
				}
				n, ok := map[string]int{"<": -1, "=": 0, ">": 1}[strings.TrimSpace(string(b))]
				if !ok {
					t.Fatalf("apk says %q of %s, %s", b, p[0], p[1])
				}
				out = append(out, n)
			}
			return out
		}},
		{inventory.RPM, "rpm", []string{"-", "~", "-1.", "^"}, []string{"rc", "el", "", "git"}, func(t *testing.T, pairs [][2]string) []int {
			script := ""
			for _, p := range pairs {
				script += fmt.Sprintf(`print(rpm.vercmp("%s","%s").."\n")`, p[0], p[1])
			}
			return numbers(t, exec.Command("rpm", "--eval", "%{lua:"+script+"}"))
		}},
		{inventory.Gem, "ruby", []string{".", "-"}, []string{"pre", "rc", "beta"}, func(t *testing.T, pairs [][2]string) []int {
			script := ""
			for _, p := range pairs {
				script += fmt.Sprintf("puts Gem::Version.new('%s') <=> Gem::Version.new('%s')\n", p[0], p[1])
			}
			return numbers(t, exec.Command("ruby", "-e", script))
		}},
		{inventory.PyPI, "python3", []string{"", ".", "-"}, []string{"a", "rc", "post", "dev"}, func(t *testing.T, pairs [][2]string) []int {
			script := "try:\n from packaging.version import Version as V\nexcept ImportError:\n from pip._vendor.packaging.version import Version as V\n"
			for _, p := range pairs {
				script += fmt.Sprintf("a,b=V('%s'),V('%s'); print((a>b)-(a<b))\n", p[0], p[1])
			}
			return numbers(t, exec.Command("python3", "-c", script))
		}},
	} {
		t.Run(c.ecosystem, func(t *testing.T) {
			testimage.Need(t, c.need)
			var all [][2]string
			for range pairs {
				all = append(all, [2]string{random(r, c.seps, c.words), random(r, c.seps, c.words)})
			}
			want := c.ask(t, all)
			for n, p := range all {
				if got, err := vuln.Compare(c.ecosystem, p[0], p[1]); err != nil || sign(got) != want[n] {
					t.Errorf("%s, %s: got %d, %v; want %d", p[0], p[1], got, err, want[n])
				}
			}
		})
	}
}

// unpack extracts a base image to a directory.
func unpack(t *testing.T, ref string) string {
	t.Helper()
	img, err := image.Open(t.Context(), testimage.BaseRef(t, ref), image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cmd := exec.Command("tar", "-x", "-C", dir)
	cmd.Stdin = mutate.Extract(img)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("tar: %v: %s", err, out)
	}
	return dir
}

func numbers(t *testing.T, cmd *exec.Cmd) (out []int) {
	t.Helper()
	b, err := cmd.Output()
	if err != nil {
		t.Skipf("%s does not answer: %v", cmd.Path, err)
	}
	for _, f := range strings.Fields(string(b)) {
		n := 0
		if _, err := fmt.Sscan(f, &n); err != nil {
			t.Fatal(err)
		}
		out = append(out, n)
	}
	return out
}

// export is an OSV export as a test value: names of files and what they say.
var export = map[string]string{
	"DSA-1.json":      `{"id": "DSA-1-1", "upstream": ["CVE-1", "CVE-2"], "affected": [{"package": {"ecosystem": "Debian:12", "name": "glibc"}, "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.36-9+deb12u9"}]}]}]}`,
	"CVE-3.json":      `{"id": "DEBIAN-CVE-3", "upstream": ["CVE-3"], "affected": [{"package": {"ecosystem": "Debian:12", "name": "util-linux"}, "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.38.1-6"}]}]}]}`,
	"a/ALPINE.json":   `{"id": "ALPINE-CVE-4", "upstream": ["CVE-4"], "affected": [{"package": {"ecosystem": "Alpine:v3.20", "name": "openssl"}, "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "3.3.2-r0"}]}]}]}`,
	"a/UBUNTU.json":   `{"id": "UBUNTU-CVE-5", "upstream": ["CVE-5"], "severity": [{"type": "Ubuntu", "score": "high"}], "affected": [{"package": {"ecosystem": "Ubuntu:22.04:LTS", "name": "bash"}, "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}]}, {"package": {"ecosystem": "Ubuntu:Pro:22.04:LTS", "name": "dash"}, "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}]}]}`,
	"a/RLSA.json":     `{"id": "RLSA-6", "aliases": ["CVE-6"], "affected": [{"package": {"ecosystem": "Rocky Linux:9", "name": "bash-src"}, "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "0:5.1.8-7.el9"}]}]}]}`,
	"GHSA-flask.json": `{"id": "GHSA-f", "aliases": ["CVE-7", "PYSEC-7"], "database_specific": {"severity": "HIGH"}, "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N"}], "affected": [{"package": {"ecosystem": "PyPI", "name": "flask-login"}, "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "0.6.3"}, {"introduced": "1.0"}, {"last_affected": "1.2"}]}, {"type": "GIT", "repo": "x", "events": [{"introduced": "0"}]}]}]}`,
	"PYSEC-7.json":    `{"id": "PYSEC-7", "aliases": ["CVE-7", "GHSA-f"], "affected": [{"package": {"ecosystem": "PyPI", "name": "Flask_Login"}, "versions": ["0.6.2"]}]}`,
	"GO-8.json":       `{"id": "GO-8", "aliases": ["CVE-8"], "affected": [{"package": {"ecosystem": "Go", "name": "stdlib"}, "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": "1.21.9"}, {"introduced": "1.22.0-0"}, {"fixed": "1.22.2"}]}]}]}`,
	"GHSA-9.json":     `{"id": "GHSA-9", "withdrawn": "2024-01-01T00:00:00Z", "affected": [{"package": {"ecosystem": "PyPI", "name": "flask-login"}, "versions": ["0.6.2"]}]}`,
	"MAVEN.json":      `{"id": "GHSA-10", "aliases": ["CVE-10"], "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N"}], "affected": [{"package": {"ecosystem": "Maven", "name": "org.apache:log4j"}, "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "2.0-beta9"}, {"fixed": "2.15.0"}]}]}]}`,
	"notes.txt":       "not JSON",
}

func deb(name, version, source, sourceVersion string) inventory.Package {
	return inventory.Package{Ecosystem: inventory.Deb, Name: name, Version: version, Source: source, SourceVersion: sourceVersion}
}

func lang(ecosystem, name, version string) inventory.Package {
	return inventory.Package{Ecosystem: ecosystem, Name: name, Version: version, Source: name, SourceVersion: version}
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	archive := filepath.Join(t.TempDir(), "all.zip")
	f, err := os.Create(archive)
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(f)
	for name, content := range export {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	images := []vuln.Packages{
		{inventory.Distro{ID: "debian", Version: "12"}, []inventory.Package{
			deb("libc6", "2.36-9+deb12u8", "glibc", "2.36-9+deb12u8"), deb("libc-bin", "2.36-9+deb12u9", "glibc", "2.36-9+deb12u9"),
			deb("bsdutils", "1:2.38.1-5", "util-linux", "2.38.1-5"), // its epoch would hide it
			lang(inventory.PyPI, "Flask-Login", "0.6.2"), lang(inventory.PyPI, "flask.login", "1.2"), lang(inventory.PyPI, "flask-login", "0.7"),
			lang(inventory.Go, "stdlib", "1.22.1"), lang(inventory.Go, "stdlib", "1.21.9"), lang(inventory.Maven, "org.apache:log4j", "2.14.1"), lang(inventory.Conda, "flask-login", "0.6.2"),
		}},
		{inventory.Distro{ID: "debian", Version: "11"}, []inventory.Package{deb("libc6", "2.31", "glibc", "2.31")}},
		{inventory.Distro{ID: "alpine", Version: "3.20.3"}, []inventory.Package{{Ecosystem: inventory.APK, Name: "libssl3", Version: "3.3.1-r3", Source: "openssl", SourceVersion: "3.3.1-r3"}}},
		{inventory.Distro{ID: "ubuntu", Version: "22.04"}, []inventory.Package{deb("bash", "5.1", "bash", "5.1"), deb("dash", "0.5", "dash", "0.5")}},
		{inventory.Distro{ID: "rocky", Version: "9.3"}, []inventory.Package{{Ecosystem: inventory.RPM, Name: "bash", Version: "5.1.8-6.el9", Source: "bash-src"}}},
		{inventory.Distro{}, []inventory.Package{deb("libc6", "2.36", "glibc", "2.36")}},
	}
	want := [][]string{
		{"CVE-10 in org.apache:log4j 2.14.1, fixed in 2.15.0 CVSS:3.1/AV:N", "CVE-3 in bsdutils 1:2.38.1-5, fixed in 2.38.1-6 ", "CVE-7 in Flask-Login 0.6.2, fixed in 0.6.3 HIGH", "CVE-7 in flask.login 1.2 HIGH",
			"CVE-8 in stdlib 1.22.1, fixed in 1.22.2 ", "DSA-1-1 in libc6 2.36-9+deb12u8, fixed in 2.36-9+deb12u9 "},
		{}, {"CVE-4 in libssl3 3.3.1-r3, fixed in 3.3.2-r0 "}, {"CVE-5 in bash 5.1 high"}, {"CVE-6 in bash 5.1.8-6.el9, fixed in 0:5.1.8-7.el9 "}, {},
	}
	for _, name := range []string{dir, archive} {
		found, err := vuln.Find(t.Context(), name, images)
		if err != nil {
			t.Fatal(err)
		}
		for n := range want {
			got := []string{}
			for _, v := range found[n] {
				got = append(got, v.String()+" "+v.Severity)
			}
			if !slices.Equal(got, want[n]) {
				t.Errorf("%s, image %d: got\n%s\nwant\n%s", filepath.Base(name), n, strings.Join(got, "\n"), strings.Join(want[n], "\n"))
			}
		}
	}
}

func TestFindFaults(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "bad.json"), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{dir: "bad.json: unexpected end", filepath.Join(dir, "bad.json"): "neither a directory nor a zip file", filepath.Join(dir, "nosuch"): "no such file"} {
		if _, err := vuln.Find(t.Context(), name, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", name, err, want)
		}
	}
}

func FuzzMatch(f *testing.F) {
	for _, s := range export {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		all, err := vuln.Match(b, inventory.Distro{ID: "debian", Version: "12"}, []inventory.Package{deb("libc6", "2.36", "glibc", "2.36"), lang(inventory.PyPI, "flask-login", "0.6.2"), lang(inventory.Maven, "org.apache:log4j", "2.14.1"),
			lang(inventory.Go, "stdlib", "1.21"), lang(inventory.NPM, "a", "1.0.0"), lang(inventory.Gem, "a", "1.0"), lang(inventory.Composer, "a/b", "1.0"), lang(inventory.Cargo, "a", "1.0.0")})
		for _, v := range all {
			if err != nil || v.ID == "" || v.Package == "" {
				t.Errorf("got %+v, %v", v, err)
			}
		}
	})
}

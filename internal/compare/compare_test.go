package compare_test

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/lighten/lighten/internal/compare"
	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/inventory"
	"github.com/lighten/lighten/internal/testimage"
	"github.com/lighten/lighten/internal/vuln"
)

func read(t testing.TB, name string, img v1.Image) (compare.Image, compare.Side) {
	t.Helper()
	tree, err := image.ReadTree(t.Context(), img, compare.Rules())
	if err != nil {
		t.Fatal(err)
	}
	inv, err := inventory.Read(tree)
	if err != nil {
		t.Fatal(err)
	}
	x, err := compare.Of(name, img, tree, inv)
	if err != nil {
		t.Fatal(err)
	}
	return x, compare.Side{Tree: tree, Inventory: inv}
}

// randomTree makes a tree of every type of file; other trees of the same seed agree with it in most paths.
func randomTree(r *rand.Rand) testimage.Tree {
	tree := testimage.Tree{}
	dirs := []string{"/"}
	for n := range 60 {
		dir := dirs[r.IntN(len(dirs))]
		p := path.Join(dir, fmt.Sprintf("%c%d", 'a'+r.IntN(4), n%12))
		if _, ok := tree[p+"/"]; ok || tree[p] != "" {
			continue
		}
		owner := ""
		if r.IntN(4) == 0 {
			owner = fmt.Sprintf("@%d:%d ", r.IntN(3), r.IntN(3))
		}
		switch r.IntN(9) {
		case 0, 1:
			tree[p+"/"] = fmt.Sprintf("dir %04o %s", 0o700+r.IntN(0o100), owner)
			dirs = append(dirs, p)
		case 2:
			tree[p] = fmt.Sprintf("symlink t%d", r.IntN(2)) // one that leads out of the image is not extracted
		case 3:
			tree[p] = "fifo 0644"
		case 4:
			tree[p] = fmt.Sprintf("noise %04o %s%d", 0o600+r.IntN(0o200), owner, 1+r.IntN(2)*50000)
		default:
			tree[p] = fmt.Sprintf("file %04o %s%s", []int{0o644, 0o755, 0o4755, 0o1755}[r.IntN(4)], owner, strings.Repeat("x", r.IntN(3)))
		}
		tree[p] = strings.TrimRight(tree[p], " ")
		if tree[p] == "" {
			delete(tree, p)
			tree[p+"/"] = strings.TrimRight(tree[p+"/"], " ")
		}
	}
	return tree
}

// mutated is a tree with some paths gone, changed or new.
func mutated(r *rand.Rand, tree testimage.Tree) testimage.Tree {
	out := testimage.Tree{}
	for _, p := range slices.Sorted(maps.Keys(tree)) {
		s := tree[p]
		switch {
		case strings.HasSuffix(p, "/") || r.IntN(3) > 0:
			out[p] = s
		case r.IntN(2) == 0:
			out[p] = "file 0640 @1:1 " + strings.Repeat("y", r.IntN(3))
		}
	}
	more := randomTree(r)
	for _, p := range slices.Sorted(maps.Keys(more)) {
		s := more[p]
		if out[p] == "" && out[p+"/"] == "" && out[strings.TrimSuffix(p, "/")] == "" && r.IntN(2) == 0 {
			fits := true
			for d := path.Dir(strings.TrimSuffix(p, "/")); d != "/"; d = path.Dir(d) {
				fits = fits && out[d+"/"] != ""
			}
			if fits {
				out[p] = s
			}
		}
	}
	return out
}

// extract unpacks an image, or some of its directories, by go-containerregistry and tar.
func extract(t *testing.T, img v1.Image, dirs ...string) string {
	t.Helper()
	dir := t.TempDir()
	rc := mutate.Extract(img)
	defer rc.Close()
	cmd := exec.Command("tar", append([]string{"-x", "-p", "--same-owner", "-C", dir}, dirs...)...)
	cmd.Stdin = rc
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("tar: %v: %s", err, out)
	}
	return dir
}

// attributes are type, mode and owner of every path below dir, by find(1).
func attributes(t *testing.T, dir string) map[string][3]string {
	t.Helper()
	out, err := exec.Command("find", dir, "-mindepth", "1", "-printf", "/%P\t%y\t%m\t%U:%G\n").Output()
	if err != nil {
		t.Fatal(err)
	}
	m := map[string][3]string{}
	for line := range strings.Lines(string(out)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		m[f[0]] = [3]string{f[1], f[2], f[3]}
	}
	return m
}

// oracle says how two extracted trees differ: `diff -r` of the contents, find of the rest.
func oracle(t *testing.T, a, b string) []string {
	t.Helper()
	x, y := attributes(t, a), attributes(t, b)
	content := map[string]bool{}
	out, _ := exec.Command("diff", "-rq", "--no-dereference", a, b).CombinedOutput() // it fails when they differ
	for line := range strings.Lines(string(out)) {
		if rest, ok := strings.CutPrefix(line, "Files "+a); ok && strings.HasSuffix(line, " differ\n") {
			p, _, _ := strings.Cut(rest, " and ")
			content[p] = true
		}
		if rest, ok := strings.CutPrefix(line, "Symbolic links "+a); ok {
			p, _, _ := strings.Cut(rest, " and ")
			content[p] = true
		}
	}
	var all []string
	for p, v := range x {
		w, ok := y[p]
		switch {
		case !ok:
			all = append(all, "removed "+p)
			continue
		case v[0] != w[0]:
			all = append(all, "changed "+p+" type")
			continue
		}
		var fields []string
		if content[p] {
			fields = append(fields, map[bool]string{true: "target", false: "content"}[v[0] == "l"])
		}
		if v[1] != w[1] && v[0] != "l" {
			fields = append(fields, "mode")
		}
		if v[2] != w[2] {
			fields = append(fields, "owner")
		}
		if len(fields) > 0 {
			all = append(all, "changed "+p+" "+strings.Join(fields, " "))
		}
	}
	for p := range y {
		if _, ok := x[p]; !ok {
			all = append(all, "added "+p)
		}
	}
	slices.Sort(all)
	return all
}

func TestFilesLikeDiff(t *testing.T) {
	testimage.Need(t, "root", "diff", "tar", "find")
	differences := 0
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 1))
		tree := randomTree(r)
		one, two := testimage.Image(t, v1.Config{}, tree), testimage.Image(t, v1.Config{}, mutated(r, tree))
		_, a := read(t, "a", one)
		_, b := read(t, "b", two)
		f := compare.FilesOf(a, b)
		var got []string
		sum := 0
		for _, x := range f.List {
			got = append(got, strings.TrimSpace(string(x.What)+" "+x.Path+" "+strings.Join(x.Fields, " ")))
			sum++
		}
		slices.Sort(got)
		want := oracle(t, extract(t, one), extract(t, two))
		if !slices.Equal(got, want) {
			t.Errorf("seed %d: got\n%s\nwant\n%s", seed, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if n := f.Added.Paths + f.Removed.Paths + f.Content.Paths + f.Mode.Paths + f.Owner.Paths + f.Caps.Paths; n != sum {
			t.Errorf("seed %d: %d paths in the sums, %d in the list", seed, n, sum)
		}
		differences += len(want)
	}
	if differences < 400 {
		t.Errorf("only %d differences compared", differences)
	}
}

// What `dpkg -l` says of both is the oracle of packages.
func TestPackagesLikeDpkg(t *testing.T) {
	testimage.Need(t, "root", "dpkg", "base:python:3.11-slim", "base:debian:bookworm-slim")
	var images []compare.Image
	var lists []map[string]string
	for _, ref := range []string{"debian:bookworm-slim", "python:3.11-slim"} {
		img, err := image.Open(t.Context(), testimage.BaseRef(t, ref), image.Options{})
		if err != nil {
			t.Fatal(err)
		}
		x, _ := read(t, ref, img)
		images = append(images, x)
		out, err := exec.Command("dpkg-query", "--admindir="+filepath.Join(extract(t, img, "var/lib/dpkg"), "var/lib/dpkg"), "-W", "-f", "${Package} ${Version}\n").Output()
		if err != nil {
			t.Fatal(err)
		}
		m := map[string]string{}
		for line := range strings.Lines(string(out)) {
			f := strings.Fields(line)
			m[f[0]] = f[1]
		}
		lists = append(lists, m)
	}
	var got, want []string
	for _, c := range compare.Between(images, 0, 1).Packages {
		if c.Ecosystem == inventory.Deb {
			got = append(got, fmt.Sprintf("%s %v %v", c.Name, c.Before, c.After))
		}
	}
	for p, v := range lists[0] {
		if w, ok := lists[1][p]; !ok {
			want = append(want, fmt.Sprintf("%s [%s] []", p, v))
		} else if v != w {
			want = append(want, fmt.Sprintf("%s [%s] [%s]", p, v, w))
		}
	}
	for p, v := range lists[1] {
		if _, ok := lists[0][p]; !ok {
			want = append(want, fmt.Sprintf("%s [] [%s]", p, v))
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) || len(want) < 10 {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestShare(t *testing.T) {
	one, two, three := testimage.Tree{"/a": "noise 0644 10000"}, testimage.Tree{"/b": "noise 0644 20000"}, testimage.Tree{"/c": "noise 0644 40000"}
	img := func(layers ...testimage.Tree) v1.Image { return testimage.Image(t, v1.Config{}, layers...) }
	a, b, c := img(one, two), img(one, three), img(three)
	var images []compare.Image
	for n, x := range []v1.Image{a, b, c} {
		i, _ := read(t, fmt.Sprint(n), x)
		images = append(images, i)
	}
	all, err := compare.Share(images, []v1.Image{img(one)})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, i := range images {
		pulled := int64(0)
		for _, l := range i.Layers {
			pulled += l.PullBytes
		}
		meta := i.PullBytes - pulled
		held := images[0].Layers[0].PullBytes
		if i.Layers[0].DiffID != images[0].Layers[0].DiffID {
			held = 0
		}
		if i.NewPullBytes != i.PullBytes-held || meta <= 0 {
			t.Errorf("%s: new to pull %d of %d", i.Name, i.NewPullBytes, i.PullBytes)
		}
		shared := []string{}
		for _, l := range i.Layers {
			shared = append(shared, fmt.Sprint(l.SharedBy))
		}
		got = append(got, fmt.Sprintf("%d %d %s", i.DiskBytes, i.UniqueDiskBytes, strings.Join(shared, " ")))
	}
	if want := []string{"30000 20000 [2] []", "50000 0 [1] [3]", "40000 0 [2]"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if all.DiskBytes != 70000 || all.SharedBytes != 50000 || all.Layers != 3 {
		t.Errorf("together: %+v", all)
	}
	sum := int64(0)
	for _, i := range images {
		sum += i.PullBytes
	}
	if want := sum - images[0].Layers[0].PullBytes - images[2].Layers[0].PullBytes; all.PullBytes != want {
		t.Errorf("together %d to pull, want %d", all.PullBytes, want)
	}
}

func TestBetween(t *testing.T) {
	config := func(edit func(*v1.Config)) v1.Config {
		c := v1.Config{Env: []string{"A=1", "B=2", "DB_PASSWORD=x"}, Cmd: []string{"run", "a b"}, Labels: map[string]string{"l": "1"}, Volumes: map[string]struct{}{"/data": {}}, ExposedPorts: map[string]struct{}{"80/tcp": {}}}
		edit(&c)
		return c
	}
	ping := testimage.Entry{Header: tar.Header{Typeflag: tar.TypeReg, Name: "bin/ping", Mode: 0o755, Format: tar.FormatPAX,
		PAXRecords: map[string]string{"SCHILY.xattr.security.capability": "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"}}}
	a := testimage.Image(t, config(func(*v1.Config) {}), testimage.Tree{"/bin/su": "file 4755 x", "/bin/sh": "file 0755 x"})
	b := testimage.ImageOf(t, config(func(c *v1.Config) {
		c.Env, c.Cmd, c.User, c.Volumes, c.StopSignal = []string{"A=1", "B=3", "C=4", "DB_PASSWORD=y"}, []string{"run"}, "1000:0", nil, "SIGINT"
		c.Healthcheck = &v1.HealthConfig{Test: []string{"CMD", "ok"}, Interval: 5e9}
	}), testimage.RawLayer(t, ping))
	x, sx := read(t, "a", a)
	y, sy := read(t, "b", b)
	x.Vulnerabilities = []vuln.Vulnerability{{ID: "CVE-1", Package: "p", Version: "1"}, {ID: "CVE-2", Package: "p", Version: "1"}}
	y.Vulnerabilities = []vuln.Vulnerability{{ID: "CVE-2", Package: "p", Version: "2"}, {ID: "CVE-3", Package: "p", Version: "2"}}
	p := compare.Between([]compare.Image{x, y}, 0, 1)
	var got []string
	for _, c := range append(p.Config, p.Surface...) {
		got = append(got, fmt.Sprintf("%s: %s → %s", c.Key, c.Before, c.After))
	}
	want := []string{
		`cmd: ["run","a b"] → ["run"]`, "env B: 2 → 3", "env C:  → 4", "env DB_PASSWORD: (hidden) → (hidden)", `healthcheck:  → ["CMD","ok"] interval=5s`, "stopsignal:  → SIGINT", "user:  → 1000:0", "volume /data: declared → ",
		"capabilities /bin/ping cap_net_raw:  → yes", "setuid /bin/su: yes → ", "shell: /bin/sh → none", "user: root → 1000:0",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if v := p.Vulnerabilities; len(v.Added) != 1 || v.Added[0].ID != "CVE-3" || len(v.Removed) != 1 || v.Removed[0].ID != "CVE-1" {
		t.Errorf("vulnerabilities: %+v", v)
	}
	b1, err := json.Marshal(y)
	if err != nil || bytes.Contains(b1, []byte(`"y"`)) {
		t.Errorf("%v; the password is in %s", err, b1)
	}
	if y.Surface.Root || !x.Surface.Root {
		t.Errorf("root: %t, %t", x.Surface.Root, y.Surface.Root)
	}
	if f := compare.FilesOf(sx, sy); f.Removed.Paths != 2 || f.Added.Paths != 1 {
		t.Errorf("files: %+v", f)
	}
}

func TestPackageChanges(t *testing.T) {
	p := func(ecosystem, name, version string, bytes int64) compare.Package {
		return compare.Package{Ecosystem: ecosystem, Name: name, Version: version, Bytes: bytes}
	}
	a := compare.Image{Packages: []compare.Package{p("deb", "gone", "1", 5), p("deb", "down", "2", 1), p("deb", "up", "1.9", 10), p("npm", "ms", "2.0.0", 1), p("npm", "ms", "2.1.0", 1), p("pypi", "odd", "x!", 1), p("pypi", "same", "1", 1)}}
	b := compare.Image{Packages: []compare.Package{p("deb", "down", "1", 1), p("deb", "new", "1", 7), p("deb", "up", "1.10", 30), p("npm", "ms", "2.1.0", 1), p("pypi", "odd", "y!", 1), p("pypi", "same", "1", 1)}}
	var got []string
	for _, c := range compare.Between([]compare.Image{a, b}, 0, 1).Packages {
		got = append(got, fmt.Sprintf("%s %s %v %v %d %s", c.Ecosystem, c.Name, c.Before, c.After, c.Bytes, c.What))
	}
	want := []string{"deb down [2] [1] 0 downgraded", "deb gone [1] [] -5 removed", "deb new [] [1] 7 added", "deb up [1.9] [1.10] 20 upgraded", "npm ms [2.0.0 2.1.0] [2.1.0] -1 changed", "pypi odd [x!] [y!] 0 changed"}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestGrowth(t *testing.T) {
	before, after := &compare.Image{PullBytes: 1000, Files: 10}, &compare.Image{PullBytes: 1100, Files: 12}
	for s, over := range map[string]bool{"pull=100B": false, "pull=99B": true, "pull=10%": false, "pull=9.9%": true, "files=2": false, "files=1": true, "disk=0": false, "setuid=0": false} {
		g, err := compare.ParseGrowth(s)
		if err != nil {
			t.Errorf("%s: %v", s, err)
			continue
		}
		if j := g.Judge(before, after); j.Over != over {
			t.Errorf("%s: %+v; want over %t", s, j, over)
		}
	}
	for _, s := range []string{"", "pull", "pull=", "pull=x", "speed=1", "files=1.5", "files=-1", "pull=-1%", "pull=NaN%", "pull=Inf%", "packages=1MB"} {
		if g, err := compare.ParseGrowth(s); err == nil {
			t.Errorf("%q is taken for %+v", s, g)
		}
	}
}

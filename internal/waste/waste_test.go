package waste_test

import (
	"archive/tar"
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/inventory"
	"github.com/lighten/lighten/internal/testimage"
	"github.com/lighten/lighten/internal/waste"
)

// What is hidden, by kind and in which place: each is a case that another explorer of layers gets wrong (FACTS of issues
// with dive: 10.5 MB of removed, opaque and replaced directories shown as 0; copies that are kept called waste).
func TestHidden(t *testing.T) {
	tests := []struct {
		name   string
		layers []testimage.Tree
		want   map[waste.Kind]int64
		seen   int64
	}{
		{"nothing", []testimage.Tree{{"/a": "zeros 0644 100"}}, nil, 100},
		{"overwritten: only the first copy is waste", []testimage.Tree{{"/a": "zeros 0644 100"}, {"/a": "zeros 0644 90"}}, map[waste.Kind]int64{waste.Overwritten: 100}, 90},
		{"chmod", []testimage.Tree{{"/a": "zeros 0644 100"}, {"/a": "zeros 0755 100"}}, map[waste.Kind]int64{waste.Copied: 100}, 100},
		{"chown, twice", []testimage.Tree{{"/a": "zeros 0644 100"}, {"/a": "zeros 0644 @5:5"}, {"/a": "zeros 0644 100"}}, nil, 100},
		{"a file removed", []testimage.Tree{{"/a": "zeros 0644 100", "/b": "zeros 0644 1"}, {"/.wh.a": "file 0000"}}, map[waste.Kind]int64{waste.Removed: 100}, 1},
		{"a directory removed", []testimage.Tree{{"/d/e/a": "zeros 0644 100", "/d/b": "zeros 0644 11"}, {"/.wh.d": "file 0000"}}, map[waste.Kind]int64{waste.DirRemoved: 111}, 0},
		{"opaque", []testimage.Tree{{"/d/e/a": "zeros 0644 100"}, {"/d/": "dir 0755", "/d/.wh..wh..opq": "file 0000", "/d/n": "zeros 0644 3"}}, map[waste.Kind]int64{waste.Opaque: 100}, 3},
		{"a directory replaced by a file", []testimage.Tree{{"/d/a": "zeros 0644 100"}, {"/d": "zeros 0644 3"}}, map[waste.Kind]int64{waste.Replaced: 100}, 3},
		{"a file replaced by a directory", []testimage.Tree{{"/d": "zeros 0644 100"}, {"/d/a": "zeros 0644 3"}}, map[waste.Kind]int64{waste.Replaced: 100}, 3},
		{"a directory replaced by a link", []testimage.Tree{{"/d/a": "zeros 0644 100"}, {"/d": "symlink /e"}}, map[waste.Kind]int64{waste.Replaced: 100}, 2},
		{"a name of two removed", []testimage.Tree{{"/a": "zeros 0644 100", "/b": "hardlink /a"}, {"/.wh.a": "file 0000"}}, nil, 100},
		{"both names removed", []testimage.Tree{{"/a": "zeros 0644 100", "/b": "hardlink /a"}, {"/.wh.a": "file 0000"}, {"/.wh.b": "file 0000"}}, map[waste.Kind]int64{waste.Removed: 100}, 0},
		{"a link to a lower layer outlives its target", []testimage.Tree{{"/a": "zeros 0644 100"}, {"/b": "hardlink /a"}, {"/.wh.a": "file 0000"}}, nil, 100},
		{"removed, and there again", []testimage.Tree{{"/d/a": "zeros 0644 100"}, {"/.wh.d": "file 0000"}, {"/d/a": "zeros 0644 100"}}, map[waste.Kind]int64{waste.DirRemoved: 100}, 100},
		{"a link's text", []testimage.Tree{{"/a": "symlink 12345"}, {"/a": "symlink 123"}}, map[waste.Kind]int64{waste.Overwritten: 5}, 3},
	}
	tests[3].layers[1]["/a"] = "zeros 0644 @5:5 100"
	tests[3].want = map[waste.Kind]int64{waste.Copied: 200}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := analyseTrees(t, tt.layers...)
			got := map[waste.Kind]int64{}
			var hides, wasted int64
			for _, l := range a.Layers {
				for _, k := range waste.Hidden {
					if n := l.By[k].Bytes; n > 0 {
						got[k] += n
						wasted += n
					}
				}
				hides += l.Hiding().Bytes
			}
			if fmt.Sprint(got) != fmt.Sprint(tt.want) && len(got)+len(tt.want) > 0 {
				t.Errorf("hidden %v, want %v", got, tt.want)
			}
			if a.Seen.Bytes != tt.seen {
				t.Errorf("seen %d, want %d", a.Seen.Bytes, tt.seen)
			}
			if hides != wasted || a.Wasted.Bytes != wasted || a.Seen.Bytes+a.Wasted.Bytes != a.Size.Disk {
				t.Errorf("layers hide %d, hidden are %d, wasted %d, seen %d of %d", hides, wasted, a.Wasted.Bytes, a.Seen.Bytes, a.Size.Disk)
			}
			var found int64
			for _, f := range a.Findings {
				if f.Class == waste.Overlay {
					found += f.Bytes
				}
			}
			if found != wasted {
				t.Errorf("findings of %d bytes, wasted %d", found, wasted)
			}
		})
	}
}

// A path that comes twice in one layer's archive, and what only the format itself wants.
func TestLost(t *testing.T) {
	file := func(name, content string) testimage.Entry {
		return testimage.Entry{Header: tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(content))}, Content: []byte(content)}
	}
	hard := testimage.Entry{Header: tar.Header{Typeflag: tar.TypeLink, Name: "b", Linkname: "a", Mode: 0o644}}
	for _, tt := range []struct {
		name       string
		entries    []testimage.Entry
		lost, seen int64
	}{
		{"twice", []testimage.Entry{file("a", "12345"), file("a", "123")}, 5, 3},
		{"twice, but the first has another name", []testimage.Entry{file("a", "12345"), hard, file("a", "123")}, 0, 8},
		{"below what becomes a file", []testimage.Entry{file("d/a", "12345"), file("d", "123")}, 5, 3},
		{"notes of AUFS", []testimage.Entry{file(".wh..wh.plnk/1", "12345"), file("a", "123")}, 5, 3},
		{"a whiteout with content", []testimage.Entry{file(".wh.x", "12345"), file("a", "123")}, 5, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := analyse(t, testimage.ImageOf(t, v1.Config{}, testimage.RawLayer(t, tt.entries...)))
			if got := a.Layers[0].By[waste.Lost].Bytes; got != tt.lost || a.Seen.Bytes != tt.seen || a.Size.Disk != tt.lost+tt.seen {
				t.Errorf("lost %d, seen %d of %d; want %d, %d", got, a.Seen.Bytes, a.Size.Disk, tt.lost, tt.seen)
			}
		})
	}
}

// A path counts in one category of what costs bytes; who else might claim it gets nothing.
func TestClaimedOnce(t *testing.T) {
	content := strings.Repeat("x", 1000)
	a := analyseTrees(t, testimage.Tree{
		"/usr/share/doc/a": "file 0644 " + content, "/usr/share/doc/b": "file 0644 " + content, // equal, but documentation first
		"/a": "file 0644 " + content, "/b": "file 0644 " + content, // equal to those, and to each other
		"/root/.cache/pip/x": "noise 0644 77", "/app/.git/config": "noise 0644 55",
		"/srv/x": "noise 0644 10", "/root/.npm/_cacache/x": "hardlink /srv/x", // another name keeps it
		"/p/m.py": "file 0644 1", "/p/__pycache__/m.cpython-311.pyc": "file 0644 22", "/p/__pycache__/m.cpython-311.opt-1.pyc": "file 0644 333", "/p/__pycache__/gone.cpython-311.pyc": "file 0644 4444",
	})
	want := map[string]int64{"docs": 2000, "pip-cache": 77, "vcs": 55, "bytecode": 7, "duplicates": 1000}
	var sum int64
	for _, f := range a.Findings {
		if f.Class != waste.Cost {
			continue
		}
		sum += f.Bytes
		if f.Bytes != want[f.Rule] {
			t.Errorf("%s: %d bytes, want %d: %v", f.Rule, f.Bytes, want[f.Rule], f.Places)
		}
		delete(want, f.Rule)
	}
	if len(want) > 0 {
		t.Errorf("not found: %v", want)
	}
	if sum > a.Seen.Bytes {
		t.Errorf("%d bytes to save of %d", sum, a.Seen.Bytes)
	}
}

// Secrets are found by their place in every layer, deleted or not, and their values are never told.
func TestSecrets(t *testing.T) {
	const key = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjE\n-----END OPENSSH PRIVATE KEY-----\n"
	const value = "hunter2hunter2"
	cfg := v1.Config{Env: []string{"PATH=/bin", "DB_PASSWORD=" + value, "TOKEN_FILE=/run/secrets/token", "PASSWORD_HASHER=x"}}
	img := testimage.Image(t, cfg,
		testimage.Tree{"/root/.ssh/id_rsa": "file 0600 " + key, "/app/.env": "file 0644 PORT=80\nSECRET_KEY=" + value + "\n", "/app/.env.example": "file 0644 SECRET_KEY=" + value,
			"/root/.aws/credentials": "file 0600 [default]\naws_secret_access_key=" + value, "/root/.npmrc": "file 0600 //r/:_authToken=" + value, "/app/x.py": "file 0644 " + key, "/app/port.env": "file 0644 PORT=1",
			"/usr/local/go/src/crypto/x509/key.pem": "file 0644 " + key, "/src/testdata/key.pem": "file 0644 " + key},
		testimage.Tree{"/root/.ssh/.wh.id_rsa": "file 0000"})
	a := analyse(t, img)
	got := map[string]string{}
	for _, f := range a.Findings {
		if f.Rule == "secrets" {
			for _, p := range f.Places {
				got[p.Path] += p.Note
			}
		}
	}
	for p, part := range map[string]string{"/root/.ssh/id_rsa": "private key; removed later", "/app/.env": "environment file", "/root/.aws/credentials": "AWS", "/root/.npmrc": "npm", "": "DB_PASSWORD"} {
		if !strings.Contains(got[p], part) {
			t.Errorf("%q: %q, want %q in it", p, got[p], part)
		}
		delete(got, p)
	}
	if len(got) > 0 {
		t.Errorf("more than is there: %v", got)
	}
	if all := fmt.Sprintf("%+v", a.Findings); strings.Contains(all, value) {
		t.Error("a secret's value is told")
	}
}

func TestSecurity(t *testing.T) {
	a := analyseTrees(t, testimage.Tree{
		"/etc/passwd": "file 0644 root:x:0:0::/:/bin/sh\nme:x:33:33::/:\n", "/su": "file 4755 x", "/sgid": "file 2755 x", "/dead": "file 4644 x",
		"/open": "file 0666 x", "/drop/": "dir 0777", "/tmp/": "dir 1777", "/link": "symlink /open", "/mine": "file 0644 @33:33 x", "/whose/a": "file 0644 @999:999 x", "/whose/b": "file 0644 @999:0 x",
	})
	got := map[string][]string{}
	for _, f := range a.Findings {
		for _, p := range f.Places {
			got[f.Rule] = append(got[f.Rule], p.Path)
		}
	}
	for rule, want := range map[string]string{"setuid": "[/sgid /su]", "world-writable": "[/drop /open]", "unknown-users": "[/whose]"} {
		if fmt.Sprint(got[rule]) != want {
			t.Errorf("%s: %v, want %s", rule, got[rule], want)
		}
	}
}

// Every path has its share of the compressed layer, and they make up nearly all of it.
func TestPullEstimate(t *testing.T) {
	a := analyseTrees(t, testimage.Tree{"/noise": "noise 0644 1000000", "/zeros": "zeros 0644 1000000", "/small": "file 0644 x"})
	got := map[string]int64{}
	var sum int64
	for f := range a.Files(0) {
		got[f.Path], sum = f.Pull, sum+f.Pull
	}
	if n := got["/noise"]; n < 950_000 || n > 1_050_000 {
		t.Errorf("noise takes %d", n)
	}
	if n := got["/zeros"]; n > 50_000 {
		t.Errorf("zeros take %d", n)
	}
	if l := a.Layers[0].PullBytes; sum > l || sum < l-l/100 {
		t.Errorf("all files take %d of %d", sum, l)
	}
}

// A layer that an archive holds uncompressed is not compressed to be measured; what it would be is estimated.
func TestPullOfUncompressed(t *testing.T) {
	dir := t.TempDir()
	img := testimage.Image(t, v1.Config{}, testimage.Tree{"/noise": "noise 0644 1000000", "/zeros": "zeros 0644 1000000"})
	archive := filepath.Join(dir, "a.tar")
	testimage.Save(t, img, archive)
	opened, err := image.Open(t.Context(), "docker-archive:"+archive, image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	a := analyse(t, opened)
	l := a.Layers[0]
	if !l.Estimated || l.PullBytes < 850_000 || l.PullBytes > 1_200_000 {
		t.Errorf("estimated: %t, %d bytes", l.Estimated, l.PullBytes)
	}
	if a.Size.Pull < l.PullBytes || a.Size.Pull > l.PullBytes+2000 {
		t.Errorf("the image: %d", a.Size.Pull)
	}
}

// What other tools stumble over: archives compressed as a whole, a global PAX header, more history than layers, layouts
// without manifest.json.
func TestSources(t *testing.T) {
	dir := t.TempDir()
	img := testimage.Image(t, v1.Config{}, testimage.Tree{"/a": "file 0644 12345"}, testimage.Tree{"/b": "file 0644 12345"}, testimage.Tree{"/.wh.a": "file 0000"})
	testimage.Save(t, img, filepath.Join(dir, "a.tar.gz"))
	refs := []string{"docker-archive:" + dir + "/a.tar.gz", "oci-archive:" + dir + "/o.tar", "oci:" + dir + "/o"}
	for _, ref := range refs[1:] {
		if err := image.Write(t.Context(), img, ref, image.WriteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, ref := range refs {
		opened, err := image.Open(t.Context(), ref, image.Options{})
		if err != nil {
			t.Fatal(err)
		}
		a := analyse(t, opened)
		if a.Wasted.Bytes != 5 || a.Layers[0].By[waste.Removed].Bytes != 5 || a.Layers[2].Hides[waste.Removed].Bytes != 5 {
			t.Errorf("%s: %+v", ref, a.Wasted)
		}
	}
	for _, c := range testimage.Hostile(t) {
		tree, err := image.ReadTree(context.Background(), c.Image, waste.Options())
		if err != nil {
			continue // what is broken is refused; which, internal/image tests
		}
		inv, err := inventory.Read(tree)
		if err != nil {
			t.Fatal(err)
		}
		if a := waste.Analyse(tree, inv); a.Seen.Bytes+a.Wasted.Bytes != a.Size.Disk {
			t.Errorf("%s: %d seen and %d wasted of %d", c.Name, a.Seen.Bytes, a.Wasted.Bytes, a.Size.Disk)
		}
	}
}

func TestStep(t *testing.T) {
	for in, want := range map[string]string{
		`/bin/sh -c #(nop)  CMD ["bash"]`:                         `CMD ["bash"]`,
		`/bin/sh -c #(nop) COPY file:1 in /app `:                  `COPY file:1 in /app`,
		`/bin/sh -c apt-get update   &&   apt-get install -y git`: `RUN apt-get update && apt-get install -y git`,
		`RUN /bin/sh -c make # buildkit`:                          `RUN make`,
		`RUN |1 VERSION=3 /bin/sh -c make # buildkit`:             `RUN make`,
		`COPY . /app # buildkit`:                                  `COPY . /app`,
		`bazel build`:                                             `bazel build`,
		``:                                                        ``,
	} {
		if got := waste.Step(in); got != want {
			t.Errorf("Step(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestRedact(t *testing.T) {
	for in, want := range map[string]string{
		`|1 NPM_TOKEN=hunter2 /bin/sh -c npm ci`:                  `|1 NPM_TOKEN=(hidden) /bin/sh -c npm ci`,
		`RUN export DB_PASSWORD="a b" && ./run`:                   `RUN export DB_PASSWORD=(hidden) && ./run`,
		`RUN TOKEN=$OTHER SECRET_FILE=/run/x KEY_COUNT=3 ./run`:   `RUN TOKEN=$OTHER SECRET_FILE=/run/x KEY_COUNT=3 ./run`,
		`RUN git clone https://me:hunter2hunter2@example.org/x`:   `RUN git clone (hidden)example.org/x`,
		`RUN curl -H ghp_` + strings.Repeat("a", 36) + ` example`: `RUN curl -H (hidden) example`,
	} {
		if got := waste.Redact(in); got != want {
			t.Errorf("Redact(%q) = %q, want %q", in, got, want)
		}
	}
}

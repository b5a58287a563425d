package image_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/testimage"
)

func sample(t testing.TB) v1.Image {
	t.Helper()
	return testimage.Image(t, v1.Config{Cmd: []string{"/a"}},
		testimage.Tree{"/a": "noise 0755 300000", "/b": "zeros 0644 500000", "/l": "symlink a"},
		testimage.Tree{"/.wh.b": "file 0000", "/c": "noise 0600 100000"})
}

func diffIDs(t testing.TB, img v1.Image) []v1.Hash {
	t.Helper()
	cfg, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	return cfg.RootFS.DiffIDs
}

func configName(t testing.TB, img v1.Image) v1.Hash {
	t.Helper()
	h, err := img.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func mustOpen(t testing.TB, ref string, o image.Options) v1.Image {
	t.Helper()
	img, err := image.Open(context.Background(), ref, o)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// Whatever way an image goes, it comes back the same image: valid, with the same configuration and content.
func TestWriteOpen(t *testing.T) {
	registry := testimage.Serve(t, nil)
	dir := t.TempDir()
	img := sample(t)
	for _, c := range []image.Compression{image.Keep, image.Gzip, image.Zstd} {
		for _, dest := range []string{
			"docker-archive:" + dir + "/a.tar", "docker-archive:" + dir + "/a.tar.gz", "oci:" + dir + "/layout", "oci:" + dir + "/layout:tag",
			"oci:" + dir + "/layout:docker.io/library/example:1", "oci-archive:" + dir + "/o.tar", "oci-archive:" + dir + "/o.tgz",
			"docker://" + registry.Host + "/some/image:1", registry.Host + "/some/other", "-",
		} {
			t.Run(fmt.Sprintf("%s %s", dest, c), func(t *testing.T) {
				var stdout bytes.Buffer
				var seen int64
				o := image.WriteOptions{Name: "example:1", Compression: c, Stdout: &stdout, Progress: func(done, total int64) { seen = max(seen, total) }}
				if dest == "oci:"+dir+"/layout" {
					if err := os.RemoveAll(dir + "/layout"); err != nil { // by itself it is opened by directory alone
						t.Fatal(err)
					}
				}
				if err := image.Write(context.Background(), img, dest, o); err != nil {
					t.Fatal(err)
				}
				if seen == 0 {
					t.Error("no progress was told")
				}
				got := mustOpen(t, dest, image.Options{Stdin: &stdout})
				if c != image.Zstd { // the library's validator knows gzip alone
					if err := validate.Image(got); err != nil {
						t.Errorf("invalid: %v", err)
					}
				}
				if configName(t, got) != configName(t, img) {
					t.Error("another configuration")
				}
				compare(t, dump(t, readTree(t, got)), dump(t, readTree(t, img)))
				checkMedia(t, got, dest, c)
			})
		}
	}
}

// checkMedia checks that the layers say what they are.
func checkMedia(t *testing.T, img v1.Image, dest string, c image.Compression) {
	t.Helper()
	m, err := img.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	want := types.OCILayer
	switch {
	case strings.HasPrefix(dest, "docker-archive:") || dest == "-":
		want = types.DockerLayer
	case c == image.Zstd:
		want = types.OCILayerZStd
	}
	for _, l := range m.Layers {
		if l.MediaType != want {
			t.Errorf("layer of type %s, want %s", l.MediaType, want)
		}
	}
}

func sum(t testing.TB, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", sha256.Sum256(b))
}

func TestWriteDeterministic(t *testing.T) {
	dir := t.TempDir()
	for _, kind := range []string{"docker-archive:", "oci-archive:"} {
		for _, c := range []image.Compression{image.Gzip, image.Zstd} {
			var sums []string
			for n := range 2 {
				file := fmt.Sprintf("%s/%d.tar", dir, n)
				if err := image.Write(context.Background(), sample(t), kind+file, image.WriteOptions{Name: "example:1", Compression: c}); err != nil {
					t.Fatal(err)
				}
				sums = append(sums, sum(t, file))
			}
			if sums[0] != sums[1] {
				t.Errorf("%s %s: two runs, two results", kind, c)
			}
		}
	}
}

func TestRecompress(t *testing.T) {
	img := sample(t)
	same, err := image.Recompress(img, image.Gzip)
	if err != nil {
		t.Fatal(err)
	}
	if same != img {
		t.Error("layers that are gzip already were touched")
	}
	z, err := image.Recompress(img, image.Zstd)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, dump(t, readTree(t, z)), dump(t, readTree(t, img)))
	if !slices.Equal(diffIDs(t, z), diffIDs(t, img)) {
		t.Error("diff IDs changed")
	}
	lazy, err := image.Recompress(unreadable{img}, image.Zstd)
	if err != nil {
		t.Fatalf("a layer was read before anybody asked: %v", err)
	}
	if _, err := lazy.Digest(); err == nil {
		t.Error("a digest without reading")
	}
}

// A layer that is not what its digest says is written nowhere.
func TestWriteBroken(t *testing.T) {
	for _, c := range testimage.Hostile(t) {
		if !strings.Contains(c.Name, "truncated") && !strings.Contains(c.Name, "flipped") {
			continue
		}
		for _, dest := range []string{"oci:%s/new", "docker-archive:%s/a.tar", "oci-archive:%s/b.tar"} {
			for _, compression := range []image.Compression{image.Keep, image.Zstd} {
				dir := t.TempDir()
				err := image.Write(context.Background(), c.Image, fmt.Sprintf(dest, dir), image.WriteOptions{Compression: compression})
				if err == nil {
					t.Errorf("%s, %s %s: no error", c.Name, dest, compression)
				}
				if left := list(t, dir); len(left) != 0 {
					t.Errorf("%s, %s %s: left %q", c.Name, dest, compression, left)
				}
			}
		}
	}
}

func list(t testing.TB, dir string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(p string, _ os.DirEntry, err error) error {
		if p != dir {
			names = append(names, strings.TrimPrefix(p, dir+"/"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestWriteLayoutKeepsOthers(t *testing.T) {
	dir := t.TempDir() + "/new/layout"
	one, two := sample(t), testimage.Image(t, v1.Config{}, testimage.Tree{"/x": "file 0644 x"})
	write := func(img v1.Image, tag string) {
		t.Helper()
		if err := image.Write(context.Background(), img, "oci:"+dir+":"+tag, image.WriteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	write(one, "a")
	write(two, "b")
	write(one, "c")
	write(two, "c")
	for tag, want := range map[string]v1.Image{"a": one, "b": two, "c": two} {
		if got := mustOpen(t, "oci:"+dir+":"+tag, image.Options{}); configName(t, got) != configName(t, want) {
			t.Errorf("%s is another image", tag)
		}
	}
	digest, err := one.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if got := mustOpen(t, "oci:"+dir+"@"+digest.String(), image.Options{}); configName(t, got) != configName(t, one) {
		t.Error("by digest another image")
	}
	_, err = image.Open(context.Background(), "oci:"+dir, image.Options{})
	if err == nil || !strings.Contains(err.Error(), ":a, :b, :c") {
		t.Errorf("without a tag: %v; want the tags there are", err)
	}
	_, err = image.Open(context.Background(), "oci:"+dir+":d", image.Options{})
	if err == nil || !strings.Contains(err.Error(), ":a, :b, :c") {
		t.Errorf("unknown tag: %v; want the tags there are", err)
	}
	b, err := os.ReadFile(dir + "/index.json")
	if err != nil {
		t.Fatal(err)
	}
	var idx v1.IndexManifest
	if err := json.Unmarshal(b, &idx); err != nil || len(idx.Manifests) != 3 {
		t.Errorf("index has %d entries, %v; want 3", len(idx.Manifests), err)
	}
}

// Who writes to a directory again means its image; two without a name that another tool left there are not guessed between.
func TestWriteLayoutAgain(t *testing.T) {
	dir := t.TempDir()
	one, two := sample(t), testimage.Image(t, v1.Config{}, testimage.Tree{"/x": "file 0644 x"})
	attached := []image.Attachment{{Type: "application/spdx+json", Name: "x.spdx.json", Content: []byte("{}")}}
	for _, img := range []v1.Image{one, two} {
		if err := image.Write(t.Context(), img, "oci:"+dir, image.WriteOptions{Attach: attached}); err != nil {
			t.Fatal(err)
		}
	}
	if got := mustOpen(t, "oci:"+dir, image.Options{}); configName(t, got) != configName(t, two) {
		t.Error("the first image is read, not the second")
	}
	p, err := layout.FromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	platform := v1.Platform{OS: "linux", Architecture: "amd64"}
	if err := p.AppendImage(one, layout.WithPlatform(platform)); err != nil {
		t.Fatal(err)
	}
	_, err = image.Open(t.Context(), "oci:"+dir, image.Options{})
	if err == nil || !strings.Contains(err.Error(), "2 images there; add one of @sha256:") {
		t.Errorf("got %v", err)
	}
}

func TestWriteLayoutRefusesOtherDirectories(t *testing.T) {
	dir := testimage.Dir(t, testimage.Tree{"/src/main.go": "file 0644 x"})
	err := image.Write(context.Background(), sample(t), "oci:"+dir, image.WriteOptions{})
	if err == nil || !strings.Contains(err.Error(), "neither empty nor an OCI layout") {
		t.Errorf("got %v", err)
	}
	if got := list(t, dir); !slices.Equal(got, []string{"src", "src/main.go"}) {
		t.Errorf("left %q", got)
	}
}

// A full disk leaves what was there and nothing of the image.
func TestWriteDiskFull(t *testing.T) {
	testimage.Need(t, "root")
	for _, dest := range []string{"oci:%s/old", "oci:%s/new", "docker-archive:%s/old.tar", "oci-archive:%s/new.tar"} {
		t.Run(dest, func(t *testing.T) {
			dir := t.TempDir()
			if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=200k"); err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := syscall.Unmount(dir, 0); err != nil {
					t.Error(err)
				}
			}()
			small := testimage.Image(t, v1.Config{}, testimage.Tree{"/x": "file 0644 x"})
			for _, old := range []string{"oci:" + dir + "/old:t", "docker-archive:" + dir + "/old.tar"} {
				if err := image.Write(context.Background(), small, old, image.WriteOptions{}); err != nil {
					t.Fatal(err)
				}
			}
			before := list(t, dir)
			err := image.Write(context.Background(), sample(t), fmt.Sprintf(dest, dir), image.WriteOptions{})
			if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "free some space") {
				t.Errorf("got error %v", err)
			}
			if after := list(t, dir); !slices.Equal(before, after) {
				t.Errorf("before %q, after %q", before, after)
			}
			if got := mustOpen(t, "oci:"+dir+"/old:t", image.Options{}); configName(t, got) != configName(t, small) {
				t.Error("the old image is gone")
			}
		})
	}
}

// stalling is an image whose second layer ends the context half way.
type stalling struct {
	v1.Image
	stop func()
}

func (s stalling) Layers() ([]v1.Layer, error) {
	layers, err := s.Image.Layers()
	layers[1] = stallingLayer{layers[1], s.stop}
	return layers, err
}

type stallingLayer struct {
	v1.Layer
	stop func()
}

func (s stallingLayer) Compressed() (io.ReadCloser, error) {
	rc, err := s.Layer.Compressed()
	if err != nil {
		return nil, err
	}
	half := io.LimitReader(rc, 50000)
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(half, stopper{s.stop}, rc), rc}, nil
}

type stopper struct{ stop func() }

func (s stopper) Read([]byte) (int, error) { s.stop(); return 0, io.EOF }

func TestWriteInterrupted(t *testing.T) {
	registry := testimage.Serve(t, nil)
	for _, dest := range []string{"oci:%s/new:tag", "docker-archive:%s/a.tar", "oci-archive:%s/b.tar", registry.Host + "/some/image:1"} {
		dir := t.TempDir()
		ctx, cancel := context.WithCancel(context.Background())
		ref := dest
		if strings.Contains(dest, "%s") {
			ref = fmt.Sprintf(dest, dir)
		}
		err := image.Write(ctx, stalling{sample(t), cancel}, ref, image.WriteOptions{})
		cancel()
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got error %v", dest, err)
		}
		if left := list(t, dir); len(left) != 0 {
			t.Errorf("%s: left %q", dest, left)
		}
		if _, err := image.Open(context.Background(), ref, image.Options{}); err == nil {
			t.Errorf("%s: there is an image", dest)
		}
	}
}

func TestWriteRefuses(t *testing.T) {
	dir := t.TempDir()
	digest := "sha256:" + strings.Repeat("a", 64)
	for dest, want := range map[string]string{
		"oci:" + dir + "/x@" + digest:       "give a tag",
		"localhost:1/some/image@" + digest:  "give a tag",
		"docker-daemon:image@" + digest:     "NAME[:TAG]",
		"docker-archive:" + dir:             "is a directory",
		"docker-archive:" + dir + "/no/a.t": "no such file or directory",
		"-":                                 "no standard output",
		"":                                  "an image is NAME",
		"oci:":                              "nothing after",
		"UPPER":                             "an image is NAME",
		"Some/image":                        "repository can only contain",
		"docker-daemon:x":                   "between 2 and 255",
		dir + "/light.tar":                  "say docker-archive:" + dir + "/light.tar",
		"./light":                           "say docker-archive:./light",
		dir:                                 "say oci:" + dir,
	} {
		err := image.Write(context.Background(), sample(t), dest, image.WriteOptions{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got error %v, want one with %q", dest, err, want)
		}
		if err := image.CheckDestination(dest); dest != "-" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: checking it gives %v, want an error with %q", dest, err, want)
		}
	}
}

// Other tools read what is written, and we what they write.
func TestSkopeo(t *testing.T) {
	testimage.Need(t, "skopeo")
	dir := t.TempDir()
	img := sample(t)
	skopeo := func(args ...string) {
		t.Helper()
		if out, err := exec.Command("skopeo", append([]string{"--insecure-policy"}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("skopeo %q: %v\n%s", args, err, out)
		}
	}
	for n, dest := range []string{"docker-archive:" + dir + "/a.tar", "oci:" + dir + "/layout:tag", "oci-archive:" + dir + "/o.tar"} {
		for _, c := range []image.Compression{image.Gzip, image.Zstd} {
			if err := image.Write(context.Background(), img, dest, image.WriteOptions{Name: "example:1", Compression: c}); err != nil {
				t.Fatal(err)
			}
			skopeo("inspect", "--raw", dest)
			for _, kind := range []string{"docker-archive", "oci", "oci-archive"} {
				if kind == "docker-archive" && c == image.Zstd {
					continue // skopeo 1.9 says itself that the format has no zstd
				}
				back := fmt.Sprintf("%s:%s/%d-%s-%s", kind, dir, n, kind, c)
				skopeo("copy", "-q", dest, back)
				got := mustOpen(t, back, image.Options{})
				if !slices.Equal(diffIDs(t, got), diffIDs(t, img)) {
					t.Errorf("%s by way of %s: other content", dest, back)
				}
				compare(t, dump(t, readTree(t, got)), dump(t, readTree(t, img)))
			}
		}
	}
}

// An archive whose copy was broken off says so.
func TestArchiveCutOff(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.tar")
	if err := image.Write(t.Context(), sample(t), "docker-archive:"+file, image.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(file, info.Size()/2+100); err != nil {
		t.Fatal(err)
	}
	if _, err := image.Open(t.Context(), "docker-archive:"+file, image.Options{}); err == nil || !strings.Contains(err.Error(), "copied whole") {
		t.Errorf("got error %v", err)
	}
}

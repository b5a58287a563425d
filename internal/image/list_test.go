package image_test

import (
	"bytes"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/testimage"
)

// onPlatform is a small image for linux and an architecture.
func onPlatform(t testing.TB, arch string) v1.Image {
	t.Helper()
	img := testimage.Image(t, v1.Config{}, testimage.Tree{"/same": "file 0644 x"}, testimage.Tree{"/arch": "file 0644 " + arch})
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

// parts are an index of two platforms, as base images are published.
func parts(t testing.TB) []image.Part {
	t.Helper()
	return []image.Part{
		{Image: onPlatform(t, "amd64"), Entry: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}, Annotations: map[string]string{"org.example.arch": "amd64"}}, Attach: documents[:1]},
		{Image: onPlatform(t, "arm64"), Entry: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "arm64", Variant: "v8"}}, Attach: documents},
	}
}

// An index is written to a layout, an archive and a registry with the same digest every time, and its images, platforms,
// annotations and what is attached to each come back from there.
func TestWriteIndex(t *testing.T) {
	srv := httptest.NewServer(registry.New(registry.WithReferrersSupport(true), registry.Logger(log.New(io.Discard, "", 0))))
	defer srv.Close()
	host, dir := strings.TrimPrefix(srv.URL, "http://"), t.TempDir()
	digests := map[string]bool{}
	refs := []string{"oci:" + dir + "/layout:v1", "oci:" + dir + "/layout:v1", "oci:" + dir + "/layout:v2", "oci-archive:" + dir + "/one.tar", "oci-archive:" + dir + "/two.tar", host + "/app:v1"}
	for _, ref := range refs {
		d, err := image.WriteIndex(t.Context(), parts(t), map[string]string{"org.example.index": "yes"}, ref, image.WriteOptions{Name: "app:v1"})
		if err != nil {
			t.Fatal(err)
		}
		digests[d.Digest.String()] = true
	}
	if len(digests) != 1 {
		t.Errorf("%d digests of one index", len(digests))
	}
	one, err1 := os.ReadFile(dir + "/one.tar")
	two, err2 := os.ReadFile(dir + "/two.tar")
	if err1 != nil || err2 != nil || !bytes.Equal(one, two) {
		t.Errorf("two archives of one index differ: %v, %v", err1, err2)
	}
	for _, ref := range refs[1:] {
		l, err := image.List(t.Context(), ref, image.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if !l.Index || len(l.Images) != 2 || len(l.Left) != 0 || l.Annotations["org.example.index"] != "yes" {
			t.Fatalf("%s: %+v", ref, l)
		}
		if l.Images[0].Annotations["org.example.arch"] != "amd64" || l.Images[1].Platform.Variant != "v8" {
			t.Errorf("%s: %+v", ref, l.Images)
		}
		for n, p := range parts(t) {
			img := mustOpen(t, ref, image.Options{Platform: p.Entry.Platform})
			if err := validate.Image(img); err != nil {
				t.Errorf("%s %s: %v", ref, p.Entry.Platform, err)
			}
			if configName(t, img) != configName(t, p.Image) || digestOf(t, img) != l.Images[n].Digest {
				t.Errorf("%s %s: another image", ref, p.Entry.Platform)
			}
		}
	}
	for _, p := range parts(t) {
		at, err := name.NewDigest(host + "/app@" + digestOf(t, p.Image).String())
		if err != nil {
			t.Fatal(err)
		}
		idx, err := remote.Referrers(at)
		if err != nil {
			t.Fatal(err)
		}
		if m, err := idx.IndexManifest(); err != nil || len(m.Manifests) != len(p.Attach) {
			t.Errorf("%s: referrers %+v, %v, want %d", p.Entry.Platform, m, err, len(p.Attach))
		}
	}
}

func digestOf(t testing.TB, img v1.Image) v1.Hash {
	t.Helper()
	h, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestWriteIndexRefused(t *testing.T) {
	dir := t.TempDir()
	for dest, want := range map[string]string{
		"docker-archive:" + dir + "/a.tar": "which hold one platform", "docker-daemon:app": "which hold one platform", "-": "which hold one platform",
		"oci:" + dir + "/l@sha256:" + strings.Repeat("0", 64): "a digest names what is there already", "UPPER:x": "reading the image reference",
	} {
		if _, err := image.WriteIndex(t.Context(), parts(t), nil, dest, image.WriteOptions{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", dest, err, want)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// What is in an index and is no image is named, and platforms are chosen as they are opened.
func TestList(t *testing.T) {
	dir := t.TempDir()
	ref := testimage.Attested(t, dir, onPlatform(t, "amd64"), onPlatform(t, "arm64"))
	l, err := image.List(t.Context(), ref, image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if !l.Index || len(l.Images) != 2 || len(l.Left) != 2 || !strings.HasPrefix(l.Left[0], "attestation-manifest sha256:") {
		t.Fatalf("%+v", l)
	}
	for _, c := range []struct{ platforms, want, err string }{
		{"all", "amd64 arm64", ""}, {"linux/arm64", "arm64", ""}, {"linux/arm64/v8,linux/amd64", "amd64 arm64", ""}, {"linux/amd64,linux/amd64", "amd64", ""},
		{"linux/s390x", "", "no image for the platform linux/s390x; there is linux/amd64, linux/arm64"}, {"linux", "", "want OS/ARCH"}, {"", "", "want OS/ARCH"}, {"linux/arm64,", "", "want OS/ARCH"},
	} {
		got, err := l.Choose(c.platforms)
		var archs []string
		for _, d := range got {
			archs = append(archs, d.Platform.Architecture)
		}
		if s := strings.Join(archs, " "); s != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%q: %q, %v; want %q, %q", c.platforms, s, err, c.want, c.err)
		}
	}
	// An image is the only one of its listing.
	if err := image.Write(t.Context(), onPlatform(t, "arm64"), "docker-archive:"+dir+"/a.tar", image.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	l, err = image.List(t.Context(), "docker-archive:"+dir+"/a.tar", image.Options{})
	if err != nil || l.Index || !slices.EqualFunc(l.Images, []string{"linux/arm64"}, func(d v1.Descriptor, p string) bool { return d.Platform.String() == p }) {
		t.Errorf("%+v, %v", l, err)
	}
	if _, err := image.List(t.Context(), "-", image.Options{}); err == nil || !strings.Contains(err.Error(), "once only") {
		t.Errorf("standard input: %v", err)
	}
}

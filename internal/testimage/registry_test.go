package testimage_test

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/lighten/lighten/internal/testimage"
)

func TestFullRef(t *testing.T) {
	for in, want := range map[string]string{
		"alpine":                       "docker.io/library/alpine:latest",
		"python:3.11":                  "docker.io/library/python:3.11",
		"grafana/grafana:9":            "docker.io/grafana/grafana:9",
		"gcr.io/distroless/python3":    "gcr.io/distroless/python3:latest",
		"localhost/x:1":                "localhost/x:1",
		"127.0.0.1:5000/a/b":           "127.0.0.1:5000/a/b:latest",
		"docker.io/library/alpine:3.2": "docker.io/library/alpine:3.2",
	} {
		if got := testimage.FullRef(in); got != want {
			t.Errorf("FullRef(%q) = %q, want %q", in, got, want)
		}
	}
}

func pull(t *testing.T, host, path string) (v1.Image, error) {
	t.Helper()
	ref, err := name.ParseReference(host+"/"+path, name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	return remote.Image(ref, remote.WithTransport(http.DefaultTransport), remote.WithRetryBackoff(remote.Backoff{Steps: 1}),
		remote.WithRetryStatusCodes())
}

func TestServe(t *testing.T) {
	img := testimage.Image(t, v1.Config{Cmd: []string{"/a"}}, testimage.Tree{"/a": "noise 0755 300000"})
	dir := testimage.Layout(t, map[string]v1.Image{"tiny:1": img, "gcr.io/distroless/tiny": img})
	s := testimage.Serve(t, []string{dir})
	for _, path := range []string{"library/tiny:1", "distroless/tiny:latest"} {
		got, err := pull(t, s.Host, path)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if err := validate.Image(got); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := pull(t, s.Host, "library/tiny:2"); err == nil {
		t.Error("library/tiny:2 was found, but is not there")
	}
}

func TestPush(t *testing.T) {
	s := testimage.Serve(t, nil)
	img := testimage.Image(t, v1.Config{}, testimage.Tree{"/a": "noise 0755 300000"})
	ref, err := name.ParseReference(s.Host+"/a/b:1", name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, img); err != nil {
		t.Fatal(err)
	}
	got, err := pull(t, s.Host, "a/b:1")
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(got); err != nil {
		t.Error(err)
	}
}

func TestRange(t *testing.T) {
	img := testimage.Image(t, v1.Config{}, testimage.Tree{"/a": "noise 0755 300000"})
	s := testimage.Serve(t, []string{testimage.Layout(t, map[string]v1.Image{"tiny": img})})
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	h, err := layers[0].Digest()
	if err != nil {
		t.Fatal(err)
	}
	size, err := layers[0].Size()
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest(http.MethodGet, s.URL()+"/v2/library/tiny/blobs/"+h.String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Range", "bytes=1000-")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	n, err := io.Copy(io.Discard, resp.Body)
	if err != nil || resp.StatusCode != http.StatusPartialContent || n != size-1000 {
		t.Errorf("got %d bytes, status %s, error %v; want %d bytes of a partial answer", n, resp.Status, err, size-1000)
	}
}

func TestFaults(t *testing.T) {
	img := testimage.Image(t, v1.Config{}, testimage.Tree{"/a": "noise 0755 300000"})
	dir := testimage.Layout(t, map[string]v1.Image{"tiny": img})
	read := func(wrap func(http.Handler) http.Handler) error {
		img, err := pull(t, testimage.Serve(t, []string{dir}, wrap).Host, "library/tiny:latest")
		if err != nil {
			return err
		}
		return validate.Image(img)
	}
	for _, code := range []int{401, 429, 500} {
		if err := read(testimage.Status(code, -1)); err == nil {
			t.Errorf("no error from a registry that answers %d", code)
		}
	}
	if err := read(testimage.Status(500, 0)); err != nil {
		t.Errorf("a registry whose faults are over: %v", err)
	}
	if err := read(testimage.CutBlobs(-1)); err == nil || !strings.Contains(err.Error(), "undersized layer") {
		t.Errorf("a cut blob: got error %v, want an undersized layer", err)
	}
	if err := read(testimage.CutBlobs(0)); err != nil {
		t.Errorf("no blob left to cut: %v", err)
	}
}

// The base images of this machine are all complete: every blob is there and has its digest.
func TestBases(t *testing.T) {
	testimage.Need(t, "bases")
	dirs, err := testimage.Layouts()
	if err != nil {
		t.Fatal(err)
	}
	bases, err := testimage.Bases(dirs...)
	if err != nil {
		t.Fatal(err)
	}
	host := strings.TrimPrefix(testimage.Registry(t), "http://")
	for _, b := range bases {
		_, path, _ := strings.Cut(b.Ref, "/")
		img, err := pull(t, host, path)
		if err != nil {
			t.Errorf("%s: %v", b.Ref, err)
			continue
		}
		if err := validate.Image(img, validate.Fast); err != nil {
			t.Errorf("%s: %v", b.Ref, err)
		}
	}
}

func TestLayouts(t *testing.T) {
	img := testimage.Image(t, v1.Config{})
	assembled := testimage.Layout(t, map[string]v1.Image{"tiny:1": img})
	ready := t.TempDir()
	if err := os.Rename(testimage.Layout(t, map[string]v1.Image{"tiny:2": img}), filepath.Join(ready, "oci")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("LIGHTEN_SHARED", "none")
	t.Setenv("LIGHTEN_BASES", assembled)
	if !testimage.Has("tiny:1") || testimage.Has("tiny:2") {
		t.Error("without ready images, the assembled ones are not those found")
	}
	t.Setenv("LIGHTEN_SHARED", ready)
	if !testimage.Has("tiny:1") || !testimage.Has("tiny:2") {
		t.Error("ready and assembled images are not both found")
	}
	t.Setenv("LIGHTEN_SHARED", "none")
	t.Setenv("LIGHTEN_BASES", filepath.Join(ready, "nothing"))
	if dirs, err := testimage.Layouts(); err != nil || len(dirs) != 0 {
		t.Errorf("got layouts %q, error %v where there are none", dirs, err)
	}
}

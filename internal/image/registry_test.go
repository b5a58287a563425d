package image_test

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/lighten/lighten/internal/access"
	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/testimage"
)

func TestRegistryMirrors(t *testing.T) {
	o := mirrorOptions(t)
	img := mustOpen(t, "alpine:3.20", o)
	if got := readTree(t, img).Measure(); got.Libc != "musl" || got.Shell != "/bin/sh" || got.Layers != 1 {
		t.Errorf("alpine:3.20 is %+v", got)
	}
	// A mirror that is not there, one that has nothing, one that has it.
	down := httptest.NewServer(http.NotFoundHandler())
	down.Close()
	empty := testimage.Serve(t, nil)
	o.Access.Mirrors["docker.io"] = append([]string{down.URL, empty.URL()}, o.Access.Mirrors["docker.io"]...)
	if again := mustOpen(t, "docker.io/library/alpine:3.20", o); configName(t, again) != configName(t, img) {
		t.Error("another image by way of the last mirror")
	}
}

// layouts is a layout with a sample image under a name.
func layouts(t testing.TB, images map[string]v1.Image) []string {
	t.Helper()
	return []string{testimage.Layout(t, images)}
}

func TestRegistryFaults(t *testing.T) {
	if testing.Short() {
		t.Skip("waits between attempts")
	}
	dirs := layouts(t, map[string]v1.Image{"some/image:1": testimage.Image(t, v1.Config{}, testimage.Tree{"/a": "noise 0644 300000"})})
	tests := []struct {
		name  string
		wrap  func(http.Handler) http.Handler
		want  []string // of the error; none: it works in the end
		place string
	}{
		{"asks for a login", testimage.Status(http.StatusUnauthorized, -1), []string{"401 Unauthorized", "docker login "}, "/some/image:1"},
		{"forbids", testimage.Status(http.StatusForbidden, -1), []string{"403 Forbidden", "docker login "}, "/some/image:1"},
		{"has it not", testimage.Status(http.StatusNotFound, -1), []string{"404 Not Found", "check name and tag"}, "/some/image:1"},
		{"limits for a moment", testimage.Status(http.StatusTooManyRequests, 1), nil, ""},
		{"limits for long", testimage.Status(http.StatusTooManyRequests, -1), []string{"429 Too Many Requests", "wait, log in", "mirror"}, "/some/image:1"},
		{"stumbles", testimage.Status(http.StatusInternalServerError, 2), nil, ""},
		{"is out of order", testimage.Status(http.StatusInternalServerError, -1), []string{"500 Internal Server Error", "out of order"}, "/some/image:1"},
		{"cuts a blob once", testimage.CutBlobs(1), nil, ""},
		{"cuts every blob", testimage.CutBlobs(-1), []string{"downloading layer sha256:", "the connection broke off again and again"}, "/some/image:1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := testimage.Serve(t, dirs, tt.wrap)
			img, err := image.Open(context.Background(), s.Host+"/some/image:1", image.Options{})
			if err == nil {
				_, err = image.ReadTree(context.Background(), img, image.TreeOptions{})
			}
			if tt.want == nil {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil {
				t.Fatal("no error")
			}
			for _, w := range append(tt.want, tt.place) {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("error lacks %q: %v", w, err)
				}
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("more than a line: %v", err)
			}
		})
	}
}

// A registry's password is Docker's configuration's.
func TestRegistryLogin(t *testing.T) {
	dirs := layouts(t, map[string]v1.Image{"some/image:1": sample(t)})
	var asked atomic.Int64
	s := testimage.Serve(t, dirs, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if user, password, _ := r.BasicAuth(); user != "me" || password != "secret" {
				asked.Add(1)
				w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			next.ServeHTTP(w, r)
		})
	})
	dir := t.TempDir()
	t.Setenv("DOCKER_CONFIG", dir)
	if _, err := image.Open(context.Background(), s.Host+"/some/image:1", image.Options{}); err == nil || !strings.Contains(err.Error(), "docker login "+s.Host) {
		t.Errorf("without a password: %v", err)
	}
	config := `{"auths":{"` + s.Host + `":{"auth":"bWU6c2VjcmV0"}}}`
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	readTree(t, mustOpen(t, s.Host+"/some/image:1", image.Options{}))
	if err := image.Write(context.Background(), sample(t), s.Host+"/some/other:1", image.WriteOptions{}); err != nil {
		t.Error(err)
	}
}

func TestRegistryNoAnswer(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	host := strings.TrimPrefix(s.URL, "http://")
	_, err := image.Open(context.Background(), host+"/some/image:1", image.Options{})
	if err == nil || !strings.Contains(err.Error(), "check the network, the proxy") {
		t.Errorf("got %v", err)
	}
	// Plain http is never tried at an address that is not the usual loopback one.
	l, err := net.Listen("tcp", "127.0.0.2:0")
	if err != nil {
		t.Skip(err)
	}
	tls := httptest.NewUnstartedServer(http.NotFoundHandler())
	tls.Listener.Close()
	tls.Listener, tls.Config.ErrorLog = l, log.New(io.Discard, "", 0)
	tls.StartTLS()
	defer tls.Close()
	o := image.Options{Access: access.Config{Mirrors: map[string][]string{"docker.io": {tls.URL}}, Proxy: map[string]string{"HTTPS_PROXY": "http://127.0.0.1:1", "NO_PROXY": "127.0.0.2"}}}
	_, err = image.Open(context.Background(), "alpine:3.20", o)
	if err == nil || !strings.Contains(err.Error(), "--ca FILE") {
		t.Errorf("unknown authority: got %v", err)
	}
}

// index returns a layout with an index for two platforms and an attestation.
func index(t testing.TB) (string, map[string]v1.Image) {
	t.Helper()
	images := map[string]v1.Image{}
	var idx v1.ImageIndex = empty.Index
	for _, arch := range []string{"amd64", "arm64"} {
		img := testimage.Image(t, v1.Config{}, testimage.Tree{"/arch": "file 0644 " + arch})
		cfg, err := img.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		cfg = cfg.DeepCopy()
		cfg.Architecture = arch
		if img, err = mutate.ConfigFile(img, cfg); err != nil {
			t.Fatal(err)
		}
		images[arch] = img
		idx = mutate.AppendManifests(idx, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}}})
	}
	idx = mutate.AppendManifests(idx, mutate.IndexAddendum{Add: sample(t), Descriptor: v1.Descriptor{
		Platform:    &v1.Platform{OS: "unknown", Architecture: "unknown"},
		Annotations: map[string]string{"vnd.docker.reference.type": "attestation-manifest"}}})
	idx = mutate.IndexMediaType(idx, types.OCIImageIndex)
	dir := t.TempDir()
	p, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.AppendIndex(idx, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": "multi"})); err != nil {
		t.Fatal(err)
	}
	return dir, images
}

func TestPlatform(t *testing.T) {
	dir, images := index(t)
	for _, arch := range []string{"amd64", "arm64"} {
		o := image.Options{Platform: &v1.Platform{OS: "linux", Architecture: arch}}
		for _, ref := range []string{"oci:" + dir, "oci:" + dir + ":multi"} {
			if got := mustOpen(t, ref, o); configName(t, got) != configName(t, images[arch]) {
				t.Errorf("%s for %s: another image", ref, arch)
			}
		}
	}
	o := image.Options{Platform: &v1.Platform{OS: "linux", Architecture: "riscv64"}}
	_, err := image.Open(context.Background(), "oci:"+dir, o)
	if err == nil || !strings.Contains(err.Error(), "linux/riscv64; there is linux/amd64, linux/arm64") {
		t.Errorf("got %v", err)
	}
	digest, derr := images["arm64"].Digest()
	if derr != nil {
		t.Fatal(derr)
	}
	if got := mustOpen(t, "oci:"+dir+"@"+digest.String(), image.Options{}); configName(t, got) != configName(t, images["arm64"]) {
		t.Error("an image of the index by its digest: another")
	}
	one := testimage.Layout(t, map[string]v1.Image{"some/image:1": images["arm64"]})
	_, err = image.Open(context.Background(), "oci:"+one, image.Options{Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}})
	if err == nil || !strings.Contains(err.Error(), "it is linux/arm64") {
		t.Errorf("an image for another platform: %v", err)
	}
}

// dockerd answers as much of Docker's API as is asked, with the archive of an image, and keeps what it is given.
type dockerd struct {
	save   string // file
	loaded string // file
	answer string // of a load
}

func (d *dockerd) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Api-Version", "1.41")
	p := r.URL.Path
	switch {
	case strings.HasSuffix(p, "/_ping"):
	case strings.HasSuffix(p, "/images/load"):
		f, err := os.Create(d.loaded)
		if err == nil {
			_, err = io.Copy(f, r.Body)
			err = errors.Join(err, f.Close())
		}
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		io.WriteString(w, d.answer)
	case strings.HasSuffix(p, "/images/get"):
		http.ServeFile(w, r, d.save)
	case strings.HasSuffix(p, "/json") && strings.Contains(p, "some/image"):
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"Id":"sha256:0"}`)
	default:
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusNotFound)
		io.WriteString(w, `{"message":"No such image: `+p+`"}`)
	}
}

func TestDaemon(t *testing.T) {
	dir := t.TempDir()
	d := &dockerd{save: dir + "/save.tar", loaded: dir + "/load.tar", answer: `{"stream":"Loaded image: some/image:1\n"}`}
	s := httptest.NewServer(d)
	defer s.Close()
	t.Setenv("DOCKER_HOST", "tcp://"+s.Listener.Addr().String())
	img := sample(t)
	z, err := image.Recompress(img, image.Zstd)
	if err != nil {
		t.Fatal(err)
	}
	if err := image.Write(context.Background(), z, "docker-daemon:some/image:1", image.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	got := mustOpen(t, "docker-archive:"+d.loaded, image.Options{})
	compare(t, dump(t, readTree(t, got)), dump(t, readTree(t, img)))
	checkMedia(t, got, "docker-archive:", image.Gzip)

	if err := os.Rename(d.loaded, d.save); err != nil {
		t.Fatal(err)
	}
	got = mustOpen(t, "docker-daemon:some/image:1", image.Options{})
	compare(t, dump(t, readTree(t, got)), dump(t, readTree(t, img)))

	d.answer = `{"stream":"Loading"}{"errorDetail":{"message":"no space left"},"error":"no space left"}`
	err = image.Write(context.Background(), img, "docker-daemon:some/image:1", image.WriteOptions{})
	if err == nil || !strings.Contains(err.Error(), "loading into Docker: no space left") {
		t.Errorf("a failed load: %v", err)
	}
	err = image.Write(context.Background(), unreadable{img}, "docker-daemon:some/image:1", image.WriteOptions{})
	if err == nil || !strings.Contains(err.Error(), "not to be read") {
		t.Errorf("an unreadable layer: %v", err)
	}
	if _, err = image.Open(context.Background(), "docker-daemon:other:1", image.Options{}); err == nil || !strings.Contains(err.Error(), "No such image") {
		t.Errorf("an unknown image: %v", err)
	}
	s.Close()
	if _, err = image.Open(context.Background(), "docker-daemon:some/image:1", image.Options{}); err == nil || !strings.Contains(err.Error(), "is it running") {
		t.Errorf("no Docker: %v", err)
	}
}

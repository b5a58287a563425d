package image_test

import (
	"io"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/testimage"
)

var documents = []image.Attachment{
	{Type: "application/spdx+json", Name: "sbom.spdx.json", Content: []byte(`{"a": 1}`)},
	{Type: "application/vnd.cyclonedx+json", Name: "sbom.cdx.json", Content: []byte(`{"b": 2}`)},
}

// checkArtifact makes sure that an artifact is the n-th document about img.
func checkArtifact(t *testing.T, a, img v1.Image, n int) {
	t.Helper()
	m, err := a.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	want, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if m.Subject == nil || m.Subject.Digest != want || m.ArtifactType != documents[n].Type || m.Config.MediaType != "application/vnd.oci.empty.v1+json" {
		t.Errorf("manifest %+v, subject %+v", m, m.Subject)
	}
	if got := m.Layers[0]; string(got.MediaType) != documents[n].Type || got.Annotations["org.opencontainers.image.title"] != documents[n].Name {
		t.Errorf("layer %+v", got)
	}
	layers, err := a.Layers()
	if err != nil {
		t.Fatal(err)
	}
	rc, err := layers[0].Compressed()
	if err != nil {
		t.Fatal(err)
	}
	defer rc.Close()
	if b, err := io.ReadAll(rc); err != nil || string(b) != string(documents[n].Content) {
		t.Errorf("content %q, %v", b, err)
	}
}

// A layout and an archive hold the documents beside the image, which is still the only image there; written twice,
// they are there once.
func TestAttachToLayoutAndArchive(t *testing.T) {
	img := testimage.Image(t, v1.Config{}, testimage.Tree{"/a": "file 0644 x"})
	for _, compression := range []image.Compression{image.Keep, image.Zstd} {
		dir := t.TempDir()
		o := image.WriteOptions{Attach: documents, Compression: compression}
		for range 2 {
			if err := image.Write(t.Context(), img, "oci:"+dir+"/layout:x", o); err != nil {
				t.Fatal(err)
			}
		}
		if err := image.Write(t.Context(), img, "oci-archive:"+dir+"/a.tar", o); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(dir+"/unpacked", 0o755); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command("tar", "-C", dir+"/unpacked", "-xf", dir+"/a.tar").CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		for _, where := range []string{"layout", "unpacked"} {
			back := mustOpen(t, "oci:"+dir+"/"+where, image.Options{})
			l, err := layout.ImageIndexFromPath(dir + "/" + where)
			if err != nil {
				t.Fatal(err)
			}
			m, err := l.IndexManifest()
			if err != nil {
				t.Fatal(err)
			}
			if len(m.Manifests) != 3 {
				t.Fatalf("%s: %d manifests, want 3", where, len(m.Manifests))
			}
			for n, d := range m.Manifests[1:] {
				if d.ArtifactType != documents[n].Type || d.Platform != nil {
					t.Errorf("%s: descriptor %+v", where, d)
				}
				a, err := l.Image(d.Digest)
				if err != nil {
					t.Fatal(err)
				}
				checkArtifact(t, a, back, n)
			}
		}
	}
}

// A registry lists them as referrers, be it one that keeps the list or one from before there was such a thing.
func TestAttachInRegistry(t *testing.T) {
	img := testimage.Image(t, v1.Config{}, testimage.Tree{"/a": "file 0644 x"})
	for _, modern := range []bool{true, false} {
		srv := httptest.NewServer(registry.New(registry.WithReferrersSupport(modern), registry.Logger(log.New(io.Discard, "", 0))))
		defer srv.Close()
		ref := strings.TrimPrefix(srv.URL, "http://") + "/app:1"
		if err := image.Write(t.Context(), img, ref, image.WriteOptions{Attach: documents}); err != nil {
			t.Fatal(err)
		}
		tag, err := name.ParseReference(ref)
		if err != nil {
			t.Fatal(err)
		}
		digest, err := img.Digest()
		if err != nil {
			t.Fatal(err)
		}
		idx, err := remote.Referrers(tag.Context().Digest(digest.String()))
		if err != nil {
			t.Fatal(err)
		}
		m, err := idx.IndexManifest()
		if err != nil {
			t.Fatal(err)
		}
		if len(m.Manifests) != 2 {
			t.Fatalf("modern %t: %d referrers", modern, len(m.Manifests))
		}
		for _, d := range m.Manifests {
			a, err := remote.Image(tag.Context().Digest(d.Digest.String()))
			if err != nil {
				t.Fatal(err)
			}
			am, err := a.Manifest()
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			if am.ArtifactType == documents[1].Type {
				n = 1
			}
			checkArtifact(t, a, img, n)
		}
	}
}

func TestAttachRefused(t *testing.T) {
	img := testimage.Image(t, v1.Config{}, testimage.Tree{"/a": "file 0644 x"})
	err := image.Write(t.Context(), img, "docker-archive:"+t.TempDir()+"/a.tar", image.WriteOptions{Attach: documents})
	if err == nil || !strings.Contains(err.Error(), "no attached documents") {
		t.Errorf("error %v", err)
	}
}

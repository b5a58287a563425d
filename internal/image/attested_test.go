package image_test

import (
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
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

const slsa = "https://slsa.dev/provenance/v1"

// What an index holds of its image is read from a layout and from a registry; of each platform its own.
func TestStatements(t *testing.T) {
	dir := t.TempDir()
	ref := testimage.Attested(t, dir, onPlatform(t, "amd64"), onPlatform(t, "arm64"))
	srv := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer srv.Close()
	tag := strings.TrimPrefix(srv.URL, "http://") + "/app:v1"
	push(t, dir, tag)
	for _, ref := range []string{ref, tag} {
		for _, arch := range []string{"amd64", "arm64"} {
			img := mustOpen(t, ref, image.Options{Platform: &v1.Platform{OS: "linux", Architecture: arch}})
			all, err := image.Statements(img, "other", slsa)
			if err != nil || len(all) != 1 || string(all[0]) != string(testimage.Provenance(t, img)) {
				t.Errorf("%s %s: %q, %v", ref, arch, all, err)
			}
			if all, err := image.Statements(img, "other"); err != nil || len(all) > 0 {
				t.Errorf("%s: statements of another kind: %q, %v", ref, all, err)
			}
		}
	}
	if all, err := image.Statements(onPlatform(t, "amd64"), slsa); err != nil || len(all) > 0 {
		t.Errorf("an image of no index: %q, %v", all, err)
	}
}

// push copies the index of a layout to a registry.
func push(t *testing.T, dir, tag string) {
	t.Helper()
	top, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	m, err := top.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	idx, err := top.ImageIndex(m.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	at, err := name.ParseReference(tag)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(at, idx); err != nil {
		t.Fatal(err)
	}
}

// A damaged attestation is told of; the image opens all the same.
func TestStatementsDamaged(t *testing.T) {
	for what, damage := range map[string]func(blob string) error{
		"is missing": os.Remove,
		"is damaged": func(blob string) error { return os.WriteFile(blob, []byte("{}"), 0o644) },
	} {
		dir := t.TempDir()
		ref := testimage.Attested(t, dir, onPlatform(t, "amd64"))
		blobs, err := filepath.Glob(dir + "/blobs/sha256/*")
		if err != nil {
			t.Fatal(err)
		}
		for _, blob := range blobs {
			b, err := os.ReadFile(blob)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(b), `"predicateType"`) {
				if err := damage(blob); err != nil {
					t.Fatal(err)
				}
			}
		}
		all, err := image.Statements(mustOpen(t, ref, image.Options{Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}}), slsa)
		if len(all) > 0 || err == nil || !strings.Contains(err.Error(), "reading attestation sha256:") || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %q, %v", what, all, err)
		}
	}
}

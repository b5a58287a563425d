package engine_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/klauspost/compress/gzip"
	digest "github.com/opencontainers/go-digest"

	"github.com/lighten/lighten/internal/engine"
)

// TestWatch sees each layer of an image once, whole, while it is unpacked: also when one who watches leaves early.
func TestWatch(t *testing.T) {
	var mu sync.Mutex
	asked, seen, verified := []string{}, map[string]string{}, map[string]bool{}
	e := open(t, func(o *engine.Options) {
		o.Watch = func(diffID string) func(io.Reader) func(string) {
			mu.Lock()
			defer mu.Unlock()
			asked = append(asked, diffID)
			first := len(asked) == 1
			return func(content io.Reader) func(string) {
				if first {
					_, _ = content.Read(make([]byte, 1))
					return nil
				}
				h := sha256.New()
				if _, err := io.Copy(h, content); err != nil {
					t.Errorf("layer %s: %v", diffID, err)
				}
				mu.Lock()
				defer mu.Unlock()
				seen[diffID] = "sha256:" + hex.EncodeToString(h.Sum(nil))
				return func(id string) { mu.Lock(); defer mu.Unlock(); verified[id] = true }
			}
		}
	})
	use := func(ref string) (ids []string) {
		err := e.Use(context.Background(), ref, "", nil, func(_ context.Context, b *engine.Built) error {
			for _, id := range b.Config().RootFS.DiffIDs {
				ids = append(ids, id.String())
			}
			if _, err := b.ReadFile(context.Background(), "/etc/os-release"); err != nil { // only now it is unpacked
				t.Error(err)
			}
			cf, err := b.ImageConfig(context.Background(), ref)
			if err == nil && !slices.Equal(cf.RootFS.DiffIDs, b.Config().RootFS.DiffIDs) {
				t.Errorf("ImageConfig has the layers %v", cf.RootFS.DiffIDs)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return ids
	}
	ids := use("python:3.11-slim")
	if !slices.Equal(asked, ids) {
		t.Errorf("asked for %q, want %q", asked, ids)
	}
	if len(ids) < 2 {
		t.Fatalf("the image has %d layers; the test needs more", len(ids))
	}
	for _, id := range ids[1:] {
		if seen[id] != id || !verified[id] {
			t.Errorf("layer %s: its content has the digest %s, verified %v", id, seen[id], verified[id])
		}
	}
	if verified[ids[0]] {
		t.Error("the layer that was not read counts as verified")
	}
	if use("python:3.11-slim"); len(asked) != len(ids) {
		t.Error("layers were unpacked again")
	}
}

// TestWatchMade sees what becomes a layer, whole, and finds it compressed as lighten compresses layers; one who leaves early harms
// nothing.
func TestWatchMade(t *testing.T) {
	var mu sync.Mutex
	asked, seen := 0, map[string][]byte{}
	e := open(t, func(o *engine.Options) {
		o.Watch = func(diffID string) func(io.Reader) func(string) {
			if diffID != "" {
				return nil
			}
			mu.Lock()
			defer mu.Unlock()
			asked++
			if asked == 1 {
				return func(content io.Reader) func(string) { return nil }
			}
			return func(content io.Reader) func(string) {
				b, err := io.ReadAll(content)
				if err != nil {
					t.Errorf("reading a layer on its way: %v", err)
				}
				return func(id string) { mu.Lock(); defer mu.Unlock(); seen[id] = b }
			}
		}
	})
	dir := contextDir(t, map[string]string{"a": strings.Repeat("layer ", 100_000), "b": "b"})
	img, err := e.Build(context.Background(), engine.Build{
		Context: dir, Dockerfile: []byte("FROM scratch\nCOPY a /\nCOPY a b /two/\nCOPY b /three/\n"),
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(img); err != nil {
		t.Error(err)
	}
	layers, err := img.Layers()
	if err != nil || len(layers) != 3 {
		t.Fatalf("%d layers, %v", len(layers), err)
	}
	found := 0
	for _, l := range layers {
		id, err := l.DiffID()
		if err != nil {
			t.Fatal(err)
		}
		plain, ok := seen[id.String()]
		if !ok {
			continue
		}
		found++
		var packed bytes.Buffer
		zw := gzip.NewWriter(&packed)
		if _, err := zw.Write(plain); err != nil {
			t.Fatal(err)
		}
		if err := zw.Close(); err != nil {
			t.Fatal(err)
		}
		d, err := l.Digest()
		if err != nil {
			t.Fatal(err)
		}
		if want := digest.FromBytes(packed.Bytes()).String(); d.String() != want {
			t.Errorf("layer %s has the digest %s, want %s", id, d, want)
		}
	}
	if found != 2 || asked != 3 {
		t.Errorf("asked about %d layers and saw %d of the image's, want 3 and 2", asked, found)
	}
}

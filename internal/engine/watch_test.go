package engine_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"slices"
	"sync"
	"testing"

	"github.com/lighten/lighten/internal/engine"
)

// TestWatch sees each layer of an image once, whole, while it is unpacked: also when one who watches leaves early.
func TestWatch(t *testing.T) {
	var mu sync.Mutex
	asked, seen, verified := []string{}, map[string]string{}, map[string]bool{}
	e := open(t, func(o *engine.Options) {
		o.Watch = func(diffID string) func(io.Reader) func() {
			mu.Lock()
			defer mu.Unlock()
			asked = append(asked, diffID)
			first := len(asked) == 1
			return func(content io.Reader) func() {
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
				return func() { mu.Lock(); defer mu.Unlock(); verified[diffID] = true }
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

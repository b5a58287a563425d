package engine_test

import (
	"context"
	"math/rand/v2"
	"runtime"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lighten/lighten/internal/engine"
	"github.com/lighten/lighten/internal/testimage"
)

// What the embedded engine reads of this process passes through gRPC once: each byte of a layer is allocated there about once.
func TestUseImageMemory(t *testing.T) {
	e := open(t)
	content := make([]byte, 48<<20)
	rand.NewChaCha8([32]byte{}).Read(content)
	img := testimage.ImageOf(t, v1.Config{}, testimage.Layer(t, testimage.Tree{"/big": "file 0644 " + string(content)}))
	if _, err := img.Digest(); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := e.UseImage(t.Context(), img, "", nil, func(context.Context, *engine.Built) error { return nil }); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if n := float64(after.TotalAlloc-before.TotalAlloc) / float64(len(content)); n > 1.6 {
		t.Errorf("%.2f bytes allocated for each byte of the image", n)
	} else {
		t.Logf("%.2f bytes allocated for each byte of the image", n)
	}
}

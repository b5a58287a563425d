package image_test

import (
	"bytes"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/testimage"
)

// TestIndex indexes a layer from its bare content; ReadTree then takes it from the cache, with all that is kept of it.
func TestIndex(t *testing.T) {
	tree := testimage.Tree{"/etc/": "dir 0755", "/etc/name": "file 0644 lighten", "/etc/link": "symlink name"}
	layer := testimage.Layer(t, tree)
	id, err := layer.DiffID()
	if err != nil {
		t.Fatal(err)
	}
	o := image.TreeOptions{Keep: everything, KeepName: "everything", CacheDir: t.TempDir()}
	if o.Indexed(id) {
		t.Error("the index of a layer nobody read is there")
	}
	save, err := o.Index(bytes.NewReader(testimage.Tar(t, tree)))
	if err != nil {
		t.Fatal(err)
	}
	if o.Indexed(id) {
		t.Error("the index is there before it is saved")
	}
	if err := save(id); err != nil {
		t.Fatal(err)
	}
	if !o.Indexed(id) {
		t.Error("the index is not there")
	}
	got, err := image.ReadTree(t.Context(), unreadable{testimage.ImageOf(t, v1.Config{}, layer)}, o)
	if err != nil {
		t.Fatal(err)
	}
	if b, ok := got.Content("/etc/link"); string(b) != "lighten" || !ok {
		t.Errorf("/etc/link holds %q, %v", b, ok)
	}
	for _, damaged := range [][]byte{testimage.Tar(t, tree)[:700], []byte("no archive at all, and long enough for a header" + string(make([]byte, 600)))} {
		if _, err := o.Index(bytes.NewReader(damaged)); err == nil {
			t.Errorf("%d damaged bytes are indexed", len(damaged))
		}
	}
}

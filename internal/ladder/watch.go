package ladder

import (
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/inventory"
)

// treeOptions say what is kept of a candidate's files.
func treeOptions(cacheDir string) image.TreeOptions {
	o := inventory.Rules()
	o.Keep, o.KeepName, o.CacheDir = wanted, wantedName, cacheDir
	return o
}

// Watch indexes the layers of images while an engine unpacks or makes them (engine.Options.Watch), for a climb with the same
// cacheDir: they need not be decompressed again to be measured. What cannot be indexed here is read there, with its error.
func Watch(cacheDir string) func(diffID string) func(io.Reader) func(string) {
	o := treeOptions(cacheDir)
	index := func(content io.Reader) func(string) {
		save, err := o.Index(content)
		if err != nil {
			return nil
		}
		return func(diffID string) {
			if id, err := v1.NewHash(diffID); err == nil {
				_ = save(id)
			}
		}
	}
	return func(diffID string) func(io.Reader) func(string) {
		if id, err := v1.NewHash(diffID); diffID != "" && (err != nil || o.Indexed(id)) {
			return nil
		}
		return index
	}
}

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

// Watch indexes the layers of base images while an engine unpacks them (engine.Options.Watch), for a climb with the same
// cacheDir: they need not be decompressed again to be measured. What cannot be indexed here is read there, with its error.
func Watch(cacheDir string) func(diffID string) func(io.Reader) func() {
	o := treeOptions(cacheDir)
	return func(diffID string) func(io.Reader) func() {
		id, err := v1.NewHash(diffID)
		if err != nil || o.Indexed(id) {
			return nil
		}
		return func(content io.Reader) func() {
			save, err := o.Index(content)
			if err != nil {
				return nil
			}
			return func() { _ = save(id) }
		}
	}
}

package ladder

import (
	"encoding/json"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lighten/lighten/internal/image"
)

// sumFormat is part of what a remembered sum is called: a change of what is counted, or how, needs another.
const sumFormat = "sum-1"

// sum is what the report tells of an image's files.
type sum struct {
	image.Size
	Packages int
}

// sums remembers the sums of images between runs, by their digest, which names all that is counted for good: an image
// that was built before need not be read file by file.
type sums struct{ dir string } // "": nothing is remembered

func (s sums) file(digest v1.Hash) string {
	return filepath.Join(s.dir, digest.Hex+"."+sumFormat)
}

// load returns what is remembered; nil when that is nothing, or not whole.
func (s sums) load(digest v1.Hash) *sum {
	if s.dir == "" {
		return nil
	}
	b, err := os.ReadFile(s.file(digest))
	if err != nil {
		return nil
	}
	var x sum
	if json.Unmarshal(b, &x) != nil {
		return nil
	}
	return &x
}

// save remembers a sum. Where that fails, the next run counts again.
func (s sums) save(digest v1.Hash, x sum) {
	if b, err := json.Marshal(x); err == nil && s.dir != "" {
		_ = image.WriteCache(s.file(digest), b)
	}
}

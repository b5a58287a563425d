package embedded

import (
	"sync/atomic"

	"github.com/moby/buildkit/cache"
	"github.com/moby/buildkit/cache/contenthash"
	"github.com/moby/buildkit/cache/metadata"
)

// opened says that this process has had an engine.
var opened atomic.Bool

// forgetSums has BuildKit forget the sums of files of all records. It keeps some per process, by the record's id, with the database of
// the engine that they were made by: one that was closed since, perhaps, on the same state.
func forgetSums(s *metadata.Store) {
	all, err := s.All()
	if err != nil {
		return // without records there is nothing to keep
	}
	for _, x := range all {
		contenthash.ClearCacheContext(record{id: x.ID()})
	}
}

type record struct {
	cache.RefMetadata
	id string
}

// ID implements cache.RefMetadata.
func (r record) ID() string { return r.id }

package engine

import (
	"context"
	"fmt"
	"sort"
	"time"

	"github.com/moby/buildkit/client"
)

// Usage is one thing the engine keeps.
type Usage struct {
	ID          string    `json:"id"`
	Kind        string    `json:"kind"` // regular, source.local, source.git.checkout, exec.cachemount, internal, frontend
	Description string    `json:"description"`
	Bytes       int64     `json:"bytes"`
	InUse       bool      `json:"in_use"`
	Shared      bool      `json:"shared"` // its bytes are needed by something else too
	Created     time.Time `json:"created"`
	LastUsed    time.Time `json:"last_used"` // zero: never
}

// Usage lists what the engine keeps, the largest first.
func (e *Engine) Usage(ctx context.Context) ([]Usage, error) {
	list, err := e.client.DiskUsage(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the disk usage of %s: %w", e, err)
	}
	out := make([]Usage, 0, len(list))
	for _, u := range list {
		x := Usage{ID: u.ID, Kind: string(u.RecordType), Description: u.Description, Bytes: u.Size, InUse: u.InUse, Shared: u.Shared, Created: u.CreatedAt}
		if u.LastUsedAt != nil {
			x.LastUsed = *u.LastUsedAt
		}
		out = append(out, x)
	}
	sort.SliceStable(out, func(i, j int) bool {
		if out[i].Bytes != out[j].Bytes {
			return out[i].Bytes > out[j].Bytes
		}
		return out[i].ID < out[j].ID
	})
	return out, nil
}

// PruneOptions say what goes.
type PruneOptions struct {
	All       bool          // also what the engine needs for itself (frontends, internal records)
	KeepBytes int64         // stop when so much is left; 0: remove everything unused
	OlderThan time.Duration // only what was not used for so long; 0: everything
}

// Prune removes what is not in use and returns the bytes freed.
func (e *Engine) Prune(ctx context.Context, o PruneOptions) (int64, error) {
	opts := []client.PruneOption{client.WithKeepOpt(o.OlderThan, 0, o.KeepBytes, 0)}
	if o.All {
		opts = append(opts, client.PruneAll)
	}
	return e.prune(ctx, opts...)
}

// Mark names what the embedded engine keeps at this time, for [Engine.Forget]. Other engines have their own rules: of them it names nothing.
func (e *Engine) Mark(ctx context.Context) (map[string]bool, error) {
	if e.inner == nil {
		return nil, nil
	}
	list, err := e.Usage(ctx)
	if err != nil {
		return nil, err
	}
	ids := make(map[string]bool, len(list))
	for _, u := range list {
		ids[u.ID] = true
	}
	return ids, nil
}

// Forget removes what came after one mark and was there at a later one, but for layers that something else needs: nobody asks a second
// time for an image that was made to be tried once, and some are gigabytes.
func (e *Engine) Forget(ctx context.Context, from, to map[string]bool) error {
	var filter []string
	for id := range to {
		if !from[id] {
			filter = append(filter, "id=="+id)
		}
	}
	if len(filter) == 0 {
		return nil
	}
	_, err := e.prune(ctx, client.WithFilter(filter))
	return err
}

func (e *Engine) prune(ctx context.Context, opts ...client.PruneOption) (int64, error) {
	ch := make(chan client.UsageInfo)
	freed := make(chan int64)
	go func() {
		var n int64
		for u := range ch {
			n += u.Size
		}
		freed <- n
	}()
	err := e.client.Prune(ctx, ch, opts...)
	close(ch)
	n := <-freed
	if err != nil {
		return n, fmt.Errorf("pruning %s: %w", e, err)
	}
	return n, nil
}

package engine

import (
	"context"
	"fmt"

	"github.com/docker/go-units"
	"golang.org/x/sys/unix"
)

// Room makes sure, before anything is unpacked, that so many bytes fit on the disk of the state: a layer of a few bytes may claim
// terabytes. For what does fit, but not beside all that the engine keeps, it removes of that what was not used the longest. Where another
// engine has its state is not known here.
func (e *Engine) Room(ctx context.Context, bytes int64) error {
	if e.inner == nil {
		return nil
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(e.opts.State, &fs); err != nil {
		return fmt.Errorf("asking how much room is left in %s: %w", e.opts.State, err)
	}
	free := int64(fs.Bavail) * fs.Bsize
	if bytes <= free {
		return nil
	}
	kept, err := e.Usage(ctx)
	if err != nil {
		return err
	}
	total := int64(0)
	for _, u := range kept {
		total += u.Bytes
	}
	if keep := free + total - bytes; keep >= 0 {
		_, err := e.Prune(ctx, PruneOptions{KeepBytes: max(keep, 1)})
		return err
	}
	return fmt.Errorf("unpacking the image takes %s, and %s are free in %s; free some space, or choose another directory with --state",
		units.HumanSize(float64(bytes)), units.HumanSize(float64(free)), e.opts.State)
}

package engine

import (
	"context"
	"fmt"

	"github.com/docker/go-units"
	"golang.org/x/sys/unix"
)

// Room makes sure, before anything is unpacked, that an image of so many bytes fits on the disk of the state: a layer of a few bytes
// may claim terabytes. Some of the image may be there already, so all that the engine keeps counts as if it were of it. Where
// another engine has its state is not known here.
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
	here := free
	for _, u := range kept {
		here += u.Bytes
	}
	if bytes <= here {
		return nil
	}
	return fmt.Errorf("unpacking the image takes %s, and %s are free in %s; free some space, or choose another directory with --state",
		units.HumanSize(float64(bytes)), units.HumanSize(float64(free)), e.opts.State)
}

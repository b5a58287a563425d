package heal

import (
	"context"
	"maps"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lighten/lighten/internal/carve"
	"github.com/lighten/lighten/internal/lock"
)

// Locked carves img as a lock says, without running anything: of o, Trial and Engine may be nil. Name is the lock's, for errors. An image that
// no longer fits it is a [*lock.Unfit].
func Locked(ctx context.Context, img v1.Image, f *lock.File, name string, o Options) (*Result, error) {
	o.Level = f.Level
	h := newHealer(img, o)
	h.lock = f
	defer func() { h.res.Tree.Release() }()
	defer func() { h.end() }()
	if err := h.read(ctx); err != nil {
		return nil, err
	}
	var err error
	if h.res.Keep, err = f.Keep(name, h.res.Tree, h.res.Inventory); err != nil {
		return nil, err
	}
	h.step("carving as "+name+" says", nil)
	if err := h.apply(ctx); err != nil {
		return nil, err
	}
	h.res.Rounds = 1
	return h.res, h.compress(ctx)
}

// Lock writes down what was kept.
func (r *Result) Lock(o Options) (*lock.File, error) {
	return lock.Of(r.Keep, r.Tree, r.Inventory, lock.Header{Image: o.Name, Level: o.Level})
}

// labelled adds the guard to the carved image's labels. That of an image which was carved before, and now is carved again, tells nothing
// of the new one.
func (h *healer) labelled() (carve.Options, error) {
	o := h.Options.Carve
	label := ""
	if h.Guard {
		f, err := h.lock, error(nil)
		if f == nil {
			f, err = h.res.Lock(h.Options)
		}
		if err != nil {
			return o, err
		}
		if label, err = f.Guard(h.res.Keep, h.res.Tree, h.res.Inventory).Encode(); err != nil {
			return o, err
		}
	} else if h.res.Tree.Config == nil || h.res.Tree.Config.Config.Labels[lock.Label] == "" {
		return o, nil
	}
	o.Labels = maps.Clone(o.Labels)
	if o.Labels == nil {
		o.Labels = map[string]string{}
	}
	o.Labels[lock.Label] = label
	return o, nil
}

package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/spf13/cobra"

	"github.com/lighten/lighten/internal/check"
	"github.com/lighten/lighten/internal/engine"
	"github.com/lighten/lighten/internal/heal"
	"github.com/lighten/lighten/internal/ladder"
	"github.com/lighten/lighten/internal/lock"
	"github.com/lighten/lighten/internal/report"
)

// readLock reads a lock that the user names.
func readLock(name string) (*lock.File, error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading the lock: %w; carve once with --lock %s to write it", err, name)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the lock: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, lock.MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("reading the lock: %w", err)
	}
	return lock.Parse(name, b)
}

// saveLock writes a lock whole or not at all.
func saveLock(name string, f *lock.File) error {
	var b bytes.Buffer
	if err := f.Write(&b); err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return save(name, b.Bytes())
}

// saveLock writes the lock of the candidate carved, when it is wanted and there is one.
func (b *buildFlags) saveLock(c *cobra.Command, res *ladder.Result) error {
	if b.lock == "" || b.locked {
		return nil
	}
	f := res.Lock()
	if f == nil {
		fmt.Fprintf(c.ErrOrStderr(), "lighten: %s is not written: no carved image passes its checks\n", b.lock)
		return nil
	}
	return saveLock(b.lock, f)
}

// byLock carves by the lock, without running anything.
func (r *carveRun) byLock(img v1.Image, platform string) (*carvedImage, error) {
	name := r.lockOf(platform)
	f, err := readLock(name)
	if err != nil {
		return nil, err
	}
	o, err := r.options(&check.File{Level: string(f.Level)}, platform)
	if err != nil {
		return nil, err
	}
	if o.Progress, err = engine.NewProgress(r.c.ErrOrStderr(), r.progress); err != nil {
		return nil, err
	}
	res, err := heal.Locked(r.c.Context(), img, f, name, o)
	if perr := o.Progress.Close(); err == nil {
		err = perr
	}
	if err != nil {
		return nil, err
	}
	rep, err := carveReport(r.c.Context(), res)
	if err != nil {
		return nil, err
	}
	rep.Image, rep.Platform, rep.Level, rep.Lock = r.ref, f.Platform, string(f.Level), name
	rep.Verdict, rep.Reason = report.Unchecked, "carved as "+name+" says, and not run"
	return &carvedImage{rep, res}, nil
}

// lockOf is the lock of a platform: the named file when there is one platform alone.
func (r *carveRun) lockOf(platform string) string {
	if !r.several() {
		return r.lock
	}
	return ofPlatform(r.lock, platform)
}

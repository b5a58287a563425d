package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/spf13/cobra"

	"github.com/lighten/lighten/internal/access"
	"github.com/lighten/lighten/internal/check"
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

// runLocked carves by the lock.
func (k *carveFlags) runLocked(c *cobra.Command, g *global, a access.Config, img v1.Image, ref string, limits []report.Budget, start time.Time) error {
	if k.level != "" || k.keep != nil || k.drop != nil {
		return errors.New("reading the flags: with --locked the lock says what stays, so --level, --keep and --drop have nothing to act on; carve with --lock to write another")
	}
	if k.lock == "" {
		k.lock = lock.Name
	}
	f, err := readLock(k.lock)
	if err != nil {
		return err
	}
	o, err := k.options(c, g, &check.File{Level: string(f.Level)})
	if err != nil {
		return err
	}
	o.Name = ref
	res, err := heal.Locked(c.Context(), img, f, k.lock, o)
	if err != nil {
		return err
	}
	rep, err := carveReport(c.Context(), res)
	if err != nil {
		return err
	}
	rep.Image, rep.Platform, rep.Level, rep.Lock = ref, f.Platform, string(f.Level), k.lock
	rep.Verdict, rep.Reason = report.Unchecked, "carved as "+k.lock+" says, and not run"
	return k.deliver(c, a, rep, res, limits, start)
}

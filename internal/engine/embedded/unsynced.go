package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// The databases below the state directory are not synced at every transaction: a build makes hundreds, and each would wait
// for the disk. The kernel keeps what a killed process wrote, so only a machine that goes down can damage them. This
// file tells: while the state is open it holds the boot it was opened in, and is itself synced; once all else is on the
// disk it is emptied.
const unsyncedFile = "unsynced"

// bootID names the time from the machine's start to its end; "unknown" where the kernel does not tell.
func bootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(b))
}

// openState notes that the state is open. When the machine went down while it was so before, everything in it that a
// crash can damage is discarded, and lost is true.
func openState(state, boot string) (lost bool, err error) {
	name := filepath.Join(state, unsyncedFile)
	before, err := os.ReadFile(name)
	created := errors.Is(err, fs.ErrNotExist)
	switch {
	case err != nil && !created:
		return false, fmt.Errorf("opening the state directory: %w", err)
	case string(before) == boot: // a killed run's
		return false, nil
	case len(before) > 0:
		lost = true
		if err := discardState(state); err != nil {
			return true, fmt.Errorf("discarding what a crash of the machine may have damaged in %s: %w", state, err)
		}
	}
	if err := os.WriteFile(name, []byte(boot), 0o644); err != nil {
		return lost, fmt.Errorf("opening the state directory: %w", err)
	}
	if err := syncFile(name); err != nil || !created {
		return lost, err
	}
	return lost, syncFile(state) // its entry of the directory
}

func discardState(state string) error {
	workers, err := filepath.Glob(filepath.Join(state, "runc-*"))
	if err != nil {
		return err
	}
	for _, name := range append(workers, filepath.Join(state, "cache.db"), filepath.Join(state, "history.db")) {
		if err := os.RemoveAll(name); err != nil {
			return err
		}
	}
	return nil
}

// closeState notes that all of the state is on the disk.
func closeState(state string) error { return os.Truncate(filepath.Join(state, unsyncedFile), 0) }

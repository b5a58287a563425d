package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// HeldError says who uses a state directory.
type HeldError struct {
	State   string
	PID     int    // 0: not known yet
	Command string // its command line
}

func (e *HeldError) Error() string {
	who := "another lighten"
	if e.PID != 0 {
		who = fmt.Sprintf("process %d (%s)", e.PID, e.Command)
	}
	return fmt.Sprintf("locking the state directory %s: %s is using it: wait for it (--wait), or use another directory (--state DIR)", e.State, who)
}

// Lock is a held state directory.
type Lock struct{ f *os.File }

// TakeLock takes the state directory for this process. When another process has it, it fails with a [*HeldError], or,
// with wait, tells notify who has it and waits until the directory is free or ctx ends. The kernel frees the lock of a
// process that dies, however it dies.
func TakeLock(ctx context.Context, state string, wait bool, notify func(string)) (*Lock, error) {
	if err := os.MkdirAll(state, 0o711); err != nil {
		return nil, fmt.Errorf("making the state directory: %w", err)
	}
	name := filepath.Join(state, "lock")
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking the state directory: %w", err)
	}
	told := false
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			l := &Lock{f: f}
			return l, l.sign()
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			f.Close()
			return nil, fmt.Errorf("locking %s: %w", name, err)
		}
		held := holder(state, f)
		if !wait {
			f.Close()
			return nil, held
		}
		if !told && notify != nil {
			notify(fmt.Sprintf("waiting for process %d (%s), which is using %s", held.PID, held.Command, state))
			told = true
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, fmt.Errorf("waiting for the state directory: %w: %w", held, context.Cause(ctx))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// sign writes who holds the lock into it.
func (l *Lock) sign() error {
	s := strconv.Itoa(os.Getpid()) + "\n" + strings.Join(os.Args, " ") + "\n"
	if err := l.f.Truncate(0); err != nil {
		return errors.Join(fmt.Errorf("writing %s: %w", l.f.Name(), err), l.f.Close())
	}
	if _, err := l.f.WriteAt([]byte(s), 0); err != nil {
		return errors.Join(fmt.Errorf("writing %s: %w", l.f.Name(), err), l.f.Close())
	}
	return nil
}

func holder(state string, f *os.File) *HeldError {
	b := make([]byte, 4096)
	n, _ := f.ReadAt(b, 0)
	pid, cmd, _ := strings.Cut(string(b[:n]), "\n")
	h := &HeldError{State: state, Command: strings.TrimSpace(cmd)}
	h.PID, _ = strconv.Atoi(pid)
	return h
}

// Release frees the state directory. The file stays: removing it would let two processes lock two files of one name.
func (l *Lock) Release() error {
	return errors.Join(l.f.Truncate(0), l.f.Close())
}

package embedded

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Scratch is the directory below the state for what lives no longer than one run. [Sweep] clears it.
func Scratch(state string) string { return filepath.Join(state, "tmp") }

// Sweep clears what a run on this state directory left that was killed: its containers with their processes, mounts
// below the directory, bundles, and half written images. It returns what it cleared, for the log. The caller holds the lock.
func Sweep(ctx context.Context, state string) ([]string, error) {
	state, err := filepath.EvalSymlinks(state)
	if err != nil {
		return nil, fmt.Errorf("sweeping the state directory: %w", err)
	}
	var cleared []string
	for _, step := range []func(context.Context, string) ([]string, error){sweepContainers, sweepMounts, sweepFiles} {
		c, err := step(ctx, state)
		cleared = append(cleared, c...)
		if err != nil { // a container that stays keeps its bundle, by which the next run finds it
			return cleared, fmt.Errorf("clearing what an interrupted run left in %s: %w", state, err)
		}
	}
	return cleared, nil
}

// sweepContainers deletes the runtime's containers whose bundle lies below the state directory, and no others:
// BuildKit's executor uses the runtime's default root, which is everybody's.
func sweepContainers(ctx context.Context, state string) ([]string, error) {
	bundles, _ := filepath.Glob(filepath.Join(state, "runc-*", "executor", "*", "config.json"))
	if len(bundles) == 0 { // a container's goes when it has ended
		return nil, nil
	}
	if none, err := emptyRoot("/run/runc"); err == nil && none {
		return nil, nil
	}
	runtime, err := Runtime()
	if err != nil {
		return nil, nil // nothing can have been started
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	list, err := Containers(ctx, runtime)
	if err != nil {
		return nil, err
	}
	var cleared []string
	var errs []error
	for _, c := range list {
		if !strings.HasPrefix(c.Bundle, state+"/") {
			continue
		}
		if b, err := exec.CommandContext(ctx, runtime, "delete", "--force", c.ID).CombinedOutput(); err != nil {
			errs = append(errs, fmt.Errorf("deleting container %s: %w: %s", c.ID, err, strings.TrimSpace(string(b))))
			continue
		}
		cleared = append(cleared, "container "+c.ID)
	}
	return cleared, errors.Join(errs...)
}

// A Container is one of the runtime's, whoever started it.
type Container struct{ ID, Bundle string }

// Containers lists what runs in the runtime's default root. runc 1.1's list fails when a container ends while it reads
// that root, which other runs' containers do all the time: it is asked again, fifty times.
func Containers(ctx context.Context, runtime string) ([]Container, error) {
	for again := 0; ; again++ {
		var list []Container
		out, err := exec.CommandContext(ctx, runtime, "list", "--format", "json").Output()
		if err == nil {
			err = json.Unmarshal(out, &list)
		}
		if err == nil {
			return list, nil
		}
		if again == 50 || ctx.Err() != nil {
			return nil, fmt.Errorf("listing containers: %w", err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func emptyRoot(dir string) (bool, error) {
	ents, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return true, nil
	}
	return len(ents) == 0, err
}

// sweepMounts detaches what is mounted below the state directory, innermost first.
func sweepMounts(_ context.Context, state string) ([]string, error) {
	points, err := mountsBelow(state)
	if err != nil {
		return nil, err
	}
	var cleared []string
	var errs []error
	for _, p := range points {
		if err := unix.Unmount(p, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil && !errors.Is(err, unix.EINVAL) {
			errs = append(errs, fmt.Errorf("unmounting %s: %w", p, err))
			continue
		}
		cleared = append(cleared, "mount "+p)
	}
	return cleared, errors.Join(errs...)
}

// mountsBelow are the mount points below dir, the innermost and latest first.
func mountsBelow(dir string) ([]string, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var out []string
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 1<<20) // overlay options of many layers make long lines
	for sc.Scan() {
		fields := strings.Fields(sc.Text())
		if len(fields) < 5 {
			continue
		}
		if p := unescape(fields[4]); strings.HasPrefix(p, dir+"/") {
			out = append(out, p)
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return len(out[i]) > len(out[j]) })
	return out, sc.Err()
}

// unescape undoes the kernel's octal escapes of space, tab, newline and backslash (proc_pid_mountinfo(5)).
func unescape(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}

// scratchNames are the names BuildKit and this engine give to directories in [Scratch].
var scratchNames = []string{"run-*", "buildkit*", "containerd-mount*", "runc*", "ca.pem", "ca.jks"}

// stale is the age at which anything else in [Scratch] goes: it is this process's temporary directory too while an
// engine is open, and may hold what outlives the engine.
const stale = 24 * time.Hour

func isStale(p string) bool {
	for _, n := range scratchNames {
		if ok, _ := filepath.Match(n, filepath.Base(p)); ok {
			return true
		}
	}
	st, err := os.Lstat(p)
	return err == nil && time.Since(st.ModTime()) > stale
}

// sweepFiles removes bundles, temporary mount points and what is stale in [Scratch].
func sweepFiles(_ context.Context, state string) ([]string, error) {
	var cleared []string
	var errs []error
	for _, glob := range []string{"tmp/*", "runc-*/executor/*", "runc-*/cachemounts/*"} {
		paths, _ := filepath.Glob(filepath.Join(state, glob))
		for _, p := range paths {
			if filepath.Base(p) == "runc-log.json" || glob == "tmp/*" && !isStale(p) {
				continue
			}
			if err := os.RemoveAll(p); err != nil {
				errs = append(errs, err)
				continue
			}
			cleared = append(cleared, strings.TrimPrefix(p, state+"/"))
		}
	}
	return cleared, errors.Join(errs...)
}

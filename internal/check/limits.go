package check

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/docker/go-units"
	"golang.org/x/sys/unix"
)

// Limits bound what the processes of a container may use, all together; 0 is the default.
type Limits struct {
	Processes int  `yaml:"processes,omitempty" json:"processes,omitempty"` // and threads, as docker's --pids-limit counts; default 4096
	Memory    Size `yaml:"memory,omitempty" json:"memory,omitempty"`       // bytes; default three quarters of the machine's
	Disk      Size `yaml:"disk,omitempty" json:"disk,omitempty"`           // bytes written, and 4 KiB for each file; default 8 GiB
}

func (l Limits) validate() error {
	if l.Processes < 0 || l.Processes > 1<<22 {
		return fmt.Errorf("limits: processes %d: want a number from 1 to %d", l.Processes, 1<<22)
	}
	return nil
}

// WithDefaults fills in what is not said, for the machine this runs on.
func (l Limits) WithDefaults() Limits {
	if l.Processes == 0 {
		l.Processes = 4096
	}
	if l.Disk == 0 {
		l.Disk = 8 << 30
	}
	var si unix.Sysinfo_t
	if l.Memory == 0 && unix.Sysinfo(&si) == nil {
		l.Memory = Size(si.Totalram * uint64(si.Unit) / 4 * 3)
	}
	return l
}

// guard ends the programs of a container that use more than they may. The engine's cgroup keeps them from harming the machine
// meanwhile; the guard says what happened, and is all there is where an engine sets no cgroup.
type guard struct {
	Limits
	began  time.Time
	free   int64 // bytes of the disk at the beginning, and files that it has room for
	cancel context.CancelCauseFunc

	mu   sync.Mutex
	over string
}

// guardEvery is how often the guard looks.
const guardEvery = 100 * time.Millisecond

// watch starts a guard, which ends with ctx. The returned context is cancelled when a limit is exceeded.
func watch(ctx context.Context, l Limits) (context.Context, *guard) {
	g := &guard{Limits: l.WithDefaults(), began: time.Now()}
	g.free = freeBytes("/")
	ctx, g.cancel = context.WithCancelCause(ctx)
	// A file's size is not limited: sparse ones, such as databases that are mapped, are larger than what they take.
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}) // children inherit it; nothing can fail that lowers a limit
	spareThreads()
	go func() {
		t := time.NewTicker(guardEvery)
		defer t.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-t.C:
			}
			if why := g.look(); why != "" {
				g.end(why)
				return
			}
		}
	}()
	return ctx, g
}

// spareThreads has the runtime make threads before they are needed: when the container may have no more, Go gives up.
func spareThreads() {
	const n = 32
	var ready, done sync.WaitGroup
	ready.Add(n)
	done.Add(n)
	for range n {
		go func() {
			runtime.LockOSThread()
			ready.Done()
			ready.Wait()
			runtime.UnlockOSThread()
			done.Done()
		}()
	}
	done.Wait()
}

// exceeded says which limit the programs exceeded, "" while they keep to all. It is "" without a guard.
func (g *guard) exceeded() string {
	if g == nil {
		return ""
	}
	g.mu.Lock()
	over := g.over
	g.mu.Unlock()
	if over != "" {
		return over
	}
	// A program may be refused something and end before the guard looks again: the kernel has counted it.
	if over = g.counted(); over != "" {
		g.end(over)
	}
	return over
}

func (g *guard) end(why string) {
	g.mu.Lock()
	g.over = why
	g.mu.Unlock()
	g.cancel(fmt.Errorf("%s", why))
	family.end()
}

// look returns what limit is exceeded.
func (g *guard) look() string {
	family.reap()
	n, mem := usage()
	switch {
	case n > g.Processes:
		return g.overProcesses()
	case mem > int64(g.Memory):
		return g.overMemory()
	// The disk is everybody's: only when it lost so much is it worth looking who took it.
	case g.free-freeBytes("/") > int64(g.Disk) && written("/", g.began) > int64(g.Disk):
		return fmt.Sprintf(overLimit+"%s written (limits: disk)", units.BytesSize(float64(g.Disk)))
	}
	return g.counted()
}

// counted returns what limit the kernel has held the programs to.
func (g *guard) counted() string {
	switch {
	case forksRefused():
		return g.overProcesses()
	case killedForMemory():
		return g.overMemory()
	}
	return ""
}

// overLimit is how each sentence begins that says what limit was exceeded.
const overLimit = "ended: more than "

// OverLimits reports whether the programs were ended because they used more than they may.
func (r *Report) OverLimits() bool { return strings.HasPrefix(r.Error, overLimit) }

func (l Limits) overProcesses() string {
	return fmt.Sprintf(overLimit+"%d processes and threads (limits: processes)", l.Processes)
}

func (l Limits) overMemory() string {
	return fmt.Sprintf(overLimit+"%s of memory (limits: memory)", units.BytesSize(float64(l.Memory)))
}

// usage counts the threads of the other processes here, and the bytes of memory that they share with nobody.
func usage() (threads int, memory int64) {
	page := int64(os.Getpagesize())
	for _, pid := range others() {
		st := statOf(pid)
		threads += st.threads
		b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/statm")
		if f := bytes.Fields(b); err == nil && len(f) > 2 {
			resident, _ := strconv.ParseInt(string(f[1]), 10, 64)
			shared, _ := strconv.ParseInt(string(f[2]), 10, 64)
			memory += (resident - shared) * page
		}
	}
	return threads, memory
}

// counter reads "NAME value" of a cgroup's file as it is seen here, in version 1 or 2; 0 when there is none.
func counter(v1, v2, name string) int64 {
	for _, f := range []string{"/sys/fs/cgroup/" + v1, "/sys/fs/cgroup/" + v2} {
		b, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		for l := range strings.Lines(string(b)) {
			if k, v, _ := strings.Cut(strings.TrimSpace(l), " "); k == name {
				n, _ := strconv.ParseInt(v, 10, 64)
				return n
			}
		}
	}
	return 0
}

func killedForMemory() bool {
	return counter("memory/memory.oom_control", "memory.events", "oom_kill") > 0
}
func forksRefused() bool { return counter("pids/pids.events", "pids.events", "max") > 0 }

// fileBytes is what a file counts for besides its content, however little that is: a disk has room for so many files alone.
const fileBytes = 4096

func freeBytes(dir string) int64 {
	var st unix.Statfs_t
	if unix.Statfs(dir, &st) != nil {
		return 0
	}
	return int64(st.Bfree)*st.Bsize + int64(st.Ffree)*fileBytes
}

// written sums the bytes of what was changed since a time below root, on its file system, and of deleted files that are still open.
func written(root string, since time.Time) int64 {
	var sum int64
	var dev uint64
	add := func(st *syscall.Stat_t) {
		if time.Unix(st.Ctim.Unix()).Before(since) {
			return
		}
		sum += st.Blocks*512 + fileBytes
	}
	_ = filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // it is gone by now
		}
		info, err := d.Info()
		if err != nil {
			return nil //nolint:nilerr // it is gone by now
		}
		st, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			return nil
		}
		if p == root {
			dev = st.Dev
		}
		if d.IsDir() && st.Dev != dev {
			return filepath.SkipDir
		}
		add(st)
		return nil
	})
	for _, pid := range others() {
		dir := "/proc/" + strconv.Itoa(pid) + "/fd"
		fds, _ := os.ReadDir(dir)
		for _, fd := range fds {
			var st syscall.Stat_t
			if syscall.Stat(filepath.Join(dir, fd.Name()), &st) == nil && st.Mode&syscall.S_IFMT == syscall.S_IFREG && st.Nlink == 0 {
				add(&st)
			}
		}
	}
	return sum
}

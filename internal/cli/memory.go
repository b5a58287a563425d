package cli

import (
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// tightMemory is for a command of which what it reads stays in memory: garbage is first collected when Go holds atFirst
// bytes, and from then on when the heap has grown by percent. Go's own way holds a heap of twice what is used, and
// collects a small heap again and again while it grows: for 100,000 files that takes 20 MB and a tenth of the processor time.
// What is returned brings it back.
func tightMemory(atFirst int64, percent int) (restore func()) {
	forgetStart()
	limit, before := debug.SetMemoryLimit(-1), debug.SetGCPercent(-1)
	debug.SetMemoryLimit(min(limit, atFirst))
	first := runtime.AddCleanup(new([64]byte), func(struct{}) {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	}, struct{}{})
	return func() {
		first.Stop()
		debug.SetGCPercent(before)
		debug.SetMemoryLimit(limit)
	}
}

// forgetStart gives back the pages of this program's file that its start brought to memory, some 30 MB with what the kernel maps around
// each of them: most is never read again, and what is comes from the page cache.
func forgetStart() {
	self, err := os.Executable()
	if err != nil {
		return
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return
	}
	for line := range strings.Lines(string(maps)) {
		f := strings.Fields(line) // FROM-TO MODE OFFSET DEVICE INODE FILE
		if len(f) != 6 || f[5] != self || strings.Contains(f[1], "w") {
			continue
		}
		from, to, _ := strings.Cut(f[0], "-")
		a, err := strconv.ParseUint(from, 16, 64)
		b, err2 := strconv.ParseUint(to, 16, 64)
		if err == nil && err2 == nil {
			_, _, _ = unix.Syscall(unix.SYS_MADVISE, uintptr(a), uintptr(b-a), unix.MADV_DONTNEED) // a hint
		}
	}
}

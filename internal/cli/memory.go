package cli

import (
	"runtime"
	"runtime/debug"
)

// tightMemory is for a command of which what it reads stays in memory: garbage is first collected when Go holds atFirst
// bytes, and from then on when the heap has grown by percent. Go's own way holds a heap of twice what is used, and
// collects a small heap again and again while it grows: for 100,000 files that takes 20 MB and a tenth of the processor time.
// What is returned brings it back.
func tightMemory(atFirst int64, percent int) (restore func()) {
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

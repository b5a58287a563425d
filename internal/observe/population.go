package observe

import (
	"bytes"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// population bounds the processes below this one.
type population struct {
	max   int64
	alive atomic.Int64 // at most so many: those that were killed are still counted

	mu      sync.Mutex
	counted time.Time
}

// recount is how often at most the processes are counted, which takes milliseconds for each thousand of them.
const recount = 200 * time.Millisecond

// admit tells whether there is room for one more, and counts it.
func (n *population) admit() bool {
	if n.alive.Add(1) <= n.max {
		return true
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if time.Since(n.counted) > recount {
		n.alive.Store(descendants(os.Getpid()) + 1)
		n.counted = time.Now()
		if n.alive.Load() <= n.max {
			return true
		}
	}
	n.alive.Add(-1)
	return false
}

// descendants counts the processes below one, dead ones that nobody waited for included. Orphans count where this
// process is a subreaper or the container's first.
func descendants(root int) int64 {
	proc, err := os.Open("/proc")
	if err != nil {
		return 0
	}
	defer proc.Close()
	names, _ := proc.Readdirnames(-1) // what could be read counts
	parents := map[int]int{}
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			parents[pid] = parentOf(name)
		}
	}
	below := map[int]bool{root: true}
	var is func(pid, hops int) bool
	is = func(pid, hops int) bool {
		if b, ok := below[pid]; ok || pid == 0 || hops > len(parents) {
			return b
		}
		b := is(parents[pid], hops+1)
		below[pid] = b
		return b
	}
	var n int64
	for pid := range parents {
		if pid != root && is(pid, 0) {
			n++
		}
	}
	return n
}

func parentOf(pid string) int {
	b, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return 0
	}
	f := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:]) // the name in brackets may hold anything
	if len(f) < 2 {
		return 0
	}
	n, _ := strconv.Atoi(string(f[1]))
	return n
}

func fdName(fd uint64, text string) string {
	name := "/dev/fd/" + strconv.Itoa(int(int32(fd)))
	if text != "" {
		name += "/" + text
	}
	return name
}

package observe

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// table keeps distinct paths within a bound.
type table struct {
	mu       sync.Mutex
	entries  map[string]*entry
	maxPaths int
	bytes    int64
	maxBytes int64
	full     bool
}

// entry is a path of the table.
type entry struct {
	name  string
	ops   atomic.Uint32
	phase int32
	by    *program
}

// program is what looks paths up: the path that was given to execve.
type program struct {
	name    string
	counted bool // in the table's bytes
}

// entryCost is the memory of an entry besides its name, in bytes.
const entryCost = 112

func newTable(maxPaths int, maxBytes int64) *table {
	return &table{entries: map[string]*entry{}, maxPaths: maxPaths, maxBytes: maxBytes}
}

// see adds a look-up. It returns nil when the table is full and the path not in it.
func (t *table) see(name []byte, op Ops, phase int32, by *program) *entry {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e, ok := t.entries[string(name)]; ok {
		e.see(op)
		return e
	}
	cost := int64(len(name) + entryCost)
	if !by.counted {
		cost += int64(len(by.name))
	}
	if len(t.entries) >= t.maxPaths || t.bytes+cost > t.maxBytes {
		t.full = true
		return nil
	}
	t.bytes += cost
	by.counted = true
	e := &entry{name: string(name), phase: phase, by: by}
	e.see(op)
	t.entries[e.name] = e
	return e
}

func (e *entry) see(op Ops) {
	if Ops(e.ops.Load())&op != op {
		e.ops.Or(uint32(op))
	}
}

func (t *table) paths() (paths []Path, full bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	paths = make([]Path, 0, len(t.entries))
	for _, e := range t.entries {
		paths = append(paths, Path{e.name, Ops(e.ops.Load()), int(e.phase), e.by.name})
	}
	slices.SortFunc(paths, func(a, b Path) int { return strings.Compare(a.Name, b.Name) })
	return paths, t.full
}

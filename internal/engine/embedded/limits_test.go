package embedded

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// A step of lighten's own is limited, and gets more of the processors than others, by cgroups of either version, which appear one after the
// other when the runtime makes them.
func TestApply(t *testing.T) {
	for version, want := range map[string]map[string]string{
		"2": {"buildkit/x/pids.max": "7", "buildkit/x/memory.max": "4096", "buildkit/x/cpu.weight": "1000", "buildkit/x/memory.swap.max": "0"},
		"1": {"pids/buildkit/x/pids.max": "7", "memory/buildkit/x/memory.limit_in_bytes": "4096", "cpu/buildkit/x/cpu.shares": "10240",
			"memory/buildkit/x/memory.memsw.limit_in_bytes": "4096"},
	} {
		root, done := t.TempDir(), make(chan struct{})
		go func() {
			defer close(done)
			limits{processes: 7, memory: 4096}.apply(root, "x", nil)
		}()
		for _, file := range slices.Sorted(maps.Keys(want)) {
			if err := os.MkdirAll(filepath.Dir(filepath.Join(root, file)), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(root, file), nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		<-done
		for file, value := range want {
			if got, err := os.ReadFile(filepath.Join(root, file)); err != nil || string(got) != value {
				t.Errorf("version %s: %s: got %q, %v, want %q", version, file, got, err, value)
			}
		}
	}
}

// A container that ends before it has cgroups, or where there are none, is waited for no longer.
func TestApplyOver(t *testing.T) {
	over := make(chan struct{})
	close(over)
	limits{processes: 7}.apply(t.TempDir(), "x", over)
}

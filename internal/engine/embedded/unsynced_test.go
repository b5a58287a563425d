package embedded

import (
	"os"
	"path/filepath"
	"testing"
)

// TestOpenState keeps the state after a clean end and after a killed run, and discards it after a crash of the machine.
func TestOpenState(t *testing.T) {
	for _, c := range []struct {
		name  string
		close bool
		boot  string // of the second run
		lost  bool
	}{
		{"clean, same boot", true, "one", false},
		{"clean, later boot", true, "two", false},
		{"killed", false, "one", false},
		{"machine went down", false, "two", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			state := t.TempDir()
			if lost, err := openState(state, "one"); lost || err != nil {
				t.Fatalf("a new state: %v, %v", lost, err)
			}
			kept := []string{"lock", "layers/x.index"}
			fragile := []string{"cache.db", "history.db", "runc-overlayfs/metadata_v2.db", "runc-overlayfs/snapshots/metadata.db"}
			for _, n := range append(kept, fragile...) {
				if err := os.MkdirAll(filepath.Dir(filepath.Join(state, n)), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(state, n), nil, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if c.close {
				if err := closeState(state); err != nil {
					t.Fatal(err)
				}
			}
			if lost, err := openState(state, c.boot); lost != c.lost || err != nil {
				t.Fatalf("lost = %v, %v; want %v", lost, err, c.lost)
			}
			for _, n := range kept {
				if _, err := os.Stat(filepath.Join(state, n)); err != nil {
					t.Error(err)
				}
			}
			for _, n := range fragile {
				if _, err := os.Stat(filepath.Join(state, n)); os.IsNotExist(err) != c.lost {
					t.Errorf("%s: %v", n, err)
				}
			}
			if b, err := os.ReadFile(filepath.Join(state, unsyncedFile)); string(b) != c.boot {
				t.Errorf("the mark says %q, %v", b, err)
			}
		})
	}
}

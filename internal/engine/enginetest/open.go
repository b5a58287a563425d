// Package enginetest opens engines for tests.
package enginetest

import (
	"testing"

	"github.com/lighten/lighten/internal/engine"
	"github.com/lighten/lighten/internal/testimage"
)

// Open opens an embedded engine on a state of its own, which is closed with the test. It reaches the base images that are here,
// and the test is skipped where containers cannot be run.
func Open(t testing.TB, edit ...func(*engine.Options)) *engine.Engine {
	t.Helper()
	testimage.Need(t, "root", "runc")
	o := engine.Options{State: t.TempDir(), Warn: func(s string) { t.Log("warning:", s) }}
	if testimage.HasBases() {
		o.Access = testimage.Access(t)
	}
	for _, f := range edit {
		f(&o)
	}
	e, err := engine.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Errorf("closing the engine: %v", err)
		}
	})
	return e
}

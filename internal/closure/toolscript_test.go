package closure_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/lighten/lighten/internal/closure"
)

// A script that nests as deep as its size allows takes little room: an image may be made to take it all.
func TestNestedScript(t *testing.T) {
	for _, opens := range []string{"(", "$(", "\"$(", "((", "<(", "{ ", "if ", "while ", "${a:-", "f() ", "case x in a) "} {
		b := []byte("#!/bin/sh\n" + strings.Repeat(opens, (64<<10-20)/len(opens)))
		closure.Distil("/usr/bin/x", int64(len(b)))(b)
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		if m.StackSys > 200<<20 {
			t.Fatalf("%q: the stacks take %d MB", opens, m.StackSys>>20)
		}
	}
}

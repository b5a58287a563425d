package lock_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lighten/lighten/internal/closure"
	"github.com/lighten/lighten/internal/lock"
	"github.com/lighten/lighten/internal/observe"
	"github.com/lighten/lighten/internal/testimage"
)

// Memory grows with paths, and by little: a lock is made when all else is in memory.
func TestMemory(t *testing.T) {
	const modules, most = 2000, 2500 // most: bytes for each path
	tree, record := testimage.Tree{}, strings.Builder{}
	for n := range modules {
		for _, name := range []string{fmt.Sprintf("big/p%d/m%d.py", n%100, n), fmt.Sprintf("big/p%d/__pycache__/m%d.cpython-311.pyc", n%100, n)} {
			tree[site+name] = "file 0644 x"
			fmt.Fprintf(&record, "%s,,\n", name)
		}
	}
	tree[site+"big-1.dist-info/METADATA"] = "file 0644 Name: big\nVersion: 1\n"
	tree[site+"big-1.dist-info/RECORD"] = "file 0644 " + record.String()
	img := testimage.ImageOf(t, v1.Config{}, testimage.Layer(t, tree))
	read, inv := read(t, img)
	k, err := closure.Make(closure.Input{Tree: read, Inventory: inv, Evidence: []closure.Evidence{{Record: &observe.Record{
		Paths: []observe.Path{{Name: site + "big/p1/m1.py", Ops: observe.Open}}}}}})
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := lock.Of(k, read, inv, lock.Header{Level: closure.Safe}); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if n := int(after.TotalAlloc-before.TotalAlloc) / read.Len(); n > most {
		t.Errorf("%d bytes for each of %d paths, want at most %d", n, read.Len(), most)
	} else {
		t.Logf("%d bytes for each of %d paths", n, read.Len())
	}
}

package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lighten/lighten/internal/testimage"
)

// BenchmarkCarve carves the Flask service on python:3.11, and images of 100,000 files, by a lock, which runs nothing: lighten reads every layer
// without an index of an earlier run, carves and writes the result. The floor, in the same run, decompresses and hashes every layer once. Before
// that the service is observed, carved and proved as a user has it, which is where most memory is taken.
func BenchmarkCarve(b *testing.B) {
	testimage.Need(b, "root", "runc", "base:python:3.11")
	dir := b.TempDir()
	flask, lock := "oci:"+filepath.Join(dir, "flask")+":app", filepath.Join(dir, "flask.lock")
	lighten(b, "build", "examples/flask", "--only", "original", "--progress", "quiet", "--state", dir, "-o", flask)
	args := []string{"carve", flask, "--checks", "examples/flask/lighten.yaml", "--progress", "quiet", "--state", dir}
	b.Run("flask, observed", func(b *testing.B) {
		clear(best)
		for b.Loop() {
			report(b, "observed", lighten(b, append(args, "--lock", lock)...))
		}
	})
	b.Run("flask", func(b *testing.B) {
		if _, err := os.Stat(lock); err != nil { // that was not asked for
			lighten(b, append(args, "--lock", lock)...)
		}
		carveAgainstFloor(b, flask, lock)
	})
	many := manyFiles(b)["gzip"]
	for _, share := range []int{5, 30, 100} {
		b.Run(fmt.Sprintf("100,000 files, %d%%", share), func(b *testing.B) { carveAgainstFloor(b, many, lockOfMany(b, share)) })
	}
}

func carveAgainstFloor(b *testing.B, ref, lock string) {
	clear(best)
	for b.Loop() {
		for range rounds {
			out := "oci:" + filepath.Join(b.TempDir(), "out") + ":x"
			report(b, "carve", lighten(b, "carve", ref, "--locked", "--lock", lock, "-o", out, "--progress", "quiet", "--state", b.TempDir()))
			report(b, "floor", floorOf(b, ref))
		}
		ratio(b, "carve", "floor")
	}
}

// lockOfMany keeps so many of 100 directories of testimage.ManyFiles.
func lockOfMany(b *testing.B, share int) string {
	b.Helper()
	var s strings.Builder
	s.WriteString("version: 1\nlevel: tight\n\ndirectories:\n")
	for l := range 6 {
		for d := range 97 * share / 100 {
			fmt.Fprintf(&s, "  /usr/lib/l%d/d%d/** all\n", l, d)
		}
	}
	file := filepath.Join(b.TempDir(), "many.lock")
	if err := os.WriteFile(file, []byte(s.String()), 0o644); err != nil {
		b.Fatal(err)
	}
	return file
}

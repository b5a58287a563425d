package bench

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/testimage"
)

// BenchmarkInspect takes an image of 100,000 files and 745 MB in 6 layers apart, plain, gzip and zstd, against the floor and
// against dive, where it is in PATH (`go install github.com/wagoodman/dive@latest`), in turn.
func BenchmarkInspect(b *testing.B) {
	refs := manyFiles(b)
	state := b.TempDir()
	for b.Loop() {
		for _, kind := range []string{"plain", "gzip", "zstd"} {
			for range rounds {
				report(b, "floor-"+kind, floorOf(b, refs[kind]))
				report(b, "inspect-"+kind, inspectOf(b, state, refs[kind]))
			}
			ratio(b, "inspect-"+kind, "floor-"+kind)
		}
		dive, err := exec.LookPath("dive")
		if err != nil {
			b.Log("no dive in PATH: not compared")
			continue
		}
		for range rounds {
			report(b, "inspect-saved", inspectOf(b, state, "docker-archive:"+refs["saved"]))
			report(b, "dive-saved", run(b, b.TempDir(), dive, "--source", "docker-archive", refs["saved"], "--ci", "--lowestEfficiency", "0", "--highestUserWastedPercent", "1"))
		}
		ratio(b, "dive-saved", "inspect-saved")
	}
}

// BenchmarkInspectDeletions removes 300 files of the image in a layer each, which the floor has to read too.
func BenchmarkInspectDeletions(b *testing.B) {
	refs := manyFiles(b)
	state := b.TempDir()
	for b.Loop() {
		for range rounds {
			for _, kind := range []string{"plain", "deleted"} {
				report(b, "floor-"+kind, floorOf(b, refs[kind]))
				report(b, "inspect-"+kind, inspectOf(b, state, refs[kind]))
			}
		}
		ratio(b, "inspect-deleted", "floor-deleted")
		ratio(b, "floor-deleted", "floor-plain")
		ratio(b, "inspect-deleted", "inspect-plain")
	}
}

// inspectOf inspects without an index of an earlier run.
func inspectOf(b *testing.B, state, ref string) usage {
	b.Helper()
	if err := os.RemoveAll(state); err != nil {
		b.Fatal(err)
	}
	return lighten(b, "inspect", ref, "--state", state)
}

func floorOf(b *testing.B, ref string) usage {
	b.Helper()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	b.Setenv(floorVariable, ref)
	defer os.Unsetenv(floorVariable)
	return run(b, "", self)
}

// manyVariable names the directory that TestWriteManyFiles writes to.
const manyVariable = "LIGHTEN_BENCH_MANY"

// manyFiles writes the image in every form: layouts plain, gzip and zstd, an archive as `docker save` writes it, and the
// plain layout with 300 layers more, of a deletion each. That takes gigabytes of memory, which a process passes on to the
// peak of those it starts; so another process does it.
func manyFiles(b *testing.B) map[string]string {
	b.Helper()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	dir := b.TempDir()
	b.Setenv(manyVariable, dir)
	run(b, "", self, "-test.run", "^TestWriteManyFiles$")
	os.Unsetenv(manyVariable)
	refs := map[string]string{"saved": filepath.Join(dir, "saved.tar")}
	for _, kind := range []string{"plain", "gzip", "zstd", "deleted"} {
		refs[kind] = "oci:" + filepath.Join(dir, kind)
	}
	return refs
}

// TestWriteManyFiles is no test: see [manyFiles].
func TestWriteManyFiles(t *testing.T) {
	dir := os.Getenv(manyVariable)
	if dir == "" {
		t.Skip("the benchmarks call it")
	}
	img, err := image.Open(t.Context(), testimage.ManyFiles(t), image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	plain := testimage.Plain(t, img)
	for kind, ref := range map[string]string{"plain": plain, "deleted": testimage.Deletions(t, plain, 300)} {
		if err := os.Rename(strings.TrimPrefix(ref, "oci:"), filepath.Join(dir, kind)); err != nil {
			t.Fatal(err)
		}
	}
	for kind, c := range map[string]image.Compression{"gzip": image.Keep, "zstd": image.Zstd} {
		if err := image.Write(t.Context(), img, "oci:"+filepath.Join(dir, kind), image.WriteOptions{Compression: c}); err != nil {
			t.Fatal(err)
		}
	}
	testimage.Save(t, img, filepath.Join(dir, "saved.tar"))
}

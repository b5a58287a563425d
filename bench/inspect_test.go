package bench

import (
	"os"
	"os/exec"
	"path/filepath"
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
				report(b, "floor-"+kind, floorOf(b, "xxhash", refs[kind]))
				report(b, "floor-sha256-"+kind, floorOf(b, "sha256", refs[kind]))
				report(b, "inspect-"+kind, inspectOf(b, state, refs[kind]))
			}
			ratio(b, "inspect-"+kind, "floor-"+kind)
			ratio(b, "inspect-"+kind, "floor-sha256-"+kind)
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

// BenchmarkInspectDeletions removes 300 files of the image in a layer each.
func BenchmarkInspectDeletions(b *testing.B) {
	plain := manyFiles(b)["plain"]
	deleted := testimage.Deletions(b, plain, 300)
	state := b.TempDir()
	for b.Loop() {
		for range rounds {
			report(b, "inspect-plain", inspectOf(b, state, plain))
			report(b, "inspect-deleted", inspectOf(b, state, deleted))
		}
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

func floorOf(b *testing.B, kind, ref string) usage {
	b.Helper()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	b.Setenv(floorVariable, kind+" "+ref)
	defer os.Unsetenv(floorVariable)
	return run(b, "", self)
}

// manyFiles writes the image in every form: layouts plain, gzip and zstd, and an archive as `docker save` writes it.
func manyFiles(b *testing.B) map[string]string {
	b.Helper()
	dir := b.TempDir()
	gz := testimage.ManyFiles(b)
	img, err := image.Open(b.Context(), gz, image.Options{})
	if err != nil {
		b.Fatal(err)
	}
	refs := map[string]string{"gzip": gz, "zstd": "oci:" + filepath.Join(dir, "zstd"), "plain": testimage.Plain(b, img), "saved": filepath.Join(dir, "saved.tar")}
	if err := image.Write(b.Context(), img, refs["zstd"], image.WriteOptions{Compression: image.Zstd}); err != nil {
		b.Fatal(err)
	}
	testimage.Save(b, img, refs["saved"])
	return refs
}

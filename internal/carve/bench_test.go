package carve_test

import (
	"crypto/sha256"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/klauspost/compress/gzip"

	"github.com/lighten/lighten/internal/carve"
	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/testimage"
)

// BenchmarkCarve measures carving in a process of its own beside the floor, which decompresses and hashes every layer
// once. The whole is what `lighten carve` does besides running checks: read the tree, carve.
func BenchmarkCarve(b *testing.B) {
	refs := map[string]string{"100,000 files": testimage.ManyFiles(b)}
	for _, base := range []string{"python:3.11-slim", "python:3.11"} {
		if testimage.Has(base) {
			refs[base] = testimage.BaseRef(b, base)
		}
	}
	for name, ref := range refs {
		for _, share := range []int{5, 30, 100} {
			b.Run(fmt.Sprintf("%s/%d%%", name, share), func(b *testing.B) {
				for b.Loop() {
					floor := child(b, "floor", ref, share)
					tree := child(b, "tree", ref, share)
					both := child(b, "carve", ref, share)
					b.ReportMetric(floor.cpu, "floor-cpu-s")
					b.ReportMetric(tree.cpu/floor.cpu, "tree/floor")
					b.ReportMetric((both.cpu-tree.cpu)/floor.cpu, "carve/floor")
					b.ReportMetric(both.rss, "MiB-rss")
				}
			})
		}
	}
}

// usage is what a child took: seconds of CPU, and MiB at its peak.
type usage struct{ cpu, rss float64 }

// child runs this program again, for one job.
func child(b *testing.B, job, ref string, share int) usage {
	b.Helper()
	exe, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(exe, "-test.run=^TestChild$", "-test.v")
	cmd.Env = append(os.Environ(), "CARVE_CHILD="+job, "CARVE_REF="+ref, "CARVE_SHARE="+strconv.Itoa(share))
	out, err := cmd.CombinedOutput()
	if err != nil {
		b.Fatalf("%s: %v\n%s", job, err, out)
	}
	// The kernel counts as maxrss what the process was before exec as well: this one, with the image in memory.
	_, rest, _ := strings.Cut(string(out), "VmHWM:")
	var kib float64
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		b.Fatalf("%s: %v\n%s", job, err, out)
	}
	return usage{(cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds(), kib / 1024}
}

// TestChild is no test but what BenchmarkCarve runs.
func TestChild(t *testing.T) {
	job := os.Getenv("CARVE_CHILD")
	if job == "" {
		t.Skip("runs for BenchmarkCarve")
	}
	img, err := image.Open(t.Context(), os.Getenv("CARVE_REF"), image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		status, err := os.ReadFile("/proc/self/status")
		if err != nil {
			t.Error(err)
		}
		t.Log(string(status))
	}()
	if job == "floor" {
		floor(t, img)
		return
	}
	tree := readTreeWithoutContent(t, img)
	if job == "tree" {
		return
	}
	share, err := strconv.ParseUint(os.Getenv("CARVE_SHARE"), 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	out, err := carve.Carve(t.Context(), img, tree, carve.Options{
		Layers:      []string{"system", "runtime", "dependencies", "application"},
		Compression: image.Compression(os.Getenv("CARVE_COMPRESSION")),
		Keep: func(e *image.Entry) (int, bool) {
			sum := crc32.ChecksumIEEE([]byte(e.Path))
			return int(sum>>16) % 4, uint64(sum)%100 < share
		}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := out.Digest(); err != nil {
		t.Fatal(err)
	}
	m, err := out.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	total := int64(0)
	for _, l := range m.Layers {
		total += l.Size
	}
	t.Log("compressed bytes", total)
}

func floor(t *testing.T, img v1.Image) {
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range layers {
		rc, err := l.Compressed()
		if err != nil {
			t.Fatal(err)
		}
		defer rc.Close()
		zr, err := gzip.NewReader(rc)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.CopyBuffer(struct{ io.Writer }{sha256.New()}, struct{ io.Reader }{zr}, make([]byte, 256<<10)); err != nil {
			t.Fatal(err)
		}
	}
}

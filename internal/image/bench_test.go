package image_test

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"syscall"
	"testing"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/testimage"
)

func BenchmarkReadTree(b *testing.B) {
	ref := testimage.ManyFiles(b)
	img, err := image.Open(context.Background(), ref, image.Options{})
	if err != nil {
		b.Fatal(err)
	}
	for _, cached := range []bool{false, true} {
		b.Run(fmt.Sprintf("cached=%t", cached), func(b *testing.B) {
			o := image.TreeOptions{}
			if cached {
				o.CacheDir = b.TempDir()
				if _, err := image.ReadTree(context.Background(), img, o); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportAllocs()
			defer reportCPU(b)()
			for b.Loop() {
				tree, err := image.ReadTree(context.Background(), img, o)
				if err != nil {
					b.Fatal(err)
				}
				b.SetBytes(tree.Measure().Disk)
			}
		})
	}
}

func BenchmarkWrite(b *testing.B) {
	img, err := image.Open(context.Background(), testimage.ManyFiles(b), image.Options{})
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []image.Compression{image.Keep, image.Zstd} {
		b.Run("compression="+string(c), func(b *testing.B) {
			b.ReportAllocs()
			defer reportCPU(b)()
			for b.Loop() {
				if err := image.Write(context.Background(), img, "oci-archive:"+b.TempDir()+"/a.tar", image.WriteOptions{Compression: c}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// reportCPU notes the processor time, which tells more than the clock on a busy machine.
func reportCPU(b *testing.B) func() {
	used := func() float64 {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
	}
	start := used()
	return func() { b.ReportMetric((used()-start)/float64(b.N), "cpu-s/op") }
}

// A layer is never in memory: whatever is read, recompressed and written of it.
func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 400 MB")
	}
	dir := t.TempDir()
	layer := bigLayer{size: 400 << 20}
	peak := watchMemory(t)
	if err := layer.writeArchive(dir + "/in.tar"); err != nil {
		t.Fatal(err)
	}
	in := mustOpen(t, "docker-archive:"+dir+"/in.tar", image.Options{})
	if err := image.Write(context.Background(), in, "oci:"+dir+"/out", image.WriteOptions{Compression: image.Zstd}); err != nil {
		t.Fatal(err)
	}
	tree, err := image.ReadTree(context.Background(), mustOpen(t, "oci:"+dir+"/out", image.Options{}), image.TreeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got := tree.Measure().Disk; got != layer.size {
		t.Errorf("%d bytes, want %d", got, layer.size)
	}
	if p := peak(); p > 100<<20 {
		t.Errorf("%d MB of heap at once for a layer of %d MB", p>>20, layer.size>>20)
	}
	if _, err := os.Stat(dir + "/out/index.json"); err != nil {
		t.Error(err)
	}
}

// bigLayer is an image of one layer with one file, as `docker save` writes it.
type bigLayer struct{ size int64 }

func (l bigLayer) writeLayer(w io.Writer) error {
	tw := tar.NewWriter(w)
	if err := tw.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "big", Mode: 0o644, Size: l.size}); err != nil {
		return err
	}
	if _, err := io.CopyN(tw, rand.NewChaCha8([32]byte{2}), l.size); err != nil {
		return err
	}
	return tw.Close()
}

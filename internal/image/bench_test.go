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

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/testimage"
)

// manyFiles writes an OCI layout with an image of 100,000 files and about 700 MB in 6 layers, and returns its reference.
func manyFiles(b *testing.B) string {
	b.Helper()
	dir := b.TempDir()
	rnd := rand.NewChaCha8([32]byte{1})
	noise := make([]byte, 1<<20)
	rnd.Read(noise)
	var layers []v1.Layer
	for l := range 6 {
		var entries []testimage.Entry
		for n := range 100000 / 6 {
			size := 1000 + (n*7919)%12000
			at := (n * 4099) % (len(noise) - size/2)
			content := append(make([]byte, size/2), noise[at:at+size/2]...)
			entries = append(entries, testimage.Entry{Header: tar.Header{Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(content)),
				Name: fmt.Sprintf("usr/lib/l%d/d%d/e%d/file-%d.py", l, n%97, n%31, n)}, Content: content})
		}
		layers = append(layers, testimage.RawLayer(b, entries...))
	}
	ref := "oci:" + dir + "/layout"
	if err := image.Write(context.Background(), testimage.ImageOf(b, v1.Config{}, layers...), ref, image.WriteOptions{}); err != nil {
		b.Fatal(err)
	}
	return ref
}

func BenchmarkReadTree(b *testing.B) {
	ref := manyFiles(b)
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
	img, err := image.Open(context.Background(), manyFiles(b), image.Options{})
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

package testimage

import (
	"archive/tar"
	"fmt"
	"math/rand/v2"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// ManyFiles writes an OCI layout with an image of 100,000 files and about 740 MB in 6 layers, half of it zeros, half of it noise and
// the same every time, and returns its reference.
func ManyFiles(t testing.TB) string {
	t.Helper()
	rnd := rand.NewChaCha8([32]byte{1})
	noise := make([]byte, 1<<20)
	rnd.Read(noise)
	var layers []v1.Layer
	for l := range 6 {
		var entries []Entry
		for n := range 100000 / 6 {
			size := 1000 + (n*7919)%13000
			at := (n * 4099) % (len(noise) - size/2)
			content := append(make([]byte, size/2), noise[at:at+size/2]...)
			entries = append(entries, Entry{Header: tar.Header{Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(content)),
				Name: fmt.Sprintf("usr/lib/l%d/d%d/e%d/file-%d.py", l, n%97, n%31, n)}, Content: content})
		}
		layers = append(layers, RawLayer(t, entries...))
	}
	return "oci:" + Layout(t, map[string]v1.Image{"many": ImageOf(t, v1.Config{}, layers...)})
}

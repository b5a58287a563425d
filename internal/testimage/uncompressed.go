package testimage

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// plainLayer is a layer with its content as its blob.
type plainLayer struct{ v1.Layer }

func (l plainLayer) Digest() (v1.Hash, error)            { return l.DiffID() }
func (l plainLayer) MediaType() (types.MediaType, error) { return types.OCIUncompressedLayer, nil }
func (l plainLayer) Compressed() (io.ReadCloser, error)  { return l.Uncompressed() }
func (l plainLayer) Size() (int64, error)                { return partial.UncompressedSize(l.Layer) }

// Plain writes an OCI layout with an image's layers uncompressed and returns its reference.
func Plain(t testing.TB, img v1.Image) string {
	t.Helper()
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	for n := range layers {
		layers[n] = plainLayer{layers[n]}
	}
	return "oci:" + Layout(t, map[string]v1.Image{"plain": ImageOf(t, v1.Config{}, layers...)})
}

// Deletions writes an OCI layout with n layers more than the image that the layout ref names has, each of which removes
// a file, and returns its reference.
func Deletions(t testing.TB, ref string, n int) string {
	t.Helper()
	index, err := layout.ImageIndexFromPath(strings.TrimPrefix(ref, "oci:"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	img, err := index.Image(m.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	rc, err := layers[0].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer rc.Close()
	for tr := tar.NewReader(rc); len(files) < n; {
		h, err := tr.Next()
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, h.Name)
	}
	for _, f := range files {
		if img, err = mutate.AppendLayers(img, Layer(t, Tree{"/" + path.Dir(f) + "/.wh." + path.Base(f): "file 0000"})); err != nil {
			t.Fatal(err)
		}
	}
	return "oci:" + Layout(t, map[string]v1.Image{"deletions": img})
}

// Save writes an image as `docker save` did before version 25: layers uncompressed, no manifest but its own. A file name
// that ends with .gz has all of it compressed.
func Save(t testing.TB, img v1.Image, file string) {
	t.Helper()
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	var w io.WriteCloser = f
	if strings.HasSuffix(file, ".gz") {
		w = gzip.NewWriter(f)
	}
	if err := save(img, w); err != nil {
		t.Fatal(err)
	}
	if w != f {
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func save(img v1.Image, w io.Writer) error {
	tw := tar.NewWriter(w)
	add := func(name string, size int64, r io.Reader) error {
		if err := tw.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: size}); err != nil {
			return err
		}
		_, err := io.Copy(tw, r)
		return err
	}
	layers, err := img.Layers()
	if err != nil {
		return err
	}
	var names []string
	for n, l := range layers {
		size, err := partial.UncompressedSize(l)
		if err != nil {
			return err
		}
		rc, err := l.Uncompressed()
		if err != nil {
			return err
		}
		names = append(names, fmt.Sprintf("%d/layer.tar", n))
		if err := errors.Join(add(names[n], size, rc), rc.Close()); err != nil {
			return err
		}
	}
	config, err := img.RawConfigFile()
	if err != nil {
		return err
	}
	m, err := json.Marshal([]map[string]any{{"Config": "config.json", "RepoTags": []string{"saved:latest"}, "Layers": names}})
	if err != nil {
		return err
	}
	if err := errors.Join(add("config.json", int64(len(config)), strings.NewReader(string(config))), add("manifest.json", int64(len(m)), strings.NewReader(string(m)))); err != nil {
		return err
	}
	return tw.Close()
}

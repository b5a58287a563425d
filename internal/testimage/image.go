package testimage

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Layer returns a tree as a gzip layer.
func Layer(t testing.TB, tree Tree) v1.Layer {
	t.Helper()
	return ArchiveLayer(t, Tar(t, tree))
}

// RawLayer returns tar entries, in the given order and as odd as they are, as a gzip layer.
func RawLayer(t testing.TB, entries ...Entry) v1.Layer {
	t.Helper()
	var b bytes.Buffer
	if err := WriteTar(&b, entries...); err != nil {
		t.Fatal(err)
	}
	return ArchiveLayer(t, b.Bytes())
}

// ArchiveLayer returns a tar archive as a gzip layer.
func ArchiveLayer(t testing.TB, archive []byte) v1.Layer {
	t.Helper()
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(archive)), nil
	}, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// Image returns an OCI image for linux/amd64 with the given configuration and a layer for each tree. The history
// of layer n says "layer n".
func Image(t testing.TB, config v1.Config, layers ...Tree) v1.Image {
	t.Helper()
	var ls []v1.Layer
	for _, tree := range layers {
		ls = append(ls, Layer(t, tree))
	}
	return ImageOf(t, config, ls...)
}

// ImageOf is [Image] for layers that are at hand.
func ImageOf(t testing.TB, config v1.Config, layers ...v1.Layer) v1.Image {
	t.Helper()
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	for i, l := range layers {
		var err error
		if img, err = mutate.Append(img, mutate.Addendum{Layer: l, History: v1.History{
			Created: v1.Time{Time: ModTime}, CreatedBy: "layer " + string(rune('0'+i%10)),
		}}); err != nil {
			t.Fatal(err)
		}
	}
	cf, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	cf = cf.DeepCopy()
	cf.OS, cf.Architecture, cf.Created, cf.Config = "linux", "amd64", v1.Time{Time: ModTime}, config
	if img, err = mutate.ConfigFile(img, cf); err != nil {
		t.Fatal(err)
	}
	return img
}

// DumpLayer returns the tree of a layer.
func DumpLayer(t testing.TB, l v1.Layer) Tree {
	t.Helper()
	r, err := l.Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	return dump(t, r)
}

// DumpImage returns the merged tree of an image, by go-containerregistry's own extraction.
func DumpImage(t testing.TB, img v1.Image) Tree {
	t.Helper()
	return dump(t, mutate.Extract(img))
}

func dump(t testing.TB, r io.ReadCloser) Tree {
	t.Helper()
	tree, err := ReadTree(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	return tree
}

// Layout writes images, by the references they are to be known under, into a new OCI layout and returns its
// directory.
func Layout(t testing.TB, images map[string]v1.Image) string {
	t.Helper()
	dir := t.TempDir()
	p, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	for _, ref := range slices.Sorted(maps.Keys(images)) {
		err := p.AppendImage(images[ref], layout.WithAnnotations(map[string]string{refName: FullRef(ref)}))
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Dir writes the regular files and directories of a tree below a new directory and returns its path, for build contexts.
func Dir(t testing.TB, tree Tree) string {
	t.Helper()
	dir := t.TempDir()
	entries, err := tree.Entries()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		p := filepath.Join(dir, filepath.FromSlash(e.Header.Name))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := e.create(dir, p); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func (e *Entry) create(dir, p string) error {
	mode := e.Header.FileInfo().Mode()
	switch {
	case mode.IsDir():
		if err := os.MkdirAll(p, 0o755); err != nil {
			return err
		}
	case mode&os.ModeSymlink != 0:
		return os.Symlink(e.Header.Linkname, p)
	case e.Header.Typeflag == '1':
		return os.Link(filepath.Join(dir, filepath.FromSlash(e.Header.Linkname)), p)
	default:
		if err := os.WriteFile(p, e.Content, 0o644); err != nil {
			return err
		}
	}
	return os.Chmod(p, mode) // not left to the umask
}

// Provenance is a statement as BuildKit makes it with mode=max: each layer of the image comes from a line of a Dockerfile, the first
// from the first.
func Provenance(t testing.TB, img v1.Image) []byte {
	t.Helper()
	m, err := img.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	type object = map[string]any
	locations, layers := object{}, object{}
	for i := range m.Layers {
		step := fmt.Sprintf("step%d", i)
		locations[step] = object{"locations": []object{{"ranges": []object{{"start": object{"line": i + 1}}}}}}
		layers[step+":0"] = [][]v1.Descriptor{m.Layers[:i+1]}
	}
	metadata := object{"source": object{"locations": locations, "infos": []object{{"filename": "Dockerfile"}}}, "layers": layers}
	b, err := json.Marshal(object{"_type": "https://in-toto.io/Statement/v1", "predicateType": "https://slsa.dev/provenance/v1",
		"predicate": object{"runDetails": object{"metadata": object{"buildkit_metadata": metadata}}}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Attested writes an OCI layout with an index of images as BuildKit publishes them, each followed by its attestation, and returns its
// reference.
func Attested(t testing.TB, dir string, images ...v1.Image) string {
	t.Helper()
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, img := range images {
		cf, err := img.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		digest, err := img.Digest()
		if err != nil {
			t.Fatal(err)
		}
		statement, err := mutate.Append(empty.Image, mutate.Addendum{Layer: static.NewLayer(Provenance(t, img), "application/vnd.in-toto+json"),
			Annotations: map[string]string{"in-toto.io/predicate-type": "https://slsa.dev/provenance/v1"}})
		if err != nil {
			t.Fatal(err)
		}
		index = mutate.AppendManifests(index,
			mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: cf.OS, Architecture: cf.Architecture, Variant: cf.Variant}}},
			mutate.IndexAddendum{Add: statement, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "unknown", Architecture: "unknown"},
				Annotations: map[string]string{"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": digest.String()}}})
	}
	p, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.AppendIndex(index, layout.WithAnnotations(map[string]string{refName: "index"})); err != nil {
		t.Fatal(err)
	}
	return "oci:" + dir + ":index"
}

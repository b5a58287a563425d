package engine_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/lighten/lighten/internal/engine"
	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/testimage"
)

// runIn uses the image and runs the test program in it.
func runIn(t *testing.T, e *engine.Engine, img v1.Image, use func(context.Context, *engine.Built)) {
	t.Helper()
	err := e.UseImage(t.Context(), img, "", nil, func(ctx context.Context, b *engine.Built) error {
		if use != nil {
			use(ctx, b)
		}
		out, err := b.Run(ctx, engine.Run{Args: []string{"lighten", "role-look"}, Binary: testBinary(t), Outputs: []string{"report"}})
		if err == nil && !strings.Contains(string(out["report"]), "uid=0") {
			t.Errorf("the program reported %q", out["report"])
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func readFile(t *testing.T, name, want string) func(context.Context, *engine.Built) {
	return func(ctx context.Context, b *engine.Built) {
		if got, err := b.ReadFile(ctx, name); err != nil || string(got) != want {
			t.Errorf("%s = %.40q, %v, want %.40q", name, got, err, want)
		}
	}
}

func dockerTypes(t *testing.T, img v1.Image) v1.Image {
	t.Helper()
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	out := empty.Image // of Docker's media types
	for _, l := range layers {
		if out, err = mutate.Append(out, mutate.Addendum{Layer: l, MediaType: types.DockerLayer}); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func zstdLayers(t *testing.T, img v1.Image) v1.Image {
	t.Helper()
	img, err := image.Recompress(img, image.Zstd)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func TestUseImage(t *testing.T) {
	testUseImage(t, open(t))
}

// A buildkitd elsewhere takes the image from the session too.
func TestUseImageRemote(t *testing.T) {
	testimage.Need(t, "root", "runc", "bases")
	address, _ := remote(t)
	e, err := engine.Open(t.Context(), engine.Options{Address: address, State: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	testUseImage(t, e)
}

// Docker before 23 knows no images of a session: they are loaded, and gone afterwards.
func TestUseImageDocker(t *testing.T) {
	testimage.Need(t, "docker")
	e, err := engine.Open(t.Context(), engine.Options{Address: "docker"})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	testUseImage(t, e)
	out, err := exec.Command("docker", "images", "--all", "--format", "{{.Repository}}").CombinedOutput()
	if err != nil || strings.Contains(string(out), "lighten.invalid") {
		t.Errorf("left in the daemon: %s, %v", out, err)
	}
}

func testUseImage(t *testing.T, e *engine.Engine) {
	t.Helper()
	small := testimage.Image(t, v1.Config{User: "7"}, testimage.Tree{"/a": "file 0644 one", "/d/": "dir 0755"}, testimage.Tree{"/a": "file 0644 two"})
	for _, c := range []struct {
		name string
		img  v1.Image
		file string
		want string
	}{
		{"OCI", small, "/a", "two"},
		{"Docker's media types", dockerTypes(t, small), "/a", "two"},
		{"zstd", zstdLayers(t, testimage.Image(t, v1.Config{}, testimage.Tree{"/a": "file 0644 zstd"})), "/a", "zstd"},
		{"no layers", testimage.Image(t, v1.Config{Cmd: []string{"x"}}), "", ""},
		{"Docker's, no layers", empty.Image, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			runIn(t, e, c.img, func(ctx context.Context, b *engine.Built) {
				want, err := c.img.ConfigFile()
				if err != nil {
					t.Fatal(err)
				}
				if got := b.Config(); got.Config.User != want.Config.User || len(got.Config.Cmd) != len(want.Config.Cmd) {
					t.Errorf("configuration %+v, want %+v", got.Config, want.Config)
				}
				if c.file != "" {
					readFile(t, c.file, c.want)(ctx, b)
				} else if _, err := b.ReadFile(ctx, "/a"); !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("a file of an image of nothing: %v", err)
				}
			})
		})
	}
	t.Run("the caller's error", func(t *testing.T) {
		mine := errors.New("mine")
		if err := e.UseImage(t.Context(), small, "", nil, func(context.Context, *engine.Built) error { return mine }); !errors.Is(err, mine) {
			t.Errorf("err = %v, want the caller's own", err)
		}
	})
	t.Run("another platform", func(t *testing.T) {
		if !strings.HasPrefix(e.String(), "embedded") {
			t.Skip("the engine's machine knows which platforms it can run")
		}
		err := e.UseImage(t.Context(), small, "linux/s390x", nil, func(context.Context, *engine.Built) error { return nil })
		if err == nil || !strings.Contains(err.Error(), "no emulator") {
			t.Errorf("err = %v, want what to do about the platform", err)
		}
	})
}

func TestUseImageBase(t *testing.T) {
	e := open(t)
	img, err := image.Open(t.Context(), testimage.BaseRef(t, "debian:bookworm-slim"), image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	runIn(t, e, img, func(ctx context.Context, b *engine.Built) {
		if got, err := b.ReadFile(ctx, "/etc/os-release"); err != nil || !strings.Contains(string(got), "bookworm") {
			t.Errorf("os-release: %.60q, %v", got, err)
		}
	})
}

// counted counts how often a layer is opened and how much of it is read.
type counted struct {
	v1.Layer
	opened, read atomic.Int64
}

func (c *counted) Compressed() (io.ReadCloser, error) {
	c.opened.Add(1)
	rc, err := c.Layer.Compressed()
	return struct {
		io.Reader
		io.Closer
	}{io.TeeReader(rc, countWriter{&c.read}), rc}, err
}

type countWriter struct{ n *atomic.Int64 }

func (w countWriter) Write(b []byte) (int, error) { w.n.Add(int64(len(b))); return len(b), nil }

// withLayers is img with other implementations of the same layers.
type withLayers struct {
	v1.Image
	layers []v1.Layer
}

func (w withLayers) Layers() ([]v1.Layer, error) { return w.layers, nil }

func count(t *testing.T, img v1.Image) (v1.Image, []*counted) {
	t.Helper()
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	var out []*counted
	w := withLayers{Image: img}
	for _, l := range layers {
		out = append(out, &counted{Layer: l})
		w.layers = append(w.layers, out[len(out)-1])
	}
	return w, out
}

// Layers are read once, from their beginning to their end, and not again when the engine has them.
func TestUseImageReadsOnce(t *testing.T) {
	e := open(t)
	big := testimage.Tree{"/big": "noise 0644 5242880"}
	one := testimage.Image(t, v1.Config{}, big, testimage.Tree{"/a": "file 0644 first"})
	two := testimage.Image(t, v1.Config{}, big, testimage.Tree{"/a": "file 0644 second"})
	for i, c := range []struct {
		img  v1.Image
		want string
		read []int64 // times that each layer is read
	}{{one, "first", []int64{1, 1}}, {one, "first", []int64{0, 0}}, {two, "second", []int64{0, 1}}} {
		img, layers := count(t, c.img)
		runIn(t, e, img, readFile(t, "/a", c.want))
		for j, l := range layers {
			size, err := l.Size()
			if err != nil {
				t.Fatal(err)
			}
			if l.opened.Load() != c.read[j] || l.read.Load() != size*c.read[j] {
				t.Errorf("use %d, layer %d: opened %d times, %d of %d bytes read, want %d times", i, j, l.opened.Load(), l.read.Load(), size, c.read[j])
			}
		}
	}
}

// lying has other bytes than its digest says.
type lying struct {
	v1.Layer
	from v1.Layer
}

func (l lying) Compressed() (io.ReadCloser, error) { return l.from.Compressed() }

func TestUseImageLyingLayer(t *testing.T) {
	e := open(t)
	img := testimage.Image(t, v1.Config{}, testimage.Tree{"/a": "file 0644 good"})
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	other := testimage.Layer(t, testimage.Tree{"/a": "file 0644 evil"})
	err = e.UseImage(t.Context(), withLayers{img, []v1.Layer{lying{layers[0], other}}}, "", nil, func(context.Context, *engine.Built) error {
		t.Error("an image whose layer is another one was used")
		return nil
	})
	if err == nil || !strings.Contains(err.Error(), "sha256:") {
		t.Errorf("err = %v, want one that names the layer", err)
	}
}

// What is forgotten is read again, but for layers that another image has too.
func TestForget(t *testing.T) {
	e := open(t)
	big := testimage.Tree{"/big": "noise 0644 5242880"}
	one := testimage.Image(t, v1.Config{}, big, testimage.Tree{"/a": "file 0644 first"})
	two := testimage.Image(t, v1.Config{}, big, testimage.Tree{"/a": "file 0644 second"})
	three := testimage.Image(t, v1.Config{}, testimage.Tree{"/big": "noise 0644 4242880"}, testimage.Tree{"/a": "file 0644 third"})
	mark := func() map[string]bool {
		t.Helper()
		m, err := e.Mark(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	runIn(t, e, three, nil)
	first := mark()
	for i, c := range []struct {
		img    v1.Image
		opened [2]int64
	}{
		{one, [2]int64{1, 1}}, {two, [2]int64{0, 1}}, {one, [2]int64{0, 1}}, // what two needs of one stayed
		{three, [2]int64{0, 0}}, {one, [2]int64{1, 1}}, // three was there before, and needs nothing of the others
	} {
		img, layers := count(t, c.img)
		there := mark()
		runIn(t, e, img, nil)
		if err := e.Forget(t.Context(), first, there); err != nil {
			t.Fatal(err)
		}
		if got := [2]int64{layers[0].opened.Load(), layers[1].opened.Load()}; got != c.opened {
			t.Errorf("use %d: layers opened %d times, want %d", i, got, c.opened)
		}
	}
}

func TestRoom(t *testing.T) {
	e := open(t)
	if err := e.Room(t.Context(), 1); err != nil {
		t.Error(err)
	}
	if err := e.Room(t.Context(), 1<<60); err == nil || !strings.Contains(err.Error(), "free some space") {
		t.Errorf("err = %v, want what to do", err)
	}
}

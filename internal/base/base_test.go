package base_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/lighten/lighten/internal/base"
	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/inventory"
	"github.com/lighten/lighten/internal/testimage"
)

// on puts a layer and steps of history on an image.
func on(t *testing.T, img v1.Image, tree testimage.Tree, command bool) v1.Image {
	t.Helper()
	adds := []mutate.Addendum{{Layer: testimage.Layer(t, tree), History: v1.History{CreatedBy: "COPY . . # buildkit"}}}
	if command {
		adds = append(adds, mutate.Addendum{History: v1.History{CreatedBy: `CMD ["python3"]`, EmptyLayer: true}})
	}
	img, err := mutate.Append(img, adds...)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func configured(t *testing.T, img v1.Image, edit func(*v1.Config)) v1.Image {
	t.Helper()
	cfg, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	c := cfg.Config.DeepCopy()
	edit(c)
	if img, err = mutate.Config(img, *c); err != nil {
		t.Fatal(err)
	}
	return img
}

const debian = "file 0644 ID=debian\nVERSION_ID=\"12\"\n"

func TestRecognise(t *testing.T) {
	python := func(extra testimage.Tree) v1.Image {
		img := on(t, testimage.Image(t, v1.Config{}, testimage.Tree{"/etc/os-release": debian}), extra, true)
		return configured(t, img, func(c *v1.Config) { c.Env = []string{"PATH=/bin", "PYTHON_VERSION=3.11.9"} })
	}
	full := python(testimage.Tree{"/usr/bin/gcc": "noise 0755 100000"})
	slim := python(testimage.Tree{"/usr/local/bin/python3": "noise 0755 1000"})
	distroless := testimage.Image(t, v1.Config{}, testimage.Tree{"/usr/bin/python3": "noise 0755 900"})
	alpine := testimage.Image(t, v1.Config{}, testimage.Tree{"/bin/busybox": "noise 0755 100"})
	app := testimage.Tree{"/app/main.py": "file 0644 x"}
	digest := func(img v1.Image) string {
		d, err := img.Digest()
		if err != nil {
			t.Fatal(err)
		}
		return d.String()
	}
	registry := map[string]v1.Image{
		"python:3.11": full, "python:3.11-slim": slim, "python:3.11-alpine": alpine, "gcr.io/distroless/python3-debian12": distroless, "python@" + digest(full): full,
	}
	open := func(_ context.Context, ref string) (v1.Image, error) {
		if img := registry[ref]; img != nil {
			return img, nil
		}
		return nil, errors.New("there is no " + ref)
	}
	labelled := func(img v1.Image, name, digest string) v1.Image {
		return configured(t, img, func(c *v1.Config) {
			c.Labels = map[string]string{"org.opencontainers.image.base.name": name, "org.opencontainers.image.base.digest": digest}
		})
	}
	const smaller = "smaller: python:3.11-alpine, N to pull instead of N (musl instead of glibc); smaller: gcr.io/distroless/python3-debian12, N to pull instead of N (no shell); smaller: python:3.11-slim, N to pull instead of N"
	for name, c := range map[string]struct {
		img    v1.Image
		named  string
		open   base.Open
		want   string
		advice string
	}{
		"named":                    {on(t, full, app, false), "python:3.11", open, "python:3.11 by its layers, 2 layers", smaller},
		"named slim":               {on(t, slim, app, false), "python:3.11-slim", open, "python:3.11-slim by its layers, 2 layers", strings.ReplaceAll(smaller, "; smaller: python:3.11-slim, N to pull instead of N", "")},
		"named, another":           {on(t, full, app, false), "python:3.11-slim", open, "error: the image was not built on this python:3.11-slim: its first layers are others", ""},
		"named, absent":            {on(t, full, app, false), "nosuch", open, "error: opening the base: there is no nosuch", ""},
		"named, nobody to ask":     {on(t, full, app, false), "python:3.11", nil, "error: opening the base python:3.11: no registry may be asked", ""},
		"annotation":               {labelled(on(t, full, app, false), "python:3.11", digest(full)), "", open, "python:3.11 by an annotation, 2 layers", smaller},
		"annotation, moved":        {labelled(on(t, slim, app, false), "python:3.11", "sha256:"+strings.Repeat("0", 64)), "", open, "python:3.11 by an annotation, 2 layers", "newer"},
		"annotation, unasked":      {labelled(on(t, full, app, false), "python:3.11", ""), "", nil, "python:3.11 by an annotation, 2 layers", "smaller: python:3.11-slim; smaller: gcr.io/distroless/python3-debian12 (no shell); smaller: python:3.11-alpine (musl instead of glibc)"},
		"history":                  {on(t, full, app, true), "", open, "python:3.11 by the history (guess), 2 layers", smaller},
		"history slim":             {on(t, slim, app, false), "", nil, "python:3.11-slim by the history (guess), 2 layers", "smaller: gcr.io/distroless/python3-debian12 (no shell); smaller: python:3.11-alpine (musl instead of glibc)"},
		"history, compiler on top": {on(t, slim, testimage.Tree{"/usr/bin/gcc": "file 0755 x"}, true), "", nil, "python:3.11-slim by the history (guess), 2 layers", "smaller: gcr.io/distroless/python3-debian12 (no shell); smaller: python:3.11-alpine (musl instead of glibc)"},
		"release":                  {testimage.Image(t, v1.Config{}, testimage.Tree{"/etc/os-release": "file 0644 ID=alpine\nVERSION_ID=3.20.3\n"}), "", open, "alpine:3.20 by its os-release (guess), 0 layers", ""},
		"release, distroless":      {testimage.Image(t, v1.Config{}, testimage.Tree{"/etc/os-release": debian + "PRETTY_NAME=\"Distroless\"\n"}), "", open, "gcr.io/distroless/static-debian12 by its os-release (guess), 0 layers", ""},
		"release, slim":            {testimage.Image(t, v1.Config{}, testimage.Tree{"/etc/os-release": debian, "/etc/dpkg/dpkg.cfg.d/docker": "file 0644 x"}), "", nil, "debian:12-slim by its os-release (guess), 0 layers", ""},
		"release, whole":           {testimage.Image(t, v1.Config{}, testimage.Tree{"/etc/os-release": debian, "/var/lib/dpkg/status": "file 0644 x"}), "", nil, "debian:12 by its os-release (guess), 0 layers", "smaller: debian:12-slim"},
		"nothing":                  {testimage.Image(t, v1.Config{}, app), "", open, "none", ""},
	} {
		t.Run(name, func(t *testing.T) {
			tree, err := image.ReadTree(t.Context(), c.img, inventory.Rules())
			if err != nil {
				t.Fatal(err)
			}
			b, err := base.Recognise(t.Context(), c.img, tree, c.named, c.open)
			got, advice := "none", ""
			switch {
			case err != nil:
				got = "error: " + err.Error()
			case b != nil:
				got = b.Name + " by " + b.How
				if b.Guess {
					got += " (guess)"
				}
				got += fmt.Sprintf(", %d layers", b.Layers)
				advice = b.Advice(func(int64) string { return "N" })
				if b.Layers > 0 && (b.Pull == 0 || b.Disk == 0) {
					t.Errorf("%d bytes to pull and %d on disk", b.Pull, b.Disk)
				}
			}
			if got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			if c.advice == "newer" && strings.Contains(advice, "newer: python:3.11@"+digest(full)) {
				return
			}
			if advice != c.advice {
				t.Errorf("advice\n%s, want\n%s", advice, c.advice)
			}
		})
	}
}

// The real images: a layer on each, recognised by its layers and guessed without.
func TestRealBases(t *testing.T) {
	testimage.Need(t, "bases")
	for ref, want := range map[string]string{
		"python:3.11-slim": "python:3.11-slim", "python:3.11-alpine": "python:3.11-alpine", "debian:bookworm-slim": "debian:12-slim", "alpine:3.20": "alpine:3.20",
		"gcr.io/distroless/static": "gcr.io/distroless/static-debian12", "gcr.io/distroless/base": "gcr.io/distroless/base-debian12",
		"gcr.io/distroless/cc": "gcr.io/distroless/cc-debian12", "gcr.io/distroless/python3": "gcr.io/distroless/python3-debian12",
	} {
		t.Run(ref, func(t *testing.T) {
			img, err := image.Open(t.Context(), testimage.BaseRef(t, ref), image.Options{})
			if err != nil {
				t.Fatal(err)
			}
			app := on(t, img, testimage.Tree{"/app/main.py": "file 0644 x"}, true)
			tree, err := image.ReadTree(t.Context(), app, inventory.Rules())
			if err != nil {
				t.Fatal(err)
			}
			guess, err := base.Recognise(t.Context(), app, tree, "", nil)
			if err != nil || guess == nil || guess.Name != want || !guess.Guess {
				t.Errorf("guessed %+v, %v; want %s", guess, err, want)
			}
			open := func(context.Context, string) (v1.Image, error) { return img, nil }
			exact, err := base.Recognise(t.Context(), app, tree, ref, open)
			if err != nil || exact.Layers != len(tree.Layers)-1 {
				t.Errorf("got %+v, %v; want %d layers", exact, err, len(tree.Layers)-1)
			}
		})
	}
}

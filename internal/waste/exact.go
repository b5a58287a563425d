package waste

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"runtime"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"

	"github.com/lighten/lighten/internal/image"
)

// without is a layer compressed without the files of a category; with 0, with all of them.
type without struct {
	layer    int
	category uint8
}

// Measure replaces the estimates of what findings of the classes Overlay and Cost take of the compressed layers: each layer
// is compressed with and without their files, at the usual level of its own compression. It reads the layers once for
// each category that they have files of. What is a part of files only, such as debug information, stays an estimate.
func (a *Analysis) Measure(ctx context.Context, img v1.Image) error {
	headers := a.headers()
	var jobs []without
	whole := map[int]bool{}
	for k := range headers {
		if jobs = append(jobs, k); !whole[k.layer] {
			whole[k.layer] = true
			jobs = append(jobs, without{layer: k.layer})
		}
	}
	sizes := make([]int64, len(jobs))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for n, k := range jobs {
		g.Go(func() (err error) {
			sizes[n], err = a.compress(ctx, img, k.layer, headers[k])
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return fmt.Errorf("compressing layers without what was found: %w", err)
	}
	size := map[without]int64{}
	for n, k := range jobs {
		size[k] = sizes[n]
	}
	a.measured(size)
	return nil
}

// headers are those of the files of each layer and category, by their numbers in the layer.
func (a *Analysis) headers() map[without]map[int]bool {
	headers := map[without]map[int]bool{}
	for i := range a.Layers {
		n := 0
		for e := range a.Tree.LayerEntries(i) {
			s := a.state[i][n]
			n++
			o, ok := e.Origin()
			if !ok || s.category == 0 || o.Layer != i || Categories[s.category-1] == elfDebugs {
				continue
			}
			k := without{i, s.category}
			if headers[k] == nil {
				headers[k] = map[int]bool{}
			}
			headers[k][o.Header] = true
		}
	}
	return headers
}

// compress returns the compressed size of a layer without some of its headers.
func (a *Analysis) compress(ctx context.Context, img v1.Image, layer int, leave map[int]bool) (int64, error) {
	return image.CompressedSize(a.Layers[layer].Compression, func(w io.Writer) error {
		tw := tar.NewWriter(w)
		err := a.Tree.ReadLayer(ctx, img, layer, func(n int, h *tar.Header, content io.Reader) error {
			if leave[n] {
				return nil
			}
			h.Format = tar.FormatUnknown // whatever fits: what was read need not be in a form that can be written
			if err := tw.WriteHeader(h); err != nil {
				return err
			}
			_, err := io.Copy(tw, content)
			return err
		})
		if err != nil {
			return err
		}
		return tw.Close()
	})
}

// measured writes down what leaving files out saves.
func (a *Analysis) measured(size map[without]int64) {
	saved := map[*Category]int64{}
	for k, n := range size {
		if k.category > 0 {
			saved[Categories[k.category-1]] += size[without{layer: k.layer}] - n
		}
	}
	for n := range a.Findings {
		f := &a.Findings[n]
		if pull, ok := saved[f.Category]; ok {
			f.Pull, f.Exact = max(0, pull), true
		}
	}
	a.Exact = true
}

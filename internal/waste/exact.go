package waste

import (
	"archive/tar"
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"

	"github.com/lighten/lighten/internal/image"
)

// gzipPiece is the content, in bytes, of a piece of a layer that is compressed by itself. What removing a file saves shows within
// gzip's window of 32 KiB, so that only pieces with files to remove need be compressed: what beginning anew costs, both sides
// have. Zstandard's window of 8 MiB is another matter: there a layer is one piece.
const gzipPiece = 1 << 20

// Measure replaces the estimates of what findings of the classes Overlay and Cost take of the compressed layers: the pieces of
// a layer that hold their files are compressed with and without them, at the usual level of its own compression. Each such
// layer is read once. What is a part of files only, such as debug information, stays an estimate. progress, if given, is
// called before a layer is read.
func (a *Analysis) Measure(ctx context.Context, img v1.Image, progress func(layer int)) error {
	saved := make([]map[uint8]int64, len(a.Layers))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := range a.Layers {
		pieces, category := a.pieces(i)
		if len(pieces) == 0 {
			continue
		}
		if progress != nil {
			progress(i)
		}
		g.Go(func() error {
			m := measuring{compression: a.Layers[i].Compression, pieces: pieces, category: category, saved: map[uint8]int64{}}
			saved[i] = m.saved
			return m.read(ctx, a.Tree, img, i)
		})
	}
	if err := g.Wait(); err != nil {
		return fmt.Errorf("compressing layers without what was found: %w", err)
	}
	all := map[*Category]int64{}
	for _, layer := range saved {
		for c, n := range layer {
			all[Categories[c-1]] += n
		}
	}
	for n := range a.Findings {
		f := &a.Findings[n]
		if pull, ok := all[f.Category]; ok {
			f.Pull, f.Exact = max(0, pull), true
		}
	}
	a.Wasted.Pull = 0
	for _, f := range a.Findings {
		if f.Class == Overlay {
			a.Wasted.Pull += f.Pull
		}
	}
	a.Exact = true
	return nil
}

// piece is a run of headers of a layer with files of some categories.
type piece struct {
	from, to   int // header numbers, to excluded
	categories []uint8
}

// pieces returns the pieces of a layer that have files of categories, and the category of each header.
func (a *Analysis) pieces(layer int) (pieces []piece, category []uint8) {
	var size []int64
	n := 0
	for e := range a.Tree.LayerEntries(layer) {
		s := a.state[layer][n]
		n++
		o, ok := e.Origin()
		if !ok || o.Layer != layer {
			continue
		}
		for len(category) <= o.Header {
			category, size = append(category, 0), append(size, 0)
		}
		size[o.Header] = e.Stored()
		if s.category > 0 && Categories[s.category-1] != elfDebugs {
			category[o.Header] = s.category
		}
	}
	most := int64(gzipPiece)
	if a.Layers[layer].Compression == image.Zstd {
		most = 1 << 62
	}
	var p piece
	var has [256]bool
	var bytes int64
	for h, c := range category {
		if c > 0 && !has[c] {
			has[c] = true
			p.categories = append(p.categories, c)
		}
		if bytes += size[h]; bytes < most && h < len(category)-1 {
			continue
		}
		if p.to = h + 1; len(p.categories) > 0 {
			pieces = append(pieces, p)
		}
		p, has, bytes = piece{from: h + 1}, [256]bool{}, 0
	}
	return pieces, category
}

// measuring compresses the pieces of a layer.
type measuring struct {
	compression image.Compression
	pieces      []piece // that are to come, the one at hand included
	category    []uint8 // by header
	saved       map[uint8]int64

	sizers []*image.Sizer // of the piece at hand: with all files, then without those of each of its categories
	leave  uint8          // category of the entry at hand
}

func (m *measuring) read(ctx context.Context, t *image.Tree, img v1.Image, layer int) error {
	out := bufio.NewWriterSize(writerFunc(m.write), 256<<10)
	tw := tar.NewWriter(out)
	err := t.ReadLayer(ctx, img, layer, func(n int, h *tar.Header, content io.Reader) error {
		if len(m.pieces) > 0 && n >= m.pieces[0].to {
			if err := errors.Join(out.Flush(), m.end()); err != nil {
				return err
			}
		}
		if len(m.pieces) == 0 || n < m.pieces[0].from {
			return nil
		}
		if c := m.category[n]; c != m.leave {
			if err := out.Flush(); err != nil {
				return err
			}
			m.leave = c
		}
		writable(h)
		if err := tw.WriteHeader(h); err != nil {
			return err
		}
		if _, err := io.Copy(tw, content); err != nil {
			return err
		}
		return tw.Flush()
	})
	if err == nil && len(m.pieces) > 0 {
		err = errors.Join(out.Flush(), m.end())
	}
	return err
}

// writable gives a header that was read a form that can be written, which its own need not be: that of a sparse file is none.
func writable(h *tar.Header) {
	h.Format = tar.FormatUnknown
	if h.Typeflag == tar.TypeGNUSparse {
		h.Typeflag = tar.TypeReg
	}
	for k := range h.PAXRecords {
		if strings.HasPrefix(k, image.SparsePrefix) {
			delete(h.PAXRecords, k)
		}
	}
}

// write hands a part of the piece at hand to all of its compressors that do not leave it out, which run side by side.
func (m *measuring) write(b []byte) (int, error) {
	p := m.pieces[0]
	for len(m.sizers) <= len(p.categories) {
		s, err := image.NewSizer(m.compression)
		if err != nil {
			return 0, err
		}
		m.sizers = append(m.sizers, s)
	}
	var wg sync.WaitGroup
	errs := make([]error, len(p.categories)+1)
	for n := range errs {
		if n > 0 && p.categories[n-1] == m.leave {
			continue
		}
		wg.Go(func() { _, errs[n] = m.sizers[n].Write(b) })
	}
	wg.Wait()
	return len(b), errors.Join(errs...)
}

// end notes what leaving out each category of the piece at hand saves, and goes on to the next.
func (m *measuring) end() error {
	p := m.pieces[0]
	m.pieces = m.pieces[1:]
	if len(m.sizers) <= len(p.categories) {
		return nil // nothing of it was there
	}
	var wg sync.WaitGroup
	sizes, errs := make([]int64, len(p.categories)+1), make([]error, len(p.categories)+1)
	for n := range sizes {
		wg.Go(func() { sizes[n], errs[n] = m.sizers[n].Size() })
	}
	wg.Wait()
	for n, c := range p.categories {
		m.saved[c] += sizes[0] - sizes[n+1]
	}
	return errors.Join(errs...)
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

package carve

import (
	"archive/tar"
	"bufio"
	"context"
	"fmt"
	"io"
	"runtime"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"

	"github.com/lighten/lighten/internal/image"
)

// layers writes the new layers, several at a time.
func (s sources) layers(ctx context.Context, p *plan, c image.Compression) ([]v1.Layer, error) {
	layers := make([]v1.Layer, len(p.layers))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for n := range p.layers {
		g.Go(func() (err error) {
			if err = s.order(p.layers[n].items); err == nil {
				layers[n], err = image.NewLayer(ctx, c, func(w io.Writer) error { return s.write(gctx, w, p.layers[n].items) })
			}
			if err != nil {
				return fmt.Errorf("writing the new layer %q: %w", p.layers[n].name, err)
			}
			return nil
		})
	}
	return layers, g.Wait()
}

// write writes items as a tar archive.
func (s sources) write(ctx context.Context, w io.Writer, items []item) error {
	bw := bufio.NewWriterSize(w, 256<<10)
	tw := tar.NewWriter(bw)
	for len(items) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		if first := items[0]; !first.full() {
			if err := tw.WriteHeader(first.header()); err != nil {
				return fmt.Errorf("%q: %w", first.entry.Path, err)
			}
			items = items[1:]
			continue
		}
		run := adjacent(items)
		first, last := items[0].piece, items[run-1].piece
		// What lies in the source are whole tar entries: they fit between those that tw writes.
		if _, err := bw.ReadFrom(io.NewSectionReader(s[first.source], first.at, last.at+last.size-first.at)); err != nil {
			return err
		}
		items = items[run:]
	}
	if err := tw.Close(); err != nil {
		return err
	}
	return bw.Flush()
}

// full reports whether an item is copied from a source.
func (i *item) full() bool { return i.piece != nil && i.piece.name == i.entry.Path }

// adjacent counts the items that lie one after the other in one source as well.
func adjacent(items []item) int {
	n := 1
	for ; n < len(items) && items[n].full(); n++ {
		a, b := items[n-1].piece, items[n].piece
		if a.source != b.source || a.at+a.size != b.at {
			break
		}
	}
	return n
}

// header is that of a second name, or of a directory that no layer describes: unpacking the original makes it so.
func (i *item) header() *tar.Header {
	e := i.entry
	h := &tar.Header{Typeflag: tar.TypeDir, Name: entryName(e.Path, tar.TypeDir), Mode: int64(e.Mode.Perm()), Format: tar.FormatPAX}
	if i.piece != nil {
		h.Typeflag, h.Name, h.Linkname = tar.TypeLink, entryName(e.Path, tar.TypeLink), entryName(i.piece.name, tar.TypeLink)
		// Who unpacks a link sets the owner of what it leads to again, at which the kernel takes its capabilities away.
		h.Uid, h.Gid, h.ModTime, h.Mode, h.PAXRecords = e.UID, e.GID, e.ModTime, e.Bits(), i.piece.xattrs
	}
	return h
}

package carve

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"

	"github.com/lighten/lighten/internal/image"
)

// maxSparse is the largest sparse file, in bytes, that is copied. A header of a few bytes can claim any size.
const maxSparse = 64 << 30

// sources holds for each original layer the wanted tar entries, one after the other, in a file without a name; nil for
// layers of which nothing is kept.
type sources []*os.File

// readSources copies the wanted entries out of the original layers, several layers at a time.
func readSources(ctx context.Context, img v1.Image, t *image.Tree, p *plan, replace func(string) ([]byte, bool)) (sources, error) {
	layers, err := img.Layers()
	if err != nil {
		return nil, fmt.Errorf("reading the layers: %w", err)
	}
	s := make(sources, len(p.wanted))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, wanted := range p.wanted {
		if len(wanted) == 0 {
			continue
		}
		g.Go(func() error {
			if err := distributable(layers[i]); err != nil {
				return fmt.Errorf("reading layer %s (%d of %d): %w", t.Layers[i].Digest, i+1, len(layers), err)
			}
			f, err := image.TempFile()
			if err != nil {
				return err
			}
			s[i] = f
			return fill(ctx, f, img, t, i, wanted, replace)
		})
	}
	if err := g.Wait(); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s sources) close() {
	for _, f := range s {
		if f != nil {
			f.Close() // nothing is lost with it
		}
	}
}

// distributable refuses foreign layers: what was in them would be passed on as part of a layer of our own.
func distributable(l v1.Layer) error {
	media, err := l.MediaType()
	if err != nil {
		return fmt.Errorf("reading the media type: %w", err)
	}
	if !media.IsDistributable() {
		return fmt.Errorf("its media type %s says that its content must not be passed on; keep nothing of it", media)
	}
	return nil
}

// fill copies to f what is wanted of layer i.
func fill(ctx context.Context, f *os.File, img v1.Image, t *image.Tree, i int, wanted map[int]*piece, replace func(string) ([]byte, bool)) error {
	holes := &holeWriter{f: f}
	w := bufio.NewWriterSize(holes, 256<<10)
	at := &counter{w: w}
	tw := tar.NewWriter(at)
	left := len(wanted)
	err := t.ReadLayer(ctx, img, i, func(n int, h *tar.Header, content io.Reader) error {
		p := wanted[n]
		if p == nil {
			return nil
		}
		left--
		if b, ok := replaced(replace, h, p.name); ok {
			h, content = sized(h, int64(len(b))), bytes.NewReader(b)
		}
		p.at, p.xattrs = at.n, records(h.PAXRecords)
		if err := copyEntry(tw, h, p.name, content); err != nil {
			return fmt.Errorf("%q: %w", h.Name, err)
		}
		p.size = at.n - p.at
		return nil
	})
	if err != nil {
		return err
	}
	if left > 0 {
		return fmt.Errorf("reading layer %s (%d of %d): %d entries are missing: its cached index is damaged, remove it", t.Layers[i].Digest, i+1, len(t.Layers), left)
	}
	return errors.Join(w.Flush(), holes.end())
}

// replaced is the other content of a regular file, if it gets one.
func replaced(replace func(string) ([]byte, bool), h *tar.Header, name string) ([]byte, bool) {
	if replace == nil || h.Typeflag != tar.TypeReg {
		return nil, false
	}
	return replace(name)
}

// sized is h for content of another size.
func sized(h *tar.Header, size int64) *tar.Header {
	out := *h
	out.Size = size
	return &out
}

// copyEntry writes an original tar entry under the name p, with its padding.
func copyEntry(tw *tar.Writer, h *tar.Header, p string, content io.Reader) error {
	out, err := rewritten(h, p)
	if err != nil {
		return err
	}
	if err := tw.WriteHeader(out); err != nil {
		return err
	}
	if out.Typeflag == tar.TypeReg {
		if _, err := io.Copy(tw, content); err != nil {
			return err
		}
	}
	return tw.Flush()
}

// rewritten is h as the entry of another path. Names of users are dropped, numbers count; so are times of access and
// change, which are none of the file's own.
func rewritten(h *tar.Header, p string) (*tar.Header, error) {
	out := &tar.Header{
		Typeflag: h.Typeflag, Name: entryName(p, h.Typeflag), Mode: h.Mode & 0o7777, Uid: h.Uid, Gid: h.Gid, ModTime: h.ModTime,
		PAXRecords: records(h.PAXRecords), Format: tar.FormatPAX,
	}
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeCont, tar.TypeGNUSparse:
		// A sparse file is written with its zeros: what unpacks layers writes them out in any case.
		if h.Size > maxSparse && image.IsSparse(h) {
			return nil, fmt.Errorf("a sparse file of %d GiB (limit %d); drop it", h.Size>>30, int64(maxSparse)>>30)
		}
		out.Typeflag, out.Size = tar.TypeReg, h.Size
	case tar.TypeSymlink:
		out.Linkname = h.Linkname
	case tar.TypeChar, tar.TypeBlock:
		out.Devmajor, out.Devminor = h.Devmajor, h.Devminor
	case tar.TypeDir, tar.TypeFifo:
	default:
		return nil, fmt.Errorf("of the unknown type %q", h.Typeflag)
	}
	return out, nil
}

func entryName(p string, kind byte) string {
	name := strings.TrimPrefix(p, "/")
	if kind == tar.TypeDir {
		name += "/"
	}
	if name == "/" {
		return "./"
	}
	return name
}

// records returns the PAX records that the fields of a header do not hold: extended attributes, and with them file
// capabilities, above all.
func records(all map[string]string) map[string]string {
	var kept map[string]string
	for k, v := range all {
		if !strings.Contains(k, ".") || strings.HasPrefix(k, image.SparsePrefix) { // "path", "mtime", "size", …: POSIX's own
			continue
		}
		if kept == nil {
			kept = map[string]string{}
		}
		kept[k] = v
	}
	return kept
}

// counter counts what passes.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// holeWriter writes a file and leaves holes where there are zeros alone, so that a sparse file takes no room.
type holeWriter struct {
	f *os.File
	n int64
}

var zeros [64 << 10]byte

func (h *holeWriter) Write(p []byte) (int, error) {
	written := 0
	for len(p) > 0 {
		b := p[:min(len(p), len(zeros))]
		if !bytes.Equal(b, zeros[:len(b)]) {
			if _, err := h.f.WriteAt(b, h.n); err != nil {
				return written, err
			}
		}
		h.n += int64(len(b))
		written += len(b)
		p = p[len(b):]
	}
	return written, nil
}

// end makes the file as long as what was written.
func (h *holeWriter) end() error { return h.f.Truncate(h.n) }

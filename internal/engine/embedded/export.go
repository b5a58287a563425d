package embedded

import (
	"bufio"
	"context"
	"crypto/sha256"
	"hash"
	"io"

	cacheconfig "github.com/moby/buildkit/cache/config"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/exporter"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/util/compression"
	digest "github.com/opencontainers/go-digest"

	"github.com/klauspost/compress/gzip"
)

// Exporter implements worker.Worker.
func (w knownWorker) Exporter(name string, sm *session.Manager) (exporter.Exporter, error) {
	e, err := w.Worker.Exporter(name, sm)
	if err != nil || name != client.ExporterOCI {
		return e, err
	}
	return layerExporter{e, layerGzip{compression.Gzip, w.watch}}, nil
}

// layerExporter makes the layers that steps have left by a compression of lighten's own before BuildKit's exporter does: what
// that finds made it takes.
type layerExporter struct {
	exporter.Exporter
	how compression.Type
}

// Resolve implements exporter.Exporter.
func (e layerExporter) Resolve(ctx context.Context, id int, attrs map[string]string) (exporter.ExporterInstance, error) {
	i, err := e.Exporter.Resolve(ctx, id, attrs)
	if err != nil || i.Config().Compression().Type != compression.Gzip {
		return i, err
	}
	return layerExport{i, e.how}, nil
}

type layerExport struct {
	exporter.ExporterInstance
	how compression.Type
}

// Export implements exporter.ExporterInstance.
func (e layerExport) Export(ctx context.Context, src *exporter.Source, info exporter.ExportBuildInfo) (map[string]string, exporter.FinalizeFunc, exporter.DescriptorReference, error) {
	if src.Ref != nil {
		cfg := cacheconfig.RefConfig{Compression: compression.New(e.how)}
		if _, err := src.Ref.GetRemotes(ctx, true, cfg, false, session.NewGroup(info.SessionID)); err != nil {
			return nil, nil, nil, err
		}
	}
	return e.ExporterInstance.Export(ctx, src, info)
}

// layerGzip is BuildKit's gzip, but for the encoder: Go's own takes three times as long as this one, which makes layers of programs
// and Python modules 2 % larger (klauspost/compress 1.18). Whoever watches layers that are unpacked sees those that are made too.
type layerGzip struct {
	compression.Type
	watch Watch // may be nil
}

// Compress implements compression.Type.
func (g layerGzip) Compress(context.Context, compression.Config) (compression.Compressor, compression.Finalizer) {
	return func(dest io.Writer, _ string) (io.WriteCloser, error) {
		zw, err := gzip.NewWriterLevel(dest, gzip.DefaultCompression)
		if err != nil || g.watch == nil {
			return zw, err
		}
		if read := g.watch(""); read != nil {
			return watchMade(zw, read), nil
		}
		return zw, nil
	}, nil
}

// NeedsComputeDiffBySelf implements compression.Type: another differ would compress by itself.
func (layerGzip) NeedsComputeDiffBySelf(compression.Config) bool { return true }

// madeLayer is a layer on its way to where it is compressed and to who watches it.
type madeLayer struct {
	zw       io.WriteCloser
	sum      hash.Hash
	buf      *bufio.Writer // before w
	w        *io.PipeWriter
	gone     bool // who watches left early
	closed   bool
	verified func(diffID string)
	watched  chan struct{} // closed when watching has ended
}

// watchMade has read see what is written to zw.
func watchMade(zw io.WriteCloser, read func(io.Reader) func(string)) io.WriteCloser {
	r, w := io.Pipe()
	m := &madeLayer{zw: zw, sum: sha256.New(), buf: bufio.NewWriterSize(w, pieceSize), w: w, watched: make(chan struct{})}
	go func() {
		defer close(m.watched)
		defer r.Close()
		m.verified = read(r)
	}()
	return m
}

// Write implements io.Writer.
func (m *madeLayer) Write(b []byte) (int, error) {
	m.sum.Write(b)
	if !m.gone {
		_, err := m.buf.Write(b)
		m.gone = err != nil
	}
	return m.zw.Write(b)
}

// Close ends the layer. BuildKit calls it once more than it needs.
func (m *madeLayer) Close() error {
	if m.closed {
		return nil
	}
	m.closed = true
	if !m.gone {
		_ = m.buf.Flush() // who watches may have left
	}
	m.w.Close()
	<-m.watched
	if err := m.zw.Close(); err != nil {
		return err
	}
	if m.verified != nil {
		m.verified(digest.NewDigest(digest.SHA256, m.sum).String())
	}
	return nil
}

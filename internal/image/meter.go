package image

import (
	"io"
	"sync"

	"github.com/klauspost/compress/flate"
)

// meter tells how much of a layer's compressed form the content up to an offset takes. The decoder's side notes points
// as it gets on, the reader's side asks for offsets that never go back; between two points the compressed bytes are
// shared out evenly. A gzip decoder hands out 32 KiB at a time, one of zstd a block of at most 128 KiB: that is how fine
// the estimate is.
type meter struct {
	packed func() int64 // bytes of the compressed form taken so far; called by the decoder's side
	mu     sync.Mutex
	points []point // those behind the last offset asked for are gone, but for one
}

type point struct{ plain, packed int64 }

func (m *meter) note(plain int64) {
	packed := m.packed()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.points = append(m.points, point{plain, packed})
}

// at returns the compressed bytes that the first plain bytes of content take.
func (m *meter) at(plain int64) int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	var from point
	for len(m.points) > 0 && m.points[0].plain <= plain {
		from = m.points[0]
		if len(m.points) == 1 || m.points[1].plain > plain {
			break
		}
		m.points = m.points[1:]
	}
	to := from
	switch {
	case len(m.points) > 0 && m.points[0].plain > plain: // before the first point
		to = m.points[0]
	case len(m.points) > 1:
		to = m.points[1]
	}
	if to.plain == from.plain {
		return from.packed
	}
	share := float64(plain-from.plain) / float64(to.plain-from.plain)
	return from.packed + int64(share*float64(to.packed-from.packed))
}

// A layer that lies uncompressed somewhere will be compressed on its way to a registry. To know to what size would cost
// several times what all the rest does; so a sample of it is compressed.
const (
	sampleEvery = 256 << 10
	sampleSize  = 16 << 10

	// sampleFactor makes up for what a sample costs too much: fast compression, and no history before it. With it the
	// estimates for debian:bookworm-slim, python:3.11-slim, python:3.11-alpine and distroless/python3 are from 2 % too low to 4 %
	// too high, for the small alpine:3.20 7 %.
	sampleFactor = 0.84
)

// weigh makes an estimate of what a sample was compressed to. What hardly compresses (pictures, archives) does so at no level, with any
// history.
func weigh(ratio float64) float64 {
	const hardly, not = 0.93, 0.98
	lost := min(1, max(0, (ratio-hardly)/(not-hardly)))
	return min(1, ratio*(sampleFactor+(1-sampleFactor)*lost))
}

// sampler passes a layer's content through and estimates its compressed size.
type sampler struct {
	rc      io.Reader
	zw      *flate.Writer
	out     counter
	sample  []byte
	at      int64   // bytes since the sample began
	done    float64 // estimate of what is before that
	ratio   float64
	sampled bool
}

func newSampler(rc *layerReader) *layerReader {
	s := &sampler{rc: rc, ratio: 1, out: counter{w: io.Discard}}
	s.zw, _ = flate.NewWriter(&s.out, flate.BestSpeed) // fails for unknown levels only
	return &layerReader{Reader: s, close: rc.Close, packed: s.position}
}

func (s *sampler) Read(p []byte) (int, error) {
	n, err := s.rc.Read(p)
	for b := p[:n]; len(b) > 0; {
		k := min(int64(len(b)), sampleEvery-s.at)
		if need := sampleSize - len(s.sample); need > 0 {
			s.sample = append(s.sample, b[:min(int64(need), k)]...)
		}
		b, s.at = b[k:], s.at+k
		if len(s.sample) == sampleSize && !s.sampled {
			s.measure()
		}
		if s.at == sampleEvery {
			s.done += s.ratio * sampleEvery
			s.at, s.sample, s.sampled = 0, s.sample[:0], false
		}
	}
	if err != nil && len(s.sample) > 0 && !s.sampled {
		s.measure()
	}
	return n, err
}

func (s *sampler) measure() {
	s.out.n, s.sampled = 0, true
	s.zw.Reset(&s.out)
	_, werr := s.zw.Write(s.sample)
	if cerr := s.zw.Close(); werr == nil && cerr == nil { // into io.Discard: neither can fail
		s.ratio = weigh(float64(s.out.n) / float64(len(s.sample)))
	}
}

// position is the estimate of the compressed size so far.
func (s *sampler) position() int64 { return int64(s.done + s.ratio*float64(s.at)) }

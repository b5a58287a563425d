package image

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
)

// What the fuzz targets call.

func ParseLocation(ref string) (string, error) {
	l, err := parseLocation(ref)
	return l.String(), err
}

// ReadLayer indexes an uncompressed layer and returns the paths it brings.
func ReadLayer(r io.Reader) ([]string, error) {
	o := TreeOptions{Keep: func(string, int64) bool { return true }, MaxContent: 1 << 20}.withDefaults()
	a := readAhead(context.Background(), r, nil)
	defer a.end()
	l, err := readLayer(a, &o, nil)
	if err != nil {
		return nil, err
	}
	var paths []string
	for e := range l.entries.all() {
		paths = append(paths, e.Path)
	}
	t := &Tree{layers: []*layerIndex{l}, Layers: make([]LayerInfo, 1)}
	return paths, t.merge()
}

// Headers reads an archive: each header with its content, up to limit bytes of it.
func Headers(r io.Reader, limit int64, f func(h *tar.Header, content []byte)) error {
	a := readAhead(context.Background(), r, nil)
	defer a.end()
	return eachHeader(a, func(_ int, h *tar.Header, content io.Reader) error {
		b, err := io.ReadAll(io.LimitReader(content, limit))
		f(h, b)
		return err
	})
}

func ReadELF(b []byte) *ELF {
	e := readELF(bytes.NewReader(b), int64(len(b)))
	if e != nil {
		e.Debug = debugBytes(bytes.NewReader(b), int64(len(b)))
	}
	return e
}

// DecodeIndex reads a cached index without its checksum, and reports whether it was whole.
func DecodeIndex(b []byte) bool {
	d := decoder{s: string(b)}
	d.index()
	return !d.bad
}

// EncodeIndex returns the cached form of a layer.
func EncodeIndex(layer []byte) ([]byte, error) {
	o := TreeOptions{}.withDefaults()
	a := readAhead(context.Background(), bytes.NewReader(layer), nil)
	defer a.end()
	l, err := readLayer(a, &o, nil)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	e := encoder{w: &b}
	e.index(l)
	e.flush()
	return b.Bytes(), e.err
}

// SortNames sorts paths as a tree's are.
func SortNames(paths []string) []string {
	t := &Tree{entries: map[string]*Entry{}}
	for _, p := range paths {
		t.entries[p] = &Entry{Path: p, details: noDetails}
	}
	var sorted []string
	for _, e := range t.byPath() {
		sorted = append(sorted, e.Path)
	}
	return sorted
}

// DenseUpTo has larger layers compressed quickly.
func DenseUpTo(n int64) (restore func()) {
	before := mostDense
	mostDense = n
	return func() { mostDense = before }
}

// LeaveAside has the disk looked at as if it had that many bytes less.
func LeaveAside(n int64) (restore func()) {
	before := asideLeave
	asideLeave = n
	return func() { asideLeave = before }
}

package image

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/cespare/xxhash/v2"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Whiteouts (image-spec, layer.md): ".wh.NAME" removes NAME of the layers below, opaqueMarker all of a directory.
// Names that begin with metaPrefix otherwise are AUFS's own.
const (
	whiteoutPrefix = ".wh."
	metaPrefix     = ".wh..wh."
	opaqueMarker   = ".wh..wh..opq"
)

// layerIndex is what a layer does to the tree.
type layerIndex struct {
	entries   entries  // each path once
	whiteouts []string // paths removed from the layers below
	opaque    []string // directories of which the layers below show nothing
	lost      []File   // content of which unpacking the layer leaves nothing: what entries does not hold of disk
	disk      int64    // bytes of content, as Docker counts a layer's size
	packed    int64    // bytes of the compressed form, or an estimate, where TreeOptions.Account asked for it
}

// layerPass is the state of one pass over a layer.
type layerPass struct {
	o       *TreeOptions
	index   *layerIndex
	byPath  map[string]int32
	killed  map[string]int    // directory -> number of entries when it gave way to something else
	dirs    map[string]bool   // directories that something lies in
	real    map[string]string // directory -> where that is, symbolic links of this layer resolved
	names   int64             // bytes of names so far
	kept    int64             // bytes of content so far
	header  int               // number of the header at hand
	stream  *ahead
	meter   *meter // nil unless files are accounted for
	file    fileReader
	entry   Entry   // at hand
	details details // of it
	start   int64   // compressed bytes before the header at hand
	gone    []Entry // what gave way to something else of this layer
	facts   map[string]string
}

// scanLayer reads layer i once and indexes it. Its content must have its diff ID.
func (t *Tree) scanLayer(ctx context.Context, l v1.Layer, i int, o *TreeOptions) (*layerIndex, error) {
	rc, err := uncompressed(l)
	if err != nil {
		return nil, err
	}
	rc.Reader = tally{rc.Reader, &o.Progress.bytes}
	var m *meter
	if o.Account {
		if rc.packed == nil {
			rc = newSampler(rc)
		}
		m = &meter{packed: rc.packed}
	}
	defer rc.Close()
	var index *layerIndex
	err = t.checked(ctx, rc, i, m, func(r *ahead) error {
		index, err = readLayer(r, o, m)
		return err
	})
	if err == nil && m != nil {
		index.packed = rc.packed()
	}
	return index, err
}

// checked hands read the uncompressed layer i and then makes sure that all of it has the diff ID. It sets it aside where that is wanted.
func (t *Tree) checked(ctx context.Context, rc *layerReader, i int, m *meter, read func(*ahead) error) (err error) {
	want := t.Layers[i].DiffID
	var note func(int64)
	if m != nil {
		note = m.note
	}
	a := readAhead(ctx, rc, note)
	defer a.end()
	if a.aside = t.asides.newAside(rc); a.aside != nil {
		defer func() {
			if err != nil {
				a.aside.drop()
			} else {
				t.asides.keep(i, a.aside)
			}
		}()
	}
	if rc.blob == want { // uncompressed: its content is its blob, which is checked already
		a.sum = nil
	}
	if err := read(a); err != nil {
		return err
	}
	if err := a.drain(); err != nil { // padding after the archive's end counts for the digest
		return err
	}
	if a.sum == nil {
		return nil
	}
	if got := hashOf(a.sum); got != want {
		return fmt.Errorf("damaged: its content has diff ID %s, the configuration says %s", got, want)
	}
	return nil
}

// Index reads a layer's uncompressed content to its end and returns what puts its index into o.CacheDir, where [ReadTree]
// finds it. The caller calls that only when the content has the diff ID, which Index does not check.
func (o TreeOptions) Index(content io.Reader) (save func(diffID v1.Hash) error, err error) {
	o = o.withDefaults()
	a := readAhead(context.Background(), content, nil)
	defer a.end()
	a.sum = nil // the caller's
	index, err := readLayer(a, &o, nil)
	if err != nil {
		return nil, err
	}
	if err := a.drain(); err != nil {
		return nil, err
	}
	return func(diffID v1.Hash) error { return newCache(&o).save(diffID, index) }, nil
}

// Indexed reports whether o.CacheDir may have the index of a layer.
func (o TreeOptions) Indexed(diffID v1.Hash) bool {
	o = o.withDefaults()
	c := newCache(&o)
	if c.dir == "" {
		return false
	}
	_, err := os.Stat(c.file(diffID))
	return err == nil
}

// readLayer indexes an uncompressed layer; with m it says what each file costs.
func readLayer(r *ahead, o *TreeOptions, m *meter) (*layerIndex, error) {
	p := &layerPass{o: o, index: &layerIndex{}, byPath: map[string]int32{}, killed: map[string]int{}, dirs: map[string]bool{}, real: map[string]string{}, facts: map[string]string{}, stream: r, meter: m}
	if o.Account {
		p.file.sum = xxhash.New()
	}
	err := eachHeader(r, func(n int, h *tar.Header, content io.Reader) error {
		p.header = n
		return p.add(h, content)
	})
	if err != nil {
		return nil, err
	}
	p.finish()
	return p.index, nil
}

// eachHeader calls f with the headers of a layer and their numbers, which [Origin] names. A header and its content are good
// until f returns.
func eachHeader(a *ahead, f func(n int, h *tar.Header, content io.Reader) error) error {
	t := headers{a: a}
	for n := 0; ; n++ {
		h, content, err := t.next()
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if h.Typeflag == tar.TypeXGlobalHeader {
			continue // `git archive` writes one; it describes no file
		}
		if err := f(n, h, content); err != nil {
			return err
		}
	}
}

// add takes one header in.
func (p *layerPass) add(h *tar.Header, content io.Reader) error {
	name := clean(h.Name)
	if escapes(h.Name) {
		return fmt.Errorf("%q leads out of the image", h.Name)
	}
	if err := p.bound(h, name); err != nil {
		return err
	}
	size := h.Size
	if h.Typeflag == tar.TypeSymlink {
		size = int64(len(h.Linkname)) // a file system, and Docker, count its text
	}
	if p.index.disk += size; p.index.disk < 0 {
		return fmt.Errorf("files of more than 8 EiB, at %q", h.Name) // sparse ones cost an attacker nothing
	}
	above, base := split(name)
	if base != opaqueMarker && (strings.HasPrefix(base, metaPrefix) || strings.HasPrefix(name, "/"+metaPrefix)) {
		p.lose(name, size)
		return nil
	}
	dir, err := p.resolveDir(above)
	if err != nil {
		return fmt.Errorf("%q: %w", h.Name, err)
	}
	if base == opaqueMarker {
		p.lose(name, size)
		p.index.opaque = append(p.index.opaque, dir)
		return nil
	}
	if hidden, ok := strings.CutPrefix(base, whiteoutPrefix); ok {
		p.lose(name, size)
		if hidden != "" && hidden != "." && hidden != ".." {
			p.index.whiteouts = append(p.index.whiteouts, path.Join(dir, hidden))
		}
		return nil
	}
	if dir != above {
		name = path.Join(dir, base)
	}
	p.details = details{Caps: capabilities(h)}
	p.entry = Entry{Path: name, Type: h.Typeflag, Mode: h.FileInfo().Mode(), UID: h.Uid, GID: h.Gid, ModTime: h.ModTime, Linkname: h.Linkname,
		origin: place{header: int32(p.header)}, details: &p.details}
	e := &p.entry
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeGNUSparse, tar.TypeCont:
		e.Type, e.Size, e.Linkname = tar.TypeReg, h.Size, ""
		if err := p.readFile(e, content); err != nil {
			return fmt.Errorf("%q: %w", h.Name, err)
		}
	case tar.TypeSymlink:
	case tar.TypeLink:
		p.lose(name, size) // the content is its target's
		p.link(e)
	default:
		p.lose(name, size) // what is no file has none
	}
	if p.meter != nil {
		at := p.meter.at(p.stream.n)
		e.Pull, p.start = at-p.start, at
	}
	if e.details == &p.details {
		p.shareFacts()
		e.details = p.details.kept()
	}
	p.put(*e)
	return nil
}

// shareFacts has files with the same facts share them: most of what sources name, many others do.
func (p *layerPass) shareFacts() {
	if len(p.details.Facts) == 0 {
		return
	}
	own := make([]string, len(p.details.Facts)) // those who made the list had more room than it needs
	for i, f := range p.details.Facts {
		known, ok := p.facts[f]
		if !ok {
			known = f
			p.facts[f] = f
		}
		own[i] = known
	}
	p.details.Facts = own
}

// lose notes content that takes its place in the layer and nowhere else.
func (p *layerPass) lose(name string, size int64) {
	if size > 0 {
		p.index.lost = append(p.index.lost, File{name, size})
	}
}

// capabilityRecord is where a tar header holds what setcap(8) set (image-spec, layer.md, "File Attributes").
const capabilityRecord = "SCHILY.xattr.security.capability"

// maxCapabilities is the size of the longest form of the attribute (linux/capability.h, struct vfs_ns_cap_data).
const maxCapabilities = 24

func capabilities(h *tar.Header) string {
	if s := h.PAXRecords[capabilityRecord]; len(s) <= maxCapabilities {
		return s
	}
	return "" // the kernel takes no such thing
}

// escapes reports whether a name leads above the root. Nothing honest writes such a thing, and what unpacks layers
// refuses it.
func escapes(name string) bool {
	if !strings.Contains(name, "..") {
		return false
	}
	depth := 0
	for c := range strings.SplitSeq(name, "/") {
		switch c {
		case "", ".":
		case "..":
			if depth--; depth < 0 {
				return true
			}
		default:
			depth++
		}
	}
	return false
}

// ErrLimit tells that a layer holds more than TreeOptions allow.
var ErrLimit = errors.New("too large to be honest")

// bound refuses a layer whose names would fill the memory.
func (p *layerPass) bound(h *tar.Header, name string) error {
	p.names += int64(len(name) + len(h.Linkname))
	switch {
	case len(name) > p.o.MaxPath || len(h.Linkname) > p.o.MaxPath:
		return fmt.Errorf("%w: a name of %d bytes (limit %d) in %q", ErrLimit, max(len(name), len(h.Linkname)), p.o.MaxPath, truncate(name, 80))
	case p.o.entries.Add(1) > int64(p.o.MaxEntries):
		return p.o.tooMany()
	case p.names > p.o.MaxNames:
		return fmt.Errorf("%w: names of more than %d bytes together", ErrLimit, p.o.MaxNames)
	}
	return nil
}

// resolveDir returns where dir is once this layer's own symbolic links are followed, as unpacking would: an entry
// lib/x after a link lib -> usr/lib lands in usr/lib. Links of lower layers do not count; there, the directory of
// this layer takes the link's place.
func (p *layerPass) resolveDir(dir string) (string, error) {
	if real, ok := p.real[dir]; ok {
		return real, nil
	}
	real := dir
	for d := dir; d != "/"; d = Parent(d) {
		e := p.get(d)
		switch {
		case e == nil:
			continue
		case e.Type == tar.TypeSymlink:
			if real = follow(p.get, dir, true); real == "" {
				return "", errors.New("too many symbolic links")
			}
			d = real + "/." // once more from there: the link's target may lie in a file
		case !e.IsDir():
			return "", fmt.Errorf("%s, above it, is no directory", d)
		}
	}
	for d := real; d != "/" && !p.dirs[d]; d = Parent(d) {
		p.dirs[d] = true
	}
	p.real[dir] = real
	return real, nil
}

func (p *layerPass) get(name string) *Entry {
	if i, ok := p.byPath[name]; ok && !p.dead(int(i), name) {
		return p.index.entries.at(int(i))
	}
	return nil
}

// dead reports whether the entry at i lay in a directory that has given way to something else since.
func (p *layerPass) dead(i int, name string) bool {
	if len(p.killed) == 0 {
		return false
	}
	for d := Parent(name); d != "/"; d = Parent(d) {
		if i < p.killed[d] {
			return true
		}
	}
	return false
}

// put adds e; a path that comes twice is what it was last.
func (p *layerPass) put(e Entry) {
	old := p.get(e.Path)
	if !e.IsDir() && (p.dirs[e.Path] || old != nil && old.IsDir()) {
		p.killed[e.Path] = p.index.entries.n
		delete(p.dirs, e.Path)
		clear(p.real) // what was resolved may lead elsewhere now
	}
	if old != nil {
		if !old.IsDir() {
			clear(p.real)
		}
		p.gone = append(p.gone, *old)
		*old = e
		return
	}
	p.byPath[e.Path] = int32(p.index.entries.n)
	p.index.entries.add(e)
}

// finish drops what lay in directories that gave way to something else later in the same layer, and notes the content
// that is lost so.
func (p *layerPass) finish() {
	if len(p.killed) > 0 {
		var live entries
		n := 0
		for e := range p.index.entries.all() {
			if p.dead(n, e.Path) {
				p.gone = append(p.gone, *e)
			} else {
				live.add(*e)
			}
			n++
		}
		p.index.entries = live
	}
	if len(p.gone) == 0 {
		return
	}
	live := map[int32]bool{} // headers whose content has a name still
	for e := range p.index.entries.all() {
		live[e.origin.header] = true
	}
	for n := range p.gone {
		if e := &p.gone[n]; !live[e.origin.header] {
			live[e.origin.header] = true
			p.lose(e.Path, e.Stored())
		}
	}
}

// link makes a hard link's entry tell what its target does, if this layer has it; else the tree will.
func (p *layerPass) link(e *Entry) {
	e.Linkname = clean(e.Linkname)
	t := p.get(e.Linkname)
	if t == nil {
		dir, base := split(e.Linkname)
		t = p.get(path.Join("/", follow(p.get, dir, true), base))
	}
	switch {
	case t == nil || t.Path == e.Path:
	case t.Type == tar.TypeLink && !t.linked:
		e.Linkname = t.Linkname // another name of a file in a lower layer
	default:
		e.share(t)
	}
}

// share makes e another name of t.
func (e *Entry) share(t *Entry) {
	e.Mode, e.UID, e.GID, e.ModTime, e.Size, e.Hash, e.origin = t.Mode, t.UID, t.GID, t.ModTime, t.Size, t.Hash, t.origin
	e.details = t.details
	if t.Type == tar.TypeSymlink { // a link to a link is the same link
		e.Type, e.Linkname = tar.TypeSymlink, t.Linkname
		return
	}
	e.linked = true
}

// buffers holds *bytes.Buffer for files that are read while they pass.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// maxBuffered is the largest file held in memory of which any place may be wanted; larger ones (node, chrome, LLVM) take the
// way through a temporary file. Two layers at once bound the memory to twice that.
const (
	maxBuffered = 16 << 20
	bufferStep  = 1 << 20
	maxSpooled  = 4 << 30 // what is larger is no program or archive, but an attempt to fill the disk
)

// fileReader reads a file's content, of which the beginning has been looked at before, and hashes what it reads.
type fileReader struct {
	r    io.Reader
	buf  [maxShebang]byte
	head []byte         // of buf: what has been looked at and not been read
	sum  *xxhash.Digest // nil: files are not accounted for
}

// look reads on until n bytes of the file are in buf, or all of it.
func (f *fileReader) look(n int64) ([]byte, error) {
	have := len(f.head)
	k, err := io.ReadFull(f.r, f.buf[have:max(int64(have), n)])
	f.head = f.buf[:have+k]
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return f.head, nil // it is short, or what reads on will tell
	}
	return f.head, err
}

func (f *fileReader) Read(p []byte) (n int, err error) {
	if len(f.head) > 0 {
		n = copy(p, f.head)
		f.head = f.head[n:]
	} else {
		n, err = f.r.Read(p)
	}
	if f.sum != nil {
		f.sum.Write(p[:n])
	}
	return n, err
}

// rest hashes what has not been read yet and returns the hash of all.
func (f *fileReader) rest() (uint64, error) {
	f.sum.Write(f.head)
	if _, err := io.Copy(f.sum, f.r); err != nil {
		return 0, err
	}
	return f.sum.Sum64(), nil
}

// readFile reads a file's content, to its end where that is accounted for.
func (p *layerPass) readFile(e *Entry, r io.Reader) error {
	if p.o.Headers {
		return nil
	}
	p.file.r, p.file.head = r, nil
	if p.file.sum == nil {
		return p.readContent(e)
	}
	p.file.sum.Reset()
	if err := p.readContent(e); err != nil {
		return err
	}
	var err error
	e.Hash, err = p.file.rest()
	return err
}

// maxShebang is as much of a script's first line as the kernel looks at (linux/binfmts.h, BINPRM_BUF_SIZE).
const maxShebang = 256

// readContent takes from a file's content what the tree keeps of it.
func (p *layerPass) readContent(e *Entry) error {
	r := &p.file
	keep := e.Size <= p.o.MaxContent && p.o.Keep != nil && p.o.Keep(e.Path, e.Size)
	magic, err := r.look(4)
	if err != nil {
		return err
	}
	isELF := string(magic) == "\x7fELF"
	if bytes.HasPrefix(magic, []byte("#!")) {
		start, err := r.look(maxShebang)
		if err != nil {
			return err
		}
		line, _, _ := bytes.Cut(start[2:], []byte("\n"))
		e.Shebang = strings.TrimSpace(string(line))
	}
	distil, examine := p.distil(e, isELF), p.examine(e, isELF)
	switch {
	case keep:
	case isELF || examine != nil:
		return p.readAnywhere(e, r, isELF, distil, examine)
	case distil != nil:
		return e.distil(distil, r)
	default:
		return nil
	}
	var b bytes.Buffer // grows with what is there, not with what a header promises
	if _, err := b.ReadFrom(r); err != nil {
		return err
	}
	if p.kept += int64(b.Len()); p.kept > p.o.MaxKept {
		return fmt.Errorf("more than %d MiB of content to keep in memory", p.o.MaxKept>>20)
	}
	content := b.String()
	e.content = &content
	p.inMemory(e, b.Bytes(), isELF, distil, examine)
	return nil
}

// inMemory takes from content what the tree wants of it.
func (p *layerPass) inMemory(e *Entry, content []byte, isELF bool, distil func([]byte) []string, examine examiner) {
	if isELF {
		p.setELF(e, bytes.NewReader(content), content)
	}
	if distil != nil {
		e.Facts = distil(content)
	}
	if examine != nil {
		e.Facts = append(e.Facts, examine(bytes.NewReader(content), int64(len(content)))...)
	}
}

// examiner is what TreeOptions.Examine returns.
type examiner = func(content io.ReaderAt, size int64) []string

func (p *layerPass) examine(e *Entry, isELF bool) examiner {
	if p.o.Examine == nil || e.Size > maxSpooled {
		return nil
	}
	return p.o.Examine(e.Path, e.Size, isELF)
}

func (p *layerPass) distil(e *Entry, isELF bool) func([]byte) []string {
	if p.o.Distil == nil || e.Size > p.o.MaxContent && !isELF {
		return nil
	}
	return p.o.Distil(e.Path, e.Size)
}

// distil reads a file for its facts alone.
func (e *Entry) distil(f func([]byte) []string, r io.Reader) error {
	b := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(b)
	b.Reset()
	if _, err := b.ReadFrom(r); err != nil {
		return err
	}
	e.Facts = f(b.Bytes())
	return nil
}

// readAnywhere reads a file of which any place may be wanted.
func (p *layerPass) readAnywhere(e *Entry, r io.Reader, isELF bool, distil func([]byte) []string, examine examiner) error {
	if e.Size > maxSpooled {
		return nil
	}
	if e.Size <= maxBuffered {
		b := buffers.Get().(*bytes.Buffer)
		defer buffers.Put(b)
		b.Reset()
		if need := int(e.Size) + bytes.MinRead; b.Cap() < need { // growing by itself it would take up to five times as much on the way
			*b = *bytes.NewBuffer(make([]byte, 0, (need+bufferStep-1)/bufferStep*bufferStep))
		}
		if _, err := b.ReadFrom(r); err != nil {
			return err
		}
		p.inMemory(e, b.Bytes(), isELF, distil, examine)
		return nil
	}
	f, err := TempFile()
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := io.Copy(f, onlyReader{r}); err != nil {
		return fmt.Errorf("keeping it aside: %w", err)
	}
	if isELF {
		p.setELF(e, f, nil)
		if err := e.distilPieces(distil, f); err != nil {
			return err
		}
	}
	if examine != nil {
		e.Facts = append(e.Facts, examine(f, e.Size)...)
	}
	return nil
}

// A large program is distilled in pieces, which overlap by more than the longest fact.
const (
	pieceSize    = 4 << 20
	pieceOverlap = 4 << 10
)

func (e *Entry) distilPieces(distil func([]byte) []string, r io.ReaderAt) error {
	if distil == nil {
		return nil
	}
	facts := map[string]bool{}
	b := make([]byte, pieceSize)
	for at := int64(0); at < e.Size; at += pieceSize - pieceOverlap {
		n, err := r.ReadAt(b, at)
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("reading it again: %w", err)
		}
		for _, f := range distil(b[:n]) {
			facts[f] = true
		}
	}
	e.Facts = slices.Sorted(maps.Keys(facts))
	return nil
}

func (p *layerPass) setELF(e *Entry, r io.ReaderAt, content []byte) {
	e.ELF = readELF(r, e.Size)
	if e.ELF == nil {
		return
	}
	if p.o.Account {
		e.ELF.Debug = debugBytes(r, e.Size)
	}
	if e.ELF.Soname == "libc.so.6" {
		e.ELF.Libc = glibcVersion(content)
	}
	if slices.Contains(e.ELF.Calls, "dlopen") {
		e.ELF.Dlopen = slices.DeleteFunc(libraryNames(content), func(n string) bool { return slices.Contains(e.ELF.Needed, n) || n == e.ELF.Soname })
	}
}

package image

import (
	"archive/tar"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sync/errgroup"
)

// TreeOptions say what of an image's files is kept in memory.
type TreeOptions struct {
	Keep     func(path string, size int64) bool // whose content is kept; nil: nobody's. Called from several goroutines
	KeepName string                             // names what Keep, Distil and Examine do, for the cache; "" with any of them: the cache is not used

	// Distil returns for a file of which facts are wanted the function that takes them from its content, else nil. They
	// are remembered in Entry.Facts instead of the content. Files larger than MaxContent have none, but for ELF files: of
	// a large one the function is called for pieces, which overlap by 4 KiB. It is called from several goroutines.
	Distil func(path string, size int64) func(content []byte) []string

	// Examine returns for a file of which facts are wanted that may stand anywhere in it (a program, an archive, a database)
	// the function that takes them, else nil. Its facts are added to Entry.Facts. It is asked about every file; elf says that
	// the file is ELF. A file that is not small lies on disk for as long as the function runs. Files of more than 4 GiB are
	// not examined. It is called from several goroutines.
	Examine func(path string, size int64, elf bool) func(content io.ReaderAt, size int64) []string

	// Headers has nothing of the files' content looked at, not even whether they are ELF: for sizes and names alone.
	Headers bool

	// Account has every file accounted for: Entry.Hash, Entry.Pull and ELF.Debug. Layers of which the source holds no
	// compressed form are not compressed for it: LayerInfo.PullBytes is an estimate then.
	Account bool

	// Aside has the content of layers that are compressed set aside in CacheDir when they are read, so that [Tree.ReadLayer] need not
	// decompress them again: in files without a name, as long as the disk has room, until [Tree.Release]. For whoever reads most of
	// the layers again, or does so often.
	Aside bool

	CacheDir string // directory of layer indexes by diff ID, made as needed; "": none

	MaxContent int64 // largest content kept, in bytes; 0: 32 MiB
	MaxKept    int64 // most bytes of content kept of a layer; 0: 512 MiB
	MaxEntries int   // most entries of all layers together, each of which takes some 250 bytes of memory; 0: 10 million
	MaxPath    int   // longest path or link text, in bytes; 0: 16 KiB
	MaxNames   int64 // most bytes of names in a layer; 0: 1 GiB

	Progress *Progress // is told how far reading gets; nil: nobody is

	entries *atomic.Int64 // read so far
}

func (o TreeOptions) withDefaults() TreeOptions {
	if o.MaxContent == 0 {
		o.MaxContent = 32 << 20
	}
	if o.MaxKept == 0 {
		o.MaxKept = 512 << 20
	}
	if o.MaxEntries == 0 {
		o.MaxEntries = 10 << 20
	}
	if o.MaxPath == 0 {
		o.MaxPath = 16 << 10
	}
	if o.MaxNames == 0 {
		o.MaxNames = 1 << 30
	}
	if o.Progress == nil {
		o.Progress = new(Progress)
	}
	if o.entries == nil {
		o.entries = new(atomic.Int64)
	}
	return o
}

func (o *TreeOptions) tooMany() error {
	return fmt.Errorf("%w: more than %d files", ErrLimit, o.MaxEntries)
}

// LayerInfo is a layer of an image.
type LayerInfo struct {
	Digest    v1.Hash // of the blob
	DiffID    v1.Hash // of its uncompressed content
	PullBytes int64   // compressed size
	Estimated bool    // PullBytes is estimated and Digest empty, since the source holds the layer uncompressed
	DiskBytes int64   // bytes of the files and symbolic links in it, as Docker counts
	CreatedBy string  // the history's command, "" when the history does not say

	Compression Compression // of the blob; where there is none yet, Gzip
}

// Name returns the digest by which a layer is known: its own, else that of its content.
func (l LayerInfo) Name() string {
	if l.Estimated {
		return l.DiffID.String()
	}
	return l.Digest.String()
}

// Tree is the file system that an image's layers make, and what each of them brought.
type Tree struct {
	Layers []LayerInfo
	Config *v1.ConfigFile

	overhead int64 // bytes of manifest and configuration
	layers   []*layerIndex
	asides   *asides
	entries  map[string]*Entry
	sorted   func() []*Entry
}

// maxWindows bounds the layers of zstd that are read at once: each needs room for two windows of 8 MB as a rule, of [maxWindow] at most.
const maxWindows = 4

// ReadTree reads the layers of img, several at a time and each once as a stream, or takes their indexes from
// o.CacheDir. Every layer read is checked against its diff ID.
func ReadTree(ctx context.Context, img v1.Image, o TreeOptions) (*Tree, error) {
	o = o.withDefaults()
	t, layers, err := newTree(img, o.Account)
	if err != nil {
		return nil, err
	}
	if o.Aside && o.CacheDir != "" && os.MkdirAll(o.CacheDir, 0o755) == nil {
		t.asides = &asides{dir: o.CacheDir, files: map[int]*os.File{}}
	}
	o.Progress.layers.Add(int32(len(layers)))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	windows := make(chan struct{}, maxWindows)
	for _, i := range t.largestFirst() {
		g.Go(func() error {
			if t.Layers[i].Compression == Zstd {
				windows <- struct{}{}
				defer func() { <-windows }()
			}
			index, err := t.indexLayer(ctx, layers[i], i, &o)
			if err != nil {
				return fmt.Errorf("reading layer %s (%d of %d): %w", t.Layers[i].Name(), i+1, len(layers), err)
			}
			o.Progress.done.Add(1)
			t.layers[i] = index
			if t.Layers[i].Estimated {
				t.Layers[i].PullBytes = index.packed
			}
			return nil
		})
	}
	err = g.Wait()
	letGo()
	if err != nil {
		t.Release()
		return nil, err
	}
	if err := t.merge(); err != nil {
		return nil, err
	}
	return t, nil
}

// largestFirst is an order in which several at a time are read soonest: one that takes as long as all others must not be begun last.
func (t *Tree) largestFirst() []int {
	order := make([]int, len(t.Layers))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(t.Layers[b].PullBytes, t.Layers[a].PullBytes) })
	return order
}

// indexLayer returns a layer's index from the cache, or reads the layer and caches its index.
func (t *Tree) indexLayer(ctx context.Context, l v1.Layer, i int, o *TreeOptions) (*layerIndex, error) {
	c, info := newCache(o), t.Layers[i]
	if o.Account { // what a file takes of the compressed form is another matter for another one
		c.rule += ", accounted for in " + info.Digest.Hex
	}
	if index := c.load(info.DiffID); index != nil {
		if o.entries.Add(int64(index.entries.n)) > int64(o.MaxEntries) {
			return nil, o.tooMany()
		}
		return index, nil
	}
	index, err := t.scanLayer(ctx, l, i, o)
	if err != nil {
		return nil, err
	}
	_ = c.save(info.DiffID, index) // a disk that is full or not this user's: the next run reads the layer again
	return index, nil
}

// newTree reads everything but the layers. With estimate it asks for no compressed form that the source does not hold.
func newTree(img v1.Image, estimate bool) (*Tree, []v1.Layer, error) {
	cfg, err := img.ConfigFile()
	if err != nil {
		return nil, nil, fmt.Errorf("reading the configuration: %w", err)
	}
	layers, err := img.Layers()
	if err != nil {
		return nil, nil, fmt.Errorf("reading the layers: %w", err)
	}
	m, estimated, err := manifestOf(img, estimate)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the manifest: %w", err)
	}
	raw, err := json.Marshal(m)
	size := int64(len(raw))
	if !estimated {
		size, err = img.Size()
	}
	if err != nil {
		return nil, nil, fmt.Errorf("reading the manifest: %w", err)
	}
	if n := len(cfg.RootFS.DiffIDs); n != len(layers) || n != len(m.Layers) {
		return nil, nil, fmt.Errorf("reading the layers: the manifest has %d, the configuration %d diff IDs", len(m.Layers), n)
	}
	t := &Tree{Config: cfg, overhead: size + m.Config.Size, layers: make([]*layerIndex, len(layers))}
	created := createdBy(cfg.History, len(layers))
	for i, d := range m.Layers {
		t.Layers = append(t.Layers, LayerInfo{Digest: d.Digest, DiffID: cfg.RootFS.DiffIDs[i], PullBytes: d.Size, CreatedBy: created[i],
			Estimated: d.Digest == v1.Hash{}, Compression: compressionOfMedia(d.MediaType)})
	}
	return t, layers, nil
}

func compressionOfMedia(mt types.MediaType) Compression {
	switch mt {
	case types.OCILayerZStd:
		return Zstd
	case types.OCIUncompressedLayer, types.DockerUncompressedLayer:
		return Keep
	}
	return Gzip
}

// manifestOf returns an image's manifest. If there is none yet, because layers have no compressed form, and estimates
// will do, it returns one that leaves those layers' digests and sizes open, and true.
func manifestOf(img v1.Image, estimate bool) (*v1.Manifest, bool, error) {
	if l, ok := img.(*layeredImage); ok && estimate && l.unfinished() {
		m, err := l.sketch()
		return m, true, err
	}
	m, err := img.Manifest()
	return m, false, err
}

// createdBy gives each layer its history entry. A history may be missing, or be longer or shorter than the layers.
func createdBy(history []v1.History, layers int) []string {
	by := make([]string, layers)
	i := 0
	for _, h := range history {
		if h.EmptyLayer {
			continue
		}
		if i == layers {
			break
		}
		by[i] = h.CreatedBy
		i++
	}
	return by
}

// merge lays the layers over each other, the topmost first: what it shows, nothing below can change.
func (t *Tree) merge() error {
	all := 0
	for _, l := range t.layers {
		all += l.entries.n
	}
	m := &merger{entries: make(map[string]*Entry, all), implied: map[string]int{}, removed: map[string]bool{}, opaque: map[string]bool{}}
	for i := len(t.layers) - 1; i >= 0; i-- {
		l := t.layers[i]
		t.Layers[i].DiskBytes = l.disk
		m.layer(i, l)
	}
	if m.entries["/"] == nil {
		m.entries["/"] = impliedDir("/", 0)
	}
	for p, i := range m.implied {
		if m.entries[p] == nil { // no layer says what this directory is like: unpacking makes it so
			m.entries[p] = impliedDir(p, i)
		}
	}
	t.entries = m.entries
	t.sorted = sync.OnceValue(t.byPath)
	return t.linkAcross()
}

func impliedDir(p string, layer int) *Entry {
	return &Entry{Path: p, Type: tar.TypeDir, Mode: fs.ModeDir | 0o755, Layer: layer, origin: place{int32(layer), implied}, details: noDetails}
}

// merger holds what the layers so far, from the top, say about those below.
type merger struct {
	entries map[string]*Entry
	implied map[string]int  // directories that must exist for something in them -> lowest layer that needs it
	removed map[string]bool // paths with all below them
	opaque  map[string]bool // directories' content
	hidden  map[string]bool // what hides said of directories while none of the above changed
}

func (m *merger) layer(i int, l *layerIndex) {
	m.hidden = map[string]bool{}
	var blocks []string
	for e := range l.entries.all() {
		e.Layer, e.origin.layer = i, int32(i)
		dir, _ := split(e.Path)
		if e.Path != "/" && m.hides(dir) || m.removed[e.Path] {
			continue
		}
		_, implied := m.implied[e.Path]
		if m.entries[e.Path] != nil || implied && !e.IsDir() {
			if !e.IsDir() {
				blocks = append(blocks, e.Path) // the directories on both sides of this file are strangers
			}
			continue
		}
		e.Shown = true
	}
	for e := range l.entries.all() {
		if e.Shown {
			m.entries[e.Path] = e
			m.imply(Parent(e.Path), i)
		}
	}
	for _, p := range blocks {
		m.opaque[p] = true
	}
	clear(m.hidden)
	for _, p := range l.opaque {
		if !m.hides(p) {
			m.imply(p, i)
		}
		m.opaque[p] = true
		clear(m.hidden)
	}
	for _, p := range l.whiteouts {
		if d := Parent(p); !m.hides(d) {
			m.imply(d, i)
		}
		m.removed[p] = true
		clear(m.hidden)
	}
}

// hides reports whether the layers above let nothing of the directory dir through.
func (m *merger) hides(dir string) bool {
	hidden, ok := m.hidden[dir]
	if ok {
		return hidden
	}
	e := m.entries[dir]
	hidden = m.opaque[dir] || m.removed[dir] || e != nil && !e.IsDir() || dir != "/" && m.hides(Parent(dir))
	m.hidden[dir] = hidden
	return hidden
}

// imply notes that dir and those above it must be directories.
func (m *merger) imply(dir string, layer int) {
	for d := dir; d != "/"; d = Parent(d) {
		if at, ok := m.implied[d]; ok && at == layer {
			return
		}
		m.implied[d] = layer
	}
}

// linkAcross completes hard links to files of lower layers. Docker makes none, other builders do.
func (t *Tree) linkAcross() error {
	byPath := make([]map[string]*Entry, len(t.layers)) // as needed
	for i, l := range t.layers {
		for e := range l.entries.all() {
			for j := i - 1; j >= 0 && e.Type == tar.TypeLink && !e.linked; j-- {
				if byPath[j] == nil {
					byPath[j] = t.layers[j].byPath()
				}
				if target := byPath[j][e.Linkname]; target != nil {
					e.share(target)
				}
			}
			if e.Type == tar.TypeLink && !e.linked {
				return fmt.Errorf("reading layer %s (%d of %d): hard link %s: there is no %s", t.Layers[i].Name(), i+1, len(t.layers), e.Path, e.Linkname)
			}
		}
	}
	return nil
}

func (l *layerIndex) byPath() map[string]*Entry {
	m := make(map[string]*Entry, l.entries.n)
	for e := range l.entries.all() {
		m[e.Path] = e
	}
	return m
}

// Get returns the entry at path, nil when there is none. It follows no symbolic link.
func (t *Tree) Get(path string) *Entry { return t.entries[clean(path)] }

// Resolve returns the entry at path with all symbolic links followed within the image, nil when it leads nowhere.
func (t *Tree) Resolve(path string) *Entry {
	return t.entries[follow(func(p string) *Entry { return t.entries[p] }, path, true)]
}

// All returns every entry, sorted by path.
func (t *Tree) All() iter.Seq[*Entry] { return slices.Values(t.sorted()) }

// Len returns the number of entries.
func (t *Tree) Len() int { return len(t.entries) }

// Content returns the content of a file that TreeOptions.Keep wanted; false when it is not there or was not kept. It
// follows symbolic links. The caller may change what it gets.
func (t *Tree) Content(path string) ([]byte, bool) {
	e := t.Resolve(path)
	if e == nil || e.content == nil {
		return nil, false
	}
	return []byte(*e.content), true
}

// LayerEntries returns every entry that layer i brings, those that a later layer hides included, in the layer's order. Of
// a path that comes more than once in the layer the last counts; see [Tree.Lost].
func (t *Tree) LayerEntries(i int) iter.Seq[*Entry] { return t.layers[i].entries.all() }

// LayerLen returns the number of layer i's entries.
func (t *Tree) LayerLen(i int) int { return t.layers[i].entries.n }

// Whiteouts returns the paths that layer i removes from the layers below, with all that lies in them, and the directories
// of which it lets nothing from below through.
func (t *Tree) Whiteouts(i int) (removed, opaque []string) {
	return t.layers[i].whiteouts, t.layers[i].opaque
}

// Lost returns content that layer i holds and unpacking it leaves nothing of: of paths that come again in the same layer,
// of whiteouts, of AUFS's notes. With the Stored bytes of its entries, each file once, it makes the layer's DiskBytes.
func (t *Tree) Lost(i int) []File { return t.layers[i].lost }

// LayerFiles returns every regular file and symbolic link that layer i brings, those that a later layer hides included, sorted
// by path. Their sizes add up to the layer's DiskBytes.
func (t *Tree) LayerFiles(i int) []File {
	var files []File
	for e := range t.layers[i].entries.all() {
		switch e.Type {
		case tar.TypeReg:
			files = append(files, File{e.Path, e.Size})
		case tar.TypeSymlink:
			files = append(files, File{e.Path, int64(len(e.Linkname))})
		}
	}
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return files
}

// Under returns every entry whose path begins with prefix, sorted by path. A prefix that ends with a slash names what
// lies in a directory.
func (t *Tree) Under(prefix string) iter.Seq[*Entry] {
	all := t.sorted()
	from, _ := slices.BinarySearchFunc(all, prefix, func(e *Entry, p string) int { return strings.Compare(e.Path, p) })
	return func(yield func(*Entry) bool) {
		for _, e := range all[from:] {
			if !strings.HasPrefix(e.Path, prefix) || !yield(e) {
				return
			}
		}
	}
}

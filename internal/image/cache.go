package image

import (
	"crypto/sha256"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// cacheFormat is part of every cached index's name: a change of what is stored or of how a layer is read needs another.
const cacheFormat = "lighten-layer-9"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// cache keeps layer indexes in files. A diff ID names a layer's content for good, so nothing in it goes stale.
type cache struct {
	dir  string // "": none
	rule string // what was kept
}

func newCache(o *TreeOptions) cache {
	rules := o.Keep != nil || o.Distil != nil || o.Examine != nil
	if o.CacheDir == "" || o.Headers || rules && o.KeepName == "" {
		return cache{}
	}
	rule := "none"
	if rules {
		rule = fmt.Sprintf("%s, %d", o.KeepName, o.MaxContent)
	}
	return cache{o.CacheDir, rule}
}

func (c cache) file(diffID v1.Hash) string {
	sum := sha256.Sum256([]byte(cacheFormat + "\x00" + c.rule))
	return filepath.Join(c.dir, fmt.Sprintf("%s-%x.index", diffID.Hex, sum[:6]))
}

// load returns the cached index of a layer; nil when there is none, or none that is whole: the layer is read then.
func (c cache) load(diffID v1.Hash) *layerIndex {
	if c.dir == "" {
		return nil
	}
	text, ok := readSummed(c.file(diffID))
	if !ok {
		return nil
	}
	d := decoder{s: text}
	if d.str() != cacheFormat || d.str() != c.rule {
		return nil
	}
	index := d.index()
	if d.bad {
		return nil
	}
	return index
}

// readSummed reads a file that ends with a sum of what is before. It is read into the one place where the strings of an index stay; false
// when there is none, or the sum is another.
func readSummed(name string) (string, bool) {
	f, err := os.Open(name)
	if err != nil {
		return "", false
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil || st.Size() < crc32.Size {
		return "", false
	}
	n := st.Size() - crc32.Size
	var text strings.Builder
	text.Grow(int(n))
	sum := crc32.New(castagnoli)
	if _, err := io.CopyN(io.MultiWriter(&text, sum), f, n); err != nil {
		return "", false
	}
	var want uint32
	err = binary.Read(f, binary.LittleEndian, &want)
	return text.String(), err == nil && sum.Sum32() == want
}

// save writes the index of a layer, whole or not at all.
func (c cache) save(diffID v1.Hash, index *layerIndex) error {
	if c.dir == "" {
		return nil
	}
	err := writeCache(c.file(diffID), func(w io.Writer) error {
		sum := crc32.New(castagnoli)
		e := encoder{w: io.MultiWriter(w, sum)}
		e.str(cacheFormat)
		e.str(c.rule)
		e.index(index)
		e.flush()
		return errors.Join(e.err, binary.Write(w, binary.LittleEndian, sum.Sum32()))
	})
	if err != nil {
		return fmt.Errorf("caching its index: %w", err)
	}
	return nil
}

// WriteCache writes a file of a cache, whole or not at all, and makes its directory as needed. It does not wait for the disk:
// what is lost is read again.
func WriteCache(name string, b []byte) error {
	return writeCache(name, func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	})
}

func writeCache(name string, write func(io.Writer) error) error {
	dir := filepath.Dir(name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, "new-*")
	if err != nil {
		return err
	}
	if err := errors.Join(write(f), f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return os.Rename(f.Name(), name)
}

// encoder writes numbers as varints and strings with their length before them.
type encoder struct {
	w     io.Writer
	b     []byte // what is to be written yet
	facts map[string]int64
	err   error
}

const encoderBuffer = 64 << 10

// flush writes what there is.
func (e *encoder) flush() {
	if e.err == nil {
		_, e.err = e.w.Write(e.b)
	}
	e.b = e.b[:0]
}

func (e *encoder) num(n int64)  { e.b = binary.AppendVarint(e.b, n) }
func (e *encoder) str(s string) { e.num(int64(len(s))); e.b = append(e.b, s...) }
func (e *encoder) strs(l []string) {
	e.num(int64(len(l)))
	for _, s := range l {
		e.str(s)
	}
}

// Flags of an entry.
const (
	flagELF = 1 << iota
	flagKept
	flagLinked
)

func (e *encoder) index(l *layerIndex) {
	e.num(l.disk)
	e.num(l.packed)
	e.strs(l.whiteouts)
	e.strs(l.opaque)
	e.num(int64(len(l.lost)))
	for _, f := range l.lost {
		e.str(f.Path)
		e.num(f.Size)
	}
	e.strs(e.number(l))
	e.num(int64(l.entries.n))
	for x := range l.entries.all() {
		if e.entry(x); len(e.b) > encoderBuffer {
			e.flush()
		}
	}
}

// number gives each fact a number, in the order in which they come: many files have the same.
func (e *encoder) number(l *layerIndex) (facts []string) {
	e.facts = map[string]int64{}
	for x := range l.entries.all() {
		for _, f := range x.Facts {
			if _, ok := e.facts[f]; !ok {
				e.facts[f] = int64(len(facts))
				facts = append(facts, f)
			}
		}
	}
	return facts
}

func (e *encoder) entry(x *Entry) {
	var flags int64
	if x.ELF != nil {
		flags |= flagELF
	}
	if x.content != nil {
		flags |= flagKept
	}
	if x.linked {
		flags |= flagLinked
	}
	e.b = append(e.b, byte(flags), x.Type)
	e.str(x.Path)
	e.str(x.Linkname)
	for _, n := range []int64{int64(x.Mode), int64(x.UID), int64(x.GID), x.Size, x.ModTime.Unix(), int64(x.ModTime.Nanosecond()), int64(x.origin.header), int64(x.Hash), x.Pull} {
		e.num(n)
	}
	if f := x.ELF; f != nil {
		e.num(int64(f.Machine))
		e.num(int64(f.Class))
		e.num(int64(f.Type))
		e.str(f.Interp)
		e.str(f.Soname)
		e.str(f.Libc)
		e.strs(f.Needed)
		e.strs(f.Rpath)
		e.strs(f.Runpath)
		e.strs(f.Calls)
		e.strs(f.Dlopen)
		e.num(f.Debug)
	}
	e.str(x.Caps)
	e.str(x.Shebang)
	e.num(int64(len(x.Facts)))
	for _, f := range x.Facts {
		e.num(e.facts[f])
	}
	if x.content != nil {
		e.str(*x.content)
	}
}

// decoder reads what encoder wrote. Its strings share the file's one copy in memory.
type decoder struct {
	s     string
	at    int
	facts []string
	bad   bool
}

func (d *decoder) num() int64 {
	var b [binary.MaxVarintLen64]byte
	n, size := binary.Varint(b[:copy(b[:], d.s[d.at:])])
	if size <= 0 {
		d.bad = true
		return 0
	}
	d.at += size
	return n
}

// count reads a length; each thing counted takes a byte at least, so that a damaged file cannot claim memory.
func (d *decoder) count() int {
	n := d.num()
	if n < 0 || n > int64(len(d.s)-d.at) {
		d.bad = true
		return 0
	}
	return int(n)
}

func (d *decoder) byte() byte {
	if d.at >= len(d.s) {
		d.bad = true
		return 0
	}
	d.at++
	return d.s[d.at-1]
}

func (d *decoder) str() string {
	n := d.count()
	d.at += n
	return d.s[d.at-n : d.at]
}

// fact reads a fact by its number.
func (d *decoder) fact() string {
	x := d.num()
	if x < 0 || x >= int64(len(d.facts)) {
		d.bad = true
		return ""
	}
	return d.facts[x]
}

func (d *decoder) strs() []string { return d.list((*decoder).str) }

func (d *decoder) list(one func(*decoder) string) []string {
	n := d.count()
	if n == 0 {
		return nil
	}
	l := make([]string, n)
	for i := range l {
		l[i] = one(d)
	}
	return l
}

func (d *decoder) index() *layerIndex {
	l := &layerIndex{disk: d.num(), packed: d.num(), whiteouts: d.strs(), opaque: d.strs()}
	for range d.count() {
		l.lost = append(l.lost, File{d.str(), d.num()})
		if d.bad {
			return nil
		}
	}
	d.facts = d.strs()
	for range d.count() {
		var x Entry
		if d.entry(&x); d.bad {
			return nil
		}
		l.entries.add(x)
	}
	return l
}

func (d *decoder) entry(x *Entry) {
	flags := d.byte()
	x.Type = d.byte()
	x.Path, x.Linkname = d.str(), d.str()
	x.Mode = fs.FileMode(d.num())
	x.UID, x.GID, x.Size = int(d.num()), int(d.num()), d.num()
	sec := d.num()
	x.ModTime = time.Unix(sec, d.num())
	x.origin.header = int32(d.num())
	x.Hash, x.Pull = uint64(d.num()), d.num()
	x.linked = flags&flagLinked != 0
	var rest details
	if flags&flagELF != 0 {
		rest.ELF = &ELF{Machine: elf.Machine(d.num()), Class: elf.Class(d.num()), Type: elf.Type(d.num()),
			Interp: d.str(), Soname: d.str(), Libc: d.str(), Needed: d.strs(), Rpath: d.strs(), Runpath: d.strs(), Calls: d.strs(), Dlopen: d.strs(), Debug: d.num()}
	}
	rest.Caps, rest.Shebang, rest.Facts = d.str(), d.str(), d.list((*decoder).fact)
	if flags&flagKept != 0 {
		content := d.str()
		rest.content = &content
	}
	x.details = rest.kept()
}

package image

import (
	"debug/elf"
	"encoding/binary"
	"io"
	"strings"
)

// maxSections bounds the section headers that are read. Real files have some dozens; object files made with
// -ffunction-sections some thousands.
const maxSections = 1 << 16

// debugBytes returns the bytes of the sections that `strip --strip-debug` takes out: .debug_* and .zdebug_*. A file whose
// section headers cannot be read has none, for no debugger finds them either. debug/elf is not asked: it copies a
// name for every section, of which a hostile file can make terabytes.
func debugBytes(r io.ReaderAt, size int64) int64 {
	var h [64]byte
	if n, _ := r.ReadAt(h[:], 0); n < len(h) {
		return 0
	}
	l := layout32
	if elf.Class(h[elf.EI_CLASS]) == elf.ELFCLASS64 {
		l = layout64
	}
	var order binary.ByteOrder = binary.LittleEndian
	if elf.Data(h[elf.EI_DATA]) == elf.ELFDATA2MSB {
		order = binary.BigEndian
	}
	word := func(b []byte, at int) uint64 {
		if l.wide {
			return order.Uint64(b[at:])
		}
		return uint64(order.Uint32(b[at:]))
	}
	table := word(h[:], l.shoff)
	count, names := int(order.Uint16(h[l.shnum:])), int(order.Uint16(h[l.shnum+2:]))
	if table == 0 || table > uint64(size) || int(order.Uint16(h[l.shnum-2:])) != l.size || names >= count || count > maxSections {
		return 0
	}
	b := make([]byte, min(int64(count*l.size), size-int64(table)))
	if n, _ := r.ReadAt(b, int64(table)); n < count*l.size {
		return 0
	}
	text := int64(word(b[names*l.size:], l.offset))
	var sum int64
	for ; len(b) >= l.size; b = b[l.size:] {
		n := word(b, l.offset+l.step)
		if elf.SectionType(order.Uint32(b[4:])) == elf.SHT_NOBITS || n > uint64(size) {
			continue
		}
		var name [8]byte
		k, _ := r.ReadAt(name[:], text+int64(order.Uint32(b)))
		if s := string(name[:k]); strings.HasPrefix(s, ".debug_") || strings.HasPrefix(s, ".zdebug_") {
			sum += int64(n)
		}
	}
	return min(sum, size)
}

// layout is where the fields of an ELF file's headers stand (elf(5)).
type layout struct {
	wide   bool
	shoff  int // in the file header: offset of the section headers
	shnum  int // their number; their size is before it, the index of the names' section after it
	size   int // of a section header
	offset int // in it: where the section lies; its size stands a step further
	step   int
}

var (
	layout32 = layout{shoff: 32, shnum: 48, size: 40, offset: 16, step: 4}
	layout64 = layout{wide: true, shoff: 40, shnum: 60, size: 64, offset: 24, step: 8}
)

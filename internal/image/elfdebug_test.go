package image_test

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"testing"

	"github.com/lighten/lighten/internal/image"
)

// elfWith returns an ELF file of nothing but sections.
func elfWith(t *testing.T, class elf.Class, order binary.ByteOrder, sections []elf.SectionHeader) []byte {
	t.Helper()
	names := []byte{0}
	at := make([]uint32, len(sections))
	for n, s := range sections {
		at[n] = uint32(len(names))
		names = append(append(names, s.Name...), 0)
	}
	const content = 4096
	var b bytes.Buffer
	ident := [16]byte{0x7f, 'E', 'L', 'F', byte(class), byte(elf.ELFDATA2LSB), 1}
	if order == binary.BigEndian {
		ident[5] = byte(elf.ELFDATA2MSB)
	}
	write := func(v any) {
		if err := binary.Write(&b, order, v); err != nil {
			t.Fatal(err)
		}
	}
	count := uint16(len(sections) + 1)
	if class == elf.ELFCLASS64 {
		write(elf.Header64{Ident: ident, Type: uint16(elf.ET_REL), Version: 1, Ehsize: 64, Shentsize: 64, Shnum: count, Shstrndx: count - 1, Shoff: content})
	} else {
		write(elf.Header32{Ident: ident, Type: uint16(elf.ET_REL), Version: 1, Ehsize: 52, Shentsize: 40, Shnum: count, Shstrndx: count - 1, Shoff: content})
	}
	text := b.Len()
	b.Write(names)
	b.Write(make([]byte, content-b.Len()))
	section := func(name uint32, kind elf.SectionType, off, size uint64) {
		if class == elf.ELFCLASS64 {
			write(elf.Section64{Name: name, Type: uint32(kind), Off: off, Size: size})
		} else {
			write(elf.Section32{Name: name, Type: uint32(kind), Off: uint32(off), Size: uint32(size)})
		}
	}
	for n, s := range sections {
		section(at[n], s.Type, 64, s.Size)
	}
	section(0, elf.SHT_STRTAB, uint64(text), uint64(len(names)))
	return b.Bytes()
}

func TestDebugBytes(t *testing.T) {
	sections := []elf.SectionHeader{
		{Name: ".text", Type: elf.SHT_PROGBITS, Size: 1000}, {Name: ".debug_info", Type: elf.SHT_PROGBITS, Size: 300}, {Name: ".zdebug_line", Type: elf.SHT_PROGBITS, Size: 20},
		{Name: ".debug_empty", Type: elf.SHT_NOBITS, Size: 500}, {Name: ".debugger", Type: elf.SHT_PROGBITS, Size: 40}, {Name: ".debug_str", Type: elf.SHT_PROGBITS, Size: 1},
		{Name: ".debug_lie", Type: elf.SHT_PROGBITS, Size: 1 << 30},
	}
	for _, class := range []elf.Class{elf.ELFCLASS32, elf.ELFCLASS64} {
		for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
			b := elfWith(t, class, order, sections)
			if e := image.ReadELF(b); e == nil || e.Debug != 321 {
				t.Errorf("%v, %v: %+v, want 321 bytes", class, order, e)
			}
			if e := image.ReadELF(b[:len(b)-1]); e == nil || e.Debug != 0 {
				t.Errorf("%v, %v, cut off: %+v", class, order, e)
			}
		}
	}
}

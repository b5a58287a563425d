package image_test

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"github.com/lighten/lighten/internal/image"
)

// library returns a shared library whose dynamic symbols have the names that begin at these places of names.
func library(names string, symbols ...uint32) string {
	const headers, dyn = 64 + 2*56, 4 * 16
	table := uint64(headers + dyn)
	text := table + uint64(len(symbols))*elf.Sym64Size
	total := text + uint64(len(names))
	var b bytes.Buffer
	write := func(v any) { binary.Write(&b, binary.LittleEndian, v) } // a bytes.Buffer never fails
	h := elf.Header64{Type: uint16(elf.ET_DYN), Machine: uint16(elf.EM_X86_64), Version: 1, Phoff: 64, Ehsize: 64, Phentsize: 56, Phnum: 2}
	copy(h.Ident[:], "\x7fELF\x02\x01\x01")
	write(h)
	write(elf.Prog64{Type: uint32(elf.PT_LOAD), Vaddr: 0x1000, Filesz: total, Memsz: total})
	write(elf.Prog64{Type: uint32(elf.PT_DYNAMIC), Off: headers, Vaddr: 0x1000 + headers, Filesz: dyn, Memsz: dyn})
	write([]elf.Dyn64{
		{Tag: int64(elf.DT_STRTAB), Val: 0x1000 + text}, {Tag: int64(elf.DT_STRSZ), Val: uint64(len(names))}, {Tag: int64(elf.DT_SYMTAB), Val: 0x1000 + table}, {},
	})
	for _, s := range symbols {
		write(elf.Sym64{Name: s})
	}
	return b.String() + names
}

// Linkers let a name begin within another that ends like it, as GNU ld does in libR.so with iconv_open and Riconv_open.
func TestCalls(t *testing.T) {
	const names = "\x00Riconv_open\x00dlopen\x00my_system\x00"
	for _, c := range []struct {
		name    string
		symbols []uint32
		want    []string
	}{
		{"a name within another", []uint32{0, 1, 2, 13}, []string{"dlopen", "iconv_open"}},
		{"two", []uint32{uint32(strings.Index(names, "system")), 2}, []string{"dlopen", "iconv_open", "system"}},
		{"names that only end like it", []uint32{0, 1, 13, 20}, []string{"dlopen"}},
		{"a name beyond the table", []uint32{9999, 2}, []string{"dlopen"}},
		{"no symbols", nil, []string{"dlopen"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := image.ReadELF([]byte(library(names, c.symbols...)))
			if e == nil {
				t.Fatal("no ELF file")
			}
			if !slices.Equal(e.Calls, c.want) {
				t.Errorf("calls %v, want %v", e.Calls, c.want)
			}
		})
	}
}

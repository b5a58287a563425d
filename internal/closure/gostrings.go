package closure

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"iter"
)

// maxGoString is the length, in bytes, up to which a string of a Go program is asked for commands.
const maxGoString = 300

// goStrings are the strings of a program of Go, as its code and its data refer to them: they have no end of their own. Those that code
// makes an argument of are found by the instructions that do so, of which each processor has its own; others lie as a pointer and a
// length.
func goStrings(b []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		f, err := elf.NewFile(bytes.NewReader(b))
		if err != nil || f.ByteOrder != binary.LittleEndian || goReferences[f.Machine] == nil {
			return
		}
		texts := goSection(f, b, ".rodata")
		code := goSection(f, b, ".text")
		if texts == nil || code == nil {
			return
		}
		for at, n := range goReferences[f.Machine](code) {
			if s := texts.at(at, n); s != nil && !yield(s) {
				return
			}
		}
		for _, name := range []string{".rodata", ".data", ".noptrdata", ".data.rel.ro"} {
			s := goSection(f, b, name)
			if s == nil {
				continue
			}
			for i := 0; i+16 <= len(s.bytes); i += 8 {
				n := binary.LittleEndian.Uint64(s.bytes[i+8:])
				if n == 0 || n > maxGoString {
					continue
				}
				if t := texts.at(binary.LittleEndian.Uint64(s.bytes[i:]), n); t != nil && !yield(t) {
					return
				}
			}
		}
	}
}

// goReferences find where code refers to a string: its address and its length.
var goReferences = map[elf.Machine]func(code *goPart) iter.Seq2[uint64, uint64]{
	elf.EM_X86_64: referencesAMD64, elf.EM_AARCH64: referencesARM64,
}

// referencesAMD64 finds LEA register, [RIP+offset] for where a string lies, and MOV register, length behind it.
func referencesAMD64(code *goPart) iter.Seq2[uint64, uint64] {
	return func(yield func(at, n uint64) bool) {
		for i := 0; i+7 <= len(code.bytes); i++ {
			if code.bytes[i]&0xfb != 0x48 || code.bytes[i+1] != 0x8d || code.bytes[i+2]&0xc7 != 0x05 {
				continue
			}
			offset := int64(int32(binary.LittleEndian.Uint32(code.bytes[i+3:])))
			n := moved(code.bytes[i+7 : min(len(code.bytes), i+7+maxBetween)])
			if n > 0 && !yield(uint64(int64(code.addr)+int64(i)+7+offset), n) {
				return
			}
		}
	}
}

// maxBetween is how many bytes behind the first instruction the second may end.
const maxBetween = 24

// moved is the first small number that code moves into a register (MOV r32, imm32); 0 when there is none.
func moved(code []byte) uint64 {
	for i := 0; i+5 <= len(code); i++ {
		if code[i]&0xf8 == 0xb8 {
			if n := binary.LittleEndian.Uint32(code[i+1:]); n > 0 && n <= maxGoString {
				return uint64(n)
			}
		}
	}
	return 0
}

// goPart is a part of a program as it is loaded.
type goPart struct {
	addr  uint64
	bytes []byte
}

// goSection is a section's bytes within b; nil when it has none there.
func goSection(f *elf.File, b []byte, name string) *goPart {
	s := f.Section(name)
	if s == nil || s.Type != elf.SHT_PROGBITS || s.Flags&elf.SHF_COMPRESSED != 0 || s.Offset > uint64(len(b)) || s.Size > uint64(len(b))-s.Offset {
		return nil
	}
	return &goPart{s.Addr, b[s.Offset : s.Offset+s.Size]}
}

func (p *goPart) at(addr, n uint64) []byte {
	if addr < p.addr || addr-p.addr > uint64(len(p.bytes)) || n > uint64(len(p.bytes))-(addr-p.addr) {
		return nil
	}
	return p.bytes[addr-p.addr:][:n]
}

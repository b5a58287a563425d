package closure

import (
	"encoding/binary"
	"iter"
	"math/bits"
)

// maxApart is how many instructions behind the one that names the page of a string the others may stand that name its place in the page
// and its length: the compiler puts those of other arguments between them.
const maxApart = 8

// referencesARM64 finds ADRP register, page and ADD register, register, offset for where a string lies, and a MOV of its length near them
// (Arm Architecture Reference Manual for A-profile, C6.2).
func referencesARM64(code *goPart) iter.Seq2[uint64, uint64] {
	return func(yield func(at, n uint64) bool) {
		for i := 0; i+4 <= len(code.bytes); i += 4 {
			w := binary.LittleEndian.Uint32(code.bytes[i:])
			if w&0x9f000000 != 0x90000000 {
				continue
			}
			pages := int64(int32(w<<8))>>13<<2 | int64(w>>29&3) // immhi, 19 bits with a sign, and immlo
			page := (code.addr+uint64(i))&^0xfff + uint64(pages<<12)
			at, n := place(code.bytes[i+4:min(len(code.bytes), i+4+4*maxApart)], w&0x1f)
			if n > 0 && !yield(page+at, n) {
				return
			}
		}
	}
}

// place is the offset in its page that code adds to a register, and the first small number that it moves into one behind or before that;
// 0 and 0 when it does not do both.
func place(code []byte, register uint32) (at, n uint64) {
	found := false
	for i := 0; i+4 <= len(code); i += 4 {
		w := binary.LittleEndian.Uint32(code[i:])
		switch {
		case !found && w&0xffc00000 == 0x91000000 && w>>5&0x1f == register: // ADD Xd, Xn, #imm12
			at, found = uint64(w>>10&0xfff), true
		case n == 0:
			n = movedARM64(w)
		}
		if found && n > 0 {
			return at, n
		}
	}
	return 0, 0
}

// movedARM64 is the small number that an instruction moves into a register: MOVZ, or ORR with the zero register where the number is a run
// of ones; 0 when it does not.
func movedARM64(w uint32) uint64 {
	var n uint64
	switch {
	case w&0x7fe00000 == 0x52800000: // MOVZ, not shifted
		n = uint64(w >> 5 & 0xffff)
	case w&0xffc003e0 == 0xb24003e0: // ORR Xd, XZR, one run of ones in 64 bits
		n = bits.RotateLeft64(^uint64(0)>>(63-(w>>10&0x3f)), -int(w>>16&0x3f))
	}
	if n > maxGoString {
		return 0
	}
	return n
}

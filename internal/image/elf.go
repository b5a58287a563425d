package image

import (
	"bufio"
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
)

// ELF is what the dynamic loader reads of a program or library.
type ELF struct {
	Machine elf.Machine
	Class   elf.Class
	Type    elf.Type
	Interp  string   // PT_INTERP: the loader's path, "" for libraries and static programs
	Soname  string   // DT_SONAME
	Needed  []string // DT_NEEDED, in order
	Rpath   []string // DT_RPATH, its parts
	Runpath []string // DT_RUNPATH, its parts
	Libc    string   // "glibc 2.36" in the C library itself, else ""
	Calls   []string // functions of [wantedCalls] that it names, sorted: what it may do at run time that no table of needs says
	Debug   int64    // bytes of the sections that only debuggers read, where TreeOptions.Account asked for them
	Dlopen  []string // names of libraries among the strings of a file that calls dlopen, sorted; those of Needed are left out
}

// wantedCalls are functions that reach for files by a way of their own: a provider of OpenSSL or a library by name, a shell, conversions.
var wantedCalls = []string{"OSSL_PROVIDER_load", "OSSL_PROVIDER_try_load", "dlopen", "iconv_open", "popen", "system"}

// Bounds on what a hostile file may make us keep. Real libraries need some dozens of others.
const (
	maxELFString  = 4096
	maxELFNeeded  = 1024
	maxELFDynamic = 1 << 20
	maxELFStrings = 16 << 20
	maxELFDlopen  = 256
	maxELFSymbols = 32 << 20 // bytes
)

// readELF returns the facts of an ELF file, nil when its headers cannot be read. It reads the program headers, as the
// loader does: section headers may be stripped.
func readELF(r io.ReaderAt, size int64) *ELF {
	f, err := elf.NewFile(withoutSections(r))
	if err != nil {
		return headerOnly(r, size)
	}
	e := &ELF{Machine: f.Machine, Class: f.Class, Type: f.Type}
	var dynamic *elf.Prog
	for _, p := range f.Progs {
		switch p.Type {
		case elf.PT_INTERP:
			e.Interp = stringAt(r, int64(p.Off), int64(min(p.Filesz, maxELFString)))
		case elf.PT_DYNAMIC:
			dynamic = p
		}
	}
	if dynamic != nil {
		e.readDynamic(f, r, dynamic)
	}
	return e
}

// sectionless shows a file whose ELF header says that it has no section headers.
type sectionless struct {
	io.ReaderAt
	header []byte
}

func withoutSections(r io.ReaderAt) io.ReaderAt {
	h := make([]byte, 64)
	n, err := r.ReadAt(h, 0)
	if err != nil && !errors.Is(err, io.EOF) || n < 64 {
		return r
	}
	if elf.Class(h[4]) == elf.ELFCLASS64 {
		clear(h[40:48]) // e_shoff
		clear(h[60:64]) // e_shnum, e_shstrndx
	} else {
		clear(h[32:36])
		clear(h[48:52])
	}
	return &sectionless{r, h}
}

func (s *sectionless) ReadAt(p []byte, off int64) (int, error) {
	n, err := s.ReaderAt.ReadAt(p, off)
	if off >= 0 && off < int64(len(s.header)) {
		copy(p[:n], s.header[off:])
	}
	return n, err
}

// headerOnly reads a file with which debug/elf finds fault (damaged section headers, mostly) as far as its first
// bytes go: it is an ELF file still, and of a machine.
func headerOnly(r io.ReaderAt, size int64) *ELF {
	var h [20]byte
	if _, err := r.ReadAt(h[:], 0); err != nil || size < int64(len(h)) {
		return nil
	}
	var order binary.ByteOrder = binary.LittleEndian
	if elf.Data(h[5]) == elf.ELFDATA2MSB {
		order = binary.BigEndian
	}
	class := elf.Class(h[4])
	if class != elf.ELFCLASS32 && class != elf.ELFCLASS64 {
		return nil
	}
	return &ELF{Class: class, Type: elf.Type(order.Uint16(h[16:])), Machine: elf.Machine(order.Uint16(h[18:]))}
}

func (e *ELF) readDynamic(f *elf.File, r io.ReaderAt, p *elf.Prog) {
	data := make([]byte, min(p.Filesz, maxELFDynamic))
	n, err := r.ReadAt(data, int64(p.Off))
	if err != nil && !errors.Is(err, io.EOF) {
		return
	}
	var entries [][2]uint64
	var table, tableSize, symbols uint64
	eachDynamic(data[:n], f.Class, f.ByteOrder, func(tag elf.DynTag, value uint64) {
		switch tag {
		case elf.DT_STRTAB:
			table = value
		case elf.DT_STRSZ:
			tableSize = value
		case elf.DT_SYMTAB:
			symbols = value
		case elf.DT_NEEDED, elf.DT_SONAME, elf.DT_RPATH, elf.DT_RUNPATH:
			if len(entries) < maxELFNeeded {
				entries = append(entries, [2]uint64{uint64(tag), value})
			}
		}
	})
	base, ok := fileOffset(f, table)
	if !ok {
		return
	}
	for _, d := range entries {
		s := stringAt(r, base+int64(d[1]&0xffffffff), maxELFString)
		if s == "" {
			continue
		}
		switch elf.DynTag(d[0]) {
		case elf.DT_NEEDED:
			e.Needed = append(e.Needed, s)
		case elf.DT_SONAME:
			e.Soname = s
		case elf.DT_RPATH:
			e.Rpath = strings.Split(s, ":")
		case elf.DT_RUNPATH:
			e.Runpath = strings.Split(s, ":")
		}
	}
	e.readCalls(io.NewSectionReader(r, base, int64(min(tableSize, maxELFStrings))), func(yield func(uint32) bool) {
		at, ok := fileOffset(f, symbols)
		if !ok || symbols == 0 {
			return
		}
		n := int64(maxELFSymbols)
		if table > symbols { // as linkers lay them out; else it ends where a name is none
			n = min(n, int64(table-symbols))
		}
		eachSymbol(io.NewSectionReader(r, at, n), f, yield)
	})
}

// eachSymbol yields where the names of dynamic symbols begin in the table of names.
func eachSymbol(r io.Reader, f *elf.File, yield func(name uint32) bool) {
	b := make([]byte, elf.Sym64Size)
	if f.Class == elf.ELFCLASS32 {
		b = b[:elf.Sym32Size]
	}
	for in := bufio.NewReader(r); ; {
		if _, err := io.ReadFull(in, b); err != nil || !yield(f.ByteOrder.Uint32(b)) { // st_name is the first of both classes
			return
		}
	}
}

// readCalls looks for functions in the names of dynamic symbols. A file that defines one of that name counts too: to
// think that it calls it does no harm. Linkers let a name begin within another that ends like it: iconv_open in Riconv_open.
func (e *ELF) readCalls(names *io.SectionReader, symbols iter.Seq[uint32]) {
	b := make([]byte, names.Size())
	n, _ := names.ReadAt(b, 0) // a table that is cut off ends there
	b = b[:n]
	calls, within := map[string]bool{}, map[uint32]string{}
	for _, c := range wantedCalls {
		text := []byte(c + "\x00")
		for at := 0; !calls[c]; {
			i := bytes.Index(b[at:], text)
			if i < 0 {
				break
			}
			switch at += i; {
			case at > 0 && b[at-1] == 0:
				calls[c] = true
			case at > 0 && len(within) < maxELFNeeded:
				within[uint32(at)] = c
			}
			at += len(text)
		}
	}
	if len(within) > 0 {
		for name := range symbols {
			if int(name) >= len(b) {
				break
			}
			if c, ok := within[name]; ok {
				calls[c] = true
			}
		}
	}
	e.Calls = slices.Sorted(maps.Keys(calls))
}

var soSuffix = []byte(".so")

// libraryNames finds what looks like a library's name among the strings of a file: a whole string that begins with
// "lib" or a slash and ends with .so or .so.VERSION.
func libraryNames(content []byte) []string {
	found := map[string]bool{}
	for at := 0; len(found) < maxELFDlopen; {
		i := bytes.Index(content[at:], soSuffix)
		if i < 0 {
			break
		}
		start, end := at+i, at+i+len(soSuffix)
		at = end
		for start > 0 && end-start < maxELFString && isNameByte(content[start-1]) {
			start--
		}
		for end < len(content) && (content[end] == '.' || content[end] >= '0' && content[end] <= '9') {
			end++
		}
		if start == 0 || content[start-1] != 0 || end == len(content) || content[end] != 0 {
			continue
		}
		if s := string(content[start:end]); strings.HasPrefix(s, "lib") || s[0] == '/' {
			found[s] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

func isNameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("/._+-", c) >= 0
}

// eachDynamic calls do for the entries of a dynamic section up to DT_NULL.
func eachDynamic(data []byte, class elf.Class, order binary.ByteOrder, do func(elf.DynTag, uint64)) {
	size := 16
	if class == elf.ELFCLASS32 {
		size = 8
	}
	for ; len(data) >= size; data = data[size:] {
		var tag, value uint64
		if size == 8 {
			tag, value = uint64(order.Uint32(data)), uint64(order.Uint32(data[4:]))
		} else {
			tag, value = order.Uint64(data), order.Uint64(data[8:])
		}
		if elf.DynTag(tag) == elf.DT_NULL {
			return
		}
		do(elf.DynTag(tag), value)
	}
}

// fileOffset maps a virtual address to its place in the file by the PT_LOAD segments.
func fileOffset(f *elf.File, addr uint64) (int64, bool) {
	for _, p := range f.Progs {
		if p.Type == elf.PT_LOAD && addr >= p.Vaddr && addr-p.Vaddr < p.Filesz {
			return int64(p.Off + addr - p.Vaddr), true
		}
	}
	return 0, false
}

// stringAt reads a string that ends with NUL within n bytes; "" when there is none.
func stringAt(r io.ReaderAt, at, n int64) string {
	if at < 0 || n <= 0 {
		return ""
	}
	buf := make([]byte, 0, 128)
	for int64(len(buf)) < n { // most strings are short: read little first
		have := len(buf)
		buf = append(buf, make([]byte, min(n-int64(have), int64(max(have, 128))))...)
		got, err := r.ReadAt(buf[have:], at+int64(have))
		buf = buf[:have+got]
		if i := bytes.IndexByte(buf[have:], 0); i >= 0 {
			return string(buf[:have+i])
		}
		if err != nil || got == 0 {
			return ""
		}
	}
	return ""
}

// glibcBanner is in every GNU C library, before its version: "GNU C Library (Debian GLIBC 2.36-9+deb12u13) stable
// release version 2.36.".
var glibcBanner = []byte("release version ")

// glibcVersion finds the version of the C library in its content.
func glibcVersion(content []byte) string {
	lib := bytes.Index(content, []byte("GNU C Library"))
	if lib < 0 {
		return "glibc"
	}
	rest := content[lib:min(len(content), lib+300)]
	i := bytes.Index(rest, glibcBanner)
	if i < 0 {
		return "glibc"
	}
	rest = rest[i+len(glibcBanner):]
	end := 0
	for end < len(rest) && (rest[end] == '.' || rest[end] >= '0' && rest[end] <= '9') {
		end++
	}
	if v := strings.TrimRight(string(rest[:end]), "."); v != "" {
		return "glibc " + v
	}
	return "glibc"
}

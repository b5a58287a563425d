package image

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

const tarBlock = 512

// headers walks the archive of a layer. archive/tar takes some 5 µs for a header, more than all else that is done with
// a small file. Nearly all headers are of a plain kind, which is read here; what an entry says in any other way
// (extended headers, numbers in base 256, sparse files, the archive's end) is read by archive/tar, as is whatever is
// damaged.
type headers struct {
	a    *ahead
	tr   *tar.Reader // reads all that is left, since a sparse file came
	full int64       // bytes of sparse files that were read so far, their holes included
	h    tar.Header  // of the plain entry at hand
	data content     // of the entry at hand
	buf  [tarBlock]byte
}

// next returns the next header, without its Format, and a reader of its content. Both are good until the next call. It
// returns io.EOF at the archive's end.
func (t *headers) next() (*tar.Header, io.Reader, error) {
	if t.tr != nil {
		h, err := t.tr.Next()
		if err == nil && IsSparse(h) {
			return h, sparse{t}, nil
		}
		return h, t.tr, err
	}
	if err := t.skip(); err != nil {
		return nil, nil, err
	}
	block, err := t.a.block(&t.buf)
	if err != nil {
		return nil, nil, err
	}
	if plainHeader(block, &t.h) {
		t.data = content{a: t.a, left: stored(&t.h)}
		return &t.h, &t.data, nil
	}
	tr := tar.NewReader(io.MultiReader(bytes.NewReader(bytes.Clone(block)), t.a))
	h, err := tr.Next()
	if err != nil {
		return nil, nil, err
	}
	if IsSparse(h) { // how much of it is in the archive, archive/tar alone knows
		t.tr = tr
		return h, sparse{t}, nil
	}
	t.data = content{a: t.a, left: stored(h)}
	return h, &t.data, nil
}

// maxSparse bounds the bytes of a layer's sparse files that are read: holes cost who makes them nothing, and whoever reads them a second
// for some GB.
const maxSparse = 16 << 30

// sparse is the content of a sparse file, holes included.
type sparse struct{ t *headers }

func (s sparse) Read(b []byte) (int, error) {
	n, err := s.t.tr.Read(b)
	if s.t.full += int64(n); s.t.full > maxSparse {
		return n, fmt.Errorf("sparse files of more than %d GiB", maxSparse>>30)
	}
	return n, err
}

// skip goes to where the next header is: what is left of the entry's content, and the rest of its last block.
func (t *headers) skip() error {
	for t.data.left > 0 {
		if _, err := t.data.piece(t.data.left); err != nil {
			return err
		}
	}
	for pad := -t.a.n & (tarBlock - 1); pad > 0; {
		b, err := t.a.piece(pad)
		if err != nil {
			return err // io.EOF too: an archive may end without
		}
		pad -= int64(len(b))
	}
	return nil
}

// stored returns the bytes of content that follow a header of no sparse file.
func stored(h *tar.Header) int64 {
	switch h.Typeflag {
	case tar.TypeLink, tar.TypeSymlink, tar.TypeChar, tar.TypeBlock, tar.TypeDir, tar.TypeFifo, tar.TypeXGlobalHeader:
		return 0
	}
	return h.Size
}

// SparsePrefix begins the PAX records by which GNU tar describes the holes of a file.
const SparsePrefix = "GNU.sparse."

// IsSparse tells the header of a sparse file, in either of GNU tar's forms.
func IsSparse(h *tar.Header) bool {
	if h.Typeflag == tar.TypeGNUSparse {
		return true
	}
	for k := range h.PAXRecords {
		if strings.HasPrefix(k, SparsePrefix) {
			return true
		}
	}
	return false
}

// plainHeader reads a header of POSIX or GNU that says all in its own fields (pax(1), "ustar Interchange Format"); false
// for any other, damaged ones too.
func plainHeader(b []byte, h *tar.Header) bool {
	prefix := b[345:500]
	switch {
	case string(b[257:263]) == "ustar\x00" && string(b[508:512]) != "tar\x00":
	case string(b[257:265]) == "ustar  \x00" && b[345] == 0 && b[357] == 0: // GNU's times of access and change, which nobody sets
		prefix = nil
	default:
		return false
	}
	flag := b[156]
	if flag < tar.TypeReg || flag > tar.TypeFifo {
		return false
	}
	var n [8]int64
	for i, digits := range [...][]byte{b[148:156], b[100:108], b[108:116], b[116:124], b[124:136], b[136:148], b[329:337], b[337:345]} {
		var ok bool
		if n[i], ok = octal(digits); !ok {
			return false
		}
	}
	if n[0] != checksum(b) {
		return false
	}
	*h = tar.Header{
		Typeflag: flag, Name: cString(b[:100]), Linkname: cString(b[157:257]), Mode: n[1], Uid: int(n[2]), Gid: int(n[3]), Size: n[4],
		ModTime: time.Unix(n[5], 0), Uname: again(h.Uname, b[265:297]), Gname: again(h.Gname, b[297:329]), Devmajor: n[6], Devminor: n[7],
	}
	if p := cString(prefix); p != "" {
		h.Name = p + "/" + h.Name
	}
	return true
}

// octal reads a number that ends with spaces or NULs; false for any other form.
func octal(b []byte) (n int64, ok bool) {
	i := 0
	for ; i < len(b) && b[i]-'0' < 8; i++ {
		n = n<<3 | int64(b[i]-'0')
	}
	for ; i < len(b); i++ {
		if b[i] != 0 && b[i] != ' ' {
			return 0, false
		}
	}
	return n, true
}

// checksum is the sum of a header's bytes, those of the field that holds it taken for spaces.
func checksum(b []byte) int64 {
	const lanes = 0x00ff00ff00ff00ff // four sums of 16 bits each, which 64 pairs of bytes do not fill
	var sum uint64
	for i := 0; i < tarBlock; i += 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		sum += x&lanes + x>>8&lanes
	}
	n := int64(sum&0xffff + sum>>16&0xffff + sum>>32&0xffff + sum>>48)
	for _, c := range b[148:156] {
		n += ' ' - int64(c)
	}
	return n
}

// field returns what is before the first NUL, all if there is none.
func field(b []byte) []byte {
	b, _, _ = bytes.Cut(b, []byte{0})
	return b
}

func cString(b []byte) string { return string(field(b)) }

// again is cString where it most likely is what it was before.
func again(last string, b []byte) string {
	b = field(b)
	if string(b) == last {
		return last
	}
	return string(b)
}

// content reads what is in an entry.
type content struct {
	a    *ahead
	left int64
}

func (c *content) piece(limit int64) ([]byte, error) {
	if c.left == 0 {
		return nil, io.EOF
	}
	b, err := c.a.piece(min(limit, c.left))
	c.left -= int64(len(b))
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return b, err
}

func (c *content) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	b, err := c.piece(int64(len(p)))
	return copy(p, b), err
}

// WriteTo hands the content on without copying it.
func (c *content) WriteTo(w io.Writer) (n int64, err error) {
	for c.left > 0 {
		b, err := c.piece(c.left)
		if err != nil {
			return n, err
		}
		k, err := w.Write(b)
		if n += int64(k); err != nil {
			return n, err
		}
	}
	return n, nil
}

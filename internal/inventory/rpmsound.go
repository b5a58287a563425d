package inventory

import (
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	_ "modernc.org/sqlite" // the driver that go-rpmdb asks for
)

// soundRPM makes sure that reading a database ends, and takes memory in proportion to its size. The library reads pages in
// goroutines of its own, follows links between them without end and trusts their numbers; a fault there would end the program.
func soundRPM(r io.ReaderAt, size int64, file string) error {
	var head [16]byte
	if _, err := r.ReadAt(head[:], 0); err != nil {
		return errors.New("it is cut off")
	}
	switch {
	case string(head[:]) == "SQLite format 3\x00":
		return soundSQLite(file)
	case string(head[:4]) == "RpmP":
		return soundNDB(r, size)
	}
	return soundBDB(r, size)
}

// soundSQLite makes sure that Packages is a plain table, of which every page is there once: a view or a computed column could
// give rows without end.
func soundSQLite(file string) error {
	db, err := sql.Open("sqlite", "file:"+file+"?mode=ro&immutable=1&_pragma=trusted_schema(0)")
	if err != nil {
		return err
	}
	defer db.Close()
	var kind, state string
	var root int64
	if err := db.QueryRow("SELECT type, rootpage FROM sqlite_schema WHERE name = 'Packages'").Scan(&kind, &root); err != nil {
		return fmt.Errorf("table Packages: %w", err)
	}
	var computed int
	if err := db.QueryRow("SELECT count(*) FROM pragma_table_xinfo('Packages') WHERE hidden <> 0").Scan(&computed); err != nil {
		return fmt.Errorf("table Packages: %w", err)
	}
	if kind != "table" || root <= 0 || computed > 0 {
		return errors.New("Packages is no plain table")
	}
	if err := db.QueryRow("SELECT * FROM pragma_quick_check('Packages')").Scan(&state); err != nil {
		return err
	}
	if state != "ok" {
		return errors.New(state)
	}
	return nil
}

// Forms of ndb (rpm, lib/backend/ndb/rpmpkg.c): slots of 16 bytes after a header of 32, each naming a blob in units of 16 bytes.
const (
	ndbMaxPages = 2048
	ndbPage     = 4096
)

func soundNDB(r io.ReaderAt, size int64) error {
	le := binary.LittleEndian
	var head [16]byte
	if _, err := r.ReadAt(head[:], 0); err != nil {
		return err
	}
	pages := le.Uint32(head[12:])
	if pages == 0 || pages > ndbMaxPages || int64(pages)*ndbPage > size {
		return fmt.Errorf("it has %d pages of slots", pages)
	}
	slots := make([]byte, int(pages)*ndbPage-32)
	if _, err := r.ReadAt(slots, 32); err != nil {
		return errors.New("its slots are cut off")
	}
	var sum int64
	for ; len(slots) >= 16; slots = slots[16:] {
		if string(slots[:4]) != "Slot" {
			return errors.New("a slot is none")
		}
		if le.Uint32(slots[4:]) == 0 {
			continue
		}
		at := int64(le.Uint32(slots[8:])) * 16
		var blob [16]byte
		if _, err := r.ReadAt(blob[:], at); err != nil || string(blob[:4]) != "BlbS" || le.Uint32(blob[4:]) != le.Uint32(slots[4:]) {
			return errors.New("a slot names no blob")
		}
		n := int64(le.Uint32(blob[12:]))
		if sum += n; at+16+n > size || sum > size {
			return errors.New("its blobs are longer than it is")
		}
	}
	return nil
}

// Forms of Berkeley DB's hashes (libdb, src/dbinc/db_page.h).
const (
	bdbHeader   = 26 // bytes before the content of a page
	bdbHash     = 13 // types of pages
	bdbUnsorted = 2
	bdbOverflow = 7
	bdbOffPage  = 3  // type of an item that lies on overflow pages
	bdbOffSize  = 12 // and its bytes
)

// bdbPages reads the pages of a database.
type bdbPages struct {
	r     io.ReaderAt
	size  int64
	page  int64
	last  uint32
	order binary.ByteOrder
	used  map[uint32]bool // overflow pages that an item lies on
}

func soundBDB(r io.ReaderAt, size int64) error {
	var head [72]byte
	if _, err := r.ReadAt(head[:], 0); err != nil {
		return errors.New("it is cut off")
	}
	p := &bdbPages{r: r, size: size, order: binary.LittleEndian, used: map[uint32]bool{}}
	const magic = 0x061561 // DB_HASHMAGIC
	if p.order.Uint32(head[12:]) != magic {
		if p.order = binary.BigEndian; p.order.Uint32(head[12:]) != magic {
			return errors.New("its form is not known")
		}
	}
	p.page, p.last = int64(p.order.Uint32(head[20:])), p.order.Uint32(head[32:])
	if p.page < 512 || p.page > 64<<10 || p.page&(p.page-1) != 0 {
		return fmt.Errorf("its pages have %d bytes", p.page)
	}
	if end := (int64(p.last) + 1) * p.page; end > size || end > 1<<32 { // page numbers times sizes are 32 bits wide in the library
		return errors.New("pages are missing")
	}
	b := make([]byte, p.page)
	for n := range p.last + 1 {
		if _, err := r.ReadAt(b, int64(n)*p.page); err != nil {
			return err
		}
		if err := p.hashPage(b); err != nil {
			return fmt.Errorf("page %d: %w", n, err)
		}
	}
	return nil
}

// hashPage checks the items of a page, and the pages that they lie on.
func (p *bdbPages) hashPage(b []byte) error {
	if kind := b[25]; kind != bdbHash && kind != bdbUnsorted {
		return nil
	}
	entries := int(p.order.Uint16(b[20:]))
	if entries%2 != 0 || bdbHeader+2*entries > len(b) || entries > 1<<14 {
		return errors.New("it has more items than room")
	}
	for n := 1; n < entries; n += 2 { // keys and values in turn
		at := int(p.order.Uint16(b[bdbHeader+2*n:]))
		if at >= len(b) {
			return errors.New("an item lies outside")
		}
		if b[at] != bdbOffPage {
			continue
		}
		if at+bdbOffSize > len(b) {
			return errors.New("an item lies outside")
		}
		if err := p.chain(p.order.Uint32(b[at+4:])); err != nil {
			return err
		}
	}
	return nil
}

// chain checks the overflow pages of an item. No two items share one.
func (p *bdbPages) chain(n uint32) error {
	var h [bdbHeader]byte
	for n != 0 {
		if n > p.last || p.used[n] {
			return errors.New("its overflow pages lead nowhere")
		}
		p.used[n] = true
		if _, err := p.r.ReadAt(h[:], int64(n)*p.page); err != nil {
			return err
		}
		if h[25] != bdbOverflow || bdbHeader+int64(p.order.Uint16(h[22:])) > p.page {
			return fmt.Errorf("page %d is no overflow page", n)
		}
		n = p.order.Uint32(h[16:])
	}
	return nil
}

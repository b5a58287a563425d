package closure

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/binary"
	"io"
	"iter"
	"maps"
	"path"
	"slices"

	"github.com/lighten/lighten/internal/lazy"
)

// maxBeam is how much of a module of Erlang's machine is read, and of its literals, in bytes.
const maxBeam = 4 << 20

// beamModule tells a compiled module of Erlang, Elixir or Gleam that the distribution does not have.
func beamModule(p string, size int64) bool {
	return path.Ext(p) == ".beam" && size <= maxBeam && !notOwn.MatchString(p)
}

// beamFacts finds words that may be commands among the literals of a module that runs some.
func beamFacts(b []byte) []string {
	if bytes.HasPrefix(b, []byte{0x1f, 0x8b}) { // the compiler's option compressed
		z, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			return nil
		}
		if b, err = io.ReadAll(io.LimitReader(z, maxBeam)); err != nil {
			return nil
		}
	}
	runs, literals := false, []byte(nil)
	for id, data := range beamChunks(b) {
		switch id {
		case "AtU8", "Atom":
			runs = beamRunner.Match(data)
		case "LitT":
			literals = beamLiterals(data)
		}
	}
	if !runs {
		return nil
	}
	facts := map[string]bool{factRuns: true}
	add := runAdder(facts)
	for text := range termStrings(literals) {
		if w := wordRule.Find(text); len(w) == len(text) && len(w) <= 64 {
			add(w)
			continue
		}
		for line := range bytes.Lines(text) {
			for w := range leadingWords(bytes.TrimSpace(line)) {
				add(w)
			}
		}
	}
	return slices.Sorted(maps.Keys(facts))
}

// beamRunner are names of functions and modules that run commands, among the atoms of a module, each behind its length: os:cmd and System.cmd,
// System.shell, open_port, Port, and what releases have for it.
var beamRunner = lazy.MustCompile(`[\x030]cmd|[\x05P]shell|[\x09\x90]open_port|\x0bElixir\.Port|Elixir\.(?:MuonTrap|Rambo|Exile|ExCmd|Porcelain)`)

// beamChunks are the parts of a module (the BEAM file format, of IFF).
func beamChunks(b []byte) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		if len(b) < 12 || string(b[:4]) != "FOR1" || string(b[8:12]) != "BEAM" {
			return
		}
		for b = b[12:]; len(b) >= 8; {
			id, n := string(b[:4]), binary.BigEndian.Uint32(b[4:])
			if b = b[8:]; uint64(n) > uint64(len(b)) || !yield(id, b[:n]) {
				return
			}
			b = b[min(uint64(len(b)), (uint64(n)+3)/4*4):]
		}
	}
}

// beamLiterals are the terms of a table of literals, which is compressed if the size before it is not 0.
func beamLiterals(b []byte) []byte {
	if len(b) < 4 {
		return nil
	}
	if binary.BigEndian.Uint32(b) == 0 {
		return b[4:]
	}
	z, err := zlib.NewReader(bytes.NewReader(b[4:]))
	if err != nil {
		return nil
	}
	terms, _ := io.ReadAll(io.LimitReader(z, maxBeam)) // what was read before an error counts
	return terms
}

// maxTerm is the length, in bytes, up to which a literal is asked for commands.
const maxTerm = 300

// termStrings are the texts among terms: BINARY_EXT and STRING_EXT of the external term format.
func termStrings(b []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for i := 0; i+5 < len(b); i++ {
			n, from := 0, 0
			switch b[i] {
			case 'm':
				n, from = int(binary.BigEndian.Uint32(b[i+1:])), i+5
			case 'k':
				n, from = int(binary.BigEndian.Uint16(b[i+1:])), i+3
			}
			if n == 0 || n > maxTerm || from+n > len(b) || slices.ContainsFunc(b[from:from+n], func(c byte) bool { return c < ' ' && c != '\n' && c != '\t' }) {
				continue
			}
			if !yield(b[from : from+n]) {
				return
			}
			i = from + n - 1
		}
	}
}

package waste

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/lighten/lighten/internal/image"
)

// elfDebugs is the category of which files have more than what counts in it.
var elfDebugs = &Category{Rule: "elf-debug", Title: "debug information in programs", Class: Cost, find: elfDebug,
	Advice: "strip --strip-debug in the RUN that builds them (Go: -ldflags=-s, Rust: strip = true); " + sameRun}

// derived are found by what files hold, or by what else there is.
var derived = []*Category{
	elfDebugs,
	{Rule: "bytecode", Title: "bytecode that Python does not read", Class: Cost, find: bytecode,
		Advice: "compile once, for the interpreter and the level (-O) that runs: delete the others in the RUN that makes them"},
	{Rule: "duplicates", Title: "equal files", Class: Cost, find: duplicates,
		Advice: "make the copies links to one of them, in the step that brings them"},
}

func elfDebug(f *finder, c *Category) {
	f.free(func(e *image.Entry, s *state) {
		if e.ELF == nil || e.ELF.Debug == 0 {
			return
		}
		pull := int64(float64(e.Pull) * float64(e.ELF.Debug) / float64(e.Size))
		f.claim(s, c, Place{Path: e.Path, Layer: e.Layer, By: -1}, e.ELF.Debug, pull)
	})
}

// bytecode looks for what the import system passes by (PEP 3147, PEP 488): a file in __pycache__ without its source, a
// level of optimisation beside plain bytecode, a file beside a source, which __pycache__ has as well.
func bytecode(f *finder, c *Category) {
	f.free(func(e *image.Entry, s *state) {
		if !strings.HasSuffix(e.Path, ".pyc") && !strings.HasSuffix(e.Path, ".pyo") {
			return
		}
		dir, base := path.Split(e.Path)
		dir = strings.TrimSuffix(dir, "/")
		if path.Base(dir) != "__pycache__" {
			module := strings.TrimSuffix(base[:len(base)-len(".pyc")], ".opt-1")
			if f.a.Tree.Get(path.Join(dir, module+".py")) != nil && f.hasCache(dir, module) {
				f.claim(s, c, Place{Path: dir, Note: "beside a source and __pycache__", Layer: e.Layer, By: -1}, e.Stored(), e.Pull)
			}
			return
		}
		module, tag, _ := strings.Cut(base, ".") // app.cpython-311.opt-1.pyc
		parent := path.Dir(dir)
		if f.a.Tree.Get(path.Join(parent, module+".py")) == nil {
			f.claim(s, c, Place{Path: dir, Note: "without a source", Layer: e.Layer, By: -1}, e.Stored(), e.Pull)
		} else if plain, level, ok := strings.Cut(tag, ".opt-"); ok {
			if f.a.Tree.Get(path.Join(dir, module+"."+plain+".pyc")) != nil {
				f.claim(s, c, Place{Path: dir, Note: "optimised (-O), beside plain ones: level " + strings.TrimSuffix(level, ".pyc"), Layer: e.Layer, By: -1}, e.Stored(), e.Pull)
			}
		}
	})
}

// hasCache reports whether __pycache__ in dir has bytecode of a module.
func (f *finder) hasCache(dir, module string) bool {
	for range f.a.Tree.Under(path.Join(dir, "__pycache__", module) + ".") {
		return true
	}
	return false
}

// duplicates looks for files of the same content and size, each of several names once. The first by path stays.
func duplicates(f *finder, c *Category) {
	type file struct {
		size int64
		hash uint64
		e    *image.Entry
		s    *state
	}
	once, again := new(hashes), new(hashes) // what is here once is most of it, and need not be sorted
	f.free(func(e *image.Entry, _ *state) {
		if !once.add(e.Hash) {
			again.add(e.Hash)
		}
	})
	var all []file
	f.free(func(e *image.Entry, s *state) {
		if e.Size > 0 && again.has(e.Hash) {
			all = append(all, file{e.Size, e.Hash, e, s})
		}
	})
	slices.SortFunc(all, func(a, b file) int { return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.size, b.size)) })
	for len(all) > 0 {
		n := 1
		for n < len(all) && all[n].hash == all[0].hash && all[n].size == all[0].size {
			n++
		}
		if same := all[:n]; n > 1 {
			slices.SortFunc(same, func(a, b file) int { return strings.Compare(a.e.Path, b.e.Path) })
			var copies Amount
			for _, x := range same[1:] {
				x.s.category = f.number(c)
				copies.add(x.e.Stored(), x.e.Pull)
			}
			f.addAmount(c, Place{Path: same[0].e.Path, Note: alsoAt(same[1].e.Path, n-2), Layer: same[0].e.Layer, By: -1}, copies)
		}
		all = all[n:]
	}
}

// hashes is a set of hashes that may hold more than was added: it goes by their first bits.
type hashes [1 << hashBits / 64]uint64

const hashBits = 21 // a quarter of a MB; of 100,000 files one in twenty is taken for another's

// add reports whether the hash was not there yet.
func (s *hashes) add(hash uint64) bool {
	had := s.has(hash)
	s[hash>>(64-hashBits)/64] |= 1 << (hash >> (64 - hashBits) % 64)
	return !had
}

func (s *hashes) has(hash uint64) bool {
	return s[hash>>(64-hashBits)/64]>>(hash>>(64-hashBits)%64)&1 != 0
}

func alsoAt(p string, more int) string {
	if more == 0 {
		return "also " + p
	}
	return fmt.Sprintf("also %s and %d more", p, more)
}

package closure

import (
	"slices"
	"strings"

	"github.com/lighten/lighten/internal/flow"
	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/lazy"
)

// factLibrary is a word of a source that loads libraries by name: "library magic", "library libmagic.so.1".
const factLibrary = "library "

// maxLibraries bounds the words that are remembered of one source.
const maxLibraries = 512

// libraryLoaders are calls by which programs load shared libraries themselves: of ctypes and cffi, Ruby's Fiddle and FFI, koffi of Node, JNA.
// In quotes, or as the end of a longer word, they are something else: a highlighter of syntax has lists of words.
var libraryLoaders = phrasesOf(func(b []byte, at int) bool {
	return at == 0 || strings.IndexByte("'\"", b[at-1]) < 0 && (b[at-1] == '_' || !flow.WordByte(b[at-1]))
}, []string{"find_library", "CDLL", "cdll", "LoadLibrary", "dlopen", "ffi_lib", "koffi.load", "ffi.Library", "Native.load"})

var libraryWord = lazy.MustCompile(`["']([A-Za-z][A-Za-z0-9_.+-]{0,63})["']`)

// libraryFacts finds words that may name libraries in a source that loads some: each of its strings that is one word, since the name may
// be made of it far from the call. Of a word of a program of Python that does not look like a library's name, such as "db", it is told
// whether it reaches the call.
func libraryFacts(b []byte, facts map[string]bool, followed bool) {
	if !libraryLoaders.in(b) {
		return
	}
	reach := map[string]bool{}
	followed = followed && flow.Follow(b, true, flow.Sought{
		Sink: loadsByName, Holds: libraryByName, Parts: true, Found: func(text []byte, _ flow.Position) { reach[string(text)] = true },
	})
	n := 0
	for _, m := range libraryWord.FindAllSubmatch(b, -1) {
		if w := string(m[1]); followed && !reach[w] && !strings.HasPrefix(w, "lib") && !strings.Contains(w, ".so") {
			continue
		}
		if f := factLibrary + string(m[1]); n < maxLibraries && !facts[f] {
			facts[f] = true
			n++
		}
	}
}

var (
	loaders      = wordSet("find_library CDLL PyDLL LoadLibrary dlopen ffi_lib")
	libraryParts = wordSet("lib libs library libraries libname dll dlls so soname")
)

func loadsByName(name string) bool { return loaders[name] }

// libraryByName tells a variable that holds a library's name by its own.
func libraryByName(name string) bool {
	return slices.ContainsFunc(nameParts(name), func(p string) bool { return libraryParts[p] })
}

// loaded keeps the libraries that sources name which load some: as the loader takes the name, or as find_library of ctypes makes it one,
// libNAME.so with a version. At the level tight those of the program's own, and the full names in an installed module that was not seen:
// one that was has loaded what it wants.
func loaded(m *maker, e *image.Entry, _ strength) {
	tight := m.Level == Tight && pythonPath(e.Path) && !m.isLocal(e)
	if len(e.Facts) == 0 || m.ownedBySystem(e.Path) || tight && m.keep.Evident(e.Path) {
		return
	}
	for _, f := range e.Facts {
		if w, ok := strings.CutPrefix(f, factLibrary); ok && (!tight || strings.Contains(w, ".so")) {
			m.loadedLibrary(w, e)
		}
	}
}

func (m *maker) loadedLibrary(word string, by *image.Entry) {
	native := m.nativeELF()
	if native == nil {
		return
	}
	o := &object{path: native.Path, elf: native.ELF}
	musl := m.linker.isMusl(native.ELF)
	r := Reason{Rule: "library", By: by.Path, Note: "the source loads libraries, and has this name among its strings"}
	if strings.Contains(word, ".so") {
		if at := m.linker.find(o, word, musl); at != "" {
			m.add(at, weak, r)
		}
		return
	}
	dirs := m.linker.glibcDirs
	if musl {
		dirs = m.linker.muslDirs
	}
	stem := "/lib" + strings.TrimPrefix(word, "lib") + ".so"
	for _, dir := range dirs(o) {
		dir = m.Tree.Real(dir)
		for x := range m.Tree.Under(dir + stem) {
			if rest := x.Path[len(dir)+len(stem):]; (rest == "" || rest[0] == '.') && !strings.Contains(rest, "/") && m.linker.try(x.Path, native.ELF) != "" {
				m.add(x.Path, weak, r)
			}
		}
	}
}

// nativeELF is a program of the image, by which is told what its loader takes; nil when there is none that is dynamic.
func (m *maker) nativeELF() *image.Entry {
	if m.once("native") {
		for e := range m.Tree.All() {
			if e.ELF != nil && e.ELF.Interp != "" {
				m.native = e
				break
			}
		}
	}
	return m.native
}

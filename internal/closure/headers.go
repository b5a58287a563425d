package closure

import (
	"path"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/lazy"
)

// libraryHeaders is the rule that drops what distributions of Python bring for those who compile against them: half of the files of
// TensorFlow. The system's own headers go by their place, see [DropRule].
const libraryHeaders = "headers of libraries"

// manyHeaders is the number of headers from which on they are taken for such. Of a few, the distribution may read one itself: cffi takes
// declarations from them.
const manyHeaders = 100

var (
	libraryHeader = lazy.MustCompile(`/(?:site|dist)-packages/(?:[^/]+/)+include/.*\.(?:h|hh|hpp|hxx|hip|cuh|inc|inl|ipp|tcc|td|def)$`)

	// atRunTime are what compiles with headers while a program runs: compilers, and libraries that are one.
	atRunTime = lazy.MustCompile(`^(?:cc1|cc1plus|tcc|nvcc|ptxas|clang(?:\+\+)?(?:-[0-9.]+)?|(?:[a-z0-9_]+-)*(?:gcc|g\+\+)(?:-[0-9.]+)?|` +
		`lib(?:nvrtc|hiprtc|OpenCL|cling|clang-cpp|gccjit|tcc|pocl|sycl)(?:[-.][^/]*)?\.so(?:\.[^/]*)?)$`)
)

// withhold sets the headers of a distribution aside, if they are many, and returns what is left.
func (m *maker) withhold(files []*image.Entry) (rest []*image.Entry) {
	var headers []*image.Entry
	for _, e := range files {
		if libraryHeader.MatchString(e.Path) {
			headers = append(headers, e)
		} else {
			rest = append(rest, e)
		}
	}
	if len(headers) < manyHeaders {
		return files
	}
	for _, e := range headers {
		m.keep.drops[e.Path] = libraryHeaders
	}
	m.headers = append(m.headers, headers...)
	return rest
}

// compiles brings withheld headers back if something stays that compiles with them.
func (m *maker) compiles() {
	if len(m.headers) == 0 {
		return
	}
	compiler := ""
	for p, n := range m.keep.nodes {
		if !n.entry.IsDir() && atRunTime.MatchString(path.Base(p)) && (compiler == "" || p < compiler) {
			compiler = p
		}
	}
	if compiler == "" {
		return
	}
	for _, e := range m.headers {
		m.along(e, weak, Reason{Rule: "distribution", By: compiler, Note: "a header: something compiles while the program runs"})
	}
	m.headers = nil
}

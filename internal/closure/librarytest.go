package closure

import (
	"strings"

	"github.com/lighten/lighten/internal/image"
)

// importedTests keeps those modules among the tests of a library that a module which stays imports, as numpy.testing of some releases does
// (users report ModuleNotFoundError: numpy._core.tests where tests were taken away). The others do not come along with the library.
func importedTests(m *maker, e *image.Entry, _ strength) {
	site := siteDir.FindString(e.Path)
	if site == "" || !strings.HasSuffix(e.Path, ".py") || forBuilding.MatchString(e.Path) && !isLibraryTest(e.Path) {
		return
	}
	stem := strings.TrimSuffix(e.Path[len(site):], ".py")
	at := strings.ReplaceAll(strings.TrimSuffix(stem, "/__init__"), "/", ".")
	for name := range importsOf(e, at) {
		if strings.Contains(name, "test") {
			m.testModule(site, name, e)
		}
	}
}

// testModule keeps a module among the tests of a library, with the packages in which Python finds it. The name may go on to a function's.
func (m *maker) testModule(site, name string, by *image.Entry) {
	r := Reason{Rule: "distribution", By: by.Path, Note: "it imports " + name}
	for ; name != "" && name != "."; name = parentModule(name) {
		module := site + strings.ReplaceAll(name, ".", "/")
		for _, p := range []string{module + ".py", module + "/__init__.py"} {
			if x := m.Tree.Get(p); x != nil && isLibraryTest(p) {
				m.enter(x, weak, r)
			}
		}
	}
}

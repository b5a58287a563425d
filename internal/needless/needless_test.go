package needless_test

import (
	"path"
	"testing"

	"github.com/lighten/lighten/internal/needless"
)

func TestFind(t *testing.T) {
	kinds := []needless.Kind{
		needless.Documentation, needless.ManPages, needless.Translations, needless.Locales, needless.Headers, needless.Static, needless.BuildFiles, needless.Debug, needless.VCS, needless.Logs,
		{Name: "any depth", Globs: []string{"/a/**/b/*.x"}}, {Name: "one component", Globs: []string{"/c/*/d?"}}, {Name: "begins and ends", Globs: []string{"**/core.*.gz"}},
	}
	table := needless.NewTable(kinds...)
	for p, want := range map[string][2]string{
		"/usr/share/doc/bash/README":                {"documentation", "/usr/share/doc"},
		"/usr/local/share/doc/x":                    {"documentation", "/usr/local/share/doc"},
		"/usr/share/doc/bash/copyright":             {},
		"/usr/share/docs/x":                         {},
		"/usr/share/doc":                            {},
		"/usr/man/x":                                {"man pages", "/usr/man"},
		"/usr/share/man/man1/x":                     {"man pages", "/usr/share/man"},
		"/usr/lib/locale/C.utf8/LC_CTYPE":           {},
		"/usr/lib/locale/en/LC_CTYPE":               {"locales", "/usr/lib/locale"},
		"/usr/lib/x86_64-linux-gnu/libc.a":          {"static libraries", "/usr/lib/x86_64-linux-gnu"},
		"/usr/lib/x/y/libc.a":                       {},
		"/lib/libc.a":                               {"static libraries", "/lib"},
		"/usr/lib/pkgconfig/x.pc":                   {"files for building", "/usr/lib/pkgconfig"},
		"/app/x.debug":                              {"debug information", "/app"},
		"/x.debug":                                  {"debug information", ""},
		"/app/.git/config":                          {"version control", "/app/.git"},
		"/.git/objects/1":                           {"version control", "/.git"},
		"/app/.github/x":                            {},
		"/app/.git":                                 {"version control", "/app"},
		"/var/log/apt/x.log":                        {"log files", "/var/log"},
		"/a/b/1.x":                                  {"any depth", "/a/b"},
		"/a/1/2/b/1.x":                              {"any depth", "/a/1/2/b"},
		"/a/1/2/b/c/1.x":                            {},
		"/e/core.1.gz":                              {"begins and ends", "/e"},
		"/e/core.gz":                                {},
		"/e/core..gz":                               {"begins and ends", "/e"},
		"/c/1/d2":                                   {"one component", "/c/1"},
		"/c/1/2/d2":                                 {},
		"/usr/share/doc/x\xff\n":                    {"documentation", "/usr/share/doc"},
		"/usr/include/" + "very/" + "deep/" + "x.h": {"headers", "/usr/include"},
	} {
		n, root := table.Find(p)
		got := [2]string{}
		if n >= 0 {
			got = [2]string{kinds[n].Name, root}
		}
		if got != want {
			t.Errorf("%q is %q, want %q", p, got, want)
		}
	}
}

// The first kind counts, whether its pattern names a directory or not.
func TestFirstKind(t *testing.T) {
	names, dirs := needless.Kind{Name: "names", Globs: []string{"**/*.x"}}, needless.Kind{Name: "dirs", Globs: []string{"/d/**"}}
	for _, order := range [][]needless.Kind{{names, dirs}, {dirs, names}} {
		if n, _ := needless.NewTable(order...).Find("/d/1.x"); n != 0 {
			t.Errorf("%s does not come first", order[0].Name)
		}
	}
}

func TestExpand(t *testing.T) {
	got := needless.Expand("/{a,b}/{,c/}*.{x,y}")
	if len(got) != 8 || got[0] != "/a/*.x" || got[7] != "/b/c/*.y" {
		t.Errorf("%q", got)
	}
	for _, p := range got {
		if _, err := path.Match(path.Base(p), "x"); err != nil {
			t.Errorf("%s: %v", p, err)
		}
	}
}

package closure

import (
	"regexp"

	"github.com/lighten/lighten/internal/image"
)

// families are directories of things of one kind, which programs open by names that they compute: who wants one, may
// want the next. The expression's match is the directory.
var families = []struct {
	what string
	dir  *regexp.Regexp
}{
	{"time zones", regexp.MustCompile(`^.*/zoneinfo(?:/|$)`)},
	{"codecs", regexp.MustCompile(`^.*/lib/python3[^/]*/encodings/`)},
	{"character set conversions", regexp.MustCompile(`^.*/gconv/`)},
	{"translations", regexp.MustCompile(`^.*/locale/[A-Za-z]{2,3}(?:_[A-Za-z]+)?(?:@[a-z]+)?/LC_MESSAGES/`)},
	{"locales", regexp.MustCompile(`^/usr/lib/locale/[^/]+/`)},
	{"templates", regexp.MustCompile(`^.*/templates?/`)},
	{"plugins", regexp.MustCompile(`^.*/(?:plugins|extensions|modules-enabled|conf\.d|sites-enabled|mods-enabled)/`)},
	{"Unicode tables of Perl", regexp.MustCompile(`^.*/perl(?:-base)?(?:/[0-9.]+)?/unicore/`)},
	{"encodings of Perl", regexp.MustCompile(`^.*/perl[^ ]*/Encode/`)},
	{"encodings of Ruby", regexp.MustCompile(`^.*/ruby/[0-9.]+/[^/]+/enc/`)},
	{"terminals", regexp.MustCompile(`^.*/terminfo/`)},
	{"a Java run time", regexp.MustCompile(`^/(?:usr/lib/jvm|opt/java)/[^/]+/`)},
	{"dictionaries", regexp.MustCompile(`^.*/(?:nltk_data|tessdata|hunspell)/`)},
	{"modules of OpenSSL", regexp.MustCompile(`^.*/(?:ossl-modules|engines-[0-9.]+)/`)},
	{"configuration of PostgreSQL", regexp.MustCompile(`^.*/postgresql/[0-9]+/(?:timezonesets|tsearch_data|extension)/`)},
	{"certificate authorities", regexp.MustCompile(`^/etc/ssl/certs/`)},
}

// siblings keeps the family of a path that evidence wants.
func siblings(m *maker, e *image.Entry, s strength) {
	if s != strong {
		return
	}
	for _, f := range families {
		dir := f.dir.FindString(e.Path)
		if dir == "" || !m.once("family", dir) {
			continue
		}
		m.single = m.single || DropRule(e.Path) == singleAuthorities // who looked one up, looks the next one up
		for x := range m.Tree.Under(dir) {
			if IsBytecode(x.Path) {
				continue // it comes with the modules that were imported
			}
			m.along(x, weak, Reason{Rule: "sibling", By: e.Path, Note: f.what + " are opened by computed names"})
		}
	}
}

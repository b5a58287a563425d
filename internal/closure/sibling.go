package closure

import (
	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/lazy"
)

// families are directories of things of one kind, which programs open by names that they compute: who wants one, may
// want the next. The expression's match is the directory.
var families = []struct {
	what string
	dir  *lazy.Pattern
}{
	{"time zones", lazy.MustCompile(`^.*/zoneinfo(?:/|$)`)},
	{"codecs", lazy.MustCompile(`^.*/lib/python3[^/]*/encodings/`)},
	{"codecs of East Asia", lazy.MustCompile(`^.*/lib/python3[^/]*/lib-dynload/_codecs_`)},
	{"character set conversions", lazy.MustCompile(`^.*/gconv/`)},
	{"translations", lazy.MustCompile(`^.*/locale/[A-Za-z]{2,3}(?:_[A-Za-z]+)?(?:@[a-z]+)?/LC_MESSAGES/`)},
	{"locales", lazy.MustCompile(`^/usr/lib/locale/[^/]+/`)},
	{"templates", lazy.MustCompile(`^.*/templates?/`)},
	{"plugins", lazy.MustCompile(`^.*/(?:plugins|extensions|modules-enabled|conf\.d|sites-enabled|mods-enabled)/`)},
	{"Unicode tables of Perl", lazy.MustCompile(`^.*/perl(?:-base)?(?:/[0-9.]+)?/unicore/`)},
	{"encodings of Perl", lazy.MustCompile(`^.*/perl[^ ]*/Encode/`)},
	{"encodings of Ruby", lazy.MustCompile(`^.*/ruby/[0-9.]+/[^/]+/enc/`)},
	{"terminals", lazy.MustCompile(`^.*/terminfo/`)},
	{"a Java run time", lazy.MustCompile(`^/(?:usr/lib/jvm|opt/java)/[^/]+/`)},
	{"dictionaries", lazy.MustCompile(`^.*/(?:nltk_data|tessdata|hunspell)/`)},
	{"modules of OpenSSL", lazy.MustCompile(`^.*/(?:ossl-modules|engines-[0-9.]+)/`)},
	{"configuration of PostgreSQL", lazy.MustCompile(`^.*/postgresql/[0-9]+/(?:timezonesets|tsearch_data|extension)/`)},
	{"certificate authorities", lazy.MustCompile(`^/etc/ssl/certs/`)},
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

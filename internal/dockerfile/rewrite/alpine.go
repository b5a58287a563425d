package rewrite

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/lighten/lighten/internal/lazy"
)

// alpineBuild names what compiling a distribution needs on Alpine. Source: the
// installation pages of the projects (pillow.readthedocs.io, lxml.de/installation,
// psycopg.org/docs/install, cryptography.io/en/latest/installation).
var alpineBuild = map[string]struct{ build, run []string }{
	"pillow":       {[]string{"jpeg-dev", "zlib-dev", "freetype-dev", "libwebp-dev", "tiff-dev", "openjpeg-dev", "lcms2-dev"}, []string{"libjpeg-turbo", "zlib", "freetype", "libwebp", "tiff", "openjpeg", "lcms2"}},
	"lxml":         {[]string{"libxml2-dev", "libxslt-dev"}, []string{"libxml2", "libxslt"}},
	"psycopg2":     {[]string{"libpq-dev"}, []string{"libpq"}},
	"cryptography": {[]string{"openssl-dev", "cargo", "rust"}, []string{"openssl"}},
	"mysqlclient":  {[]string{"mariadb-connector-c-dev", "pkgconf"}, []string{"mariadb-connector-c"}},
	"pycurl":       {[]string{"curl-dev"}, []string{"libcurl"}},
	"numpy":        {[]string{"g++", "openblas-dev"}, []string{"openblas", "libstdc++"}},
	"cffi":         {nil, []string{"libffi"}},
}

// alpineNames are Debian packages by Alpine's name. Source: packages.debian.org and pkgs.alpinelinux.org.
var alpineNames = map[string]string{
	"bash": "bash", "bind9-dnsutils": "bind-tools", "bzip2": "bzip2", "ca-certificates": "ca-certificates", "chromium": "chromium",
	"chromium-driver": "chromium-chromedriver", "curl": "curl", "default-mysql-client": "mariadb-client", "dnsutils": "bind-tools",
	"dumb-init": "dumb-init", "ffmpeg": "ffmpeg", "file": "file", "fonts-dejavu": "font-dejavu", "fonts-dejavu-core": "font-dejavu",
	"fonts-liberation": "font-liberation", "fonts-noto": "font-noto", "gdal-bin": "gdal-tools", "gettext": "gettext",
	"ghostscript": "ghostscript", "git": "git", "gnupg": "gnupg", "graphviz": "graphviz", "htop": "htop", "imagemagick": "imagemagick",
	"iproute2": "iproute2", "iputils-ping": "iputils", "jq": "jq", "less": "less", "libffi8": "libffi", "libgomp1": "libgomp",
	"libimage-exiftool-perl": "exiftool", "libmagic1": "libmagic", "libpq5": "libpq", "libxml2": "libxml2", "libxslt1.1": "libxslt",
	"mariadb-client": "mariadb-client", "media-types": "mailcap", "mediainfo": "mediainfo", "mercurial": "mercurial", "nano": "nano",
	"netcat-openbsd": "netcat-openbsd", "nginx": "nginx", "openssh-client": "openssh-client", "openssl": "openssl",
	"poppler-utils": "poppler-utils", "postgresql-client": "postgresql-client", "procps": "procps", "redis-tools": "redis", "rsync": "rsync",
	"sox": "sox", "sqlite3": "sqlite", "subversion": "subversion", "supervisor": "supervisor", "tesseract-ocr": "tesseract-ocr",
	"tesseract-ocr-deu": "tesseract-ocr-data-deu", "tesseract-ocr-eng": "tesseract-ocr-data-eng",
	"tesseract-ocr-fra": "tesseract-ocr-data-fra", "tesseract-ocr-spa": "tesseract-ocr-data-spa", "tini": "tini", "tzdata": "tzdata",
	"unzip": "unzip", "vim": "vim", "wget": "wget", "xz-utils": "xz", "zip": "zip",
}

// alpineHeaders are Debian's packages for building by Alpine's name, for what [alpineBuild] does not know. Source: as above.
var alpineHeaders = map[string]string{
	"build-essential": "build-base", "cargo": "cargo", "cmake": "cmake", "default-libmysqlclient-dev": "mariadb-connector-c-dev", "g++": "g++",
	"gcc": "gcc", "gfortran": "gfortran", "libbz2-dev": "bzip2-dev", "libcurl4-openssl-dev": "curl-dev", "libffi-dev": "libffi-dev",
	"libfreetype6-dev": "freetype-dev", "libgeos-dev": "geos-dev", "libicu-dev": "icu-dev", "libjpeg-dev": "jpeg-dev", "libjpeg62-turbo-dev": "jpeg-dev",
	"libldap2-dev": "openldap-dev", "liblzma-dev": "xz-dev", "libmagic-dev": "file-dev", "libpng-dev": "libpng-dev", "libpq-dev": "libpq-dev",
	"libsasl2-dev": "cyrus-sasl-dev", "libsnappy-dev": "snappy-dev", "libsqlite3-dev": "sqlite-dev", "libssl-dev": "openssl-dev", "libtiff-dev": "tiff-dev",
	"libwebp-dev": "libwebp-dev", "libxml2-dev": "libxml2-dev", "libxslt1-dev": "libxslt-dev", "libyaml-dev": "yaml-dev", "libzmq3-dev": "zeromq-dev",
	"make": "make", "ninja-build": "samurai", "pkg-config": "pkgconf", "rustc": "rust", "zlib1g-dev": "zlib-dev",
}

// Alpine puts the program on musl. Compilers are used only for distributions of
// which the index has no wheel for musl.
func Alpine(in Input) (Output, error) {
	in, err := split(in)
	if err != nil {
		return Output{}, err
	}
	r, err := read(in)
	if err != nil {
		return Output{}, err
	}
	if err := r.moves(); err != nil {
		return Output{}, err
	}
	if strings.Contains(r.tag, "alpine") {
		return Output{}, refuse("the base is Alpine already")
	}
	if r.version == "" {
		return Output{}, refuse("the Dockerfile does not say which Python it wants, so the Alpine image is not known")
	}
	_, debian := r.system()
	run, err := translated(debian, alpineNames)
	if err != nil {
		return Output{}, err
	}
	for _, s := range r.steps {
		if err := untranslated(s); err != nil {
			return Output{}, err
		}
	}
	for _, d := range in.Evidence.Dists {
		if d.OtherHash {
			return Output{}, refuse("the requirements fix %s %s by hashes, and list none of a file that can be installed on musl", d.Name, d.Version)
		}
	}
	base := r.withTag(r.version + "-alpine")
	build, need, compiled := alpinePackages(r, in.Evidence)
	if why := r.placed(); why != "" && len(build) > 0 {
		return Output{}, refuse("%s, and it needs a compiler", why)
	}
	run = append(run, need...)
	tools, notes := r.toolsOf(base)
	for _, d := range tools {
		run = append(run, cmp.Or(alpineNames[d], alpineHeaders[d], strings.ReplaceAll(d, "libc6-dev", "musl-dev")))
	}
	if r.wantsBash(in.Context) {
		build, run = append(build, "bash"), append(run, "bash")
	}
	var p page
	if err := r.alpineHead(&p, in.Evidence, build); err != nil {
		return Output{}, err
	}
	p.line("# musl instead of glibc: smaller, but locale, resolver and threads differ.")
	if r.installs() {
		p.line("FROM %s%s AS %s", r.platform, likewise(r.origin, base), r.stage)
		p.apk(build)
		r.builderSteps(&p, nil, r.prefixed)
		p.line("\n# The program and its dependencies, nothing else.")
	}
	p.line("FROM %s%s%s", r.platform, likewise(r.origin, base), r.as)
	r.final(&p, func(p *page) { p.apk(run) }, func(p *page) { p.line("COPY --from=%s /install /usr/local", r.stage) }, func(s step) { p.onAlpine(s, in.Evidence) })
	notes = append(notes, r.askNotes()...)
	if len(compiled) > 0 {
		notes = append(notes, fmt.Sprintf("no wheel for musl, so compiled in the builder, which takes minutes and needs a compiler: %s", strings.Join(compiled, ", ")))
	}
	r.notes = nil // apk knows no recommended packages
	return r.output(&p, "alpine", base, notes)
}

// onAlpine writes a step that installs no packages, its users with Alpine's tools.
func (p *page) onAlpine(s step, e Evidence) {
	if s.owns == nil || len(s.owns.accounts) == 0 {
		p.asIs(s)
		return
	}
	comments(p, s)
	p.run(append(busybox(s.owns.accounts, e.IDs), s.owns.rest...), "")
}

// translated gives Debian packages the names of a table.
func translated(debian []string, names map[string]string) ([]string, error) {
	var out []string
	for _, d := range debian {
		name, _, _ := strings.Cut(d, "=")
		a, ok := names[name]
		if !ok {
			return nil, refuse("Alpine's name of the Debian package %s is not known", name)
		}
		out = append(out, a)
	}
	return out, nil
}

var (
	makesUsers = lazy.MustCompile(`\b(useradd|groupadd|usermod)\b`)
	usesDebian = lazy.MustCompile(`\b(apt|apt-get|dpkg|aptitude)\b`)
)

// untranslated refuses a step that works on Debian alone.
func untranslated(s step) error {
	text := s.Document().Text(s.Range)
	switch {
	case s.Name == "RUN" && s.owns == nil && makesUsers.MatchString(text):
		return refuse("line %d makes a user in a way that has no known translation to Alpine's adduser", s.Line)
	case s.Name == "RUN" && len(s.packages) == 0 && !s.passing && usesDebian.MatchString(text):
		return refuse("line %d uses Debian's package manager in a way that has no known translation to apk", s.Line)
	}
	return nil
}

func (p *page) apk(pkgs []string) {
	if len(pkgs) > 0 {
		p.line("RUN apk add --no-cache %s", strings.Join(unique(pkgs), " "))
	}
}

// alpinePackages are what the builder and the final stage need.
func alpinePackages(r *recipe, e Evidence) (build, run, compiled []string) {
	var headers []string // what the original compiled against
	original, _ := r.system()
	for _, d := range original {
		if a, ok := alpineHeaders[d]; ok {
			headers = append(headers, a)
		}
	}
	for _, d := range e.Dists {
		if !d.Compiled && !d.NoMusl {
			continue
		}
		compiled = append(compiled, d.Name+" "+d.Version)
		p, ok := alpineBuild[strings.ToLower(d.Name)]
		if !ok {
			build = append(build, headers...)
		}
		build, run = append(build, p.build...), append(run, p.run...)
	}
	if r.clones {
		build = append(build, "git")
	}
	guessed := !e.Built && r.compiles(e)
	if guessed {
		build = append(build, headers...)
	}
	if len(compiled) > 0 || guessed {
		build = append(build, "gcc", "musl-dev", "libffi-dev")
	}
	return build, run, compiled
}

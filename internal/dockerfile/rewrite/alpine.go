package rewrite

import (
	"fmt"
	"strings"
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

// alpineNames are Debian packages that a program calls, by Alpine's name.
var alpineNames = map[string]string{
	"curl": "curl", "git": "git", "bash": "bash", "ca-certificates": "ca-certificates", "tzdata": "tzdata", "ffmpeg": "ffmpeg",
	"imagemagick": "imagemagick", "jq": "jq", "wget": "wget", "openssh-client": "openssh-client", "postgresql-client": "postgresql-client",
	"libpq5": "libpq", "gettext": "gettext", "tini": "tini",
}

// Alpine puts the program on musl. Compilers are used only for distributions of
// which the index has no wheel for musl.
func Alpine(in Input) (Output, error) {
	r, err := read(in)
	if err != nil {
		return Output{}, err
	}
	if strings.Contains(r.tag, "alpine") {
		return Output{}, refuse("the base is Alpine already")
	}
	version := in.Project.Version
	if version == "" {
		return Output{}, refuse("the Dockerfile does not say which Python it wants, so the Alpine image is not known")
	}
	for _, s := range r.steps {
		if s.Name == "RUN" && isUserRun(s) {
			return Output{}, refuse("line %d makes a user with Debian's tools: Alpine's adduser takes other arguments", s.Line)
		}
	}
	_, debian := r.system()
	var run []string
	for _, d := range debian {
		a, ok := alpineNames[d]
		if !ok {
			return Output{}, refuse("Alpine's name of the Debian package %s is not known", d)
		}
		run = append(run, a)
	}
	base := r.withTag(version + "-alpine")
	build, need, compiled := alpinePackages(r, in.Evidence)
	run = append(run, need...)
	var p page
	p.WriteString(r.head)
	p.line("# musl instead of glibc: smaller, but locale, resolver and threads differ.")
	first := true
	apk := func(p *page, pkgs []string) {
		if len(pkgs) > 0 && first {
			p.line("RUN apk add --no-cache %s", strings.Join(unique(pkgs), " "))
			first = false
		}
	}
	var b page
	r.builder(&b, base, func(*page, []string) {}, prefixed)
	head, rest, _ := strings.Cut(b.String(), "\n")
	p.line("%s", head)
	apk(&p, build)
	p.WriteString(rest)
	first = true
	p.line("\n# The program and its dependencies, nothing else.")
	p.line("FROM %s", base)
	r.final(&p, func(p *page) { apk(p, run) }, func(p *page) { p.line("COPY --from=builder /install /usr/local") })
	var notes []string
	if len(compiled) > 0 {
		notes = append(notes, fmt.Sprintf("no wheel for musl, so compiled in the builder, which takes minutes and needs a compiler: %s", strings.Join(compiled, ", ")))
	}
	return r.output(&p, "alpine", base, notes)
}

// alpinePackages are what the builder and the final stage need.
func alpinePackages(r *recipe, e Evidence) (build, run, compiled []string) {
	for _, d := range e.Dists {
		if !d.Compiled && !d.NoMusl {
			continue
		}
		compiled = append(compiled, d.Name+" "+d.Version)
		p := alpineBuild[strings.ToLower(d.Name)]
		build, run = append(build, p.build...), append(run, p.run...)
	}
	if len(compiled) > 0 || !e.Built && r.compiles(e) {
		build = append(build, "gcc", "musl-dev", "libffi-dev")
	}
	return build, run, compiled
}

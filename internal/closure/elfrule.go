package closure

import (
	"path"
	"slices"
	"strings"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/lazy"
)

// elfRule keeps what the dynamic loader needs for a program or library: the loader itself, the libraries that it names
// and theirs, their variants for better processors, and the libraries whose names stand in a file that calls dlopen.
func elfRule(m *maker, e *image.Entry, s strength) {
	if e.ELF == nil {
		return
	}
	if e.ELF.Interp != "" {
		m.add(e.ELF.Interp, s, Reason{Rule: "loader", By: e.Path, Note: "the kernel starts it to load the program"})
	}
	m.linker.load = func(o *object, at string) {
		by := o.path
		if x := m.Tree.Resolve(o.path); x != nil {
			by = x.Path
		}
		m.add(at, s, Reason{Rule: "library", By: by, Note: "it names " + path.Base(at) + " as needed"})
		m.variants(at, s)
	}
	m.linker.root(e.Path)
	m.linker.load = nil
	m.dlopened(e, s)
	m.calls(e, s)
}

// variants keeps a library's versions for better processors, which the loader prefers: DIR/glibc-hwcaps/*/NAME.
func (m *maker) variants(at string, s strength) {
	dir, name := path.Split(m.Tree.Real(at))
	for e := range m.Tree.Under(dir + "glibc-hwcaps/") {
		if path.Base(e.Path) == name {
			m.add(e.Path, s, Reason{Rule: "library", By: m.real(at), Note: "its variant for other processors"})
		}
	}
}

func (m *maker) real(p string) string {
	if e := m.Tree.Resolve(p); e != nil {
		return e.Path
	}
	return p
}

// dlopened keeps libraries of which the name is a string in a file that calls dlopen.
func (m *maker) dlopened(e *image.Entry, s strength) {
	for _, name := range e.ELF.Dlopen {
		if rarely[e.ELF.Soname+" "+name] || bundled(e.ELF.Needed, name) {
			continue
		}
		at := m.linker.find(&object{path: e.Path, elf: e.ELF}, name, m.linker.isMusl(e.ELF))
		if at == "" {
			continue
		}
		m.add(at, s, Reason{Rule: "library", By: e.Path, Note: "it calls dlopen, and has this name among its strings"})
		m.variants(at, s)
	}
}

// renamed is the name of a library that a wheel has in itself, as auditwheel(1) and delocate make it: libpng16-e10a8a1f.so.16.44.0.
var renamed = lazy.MustCompile(`^(.+)-[0-9a-f]{8}\.so`)

// bundled tells a name that is left among a file's strings from before a wheel's builder gave it a library of its own: libpng16.so.16.
func bundled(needed []string, name string) bool {
	stem, _, _ := strings.Cut(name, ".so")
	return slices.ContainsFunc(needed, func(n string) bool {
		m := renamed.FindStringSubmatch(n)
		return m != nil && m[1] == stem
	})
}

// rarely are what a library needs for what next to no program asks of it: "WHO WHAT".
var rarely = map[string]bool{
	// Support of international host names by the C library, which a program has to switch on (getaddrinfo(3), AI_IDN).
	"libc.so.6 libidn2.so.0": true,
	// The converters behind the C++ library's encoding_state, an extension (libstdc++ manual, codecvt).
	"libstdc++.so.6 iconv_open": true,
	// bash writes \u1234 by them, and these read host names, where the locale is neither UTF-8 nor ASCII.
	"bash iconv_open": true, "libidn2.so.0 iconv_open": true, "libpsl.so.5 iconv_open": true, "libunistring.so.2 iconv_open": true, "libunistring.so.5 iconv_open": true,
	// Tools of GNU that write \u1234 by them too, or their authors' names (--version); tar reads UTF-8, which the C library converts by itself.
	"printf iconv_open": true, "factor iconv_open": true, "ptx iconv_open": true, "cmp iconv_open": true, "diff iconv_open": true, "diff3 iconv_open": true,
	"sdiff iconv_open": true, "tar iconv_open": true,
	// The help of a program's options is written by it in what the locale has (popt(3)).
	"libpopt.so.0 iconv_open": true,
	// Arrow has the client of Azure in itself, and that libxml2, which reads what Azure answers: UTF-8.
	"libarrow iconv_open": true,
	// SELinux's policy is written by init alone (selinux_mkload_policy(3)).
	"libselinux.so.1 libsepol.so.1": true, "libselinux.so.1 libsepol.so.2": true,
}

// converters are commands that convert character sets for who names them. Others that call iconv_open(3), such as printf and tar, seldom do
// where the locale is UTF-8 or ASCII.
var converters = map[string]bool{"iconv": true, "recode": true}

// calls keeps what a function needs that a program calls, one that is run or that a source names to convert: a shell for system(3),
// conversions for iconv(3); and, whoever may load them, the providers of OpenSSL. One that a configuration names is loaded at each start.
func (m *maker) calls(e *image.Entry, s strength) {
	if m.Level == Safe && slices.ContainsFunc(e.ELF.Calls, loadsProvider) && !strings.HasPrefix(e.ELF.Soname, "libcrypto.so") { // which defines it
		m.providers(e)
	}
	converts := m.ran[e.Path] && converters[path.Base(e.Path)]
	if (s != strong || m.Level == Tight) && !converts || e.ELF.Libc != "" || strings.HasPrefix(path.Base(e.Path), "libc.") {
		return
	}
	for _, c := range e.ELF.Calls {
		switch c {
		case "system", "popen":
			m.add("/bin/sh", strong, Reason{Rule: "shell", By: e.Path, Note: "it calls " + c + ", which runs /bin/sh"})
		case "iconv_open":
			name, _, _ := strings.Cut(path.Base(e.Path), ".so.")
			if rarely[e.ELF.Soname+" iconv_open"] || rarely[name+" iconv_open"] || slices.ContainsFunc(e.ELF.Needed, func(n string) bool { return strings.HasPrefix(n, "libiconv") }) {
				continue
			}
			m.conversions(e)
		}
	}
}

func loadsProvider(call string) bool { return strings.HasPrefix(call, "OSSL_PROVIDER_") }

// providers keeps OpenSSL's, which a program loads by name (OSSL_PROVIDER_load(3)).
func (m *maker) providers(e *image.Entry) {
	if m.once("providers") {
		m.directoriesOf("ossl-modules", "/", Reason{Rule: "companion", By: e.Path, Note: "it calls OSSL_PROVIDER_load, which opens them by name"})
	}
}

// conversions keeps glibc's character set converters, which iconv(3) opens by the names of character sets.
func (m *maker) conversions(e *image.Entry) {
	m.directoriesOf("gconv", "/usr/lib", Reason{Rule: "companion", By: e.Path, Note: "it calls iconv_open, which opens them by name"})
}

// directoriesOf brings in the directories of this name below top, with what lies in them.
func (m *maker) directoriesOf(name, top string, r Reason) {
	for x := range m.Tree.Under(top) {
		if path.Base(path.Dir(x.Path)) == name || path.Base(x.Path) == name {
			m.enter(x, weak, r)
		}
	}
}

package closure

import (
	"path"
	"slices"
	"strings"

	"github.com/lighten/lighten/internal/image"
)

// always is what every image keeps as far as it has it: who is who, which system this is, and the directories that
// programs and container runtimes expect.
var always = []string{
	"/etc/passwd", "/etc/group", "/etc/shadow", "/etc/nsswitch.conf", "/etc/hosts", "/etc/host.conf", "/etc/hostname", "/etc/resolv.conf",
	"/etc/os-release", "/usr/lib/os-release", "/etc/debian_version", "/etc/alpine-release", "/etc/lsb-release", "/etc/redhat-release",
	"/etc/localtime", "/etc/timezone", "/etc/mtab",
	"/tmp", "/var/tmp", "/run", "/var/run", "/var/lock", "/var/log", "/proc", "/sys", "/dev", "/root", "/home", "/mnt", "/etc", "/var",
}

// records are the package databases of a distribution, which vulnerability scanners read. Carving cuts the entries of
// packages that are gone out of them.
var records = []string{
	"/var/lib/dpkg/status", "/lib/apk/db/installed", "/usr/lib/apk/db/installed", "/etc/apk/world", "/etc/apk/arch", "/var/lib/dpkg/arch",
}

// system keeps what belongs to the system and not to any program.
func (m *maker) system() {
	for _, p := range always {
		m.add(p, weak, Reason{Rule: "system", Note: "every image has it"})
	}
	for _, p := range records {
		m.add(p, weak, Reason{Rule: "package records", Note: "scanners read it"})
	}
	for e := range m.Tree.All() {
		if path.Dir(e.Path) == "/" && e.Type == symlink {
			m.enter(e, weak, Reason{Rule: "system", Note: "a link of the root directory"})
		}
		if e.IsDir() && m.empty(e) {
			m.emptyDirectory(e)
		}
	}
}

// emptyDirectory keeps a directory that somebody made for what is to come: uploads, sockets, mounts. It costs nothing, and a
// program finds out late that it is gone. Those of what is dropped as a whole go with it.
func (m *maker) emptyDirectory(e *image.Entry) {
	if kernelOwn(e.Path) || pythonPath(e.Path) || nodePackage(e.Path) != "" {
		return
	}
	m.along(e, weak, Reason{Rule: "system", Note: "an empty directory, made for what is to come"})
}

// isSystem tells paths of the distribution that no package owns.
func isSystem(p string) bool {
	top, _, _ := strings.Cut(strings.TrimPrefix(p, "/"), "/")
	switch top {
	case "bin", "sbin", "lib", "lib32", "lib64", "libx32", "etc", "var", "run", "tmp", "usr", "boot", "media", "mnt", "dev", "proc", "sys", "root", "home":
		return !strings.HasPrefix(p, "/usr/local/") && !strings.HasPrefix(p, "/usr/src/")
	}
	return path.Dir(p) == "/"
}

// companions are files that a library or program opens by itself, by names that it makes or has built in.
func companions(m *maker, e *image.Entry, s strength) {
	if !e.IsFile() || e.ELF == nil && e.Mode&0o111 == 0 { // python3.py is neither a program nor a library
		return
	}
	base, soname := path.Base(e.Path), ""
	if e.ELF != nil {
		soname = e.ELF.Soname // the C library of Debian 11 is libc-2.31.so, and libc.so.6 a link to it
	}
	for _, c := range companionTable {
		if !c.fits(base) && !c.fits(soname) || c.safe && m.Level == Tight && !m.missedOf(c) {
			continue
		}
		for _, g := range c.files {
			if !m.once("companion", g, c.name) {
				continue
			}
			m.companion(e, c.name, g)
		}
	}
}

// missedOf reports whether one of a companion's files was looked up in vain.
func (m *maker) missedOf(c companion) bool {
	return len(m.missed) > 0 && slices.ContainsFunc(c.files, func(pattern string) bool {
		re, err := glob(pattern)
		if err != nil {
			panic(err) // the table is ours
		}
		for p := range m.missed {
			if re.MatchString(p) {
				return true
			}
		}
		return false
	})
}

// byModule are directories of which the functions of a module of Python open files by names. At the level tight they stay where the program's
// own sources import it, or an installed module does that was not seen and so has opened none yet: the names come with requests.
var byModule = map[string][]string{
	"zoneinfo": {"/usr/share/zoneinfo/**"},
	"curses":   {"/lib/terminfo/**", "/usr/lib/terminfo/**", "/etc/terminfo/**", "/usr/share/terminfo"},
}

func openedByModules(m *maker, e *image.Entry, _ strength) {
	if m.Level != Tight || !strings.HasSuffix(e.Path, ".py") || m.inLibrary(e.Path) || pythonPath(e.Path) && !m.isLocal(e) && m.keep.Evident(e.Path) {
		return
	}
	for _, f := range m.facts(e) {
		name, _ := strings.CutPrefix(f, factImport)
		for _, pattern := range byModule[name] {
			if m.once("companion", pattern, name) {
				m.companion(e, "it imports "+name+", which opens them by name", pattern)
			}
		}
	}
}

func (m *maker) companion(e *image.Entry, name, pattern string) {
	r := Reason{Rule: "companion", By: e.Path, Note: name}
	dir, all := strings.CutSuffix(pattern, "/**")
	if !all && !strings.ContainsAny(pattern, "*?") {
		m.add(pattern, weak, r)
		return
	}
	if all && !strings.ContainsAny(dir, "*?") {
		if at := m.add(dir, weak, r); at != nil {
			m.belowLinks(at.Path, r)
		}
		return
	}
	re, err := glob(pattern)
	if err != nil {
		panic(err) // the table is ours
	}
	bring := m.enter
	if all {
		bring = m.along
	}
	fixed := pattern[:strings.LastIndexByte(pattern[:strings.IndexAny(pattern, "*?")], '/')+1]
	for _, prefix := range []string{fixed, m.Tree.Real(fixed + "x")} {
		prefix = strings.TrimSuffix(prefix, "x")
		for x := range m.Tree.Under(prefix) {
			if re.MatchString(fixed + strings.TrimPrefix(x.Path, prefix)) {
				bring(x, weak, r)
			}
		}
		if prefix == fixed && m.Tree.Real(fixed+"x") == fixed+"x" {
			break
		}
	}
}

// belowLinks brings in what lies in a directory, and in those that links in it lead to: Ghostscript's profiles of colours lie elsewhere.
func (m *maker) belowLinks(dir string, r Reason) {
	for x := range m.Tree.Under(dir + "/") {
		m.along(x, weak, r)
		if x.Type != symlink || !m.keep.Has(x.Path) {
			continue
		}
		if to := m.Tree.Resolve(x.Path); to != nil && to.IsDir() && !crossroads[to.Path] && !alone[to.Path] && !strings.HasPrefix(dir+"/", to.Path+"/") {
			for y := range m.Tree.Under(to.Path + "/") {
				m.along(y, weak, r)
			}
		}
	}
}

// companion is a row of the table: who, and what it opens.
type companion struct {
	name  string   // what the files are, for the reason
	who   []string // names of files, and of libraries (DT_SONAME); * at the end stands for anything
	files []string // paths and globs
	safe  bool     // at the level tight only once one of the files was missed: the others would be so too, one a round
}

func (c companion) fits(base string) bool {
	for _, w := range c.who {
		if p, ok := strings.CutSuffix(w, "*"); ok && strings.HasPrefix(base, p) || w == base {
			return true
		}
	}
	return false
}

// libcParts are parts of glibc that are libraries of their own; of later releases the last ones are empty.
var libcParts = []string{
	"/lib/*/libdl.so.2", "/lib/*/libm.so.6", "/lib/*/libpthread.so.0", "/lib/*/librt.so.1", "/lib/*/libutil.so.1",
	"/usr/lib/*/libdl.so.2", "/usr/lib/*/libm.so.6", "/usr/lib/*/libpthread.so.0", "/usr/lib/*/librt.so.1", "/usr/lib/*/libutil.so.1",
}

// companionTable says what well-known libraries open at run time. Sources: their documentation, and strace.
var companionTable = []companion{
	{"opened by the C library for names, hosts and services", []string{"libc.so.6"}, []string{
		"/etc/nsswitch.conf", "/etc/services", "/etc/protocols", "/etc/networks", "/etc/gai.conf", "/etc/ethers", "/etc/rpc",
		"/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d/**", "/lib/*/libnss_files.so.2", "/lib/*/libnss_dns.so.2", "/usr/lib/*/libnss_files.so.2", "/usr/lib/*/libnss_dns.so.2",
	}, false},
	{"opened by the C library when a thread ends early, and for stack traces", []string{"libc.so.6"}, []string{"/lib/*/libgcc_s.so.1", "/usr/lib/*/libgcc_s.so.1"}, false},
	{"parts of the C library that libraries within archives of Java need", []string{"libjvm.so"}, libcParts, false},
	{"parts of the C library that programs load by name", []string{"libc.so.6"}, libcParts, true},
	{"the locale that containers are set to", []string{"libc.so.6"}, []string{"/usr/lib/locale/C.utf8/**", "/usr/lib/locale/C.UTF-8/**"}, false},
	{"time zones are opened by name", []string{"libc.so.6", "ld-musl-*"}, []string{"/usr/share/zoneinfo/**"}, true},
	{"locales made in the image, of which no package knows", []string{"libc.so.6"}, []string{"/usr/lib/locale/locale-archive", "/usr/share/locale/locale.alias"}, true},
	{"a shell for the commands that programs give it", []string{"perl", "perl5*", "ruby*", "php*", "lua*", "node", "jspawnhelper", "mawk", "gawk", "original-awk"}, []string{"/bin/sh"}, true},
	{"Ruby's manager of gems, which tells it where Debian's lie", []string{"ruby", "ruby3*"}, []string{"/usr/lib/ruby/vendor_ruby/rubygems.rb", "/usr/lib/ruby/vendor_ruby/rubygems/**"}, true},
	{"the mailer behind PHP's function mail (sendmail_path)", []string{"php*", "libphp*"}, []string{"/usr/sbin/sendmail"}, true},
	{"compressors that it runs for the options -z, -j and -J", []string{"tar"}, []string{"/bin/gzip", "/usr/bin/gzip", "/bin/bzip2", "/usr/bin/bzip2", "/usr/bin/xz", "/usr/bin/zstd"}, true},
	{"read by loaders of compiled addons, to tell which C library there is (detect-libc, napi-rs)", []string{"node"}, []string{"/usr/bin/ldd"}, false},
	{"what embeds the interpreter, such as PL/Perl, does not start without its modules", []string{"libperl.so*"}, []string{"/usr/share/perl/5*/**", "/usr/lib/*/perl/5*/**", "/usr/lib/*/perl-base/**"}, true},
	{"modules, dictionaries and extensions are opened by names in SQL (pg_config --pkglibdir, --sharedir)", []string{"postgres"}, []string{"/usr/lib/postgresql/*/lib/*.so", "/usr/lib/postgresql/*/lib/*.bc", "/usr/share/postgresql/*/**"}, false},
	{"musl's list of library directories", []string{"ld-musl-*"}, []string{"/etc/ld-musl-*.path"}, false},
	{"opened by OpenSSL", []string{"libcrypto.so*"}, []string{
		"/etc/ssl/openssl.cnf", "/usr/lib/ssl/openssl.cnf", "/usr/lib/ssl/cert.pem", "/usr/lib/ssl/certs", "/usr/lib/ssl/private", "/etc/ssl/cert.pem", "/etc/ssl1.1/**",
	}, false},
	{"certificate authorities", []string{"libssl.so*", "libgnutls.so*", "libcurl*", "libmbedtls.so*", "node", "java", "libnss3.so"}, []string{
		"/etc/ssl/certs/**", "/etc/pki/tls/**", "/etc/pki/ca-trust/extracted/**", "/usr/share/ca-certificates/**", "/usr/local/share/ca-certificates/**",
	}, true},
	{"certificate authorities", []string{"libssl.so*", "libgnutls.so*", "libcurl*", "node", "java"}, []string{"/etc/ssl/certs/ca-certificates.crt"}, false},
	{"types by a file's beginning", []string{"libmagic.so*"}, []string{"/etc/magic", "/etc/magic.mime", "/usr/share/misc/magic*", "/usr/lib/file/magic.mgc", "/usr/share/file/**"}, false},
	// The libvips that Node's sharp brings has fontconfig in it.
	{"fonts and their configuration", []string{"libfontconfig.so*", "libvips-cpp.so*"}, []string{"/etc/fonts/**", "/usr/share/fontconfig/**", "/usr/share/fonts/**", "/var/cache/fontconfig/**"}, false},
	{"terminals are opened by name", []string{"libtinfo.so*", "libtinfow.so*", "libncurses.so*", "libncursesw.so*"}, []string{"/lib/terminfo/**", "/usr/lib/terminfo/**", "/etc/terminfo/**", "/usr/share/terminfo"}, true},
	{"keys at a prompt", []string{"libreadline.so*"}, []string{"/etc/inputrc"}, false},
	{"configuration of Kerberos", []string{"libkrb5.so*"}, []string{"/etc/krb5.conf", "/etc/krb5.conf.d/**"}, false},
	{"authentication modules are opened by name", []string{"libpam.so*"}, []string{"/etc/pam.conf", "/etc/pam.d/**", "/etc/security/**", "/lib/*/security/**", "/usr/lib/*/security/**"}, true},
	// What runs with another's rights gains none while it is traced, so that nobody sees it read these.
	{"rules of who may do what", []string{"sudo", "sudoedit"}, []string{"/etc/sudoers", "/etc/sudoers.d/**", "/etc/sudo.conf", "/etc/sudo_logsrvd.conf", "/var/lib/sudo/**"}, false},
	{"rules of who may do what", []string{"doas"}, []string{"/etc/doas.conf", "/etc/doas.d/**"}, false},
	{"rules of who may do what", []string{"pkexec", "polkitd"}, []string{"/etc/polkit-1/**", "/usr/share/polkit-1/**"}, false},
	{"users within users", []string{"newuidmap", "newgidmap"}, []string{"/etc/subuid", "/etc/subgid"}, false},
	{"who may have jobs", []string{"crontab"}, []string{"/etc/cron.allow", "/etc/cron.deny"}, false},
	{"authentication plugins are opened by name", []string{"libsasl2.so*"}, []string{"/usr/lib/*/sasl2/**", "/usr/lib/sasl2/**", "/etc/sasl2/**"}, false},
	{"configuration of LDAP", []string{"libldap*"}, []string{"/etc/ldap/ldap.conf"}, false},
	{"drivers of ODBC", []string{"libodbc.so*"}, []string{"/etc/odbc.ini", "/etc/odbcinst.ini"}, false},
	{"programs that it starts", []string{"gpg", "gpg2"}, []string{"/usr/bin/gpg-agent", "/usr/bin/gpgconf", "/usr/bin/dirmngr", "/usr/bin/keyboxd", "/usr/lib/gnupg/**", "/usr/libexec/gpg-*", "/usr/libexec/keyboxd"}, true},
	{"the programs that it stands for, of the version that it chooses", []string{"pg_wrapper"}, []string{"/usr/lib/postgresql/*/bin/*"}, false},
	{"configuration of clients of MySQL and MariaDB", []string{"libmariadb.so*", "libmysqlclient.so*", "mysql", "mysqldump", "mysqladmin", "mariadb", "mariadb-dump", "mariadb-admin"}, []string{"/etc/mysql/**", "/etc/my.cnf", "/etc/my.cnf.d/**"}, false},
	{"authentication plugins are opened by the names that a server says", []string{"libmariadb.so*", "mysql", "mysqldump", "mysqladmin", "mariadb", "mariadb-*"}, []string{
		"/usr/lib/*/libmariadb*/plugin/**", "/usr/lib/mariadb/plugin/**",
	}, false},
	{"tables of encodings of Poppler", []string{"libpoppler.so*"}, []string{"/usr/share/poppler/**"}, false},
	{"the usual paper", []string{"libpaper.so*"}, []string{"/etc/papersize"}, false},
	{"languages and settings of Tesseract", []string{"libtesseract.so*"}, []string{"/usr/share/tesseract-ocr/**"}, false},
	{"layouts and formats of Graphviz, of which a file that it makes tells", []string{"libgvc.so*"}, []string{"/usr/lib/*/graphviz/**"}, false},
	{"coordinate systems", []string{"libproj.so*"}, []string{"/usr/share/proj/**"}, false},
	{"tables of GDAL", []string{"libgdal.so*"}, []string{"/usr/share/gdal/**"}, false},
	{"loaders of image formats", []string{"libgdk_pixbuf*"}, []string{"/usr/lib/*/gdk-pixbuf-2.0/**"}, false},
	{"coders of ImageMagick", []string{"libMagickCore*"}, []string{"/etc/ImageMagick-*/**", "/usr/lib/*/ImageMagick-*/modules-*/**", "/usr/lib/*/ImageMagick-*/config-*/**", "/usr/lib/ImageMagick-*/modules-*/**", "/usr/lib/ImageMagick-*/config-*/**", "/usr/share/ImageMagick-*/**"}, false},
	{"catalogues of XML", []string{"libxml2.so*"}, []string{"/etc/xml/catalog"}, false},
	{"types of files by name", []string{"python3*", "libpython3*", "perl", "php*", "ruby*", "nginx", "apache2"}, []string{"/etc/mime.types"}, false},
	{"linear algebra, which R loads when a model asks for it", []string{"libR.so"}, []string{"/usr/lib/R/modules/lapack.so", "/usr/local/lib/R/modules/lapack.so"}, false},
	{"templates and filters, which Debian has in a package of their own", []string{"pandoc"}, []string{"/usr/share/pandoc/**"}, false},
	{"components of LibreOffice, of which a document's kind tells, and their registry", []string{"soffice", "soffice.bin", "oosplash"}, []string{
		"/usr/lib/libreoffice/**", "/usr/share/libreoffice/**", "/etc/libreoffice/**", "/var/lib/libreoffice/**",
	}, false},
	{"plugins of Qt, without which it does not start", []string{"libQt5Gui.so*", "libQt6Gui.so*"}, []string{
		"/usr/lib/*/qt5/plugins/platforms/**", "/usr/lib/*/qt5/plugins/imageformats/**", "/usr/lib/*/qt6/plugins/platforms/**", "/usr/lib/*/qt6/plugins/imageformats/**",
	}, false},
	{"modules of NSS, which it opens by the names of what they do", []string{"libnss3.so*"}, []string{
		"/usr/lib/*/libsoftokn3.*", "/usr/lib/*/libfreebl*3.*", "/usr/lib/*/libnssdbm3.*", "/usr/lib/*/libnssckbi.so", "/usr/lib/*/nss/lib*",
	}, false},
	{"types by a file's name", []string{"libQt5Core.so*", "libQt6Core.so*"}, []string{"/usr/share/mime/mime.cache"}, false},
	{"resources of Ghostscript", []string{"libgs.so*"}, []string{"/usr/share/ghostscript/**", "/var/lib/ghostscript/**"}, false},
	{"Java's certificate authorities and settings", []string{"libjvm.so", "java"}, []string{"/etc/ssl/certs/java/cacerts", "/etc/java-*/**"}, false},
}

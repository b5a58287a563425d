package closure

import (
	"strings"
	"sync"

	"github.com/lighten/lighten/internal/lazy"
	"github.com/lighten/lighten/internal/needless"
)

// DropRule names the rule that drops a path unless evidence wants it; "" when none does. It is asked for what comes
// along with something else only: files of a package, of a directory.
func DropRule(p string) string {
	t := needlessTables.Get().(*needless.Table)
	defer needlessTables.Put(t)
	if n, _ := t.Find(p); n >= 0 {
		return needlessKinds[n].Name
	}
	for _, r := range dropTable {
		if r.maybe(p) && r.fits.MatchString(p) && (r.but == nil || !r.but.MatchString(p)) {
			return r.name
		}
	}
	return ""
}

var needlessKinds = []needless.Kind{
	needless.Documentation, needless.Licences, needless.ManPages, needless.Translations, needless.Locales, needless.Headers,
	needless.Static, needless.BuildFiles, needless.Debug, needless.Logs, needless.VCS,
}

// needlessTables holds *needless.Table, each for one caller at a time.
var needlessTables = sync.Pool{New: func() any { return needless.NewTable(needlessKinds...) }}

// singleAuthorities is the rule that drops what the file of all certificate authorities holds as well: update-ca-certificates(8)
// writes each into it, and libraries read it first.
const singleAuthorities = "certificate authorities one by one"

// bundles are where OpenSSL looks for that file (SSL_CTX_set_default_verify_paths(3)). Without one it looks an authority up by a
// name that it computes.
var bundles = []string{"/usr/lib/ssl/cert.pem", "/etc/ssl/cert.pem", "/etc/pki/tls/cert.pem"}

type dropRow struct {
	name  string
	signs []string // one of them is in every path that fits: expressions are slow, and each path is asked about several times
	fits  *lazy.Pattern
	but   *lazy.Pattern // what stays nevertheless
}

func (r *dropRow) maybe(p string) bool {
	for _, s := range r.signs {
		if strings.Contains(p, s) {
			return true
		}
	}
	return false
}

// hookSample tells a sample of a hook, which git copies into a new repository and never runs (githooks(5)).
var hookSample = lazy.MustCompile(`/hooks/[^/]+\.sample$`)

// dropTable: what else a program does not read while it runs, in an image that is made for it alone. Licences stay.
var dropTable = []dropRow{
	{"character set conversions", []string{"/gconv/"}, lazy.MustCompile(`^/usr/lib/[^/]+/gconv/|^/usr/lib/gconv/`), nil},
	{"parts of the C library for other programs", []string{"/libmvec", "/libresolv", "/libBrokenLocale", "/libanl", "/libthread_db", "/libpcprofile", "/libmemusage", "/libc_malloc_debug", "/libSegFault", "/libnss_", "/libnsl"}, lazy.MustCompile(`/(?:libmvec|libresolv|libBrokenLocale|libanl|libthread_db|libpcprofile|libmemusage|libc_malloc_debug|libSegFault|libnss_compat|libnss_hesiod|libnsl)[.-][^/]*$`), lazy.MustCompile(`/libnsl\.so\.[2-9]`)},
	{"completion and help of shells", []string{"/usr/share/", "/etc/bash_completion.d/"}, lazy.MustCompile(`^/usr/share/(?:bash-completion|zsh|fish|menu|applications|icons|pixmaps|metainfo|appdata)/|^/etc/bash_completion\.d/`), nil},
	{"package manager", []string{"/apt/", "/aptitude/", "/dpkg/", "/debconf/", "/apk/"}, lazy.MustCompile(`^/var/lib/(?:apt|aptitude)/|^/var/cache/(?:apt|apk|debconf)/|^/etc/apt/|^/usr/(?:lib|share)/(?:apt|dpkg)/|^/var/lib/dpkg/(?:info/|[^/]+-old$|lock|triggers/|updates/|alternatives/|diversions|statoverride)|^/lib/apk/db/(?:scripts\.tar|triggers|lock)`), nil},
	{"other time zone tables", []string{"/usr/share/zoneinfo/"}, lazy.MustCompile(`^/usr/share/zoneinfo/(?:right|posix)/`), nil},
	{"activation of virtual environments by a shell", []string{"/bin/activate", "/bin/Activate", "/bin/deactivate"}, lazy.MustCompile(`/bin/(?:activate(?:\.(?:c?sh|fish|nu|bat|ps1))?|Activate\.ps1|activate_this\.py|deactivate\.(?:nu|bat))$`), nil},
	{"headers of Perl", []string{"/CORE/"}, lazy.MustCompile(`/perl5?/[^/]+/(?:[^/]+/)?CORE/[^/]+\.h$`), nil},
	{"engines of OpenSSL, which a configuration has to name", []string{"/engines-"}, lazy.MustCompile(`/engines-[0-9.]+/[^/]+\.so$`), nil},
	{"providers of OpenSSL, which a program or a configuration has to name", []string{"/ossl-modules/"}, lazy.MustCompile(`/ossl-modules/[^/]+\.so$`), nil},
	{"scripts by which people run an authority of certificates", []string{"/ssl/misc/"}, lazy.MustCompile(`^/(?:usr/lib|etc)/ssl/misc/`), nil},
	{singleAuthorities, []string{"/ca-certificates/", "/etc/ssl/certs/"}, lazy.MustCompile(`^/usr/share/ca-certificates/|^/etc/ssl/certs/(?:[0-9a-f]{8}\.[0-9]|[^/]+\.pem)$`), lazy.MustCompile(`/ssl-cert-snakeoil\.pem$`)},
	{"caches of package managers", []string{"/root/.", "/home/", "/var/cache/"}, lazy.MustCompile(`^/root/\.(?:cache|npm)/|^/home/[^/]+/\.(?:cache|npm)/|^/var/cache/`), lazy.MustCompile(`^/var/cache/fontconfig/`)}, // which is about fonts
	{"caches of build tools", []string{"/.", "/target/", ".tsbuildinfo", "/_build/", "/dist-newstyle/"}, lazy.MustCompile(`/node_modules/\.cache/|/\.next/cache/(?:webpack|swc|eslint|babel)/|/\.(?:parcel-cache|turbo|vite|angular/cache|nx/cache|sass-cache|nyc_output|pytest_cache|mypy_cache|ruff_cache|tox|nox|hypothesis|ipynb_checkpoints|gradle/(?:\d[^/]*|buildOutputCleanup))/|/target/(?:[^/]+/)?(?:debug|release)/(?:(?:deps|examples|incremental|\.fingerprint)/|build/[^/]+/(?:build[-_]script[-_][^/]*$|out/.*\.(?:o|a|rs)$)|[^/]+\.(?:d|rlib|rmeta)$)|/_build/(?:log$|\.[^/]+(?:/|$)|default/(?:\.dune/|(?:[^/]+/)*\.[^/]+\.e?objs/))|/dist-newstyle/(?:cache|packagedb|tmp)/|/\.eslintcache$|\.tsbuildinfo$`), nil},
	{"scheduled jobs", []string{"/etc/", "/systemd/"}, lazy.MustCompile(`^/etc/cron\.|^/lib/systemd/|^/usr/lib/systemd/|^/etc/systemd/|^/etc/init\.d/|^/etc/rc[0-9S]\.d/|^/etc/logrotate\.d/`), nil},
	{"documentation", []string{"/node_modules/"}, lazy.MustCompile(`/node_modules/(?:@[^/]+/)?[^/]+/(?i:README|CHANGELOG|CHANGES|HISTORY|CONTRIBUTING|CODE_OF_CONDUCT|SECURITY|UPGRADING|MIGRATION)(?:[._-][^/]*)?\.(?:md|markdown)$|/node_modules/(?:@[^/]+/)?[^/]+/(?i:README|CHANGELOG|HISTORY)$|/node_modules/npm/(?:docs|man)/`), nil},
	// Of a package of Python, for those who change it; of packages of R, for people who type help().
	{"documentation", []string{"/email/architecture.rst"}, lazy.MustCompile(`/python3\.\d+/email/architecture\.rst$`), nil},
	{"documentation", []string{"/R/"}, lazy.MustCompile(`/R/(?:site-)?library/[^/]+/(?:help|html|doc|demo)/|^/usr/(?:local/)?(?:share|lib)/R/doc/(?:html|manual|NEWS)`), nil},
	{"version control", []string{"/hooks/"}, hookSample, nil}, // git-init(1) puts them into bare repositories too; one is a program of Perl
	{declarations, []string{"/node_modules/"}, lazy.MustCompile(`/node_modules/.*\.d\.[cm]?ts$`), nil},
	{"source maps", []string{"/node_modules/"}, lazy.MustCompile(`/node_modules/.*\.(?:[cm]?js|css|[cm]?ts)\.map$`), nil}, // what is imported is looked up (node --enable-source-maps)
	// Heaps above 32 GB and less usual settings have archives of their own beside classes.jsa. Without one Java starts a little slower (-Xshare:auto).
	{"classes of Java prepared for large heaps", []string{"/lib/server/classes_"}, lazy.MustCompile(`/lib/server/classes_[a-z_]+\.jsa$`), nil},
	{windowsOfJava, []string{"/libawt_xawt.so", "/libjawt.so", "/libsplashscreen.so"}, lazy.MustCompile(`/lib/(?:[^/]+/)?lib(?:awt_xawt|jawt|splashscreen)\.so$`), nil},
	// Java's compiler reads it for --release alone (JEP 247), and comes with it: see javaReleases.
	{earlierJava, []string{"/lib/ct.sym"}, lazy.MustCompile(`/lib/ct\.sym$`), nil},
	{"source code of Java", []string{"/usr/lib/jvm/", "/opt/java/"}, lazy.MustCompile(`^/(?:usr/lib/jvm|opt/java)/[^/]+/(?:lib/src\.zip|jmods/|demo/|sample/|man/|include/)`), nil},
}

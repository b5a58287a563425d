package closure

import (
	"regexp"
)

// DropRule names the rule that drops a path unless evidence wants it; "" when none does. It is asked for what comes
// along with something else only: files of a package, of a directory.
func DropRule(p string) string {
	for _, r := range dropTable {
		if r.fits.MatchString(p) && (r.but == nil || !r.but.MatchString(p)) {
			return r.name
		}
	}
	return ""
}

type dropRow struct {
	name string
	fits *regexp.Regexp
	but  *regexp.Regexp // what stays nevertheless
}

// dropTable: nothing that a program reads while it runs. Licences stay.
var dropTable = []dropRow{
	{"documentation", regexp.MustCompile(`^/usr/(?:local/)?share/(?:doc|doc-base|gtk-doc|help|examples)/|^/usr/(?:local/)?share/(?:common-licenses|lintian|bug|reportbug|linda)/`),
		regexp.MustCompile(`/copyright$`)},
	{"man pages", regexp.MustCompile(`^/usr/(?:local/)?(?:share/)?(?:man|info)/`), nil},
	{"translations of messages", regexp.MustCompile(`^/usr/(?:local/)?share/locale/`), nil},
	{"locales", regexp.MustCompile(`^/usr/lib/locale/|^/usr/share/i18n/`), regexp.MustCompile(`^/usr/lib/locale/C\.`)},
	{"character set conversions", regexp.MustCompile(`^/usr/lib/[^/]+/gconv/|^/usr/lib/gconv/`), nil},
	{"parts of the C library for other programs", regexp.MustCompile(`/(?:libmvec|libBrokenLocale|libanl|libthread_db|libpcprofile|libmemusage|libc_malloc_debug|libSegFault|libnss_compat|libnss_hesiod|libnsl)[.-][^/]*$`), regexp.MustCompile(`/libnsl\.so\.[2-9]`)},
	{"headers", regexp.MustCompile(`^/usr/(?:local/)?include/`), nil},
	{"static libraries", regexp.MustCompile(`^/(?:usr/)?(?:local/)?lib(?:64|/[^/]+)?/[^/]+\.(?:a|la|o)$`), nil},
	{"files for building", regexp.MustCompile(`/pkgconfig/[^/]+\.pc$|^/usr/(?:local/)?(?:share|lib(?:/[^/]+)?)/cmake/|/share/aclocal/|\.(?:gir|vapi)$`), nil},
	{"completion and help of shells", regexp.MustCompile(`^/usr/share/(?:bash-completion|zsh|fish|menu|applications|icons|pixmaps|metainfo|appdata)/|^/etc/bash_completion\.d/`), nil},
	{"debug information", regexp.MustCompile(`^/usr/lib/debug/|^/usr/share/gdb/|\.debug$`), nil},
	{"package manager", regexp.MustCompile(`^/var/lib/(?:apt|aptitude)/|^/var/cache/(?:apt|apk|debconf)/|^/etc/apt/|^/usr/(?:lib|share)/(?:apt|dpkg)/|^/var/lib/dpkg/(?:info/|[^/]+-old$|lock|triggers/|updates/|alternatives/|diversions|statoverride)|^/lib/apk/db/(?:scripts\.tar|triggers|lock)`), nil},
	{"other time zone tables", regexp.MustCompile(`^/usr/share/zoneinfo/(?:right|posix)/`), nil},
	{"caches of package managers", regexp.MustCompile(`^/root/\.(?:cache|npm)/|^/home/[^/]+/\.(?:cache|npm)/|^/var/cache/`), nil},
	{"log files", regexp.MustCompile(`^/var/log/.+[^/]$`), nil},
	{"version control", regexp.MustCompile(`/\.(?:git|hg|svn)(?:/|$)`), nil},
	{"scheduled jobs", regexp.MustCompile(`^/etc/cron\.|^/lib/systemd/|^/usr/lib/systemd/|^/etc/systemd/|^/etc/init\.d/|^/etc/rc[0-9S]\.d/|^/etc/logrotate\.d/`), nil},
	{"source code of Java", regexp.MustCompile(`^/(?:usr/lib/jvm|opt/java)/[^/]+/(?:lib/src\.zip|jmods/|demo/|sample/|man/|include/)`), nil},
}

package closure_test

import (
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lighten/lighten/internal/closure"
	"github.com/lighten/lighten/internal/testimage"
)

// What a program needs by names that neither a check nor a string of its sources shows.
func TestUnasked(t *testing.T) {
	const lib = "/usr/local/lib/python3.11/"
	const site = lib + "site-packages/"
	const unseen = "Python's own tests, tools and what is given up"
	const tests = "tests of libraries"
	app := v1.Config{WorkingDir: "/app"}
	jobs := testimage.Tree{
		"/etc/shop/jobs.yaml":     "file 0644 jobs:\n  # who runs\n  one: {run: \"tac x | rev\"}\n  two: sha256sum y && cut -c1\n  three:\n    - 'nl'\n    - |\n      fold -w 3\n  note: what to sort\n",
		"/app/tools.json":         "file 0644 {\"count\": [\"wc\", \"-l\"], \"words\": \"/usr/share/dict/words\"}\n",
		"/app/package.json":       "file 0644 {\"scripts\": {\"build\": \"make all\"}}\n",
		"/usr/share/dict/words":   "file 0644 x",
		"/etc/cron.conf":          "file 0644 run=who\n",
		"/app/templates/a.html":   "file 0644 <p>mount it</p>\n",
		"/usr/share/dict/british": "file 0644 x",
	}
	for _, n := range []string{"tac", "rev", "sha256sum", "cut", "nl", "fold", "wc", "who", "sort", "make", "mount"} {
		jobs["/usr/bin/"+n] = exe + amd64("")
	}
	never := "never looked up"
	const libs, unloaded = "/usr/lib/x86_64-linux-gnu/", "providers of OpenSSL, which a program or a configuration has to name"
	tls := join(glibcTree, testimage.Tree{
		"/var/lib/dpkg/status": "file 0644 " + statusOf("libc6", "libssl3"), "/var/lib/dpkg/info/libssl3.list": "file 0644 " + libs + "libcrypto.so.3\n" + libs + "ossl-modules/legacy.so\n",
		"/var/lib/dpkg/info/libc6.list": "file 0644 " + libs + "libc.so.6\n" + libs + "libresolv.so.2\n", libs + "libresolv.so.2": exe + amd64("", soname, "libresolv.so.2"),
		libs + "libcrypto.so.3": exe + amd64("", soname, "OSSL_PROVIDER_load", soname, "libcrypto.so.3"), libs + "ossl-modules/legacy.so": exe + amd64(""),
		"/usr/bin/x": exe + amd64(glibc, needed, "libcrypto.so.3", needed, "libc.so.6"), "/usr/bin/loader": exe + amd64(glibc, needed, "libcrypto.so.3", needed, "libresolv.so.2", needed, "OSSL_PROVIDER_try_load"),
	})
	planned := testimage.Tree{
		"/var/lib/dpkg/status": "file 0644 " + statusOf("cron", "scrub"), "/var/lib/dpkg/info/cron.list": "file 0644 /usr/sbin/cron\n/etc/crontab\n/etc/cron.daily/rotate\n",
		"/var/lib/dpkg/info/scrub.list": "file 0644 /etc/cron.d/scrub\n/usr/lib/scrub/fail\n/usr/sbin/scrub\n/usr/sbin/scrub.all\n", "/usr/sbin/cron": exe + amd64(""), "/bin/sh": exe + amd64(""),
		"/etc/crontab":     "file 0644 SHELL=/bin/sh\n# m h dom\n17 *\t* * *\troot\tcd / && run-parts --report /etc/cron.hourly\n",
		"/etc/cron.d/shop": "file 0644 */5 * * * * www-data /usr/bin/report --now\n", "/usr/bin/report": exe + amd64(""), "/bin/run-parts": exe + amd64(""), "/usr/bin/find": exe + amd64(""),
		"/etc/cron.daily/tidy": "file 0755 #!/bin/sh\nfind /tmp -delete\n", "/etc/cron.daily/rotate": "file 0755 #!/bin/sh\nmailer\n", "/usr/bin/mailer": exe + amd64(""),
		"/etc/cron.d/scrub": "file 0644 30 3 * * 0 root test -e /run/systemd/system || mailer\n", "/usr/lib/scrub/fail": "file 0755 #!/bin/sh\nmailer\n", "/usr/sbin/scrub": exe + amd64(""),
		"/usr/sbin/scrub.all": "symlink scrub",
	}
	people := testimage.Tree{
		"/etc/passwd":                    "file 0644 root:x:0:0::/root:/bin/sh\ndaemon:x:101:101::/var/lib/daemon:/usr/bin/daemon-shell\nann:x:1000:1000:Ann:/home/ann:/usr/bin/fish\nbad\nx:x:y:1::/:/\n",
		"/home/ann/.ssh/authorized_keys": "file 0600 x", "/home/ann/.cache/x": "file 0644 x", "/home/ann/a.git/hooks/fsmonitor-watchman.sample": "file 0755 #!/usr/bin/perl\n", "/usr/bin/perl": exe + amd64(""), "/usr/bin/fish": exe + amd64(""), "/usr/bin/daemon-shell": exe + amd64(""), "/var/lib/daemon/x": "file 0644 x",
		"/etc/profile": "file 0644 x", "/var/log/wtmp": "file 0644 x", "/usr/lib/libpam.so.0": exe + amd64("", soname, "libpam.so.0"),
	}
	powers := testimage.Tree{
		"/etc/sudoers": "file 0440 root ALL=(ALL) ALL\n@includedir /etc/sudoers.d\n", "/etc/sudoers.d/shop": "file 0440 ann ALL=(root) NOPASSWD: /usr/sbin/tidy\n", "/usr/bin/sudo": exe + amd64(""), "/usr/bin/report": exe + amd64(""),
		"/usr/sbin/tidy": exe + amd64(""),
	}
	for _, c := range []keepCase{
		{
			name: "commands and paths of the program's settings, if it runs commands", tree: join(jobs, testimage.Tree{"/app/a.py": "file 0644 subprocess.run(jobs[name], shell=True)\n"}),
			config: app, looked: "open /etc/shop/jobs.yaml",
			stays: "/usr/bin/tac /usr/bin/rev /usr/bin/sha256sum /usr/bin/cut /usr/bin/nl /usr/bin/fold /usr/bin/wc /usr/share/dict/words",
			goes:  map[string]string{"/usr/bin/who": never, "/usr/bin/sort": never, "/usr/bin/make": never, "/usr/bin/mount": never, "/usr/share/dict/british": never},
		},
		{
			name: "no commands of settings where no source runs any", tree: join(jobs, testimage.Tree{"/app/a.py": "file 0644 print(jobs)\n"}),
			config: app, looked: "open /etc/shop/jobs.yaml", stays: "/usr/share/dict/words", goes: map[string]string{"/usr/bin/tac": never, "/usr/bin/wc": never},
		},
		{
			name: "no commands of settings at the level tight", tree: join(jobs, testimage.Tree{"/app/a.py": "file 0644 subprocess.run(jobs[name], shell=True)\n"}), level: closure.Tight,
			config: app, looked: "open /etc/shop/jobs.yaml", goes: map[string]string{"/usr/bin/tac": never},
		},
		{
			name: "what a command is a script for, at the level tight", tree: testimage.Tree{
				"/var/lib/dpkg/status": "file 0644 " + statusOf("libc-bin"), "/var/lib/dpkg/info/libc-bin.list": "file 0644 /usr/sbin/ldconfig\n/usr/sbin/ldconfig.real\n/usr/sbin/iconvconfig\n",
				"/usr/sbin/ldconfig": "file 0755 #!/bin/sh\nexec /usr/sbin/ldconfig.real \"$@\"\n", "/usr/sbin/ldconfig.real": exe + amd64(""), "/usr/sbin/iconvconfig": exe + amd64(""), "/bin/sh": exe + amd64(""),
				"/app/a.py": "file 0644 from ctypes.util import find_library\nfind_library('m')\n",
			},
			config: app, level: closure.Tight, stays: "/usr/sbin/ldconfig /usr/sbin/ldconfig.real /bin/sh", goes: map[string]string{"/usr/sbin/iconvconfig": "package not needed"},
		},
		{
			name: "character set conversions for a named command that is there to convert",
			tree: join(glibcTree, testimage.Tree{
				"/usr/bin/iconv": exe + amd64(glibc, needed, "libc.so.6", soname, "iconv_open"), "/usr/lib/x86_64-linux-gnu/gconv/EUC-JP.so": exe + amd64(""),
				"/app/a.py": "file 0644 subprocess.run(['iconv', '-f', 'euc-jp'])\n",
			}),
			config: app, stays: "/usr/bin/iconv /usr/lib/x86_64-linux-gnu/gconv/EUC-JP.so",
		},
		{
			name: "none for one that could",
			tree: join(glibcTree, testimage.Tree{
				"/usr/bin/printf": exe + amd64(glibc, needed, "libc.so.6", soname, "iconv_open"), "/usr/lib/x86_64-linux-gnu/gconv/EUC-JP.so": exe + amd64(""),
				"/app/a.py": "file 0644 subprocess.run(['printf', 'x'])\n",
			}),
			config: app, stays: "/usr/bin/printf", goes: map[string]string{"/usr/lib/x86_64-linux-gnu/gconv/EUC-JP.so": "character set conversions"},
		},
		{
			name: "none for tools of GNU that were run, which write their authors' names by them",
			tree: join(glibcTree, testimage.Tree{
				"/usr/bin/cmp": exe + amd64(glibc, needed, "libc.so.6", soname, "iconv_open"), "/usr/lib/x86_64-linux-gnu/gconv/EUC-JP.so": exe + amd64(""),
			}),
			looked: "exec /usr/bin/cmp", stays: "/usr/bin/cmp", goes: map[string]string{"/usr/lib/x86_64-linux-gnu/gconv/EUC-JP.so": "character set conversions"},
		},
		{
			name: "neither OpenSSL's providers nor a resolver that nothing loads", tree: tls, looked: "exec /usr/bin/x", stays: libs + "libcrypto.so.3 " + libs + "libc.so.6",
			goes: map[string]string{libs + "ossl-modules/legacy.so": unloaded, libs + "libresolv.so.2": "parts of the C library for other programs"},
		},
		{name: "both for what does", tree: tls, looked: "exec /usr/bin/loader", stays: libs + "ossl-modules/legacy.so " + libs + "libresolv.so.2"},
		{name: "a provider that a configuration names", tree: tls, looked: "exec /usr/bin/x\nopen " + libs + "ossl-modules/legacy.so", stays: libs + "ossl-modules/legacy.so"},
		{
			name: "what the settings of a server name, which a request asks for first", tree: testimage.Tree{
				"/var/lib/dpkg/status":          "file 0644 " + statusOf("web", "icons", "sftp", "notes", "libx-perl"),
				"/var/lib/dpkg/info/web.list":   "file 0644 /usr/sbin/web\n/etc/web/mods/alias\n",
				"/var/lib/dpkg/info/icons.list": "file 0644 /usr/share/web/icons/a.gif\n", "/var/lib/dpkg/info/sftp.list": "file 0644 /usr/lib/sftp/sftp-server\n",
				"/var/lib/dpkg/info/notes.list": "file 0644 /usr/share/notes/a\n/usr/share/unread/a\n",
				"/usr/sbin/web":                 exe + amd64(""), "/usr/share/web/icons/a.gif": "file 0644 x", "/usr/lib/sftp/sftp-server": exe + amd64(""), "/usr/share/notes/a": "file 0644 x", "/usr/share/unread/a": "file 0644 x",
				"/etc/web/mods/alias": "file 0644 # see /usr/share/notes/a\nAlias /icons/ \"/usr/share/web/icons/\"\nSubsystem sftp /usr/lib/sftp/sftp-server\nScriptAlias /cgi-bin/ /usr/lib/cgi-bin/\n",
				"/etc/filesd.conf":    "file 0644 path = /srv/shared\n", "/srv/shared/a": "file 0644 x", "/etc/host.conf": "file 0644 order /srv/other\n", "/srv/other/a": "file 0644 x",
				"/etc/web/mods/other":      "file 0644 Alias /usr/share/unread/\n",
				"/usr/lib/cgi-bin/who.cgi": "file 0755 #!/bin/sh\necho; hostname\n", "/bin/sh": exe + amd64(""), "/bin/hostname": exe + amd64(""), "/var/lib/dpkg/info/libx-perl.list": "file 0644 /usr/share/perl5/X.pm\n", "/usr/share/perl5/X.pm": "file 0644 x",
			},
			looked: "exec /usr/sbin/web\nopen /etc/web/mods/alias\nopen /etc/filesd.conf\nopen /etc/host.conf", stays: "/srv/shared/a /usr/share/web/icons/a.gif /usr/lib/sftp/sftp-server /usr/lib/cgi-bin/who.cgi /bin/sh /bin/hostname",
			goes: map[string]string{"/usr/share/notes/a": "package not needed", "/usr/share/unread/a": "package not needed", "/srv/other/a": never, "/usr/share/perl5/X.pm": "package not needed"},
		},
		{
			name: "a person's jobs where a scheduler runs, and nothing of those of the distribution", tree: planned, looked: "exec /usr/sbin/cron\nopen /etc/cron.d/scrub",
			stays: "/etc/cron.d/shop /usr/bin/report /etc/cron.daily/tidy /usr/bin/find /bin/run-parts /etc/cron.d/scrub /usr/lib/scrub/fail",
			goes:  map[string]string{"/usr/bin/mailer": never, "/usr/sbin/scrub": "programs of packages that only gave data", "/usr/sbin/scrub.all": "programs of packages that only gave data"},
		},
		{
			name: "no jobs where none does", tree: planned, looked: "exec /usr/sbin/scrub", stays: "/usr/lib/scrub/fail /usr/bin/mailer",
			goes: map[string]string{"/etc/cron.d/shop": "scheduled jobs", "/usr/bin/report": never, "/etc/cron.daily/tidy": "scheduled jobs"},
		},
		{
			name: "the mailer for PHP", tree: testimage.Tree{"/usr/sbin/php-fpm8.2": exe + amd64(""), "/usr/sbin/sendmail": "symlink ../bin/msmtp", "/usr/bin/msmtp": exe + amd64("")},
			looked: "exec /usr/sbin/php-fpm8.2", stays: "/usr/sbin/sendmail /usr/bin/msmtp",
		},
		{
			name: "homes and shells of people where a program lets them in", tree: people, looked: "open /usr/lib/libpam.so.0",
			stays: "/home/ann/.ssh/authorized_keys /usr/bin/fish /etc/profile /var/log/wtmp",
			goes:  map[string]string{"/var/lib/daemon/x": never, "/usr/bin/daemon-shell": never, "/home/ann/.cache/x": "caches of package managers", "/home/ann/a.git/hooks/fsmonitor-watchman.sample": "version control", "/usr/bin/perl": never},
		},
		{
			name: "not where none does", tree: people, looked: "open /etc/passwd", goes: map[string]string{"/home/ann/.ssh/authorized_keys": never, "/usr/bin/fish": never, "/var/log/wtmp": "log files"},
		},
		{
			name: "rules of sudo, which gains no rights while it is traced", tree: powers, looked: "exec /usr/bin/sudo",
			stays: "/etc/sudoers /etc/sudoers.d/shop", goes: map[string]string{"/usr/bin/report": never},
		},
		{
			name: "sudo where a program lets people in for whom somebody made rules", tree: join(people, powers), looked: "open /usr/lib/libpam.so.0",
			stays: "/usr/bin/sudo /etc/sudoers /etc/sudoers.d/shop /usr/sbin/tidy",
		},
		{
			name: "and where one of them is in a group of the distribution's rules",
			tree: join(people, testimage.Tree{"/etc/group": "file 0644 bad\nsudo:x:27:bea,ann\n", "/etc/sudoers": "file 0440 x", "/usr/bin/sudo": exe + amd64("")}), looked: "open /usr/lib/libpam.so.0",
			stays: "/usr/bin/sudo /etc/sudoers",
		},
		{
			name: "and not where nobody may", looked: "open /usr/lib/libpam.so.0",
			tree: join(people, testimage.Tree{"/etc/group": "file 0644 sudo:x:27:daemon\nusers:x:100:ann\n", "/etc/sudoers": "file 0440 x", "/usr/bin/sudo": exe + amd64("")}),
			goes: map[string]string{"/usr/bin/sudo": never, "/etc/sudoers": never},
		},
		{
			name: "nothing for a script of which only the mode was looked at, nor for what managers of networks would run",
			tree: testimage.Tree{
				"/var/lib/dpkg/status": "file 0644 " + statusOf("mail", "perl", "init"), "/var/lib/dpkg/info/perl.list": "file 0644 /usr/share/perl5/File/Name.pm\n/usr/bin/perl\n",
				"/var/lib/dpkg/info/mail.list": "file 0644 /usr/lib/mail/groups.pl\n/usr/lib/networkd-dispatcher/routable.d/mail\n/usr/sbin/mail\n/usr/lib/mail/script\n", "/var/lib/dpkg/info/init.list": "file 0644 /usr/sbin/service\n",
				"/usr/lib/mail/groups.pl": "file 0755 #!/usr/bin/perl\nuse File::Name;\n", "/usr/lib/networkd-dispatcher/routable.d/mail": "file 0755 #!/bin/sh\nservice mail reload\n", "/usr/sbin/mail": exe + amd64(""),
				"/usr/lib/mail/script": "file 0755 #!/bin/sh\nfold x\n", "/usr/sbin/service": exe + amd64(""), "/usr/bin/fold": exe + amd64(""),
				"/usr/share/perl5/File/Name.pm": "file 0644 x", "/usr/bin/perl": exe + amd64(""), "/bin/sh": exe + amd64(""),
			},
			looked: "exec /usr/sbin/mail\nstat /usr/lib/mail/groups.pl", stays: "/usr/lib/mail/groups.pl /usr/lib/networkd-dispatcher/routable.d/mail /usr/bin/fold",
			goes: map[string]string{"/usr/share/perl5/File/Name.pm": "package not needed", "/usr/sbin/service": "package not needed"},
		},
		{
			name: "no modules of Perl for a sample of a hook, which git reads and never runs",
			tree: testimage.Tree{
				"/var/lib/dpkg/status": "file 0644 " + statusOf("libname-perl"), "/var/lib/dpkg/info/libname-perl.list": "file 0644 /usr/share/perl5/File/Name.pm\n",
				"/srv/a.git/hooks/watch.sample": "file 0755 #!/usr/bin/perl\nuse File::Name;\n", "/usr/share/perl5/File/Name.pm": "file 0644 x", "/usr/bin/perl": exe + amd64(""),
			},
			looked: "open /srv/a.git/hooks/watch.sample", stays: "/srv/a.git/hooks/watch.sample", goes: map[string]string{"/usr/share/perl5/File/Name.pm": "package not needed", "/usr/bin/perl": never},
		},
		{
			name: "what converters of documents have in packages of their own",
			tree: testimage.Tree{
				"/app/steps.ini": "file 0644 run = pandoc a.md -o a.odt\n  soffice --headless a.odt\n  wkhtmltopdf a b\n", "/app/a.py": "file 0644 subprocess.run(line, shell=True)\n", "/bin/sh": exe + amd64(""),
				"/usr/bin/pandoc": exe + amd64(""), "/usr/share/pandoc/data/templates/default.html5": "file 0644 x", "/usr/bin/soffice": "symlink ../lib/libreoffice/program/soffice", "/usr/lib/libreoffice/program/soffice": "file 0755 #!/bin/sh\n",
				"/var/lib/dpkg/status": "file 0644 " + statusOf("office", "writer", "pandoc-data"), "/var/lib/dpkg/info/office.list": "file 0644 /usr/bin/soffice\n/usr/lib/libreoffice/program/soffice\n",
				"/var/lib/dpkg/info/pandoc-data.list": "file 0644 /usr/share/pandoc/data/templates/default.html5\n", "/var/lib/dpkg/info/writer.list": "file 0644 /usr/lib/libreoffice/program/libswlo.so\n/etc/libreoffice/registry/writer.xcd\n",
				"/usr/lib/libreoffice/program/libswlo.so": exe + amd64("", needed, "libword.so.1"), "/usr/lib/libword.so.1": exe + amd64("", needed, "libnss3.so"), "/usr/lib/x86_64-linux-gnu/libnss3.so": exe + amd64(""), "/usr/lib/x86_64-linux-gnu/libsoftokn3.so": exe + amd64(""), "/usr/lib/x86_64-linux-gnu/nss/libfreebl3.so": exe + amd64(""), "/etc/libreoffice/registry/writer.xcd": "file 0644 x",
				"/usr/bin/wkhtmltopdf": exe + amd64("", needed, "libQt5Gui.so.5"), "/usr/lib/libQt5Gui.so.5": exe + amd64("", soname, "libQt5Gui.so.5"),
				"/usr/lib/x86_64-linux-gnu/qt5/plugins/platforms/libqoffscreen.so": exe + amd64(""), "/usr/lib/x86_64-linux-gnu/qt5/plugins/platformthemes/libqgtk3.so": exe + amd64(""),
			},
			config: app, stays: "/usr/share/pandoc/data/templates/default.html5 /usr/lib/libreoffice/program/libswlo.so /usr/lib/libword.so.1 /usr/lib/x86_64-linux-gnu/libsoftokn3.so /usr/lib/x86_64-linux-gnu/nss/libfreebl3.so /etc/libreoffice/registry/writer.xcd " +
				"/usr/lib/x86_64-linux-gnu/qt5/plugins/platforms/libqoffscreen.so",
			goes: map[string]string{"/usr/lib/x86_64-linux-gnu/qt5/plugins/platformthemes/libqgtk3.so": never},
		},
		{
			name: "none for the help of options",
			tree: join(glibcTree, testimage.Tree{
				"/usr/lib/x86_64-linux-gnu/libpopt.so.0.0.2": exe + amd64("", needed, "libc.so.6", needed, "iconv_open", soname, "libpopt.so.0"), "/usr/lib/x86_64-linux-gnu/gconv/EUC-JP.so": exe + amd64(""),
			}),
			looked: "open /usr/lib/x86_64-linux-gnu/libpopt.so.0.0.2", goes: map[string]string{"/usr/lib/x86_64-linux-gnu/gconv/EUC-JP.so": "character set conversions"},
		},
		{
			name: "none for Arrow, which has a client of Azure in itself that reads XML",
			tree: join(glibcTree, testimage.Tree{
				"/usr/local/lib/python3.11/site-packages/pyarrow/libarrow.so.2600": exe + amd64("", needed, "libc.so.6", needed, "iconv_open", soname, "libarrow.so.2600"), "/usr/lib/x86_64-linux-gnu/gconv/EUC-JP.so": exe + amd64(""),
			}),
			looked: "open /usr/local/lib/python3.11/site-packages/pyarrow/libarrow.so.2600", goes: map[string]string{"/usr/lib/x86_64-linux-gnu/gconv/EUC-JP.so": "character set conversions"},
		},
		{
			name: "each certificate authority for who asks where their directory is",
			tree: join(glibcTree, authorities, testimage.Tree{
				"/usr/lib/ssl/cert.pem": "symlink /etc/ssl/certs/ca-certificates.crt", "/app/a.py": "file 0644 os.listdir(ssl.get_default_verify_paths().capath)\n",
			}),
			config: app, looked: "open /usr/lib/libssl.so.3", stays: "/usr/share/ca-certificates/mozilla/B.crt /etc/ssl/certs/B.pem /etc/ssl/certs/0a1b2c3d.0",
		},
		{
			name: "paths that a source makes of parts, and what a rule drops in a directory that it names",
			tree: testimage.Tree{
				"/usr/share/dict/words": "file 0644 x", "/usr/share/common-licenses/GPL-3": "file 0644 x", "/usr/share/fonts/a.ttf": "file 0644 x", "/usr/share/tea/kinds": "file 0644 x", "/usr/share/i18n/locales/de": "file 0644 x",
				"/etc/logrotate.d/x": "file 0644 x", "/usr/share/sounds/a": "file 0644 x", "/usr/share/cups/a": "file 0644 x",
				"/app/a.py": "file 0644 USR = pathlib.Path(\"/usr\")  # all is here\nSHARE = '/usr/share'\nwords = (USR / \"share\" / 'dict' / 'words').open()\n" +
					"read(USR / 'share/common-licenses' / name)\nfonts = (USR / 'share').joinpath('fonts').rglob('*')\nopen(f'{SHARE}/tea/{kind}')\nos.listdir('/etc/' + 'logrotate.d')\n" +
					"os.path.join('/usr/share', 'sounds', n)\nother = OTHER / 'cups'\n",
			},
			config: app, stays: "/usr/share/dict/words /usr/share/common-licenses/GPL-3 /usr/share/fonts/a.ttf /usr/share/tea/kinds /etc/logrotate.d/x /usr/share/sounds/a",
			goes: map[string]string{"/usr/share/i18n/locales/de": "locales", "/usr/share/cups/a": never},
		},
		{
			name: "commands of a script that a program starts by a name which it makes, and of one that xargs starts",
			tree: testimage.Tree{
				"/app/a.py": "file 0644 os.system('sh ' + HERE + '/share/' + name)\nos.system('find . | xargs -0 -n 1 basename')\n", "/app/share/report": "file 0644 #!/bin/sh\nnl x | fold\n",
				"/bin/sh": exe + amd64(""), "/usr/bin/nl": exe + amd64(""), "/usr/bin/fold": exe + amd64(""), "/usr/bin/basename": exe + amd64(""), "/usr/bin/tac": exe + amd64(""), "/app/conftest.py": "file 0644 #!/usr/bin/env tac\n",
			},
			config: app, stays: "/usr/bin/nl /usr/bin/fold /usr/bin/basename", goes: map[string]string{"/usr/bin/tac": never},
		},
		{
			name: "a module that is run with the data beside it",
			tree: testimage.Tree{
				lib + "os.py": "file 0644 x", lib + "venv/__init__.py": "file 0644 x", lib + "venv/__main__.py": "file 0644 x", lib + "venv/scripts/common/activate": "file 0644 x", lib + "lib2to3/Grammar.txt": "file 0644 x", lib + "lib2to3/__init__.py": "file 0644 x",
				site + "pip/__init__.py": "file 0644 x", site + "pip-24.dist-info/METADATA": "file 0644 Name: pip\nVersion: 24\n", site + "pip-24.dist-info/RECORD": "file 0644 pip/__init__.py,,\npip-24.dist-info/METADATA,,\n",
				"/app/a.py": "file 0644 os.system('python3 -m venv /tmp/v')\nos.system(sys.executable + ' -m pip list')\n",
			},
			config: app, looked: "open " + lib + "os.py", stays: lib + "venv/__main__.py " + lib + "venv/scripts/common/activate " + site + "pip/__init__.py",
			goes: map[string]string{lib + "lib2to3/Grammar.txt": unseen},
		},
		{
			name: "those tests of a library that the library imports",
			tree: testimage.Tree{
				lib + "os.py":            "file 0644 x",
				site + "num/__init__.py": "file 0644 x", site + "num/testing/__init__.py": "file 0644 from num._core.tests._nat import NA\n", site + "num/_core/__init__.py": "file 0644 x",
				site + "num/_core/tests/__init__.py": "file 0644 x", site + "num/_core/tests/_nat.py": "file 0644 from . import _more\n", site + "num/_core/tests/_more.py": "file 0644 x",
				site + "num/_core/tests/test_a.py": "file 0644 from . import _other\n", site + "num/_core/tests/_other.py": "file 0644 x",
				site + "num/conftest.py": "file 0644 import num.tests.plugin\n", site + "num/tests/plugin.py": "file 0644 x",
				site + "num-2.dist-info/METADATA": "file 0644 Name: num\nVersion: 2\n",
				site + "num-2.dist-info/RECORD": "file 0644 num/__init__.py,,\nnum/conftest.py,,\nnum/testing/__init__.py,,\nnum/tests/plugin.py,,\nnum/_core/__init__.py,,\nnum/_core/tests/__init__.py,,\n" +
					"num/_core/tests/_nat.py,,\nnum/_core/tests/_more.py,,\nnum/_core/tests/test_a.py,,\nnum/_core/tests/_other.py,,\nnum-2.dist-info/METADATA,,\n",
			},
			looked: "open " + lib + "os.py\nopen " + site + "num/__init__.py",
			stays:  site + "num/_core/tests/__init__.py " + site + "num/_core/tests/_nat.py " + site + "num/_core/tests/_more.py",
			goes:   map[string]string{site + "num/_core/tests/test_a.py": tests, site + "num/_core/tests/_other.py": tests, site + "num/tests/plugin.py": tests},
		},
		{
			name: "what a module of the standard library cannot be loaded without, although nothing imports that module",
			tree: testimage.Tree{
				lib + "os.py": "file 0644 x", lib + "sched.py": "file 0644 import pydoc\n", lib + "pydoc.py": "file 0644 x",
				lib + "test/t.py": "file 0644 import doctest\n", lib + "doctest.py": "file 0644 x", "/app/a.py": "file 0644 x",
			},
			config: app, looked: "open " + lib + "os.py", stays: lib + "pydoc.py", goes: map[string]string{lib + "doctest.py": unseen},
		},
		{
			name: "modules of the standard library that nothing imports and that cannot be loaded, or bring what is for people",
			tree: testimage.Tree{
				lib + "os.py": "file 0644 x", lib + "sqlite3/__init__.py": "file 0644 from sqlite3.dbapi2 import *\n", lib + "sqlite3/dbapi2.py": "file 0644 from _sqlite3 import *\n",
				lib + "lib-dynload/_sqlite3.cpython-311-x86_64-linux-gnu.so": exe + amd64("", needed, "libsqlite3.so.0"), "/usr/lib/x86_64-linux-gnu/libsqlite3.so.0": exe + amd64(""),
				lib + "rlcompleter.py": "file 0644 try:\n    import readline\nexcept ImportError:\n    pass\n", lib + "shelve.py": "file 0644 def f():\n    import sqlite3\n",
				lib + "lib-dynload/readline.cpython-311-x86_64-linux-gnu.so": exe + amd64("", needed, "libreadline.so.8"), "/usr/lib/x86_64-linux-gnu/libreadline.so.8": exe + amd64(""),
				lib + "xmlrpc/client.py": "file 0644 x", lib + "xmlrpc/server.py": "file 0644 import pydoc\n", lib + "pydoc.py": "file 0644 x", "/app/a.py": "file 0644 x",
			},
			config: app, looked: "open " + lib + "os.py", stays: lib + "rlcompleter.py " + lib + "shelve.py " + lib + "xmlrpc/client.py",
			goes: map[string]string{
				lib + "sqlite3/__init__.py": "modules of Python that nothing imports", lib + "sqlite3/dbapi2.py": "modules of Python that nothing imports", lib + "xmlrpc/server.py": unseen, lib + "pydoc.py": unseen,
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t) })
	}
}

package closure_test

import (
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lighten/lighten/internal/closure"
	"github.com/lighten/lighten/internal/testimage"
)

// What a program asks for late, in languages whose modules lie in packages of their own, stays without having been asked for.
func TestAskedModules(t *testing.T) {
	const never = "never looked up"
	app := v1.Config{WorkingDir: "/app"}
	const r, other = "/usr/lib/R/site-library/", "/usr/lib/R/library/"
	tree := testimage.Tree{
		"/var/lib/dpkg/status":                  "file 0644 " + statusOf("r-cran-plot", "r-cran-scales", "r-cran-other", "r-base-core", "r-cran-boot", "tcllib", "lua-json", "lua-lpeg", "lua-ossl", "guile-json", "cl-ppcre"),
		"/var/lib/dpkg/info/r-cran-plot.list":   "file 0644 " + r + "plot/DESCRIPTION\n" + r + "plot/R/plot.rdb\n" + r + "plot/libs/plot.so\n" + r + "plot/help/plot.rdb\n",
		"/var/lib/dpkg/info/r-cran-other.list":  "file 0644 " + r + "other/DESCRIPTION\n",
		"/var/lib/dpkg/info/r-cran-scales.list": "file 0644 " + r + "scales/DESCRIPTION\n", "/var/lib/dpkg/info/r-cran-boot.list": "file 0644 " + other + "boot/DESCRIPTION\n",
		"/var/lib/dpkg/info/r-base-core.list": "file 0644 " + other + "cli/DESCRIPTION\n" + other + "cli/R/cli.rdb\n" + other + "mgcv/DESCRIPTION\n",
		"/var/lib/dpkg/info/tcllib.list":      "file 0644 /usr/share/tcltk/tcllib/json/pkgIndex.tcl\n/usr/share/tcltk/tcllib/json/json.tcl\n/usr/share/tcltk/tcllib/md5/md5.tcl\n",
		"/var/lib/dpkg/info/lua-lpeg.list":    "file 0644 /usr/share/lua/5.4/lpeg.lua\n",
		"/var/lib/dpkg/info/lua-json.list":    "file 0644 /usr/share/lua/5.4/json/util.lua\n/usr/lib/x86_64-linux-gnu/lua/5.4/cjson.so\n",

		r + "plot/DESCRIPTION": "file 0644 Package: plot\nDepends: R (>= 4.0)\nImports: scales (>= 1.2),\n  cli\nSuggests: other\n", r + "plot/R/plot.rdb": "file 0644 x", r + "plot/libs/plot.so": exe + amd64(""), r + "plot/help/plot.rdb": "file 0644 x",
		r + "scales/DESCRIPTION": "file 0644 Package: scales\n", r + "other/DESCRIPTION": "file 0644 Package: other\n", other + "cli/DESCRIPTION": "file 0644 Package: cli\n", other + "cli/R/cli.rdb": "file 0644 x",
		other + "boot/DESCRIPTION": "file 0644 Package: boot\n", other + "mgcv/DESCRIPTION": "file 0644 Package: mgcv\n",
		"/app/a.R": "file 0644 # library(boot)\nf <- function() { suppressMessages(library(plot)); mgcv::gam(y) }\n",

		"/usr/share/tcltk/tcllib/json/pkgIndex.tcl": "file 0644 package ifneeded json 1.3 [list source [file join $dir json.tcl]]\n", "/usr/share/tcltk/tcllib/json/json.tcl": "file 0644 x", "/usr/share/tcltk/tcllib/md5/md5.tcl": "file 0644 x",
		"/usr/share/tcltk/tcl8.6/tcl8/8.5/msgcat-1.6.1.tm": "file 0644 x",
		"/app/b.tcl": "file 0644 proc f {} { package require json; package require msgcat 1.6 }\n",

		"/usr/share/lua/5.4/json/util.lua": "file 0644 x", "/var/lib/dpkg/info/lua-ossl.list": "file 0644 /usr/lib/x86_64-linux-gnu/lua/5.4/_ossl.so\n", "/usr/lib/x86_64-linux-gnu/lua/5.4/_ossl.so": exe + amd64(""), "/usr/lib/x86_64-linux-gnu/lua/5.4/cjson.so": exe + amd64(""), "/usr/share/lua/5.4/lpeg.lua": "file 0644 x", "/usr/share/lua/5.4/re/init.lua": "file 0644 local ok, l = _G.pcall(_G.require,'lpeg')\n",
		"/app/c":                             "file 0755 #!/usr/bin/env lua\nlocal j = require \"json.util\"\nlocal o = require \"_ossl.digest\"\n",
		"/var/lib/dpkg/info/guile-json.list": "file 0644 /usr/share/guile/site/3.0/json.scm\n/usr/share/guile/site/3.0/json/parser.scm\n/usr/lib/x86_64-linux-gnu/guile/3.0/site-ccache/json.go\n", "/usr/share/guile/site/3.0/json.scm": "file 0644 x",
		"/usr/share/guile/site/3.0/json/parser.scm": "file 0644 x", "/usr/lib/x86_64-linux-gnu/guile/3.0/site-ccache/json.go": "file 0644 x", "/usr/share/guile/site/3.0/git.scm": "file 0644 x",
		"/app/d.scm":                                  "file 0644 ; (git)\n(use-modules (ice-9 match)\n  (json))\n",
		"/var/lib/dpkg/info/cl-ppcre.list":            "file 0644 /usr/share/common-lisp/source/cl-ppcre/api.lisp\n/usr/share/common-lisp/source/cl-ppcre/cl-ppcre.asd\n/usr/share/common-lisp/systems/cl-ppcre.asd\n",
		"/usr/share/common-lisp/systems/cl-ppcre.asd": "symlink ../source/cl-ppcre/cl-ppcre.asd", "/usr/share/common-lisp/source/cl-ppcre/cl-ppcre.asd": "file 0644 x", "/usr/share/common-lisp/source/cl-ppcre/api.lisp": "file 0644 x",
		"/usr/share/common-lisp/systems/other.asd": "file 0644 x",
		"/app/e.lisp": "file 0644 (asdf:load-system :cl-ppcre)\n",

		"/etc/web/on": "file 0644 content_by_lua_block { local r = require(\"re\") }\n", "/usr/sbin/web": exe + amd64(""),
	}
	for _, c := range []keepCase{
		{
			name: "R, with what its packages import", tree: tree, config: app,
			stays: r + "plot/R/plot.rdb " + r + "plot/libs/plot.so " + r + "scales/DESCRIPTION " + other + "cli/R/cli.rdb " + other + "mgcv/DESCRIPTION",
			goes:  map[string]string{r + "other/DESCRIPTION": "package not needed", other + "boot/DESCRIPTION": "package not needed", r + "plot/help/plot.rdb": "documentation"},
		},
		{
			name: "Tcl, by its indexes", tree: tree, config: app,
			stays: "/usr/share/tcltk/tcllib/json/json.tcl /usr/share/tcltk/tcllib/md5/md5.tcl /usr/share/tcltk/tcl8.6/tcl8/8.5/msgcat-1.6.1.tm",
		},
		{
			name: "Guile and Common Lisp", tree: tree, config: app,
			stays: "/usr/share/guile/site/3.0/json.scm /usr/share/guile/site/3.0/json/parser.scm /usr/lib/x86_64-linux-gnu/guile/3.0/site-ccache/json.go /usr/share/common-lisp/source/cl-ppcre/api.lisp /usr/share/common-lisp/systems/cl-ppcre.asd",
			goes:  map[string]string{"/usr/share/guile/site/3.0/git.scm": never, "/usr/share/common-lisp/systems/other.asd": never},
		},
		{
			name: "and without the whole package at tight", tree: tree, config: app, level: "tight",
			stays: "/usr/share/tcltk/tcllib/json/json.tcl " + r + "plot/libs/plot.so " + r + "scales/DESCRIPTION",
			goes:  map[string]string{"/usr/share/tcltk/tcllib/md5/md5.tcl": "package not needed"},
		},
		{
			name: "Lua, in scripts without a suffix and in settings of a server", tree: tree, config: app, looked: "exec /usr/sbin/web\nopen /etc/web/on",
			stays: "/usr/share/lua/5.4/json/util.lua /usr/lib/x86_64-linux-gnu/lua/5.4/cjson.so /usr/share/lua/5.4/re/init.lua /usr/share/lua/5.4/lpeg.lua /usr/lib/x86_64-linux-gnu/lua/5.4/_ossl.so",
		},
		{
			name: "linear algebra of R at tight", level: "tight", looked: "open /usr/lib/R/lib/libR.so", stays: "/usr/lib/R/modules/lapack.so /usr/lib/liblapack.so.3",
			tree: testimage.Tree{
				"/usr/lib/R/lib/libR.so": exe + amd64("", soname, "libR.so"), "/usr/lib/R/modules/lapack.so": exe + amd64("", needed, "liblapack.so.3"), "/usr/lib/liblapack.so.3": exe + amd64(""),
				"/usr/lib/R/modules/R_X11.so": exe + amd64(""), "/var/lib/dpkg/status": "file 0644 " + statusOf("r-base-core"), "/var/lib/dpkg/info/r-base-core.list": "file 0644 /usr/lib/R/lib/libR.so\n/usr/lib/R/modules/lapack.so\n/usr/lib/R/modules/R_X11.so\n",
			},
			goes: map[string]string{"/usr/lib/R/modules/R_X11.so": "package not needed"},
		},
		{
			name: "none where nobody asks", tree: tree, looked: "exec /usr/sbin/web",
			goes: map[string]string{"/usr/share/lua/5.4/lpeg.lua": "package not needed", "/usr/share/tcltk/tcllib/json/json.tcl": "package not needed", r + "plot/R/plot.rdb": "package not needed"},
		},
		{
			name: "those whose names stand elsewhere",
			tree: join(tree, testimage.Tree{"/app/a.R": "file 0644 for (p in c('boot', \"other\")) library(p, character.only = TRUE)\n"}), config: app,
			stays: other + "boot/DESCRIPTION " + r + "other/DESCRIPTION", goes: map[string]string{r + "plot/R/plot.rdb": "package not needed"},
		},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t) })
	}
}

// A program of PHP asks for a library when a request wants it, by a path below include_path; what loads the library's classes asks for others.
func TestAskedPHP(t *testing.T) {
	const at, list = "/usr/share/php/", "/var/lib/dpkg/info/php-"
	tree := testimage.Tree{
		"/var/lib/dpkg/status": "file 0644 " + statusOf("php-log", "php-psr", "php-trans", "php-other"),
		list + "log.list":      "file 0644 " + at + "Log/autoload.php\n" + at + "Log/Handler/File.php\n", list + "psr.list": "file 0644 " + at + "Psr/autoload.php\n" + at + "Psr/Log.php\n",
		list + "trans.list": "file 0644 " + at + "X/Trans/autoload.php\n", list + "other.list": "file 0644 " + at + "X/Other/autoload.php\n",
		at + "Log/autoload.php": "file 0644 <?php\nrequire_once 'Psr/autoload.php';\n", at + "Log/Handler/File.php": "file 0644 x", at + "Psr/autoload.php": "file 0644 x", at + "Psr/Log.php": "file 0644 x",
		at + "X/Trans/autoload.php": "file 0644 x", at + "X/Other/autoload.php": "file 0644 x", at + "X/Bridge/autoload.php": "file 0644 <?php require_once __DIR__ . '/../Trans/autoload.php';\n",
		"/app/index.php": "file 0644 <?php\nfunction f() { require_once('Log/autoload.php'); }\n// require 'X/Other/autoload.php';\n",
		"/app/cli":       "file 0755 #!/usr/bin/env php\n<?php\nrequire 'X/Bridge/autoload.php';\n",
	}
	for _, level := range []closure.Level{closure.Safe, closure.Tight} {
		keepCase{
			tree: tree, config: v1.Config{WorkingDir: "/app"}, level: level,
			stays: at + "Log/autoload.php " + at + "Log/Handler/File.php " + at + "Psr/autoload.php " + at + "Psr/Log.php " + at + "X/Bridge/autoload.php " + at + "X/Trans/autoload.php",
			goes:  map[string]string{at + "X/Other/autoload.php": "package not needed"},
		}.run(t)
	}
}

// A program of Ruby asks for a gem of the distribution when a request wants it, and a script of a shell gives Ruby code that does. What such a gem
// asks for comes too; of one that was read, what it asked for was seen.
func TestAskedRuby(t *testing.T) {
	const vendor, gems, list = "/usr/lib/ruby/vendor_ruby/", "/usr/lib/x86_64-linux-gnu/rubygems-integration/3.1.0/gems/", "/var/lib/dpkg/info/ruby-"
	const specs = "/usr/share/rubygems-integration/all/specifications/"
	tree := testimage.Tree{
		"/var/lib/dpkg/status": "file 0644 " + strings.Replace(statusOf("ruby-xml"), "Version: 1\n", "Version: 1\nDepends: ruby-mini (>= 2.8), ruby-racc\n", 1) + statusOf("ruby-mini", "ruby-racc", "ruby-seen", "ruby-other", "ruby-told", "ruby-rubygems"),
		list + "mini.list":     "file 0644 " + specs + "mini-2.gemspec\n", specs + "mini-2.gemspec": "file 0644 x",
		list + "xml.list": "file 0644 " + gems + "xml-1.0/lib/xml.rb\n" + gems + "xml-1.0/lib/xml/xml.so\n", list + "racc.list": "file 0644 " + vendor + "racc/parser.rb\n" + vendor + "racc.rb\n",
		list + "seen.list": "file 0644 " + vendor + "seen.rb\n" + vendor + "seen/later.rb\n", list + "other.list": "file 0644 " + vendor + "other.rb\n", list + "told.list": "file 0644 " + vendor + "told.rb\n",
		list + "rubygems.list":      "file 0644 " + vendor + "rubygems.rb\n" + vendor + "rubygems/defaults/operating_system.rb\n",
		gems + "xml-1.0/lib/xml.rb": "file 0644 require 'racc/parser'\n", gems + "xml-1.0/lib/xml/xml.so": exe + amd64(""), vendor + "racc/parser.rb": "file 0644 x", vendor + "racc.rb": "file 0644 x",
		vendor + "seen.rb": "file 0644 x", vendor + "seen/later.rb": "file 0644 require \"other\"\n", vendor + "other.rb": "file 0644 x", vendor + "told.rb": "file 0644 x",
		vendor + "rubygems.rb": "file 0644 x", vendor + "rubygems/defaults/operating_system.rb": "file 0644 x", "/usr/bin/ruby": exe + amd64(""), "/bin/sh": exe + amd64(""),
	}
	for name, app := range map[string]testimage.Tree{
		"a source":                   {"/app/a.rb": "file 0644 # require 'told'\ndef f\n  require 'xml'\nend\n"},
		"a here-document in a shell": {"/app/a": "file 0755 #!/bin/sh\nruby <<R\nrequire \"xml\"\nR\n"},
	} {
		keepCase{
			name: name, tree: join(tree, app), config: v1.Config{WorkingDir: "/app"}, looked: "exec /usr/bin/ruby\nexec /bin/sh\nopen " + vendor + "seen.rb",
			stays: gems + "xml-1.0/lib/xml/xml.so " + specs + "mini-2.gemspec " + vendor + "racc/parser.rb " + vendor + "racc.rb " + vendor + "seen/later.rb " + vendor + "rubygems/defaults/operating_system.rb",
			goes:  map[string]string{vendor + "other.rb": "package not needed", vendor + "told.rb": "package not needed"},
		}.run(t)
	}
}

package rewrite

import (
	"slices"
	"strings"

	"github.com/lighten/lighten/internal/dockerfile"
	"github.com/lighten/lighten/internal/lazy"
)

// isAptTidying tells a command that only fetches or clears what apt needs for itself.
func isAptTidying(c dockerfile.Command) bool {
	if isApt(c) {
		return hasArg(c.Args, "update", "clean", "autoclean", "autoremove")
	}
	return c.Name == "rm" && !slices.ContainsFunc(c.Args, func(w dockerfile.Word) bool {
		return !strings.HasPrefix(w.Value, "-") &&
			!slices.ContainsFunc([]string{"/var/lib/apt/", "/var/cache/", "/var/lib/cache", "/var/log", "/var/tmp", "/tmp/"}, func(d string) bool { return strings.HasPrefix(w.Value, d) })
	})
}

// packages are what an apt-get install names; false when it does more than install these from where apt finds them.
func packages(args []dockerfile.Word) ([]string, bool) {
	var out []string
	for _, a := range args {
		switch {
		case !a.Static:
			return nil, false
		case a.Value == "install", a.Value == "--no-install-recommends", a.Value == "--fix-missing", slices.Contains(aptYes, a.Value):
		case strings.HasPrefix(a.Value, "-"), strings.ContainsAny(a.Value, "/*"), a.Value == "build-dep", a.Value == "satisfy":
			return nil, false
		default:
			out = append(out, a.Value)
		}
	}
	return out, true
}

// apkPackages are what an apk add names, and the name by which they can be removed together; false when it does more than
// install these from where apk finds them.
func apkPackages(args []dockerfile.Word) (names []string, together string, ok bool) {
	for n := 0; n < len(args); n++ {
		flag, value, _ := strings.Cut(args[n].Value, "=")
		switch {
		case !args[n].Static:
			return nil, "", false
		case (flag == "-t" || flag == "--virtual") && value != "":
			together = value
		case (flag == "-t" || flag == "--virtual") && n+1 < len(args) && args[n+1].Static:
			n++
			together = args[n].Value
		case slices.Contains([]string{"add", "--no-cache", "--update", "--update-cache", "-U", "-q", "--quiet", "--no-progress"}, flag):
		case strings.HasPrefix(flag, "-"), strings.ContainsAny(args[n].Value, "/*@"):
			return nil, "", false
		default:
			names = append(names, args[n].Value)
		}
	}
	return names, together, true
}

// uninstalled are what an apt-get remove or an apk del names.
func uninstalled(args []dockerfile.Word) ([]string, bool) {
	var out []string
	for _, a := range args {
		switch {
		case !a.Static || strings.ContainsAny(a.Value, "*$"):
			return nil, false
		case strings.HasPrefix(a.Value, "-"), slices.Contains([]string{"remove", "purge", "autoremove", "del"}, a.Value):
		default:
			out = append(out, a.Value)
		}
	}
	return out, true
}

// bare is the name of a package without its version.
func bare(p string) string {
	if at := strings.IndexAny(p, "=<>~"); at > 0 {
		return p[:at]
	}
	return p
}

// buildOnly tells a package that only compiling needs. Source: Debian's and Alpine's naming
// policy for -dev packages, and the members of build-essential and build-base.
func buildOnly(p string) bool {
	p = bare(p)
	return strings.HasSuffix(p, "-dev") || slices.Contains([]string{
		"gcc", "g++", "make", "cmake", "build-essential", "pkg-config", "autoconf", "automake", "libtool", "ninja-build",
		"cargo", "rustc", "gfortran", "swig", "patch", "bison", "flex", "dpkg-dev",
		"build-base", "linux-headers", "pkgconf", "rust", "samurai", "meson", "ninja", "binutils",
	}, p)
}

// runOnly tells a package that nothing needs which is installed with pip: it starts, serves, converts or shows.
var runOnly = lazy.MustCompile(`^(tini|dumb-init|gosu|su-exec|supervisor|cron|less|vim(-tiny)?|nano|htop|procps|netcat(-.+)?|iputils-ping|` +
	`dnsutils|tzdata|nginx(-light|-full)?|redis(-tools|-server)?|postgresql-client(-\d+)?|default-mysql-client|mariadb-client|` +
	`ffmpeg|imagemagick|ghostscript|graphviz|poppler-utils|sox|mediainfo|libimage-exiftool-perl|exiftool|wkhtmltopdf|` +
	`tesseract-ocr(-.+)?|libreoffice(-.+)?|chromium(-.+)?|xvfb|fonts-.+|font-.+|ttf-.+|libgl1(-.+)?|libglib2\.0-0|libsm6|libxext6|libxrender1)$`)

// forBuilding are the packages of a step that installing with pip may need.
func (s step) forBuilding() []string {
	return slices.DeleteFunc(slices.Clone(s.packages), func(p string) bool { return runOnly.MatchString(bare(p)) })
}

// install writes a RUN that installs packages of the original's distribution.
func (r *recipe) install(p *page, pkgs []string) {
	if r.onAlpine() {
		p.apk(pkgs)
		return
	}
	p.apt(pkgs)
}

func (r *recipe) onAlpine() bool { return strings.Contains(r.tag, "alpine") }

// forget marks the packages that a later step removes, and what it does so as passing.
func (r *recipe) forget() {
	for n, s := range r.steps {
		if len(s.removed) == 0 {
			continue
		}
		found := 0
		for k := range r.steps[:n+1] {
			o := &r.steps[k]
			if o.together != "" && slices.Contains(s.removed, o.together) {
				o.gone = append(o.gone, o.these...)
				found++
			}
			for _, p := range s.removed {
				if slices.ContainsFunc(o.packages, func(q string) bool { return bare(q) == p }) {
					o.gone = append(o.gone, p)
					found++
				}
			}
		}
		r.steps[n].passing = found >= len(s.removed) && len(s.packages)+len(s.pip) == 0
	}
}

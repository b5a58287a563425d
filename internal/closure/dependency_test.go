package closure_test

import (
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lighten/lighten/internal/testimage"
)

// What a library runs for a request that no check has asked, its package depends on.
func TestCommandsOfLibraries(t *testing.T) {
	const none = "package not needed"
	depends := func(name, on string) string {
		return strings.Replace(statusOf(name), "Version: 1\n", "Version: 1\nDepends: "+on+"\n", 1)
	}
	const magick, other = "/usr/share/rubygems-integration/all/gems/mini_magick-4.11.0/lib/mini_magick.rb", "/usr/lib/ruby/vendor_ruby/other.rb"
	const git = "/usr/lib/python3/dist-packages/git/cmd.py"
	tree := testimage.Tree{
		"/var/lib/dpkg/status": "file 0644 " + depends("ruby-mini-magick", "imagemagick | graphicsmagick, ruby-other, libc6, ucf") + depends("imagemagick", "imagemagick-6.q16") + statusOf("imagemagick-6.q16", "ruby-other", "ucf", "libc6", "git", "unrelated") +
			depends("python3-git", "git (>= 1), python3:any") + statusOf("python3"),
		"/var/lib/dpkg/info/ruby-mini-magick.list": "file 0644 " + magick + "\n", magick: "file 0644 x",
		"/var/lib/dpkg/info/imagemagick.list": "file 0644 /usr/share/doc/imagemagick/copyright\n", "/usr/share/doc/imagemagick/copyright": "file 0644 x",
		"/var/lib/dpkg/info/imagemagick-6.q16.list": "file 0644 /usr/bin/mogrify-im6.q16\n", "/usr/bin/mogrify-im6.q16": exe + amd64("", needed, "libMagick.so.6"), "/usr/lib/x86_64-linux-gnu/libMagick.so.6": exe + amd64(""),
		"/usr/bin/mogrify": "symlink /etc/alternatives/mogrify", "/etc/alternatives/mogrify": "symlink /usr/bin/mogrify-im6.q16",
		"/var/lib/dpkg/info/ruby-other.list": "file 0644 " + other + "\n/usr/bin/other\n", other: "file 0644 x", "/usr/bin/other": exe + "#!/usr/bin/ruby\n",
		"/var/lib/dpkg/info/ucf.list": "file 0644 /usr/bin/ucf\n", "/usr/bin/ucf": exe + "#!/bin/sh\n", "/var/lib/dpkg/info/libc6.list": "file 0644 /usr/sbin/ldconfig\n", "/usr/sbin/ldconfig": exe + amd64(""),
		"/var/lib/dpkg/info/git.list": "file 0644 /usr/bin/git\n/usr/bin/git-shell\n/usr/lib/git-core/git\n", "/usr/bin/git": exe + amd64(""), "/usr/bin/git-shell": "symlink ../lib/git-core/git", "/usr/lib/git-core/git": exe + amd64(""),
		"/var/lib/dpkg/info/python3-git.list": "file 0644 " + git + "\n", git: "file 0644 x", "/var/lib/dpkg/info/python3.list": "file 0644 /usr/bin/pydoc3\n", "/usr/bin/pydoc3": exe + "#!/usr/bin/python3\n",
		"/var/lib/dpkg/info/unrelated.list": "file 0644 /usr/bin/unrelated\n", "/usr/bin/unrelated": exe + amd64(""),
	}
	const mogrify, gits = "/usr/bin/mogrify-im6.q16 /usr/bin/mogrify /usr/lib/x86_64-linux-gnu/libMagick.so.6", "/usr/bin/git /usr/bin/git-shell /usr/lib/git-core/git"
	for _, c := range []keepCase{
		{
			name: "of a package that stands for others", tree: tree, looked: "open " + magick, stays: mogrify,
			goes: map[string]string{"/usr/bin/other": none, other: none, "/usr/bin/ucf": none, "/usr/sbin/ldconfig": none, "/usr/bin/git": none, "/usr/bin/unrelated": none},
			why:  map[string]string{"/usr/bin/mogrify-im6.q16": "dependency looked up"},
		},
		{name: "but not of the language", tree: tree, looked: "open " + git, stays: gits, goes: map[string]string{"/usr/bin/pydoc3": none, "/usr/bin/mogrify-im6.q16": none}},
		{name: "a library that was not read", tree: tree, looked: "stat " + git, goes: map[string]string{"/usr/bin/git": none}},
		{
			name: "one that the program imports", tree: join(tree, testimage.Tree{"/usr/lib/python3.11/os.py": "file 0644 x", "/app/a.py": "file 0644 def f(): import git.cmd\n"}), config: v1.Config{WorkingDir: "/app"},
			looked: "stat /usr/lib/python3.11/os.py", stays: gits,
		},
		{name: "none at tight", tree: tree, level: "tight", looked: "open " + git, goes: map[string]string{"/usr/bin/git": none}},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t) })
	}
}

// A command that the program names, and no check has run, works with what the distribution has in packages of their own for it.
func TestDataOfCommands(t *testing.T) {
	const none = "package not needed"
	fields := func(name, fields string) string {
		return strings.Replace(statusOf(name), "Version: 1\n", "Version: 1\n"+fields, 1)
	}
	const lib = "/usr/lib/python3.11/"
	tree := testimage.Tree{
		"/var/lib/dpkg/status": "file 0644 " + fields("octave", "Depends: octave-common (= 1), texinfo\n") + fields("octave-common", "Source: octave\n") + statusOf("texinfo") +
			fields("python3.11-minimal", "Source: python3.11\nDepends: libpython3.11-minimal\n") + fields("libpython3.11-minimal", "Source: python3.11\n"),
		"/var/lib/dpkg/info/octave.list": "file 0644 /usr/bin/octave-cli\n", "/usr/bin/octave-cli": exe + amd64(""), "/var/lib/dpkg/info/texinfo.list": "file 0644 /usr/share/texinfo/x\n", "/usr/share/texinfo/x": "file 0644 x",
		"/var/lib/dpkg/info/octave-common.list": "file 0644 /usr/share/octave/m/fit.m\n/usr/bin/octave-config\n", "/usr/share/octave/m/fit.m": "file 0644 x", "/usr/bin/octave-config": exe + amd64(""),
		"/var/lib/dpkg/info/python3.11-minimal.list": "file 0644 /usr/bin/python3.11\n", "/usr/bin/python3.11": exe + amd64(""), "/usr/bin/python3": "symlink python3.11",
		"/var/lib/dpkg/info/libpython3.11-minimal.list": "file 0644 " + lib + "os.py\n" + lib + "idlelib/a.py\n", lib + "os.py": "file 0644 x", lib + "idlelib/a.py": "file 0644 x",
	}
	for _, c := range []keepCase{
		{
			name: "a command with data", tree: join(tree, testimage.Tree{"/app/a.pl": "file 0755 #!/usr/bin/perl\nsystem('octave-cli', 'x');\n"}), stays: "/usr/bin/octave-cli /usr/share/octave/m/fit.m",
			goes: map[string]string{"/usr/bin/octave-config": none, "/usr/share/texinfo/x": none, lib + "os.py": none},
		},
		{
			name: "an interpreter, whose library has a rule of its own", tree: join(tree, testimage.Tree{"/app/a.pl": "file 0755 #!/usr/bin/perl\nsystem('python3', 'x');\n"}), stays: "/usr/bin/python3.11 " + lib + "os.py",
			goes: map[string]string{lib + "idlelib/a.py": "Python's own tests, tools and what is given up", "/usr/share/octave/m/fit.m": none},
		},
	} {
		c.config = v1.Config{WorkingDir: "/app"}
		t.Run(c.name, func(t *testing.T) { c.run(t) })
	}
}

// What a package has in another one: data by a link to its directory, and a compiled module that its own imports.
func TestPartsInOtherPackages(t *testing.T) {
	const none = "package not needed"
	const site, data = "/usr/lib/python3/dist-packages/", "/usr/share/python-babel-localedata/locale-data/"
	owns := func(name string, files ...string) testimage.Tree {
		t := testimage.Tree{"/var/lib/dpkg/info/" + name + ".list": "file 0644 " + strings.Join(files, "\n") + "\n"}
		for _, f := range files {
			t[f] = "file 0644 x"
		}
		return t
	}
	tree := join(owns("python3-babel", site+"babel/core.py"), owns("python-babel-localedata", data+"ja.dat"), owns("python3-crypt", site+"crypt/api.py"),
		owns("python3-cffi-backend", site+"other/deep.so"), owns("one", "/usr/share/all/one"), owns("two", "/usr/share/all/two"), testimage.Tree{
			"/var/lib/dpkg/status": "file 0644 " + statusOf("python3-babel", "python-babel-localedata", "one", "two") +
				strings.Replace(statusOf("python3-crypt"), "Version: 1\n", "Version: 1\nDepends: python3-cffi-backend-api-9729\n", 1) +
				strings.Replace(statusOf("python3-cffi-backend"), "Version: 1\n", "Version: 1\nProvides: python3-cffi-backend-api-9729\n", 1),
			"/var/lib/dpkg/info/python3-babel.list": "file 0644 " + site + "babel/core.py\n" + site + "babel/locale-data\n" + site + "babel/all\n",
			site + "babel/locale-data":              "symlink " + strings.TrimSuffix(data, "/"), site + "babel/all": "symlink /usr/share/all",
			"/var/lib/dpkg/info/python3-crypt.list":        "file 0644 " + site + "crypt/api.py\n" + site + "crypt/_openssl.abi3.so\n",
			"/var/lib/dpkg/info/python3-cffi-backend.list": "file 0644 " + site + "_cffi_backend.so\n" + site + "other/deep.so\n",
			site + "crypt/_openssl.abi3.so":                exe + amd64(""), site + "_cffi_backend.so": exe + amd64(""), site + "other/deep.so": exe + amd64(""),
		})
	for _, c := range []keepCase{
		{
			name: "data behind a link, if the directory is one package's", tree: tree, looked: "open " + site + "babel/core.py", stays: data + "ja.dat " + site + "babel/all",
			goes: map[string]string{"/usr/share/all/one": none, site + "_cffi_backend.so": none}, why: map[string]string{data + "ja.dat": "link package looked up"},
		},
		{name: "none at tight", tree: tree, level: "tight", looked: "open " + site + "babel/locale-data", goes: map[string]string{data + "ja.dat": none}},
		{
			name: "a module that a compiled one may import", tree: tree, looked: "open " + site + "crypt/api.py", stays: site + "crypt/_openssl.abi3.so " + site + "_cffi_backend.so",
			goes: map[string]string{site + "other/deep.so": none, data + "ja.dat": none},
		},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t) })
	}
}

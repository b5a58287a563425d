package waste

import (
	"path"
	"slices"

	"github.com/lighten/lighten/internal/inventory"
)

// buildTools are compilers and what builds need, by package; those that no package manager brought, by place.
var buildTools = at("build-tools", "compilers and build tools", "build in a stage of its own and copy the result; the final one needs no compiler and no -dev packages",
	"/usr/local/go/**", "/usr/local/{cargo,rustup}/**", "**/.{cargo,rustup}/{bin,toolchains}/**")

// toolPackages are patterns of names, by ecosystem. Libraries that the tools bring are left out: others may need them.
var toolPackages = map[string][]string{
	inventory.Deb: {
		"build-essential", "dpkg-dev", "gcc", "gcc-*[0-9]", "gcc-*-*-linux-gnu", "g++", "g++-*", "cpp", "cpp-*", "gfortran", "gfortran-*", "clang", "clang-*", "llvm-*", "lld-*",
		"binutils", "binutils-*", "make", "cmake", "cmake-data", "ninja-build", "meson", "autoconf", "automake", "autotools-dev", "libtool", "m4", "bison", "flex", "patch",
		"pkg-config", "pkgconf", "pkgconf-bin", "gdb", "linux-libc-dev", "*-dev", "*-dev-bin", "rustc", "cargo", "golang", "golang-*", "default-jdk*", "openjdk-*-jdk*", "maven", "gradle", "ant",
		"git", "git-man", "mercurial", "mercurial-common", "subversion", "node-gyp", "cython3", "swig", "swig4.0", "debhelper",
	},
	inventory.APK: {
		"build-base", "gcc", "g++", "gcc-gdc", "gfortran", "binutils", "make", "cmake", "samurai", "ninja", "meson", "autoconf", "automake", "libtool", "m4", "bison", "flex", "patch", "fortify-headers",
		"pkgconf", "gdb", "*-dev", "linux-headers", "rust", "cargo", "go", "openjdk*-jdk", "maven", "gradle", "git", "mercurial", "subversion", "clang*", "llvm*[0-9]", "abuild",
	},
	inventory.RPM: {
		"gcc", "gcc-c++", "gcc-gfortran", "cpp", "binutils", "make", "cmake", "ninja-build", "meson", "autoconf", "automake", "libtool", "m4", "bison", "flex", "patch", "pkgconf-pkg-config",
		"gdb", "*-devel", "*-headers", "rust", "cargo", "golang", "golang-*", "java-*-devel", "maven", "ant", "git", "git-core", "git-core-doc", "mercurial", "subversion", "clang", "llvm", "rpm-build",
	},
}

func (f *finder) isTool(p *inventory.Package) bool {
	is, ok := f.tools[p]
	if !ok {
		is = slices.ContainsFunc(toolPackages[p.Ecosystem], func(pattern string) bool {
			fits, _ := path.Match(pattern, p.Name) // a malformed pattern fits nothing
			return fits
		})
		f.tools[p] = is
	}
	return is
}

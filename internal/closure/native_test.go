package closure_test

import (
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lighten/lighten/internal/closure"
	"github.com/lighten/lighten/internal/testimage"
)

// A compiler that was seen to run, be it for its version alone, can compile.
func TestCompilesNative(t *testing.T) {
	record := func(name, depends string) string {
		return "Package: " + name + "\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\nDepends: " + depends + "\n\n"
	}
	const list, gcc = "/var/lib/dpkg/info/", "/usr/lib/gcc/x86_64-linux-gnu/12/"
	tree := testimage.Tree{
		"/var/lib/dpkg/status": "file 0644 " + record("gcc-12", "libgcc-12-dev") + record("libgcc-12-dev", "libgcc-s1") + record("libc6-dev", "linux-libc-dev, libcrypt1") + record("linux-libc-dev", "") + record("zlib1g-dev", "libc6-dev"),
		list + "gcc-12.list":   "file 0644 /usr/bin/x86_64-linux-gnu-gcc-12\n" + gcc + "cc1\n", "/usr/bin/x86_64-linux-gnu-gcc-12": exe + amd64(""), "/usr/bin/gcc": "symlink x86_64-linux-gnu-gcc-12", gcc + "cc1": exe + amd64(""),
		list + "libgcc-12-dev.list": "file 0644 " + gcc + "libgcc.a\n" + gcc + "crtbegin.o\n" + gcc + "libasan.a\n" + gcc + "include/stddef.h\n",
		gcc + "libgcc.a":            "file 0644 " + strings.Repeat("x", 70000), gcc + "crtbegin.o": "file 0644 x", gcc + "libasan.a": "file 0644 " + strings.Repeat("x", 70000), gcc + "include/stddef.h": "file 0644 x",
		list + "libc6-dev.list":            "file 0644 /usr/lib/x86_64-linux-gnu/crt1.o\n/usr/lib/x86_64-linux-gnu/libpthread.a\n/usr/include/stdlib.h\n/usr/share/doc/libc6-dev/README\n",
		"/usr/lib/x86_64-linux-gnu/crt1.o": "file 0644 x", "/usr/lib/x86_64-linux-gnu/libpthread.a": "file 0644 x", "/usr/include/stdlib.h": "file 0644 x", "/usr/share/doc/libc6-dev/README": "file 0644 x",
		list + "linux-libc-dev.list": "file 0644 /usr/include/linux/types.h\n", "/usr/include/linux/types.h": "file 0644 x", list + "zlib1g-dev.list": "file 0644 /usr/include/zlib.h\n", "/usr/include/zlib.h": "file 0644 x",
		"/usr/bin/python3.11": exe + amd64(""), "/app/a.go": "file 0644 x", "/app/Cargo.toml": "file 0644 x", "/app/target/release/deps/a.rlib": "file 0644 x", "/usr/bin/cargo": exe + amd64(""), "/usr/bin/cc": "symlink gcc", "/usr/bin/ld": exe + amd64(""), "/usr/lib/x86_64-linux-gnu/libmvec.so.1": exe + amd64(""),
	}
	const needs = gcc + "libgcc.a " + gcc + "crtbegin.o " + gcc + "include/stddef.h /usr/lib/x86_64-linux-gnu/crt1.o /usr/lib/x86_64-linux-gnu/libpthread.a /usr/include/stdlib.h /usr/include/linux/types.h"
	app := v1.Config{WorkingDir: "/app", Env: []string{"PATH=/usr/bin"}}
	for _, c := range []keepCase{
		{name: "one that is run", tree: tree, config: app, looked: "exec /usr/bin/gcc", stays: needs, goes: map[string]string{"/usr/share/doc/libc6-dev/README": "documentation", "/usr/include/zlib.h": "headers", gcc + "libasan.a": "package not needed"}},
		{name: "one that another language links by", tree: tree, config: app, looked: "exec /usr/bin/cargo", stays: needs + " /usr/bin/cc /usr/bin/ld /usr/lib/x86_64-linux-gnu/libmvec.so.1 " + gcc + "cc1 /app/target/release/deps/a.rlib"},
		{name: "none", tree: tree, config: app, looked: "open /app/a.go", goes: map[string]string{"/usr/include/stdlib.h": "headers", "/usr/bin/gcc": "package not needed", "/app/target/release/deps/a.rlib": "caches of build tools"}},
		{name: "touched files alone", tree: tree, config: app, looked: "exec /usr/bin/gcc", level: closure.Tight, goes: map[string]string{"/usr/include/stdlib.h": "headers"}},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t) })
	}
}

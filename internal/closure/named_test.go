package closure_test

import (
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lighten/lighten/internal/testimage"
)

// Of a named command's package stay the names that it has, and no other command by way of a link.
func TestNamedCommandsLinks(t *testing.T) {
	keepCase{
		config: v1.Config{WorkingDir: "/app"},
		tree: testimage.Tree{
			"/var/lib/dpkg/status":        "file 0644 " + statusOf("gcc"),
			"/var/lib/dpkg/info/gcc.list": "file 0644 /usr/bin/gcc\n/usr/bin/x86_64-gcc\n/usr/bin/gcc-12\n/usr/bin/lto-dump\n/usr/bin/x86_64-lto-dump\n/usr/bin/c99\n/usr/share/gcc/c99\n/usr/share/gcc/x\n",
			"/usr/bin/gcc":                "symlink x86_64-gcc",
			"/usr/bin/gcc-12":             "symlink x86_64-gcc",
			"/usr/bin/x86_64-gcc":         exe + amd64(""),
			"/usr/bin/lto-dump":           "symlink x86_64-lto-dump",
			"/usr/bin/x86_64-lto-dump":    exe + amd64(""),
			"/usr/bin/c99":                "symlink ../share/gcc/c99",
			"/usr/share/gcc/c99":          exe + "#!/bin/sh\n",
			"/usr/share/gcc/x":            "file 0644 x",
			"/app/build.py":               "file 0644 import subprocess\nsubprocess.run(['gcc', '-v'])\n",
		},
		stays: "/usr/bin/gcc /usr/bin/gcc-12 /usr/bin/x86_64-gcc /usr/bin/c99 /usr/share/gcc/c99 /usr/share/gcc/x",
		goes:  map[string]string{"/usr/bin/lto-dump": "package not needed", "/usr/bin/x86_64-lto-dump": "package not needed"},
	}.run(t)
}

package closure_test

import (
	"fmt"
	"testing"

	"github.com/lighten/lighten/internal/closure"
	"github.com/lighten/lighten/internal/testimage"
)

// What distributions bring for those who compile against them.
func TestLibraryHeaders(t *testing.T) {
	const site = "/usr/local/lib/python3.11/site-packages/"
	tree := func(headers int) testimage.Tree {
		record := "big/__init__.py,,\nbig/include/README,,\nbig-1.dist-info/RECORD,,\n"
		tree := testimage.Tree{
			"/usr/local/lib/python3.11/os.py": "file 0644 x", site + "big/__init__.py": "file 0644 x", site + "big/include/README": "file 0644 x",
			site + "big-1.dist-info/METADATA": "file 0644 Name: big\nVersion: 1\n",
		}
		for n := range headers {
			at := fmt.Sprintf("big/include/deep/%03d.h", n)
			tree[site+at] = "file 0644 x"
			record += at + ",,\n"
		}
		tree[site+"big-1.dist-info/RECORD"] = "file 0644 " + record
		return tree
	}
	looked := "open " + site + "big/__init__.py"
	last := site + "big/include/deep/099.h"
	gone := map[string]string{last: "headers of libraries"}
	for _, c := range []keepCase{
		{name: "many headers", tree: join(tree(100), testimage.Tree{site + "clang/cindex.py": "file 0644 x"}), looked: looked + "\nopen " + site + "clang/cindex.py", stays: site + "big/include/README", goes: gone},
		{name: "many headers, tight", tree: tree(100), level: closure.Tight, looked: looked, goes: gone},
		{name: "one that is looked up", tree: tree(101), looked: looked + "\nopen " + site + "big/include/deep/100.h", stays: site + "big/include/deep/100.h", goes: gone},
		{name: "a few", tree: tree(99), looked: looked, stays: site + "big/include/deep/098.h"},
		{
			name: "a compiler that is not kept", tree: join(tree(100), testimage.Tree{"/usr/bin/x86_64-linux-gnu-gcc-12": exe + amd64("")}), looked: looked, goes: gone,
		},
		{
			name: "a compiler that is", tree: join(tree(100), testimage.Tree{"/usr/bin/x86_64-linux-gnu-gcc-12": exe + amd64("")}),
			looked: looked + "\nexec /usr/bin/x86_64-linux-gnu-gcc-12", stays: last,
		},
		{
			name: "a library that compiles", tree: join(tree(100), testimage.Tree{"/usr/lib/libnvrtc.so.12": exe + amd64("")}),
			looked: looked + "\nopen /usr/lib/libnvrtc.so.12", stays: last,
		},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t) })
	}
}

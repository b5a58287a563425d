package closure_test

import (
	"path"
	"testing"

	"github.com/lighten/lighten/internal/closure"
	"github.com/lighten/lighten/internal/observe"
	"github.com/lighten/lighten/internal/testimage"
)

// A compiler that find_library asked for a library which nobody knows does not stay for that; one that compiles, or that knew more
// than ldconfig, does.
func TestAskedInVain(t *testing.T) {
	for _, program := range []string{"/usr/local/bin/python3.11", "/usr/local/bin/gunicorn"} {
		t.Run(path.Base(program), func(t *testing.T) { testAskedInVain(t, program) })
	}
}

func testAskedInVain(t *testing.T, python string) {
	const gcc = "/usr/bin/gcc"
	asks := []observe.Path{
		{Name: python, Ops: observe.Exec}, {Name: "/usr/lib/python3.11/ctypes/__pycache__/util.cpython-311.pyc", Ops: observe.Open, By: python},
		{Name: "/sbin/ldconfig", Ops: observe.Exec, By: python}, {Name: gcc, Ops: observe.Exec | observe.Access, By: python},
		{Name: "/usr/lib/gcc/x/12/collect2", Ops: observe.Exec, By: gcc}, {Name: "/usr/bin/ld", Ops: observe.Exec, By: "/usr/lib/gcc/x/12/collect2"},
	}
	ld := observe.Path{Name: "/usr/local/bin/ld", Ops: observe.Exec, By: python} // not there: the next directory of PATH has it
	tree := testimage.Tree{
		"/usr/local/bin/gunicorn": "file 0755 #!/usr/bin/env python3\n", "/usr/local/bin/python3.11": exe + amd64(""), "/sbin/ldconfig": exe + amd64(""), gcc: exe + amd64(""), "/usr/bin/ld": exe + amd64(""), "/usr/bin/objdump": exe + amd64(""),
		"/usr/lib/gcc/x/12/collect2": exe + amd64(""), "/usr/lib/gcc/x/12/cc1": exe + amd64(""), "/usr/lib/python3.11/ctypes/__pycache__/util.cpython-311.pyc": "file 0644 x",
	}
	for name, c := range map[string]struct {
		more  []observe.Path
		all   bool // closure.Input.InVain
		stays bool
	}{
		"in vain":                            {[]observe.Path{ld}, false, false},
		"in vain, and the image needs it":    {[]observe.Path{ld}, true, true},
		"the compiler found it":              {nil, false, true},
		"the linker found it":                {[]observe.Path{ld, {Name: "/usr/bin/objdump", Ops: observe.Exec, By: python}}, false, true},
		"something was compiled as well":     {[]observe.Path{ld, {Name: "/usr/lib/gcc/x/12/cc1", Ops: observe.Exec, By: gcc}}, false, true},
		"not by Python, though it was there": {[]observe.Path{{Name: "/usr/bin/ld", Ops: observe.Exec, By: "/usr/bin/make"}}, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			tr, inv := (keepCase{tree: tree}).read(t)
			rec := &observe.Record{Phases: []string{"start"}, Paths: append(asks[:len(asks):len(asks)], c.more...)}
			k, err := closure.Make(closure.Input{Tree: tr, Inventory: inv, Evidence: []closure.Evidence{{Record: rec}}, InVain: c.all})
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range []string{gcc, "/usr/lib/gcc/x/12/collect2"} {
				if k.Has(p) != c.stays {
					t.Errorf("%s: stays is %v, want %v: %v", p, k.Has(p), c.stays, k.Why(p))
				}
			}
			if !k.Has("/sbin/ldconfig") {
				t.Error("ldconfig goes, which was asked first")
			}
		})
	}
}

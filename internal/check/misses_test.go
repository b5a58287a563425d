package check

import (
	"reflect"
	"testing"
)

// The lines are as the programs print them.
var missLines = []struct {
	line string
	want Miss
}{
	{"ModuleNotFoundError: No module named 'flask'", Miss{"module", "flask", ""}},
	{"ModuleNotFoundError: No module named 'google.cloud'; 'google' is not a package", Miss{"module", "google.cloud", ""}},
	{"/usr/bin/python3: No module named gunicorn", Miss{"module", "gunicorn", ""}},
	{"Error: Cannot find module 'express'", Miss{"module", "express", ""}},
	{"/app/run: error while loading shared libraries: libpq.so.5: cannot open shared object file: No such file or directory", Miss{"library", "libpq.so.5", ""}},
	{"ImportError: libGL.so.1: cannot open shared object file: No such file or directory", Miss{"library", "libGL.so.1", ""}},
	{"ImportError: libstdc++.so.6: cannot open shared object file: No such file or directory", Miss{"library", "libstdc++.so.6", ""}},
	{"OSError: libgomp.so.1: cannot open shared object file: No such file or directory", Miss{"library", "libgomp.so.1", ""}},
	{"ImportError: Error loading shared library libpq.so.5: No such file or directory (needed by /usr/lib/python3.11/site-packages/_psycopg.so)",
		Miss{"library", "libpq.so.5", "/usr/lib/python3.11/site-packages/_psycopg.so"}},
	{`exec: "gunicorn": executable file not found in $PATH`, Miss{"executable", "gunicorn", ""}},
	{`exec: "gunicorn": not found in PATH /usr/bin`, Miss{"executable", "gunicorn", ""}},
	{"/bin/sh: 1: curl: not found", Miss{"executable", "curl", ""}},
	{"/bin/sh: curl: not found", Miss{"executable", "curl", ""}},
	{"bash: line 1: curl: command not found", Miss{"executable", "curl", ""}},
	{"/usr/bin/env: 'python3': No such file or directory", Miss{"executable", "python3", ""}},
	{"env: can't execute 'python3': No such file or directory", Miss{"executable", "python3", ""}},
	{"starting /run: fork/exec /run: no such file or directory", Miss{"executable", "/run", ""}},
	{"starting /run: /run: its interpreter /bin/bash is not in the image", Miss{"executable", "/bin/bash", ""}},
	{"FileNotFoundError: [Errno 2] No such file or directory: '/etc/mime.types'", Miss{"file", "/etc/mime.types", ""}},
	{"python: can't open file '/app/app.py': [Errno 2] No such file or directory", Miss{"file", "/app/app.py", ""}},
}

func TestFindMisses(t *testing.T) {
	for _, c := range missLines {
		if got := findMisses([]string{"before", "  " + c.line + "\r", c.line}); !reflect.DeepEqual(got, []Miss{c.want}) {
			t.Errorf("%q: got %v, want %v", c.line, got, c.want)
		}
	}
	for _, l := range []string{"", "GET /missing: not found", "user ash: not found in the table", "No module named", "ImportError: cannot import name 'x' from 'y'"} {
		if got := findMisses([]string{l}); got != nil {
			t.Errorf("%q: got %v, want none", l, got)
		}
	}
}

func TestParseReport(t *testing.T) {
	for in, ok := range map[string]bool{`{"version":1,"results":[]}`: true, `{"version":2}`: false, "": false, "{": false, "null": false} {
		if _, err := ParseReport([]byte(in)); (err == nil) != ok {
			t.Errorf("%q: got error %v", in, err)
		}
	}
}

// A program's log is foreign text.
func FuzzMisses(f *testing.F) {
	for _, c := range missLines {
		f.Add(c.line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		for _, m := range findMisses([]string{line}) {
			if m.Kind == "" || m.Name == "" {
				t.Errorf("%q: got %+v, which names nothing", line, m)
			}
		}
	})
}

package observe_test

import (
	"testing"
)

var programs = map[string]func([]string) int{}

func TestShell(t *testing.T) {
	hosts(t, func(t *testing.T, h host) {
		dir := publicDir(t)
		write(t, dir, "a", "d/b")
		h.Dir = dir
		h.Argv = []string{"/bin/sh", "-c", `read x < a; test -e gone; cd d; cat b ../a > c; ls . > /dev/null; mkdir m; mv c m/c; rm m/c; true`}
		r := h.run(t)
		r.want(t, map[string]string{
			dir + "/a": "open", dir + "/gone": "stat", dir + "/d": "open,stat,list,chdir", dir + "/d/b": "open", dir + "/d/c": "write",
			"/bin/sh": "exec", dir + "/d/m": "write",
		})
		t.Logf("%d events, %d paths, %s", r.record.Events, len(r.record.Paths), r.Elapsed)
	})
}

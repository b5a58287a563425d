package observe_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lighten/lighten/internal/observe"
	"github.com/lighten/lighten/internal/testimage"
)

func tracer(t testing.TB, o observe.Options) *observe.Tracer {
	t.Helper()
	tr, err := observe.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		tr.Close()
		tr.Wait()
	})
	return tr
}

// starts are the two ways to start a program, which must not differ.
func starts(t *testing.T) map[string]func(*exec.Cmd) error {
	return map[string]func(*exec.Cmd) error{"plain": (*exec.Cmd).Start, "traced": tracer(t, observe.Options{}).Start}
}

// TestStartErrors compares the errors of starts that fail with those of untraced ones.
func TestStartErrors(t *testing.T) {
	dir := publicDir(t)
	for name, content := range map[string]string{"noint": "#!/gone/interpreter\n", "empty": "", "plain": "text"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, dir, "noexec")
	for name, c := range map[string]exec.Cmd{
		"no program":         {Path: dir + "/gone"},
		"no interpreter":     {Path: dir + "/noint"},
		"not executable":     {Path: dir + "/noexec"},
		"a directory":        {Path: dir},
		"no format":          {Path: dir + "/plain"},
		"empty":              {Path: dir + "/empty"},
		"no directory":       {Path: "/bin/true", Dir: dir + "/gone"},
		"zero byte":          {Path: "/bin/true", Args: []string{"true", "a\x00b"}},
		"no program by PATH": *exec.Command("no-such-program-here"),
	} {
		t.Run(name, func(t *testing.T) {
			var want error
			for _, how := range []string{"plain", "traced"} {
				cmd := exec.Cmd{Path: c.Path, Args: c.Args, Dir: c.Dir, Err: c.Err, SysProcAttr: &syscall.SysProcAttr{Setsid: true}}
				var out bytes.Buffer
				cmd.Stdout = &out
				err := starts(t)[how](&cmd)
				switch {
				case err == nil:
					_ = cmd.Wait()
					t.Errorf("%s: it started", how)
				case how == "plain":
					want = err
				case err.Error() != want.Error():
					t.Errorf("%v, want %v", err, want)
				}
				var a, b syscall.Errno
				if how == "traced" && errors.As(want, &a) && (!errors.As(err, &b) || a != b) {
					t.Errorf("errno %v, want %v", b, a)
				}
				var pe *fs.PathError
				if errors.As(err, &pe) && strings.HasPrefix(pe.Path, "/proc") {
					t.Errorf("the error names %s", pe.Path)
				}
			}
		})
	}
}

// TestTransparent compares what a program finds out about itself, traced and not.
func TestTransparent(t *testing.T) {
	argv := self(t, "self", "with space", "caf\xe9", "")
	link := filepath.Join(publicDir(t), "link")
	if err := os.Symlink(argv[0], link); err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	got := map[string]string{}
	for how, start := range starts(t) {
		c := exec.Cmd{Path: link, Args: append([]string{"argument zero"}, argv[1:]...), Dir: "/usr", Env: []string{"A=1", "B=\xff", "GODEBUG=inittrace=0"}, ExtraFiles: []*os.File{r, w}}
		c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if os.Getuid() == 0 {
			c.SysProcAttr.Credential = &syscall.Credential{Uid: 1234, Gid: 1235, Groups: []uint32{7, 8}}
		}
		var out bytes.Buffer
		c.Stdout, c.Stderr = &out, &out
		if err := start(&c); err != nil {
			t.Fatal(err)
		}
		if err := c.Wait(); err != nil {
			t.Errorf("%s: %v\n%s", how, err, out.Bytes())
		}
		got[how] = out.String()
		if c.Path != link || c.Args[0] != "argument zero" || len(c.Env) != 3 || len(c.ExtraFiles) != 2 {
			t.Errorf("%s: the command is changed: %v", how, c)
		}
	}
	if got["traced"] != got["plain"] {
		t.Errorf("traced:\n%s\nplain:\n%s", got["traced"], got["plain"])
	}
}

// TestEnds compares exit codes and signals.
func TestEnds(t *testing.T) {
	for how, start := range starts(t) {
		for what, want := range map[string]string{"code": "exit status 42", "signal": "signal: killed", "cancelled": "signal: killed"} {
			ctx, cancel := context.WithCancel(t.Context())
			argv := self(t, "die", what)
			c := exec.CommandContext(ctx, argv[0], argv[1:]...)
			if err := start(c); err != nil {
				t.Fatal(err)
			}
			if what == "cancelled" {
				cancel()
			}
			if err := c.Wait(); err == nil || err.Error() != want {
				t.Errorf("%s, %s: %v, want %s", how, what, err, want)
			}
			cancel()
		}
	}
}

// TestPhases traces two programs at once, through phases and a pause.
func TestPhases(t *testing.T) {
	dir := publicDir(t)
	tr := tracer(t, observe.Options{})
	run := func(names ...string) {
		argv := self(t, append([]string{"look"}, names...)...)
		c := exec.Command(argv[0], argv[1:]...)
		if err := tr.Start(c); err != nil {
			t.Fatal(err)
		}
		if err := c.Wait(); err != nil {
			t.Error(err)
		}
	}
	// A program that reads what to open from a pipe, beside the others.
	server := exec.Command("/bin/sh", "-c", `while read f; do test -e $f; echo; done`)
	in, err := server.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := tr.Start(server); err != nil {
		t.Fatal(err)
	}
	ask := func(name string) {
		if _, err := in.Write([]byte(name + "\n")); err != nil {
			t.Fatal(err)
		}
		if _, err := out.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
	}
	ask(dir + "/s1")
	run(dir + "/1")
	tr.Phase("check 1")
	run(dir+"/2", dir+"/1")
	ask(dir + "/s2")
	tr.Pause()
	run(dir + "/paused")
	ask(dir + "/paused2")
	tr.Resume()
	tr.Phase("check 2")
	ask(dir + "/s3")
	run(dir + "/3")
	in.Close()
	if err := server.Wait(); err != nil {
		t.Error(err)
	}
	rec := tr.Record()
	if got := strings.Join(rec.Phases, ","); got != "start,check 1,check 2" {
		t.Errorf("phases %s", got)
	}
	r := result{record: rec}
	for name, phase := range map[string]int{"1": 0, "2": 1, "3": 2, "s1": 0, "s2": 1, "s3": 2, "paused": -1, "paused2": -1} {
		got := -1
		if p := r.path(dir + "/" + name); p != nil {
			got = p.Phase
		}
		if got != phase {
			t.Errorf("%s: phase %d, want %d", name, got, phase)
		}
	}
}

// TestCloseLeavesPrograms: a program that outlives the tracer's use goes on.
func TestCloseLeavesPrograms(t *testing.T) {
	tr, err := observe.New(observe.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command("/bin/sh", "-c", "read x; cat /dev/null && test -e /bin/sh")
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := tr.Start(c); err != nil {
		t.Fatal(err)
	}
	tr.Close()
	in.Close()
	if err := c.Wait(); err != nil {
		t.Error(err)
	}
	ended := make(chan bool)
	go func() { tr.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Error("the tracer waits for a program that has ended")
	}
}

func TestUntraced(t *testing.T) {
	testimage.Need(t, "root")
	tr := tracer(t, observe.Options{})
	c := exec.Command("/bin/true")
	c.SysProcAttr = &syscall.SysProcAttr{Chroot: "/"}
	if err := tr.Start(c); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err != nil {
		t.Error(err)
	}
	if rec := tr.Record(); !strings.Contains(rec.Untraced, "root directory") || rec.Events != 0 {
		t.Errorf("%+v", rec)
	}
}

// TestNested: where a tracer's filter is installed already, the program runs, and the record says why it is empty.
func TestNested(t *testing.T) {
	inner := `{"Argv":["/bin/true"],"Uid":-1,"Timeout":10000000000}`
	argv := self(t, "host")
	r := host{Uid: -1, Argv: []string{"/bin/sh", "-c", `echo '` + inner + `' | ` + strings.Join(argv, " ")}}.run(t)
	if r.Code != 0 || !strings.Contains(string(r.Output), "EBUSY") || !strings.Contains(string(r.Output), `"Code":0`) {
		t.Errorf("%d %s", r.Code, r.Output)
	}
	if !strings.Contains(strings.Join(r.record.Notes, "\n"), "a seccomp listener of its own") {
		t.Errorf("notes: %q", r.record.Notes)
	}
}

func TestSetuidPrograms(t *testing.T) {
	testimage.Need(t, "root")
	dir := publicDir(t)
	write(t, dir, "plain", "suid", "sgid", "caps")
	for name, mode := range map[string]os.FileMode{"plain": 0o755, "suid": 0o755 | os.ModeSetuid, "sgid": 0o755 | os.ModeSetgid, "caps": 0o755} {
		if err := os.Chmod(filepath.Join(dir, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	capNetRaw := []byte{1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0} // struct vfs_cap_data
	if err := unix.Setxattr(filepath.Join(dir, "caps"), "security.capability", capNetRaw, 0); err != nil {
		t.Fatal(err)
	}
	for uid, want := range map[int]string{1234: dir + "/caps " + dir + "/sgid " + dir + "/suid", -1: ""} {
		r := host{Uid: uid, caps: "docker", Argv: []string{"/bin/sh", "-c", "for f in plain suid sgid caps; do " + dir + "/$f; done; true"}}.run(t)
		r.want(t, nil)
		if got := strings.Join(r.record.Setuid, " "); got != want {
			t.Errorf("uid %d: %q, want %q", uid, got, want)
		}
	}
}

package observe_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lighten/lighten/internal/observe"
)

// The test binary is the tracer's trampoline, the tracer's process under other ids and capabilities, and the programs
// that make exact system calls.
func TestMain(m *testing.M) {
	if observe.IsTrampoline(os.Args) {
		os.Exit(observe.TrampolineMain(os.Args))
	}
	if len(os.Args) > 2 && os.Args[1] == "helper" {
		os.Exit(helpers[os.Args[2]](os.Args[3:]))
	}
	if err := reachable(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// reachable lets every user run the test binary, which go test puts into a directory of its own user's alone.
func reachable() error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	for d := filepath.Dir(exe); d != filepath.Clean(os.TempDir()) && d != "/"; d = filepath.Dir(d) {
		fi, err := os.Stat(d)
		if err != nil {
			return err
		}
		if fi.Mode()&0o001 == 0 && strings.HasPrefix(d, os.TempDir()) {
			if err := os.Chmod(d, fi.Mode()|0o111); err != nil {
				return err
			}
		}
	}
	return nil
}

var helpers map[string]func(args []string) int

func init() {
	helpers = map[string]func([]string) int{"host": hostMain, "limit": limitMain}
	for name, f := range programs {
		helpers[name] = f
	}
}

// host says in what process the tracer runs, and what it runs.
type host struct {
	Argv     []string
	Uid      int // of the program; -1: the tracer's
	Dir      string
	Env      []string
	MaxPaths int
	MaxProcs int
	Paused   bool
	Timeout  time.Duration

	caps string // capabilities of the tracer's process: "" all that there are, "docker" or "none"
	uid  int    // of the tracer's process
}

// result is what the tracer's process saw.
type result struct {
	Record  json.RawMessage
	Err     string // of Start
	Code    int
	Signal  int
	Output  []byte
	Elapsed time.Duration
	CPU     time.Duration // of the tracer

	record *observe.Record
}

// hostMain is the tracer's process.
func hostMain(args []string) int {
	var h host
	if err := json.NewDecoder(os.Stdin).Decode(&h); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	_ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
	t, err := observe.New(observe.Options{MaxPaths: h.MaxPaths, MaxProcs: h.MaxProcs})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if h.Paused {
		t.Pause()
	}
	var r result
	var out bytes.Buffer
	c := exec.Command(h.Argv[0], h.Argv[1:]...)
	c.Stdout, c.Stderr, c.Dir, c.Env = &out, &out, h.Dir, h.Env
	c.WaitDelay = time.Second
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if h.Uid >= 0 {
		c.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(h.Uid), Gid: uint32(h.Uid)}
	}
	start := time.Now()
	if err := t.Start(c); err != nil {
		r.Err = err.Error()
	} else {
		stop := time.AfterFunc(h.Timeout, func() { _ = unix.Kill(-c.Process.Pid, unix.SIGKILL) })
		_ = c.Wait()
		stop.Stop()
		ws := c.ProcessState.Sys().(syscall.WaitStatus)
		r.Code, r.Signal = ws.ExitStatus(), 0
		if ws.Signaled() {
			r.Signal = int(ws.Signal())
		}
	}
	r.Elapsed = time.Since(start)
	var ru unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &ru)
	r.CPU = time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
	r.Output = out.Bytes()
	r.Record, err = json.Marshal(t.Record())
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(r)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	t.Close()
	return 0
}

// dockerCaps are those of a container without options (moby, oci/caps/defaults.go).
var dockerCaps = []int{unix.CAP_CHOWN, unix.CAP_DAC_OVERRIDE, unix.CAP_FSETID, unix.CAP_FOWNER, unix.CAP_MKNOD, unix.CAP_NET_RAW, unix.CAP_SETGID,
	unix.CAP_SETUID, unix.CAP_SETFCAP, unix.CAP_SETPCAP, unix.CAP_NET_BIND_SERVICE, unix.CAP_SYS_CHROOT, unix.CAP_KILL, unix.CAP_AUDIT_WRITE}

// limitMain gives up capabilities and becomes the helper that follows: limit docker|none HELPER ARGS….
func limitMain(args []string) int {
	runtime.LockOSThread()
	for c := 0; c <= unix.CAP_LAST_CAP; c++ {
		if args[0] == "docker" && slices.Contains(dockerCaps, c) {
			continue
		}
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(c), 0, 0, 0); err != nil && err != unix.EINVAL {
			fmt.Fprintln(os.Stderr, "dropping capability", c, err)
			return 1
		}
	}
	err := syscall.Exec("/proc/self/exe", append([]string{"observe.test", "helper"}, args[1:]...), os.Environ())
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// self is a command line of this binary.
func self(t testing.TB, args ...string) []string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return append([]string{exe, "helper"}, args...)
}

// run runs the tracer's process.
func (h host) run(t testing.TB) *result {
	t.Helper()
	if h.Timeout == 0 {
		h.Timeout = 60 * time.Second
	}
	if h.Env == nil {
		h.Env = []string{"PATH=" + extraPath() + "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"}
	}
	in, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"host"}
	if h.caps != "" && os.Getuid() == 0 { // others have none
		args = []string{"limit", h.caps, "host"}
	}
	argv := self(t, args...)
	c := exec.Command("/proc/self/exe", argv[1:]...)
	c.Stdin = bytes.NewReader(in)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	if h.uid != 0 && os.Getuid() == 0 {
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(h.uid), Gid: uint32(h.uid)}}
	}
	if err := c.Run(); err != nil {
		t.Fatalf("the tracer's process: %v\n%s", err, errs.Bytes())
	}
	var r result
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatalf("%v\n%s%s", err, out.Bytes(), errs.Bytes())
	}
	if r.record, err = observe.ParseRecord(r.Record); err != nil {
		t.Fatalf("%v\n%s", err, r.Record)
	}
	return &r
}

// ops is how a path was looked up, "" when it was not.
func (r *result) ops(name string) string {
	if p := r.path(name); p != nil {
		return p.Ops.String()
	}
	return ""
}

func (r *result) path(name string) *observe.Path {
	i, ok := slices.BinarySearchFunc(r.record.Paths, name, func(p observe.Path, n string) int { return strings.Compare(p.Name, n) })
	if !ok {
		return nil
	}
	return &r.record.Paths[i]
}

// want checks that a program ran well and how it looked up paths.
func (r *result) want(t *testing.T, ops map[string]string) {
	t.Helper()
	if r.Err != "" || r.Code != 0 || r.Signal != 0 {
		t.Errorf("the program: %s code %d signal %d\n%s", r.Err, r.Code, r.Signal, r.Output)
	}
	if r.record.Untraced != "" || r.record.Full || r.record.Unread != 0 {
		t.Errorf("untraced %q, full %v, unread %d", r.record.Untraced, r.record.Full, r.record.Unread)
	}
	for name, want := range ops {
		if got := r.ops(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if t.Failed() {
		var near []string
		for _, p := range r.record.Paths {
			if !strings.HasPrefix(p.Name, "/proc") && !strings.HasPrefix(p.Name, "/sys") && len(near) < 25 {
				near = append(near, fmt.Sprintf("%s %s (%s)", p.Name, p.Ops, p.By))
			}
		}
		t.Logf("recorded:\n%s", strings.Join(near, "\n"))
	}
}

// hosts are the processes that a tracer must work in.
func hosts(t *testing.T, run func(t *testing.T, h host)) {
	all := map[string]host{"as it is": {Uid: -1, uid: os.Getuid()}}
	if os.Getuid() == 0 {
		all = map[string]host{
			"root, all capabilities":                  {Uid: -1},
			"root, Docker's capabilities":             {Uid: -1, caps: "docker"},
			"root, Docker's; the program is a user's": {Uid: 1234, caps: "docker"},
			"root, no capability":                     {Uid: -1, caps: "none"},
			"a user":                                  {Uid: -1, uid: 1234},
		}
	}
	for name, h := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, h)
		})
	}
}

// publicDir is a directory that every user may write to.
func publicDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "observe-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	return dir
}

func write(t testing.TB, dir string, names ...string) {
	t.Helper()
	for _, n := range names {
		for at := filepath.Dir(n); at != "."; at = filepath.Dir(at) {
			if err := os.MkdirAll(filepath.Join(dir, at), 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(filepath.Join(dir, at), 0o777); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, n), []byte(n), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func itoa(n int) string { return strconv.Itoa(n) }

// extraPath is the directory of an nginx that is not where Debian puts it.
func extraPath() string {
	if p, err := exec.LookPath("nginx"); err == nil {
		return filepath.Dir(p) + ":"
	}
	return ""
}

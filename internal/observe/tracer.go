package observe

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Options bound a [Tracer]; zero values mean the defaults.
type Options struct {
	MaxPaths int   // distinct paths kept, 1,000,000 by default
	MaxBytes int64 // of their names, 256 MB by default
	MaxProcs int   // processes (not threads) that live at once below the tracer's process, 2,048 by default; more are refused with EAGAIN
}

const (
	defaultPaths = 1_000_000
	defaultBytes = 256 << 20
	defaultProcs = 2048
)

// Tracer traces programs. It may be used by several goroutines at once.
type Tracer struct {
	table  *table
	procs  population
	cannot string // why this machine cannot trace

	paused atomic.Bool
	phase  atomic.Int32
	events atomic.Int64
	unread atomic.Int64

	mu       sync.Mutex
	phases   []string
	listens  map[string]bool
	setuid   map[string]bool
	notes    map[string]bool
	untraced map[string]bool
	done     sync.WaitGroup
}

// New returns a tracer in the phase "start". Where the kernel cannot trace, programs are started all the same and the
// record says why it is empty. Errors are contradicting options.
//
// The calling process becomes undumpable, so that traced programs of its own user can neither read nor change its memory.
func New(o Options) (*Tracer, error) {
	if o.MaxPaths < 0 || o.MaxBytes < 0 || o.MaxProcs < 0 {
		return nil, errors.New("tracing: a bound is negative")
	}
	t := &Tracer{
		table:    newTable(orDefault(o.MaxPaths, defaultPaths), orDefault(o.MaxBytes, defaultBytes)),
		procs:    population{max: int64(orDefault(o.MaxProcs, defaultProcs))},
		cannot:   probe(),
		phases:   []string{"start"},
		listens:  map[string]bool{},
		setuid:   map[string]bool{},
		notes:    map[string]bool{},
		untraced: map[string]bool{},
	}
	if t.cannot == "" {
		_ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
	}
	return t, nil
}

func orDefault[T int | int64](n, d T) T {
	if n == 0 {
		return d
	}
	return n
}

// probe says why the kernel cannot trace, "" if it can. Whether a filter can be installed is only known once one is.
func probe() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "kernel: " + err.Error()
	}
	release := unix.ByteSliceToString(u.Release[:])
	if !kernelIs(5, 5) {
		return "kernel " + release + " is older than 5.5, which lets a tracer continue system calls (SECCOMP_USER_NOTIF_FLAG_CONTINUE)"
	}
	var s notifSizes
	if _, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_GET_NOTIF_SIZES, 0, uintptr(unsafe.Pointer(&s))); errno != 0 {
		return "kernel " + release + " has no seccomp user notification: " + errno.Error()
	}
	if int(s.notif) > len(listener{}.request)*8 || int(s.resp) > len(listener{}.response)*8 {
		return "kernel " + release + " has larger seccomp notifications than this program knows"
	}
	if _, err := os.Stat("/proc/self/exe"); err != nil {
		return "no /proc: " + err.Error()
	}
	return ""
}

// kernelIs tells whether the kernel is of a release or later. One that names itself otherwise counts as new.
func kernelIs(major, minor int) bool {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return false
	}
	var a, b int
	if _, err := fmt.Sscanf(unix.ByteSliceToString(u.Release[:]), "%d.%d", &a, &b); err != nil {
		return true
	}
	return a > major || a == major && b >= minor
}

type notifSizes struct{ notif, resp, data uint16 }

// Start starts cmd as cmd.Start does, traced, and returns once the program runs. Errors are those of cmd.Start. The
// program runs untraced, and the record says why, when it has another root directory than the tracer or no filter can be
// installed.
func (t *Tracer) Start(cmd *exec.Cmd) error {
	why := t.cannot
	if a := cmd.SysProcAttr; why == "" && a != nil {
		switch {
		case a.Chroot != "":
			why = "a root directory of its own: " + a.Chroot
		case a.Ptrace:
			why = "it is traced by ptrace"
		case a.Credential != nil && a.Credential.Uid != 0:
			if fi, err := os.Stat("/proc/self/exe"); err != nil || fi.Mode()&0o001 == 0 {
				why = fmt.Sprintf("this binary is not executable for user %d", a.Credential.Uid)
			}
		}
	}
	p := target{cmd.Path, cmd.Args, cmd.Environ()}
	if len(p.argv) == 0 {
		p.argv = []string{cmd.Path}
	}
	request, err := p.encode()
	if cmd.Err != nil || cmd.Process != nil || err != nil { // cmd.Start says what is wrong
		return cmd.Start()
	}
	if why != "" {
		t.note(t.untraced, why)
		return cmd.Start()
	}
	socks, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("starting %s traced: %w", cmd.Path, err)
	}
	defer unix.Close(socks[0])
	if err := startTrampoline(cmd, socks[1]); err != nil {
		return err
	}
	if err := t.launch(cmd, socks[0], request); err != nil {
		_ = cmd.Process.Kill() // it may have ended already
		_ = cmd.Wait()         // the error that counts is known
		cmd.Process, cmd.ProcessState = nil, nil
		return err
	}
	return nil
}

// startTrampoline starts this binary in the place of cmd's program with the socket, which it closes.
func startTrampoline(cmd *exec.Cmd, sock int) error {
	theirs := os.NewFile(uintptr(sock), "trampoline")
	defer theirs.Close()
	path, args, env, files := cmd.Path, cmd.Args, cmd.Env, cmd.ExtraFiles
	cmd.Path = "/proc/self/exe"
	cmd.Args = []string{trampolineName, strconv.Itoa(3 + len(files))}
	cmd.Env = []string{}
	cmd.ExtraFiles = append(slices.Clip(files), theirs)
	err := cmd.Start()
	cmd.Path, cmd.Args, cmd.Env, cmd.ExtraFiles = path, args, env, files
	var pe *fs.PathError
	if errors.As(err, &pe) && pe.Path == "/proc/self/exe" {
		pe.Path = path
	}
	return err
}

// launch sees the trampoline become the program.
func (t *Tracer) launch(cmd *exec.Cmd, sock int, request []byte) error {
	for len(request) > 0 {
		n, err := unix.SendmsgN(sock, request, nil, nil, unix.MSG_NOSIGNAL)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return fmt.Errorf("starting %s traced: %w", cmd.Path, err)
		}
		request = request[n:]
	}
	for first := true; ; first = false {
		what, errno, fd, err := receive(sock)
		switch {
		case err == io.EOF && !first:
			return nil // it is the program now
		case err == io.EOF:
			return fmt.Errorf("starting %s traced: this binary ended before it could; does its main call observe.TrampolineMain?", cmd.Path)
		case err != nil:
			return fmt.Errorf("starting %s traced: %w", cmd.Path, err)
		case what == answerFailed:
			return &fs.PathError{Op: "fork/exec", Path: cmd.Path, Err: errno}
		case what == answerUntraced:
			t.note(t.untraced, cannotFilter(errno))
		case what == answerListener && fd >= 0:
			t.listen(fd, cmd.Process.Pid)
		}
	}
}

func cannotFilter(errno syscall.Errno) string {
	if errno == unix.EBUSY {
		return "filter: another tracer's is installed already (EBUSY)"
	}
	return "filter: it cannot be installed: " + errno.Error()
}

// listen answers a listener's events until no process has its filter any more.
func (t *Tracer) listen(fd, pid int) {
	t.procs.alive.Add(1)
	t.done.Add(1)
	go func() {
		defer t.done.Done()
		newListener(t, fd, pid).serve()
	}()
}

// Phase begins a phase: paths not looked up before belong to it. A name that was used before is continued.
func (t *Tracer) Phase(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := slices.Index(t.phases, name)
	if i < 0 && len(t.phases) < maxPhases {
		i = len(t.phases)
		t.phases = append(t.phases, name)
	}
	if i >= 0 {
		t.phase.Store(int32(i))
	}
}

// Pause lets programs run without recording what they look up.
func (t *Tracer) Pause() { t.paused.Store(true) }

// Resume records again.
func (t *Tracer) Resume() { t.paused.Store(false) }

// Close ends recording. Programs that still run go on unhindered as long as this process lives; system calls that name
// paths fail with ENOSYS after that.
func (t *Tracer) Close() {
	t.Pause()
}

// Wait returns when no traced process lives.
func (t *Tracer) Wait() { t.done.Wait() }

// Record is what was seen until now.
func (t *Tracer) Record() *Record {
	r := &Record{Version: recordVersion, Arch: runtime.GOARCH, Events: t.events.Load(), Unread: t.unread.Load()}
	r.Paths, r.Full = t.table.paths()
	t.mu.Lock()
	defer t.mu.Unlock()
	r.Phases = slices.Clone(t.phases)
	r.Listens, r.Setuid, r.Notes = sorted(t.listens), sorted(t.setuid), sorted(t.notes)
	r.Untraced = strings.Join(sorted(t.untraced), "; ")
	return r
}

func sorted(set map[string]bool) []string { return slices.Sorted(maps.Keys(set)) }

// note adds to one of the tracer's sets, which hostile programs cannot grow without end.
func (t *Tracer) note(set map[string]bool, s string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(set) < 1000 {
		set[s] = true
	}
}

package check

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	securejoin "github.com/cyphar/filepath-securejoin"
	"github.com/moby/sys/user"
	"golang.org/x/sys/unix"
)

const logLines = 40 // of the program's output that a report quotes

// output keeps the last lines of a program, and lets checks wait for one.
type output struct {
	mu      sync.Mutex
	lines   []string // bounded: the first and the last ones
	total   int      // how many there were
	partial []byte
	waiters []*waiter
	written time.Time // when the last of it came
}

type waiter struct {
	re   *regexp.Regexp
	done chan struct{} // closed when line matched
	line string
}

const maxLine, maxLines = 4096, 2000

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.written = time.Now()
	o.partial = append(o.partial, b...)
	for {
		i := bytes.IndexByte(o.partial, '\n')
		if i < 0 {
			break
		}
		o.line(string(o.partial[:i]))
		o.partial = o.partial[i+1:]
	}
	if len(o.partial) > maxLine {
		o.line(string(o.partial))
		o.partial = nil
	}
	return len(b), nil
}

// flush ends the last line: nothing more comes.
func (o *output) flush() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.partial) > 0 {
		o.line(string(o.partial))
		o.partial = nil
	}
}

func (o *output) line(l string) {
	l = strings.TrimSuffix(l, "\r")
	if len(l) > maxLine {
		l = l[:maxLine]
	}
	o.lines = append(o.lines, l)
	o.total++
	if len(o.lines) > 2*maxLines {
		o.lines = slices.Clone(o.lines[maxLines:])
	}
	o.waiters = slices.DeleteFunc(o.waiters, func(w *waiter) bool {
		if w.re.MatchString(l) {
			w.line = l
			close(w.done)
			return true
		}
		return false
	})
}

// wait returns a waiter for the first line that matched or matches.
func (o *output) wait(re *regexp.Regexp) *waiter {
	o.mu.Lock()
	defer o.mu.Unlock()
	w := &waiter{re: re, done: make(chan struct{})}
	if i := slices.IndexFunc(o.lines, re.MatchString); i >= 0 {
		w.line = o.lines[i]
		close(w.done)
	} else {
		o.waiters = append(o.waiters, w)
	}
	return w
}

// settle waits until nothing more has come for a moment, for what belongs to a line may follow it: of a traceback the first line tells
// nothing. It waits a second at most.
func (o *output) settle() {
	for end := time.Now().Add(time.Second); time.Now().Before(end); time.Sleep(still / 4) {
		o.mu.Lock()
		at := o.written
		o.mu.Unlock()
		if time.Since(at) >= still {
			return
		}
	}
}

// still is for how long nothing comes from a program that has said what it had to.
const still = 200 * time.Millisecond

// count is how many lines there were.
func (o *output) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.total
}

// span is a part of an output, in lines from its beginning.
type span struct{ from, to int }

// between returns the lines from one to before another, as far as there are so many; none where the first is not remembered any more.
func (o *output) between(from, to int) []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	gone := o.total - len(o.lines)
	if from < gone {
		return nil
	}
	return slices.Clone(o.lines[from-gone : max(from, min(to, o.total))-gone])
}

func (o *output) tail(n int) []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	all := o.lines
	if len(o.partial) > 0 {
		all = append(slices.Clone(all), string(o.partial))
	}
	return slices.Clone(all[max(0, len(all)-n):])
}

// running is a started program.
type running struct {
	Process
	cmd   *exec.Cmd
	out   *output
	start time.Time
	ended chan struct{}
	code  int // valid once ended is closed
}

// command prepares a process as a container runtime would: the image's user
// with its groups and home, its environment, its working directory.
func (p Process) command(ctx context.Context, argv []string) (*exec.Cmd, error) {
	if len(argv) == 0 {
		return nil, errors.New("no command")
	}
	u, err := user.GetExecUserPath(p.User, &user.ExecUser{Home: "/"}, filepath.Join("/", p.Root, "etc/passwd"), filepath.Join("/", p.Root, "etc/group"))
	if err != nil {
		return nil, fmt.Errorf("finding user %q in the image: %w", p.User, err)
	}
	env := p.Env
	if !slices.ContainsFunc(env, func(e string) bool { return strings.HasPrefix(e, "HOME=") }) {
		env = append(slices.Clone(env), "HOME="+u.Home)
	}
	file, err := lookPath(p.Root, argv[0], p.Dir, env)
	if err != nil {
		return nil, err
	}
	for _, d := range append([]string{p.Dir}, p.Volumes...) {
		if err := p.makeDir(d); err != nil {
			return nil, fmt.Errorf("making directory %s: %w", d, err)
		}
	}
	c := exec.CommandContext(ctx, file)
	c.Path, c.Args, c.Env, c.Dir, c.Err = file, argv, env, p.Dir, nil
	c.WaitDelay = 2 * time.Second // a grandchild may keep the output open
	c.Cancel = func() error {     // what a shell started ends with it
		if err := unix.Kill(-c.Process.Pid, unix.SIGKILL); err != nil {
			return os.ErrProcessDone
		}
		return nil
	}
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Chroot: p.Root}
	if os.Geteuid() == 0 {
		groups := make([]uint32, len(u.Sgids))
		for i, g := range u.Sgids {
			groups[i] = uint32(g)
		}
		c.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(u.Uid), Gid: uint32(u.Gid), Groups: groups}
		if u.Uid != 0 && mayBindLowPorts() {
			// Docker lets every user of a container listen below 1024 (net.ipv4.ip_unprivileged_port_start, moby#41030).
			c.SysProcAttr.AmbientCaps = []uintptr{unix.CAP_NET_BIND_SERVICE}
		}
	}
	return c, nil
}

// makeDir makes a directory of the process unless it is there. Links of its root lead inside it.
func (p Process) makeDir(dir string) error {
	at, err := securejoin.SecureJoin(filepath.Join("/", p.Root), dir)
	if err != nil {
		return err
	}
	return os.MkdirAll(at, 0o755)
}

// mayBindLowPorts tells whether the container's first process has that right to hand on.
func mayBindLowPorts() bool {
	h := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var d [2]unix.CapUserData
	return first() && unix.Capget(&h, &d[0]) == nil && d[0].Permitted&(1<<unix.CAP_NET_BIND_SERVICE) != 0
}

// lookPath finds a program as execvp does, by the PATH of the image.
func lookPath(root, name, dir string, env []string) (string, error) {
	if strings.Contains(name, "/") {
		if !path.IsAbs(name) {
			name = path.Join(dir, name)
		}
		return name, nil // the kernel says what is wrong with it
	}
	search := ""
	for _, e := range env {
		if v, ok := strings.CutPrefix(e, "PATH="); ok {
			search = v
		}
	}
	for _, d := range filepath.SplitList(search) {
		p := path.Join("/", d, name)
		// Lstat: an absolute link inside a chroot would be followed outside of it.
		if fi, err := os.Lstat(filepath.Join("/", root, p)); err == nil && !fi.IsDir() && (fi.Mode()&0o111 != 0) {
			return p, nil
		}
	}
	return "", fmt.Errorf("exec: %q: not found in PATH %s", name, search)
}

// run starts the program by start, usually exec's own.
func (p Process) run(ctx context.Context, start func(*exec.Cmd) error) (*running, error) {
	c, err := p.command(ctx, p.argv())
	if err != nil {
		return nil, err
	}
	r := &running{Process: p, cmd: c, out: &output{}, ended: make(chan struct{})}
	c.Stdout, c.Stderr = r.out, r.out
	r.start = time.Now()
	if err := family.start(c, start); err != nil {
		return nil, fmt.Errorf("starting %s: %w", strings.Join(p.argv(), " "), p.explain(err, c.Path))
	}
	go func() {
		_ = family.wait(c) // the exit code says it all
		r.code = exitCode(c.ProcessState)
		r.out.flush()
		close(r.ended)
	}()
	return r, nil
}

// exitCode is the code that a shell and docker show: 128 and the signal's number for a killed process.
func exitCode(s *os.ProcessState) int {
	if ws, ok := s.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return s.ExitCode()
}

// explain names the file that execve missed: it returns ENOENT for a missing
// interpreter as for a missing program.
func (p Process) explain(err error, file string) error {
	if !errors.Is(err, unix.ENOENT) {
		return err
	}
	if i := interpreter(p.Root, file); i != "" {
		return fmt.Errorf("%s: its interpreter %s is not in the image", file, i)
	}
	return err
}

// interpreter is what a script's first line or an ELF program header names, "" for none.
func interpreter(root, file string) string {
	at, err := securejoin.SecureJoin(filepath.Join("/", root), file) // links of the root lead inside it
	if err != nil {
		return ""
	}
	f, err := os.Open(at)
	if err != nil {
		return ""
	}
	defer f.Close()
	start := make([]byte, 256) // as much as the kernel looks at (linux/binfmts.h, BINPRM_BUF_SIZE)
	n, _ := io.ReadFull(f, start)
	if line, ok := bytes.CutPrefix(start[:n], []byte("#!")); ok {
		line, _, _ = bytes.Cut(line, []byte("\n"))
		if words := bytes.Fields(line); len(words) > 0 {
			return string(words[0])
		}
		return ""
	}
	e, err := elf.NewFile(f)
	if err != nil {
		return ""
	}
	for _, h := range e.Progs {
		if h.Type == elf.PT_INTERP && h.Filesz < 4096 {
			b := make([]byte, h.Filesz)
			if _, err := h.ReadAt(b, 0); err == nil {
				return strings.TrimRight(string(b), "\x00")
			}
		}
	}
	return ""
}

// stop asks the program to end as `docker stop` does, then kills its session.
func (r *running) stop(grace time.Duration) {
	sig := unix.SignalNum(r.Signal)
	if n, err := strconv.Atoi(r.Signal); err == nil {
		sig = syscall.Signal(n)
	}
	if sig == 0 {
		sig = syscall.SIGTERM
	}
	_ = r.cmd.Process.Signal(sig) // it may have ended already
	select {
	case <-r.ended:
	case <-time.After(grace):
	}
	_ = unix.Kill(-r.cmd.Process.Pid, unix.SIGKILL) // the rest of its session; ESRCH when there is none
	<-r.ended
}

// memory sums the resident memory of a process and its descendants, in bytes:
// shared pages divided among their users where the kernel tells (PSS).
func (r *running) memory() int64 {
	sum := resident(r.cmd.Process.Pid)
	for pid := range below(r.cmd.Process.Pid) {
		sum += resident(pid)
	}
	return sum
}

// stat is what the kernel tells of a process (proc(5), /proc/pid/stat). Of one that is gone it is empty.
type stat struct {
	state   byte // R, S, Z, …
	parent  int
	threads int
	ticks   int64 // processor time, with that of children that have ended and were waited for
}

func statOf(pid int) (s stat) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return stat{}
	}
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:])) // the name in brackets may hold anything
	if len(f) < 18 {
		return stat{}
	}
	s.state = f[0][0]
	s.parent, _ = strconv.Atoi(f[1])
	s.threads, _ = strconv.Atoi(f[17])
	for _, t := range f[11:15] { // utime, stime, cutime, cstime
		n, _ := strconv.ParseInt(t, 10, 64)
		s.ticks += n
	}
	return s
}

func resident(pid int) int64 {
	if f, err := os.Open(fmt.Sprintf("/proc/%d/smaps_rollup", pid)); err == nil {
		b, err := io.ReadAll(f)
		f.Close()
		if _, rest, ok := strings.Cut(string(b), "\nPss:"); err == nil && ok {
			var kb int64
			if _, err := fmt.Sscan(rest, &kb); err == nil {
				return kb << 10
			}
		}
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if f := strings.Fields(string(b)); err == nil && len(f) > 1 {
		n, _ := strconv.ParseInt(f[1], 10, 64)
		return n * int64(os.Getpagesize())
	}
	return 0
}

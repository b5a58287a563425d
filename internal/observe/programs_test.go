package observe_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// programs are what the tests trace, by name: each makes exact system calls.
var programs = map[string]func(args []string) int{
	"stat":    statMain,
	"calls":   tell(callsMain),
	"odd":     tell(oddMain),
	"sockets": tell(socketsMain),
	"chroot":  tell(chrootMain),
	"setuid":  tell(setuidMain),
	"threads": tell(threadsMain),
	"cwd":     tell(cwdMain),
	"filters": tell(filtersMain),
	"flood":   tell(floodMain),
	"bomb":    tell(bombMain),
	"close":   tell(closeMain),
	"rewrite": tell(rewriteMain),
	"attack":  tell(attackMain),
	"look":    tell(lookMain),
	"self":    tell(selfMain),
	"churn":   tell(churnMain),
	"die":     dieMain,
}

// tell makes a program of a function: an error is printed, and the exit code is 1.
func tell(f func(args []string) error) func([]string) int {
	return func(args []string) int {
		if err := f(args); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return 0
	}
}

// want collects unexpected errors.
type want []error

func (w *want) err(what string, got, expected error) {
	if !errors.Is(got, expected) {
		*w = append(*w, fmt.Errorf("%s: %v, want %v", what, got, expected))
	}
}

// ptr is the address of a text with a zero byte.
func ptr(s string) uintptr {
	b := append([]byte(s), 0)
	pinned = append(pinned, b)
	return uintptr(unsafe.Pointer(&b[0]))
}

var pinned [][]byte // so that the collector leaves them

func raw(nr uintptr, args ...uintptr) (int, error) {
	var a [6]uintptr
	copy(a[:], args)
	r, _, errno := unix.Syscall6(nr, a[0], a[1], a[2], a[3], a[4], a[5])
	if errno != 0 {
		return -1, errno
	}
	return int(r), nil
}

const here = ^uintptr(99) // AT_FDCWD, -100

// rawStat stats a path that ends with a zero byte, without allocating.
func rawStat(path []byte) bool {
	var st unix.Stat_t
	_, _, errno := unix.Syscall6(sysStatAt, here, uintptr(unsafe.Pointer(&path[0])), uintptr(unsafe.Pointer(&st)), 0, 0, 0)
	return errno == 0
}

// callsMain makes each call once, in the directory that it is given: each on a path named after it.
func callsMain(args []string) error {
	var w want
	dir := args[0]
	if err := os.Chdir(dir); err != nil {
		return err
	}
	sub, err := unix.Open("sub", unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	fd := uintptr(sub)
	var st [512]byte
	buf := uintptr(unsafe.Pointer(&st[0]))
	how := unix.OpenHow{Flags: unix.O_RDONLY}
	rooted := unix.OpenHow{Flags: unix.O_RDONLY, Resolve: unix.RESOLVE_IN_ROOT}
	call := func(expected error, nr uintptr, args ...uintptr) int {
		n, err := raw(nr, args...)
		w.err(fmt.Sprintf("call %d", nr), err, expected)
		return n
	}
	gone := unix.ENOENT
	call(gone, unix.SYS_OPENAT, fd, ptr("openat"), unix.O_RDONLY, 0)
	call(gone, unix.SYS_OPENAT, here, ptr("./openat-dot//double/"), unix.O_RDWR, 0)
	call(gone, unix.SYS_OPENAT, fd, ptr("../openat-up"), unix.O_WRONLY, 0)
	call(gone, unix.SYS_OPENAT, fd, ptr("missing/../openat-kept"), unix.O_RDONLY, 0)
	call(gone, unix.SYS_OPENAT2, fd, ptr("openat2"), uintptr(unsafe.Pointer(&how)), unix.SizeofOpenHow)
	call(gone, unix.SYS_OPENAT2, fd, ptr("/openat2-root"), uintptr(unsafe.Pointer(&rooted)), unix.SizeofOpenHow)
	call(gone, unix.SYS_STATX, fd, ptr("statx"), 0, unix.STATX_ALL, buf)
	call(gone, sysStatAt, fd, ptr("fstatat"), buf, 0)
	call(gone, unix.SYS_FACCESSAT, fd, ptr("faccessat"), 0)
	call(gone, unix.SYS_FACCESSAT2, fd, ptr("faccessat2"), 0, 0)
	call(gone, unix.SYS_READLINKAT, fd, ptr("readlinkat"), buf, 100)
	call(gone, unix.SYS_STATFS, ptr("statfs"), buf)
	call(gone, unix.SYS_GETXATTR, ptr("getxattr"), ptr("user.x"), 0, 0)
	call(gone, unix.SYS_LSETXATTR, ptr("lsetxattr"), ptr("user.x"), 0, 0, 0)
	call(gone, unix.SYS_EXECVEAT, fd, ptr("execveat"), 0, 0, 0)
	call(gone, unix.SYS_EXECVE, ptr("execve"), 0, 0)
	call(gone, unix.SYS_CHDIR, ptr("chdir"))
	call(nil, unix.SYS_MKDIRAT, fd, ptr("mkdirat"), 0o755)
	call(gone, unix.SYS_UNLINKAT, fd, ptr("unlinkat"), 0)
	call(nil, unix.SYS_SYMLINKAT, ptr("target"), fd, ptr("symlinkat"))
	call(gone, unix.SYS_RENAMEAT2, fd, ptr("from"), here, ptr("to"), 0)
	call(gone, unix.SYS_LINKAT, fd, ptr("old"), here, ptr("new"), 0)
	call(gone, unix.SYS_FCHMODAT, fd, ptr("fchmodat"), 0o644)
	call(gone, unix.SYS_FCHOWNAT, fd, ptr("fchownat"), 0, 0, 0)
	call(gone, unix.SYS_UTIMENSAT, fd, ptr("utimensat"), 0, 0)
	call(gone, unix.SYS_TRUNCATE, ptr("truncate"), 0)
	inotify := call(nil, unix.SYS_INOTIFY_INIT1, 0)
	call(gone, unix.SYS_INOTIFY_ADD_WATCH, uintptr(inotify), ptr("inotify"), unix.IN_MODIFY)
	call(gone, unix.SYS_OPENAT, here, ptr("caf\xe9"), unix.O_RDONLY, 0)
	list, err := unix.Open("listed", unix.O_RDONLY, 0)
	w.err("listed", err, nil)
	call(nil, unix.SYS_GETDENTS64, uintptr(list), buf, 512)
	created, err := unix.Openat(sub, "created", unix.O_CREAT|unix.O_RDWR, 0o600)
	w.err("created", err, nil)
	call(nil, unix.SYS_UTIMENSAT, uintptr(created), 0, 0, 0) // no path
	return errors.Join(w...)
}

// oddMain makes calls that the kernel refuses, or that have no path, and that must change nothing.
func oddMain([]string) error {
	var w want
	var st unix.Stat_t
	buf := uintptr(unsafe.Pointer(&st))
	check := func(expected error, nr uintptr, args ...uintptr) {
		_, err := raw(nr, args...)
		w.err(fmt.Sprintf("call %d", nr), err, expected)
	}
	long := make([]byte, 5000)
	for i := range long {
		long[i] = 'x'
	}
	deep := make([]byte, 0, 5000)
	for len(deep) < 4093 {
		deep = append(deep, "/deep"...)
	}
	check(unix.EFAULT, unix.SYS_OPENAT, here, 8, 0, 0)
	check(unix.EFAULT, unix.SYS_OPENAT, here, ^uintptr(0), 0, 0)
	check(unix.EFAULT, unix.SYS_OPENAT, here, 0, 0, 0)
	check(unix.ENAMETOOLONG, unix.SYS_OPENAT, here, ptr(string(long)), 0, 0)
	check(unix.ENOENT, unix.SYS_OPENAT, here, ptr(string(deep[:4095])), 0, 0)
	check(unix.ENOENT, unix.SYS_OPENAT, here, ptr(""), 0, 0)
	check(unix.EBADF, unix.SYS_OPENAT, 999, ptr("x"), 0, 0)
	check(unix.ENOTDIR, unix.SYS_OPENAT, 0, ptr("x"), 0, 0)
	check(nil, sysStatAt, 0, ptr(""), buf, unix.AT_EMPTY_PATH)
	check(unix.EFAULT, unix.SYS_CONNECT, 0, 8, 16)
	check(unix.ENOTSOCK, unix.SYS_LISTEN, 0, 16)
	check(unix.ENOSYS, unix.SYS_IO_URING_SETUP, 1, buf)
	check(unix.ENOSYS, unix.SYS_CLONE3, buf, 0)
	// A path across a page's end, whose next page is not there.
	page, err := unix.Mmap(-1, 0, 8192, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return err
	}
	copy(page[4096-9:], "/at/edge\x00")
	if err := unix.Mprotect(page[4096:], unix.PROT_NONE); err != nil {
		return err
	}
	check(unix.ENOENT, unix.SYS_OPENAT, here, uintptr(unsafe.Pointer(&page[4096-9])), 0, 0)
	return errors.Join(w...)
}

func socketsMain(args []string) error {
	var w want
	if err := os.Chdir(args[0]); err != nil {
		return err
	}
	for _, a := range [][2]string{{"tcp4", "127.0.0.1:0"}, {"tcp6", "[::1]:0"}, {"unix", "run.sock"}, {"unix", "@abstract"}} {
		l, err := net.Listen(a[0], a[1])
		w.err(a[1], err, nil)
		if err == nil {
			defer l.Close()
		}
		if err == nil && a[0] == "unix" {
			c, err := net.Dial(a[0], a[1])
			w.err(a[1], err, nil)
			if err == nil {
				c.Close()
			}
		}
	}
	_, err := net.Dial("unix", "gone.sock")
	w.err("gone.sock", err, unix.ENOENT)
	return errors.Join(w...)
}

func chrootMain(args []string) error {
	if err := unix.Chroot(args[0]); err != nil {
		return err
	}
	look("/absolute")
	look("relative") // from the directory outside
	if err := os.Chdir("/"); err != nil {
		return err
	}
	look("../../up")
	look("/to/x")
	return nil
}

func look(path string) {
	_, _ = raw(unix.SYS_OPENAT, here, ptr(path), unix.O_RDONLY)
}

// lookMain opens each path.
func lookMain(args []string) error {
	for _, p := range args {
		look(p)
	}
	return nil
}

// setuidMain becomes another user, as servers do, and then looks paths up: itself, after chdir, by a vfork child, by an
// executed program.
func setuidMain(args []string) error {
	dir := args[0]
	look(dir + "/before")
	if err := syscall.Setgid(1234); err != nil {
		return err
	}
	if err := syscall.Setuid(1234); err != nil {
		return err
	}
	look(dir + "/after")
	if err := os.Chdir(dir); err != nil {
		return err
	}
	look("relative")
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	if out, err := exec.Command(exe, "helper", "look", dir+"/executed", "executed-relative").CombinedOutput(); err != nil { // Go forks by vfork
		return fmt.Errorf("%w: %s", err, out)
	}
	_, err = os.ReadDir(dir)
	return err
}

// threadsMain looks paths up from threads that come and go.
func threadsMain(args []string) error {
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			runtime.LockOSThread() // the thread ends with the goroutine
			look(fmt.Sprintf("%s/thread-%d", args[0], i))
		}()
	}
	wg.Wait()
	return nil
}

// cwdMain changes directories in several ways, also in vain.
func cwdMain(args []string) error {
	var w want
	w.err("a", os.Chdir(args[0]+"/a"), nil)
	look("1")
	w.err("gone", os.Chdir("gone"), unix.ENOENT)
	look("2")
	w.err("..", os.Chdir(".."), nil)
	look("3")
	f, err := os.Open("b")
	w.err("b", err, nil)
	w.err("fchdir", f.Chdir(), nil)
	look("4")
	return errors.Join(w...)
}

func filtersMain(args []string) error {
	runtime.LockOSThread()
	code := []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW}}
	prog := unix.SockFprog{Len: 1, Filter: &code[0]}
	if _, err := raw(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&prog))); err != nil {
		return err
	}
	_, err := raw(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_NEW_LISTENER, uintptr(unsafe.Pointer(&prog)))
	if err != unix.EBUSY {
		return fmt.Errorf("a second listener: %v, want EBUSY", err)
	}
	look(args[0] + "/filtered")
	return nil
}

// floodMain opens many paths: distinct ones, and below /proc.
func floodMain(args []string) error {
	for i := range 20000 {
		look(fmt.Sprintf("%s/flood/%d", args[0], i))
		look(fmt.Sprintf("/proc/%d/flood", i))
	}
	return nil
}

// bombMain forks without end, as far as it may, and reports whether it was stopped in time.
func bombMain([]string) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	var children []*exec.Cmd
	defer func() {
		for _, c := range children {
			_ = c.Process.Kill()
			_ = c.Wait()
		}
	}()
	for range 200 {
		c := exec.Command(exe, "helper", "die", "sleep")
		err := c.Start()
		if errors.Is(err, unix.EAGAIN) {
			fmt.Println(len(children), "children")
			return nil
		}
		if err != nil {
			return err
		}
		children = append(children, c)
	}
	return errors.New("200 processes were not stopped")
}

// closeMain finds no descriptor of the tracer's, closes all that there are, and goes on.
func closeMain(args []string) error {
	for fd := 3; fd < 1024; fd++ {
		name, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
		if err == nil && (strings.Contains(name, "seccomp") || strings.HasPrefix(name, "socket:") || strings.HasPrefix(name, "/proc/")) {
			return fmt.Errorf("descriptor %d is %s", fd, name)
		}
	}
	for fd := 0; fd < 1024; fd++ {
		_ = unix.Close(fd)
	}
	look(args[0] + "/closed")
	return nil
}

// rewriteMain changes a path while it is read.
func rewriteMain(args []string) error {
	path := append([]byte(args[0]+"/rewrite-xxxx"), 0)
	stop := make(chan bool)
	go func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				path[len(path)-2-i%4] = byte('a' + i%26)
				path[len(path)-1] = byte(i & 1)
				path[len(path)-1] = 0
			}
		}
	}()
	for range 5000 {
		rawStat(path)
	}
	close(stop)
	return nil
}

// attackMain tries to reach the tracer's process, its parent.
func attackMain([]string) error {
	pid := os.Getppid()
	if f, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", pid), os.O_RDWR, 0); err == nil {
		f.Close()
		return errors.New("the tracer's memory can be opened")
	}
	runtime.LockOSThread()
	if err := unix.PtraceAttach(pid); err == nil {
		return errors.New("the tracer can be traced")
	}
	if names, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid)); err == nil {
		for _, n := range names {
			if _, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", pid, n.Name())); err == nil {
				return errors.New("the tracer's descriptors can be reached")
			}
		}
	}
	return nil
}

// selfMain prints what a program can find out about itself.
func selfMain(args []string) error {
	wd, err := os.Getwd()
	if err != nil {
		return err
	}
	fmt.Printf("argv %q\nenv %q\ndir %s\nuid %d %d gid %d %d\n", os.Args, os.Environ(), wd, os.Getuid(), os.Geteuid(), os.Getgid(), os.Getegid())
	groups, err := os.Getgroups()
	sid, _ := unix.Getsid(0)
	fmt.Printf("groups %v %v\nleads %v %v\n", groups, err, sid == os.Getpid(), unix.Getpgrp() == os.Getpid())
	fmt.Printf("umask %o\n", unix.Umask(0))
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	for _, line := range strings.Split(string(b), "\n") {
		for _, k := range []string{"SigBlk", "CapPrm", "CapEff", "CapBnd", "CapAmb"} {
			if len(line) > len(k) && line[:len(k)] == k {
				fmt.Println(line)
			}
		}
	}
	for fd := 0; fd < 20; fd++ {
		if name, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd)); err == nil {
			fmt.Println("fd", fd, filepath.Base(name)[:4])
		}
	}
	return nil
}

// dieMain ends as it is told: by a code, by a signal, or by being killed.
func dieMain(args []string) int {
	switch args[0] {
	case "code":
		return 42
	case "signal":
		_ = unix.Kill(os.Getpid(), unix.SIGKILL)
	}
	time.Sleep(time.Minute)
	return 0
}

// rounds use up some 15,000 ids.
const rounds = 75

// churnMain uses up process and thread ids many times over: processes that look a path up and end, are killed, or execute
// another program, beside threads that come and go in one process that lives.
func churnMain(args []string) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	for i := range rounds {
		if err := threadsMain([]string{fmt.Sprintf("%s/round-%d", args[0], i%3)}); err != nil {
			return err
		}
		script := fmt.Sprintf("test -e %s/sh-%d; (test -e %s/sub-%d); exec %s helper look %s/exec-%d", args[0], i, args[0], i, exe, args[0], i)
		if i%3 == 0 {
			script = fmt.Sprintf("test -e %s/sh-%d; (test -e %s/sub-%d; kill -9 $$)", args[0], i, args[0], i)
		}
		_ = exec.Command("/bin/sh", "-c", script).Run() // some are killed
	}
	return nil
}

package observe

import (
	"runtime"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// listener answers the system calls of one started program and its descendants.
type listener struct {
	t     *Tracer
	fd    int
	first int // the started process

	procs    map[int]*process // by process id
	threads  map[int]*process // by thread id
	limit    int              // of procs, whose descriptors are kept open
	bases    map[string]*base
	programs map[string]*program // by the text given to execve
	cached   int64               // bytes of texts and bases
	unread   int64               // paths of the call at hand that could not be read
	creds    credentials

	request  [10]uint64 // struct seccomp_notif
	response [3]uint64  // struct seccomp_notif_resp
	text     [pathMax]byte
	scratch  []byte
	link     []byte
	linkName []byte
}

// maxCached bounds the texts that a listener remembers, in bytes; then it starts anew.
const maxCached = 64 << 20

// event is a system call that waits for its answer.
type event struct {
	id   uint64
	tid  int
	nr   uint32
	args [6]uint64
	p    *process
}

func newListener(t *Tracer, fd, pid int) *listener {
	l := &listener{t: t, fd: fd, first: pid, procs: map[int]*process{}, threads: map[int]*process{}, limit: 256, bases: map[string]*base{}, programs: map[string]*program{}, link: make([]byte, pathMax)}
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err == nil {
		l.limit = int(max(64, min(files.Cur/8, 4096)))
	}
	return l
}

// table of handlers, by number.
var handlers = func() (t [512]*call) {
	for _, c := range calls() {
		t[c.nr] = &c
	}
	return t
}()

// serve answers until no process has the filter.
//
// Where the kernel ends a wait for calls once no process is left, that wait is for the next call; elsewhere poll(2) waits. Only
// in what waits the thread leaves the scheduler (a thread inside a raw call holds up the garbage collector). The thread is never
// unlocked: its file system user changes, and it ends with the goroutine.
func (l *listener) serve() {
	runtime.LockOSThread()
	defer l.close()
	l.creds.init()
	// Since Linux 6.6 the kernel hands the processor from program to tracer and back, without waking another one.
	_, _, _ = unix.Syscall(unix.SYS_IOCTL, uintptr(l.fd), unix.SECCOMP_IOCTL_NOTIF_SET_FLAGS, unix.SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP)
	poll := []unix.PollFd{{Fd: int32(l.fd), Events: unix.POLLIN}}
	for {
		if recvEnds() && l.answer(true) {
			continue
		}
		if _, err := unix.Poll(poll, -1); err != nil {
			if err == unix.EINTR {
				continue
			}
			l.t.note(l.t.untraced, "waiting for system calls: "+err.Error())
			return
		}
		switch {
		case poll[0].Revents&unix.POLLIN != 0:
			if !recvEnds() {
				l.answer(false)
			}
		case poll[0].Revents != 0:
			return
		}
	}
}

// recvEnds tells whether SECCOMP_IOCTL_NOTIF_RECV returns once no process has the filter: since Linux 6.11.
var recvEnds = sync.OnceValue(func() bool { return kernelIs(6, 11) })

// answer answers one call, after waiting for it if it should. It reports false when none came: the process was killed
// meanwhile (ENOENT), or there is none any more.
func (l *listener) answer(wait bool) bool {
	call := unix.RawSyscall
	if wait {
		call = unix.Syscall
	}
	l.request = [len(l.request)]uint64{} // the kernel insists
	_, _, errno := call(unix.SYS_IOCTL, uintptr(l.fd), unix.SECCOMP_IOCTL_NOTIF_RECV, uintptr(unsafe.Pointer(&l.request)))
	if errno != 0 {
		return errno == unix.EINTR
	}
	e := event{id: l.request[0], tid: int(uint32(l.request[1]))}
	arch := uint32(l.request[2] >> 32)
	e.nr = uint32(l.request[2])
	copy(e.args[:], l.request[4:10])
	l.t.events.Add(1)
	l.unread = 0

	errno = unix.ENOSYS
	if arch == auditArch && e.nr < uint32(len(handlers)) && handlers[e.nr] != nil {
		errno = l.handle(&e, handlers[e.nr])
	} else {
		l.foreign(&e)
	}
	l.response = [...]uint64{e.id, 0, 1 << 32} // flags: SECCOMP_USER_NOTIF_FLAG_CONTINUE
	if errno != 0 {
		l.response[2] = uint64(uint32(-int32(errno)))
	}
	_, _, sent := unix.RawSyscall(unix.SYS_IOCTL, uintptr(l.fd), unix.SECCOMP_IOCTL_NOTIF_SEND, uintptr(unsafe.Pointer(&l.response)))
	if sent == 0 { // else the thread was killed meanwhile, or a signal ended the call, which comes again: it looked nothing up
		l.t.unread.Add(l.unread)
	}
	return true
}

func (l *listener) handle(e *event, c *call) unix.Errno {
	if !l.find(e) {
		l.unread++
		return 0
	}
	for _, a := range c.paths {
		l.look(e, a.dir, a.text, a.op)
	}
	if c.handle != nil {
		return c.handle(l, e)
	}
	return 0
}

// foreign notes a call of another ABI, which is refused: its numbers and structures are others.
func (l *listener) foreign(e *event) {
	what := "32-bit program"
	if l.find(e) && e.p.by.name != "" {
		what += " " + e.p.by.name
	}
	l.t.note(l.t.untraced, what+": its system calls were refused (ENOSYS)")
}

// valid tells whether the event's process still waits: if not, its id may be another's by now.
func (l *listener) valid(e *event) bool {
	_, _, errno := unix.RawSyscall(unix.SYS_IOCTL, uintptr(l.fd), unix.SECCOMP_IOCTL_NOTIF_ID_VALID, uintptr(unsafe.Pointer(&e.id)))
	return errno != unix.ENOENT // kernels before 5.9 know the request by another number, and refuse this one
}

func (l *listener) close() {
	for _, p := range l.procs {
		p.close()
	}
	_ = unix.Close(l.fd)
}

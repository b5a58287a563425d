package observe

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// process is what is known of a traced process (a thread group).
//
// Its memory is read through a descriptor that stays valid for as long as that memory lives, whatever ids the process
// takes on; once nothing lives there, reads give 0 bytes, and so a process id that was used again is noticed.
type process struct {
	id, parent int
	uid, gid   int
	threads    []int
	dir        int // /proc/ID
	mem        int // /proc/ID/mem, -1 when it cannot be read
	by         *program
	execName   string // as the kernel put it into the process's memory

	cwd, root *base  // nil: to be read again
	blind     bool   // links below /proc/ID cannot be read
	mover     int    // thread inside a call that changes cwd or root
	guess     string // where it goes, for the blind

	execer  int // thread inside execve
	pending struct{ text, name string }
	vforker int // thread inside vfork, whose child has this memory
	bound   map[int]string
}

func (p *process) close() {
	_ = unix.Close(p.dir)
	if p.mem >= 0 {
		_ = unix.Close(p.mem)
	}
}

// find sets the event's process and settles what its last call did. It reports false for a process that is gone.
func (l *listener) find(e *event) bool {
	p := l.threads[e.tid]
	if p == nil {
		if p = l.admit(e); p == nil {
			return false
		}
	}
	e.p = p
	if p.vforker == e.tid {
		p.vforker = 0
	}
	if p.mover == e.tid {
		p.mover = 0
		l.arrive(p)
	}
	if p.execer != 0 {
		l.settle(e)
	}
	return true
}

// admit learns of a thread that was not seen before, or not under this id.
func (l *listener) admit(e *event) *process {
	s, ok := l.status(e.tid)
	if !ok {
		return nil
	}
	p := l.procs[s.id]
	if p != nil && !p.lives() {
		l.drop(p)
		p = nil
	}
	if p == nil {
		if len(l.procs) >= l.limit {
			l.sweep()
		}
		dir, err := unix.Open("/proc/"+strconv.Itoa(s.id), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return nil
		}
		p = &process{id: s.id, parent: s.parent, uid: s.uid, gid: s.gid, dir: dir, mem: -1, by: &program{}}
		l.openMemory(p)
		if !l.valid(e) {
			p.close()
			return nil
		}
		l.born(p)
		l.procs[p.id] = p
	}
	p.threads = append(p.threads, e.tid)
	l.threads[e.tid] = p
	return p
}

func (p *process) lives() bool {
	return unix.Faccessat(p.dir, "mem", unix.F_OK, 0) == nil
}

// born takes over from the parent what a new process has of it.
func (l *listener) born(p *process) {
	parent := l.procs[p.parent]
	if parent != nil && p.mem < 0 && parent.mem >= 0 && parent.vforker != 0 {
		if fd, err := unix.FcntlInt(uintptr(parent.mem), unix.F_DUPFD_CLOEXEC, 0); err == nil {
			p.mem = fd
		}
	}
	p.execName = l.nameGiven(p)
	l.readLinks(p)
	switch known := l.programs[p.execName]; {
	case parent != nil && (p.execName == parent.execName || p.execName == ""):
		p.by, p.execName = parent.by, parent.execName
	case p.id == l.first:
	case known != nil:
		p.by = known
	case p.execName != "" && p.cwd != nil:
		p.by = &program{name: string(l.base(p, []byte(p.execName)).join(nil, []byte(p.execName)))}
	}
	if parent != nil && p.blind {
		p.cwd, p.root = parent.cwd, parent.root
	}
}

// drop forgets a process.
func (l *listener) drop(p *process) {
	for _, tid := range p.threads {
		if l.threads[tid] == p {
			delete(l.threads, tid)
		}
	}
	if l.procs[p.id] == p {
		delete(l.procs, p.id)
	}
	p.close()
}

// sweep makes room: processes that were killed go; if that is not enough, others whose memory can be opened again.
func (l *listener) sweep() {
	for _, p := range l.procs {
		if !p.lives() {
			l.drop(p)
		}
	}
	for _, p := range l.procs {
		if len(l.procs) < l.limit*3/4 {
			return
		}
		if !p.blind && p.execer == 0 && p.vforker == 0 {
			l.drop(p)
		}
	}
}

// settle finds out whether an execve succeeded: then the new memory holds the name that it was given.
func (l *listener) settle(e *event) {
	p := e.p
	if s, ok := l.status(p.id); ok {
		p.uid, p.gid, p.parent = s.uid, s.gid, s.parent
	}
	l.openMemory(p)
	name := l.nameGiven(p)
	if name == p.pending.text {
		p.by, p.execName = l.program(name, p.pending.name), name
	}
	if !p.blind || name == p.pending.text {
		l.readLinks(p)
	}
	if e.tid == p.execer || e.tid == p.id {
		p.execer = 0
	}
}

// program returns the one value for a program, by the name that execve was given for it.
func (l *listener) program(text, name string) *program {
	if p := l.programs[text]; p != nil && p.name == name {
		return p
	}
	if len(l.programs) >= maxPrograms {
		clear(l.programs)
	}
	p := &program{name: name}
	l.programs[text] = p
	return p
}

// maxPrograms bounds the programs that a listener remembers.
const maxPrograms = 1000

// openMemory opens a process's memory, unless it cannot be: then the descriptor from before, if any, has to do.
func (l *listener) openMemory(p *process) bool {
	l.creds.become(p.uid, p.gid)
	fd, err := unix.Openat(p.dir, "mem", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	if p.mem >= 0 {
		_ = unix.Close(p.mem)
	}
	p.mem = fd
	return true
}

// nameGiven reads the name that execve was given for the process's program (getauxval(3), AT_EXECFN), "" if it cannot.
func (l *listener) nameGiven(p *process) string {
	if p.mem < 0 {
		return ""
	}
	l.creds.become(p.uid, p.gid)
	fd, err := unix.Openat(p.dir, "auxv", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return ""
	}
	defer unix.Close(fd)
	const atExecfn = 31
	var b [1024]byte
	n, err := unix.Read(fd, b[:])
	if err != nil {
		return ""
	}
	for v := b[:n]; len(v) >= 16; v = v[16:] {
		if binary.NativeEndian.Uint64(v) == atExecfn {
			var name [pathMax]byte
			s, ok, _ := readText(p.mem, binary.NativeEndian.Uint64(v[8:]), name[:])
			if !ok {
				return ""
			}
			return string(s)
		}
	}
	return ""
}

// status is what /proc/ID/status tells everybody.
type status struct{ id, parent, uid, gid int }

func (l *listener) status(tid int) (s status, ok bool) {
	fd, err := unix.Open("/proc/"+strconv.Itoa(tid)+"/status", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return s, false
	}
	defer unix.Close(fd)
	var b [1024]byte // the ids are among the first lines
	n, err := unix.Read(fd, b[:])
	if err != nil {
		return s, false
	}
	for _, f := range []struct {
		key   string
		field int
		to    *int
	}{{"\nTgid:", 0, &s.id}, {"\nPPid:", 0, &s.parent}, {"\nUid:", 1, &s.uid}, {"\nGid:", 1, &s.gid}} {
		i := bytes.Index(b[:n], []byte(f.key)) // a newline in the process's name is escaped
		if i < 0 {
			return s, false
		}
		line, _, _ := bytes.Cut(b[i+len(f.key):n], []byte{'\n'})
		words := bytes.Fields(line)
		if len(words) <= f.field {
			return s, false
		}
		if *f.to, err = strconv.Atoi(string(words[f.field])); err != nil {
			return s, false
		}
	}
	return s, true
}

// readText reads a text that ends with a zero byte. ok is false for a bad address and for one that is too long, which
// the kernel refuses as well; gone is true when the memory is no more.
func readText(mem int, addr uint64, buf []byte) (s []byte, ok, gone bool) {
	const first = 256 // most are shorter; copying a page costs as much as the rest of the call
	for n := 0; n < len(buf); {
		at := (addr + uint64(n)) & addressMask
		want := min(len(buf)-n, 4096-int(at&4095)) // the next page may not be there
		if n == 0 {
			want = min(want, first)
		}
		got, err := pread(mem, buf[n:n+want], int64(at))
		if err != 0 || got == 0 {
			return nil, false, err == 0
		}
		if i := bytes.IndexByte(buf[n:n+got], 0); i >= 0 {
			return buf[:n+i], true, false
		}
		n += got
	}
	return nil, false, false
}

func pread(fd int, b []byte, at int64) (int, syscall.Errno) {
	for {
		// Not raw: the page may have to come from a disk.
		n, _, errno := unix.Syscall6(unix.SYS_PREAD64, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), uintptr(at), 0, 0)
		if errno != unix.EINTR {
			return int(n), errno
		}
	}
}

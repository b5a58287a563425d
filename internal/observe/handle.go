package observe

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

func (l *listener) open(e *event, dir, text int, flags uint64) unix.Errno {
	l.look(e, dir, text, l.openOps(e.p, flags))
	return 0
}

func (l *listener) openOps(p *process, flags uint64) Ops {
	var op Ops
	switch {
	case flags&unix.O_PATH != 0:
		return Stat
	case flags&unix.O_ACCMODE == unix.O_RDONLY:
		op = Open
	case flags&unix.O_ACCMODE == unix.O_WRONLY:
		op = Write
	default:
		op = Open | Write
	}
	if flags&(unix.O_CREAT|unix.O_TRUNC) != 0 || flags&unix.O_TMPFILE == unix.O_TMPFILE {
		op |= Write
	}
	if flags&unix.O_DIRECTORY != 0 && p.blind {
		op |= List // what its descriptors are cannot be asked later
	}
	return op
}

// openat2 has its flags in memory: struct open_how { flags, mode, resolve }.
func (l *listener) openat2(e *event) unix.Errno {
	var how [24]byte
	if e.p.mem < 0 || e.args[2] == 0 {
		return l.open(e, 0, 1, unix.O_RDONLY)
	}
	if n, errno := pread(e.p.mem, how[:], int64(e.args[2]&addressMask)); errno != 0 || n < len(how) {
		return l.open(e, 0, 1, unix.O_RDONLY)
	}
	flags, resolve := binary.NativeEndian.Uint64(how[:]), binary.NativeEndian.Uint64(how[16:])
	if resolve&unix.RESOLVE_IN_ROOT == 0 {
		return l.open(e, 0, 1, flags)
	}
	s, ok := l.readPath(e, e.args[1])
	if !ok {
		return 0
	}
	s = slices.Clone(s)
	var d *base
	if int32(e.args[0]) == unix.AT_FDCWD {
		d = l.base(e.p, nil)
	} else {
		d = l.fdBase(e, 0)
	}
	if d != nil { // the directory is the root for this call
		l.see(e.p, &base{name: d.name, root: len(strings.TrimSuffix(d.name, "/")), texts: map[string]*entry{}}, s, l.openOps(e.p, flags))
	}
	return 0
}

func (l *listener) list(e *event) unix.Errno {
	name, ok := l.readFD(e.p, e.args[0])
	switch {
	case !ok && !e.p.blind:
		l.unread++
	case ok:
		if d := l.placeFor(e.p, name); d != nil {
			l.see(e.p, d, nil, List)
		}
	}
	return 0
}

func (l *listener) exec(e *event, dir, text int) unix.Errno {
	s, ok := l.readPath(e, e.args[text])
	if !ok {
		e.p.execer, e.p.pending.text, e.p.pending.name = e.tid, "", ""
		return 0
	}
	s = slices.Clone(s)
	p := e.p
	p.execer, p.pending.text, p.pending.name = e.tid, string(s), ""
	d := l.start(e, dir, s)
	if d == nil {
		return 0
	}
	l.see(p, d, s, Exec)
	p.pending.name = string(d.join(nil, s))
	if dir >= 0 && (len(s) == 0 || s[0] != '/') && int32(e.args[dir]) != unix.AT_FDCWD {
		p.pending.text = fdName(e.args[dir], string(s))
	}
	if !l.t.paused.Load() && disarmed(p) {
		l.t.note(l.t.setuid, p.pending.name)
	}
	return 0
}

// disarmed tells whether no_new_privs takes privilege from the program that the process is about to become.
func disarmed(p *process) bool {
	var st unix.Stat_t
	if unix.Stat(p.pending.name, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		return false
	}
	if st.Mode&unix.S_ISUID != 0 && int(st.Uid) != p.uid || st.Mode&unix.S_ISGID != 0 && st.Mode&0o010 != 0 && int(st.Gid) != p.gid {
		return true
	}
	n, err := unix.Getxattr(p.pending.name, "security.capability", nil)
	return err == nil && n > 0 && p.uid != 0
}

func (l *listener) chdir(e *event, root bool) unix.Errno {
	s, ok := l.readPath(e, e.args[0])
	if !ok {
		return l.moves(e)
	}
	if d := l.start(e, cwd, s); d != nil {
		if !root {
			e.p.guess = string(d.join(nil, s))
		}
		l.see(e.p, d, s, Chdir)
	}
	return l.moves(e)
}

func (l *listener) fchdir(e *event) unix.Errno {
	if name, ok := l.readFD(e.p, e.args[0]); ok {
		if d := l.placeFor(e.p, name); d != nil {
			l.see(e.p, d, nil, Chdir)
		}
	}
	return l.moves(e)
}

// moves is called for what changes the working or root directory, once it is done.
func (l *listener) moves(e *event) unix.Errno {
	e.p.mover = e.tid
	return 0
}

// hides is called before a process becomes undumpable: its memory is opened, and its directories learned, while they can be.
func (l *listener) hides(e *event) unix.Errno {
	if s, ok := l.status(e.p.id); ok {
		e.p.uid, e.p.gid = s.uid, s.gid
	}
	if l.openMemory(e.p) {
		l.readLinks(e.p)
	}
	return l.moves(e) // to find out, afterwards, whether the links can still be read
}

// leaves is called before a process enters other name spaces: a user name space as well makes its memory unreadable.
func (l *listener) leaves(e *event) unix.Errno {
	_ = l.hides(e) // never refuses
	return l.moves(e)
}

func (l *listener) fork(e *event) unix.Errno {
	if !l.t.procs.admit() {
		l.t.note(l.t.notes, "more processes than the bound: fork was refused (EAGAIN)")
		return unix.EAGAIN
	}
	if flags := e.args[0]; e.nr == sysVfork || e.nr == unix.SYS_CLONE && flags&(unix.CLONE_VM|unix.CLONE_VFORK) != 0 {
		e.p.vforker = e.tid
	}
	return 0
}

func (l *listener) exitThread(e *event) unix.Errno {
	p := e.p
	delete(l.threads, e.tid)
	if i := slices.Index(p.threads, e.tid); i >= 0 {
		p.threads = slices.Delete(p.threads, i, i+1)
	}
	return 0
}

func (l *listener) exit(e *event) unix.Errno {
	l.t.procs.alive.Add(-1)
	l.drop(e.p)
	return 0
}

func (l *listener) filters(e *event) unix.Errno {
	what := "a program"
	if e.p.by.name != "" {
		what = e.p.by.name
	}
	l.t.note(l.t.notes, what+" asked for a seccomp listener of its own, which only one tracer can have (EBUSY)")
	return 0
}

// address reads a socket address: what kind it is and its name.
func (l *listener) address(e *event) (kind, name string) {
	var b [128]byte // struct sockaddr_storage
	n := min(int(uint32(e.args[2])), len(b))
	if n < 2 || e.args[1] == 0 {
		return "", ""
	}
	if e.p.mem < 0 {
		l.unread++
		return "", ""
	}
	if got, errno := pread(e.p.mem, b[:n], int64(e.args[1]&addressMask)); errno != 0 || got < n {
		return "", ""
	}
	port := binary.BigEndian.Uint16(b[2:])
	switch binary.NativeEndian.Uint16(b[:]) {
	case unix.AF_INET:
		return "tcp", netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[4:8])), port).String()
	case unix.AF_INET6:
		return "tcp", netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[8:24])), port).String()
	case unix.AF_UNIX:
		switch {
		case n == 2:
			return "", ""
		case b[2] == 0:
			return "unix", "@" + string(b[3:n])
		}
		name, _, _ := strings.Cut(string(b[2:n]), "\x00")
		return "unix", name
	}
	return "", ""
}

func (l *listener) bind(e *event) unix.Errno {
	kind, name := l.address(e)
	if kind == "" {
		return 0
	}
	if kind == "unix" && !strings.HasPrefix(name, "@") {
		d := l.start(e, cwd, []byte(name))
		if d == nil {
			return 0
		}
		l.see(e.p, d, []byte(name), Write)
		name = string(d.join(nil, []byte(name)))
	}
	if e.p.bound == nil {
		e.p.bound = map[int]string{}
	}
	if len(e.p.bound) < 1000 {
		e.p.bound[int(int32(e.args[0]))] = kind + " " + name
	}
	return 0
}

func (l *listener) connect(e *event) unix.Errno {
	kind, name := l.address(e)
	if kind == "unix" && !strings.HasPrefix(name, "@") {
		if d := l.start(e, cwd, []byte(name)); d != nil {
			l.see(e.p, d, []byte(name), Connect)
		}
	}
	return 0
}

// listen names the address that the socket was bound to by the process or one that it descends from.
func (l *listener) listen(e *event) unix.Errno {
	if l.t.paused.Load() {
		return 0
	}
	for p, hops := e.p, 0; p != nil && hops < 64; p, hops = l.procs[p.parent], hops+1 {
		if name, ok := p.bound[int(int32(e.args[0]))]; ok {
			l.t.note(l.t.listens, name)
			return 0
		}
	}
	return 0
}

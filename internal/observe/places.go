package observe

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// base is where a text starts from: the root directory, or the working one.
func (l *listener) base(p *process, text []byte) *base {
	if p.root == nil || p.cwd == nil || p.mover != 0 {
		l.readLinks(p)
	}
	if len(text) > 0 && text[0] == '/' {
		return p.root
	}
	return p.cwd
}

// readLinks learns the working and root directory, if they can be learned.
func (l *listener) readLinks(p *process) {
	root, ok := l.readLink(p, "root")
	p.blind = !ok
	if !ok {
		return
	}
	floor := len(root)
	if floor == 1 { // "/"
		floor = 0
	}
	if p.root = l.place(floor, root); p.root == nil {
		return
	}
	p.cwd = nil
	if cwd, ok := l.readLink(p, "cwd"); ok {
		p.cwd = l.placeFor(p, cwd)
	}
}

// arrive learns where a process went. That of a blind one went where it wanted, if there is such a directory.
func (l *listener) arrive(p *process) {
	l.readLinks(p)
	if p.blind && p.guess != "" {
		var st unix.Stat_t
		if unix.Stat(p.guess, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR {
			p.cwd = l.placeFor(p, []byte(p.guess))
		}
	}
	p.guess = ""
}

// place returns the base for a directory as /proc tells it, nil for what is none ("pipe:[1]", "(unreachable)/x"). ".."
// does not leave the first root bytes of it.
func (l *listener) place(root int, name []byte) *base {
	if len(name) == 0 || name[0] != '/' {
		return nil
	}
	if l.cached > maxCached {
		l.forget()
	}
	l.linkName = append(strconv.AppendInt(l.linkName[:0], int64(root), 10), name...)
	if b := l.bases[string(l.linkName)]; b != nil {
		return b
	}
	b := &base{name: string(name), root: root, texts: map[string]*entry{}}
	l.bases[string(l.linkName)] = b
	l.cached += int64(2*len(name)) + 200
	return b
}

// placeFor is place within the process's root directory.
func (l *listener) placeFor(p *process, name []byte) *base {
	if p.root == nil {
		return l.place(0, name)
	}
	return l.place(p.root.root, name)
}

// forget starts the caches anew.
func (l *listener) forget() {
	clear(l.bases)
	l.cached = 0
	for _, p := range l.procs {
		for _, b := range []**base{&p.root, &p.cwd} {
			if *b != nil {
				*b = l.place((*b).root, []byte((*b).name))
			}
		}
	}
}

// readLink reads a symbolic link below /proc/ID. The result is valid until the next call.
func (l *listener) readLink(p *process, name string) ([]byte, bool) {
	l.linkName = append(append(l.linkName[:0], name...), 0)
	return l.readLinkName(p)
}

// readFD reads what a descriptor of the process is.
func (l *listener) readFD(p *process, fd uint64) ([]byte, bool) {
	l.linkName = append(strconv.AppendInt(append(l.linkName[:0], "fd/"...), int64(int32(fd)), 10), 0)
	return l.readLinkName(p)
}

func (l *listener) readLinkName(p *process) ([]byte, bool) {
	l.creds.become(p.uid, p.gid)
	n, _, errno := unix.Syscall6(unix.SYS_READLINKAT, uintptr(p.dir), uintptr(unsafe.Pointer(&l.linkName[0])), uintptr(unsafe.Pointer(&l.link[0])), uintptr(len(l.link)), 0, 0)
	if errno != 0 {
		return nil, errno == unix.ENOENT && bytes.HasPrefix(l.linkName, []byte("fd/"))
	}
	return l.link[:n], true
}

// readPath reads the path at an address. It reports false when there is none that the kernel would take, and for a
// process that cannot be read, which it counts.
func (l *listener) readPath(e *event, addr uint64) ([]byte, bool) {
	if addr == 0 {
		return nil, false
	}
	for range 2 {
		if e.p.mem < 0 {
			break
		}
		s, ok, gone := readText(e.p.mem, addr, l.text[:])
		if !gone {
			return s, ok
		}
		l.drop(e.p) // its id is another's now
		if !l.find(e) {
			break
		}
	}
	l.unread++
	return nil, false
}

// look records the path of a call.
func (l *listener) look(e *event, dir, text int, op Ops) {
	if s, ok := l.readPath(e, e.args[text]); ok {
		if d := l.start(e, dir, s); d != nil {
			l.see(e.p, d, s, op)
		}
	}
}

// start is the directory from which a call looks up a text, or nil. An empty text means that directory itself.
func (l *listener) start(e *event, dir int, text []byte) *base {
	if dir == cwd || int32(e.args[dir]) == unix.AT_FDCWD || len(text) > 0 && text[0] == '/' {
		if len(text) == 0 {
			return nil // ENOENT
		}
		d := l.base(e.p, text)
		if d == nil {
			l.unread++
		}
		return d
	}
	return l.fdBase(e, dir)
}

func (l *listener) fdBase(e *event, arg int) *base {
	name, ok := l.readFD(e.p, e.args[arg])
	if !ok {
		l.unread++
		return nil
	}
	return l.placeFor(e.p, name)
}

// see records a text at a base.
func (l *listener) see(p *process, d *base, text []byte, op Ops) {
	if l.t.paused.Load() {
		return
	}
	if en := d.texts[string(text)]; en != nil {
		en.see(op)
		return
	}
	l.scratch = d.join(l.scratch[:0], text)
	en := l.t.table.see(l.scratch, op, l.t.phase.Load(), p.by)
	if d.root > 0 {
		l.links(p, d, op) // each time: what stands at its end is to have every op
		return
	}
	if en == nil || l.cached > maxCached {
		return
	}
	d.texts[string(text)] = en
	l.cached += int64(len(text)) + 64
}

// links records where the links on the way of the path in l.scratch lead, which is below a root directory of the process's own: who
// reads the record knows of one root, and would take an absolute link for a path of that.
func (l *listener) links(p *process, d *base, op Ops) {
	at := string(l.scratch)
	for range maxLinks {
		to, ok := d.follow(at)
		if !ok {
			return
		}
		at = to
		l.t.table.see([]byte(at), op, l.t.phase.Load(), p.by)
	}
}

// maxLinks is how many symbolic links the kernel follows for one path (path_resolution(7)).
const maxLinks = 40

// follow replaces the first symbolic link in a path below the base's root by what it points to.
func (d *base) follow(path string) (string, bool) {
	if len(path) <= d.root || path[d.root] != '/' {
		return "", false // it is outside
	}
	for end := d.root; end < len(path); {
		n := strings.IndexByte(path[end+1:], '/')
		if n < 0 {
			n = len(path) - end - 1
		}
		dir := path[:max(end, 1)]
		end += 1 + n
		to, err := os.Readlink(path[:end])
		if err != nil {
			continue // no link; what is below nothing is none either
		}
		if strings.HasPrefix(to, "/") {
			dir = path[:d.root]
		}
		return string((&base{name: dir, root: d.root}).join(nil, []byte(to+path[end:]))), true
	}
	return "", false
}

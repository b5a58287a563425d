package observe

import (
	"golang.org/x/sys/unix"
)

// credentials are the tracer thread's. The kernel lets a thread read another process's memory and links below /proc
// when its file system ids are all of that process's ids and its effective capabilities include those permitted to it
// (ptrace(2), "Ptrace access mode checking"); CAP_SYS_PTRACE is then not needed. A root tracer takes on those ids.
type credentials struct {
	root     bool
	uid, gid int
	caps     [2]unix.CapUserData
}

func (c *credentials) init() {
	c.uid, c.gid = unix.Geteuid(), unix.Getegid()
	h := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	c.root = c.uid == 0 && unix.Capget(&h, &c.caps[0]) == nil
	for i := range c.caps {
		c.caps[i].Effective = c.caps[i].Permitted
	}
}

// become makes the thread's file system ids the given ones. Capabilities that a change from uid 0 takes out of the
// effective set (capabilities(7)) are put back, for the comparison above.
func (c *credentials) become(uid, gid int) {
	if !c.root || c.uid == uid && c.gid == gid {
		return
	}
	// Without CAP_SETUID and CAP_SETGID nothing happens, and the process turns out to be unreadable.
	_, _, _ = unix.RawSyscall(unix.SYS_SETFSGID, uintptr(gid), 0, 0)
	_, _, _ = unix.RawSyscall(unix.SYS_SETFSUID, uintptr(uid), 0, 0)
	h := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	_ = unix.Capset(&h, &c.caps[0])
	c.uid, c.gid = uid, gid
}

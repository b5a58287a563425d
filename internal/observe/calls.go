package observe

import (
	"golang.org/x/sys/unix"
)

// call is a system call that the kernel asks about.
type call struct {
	nr     uint32
	paths  []pathArg
	handle func(l *listener, e *event) unix.Errno // what else it means; 0 lets it run
}

// pathArg is an argument that holds a path.
type pathArg struct {
	dir  int // argument with the descriptor of the directory that a relative path starts from; cwd for none
	text int // argument with the path's address
	op   Ops
}

const cwd = -1

func path(nr uint32, text int, op Ops) call {
	return call{nr: nr, paths: []pathArg{{cwd, text, op}}}
}

func pathAt(nr uint32, dir, text int, op Ops) call {
	return call{nr: nr, paths: []pathArg{{dir, text, op}}}
}

func special(nr uint32, h func(*listener, *event) unix.Errno) call { return call{nr: nr, handle: h} }

// calls are those of every architecture; archCalls adds what only older ones have.
func calls() []call {
	common := []call{
		special(unix.SYS_OPENAT, func(l *listener, e *event) unix.Errno { return l.open(e, 0, 1, e.args[2]) }),
		special(unix.SYS_OPENAT2, (*listener).openat2),
		pathAt(unix.SYS_STATX, 0, 1, Stat),
		pathAt(unix.SYS_FACCESSAT, 0, 1, Access),
		pathAt(unix.SYS_FACCESSAT2, 0, 1, Access),
		pathAt(unix.SYS_READLINKAT, 0, 1, Readlink),
		pathAt(unix.SYS_NAME_TO_HANDLE_AT, 0, 1, Stat),
		path(unix.SYS_STATFS, 0, Stat),
		path(unix.SYS_INOTIFY_ADD_WATCH, 1, Stat),
		pathAt(unix.SYS_FANOTIFY_MARK, 3, 4, Stat),
		special(unix.SYS_GETDENTS64, (*listener).list),

		special(unix.SYS_EXECVE, func(l *listener, e *event) unix.Errno { return l.exec(e, cwd, 0) }),
		special(unix.SYS_EXECVEAT, func(l *listener, e *event) unix.Errno { return l.exec(e, 0, 1) }),
		special(unix.SYS_CHDIR, func(l *listener, e *event) unix.Errno { return l.chdir(e, false) }),
		special(unix.SYS_CHROOT, func(l *listener, e *event) unix.Errno { return l.chdir(e, true) }),
		special(unix.SYS_FCHDIR, (*listener).fchdir),
		special(unix.SYS_UNSHARE, (*listener).leaves),
		special(unix.SYS_SETNS, (*listener).leaves),

		pathAt(unix.SYS_MKDIRAT, 0, 1, Write),
		pathAt(unix.SYS_MKNODAT, 0, 1, Write),
		pathAt(unix.SYS_UNLINKAT, 0, 1, Write),
		pathAt(unix.SYS_SYMLINKAT, 1, 2, Write),
		pathAt(unix.SYS_FCHMODAT, 0, 1, Write),
		pathAt(unix.SYS_FCHMODAT2, 0, 1, Write),
		pathAt(unix.SYS_FCHOWNAT, 0, 1, Write),
		pathAt(unix.SYS_UTIMENSAT, 0, 1, Write),
		path(unix.SYS_TRUNCATE, 0, Write),
		{nr: unix.SYS_LINKAT, paths: []pathArg{{0, 1, Stat}, {2, 3, Write}}},
		{nr: unix.SYS_RENAMEAT2, paths: []pathArg{{0, 1, Write}, {2, 3, Write}}},

		path(unix.SYS_GETXATTR, 0, Stat),
		path(unix.SYS_LGETXATTR, 0, Stat),
		path(unix.SYS_LISTXATTR, 0, Stat),
		path(unix.SYS_LLISTXATTR, 0, Stat),
		path(unix.SYS_SETXATTR, 0, Write),
		path(unix.SYS_LSETXATTR, 0, Write),
		path(unix.SYS_REMOVEXATTR, 0, Write),
		path(unix.SYS_LREMOVEXATTR, 0, Write),
		pathAt(unix.SYS_GETXATTRAT, 0, 1, Stat),
		pathAt(unix.SYS_LISTXATTRAT, 0, 1, Stat),
		pathAt(unix.SYS_SETXATTRAT, 0, 1, Write),
		pathAt(unix.SYS_REMOVEXATTRAT, 0, 1, Write),
		pathAt(unix.SYS_FILE_GETATTR, 0, 1, Stat),
		pathAt(unix.SYS_FILE_SETATTR, 0, 1, Write),

		path(unix.SYS_MOUNT, 1, Write),
		path(unix.SYS_UMOUNT2, 0, Write),
		pathAt(unix.SYS_OPEN_TREE, 0, 1, Stat),
		pathAt(unix.SYS_OPEN_TREE_ATTR, 0, 1, Stat),
		pathAt(unix.SYS_FSPICK, 0, 1, Stat),
		pathAt(unix.SYS_MOUNT_SETATTR, 0, 1, Write),
		{nr: unix.SYS_MOVE_MOUNT, paths: []pathArg{{0, 1, Stat}, {2, 3, Write}}},
		{nr: unix.SYS_PIVOT_ROOT, paths: []pathArg{{cwd, 0, Chdir}, {cwd, 1, Write}}, handle: (*listener).moves},

		special(unix.SYS_BIND, (*listener).bind),
		special(unix.SYS_CONNECT, (*listener).connect),
		special(unix.SYS_LISTEN, (*listener).listen),

		special(unix.SYS_CLONE, (*listener).fork),
		special(unix.SYS_EXIT, (*listener).exitThread),
		special(unix.SYS_EXIT_GROUP, (*listener).exit),

		special(unix.SYS_SECCOMP, (*listener).filters),
	}
	// After these a process is not dumpable, so that its memory can be read only through a descriptor opened before.
	for _, nr := range []uint32{unix.SYS_SETUID, unix.SYS_SETGID, unix.SYS_SETREUID, unix.SYS_SETREGID, unix.SYS_SETRESUID, unix.SYS_SETRESGID,
		unix.SYS_SETFSUID, unix.SYS_SETFSGID, unix.SYS_SETGROUPS, unix.SYS_CAPSET, unix.SYS_PRCTL} {
		common = append(common, special(nr, (*listener).hides))
	}
	return append(common, archCalls()...)
}

// refused are answered by the filter itself, as Docker's default profile does: clone3 hides its flags from filters (C libraries
// then call clone), io_uring opens files without system calls (programs then do without), and userfaultfd could make the
// tracer wait for the program when it reads its memory.
var refused = map[uint32]unix.Errno{
	unix.SYS_CLONE3:            unix.ENOSYS,
	unix.SYS_IO_URING_SETUP:    unix.ENOSYS,
	unix.SYS_IO_URING_ENTER:    unix.ENOSYS,
	unix.SYS_IO_URING_REGISTER: unix.ENOSYS,
	unix.SYS_USERFAULTFD:       unix.EPERM,
}

package observe

import "golang.org/x/sys/unix"

const (
	auditArch   = unix.AUDIT_ARCH_X86_64
	addressMask = 1<<63 - 1
	sysStatAt   = unix.SYS_NEWFSTATAT
	x32Bit      = 0x40000000 // of a call's number: the x32 ABI (asm/unistd.h)
	sysVfork    = unix.SYS_VFORK
)

// archCalls are those that newer architectures have only with a directory's descriptor.
func archCalls() []call {
	return []call{
		special(unix.SYS_OPEN, func(l *listener, e *event) unix.Errno { return l.open(e, cwd, 0, e.args[1]) }),
		special(unix.SYS_CREAT, func(l *listener, e *event) unix.Errno {
			return l.open(e, cwd, 0, unix.O_CREAT|unix.O_WRONLY|unix.O_TRUNC)
		}),
		pathAt(unix.SYS_NEWFSTATAT, 0, 1, Stat),
		path(unix.SYS_STAT, 0, Stat),
		path(unix.SYS_LSTAT, 0, Stat),
		path(unix.SYS_ACCESS, 0, Access),
		path(unix.SYS_READLINK, 0, Readlink),
		special(unix.SYS_GETDENTS, (*listener).list),
		path(unix.SYS_MKDIR, 0, Write),
		path(unix.SYS_RMDIR, 0, Write),
		path(unix.SYS_UNLINK, 0, Write),
		path(unix.SYS_MKNOD, 0, Write),
		path(unix.SYS_SYMLINK, 1, Write),
		path(unix.SYS_CHMOD, 0, Write),
		path(unix.SYS_CHOWN, 0, Write),
		path(unix.SYS_LCHOWN, 0, Write),
		path(unix.SYS_UTIME, 0, Write),
		path(unix.SYS_UTIMES, 0, Write),
		pathAt(unix.SYS_FUTIMESAT, 0, 1, Write),
		{nr: unix.SYS_LINK, paths: []pathArg{{cwd, 0, Stat}, {cwd, 1, Write}}},
		{nr: unix.SYS_RENAME, paths: []pathArg{{cwd, 0, Write}, {cwd, 1, Write}}},
		{nr: unix.SYS_RENAMEAT, paths: []pathArg{{0, 1, Write}, {2, 3, Write}}},
		special(unix.SYS_FORK, (*listener).fork),
		special(unix.SYS_VFORK, (*listener).fork),
	}
}

package observe

import (
	"os/exec"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// StartBare starts cmd below the tracer's filter and lets every call through unread: what is left of a tracer is what the kernel's
// notifications cost.
func StartBare(cmd *exec.Cmd) error {
	request, err := target{cmd.Path, cmd.Args, cmd.Environ()}.encode()
	if err != nil {
		return err
	}
	socks, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(socks[0])
	if err := startTrampoline(cmd, socks[1]); err != nil {
		return err
	}
	if err := unix.Sendmsg(socks[0], request, nil, nil, 0); err != nil {
		return err
	}
	_, _, fd, err := receive(socks[0])
	if err != nil {
		return err
	}
	go func() {
		runtime.LockOSThread()
		defer unix.Close(fd)
		_, _, _ = unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SECCOMP_IOCTL_NOTIF_SET_FLAGS, unix.SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP)
		var l listener
		for {
			l.request = [len(l.request)]uint64{}
			_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SECCOMP_IOCTL_NOTIF_RECV, uintptr(unsafe.Pointer(&l.request)))
			if errno == unix.EINTR {
				continue
			}
			if errno != 0 {
				return
			}
			l.response = [...]uint64{l.request[0], 0, 1 << 32}
			_, _, _ = unix.RawSyscall(unix.SYS_IOCTL, uintptr(fd), unix.SECCOMP_IOCTL_NOTIF_SEND, uintptr(unsafe.Pointer(&l.response)))
		}
	}()
	return nil
}

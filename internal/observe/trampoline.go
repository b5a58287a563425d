package observe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The trampoline is this binary between fork and the program's execve: it installs the filter, which only the process
// itself can do without privilege, hands the listener to the tracer and becomes the program.

// trampolineName is argument 0 of the trampoline; argument 1 is the descriptor of its socket.
const trampolineName = "lighten-trace-exec"

// IsTrampoline tells whether the process was started by a [Tracer]. A binary that traces asks first thing in main.
func IsTrampoline(args []string) bool { return len(args) == 2 && args[0] == trampolineName }

// TrampolineMain becomes the program that the tracer asks for. It returns an exit code when that fails.
func TrampolineMain(args []string) int {
	runtime.LockOSThread() // the filter is this thread's, and execve from it makes it the program's
	fd, err := strconv.Atoi(args[1])
	if err != nil {
		return 127
	}
	unix.CloseOnExec(fd)
	p, err := readTarget(fd)
	if err != nil {
		return 127
	}
	if err := handListener(fd); err != nil {
		return 127
	}
	err = syscall.Exec(p.path, p.argv, p.env) // it restores the limit of open files, which Go raised
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		errno = unix.EINVAL
	}
	_ = send(fd, answerFailed, errno, -1)
	return 127
}

// handListener installs the filter and sends its listener, or why there is none: the program runs untraced then.
func handListener(fd int) error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return send(fd, answerUntraced, errnoOf(err), -1)
	}
	code := filter()
	prog := unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]}
	// Without WAIT_KILLABLE_RECV (Linux 5.19) a signal interrupts a call that the tracer has seen, which then comes again.
	for _, flags := range []uintptr{unix.SECCOMP_FILTER_FLAG_NEW_LISTENER | unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, unix.SECCOMP_FILTER_FLAG_NEW_LISTENER} {
		l, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(&prog)))
		if errno == unix.EINVAL && flags != unix.SECCOMP_FILTER_FLAG_NEW_LISTENER {
			continue
		}
		if errno != 0 {
			return send(fd, answerUntraced, errno, -1)
		}
		err := send(fd, answerListener, 0, int(l))
		_ = unix.Close(int(l)) // close on exec as well
		return err
	}
	return nil
}

func errnoOf(err error) syscall.Errno {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return unix.EINVAL
	}
	return errno
}

// What the trampoline says: a byte, an errno and perhaps a descriptor.
const (
	answerListener = 'l'
	answerUntraced = 'u'
	answerFailed   = 'f' // execve failed
	answerSize     = 5
)

func send(fd int, what byte, errno syscall.Errno, listener int) error {
	b := binary.LittleEndian.AppendUint32([]byte{what}, uint32(errno))
	var oob []byte
	if listener >= 0 {
		oob = unix.UnixRights(listener)
	}
	return unix.Sendmsg(fd, b, oob, nil, unix.MSG_NOSIGNAL)
}

// receive returns io.EOF when the program runs.
func receive(fd int) (what byte, errno syscall.Errno, listener int, err error) {
	b, oob := make([]byte, answerSize), make([]byte, unix.CmsgSpace(4))
	var n, on int
	for {
		n, on, _, _, err = unix.Recvmsg(fd, b, oob, unix.MSG_CMSG_CLOEXEC|unix.MSG_WAITALL)
		if err != unix.EINTR {
			break
		}
	}
	// A trampoline that dies with what it was sent unread resets the connection.
	if err == unix.ECONNRESET || err == nil && n == 0 {
		return 0, 0, -1, io.EOF
	}
	if err != nil {
		return 0, 0, -1, err
	}
	if n < answerSize {
		return 0, 0, -1, io.ErrUnexpectedEOF
	}
	listener = -1
	if on > 0 {
		ms, err := unix.ParseSocketControlMessage(oob[:on])
		if err != nil || len(ms) != 1 {
			return 0, 0, -1, fmt.Errorf("no listener came: %w", err)
		}
		fds, err := unix.ParseUnixRights(&ms[0])
		if err != nil || len(fds) != 1 {
			return 0, 0, -1, fmt.Errorf("no listener came: %w", err)
		}
		listener = fds[0]
	}
	return b[0], syscall.Errno(binary.LittleEndian.Uint32(b[1:])), listener, nil
}

// target is the program that the trampoline becomes. It comes by socket, not as arguments and environment, so that the
// program's GODEBUG and the like do not touch the trampoline.
type target struct {
	path string
	argv []string
	env  []string
}

// errZero is for strings that no program can be given.
var errZero = errors.New("a zero byte in the program's path, arguments or environment")

// encode writes the length, the number of arguments, and all strings ended by zero bytes.
func (p target) encode() ([]byte, error) {
	b := make([]byte, 8)
	for _, list := range [][]string{{p.path}, p.argv, p.env} {
		for _, s := range list {
			if strings.IndexByte(s, 0) >= 0 {
				return nil, errZero
			}
			b = append(append(b, s...), 0)
		}
	}
	binary.LittleEndian.PutUint32(b, uint32(len(b)-8))
	binary.LittleEndian.PutUint32(b[4:], uint32(len(p.argv)))
	return b, nil
}

func readTarget(fd int) (target, error) {
	r := socketReader(fd)
	head := make([]byte, 8)
	if _, err := io.ReadFull(r, head); err != nil {
		return target{}, err
	}
	body := make([]byte, binary.LittleEndian.Uint32(head))
	if _, err := io.ReadFull(r, body); err != nil {
		return target{}, err
	}
	s := strings.Split(string(body), "\x00")
	argc := int(binary.LittleEndian.Uint32(head[4:]))
	if len(s) < argc+2 {
		return target{}, io.ErrUnexpectedEOF
	}
	return target{s[0], s[1 : argc+1], s[argc+1 : len(s)-1]}, nil // the last is what follows the last zero byte
}

// socketReader reads a descriptor which must not become the runtime's (os.NewFile would close it when collected).
type socketReader int

func (fd socketReader) Read(b []byte) (int, error) {
	for {
		n, err := unix.Read(int(fd), b)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return 0, os.NewSyscallError("read", err)
		case n == 0:
			return 0, io.EOF
		}
		return n, nil
	}
}

package cli_test

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/charmbracelet/x/vt"
	"github.com/containerd/console"
	"golang.org/x/sys/unix"
)

// terminal is lighten in a pseudo-terminal, and an emulator that shows what it draws.
type terminal struct {
	t     *testing.T
	pty   console.Console
	slave *os.File
	cmd   *exec.Cmd
	modes unix.Termios // before it started

	mu     sync.Mutex
	screen *vt.Emulator
	raw    bytes.Buffer // all that it wrote
	done   chan struct{}
}

// startTerminal starts lighten with the given standard input (nil: the terminal) in a terminal of 80 by 24.
func startTerminal(t *testing.T, stdin io.Reader, env []string, args ...string) *terminal {
	t.Helper()
	pty, name, err := console.NewPty()
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(name, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	x := &terminal{t: t, pty: pty, slave: slave, screen: vt.NewEmulator(80, 24), done: make(chan struct{})}
	t.Cleanup(func() { x.screen.Close(); pty.Close(); slave.Close() })
	x.size(80, 24)
	x.modes = x.termios()
	x.cmd = exec.CommandContext(t.Context(), "lighten", args...)
	x.cmd.Env = append(append(os.Environ(), "TERM=xterm-256color", "LANG=C.UTF-8", "LC_ALL="), env...)
	x.cmd.Stdin, x.cmd.Stdout, x.cmd.Stderr = slave, slave, slave
	ctty := 0
	if stdin != nil {
		x.cmd.Stdin, ctty = stdin, 1
	}
	x.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: ctty}
	if err := x.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go x.show()
	go func() { _, _ = io.Copy(pty, x.screen) }() // what the program asks its terminal for
	return x
}

// show feeds the emulator until there is no terminal any more.
func (x *terminal) show() {
	defer close(x.done)
	b := make([]byte, 32<<10)
	for {
		n, err := x.pty.Read(b)
		x.mu.Lock()
		x.raw.Write(b[:n])
		_, _ = x.screen.Write(b[:n])
		x.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (x *terminal) termios() unix.Termios {
	x.t.Helper()
	m, err := unix.IoctlGetTermios(int(x.slave.Fd()), unix.TCGETS)
	if err != nil {
		x.t.Fatal(err)
	}
	return *m
}

func (x *terminal) size(w, h int) {
	x.t.Helper()
	x.mu.Lock()
	x.screen.Resize(w, h)
	x.mu.Unlock()
	if err := x.pty.Resize(console.WinSize{Width: uint16(w), Height: uint16(h)}); err != nil {
		x.t.Fatal(err)
	}
}

// text is what the terminal shows.
func (x *terminal) text() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.screen.String()
}

// written is all that was written so far.
func (x *terminal) written() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.raw.String()
}

// sees waits until the terminal shows a text, and fails with what it shows instead.
func (x *terminal) sees(pattern string) {
	x.t.Helper()
	re := regexp.MustCompile(pattern)
	for end := time.Now().Add(30 * time.Second); !re.MatchString(x.text()); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			x.t.Fatalf("the terminal never showed %q, but\n%s", pattern, x.text())
		}
	}
}

// keys sends keys as a terminal does.
func (x *terminal) keys(s string) {
	x.t.Helper()
	if _, err := io.WriteString(x.pty, s); err != nil {
		x.t.Fatal(err)
	}
}

// restored waits for the end, wants the exit code, and a terminal as it was before.
func (x *terminal) restored(code int) {
	x.t.Helper()
	_ = x.cmd.Wait() // the code says it
	if got := x.cmd.ProcessState.ExitCode(); got != code {
		x.t.Errorf("exit code %d, want %d\n%s", got, code, x.text())
	}
	if m := x.termios(); m != x.modes {
		x.t.Errorf("the terminal's modes are\n%+v, were\n%+v", m, x.modes)
	}
	x.slave.Close()
	<-x.done
	if x.screen.IsAltScreen() || x.screen.CursorHidden() {
		x.t.Error("the terminal is left in the alternate screen, or without a cursor")
	}
	for _, mode := range []string{"?1000", "?1002", "?1003", "?1006", "?2004"} { // mouse, bracketed paste
		if s := x.written(); strings.LastIndex(s, "\x1b["+mode+"h") > strings.LastIndex(s, "\x1b["+mode+"l") {
			x.t.Errorf("mode %s is left on", mode)
		}
	}
}

package observe_test

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lighten/lighten/internal/observe"
	"github.com/lighten/lighten/internal/testimage"
)

func TestFlood(t *testing.T) {
	dir := publicDir(t)
	r := host{Uid: -1, Argv: self(t, "flood", dir), MaxPaths: 1000}.run(t)
	if r.Code != 0 || !r.record.Full || len(r.record.Paths) != 1000 || r.record.Events < 40000 {
		t.Errorf("code %d, full %v, %d paths, %d events", r.Code, r.record.Full, len(r.record.Paths), r.record.Events)
	}
	if r.ops("/proc/*/flood") != "open" {
		t.Error("processes below /proc are not put together")
	}
}

func TestForkBomb(t *testing.T) {
	r := host{Uid: -1, Argv: self(t, "bomb"), MaxProcs: 20}.run(t)
	if r.Code != 0 || r.Elapsed > 30*time.Second || !strings.Contains(strings.Join(r.record.Notes, ""), "EAGAIN") {
		t.Errorf("code %d after %s: %s %q", r.Code, r.Elapsed, r.Output, r.record.Notes)
	}
	// Threads are none of those processes, nor are those that have ended, killed ones included.
	r = host{Uid: -1, Argv: self(t, "threads", publicDir(t)), MaxProcs: 20}.run(t)
	r.want(t, nil)
	r = host{Uid: -1, Argv: []string{"/bin/sh", "-c", "set -e; for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25; do /bin/true; sh -c 'kill -9 $$' || test $? = 137; done"}, MaxProcs: 20}.run(t)
	r.want(t, nil)
	if len(r.record.Notes) != 0 {
		t.Errorf("notes: %q", r.record.Notes)
	}
}

func TestTampering(t *testing.T) {
	hosts(t, func(t *testing.T, h host) {
		dir := publicDir(t)
		h.Argv = self(t, "close", dir)
		h.run(t).want(t, map[string]string{dir + "/closed": "open"})
		h.Argv = self(t, "rewrite", dir)
		h.run(t).want(t, nil)
		if h.caps != "" || h.uid != 0 { // with CAP_SYS_PTRACE nothing is closed to it
			h.Argv = self(t, "attack")
			h.run(t).want(t, nil)
		}
	})
}

func TestOwnFilters(t *testing.T) {
	dir := publicDir(t)
	r := host{Uid: -1, Argv: self(t, "filters", dir)}.run(t)
	r.want(t, map[string]string{dir + "/filtered": "open"})
	if len(r.record.Notes) != 1 {
		t.Errorf("notes: %q", r.record.Notes)
	}
}

// Test32Bit runs a program that makes system calls as 32-bit programs do: getpid by int $0x80, and exit_group with its answer.
func Test32Bit(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("the program is for amd64")
	}
	dir := publicDir(t)
	file := filepath.Join(dir, "int80")
	if err := os.WriteFile(file, tinyELF([]byte{
		0xb8, 20, 0, 0, 0, // mov $20, %eax: getpid of i386
		0xcd, 0x80, // int $0x80
		0x89, 0xc7, // mov %eax, %edi
		0xb8, 231, 0, 0, 0, // mov $231, %eax: exit_group
		0x0f, 0x05, // syscall
	}), 0o755); err != nil {
		t.Fatal(err)
	}
	r := host{Uid: -1, Argv: []string{file}}.run(t)
	const enosys = 38
	if r.Err != "" || r.Code != 256-enosys {
		t.Errorf("%s code %d, want %d", r.Err, r.Code, 256-enosys)
	}
	if want := "32-bit program " + file; !strings.Contains(r.record.Untraced, want) {
		t.Errorf("untraced %q, want %q", r.record.Untraced, want)
	}
}

// tinyELF is a static program of this code.
func tinyELF(code []byte) []byte {
	const base, head = 0x400000, 64 + 56
	h := elf.Header64{Type: uint16(elf.ET_EXEC), Machine: uint16(elf.EM_X86_64), Version: 1, Entry: base + head, Phoff: 64, Ehsize: 64, Phentsize: 56, Phnum: 1}
	copy(h.Ident[:], "\x7fELF\x02\x01\x01")
	p := elf.Prog64{Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_X), Vaddr: base, Paddr: base, Filesz: head + uint64(len(code)), Memsz: head + uint64(len(code)), Align: 4096}
	b, _ := binary.Append(nil, binary.LittleEndian, h)
	b, _ = binary.Append(b, binary.LittleEndian, p)
	return append(b, code...)
}

// TestReusedIDs runs programs where process ids are used again soon: in a process id namespace with few of them.
func TestReusedIDs(t *testing.T) {
	testimage.Need(t, "root", "unshare")
	var u unix.Utsname
	var major, minor int
	_ = unix.Uname(&u)
	if n, _ := fmt.Sscanf(unix.ByteSliceToString(u.Release[:]), "%d.%d", &major, &minor); n < 2 || major < 6 || major == 6 && minor < 14 {
		t.Skip("before Linux 6.14 all namespaces share pid_max")
	}
	dir := publicDir(t)
	in, err := json.Marshal(host{Uid: -1, Argv: self(t, "churn", dir), Timeout: 2 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	// Few descriptors, so that processes which are gone have to make room.
	c := exec.Command("unshare", append([]string{"--pid", "--fork", "--mount-proc", "/bin/sh", "-c", `ulimit -n 512; echo 600 > /proc/sys/kernel/pid_max && exec "$@"`, "sh"}, self(t, "limit", "docker", "host")...)...)
	c.Stdin, c.Stderr = bytes.NewReader(in), os.Stderr
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	var r result
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatal(err)
	}
	if r.record, err = observe.ParseRecord(r.Record); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for i := range rounds {
		want[fmt.Sprintf("%s/sh-%d", dir, i)] = "stat"
		want[fmt.Sprintf("%s/sub-%d", dir, i)] = "stat"
		if i%3 != 0 {
			want[fmt.Sprintf("%s/exec-%d", dir, i)] = "open"
		}
	}
	for i := range 200 {
		want[fmt.Sprintf("%s/round-1/thread-%d", dir, i)] = "open"
	}
	r.want(t, want)
	for _, p := range r.record.Paths {
		if by := filepath.Base(p.By); strings.Contains(p.Name, "/sh-") && by != "sh" || strings.Contains(p.Name, "/exec-") && by != "observe.test" {
			t.Errorf("%s was looked up by %s", p.Name, p.By)
		}
	}
	t.Logf("%d events", r.record.Events)
}

package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// daemon is a program that runs beside the benchmark.
type daemon struct {
	cmd *exec.Cmd
	log string
}

// benchDir is a directory for a daemon: not on a tmpfs, as lighten's state is not.
func benchDir(b *testing.B) string {
	b.Helper()
	dir, err := os.MkdirTemp("/var/tmp", "lighten-bench-")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			b.Error(err)
		}
	})
	return dir
}

func startDaemon(b *testing.B, dir, name string, args ...string) *daemon {
	b.Helper()
	d := &daemon{cmd: exec.Command(name, args...), log: filepath.Join(dir, "log")}
	log, err := os.Create(d.log)
	if err != nil {
		b.Fatal(err)
	}
	d.cmd.Stdout, d.cmd.Stderr = log, log
	if err := d.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = d.cmd.Process.Signal(os.Interrupt)
		_ = d.cmd.Wait() // it was told to end
		log.Close()
	})
	return d
}

// await waits until a command succeeds.
func (d *daemon) await(b *testing.B, limit time.Duration, name string, args ...string) {
	b.Helper()
	for start := time.Now(); exec.Command(name, args...).Run() != nil; time.Sleep(100 * time.Millisecond) {
		if time.Since(start) > limit {
			out, _ := os.ReadFile(d.log)
			b.Fatalf("%s does not answer:\n%s", d.cmd.Path, out)
		}
	}
}

// measure adds the daemon's processor time to the client's.
func (d *daemon) measure(b *testing.B, client func() usage) usage {
	b.Helper()
	before := d.cpu(b)
	u := client()
	u.cpu += d.cpu(b) - before
	return u
}

// cpu is the processor time of the daemon, its children that live and all that have ended.
func (d *daemon) cpu(b *testing.B) time.Duration {
	b.Helper()
	sum, err := cpuOf(d.cmd.Process.Pid)
	if err != nil {
		b.Fatal(err)
	}
	return sum
}

// ticksPerSecond is the unit of /proc/PID/stat, USER_HZ, on every architecture that lighten runs on.
const ticksPerSecond = 100

func cpuOf(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(stat), ") ") // the name may hold anything
	fields := strings.Fields(rest)
	if len(fields) < 15 {
		return 0, fmt.Errorf("reading /proc/%d/stat: %q", pid, stat)
	}
	var sum time.Duration
	for _, f := range fields[11:15] { // utime, stime, cutime, cstime (proc_pid_stat(5), 14 to 17)
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("reading /proc/%d/stat: %w", pid, err)
		}
		sum += time.Duration(n) * time.Second / ticksPerSecond
	}
	children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid)) // those that live: containerd
	for _, c := range strings.Fields(string(children)) {
		n, err := strconv.Atoi(c)
		if err != nil {
			continue
		}
		if s, err := cpuOf(n); err == nil {
			sum += s
		}
	}
	return sum, nil
}

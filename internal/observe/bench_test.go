package observe_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lighten/lighten/internal/observe"
)

// statFiles makes n files and returns their directory.
func statFiles(tb testing.TB, n int) string {
	dir := tb.TempDir()
	for i := range n {
		d := filepath.Join(dir, "site-packages", "package"+itoa(i/100))
		if i%100 == 0 {
			if err := os.MkdirAll(d, 0o755); err != nil {
				tb.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(d, "module"+itoa(i)+".py"), nil, 0o644); err != nil {
			tb.Fatal(err)
		}
	}
	return dir
}

// statMain stats the first n of the files below a directory, so many times: DIR N TIMES. It prints how long that took.
func statMain(args []string) int {
	n, _ := strconv.Atoi(args[1])
	times, _ := strconv.Atoi(args[2])
	var names [][]byte
	for i := range n {
		names = append(names, append([]byte(filepath.Join(args[0], "site-packages", "package"+itoa(i/100), "module"+itoa(i)+".py")), 0))
	}
	for range times {
		for _, name := range names {
			if !rawStat(name) {
				return 1
			}
		}
	}
	return 0
}

// BenchmarkEvent is the cost of a stat: untraced, traced and below strace.
func BenchmarkEvent(b *testing.B) {
	const files, times = 20000, 5
	dir := statFiles(b, files)
	argv := self(b, "stat", dir, itoa(files), itoa(times))
	once := self(b, "stat", dir, "1", "1") // what a start costs
	ways := []struct {
		name  string
		start func(*exec.Cmd) error
		argv  []string
		once  []string
	}{
		{"untraced", (*exec.Cmd).Start, argv, once},
		{"traced", nil, argv, once},
	}
	if strace, err := exec.LookPath("strace"); err == nil && os.Getenv("NOSTRACE") == "" {
		prefix := []string{strace, "-f", "-o", "/dev/null", "-e", "trace=%file"}
		ways = append(ways, struct {
			name  string
			start func(*exec.Cmd) error
			argv  []string
			once  []string
		}{"strace", (*exec.Cmd).Start, append(prefix, argv...), append(prefix, once...)},
			struct {
				name  string
				start func(*exec.Cmd) error
				argv  []string
				once  []string
			}{"strace with seccomp", (*exec.Cmd).Start, append(append(prefix, "--seccomp-bpf"), argv...), append(append(prefix, "--seccomp-bpf"), once...)})
	}
	wall, cpu := map[string]time.Duration{}, map[string]time.Duration{}
	for b.Loop() {
		for _, w := range ways { // interleaved: the machine's load is everybody's
			start := w.start
			if start == nil {
				t, err := observe.New(observe.Options{})
				if err != nil {
					b.Fatal(err)
				}
				defer t.Close()
				start = t.Start
			}
			w1, c1 := timed(b, start, w.argv)
			w0, c0 := timed(b, start, w.once)
			wall[w.name] += w1 - w0
			cpu[w.name] += c1 - c0
		}
	}
	for _, w := range ways {
		per := float64(b.N * files * times)
		unit := map[string]string{"untraced": "untraced", "traced": "traced", "strace": "strace", "strace with seccomp": "strace-seccomp"}[w.name]
		b.ReportMetric(float64(wall[w.name])/per, "ns/"+unit)
		b.ReportMetric(float64(cpu[w.name])/per, "cpu-ns/"+unit)
	}
}

// timed runs a program and tells the wall and processor time that it and this process took.
func timed(tb testing.TB, start func(*exec.Cmd) error, argv []string) (wall, cpu time.Duration) {
	c := exec.Command(argv[0], argv[1:]...)
	c.Stderr = os.Stderr
	began, before := time.Now(), usage()
	if err := start(c); err != nil {
		tb.Fatal(err)
	}
	if err := c.Wait(); err != nil {
		tb.Fatal(argv, err)
	}
	return time.Since(began), usage() - before
}

func usage() time.Duration {
	var sum time.Duration
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var ru syscall.Rusage
		_ = syscall.Getrusage(who, &ru)
		sum += time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
	}
	return sum
}

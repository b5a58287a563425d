package observe_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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

// way is one to run a program.
type way struct {
	name   string
	prefix []string
	traced bool
}

func ways(strace bool) []way {
	w := []way{{name: "untraced"}, {name: "traced", traced: true}}
	if path, err := exec.LookPath("strace"); err == nil && strace {
		w = append(w, way{name: "strace", prefix: []string{path, "-f", "-o", "/dev/null", "-e", "trace=%file"}},
			way{name: "strace-bpf", prefix: []string{path, "-f", "--seccomp-bpf", "-o", "/dev/null", "-e", "trace=%file"}})
	}
	return w
}

// run runs a program and tells the wall time, and the processor time of the tracer and it.
func (w way) run(tb testing.TB, argv []string) (wall, cpu time.Duration) {
	start := (*exec.Cmd).Start
	if w.traced {
		t, err := observe.New(observe.Options{})
		if err != nil {
			tb.Fatal(err)
		}
		defer t.Close()
		start = t.Start
	}
	return timed(tb, start, append(slices.Clone(w.prefix), argv...))
}

// BenchmarkEvent is the cost of a stat of a path that was seen before: untraced, traced and below strace.
func BenchmarkEvent(b *testing.B) {
	const files, times = 20000, 5
	dir := statFiles(b, files)
	argv := self(b, "stat", dir, itoa(files), itoa(times))
	once := self(b, "stat", dir, "1", "1") // what a start costs
	wall, cpu := map[string]time.Duration{}, map[string]time.Duration{}
	for b.Loop() {
		for _, w := range ways(true) { // interleaved: the machine's load is everybody's
			w1, c1 := w.run(b, argv)
			w0, c0 := w.run(b, once)
			wall[w.name] += w1 - w0
			cpu[w.name] += c1 - c0
		}
	}
	for _, w := range ways(true) {
		per := float64(b.N * files * times)
		b.ReportMetric(float64(wall[w.name])/per, "ns/"+w.name)
		b.ReportMetric(float64(cpu[w.name])/per, "cpu-ns/"+w.name)
	}
}

// BenchmarkStart is the time to start: of a program that does nothing, and of one of 60,000 files which, as an interpreter
// does, stats 20,000 of them twice and reads 2,000.
func BenchmarkStart(b *testing.B) {
	dir := statFiles(b, 60000)
	programs := map[string][]string{"nothing": {"/bin/true"}, "stats": self(b, "stat", dir, "20000", "2")}
	if python, err := exec.LookPath("/usr/bin/python3"); err == nil {
		programs["python"] = []string{python, "-c", `
import os, sys, asyncio, json, sqlite3, email.message, http.server, unittest, xml.dom.minidom
root = sys.argv[1] + "/site-packages/"
names = ["%spackage%d/module%d.py" % (root, i // 100, i) for i in range(20000)]
for _ in range(2):
	for n in names: os.stat(n)
for n in names[::10]: compile(open(n).read() + "x = [1, 2]\n" * 40, n, "exec")
`, dir}
	}
	for name, argv := range programs {
		b.Run(name, func(b *testing.B) {
			wall, cpu := map[string]time.Duration{}, map[string]time.Duration{}
			for b.Loop() {
				for _, w := range ways(name != "nothing") {
					w1, c1 := w.run(b, argv)
					wall[w.name] += w1
					cpu[w.name] += c1
				}
			}
			for _, w := range ways(name != "nothing") {
				b.ReportMetric(wall[w.name].Seconds()*1000/float64(b.N), "ms/"+w.name)
				b.ReportMetric(cpu[w.name].Seconds()*1000/float64(b.N), "cpu-ms/"+w.name)
			}
		})
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

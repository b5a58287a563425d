package trial_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lighten/lighten/internal/check"
	"github.com/lighten/lighten/internal/engine"
	"github.com/lighten/lighten/internal/engine/enginetest"
	"github.com/lighten/lighten/internal/trial"
)

func init() {
	roles["bomb"], roles["hog"], roles["fill"], roles["litter"], roles["brush"] = bomb, hog, fill, litter, brush
	roles["orphans"], roles["forge"] = orphans, forge
}

// bomb starts itself, twice, again and again.
func bomb([]string) int {
	for {
		if c := exec.Command("/program"); c.Start() == nil {
			go c.Wait()
		}
	}
}

// hog takes memory and uses it.
func hog([]string) int {
	for held := [][]byte{}; ; time.Sleep(5 * time.Millisecond) {
		b := make([]byte, 8<<20)
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
		held = append(held, b)
	}
}

// fill writes one file after the other.
func fill([]string) int {
	b := make([]byte, 1<<20)
	for i := 0; ; i++ {
		if err := os.WriteFile(fmt.Sprintf("/fill%d", i), b, 0o600); err != nil {
			fmt.Println(err)
		}
		time.Sleep(time.Millisecond)
	}
}

// litter makes empty files and directories, one after the other.
func litter([]string) int {
	for i := 0; ; i++ {
		if err := os.WriteFile(fmt.Sprintf("/litter%d", i), nil, 0o600); err != nil {
			fmt.Println(err)
		}
		if err := os.Mkdir(fmt.Sprintf("/litter%d.d", i), 0o700); err != nil {
			fmt.Println(err)
		}
	}
}

// brush forks until it is refused that, and ends at once as if nothing was.
func brush([]string) int {
	for {
		pid, _, err := syscall.RawSyscall(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD), 0, 0)
		if err != 0 {
			return 0
		}
		for fd := uintptr(1); pid == 0; fd++ { // the output closed, nobody waits for it
			_, _, _ = syscall.RawSyscall(syscall.SYS_CLOSE, fd, 0, 0)
			if fd < 3 {
				continue
			}
			_, _, _ = syscall.RawSyscall6(syscall.SYS_PPOLL, 0, 0, 0, 0, 0, 0) // waits for ever
		}
	}
}

// A program that exceeds a limit and ends before anybody looks has exceeded it all the same.
func TestRunLimitsBriefly(t *testing.T) {
	e := enginetest.Open(t)
	f := parse(t, "checks: [{exit: {}}]\nlimits: {processes: 64}\n")
	out := try(t, e, program(t, "brush", v1.Config{}), &trial.Trial{File: f}, trial.Options{})
	if got, want := out.Report.Error, "ended: more than 64 processes and threads (limits: processes)"; got != want {
		t.Errorf("the report says %q, want %q", got, want)
	}
}

// Programs that would take the machine down are ended, the report says why, and nothing of them is left.
func TestRunLimits(t *testing.T) {
	e := enginetest.Open(t)
	for _, c := range []struct{ role, limits, want string }{
		{"bomb", "{processes: 64}", "ended: more than 64 processes and threads (limits: processes)"},
		{"hog", "{memory: 256MiB}", "ended: more than 256MiB of memory (limits: memory)"},
		{"fill", "{disk: 64MiB}", "ended: more than 64MiB written (limits: disk)"},
		{"litter", "{disk: 64MiB}", "ended: more than 64MiB written (limits: disk)"},
	} {
		for _, kind := range []string{"log: {matches: never}", "exit: {args: [x]}", "http: {port: 80}"} {
			t.Run(c.role+" "+kind[:4], func(t *testing.T) {
				f := parse(t, "checks: [{"+kind+"}, {"+kind+"}]\nlimits: "+c.limits+"\n")
				out := try(t, e, program(t, c.role, v1.Config{}), &trial.Trial{File: f}, trial.Options{})
				if out.Report.Error != c.want {
					t.Errorf("the report says %q, want %q", out.Report.Error, c.want)
				}
				for _, r := range out.Report.Results {
					if r.Passed || r.Found != c.want {
						t.Errorf("got %+v, want found %q", r, c.want)
					}
				}
			})
		}
	}
}

// Where the kernel ends the supervisor, before what the program had is free, the report says so in its place.
func TestRunKilled(t *testing.T) {
	e := enginetest.Open(t)
	dir := t.TempDir()
	src, bin := filepath.Join(dir, "main.go"), filepath.Join(dir, "supervisor")
	// The first process of a container can't send itself the signal: this is how the end by it is told.
	if err := os.WriteFile(src, []byte("package main\nimport \"os\"\nfunc main() { os.Exit(128 + 9) }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", bin, src)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	f := parse(t, "checks: [{exit: {args: [x]}}]\nholdout: [{exit: {args: [y]}}]\nlimits: {memory: 256MiB}\n")
	const why = "ended: more than 256MiB of memory (limits: memory)"
	for _, traced := range []bool{false, true} {
		var out *trial.Outcome
		err := e.UseImage(t.Context(), program(t, "ask", v1.Config{}), "", nil, func(ctx context.Context, b *engine.Built) (err error) {
			out, err = (&trial.Trial{File: f, Binary: bin}).Run(ctx, b, trial.Options{Trace: traced, Holdout: true})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := results(out.Report), "program x false false\nprogram y false true\n"+why+"\n"; got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
		if (out.Record != nil) != traced || traced && out.Record.Untraced != why {
			t.Errorf("traced %v: the record is %+v", traced, out.Record)
		}
	}
}

// orphans leaves children behind, which end before it.
func orphans([]string) int {
	const generations = "GENERATION"
	switch os.Getenv(generations) {
	case "":
		for range 5 {
			c := exec.Command("/program")
			c.Env = append(os.Environ(), generations+"=child")
			if err := c.Run(); err != nil {
				fmt.Println(err)
			}
		}
		time.Sleep(500 * time.Millisecond)
		// The first process has its own children alone: this one.
		ents, _ := os.ReadDir("/proc")
		var left []string
		for _, e := range ents {
			if b, err := os.ReadFile("/proc/" + e.Name() + "/stat"); err == nil && strings.Contains(string(b), ") Z ") {
				left = append(left, string(b))
			}
		}
		fmt.Printf("zombies: %d %s\n", len(left), left)
		return 7
	case "child":
		c := exec.Command("/program")
		c.Env = append(os.Environ(), generations+"=grandchild")
		if err := c.Start(); err != nil {
			fmt.Println(err)
		}
	default:
		time.Sleep(50 * time.Millisecond)
	}
	return 0
}

// Orphans are reaped as by any first process, and the program's own exit code is not lost to that.
func TestRunReaps(t *testing.T) {
	e := enginetest.Open(t)
	out := try(t, e, program(t, "orphans", v1.Config{}), &trial.Trial{File: parse(t, "checks: [{exit: {code: 7, stdout: 'zombies: 0'}}]\n")}, trial.Options{})
	if got, want := results(out.Report), "program true false\n"; got != want {
		t.Errorf("got\n%s%+v\nwant\n%s", got, out.Report, want)
	}
}

const outDir = "/dev/.lighten/out/"

// forge tries to write the report in the supervisor's place, and to reach into the supervisor.
func forge([]string) int {
	const lie = `{"version":1,"results":[{"name":"forged","passed":true}]}`
	for _, f := range []string{outDir + check.ReportFile, outDir + check.ReportFile + ".tmp", outDir + check.RecordFile, outDir + check.RecordFile + ".tmp"} {
		fmt.Println("forged", os.WriteFile(f, []byte(lie), 0o600))
	}
	for _, f := range []string{"/proc/1/fd/1", "/proc/1/mem", "/proc/1/environ", "/proc/1/root/"} {
		if _, err := os.Open(f); err == nil {
			fmt.Println("reached", f)
		}
	}
	if os.Getenv("AGAIN") == "" { // a child of another session, which goes on when its parent is gone
		c := exec.Command("/program")
		c.Env = append(os.Environ(), "AGAIN=1")
		fmt.Println("child", c.Start())
		return 3
	}
	_ = os.Remove(outDir + check.ReportFile)
	fmt.Println("link", os.Symlink("/program", outDir+"report.json"))
	for {
		_ = os.WriteFile(outDir+"report.json", []byte(lie), 0o600)
	}
}

// What the program does to the supervisor's files changes nothing.
func TestRunForgedReport(t *testing.T) {
	e := enginetest.Open(t)
	f := parse(t, `
checks:
  - exit: {code: 3, stdout: forged <nil>}
  - exit: {code: 3, stdout: reached}
`)
	for _, traced := range []bool{false, true} {
		out := try(t, e, program(t, "forge", v1.Config{}), &trial.Trial{File: f}, trial.Options{Trace: traced})
		if got, want := results(out.Report), "program true false\nprogram false false\n"; got != want {
			t.Errorf("got\n%s%+v\nwant\n%s", got, out.Report, want)
		}
		if !traced {
			continue
		}
		// The record is the tracer's: it tells of the attempt too.
		looked := map[string]bool{}
		for _, p := range out.Record.Paths {
			looked[p.Name] = true
		}
		if !looked[outDir+check.RecordFile] || !looked["/program"] || out.Record.Untraced != "" {
			t.Errorf("the record is not the tracer's: %+v", out.Record)
		}
	}
}

package check

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const supervisorName = "lighten-supervisor"

// SupervisorArgs is the argument vector that makes this binary a supervisor.
func SupervisorArgs() []string {
	return []string{"lighten", supervisorName, filepath.Join(inDir, PlanFile), filepath.Join(outDir, ReportFile)}
}

// IsSupervisor tells whether the process was started as supervisor.
func IsSupervisor(args []string) bool {
	return len(args) == 4 && args[1] == supervisorName && args[2] == filepath.Join(inDir, PlanFile)
}

// SupervisorMain runs the supervisor and returns its exit code.
func SupervisorMain(ctx context.Context, args []string) int {
	if err := Supervise(ctx, args[2], args[3]); err != nil {
		fmt.Fprintln(os.Stderr, "lighten:", err)
		return 1
	}
	return 0
}

// Supervise runs the plan inside a container and writes the report. It needs
// no shell, nothing of the image but the program, and root only to become the
// users that the images name.
func Supervise(ctx context.Context, planFile, reportFile string) error {
	b, err := os.ReadFile(planFile)
	if err != nil {
		return fmt.Errorf("reading the plan: %w", err)
	}
	var p Plan
	if err := json.Unmarshal(b, &p); err != nil {
		return fmt.Errorf("reading the plan: %w", err)
	}
	unix.Umask(0o022)
	_ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) // daemons stay in our sight; without it they end with the container
	ctx, cancel := context.WithTimeout(ctx, p.Deadline())
	defer cancel()
	s := &supervisor{Plan: p, report: Report{Version: reportVersion}}
	s.run(ctx)
	out, err := json.Marshal(s.report)
	if err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	if err := os.WriteFile(reportFile+".tmp", out, 0o644); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return os.Rename(reportFile+".tmp", reportFile)
}

type supervisor struct {
	Plan
	report  Report
	program *running
	extra   output // of commands other than the program
}

func (s *supervisor) run(ctx context.Context) {
	for _, p := range s.Services {
		r, err := s.service(ctx, p)
		if r != nil {
			defer r.stop(5 * time.Second)
		}
		if err != nil {
			s.report.Error = err.Error()
			if r != nil {
				s.report.LogTail = r.out.tail(logLines)
			}
			return
		}
	}
	if slices.ContainsFunc(slices.Concat(s.Checks, s.Holdout), needsProgram) {
		r, err := s.Program.run(ctx)
		if err != nil {
			s.report.Error = err.Error()
			s.report.Missing = findMisses([]string{err.Error()})
			s.skip(s.Checks, false)
			s.skip(s.Holdout, true)
			return
		}
		s.program = r
		defer r.stop(10 * time.Second)
	}
	s.checks(ctx, s.Checks, false)
	s.checks(ctx, s.Holdout, true)
	s.conclude()
}

func (s *supervisor) skip(cs []Check, holdout bool) {
	for _, c := range cs {
		s.report.Results = append(s.report.Results, Result{Name: c.String(), Kind: c.Kind(), Expected: "a program that starts", Found: s.report.Error, Holdout: holdout})
	}
}

func (s *supervisor) conclude() {
	failed := slices.ContainsFunc(s.report.Results, func(r Result) bool { return !r.Passed })
	lines := s.extra.tail(maxLines)
	if s.program != nil {
		s.report.RSSBytes = s.program.memory()
		lines = append(s.program.out.tail(maxLines), lines...)
		select {
		case <-s.program.ended:
			s.report.ExitCode = &s.program.code
		default:
		}
	}
	if failed {
		s.report.LogTail = lines[max(0, len(lines)-logLines):]
		s.report.Missing = findMisses(lines)
	}
}

// service starts a program beside the checked one and waits until it is ready.
func (s *supervisor) service(ctx context.Context, p Process) (*running, error) {
	devices(p.Root)
	r, err := p.run(ctx)
	if err != nil {
		return nil, fmt.Errorf("service %q: %w", p.Name, err)
	}
	if p.Port == 0 {
		return r, nil
	}
	deadline := time.Now().Add(s.Start)
	for {
		if (&TCP{p.Port}).probe(ctx).passed() {
			return r, nil
		}
		select {
		case <-r.ended:
			return r, fmt.Errorf("service %q ended with code %d before it accepted connections on port %d", p.Name, r.code, p.Port)
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return r, fmt.Errorf("service %q does not accept connections on port %d within %s", p.Name, p.Port, s.Start)
		}
	}
}

// devices gives a service's root what every program expects below /dev. An
// engine that forbids device nodes leaves them out: most programs do without.
func devices(root string) {
	dev := filepath.Join(root, "dev")
	_ = os.MkdirAll(filepath.Join(dev, "shm"), 0o1777)
	_ = os.Chmod(filepath.Join(dev, "shm"), 0o777|os.ModeSticky)
	for _, d := range []struct {
		name         string
		major, minor uint32
	}{{"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0}} {
		p := filepath.Join(dev, d.name)
		if unix.Mknod(p, unix.S_IFCHR|0o666, int(unix.Mkdev(d.major, d.minor))) == nil {
			_ = os.Chmod(p, 0o666)
		}
	}
}

func (s *supervisor) checks(ctx context.Context, cs []Check, holdout bool) {
	for _, c := range cs {
		began := time.Now()
		o := s.one(ctx, c)
		r := Result{Name: c.String(), Kind: c.Kind(), Passed: o.passed(), Expected: o.expected, Found: o.found, Holdout: holdout, Millis: ms(time.Since(began))}
		if r.Passed && s.report.StartMillis == 0 {
			s.report.StartMillis = r.Millis
			if s.program != nil {
				s.report.StartMillis = ms(time.Since(s.program.start))
			}
		}
		s.report.Results = append(s.report.Results, r)
	}
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func (s *supervisor) one(ctx context.Context, c Check) outcome {
	switch {
	case c.Log != nil:
		return s.log(ctx, c.Log)
	case c.Exec != nil:
		ctx, cancel := context.WithTimeout(ctx, checkTimeout)
		defer cancel()
		return c.Exec.probe(ctx, s.Program, c.Exec.Args, &s.extra)
	case c.Exit != nil:
		ctx, cancel := context.WithTimeout(ctx, checkTimeout)
		defer cancel()
		argv := s.Program.argv()
		if len(c.Exit.Args) > 0 { // as `docker run IMAGE ARGS`: they replace CMD
			argv = slices.Concat(s.Program.Entrypoint, c.Exit.Args)
			if len(s.Program.Entrypoint) == 0 {
				argv = slices.Concat(s.Program.Cmd, c.Exit.Args)
			}
		}
		return c.Exit.probe(ctx, s.Program, argv, &s.extra)
	}
	return s.poll(ctx, c)
}

// poll asks until something answers: a program needs time to listen. Once one
// check has passed, the others get their answer at once or not at all.
func (s *supervisor) poll(ctx context.Context, c Check) outcome {
	deadline := time.Now().Add(s.Start)
	if s.report.StartMillis > 0 {
		deadline = time.Now().Add(2 * time.Second)
	}
	for wait := 2 * time.Millisecond; ; wait = min(wait*5/4, 100*time.Millisecond) {
		once, cancel := context.WithTimeout(ctx, checkTimeout)
		var o outcome
		if c.HTTP != nil {
			o = c.HTTP.probe(once, s.Port)
		} else {
			o = c.TCP.probe(once)
		}
		cancel()
		if !o.retry {
			return o
		}
		select {
		case <-s.program.ended:
			o.found = fmt.Sprintf("the program ended with code %d", s.program.code)
			return o
		case <-time.After(wait):
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			if l := listening(); len(l) > 0 {
				o.found += "; something listens on " + strings.Join(l, ", ")
			} else {
				o.found += fmt.Sprintf("; nothing listens after %s", s.Start)
			}
			return o
		}
	}
}

func (s *supervisor) log(ctx context.Context, l *Log) outcome {
	re, err := regexp.Compile(l.Matches)
	if err != nil {
		return differ("a regular expression", "%v", err)
	}
	within := l.Within
	if within == 0 {
		within = s.Start
	}
	want := "a line that matches " + strconv.Quote(l.Matches)
	found := s.program.out.wait(re)
	select {
	case <-found:
		return outcome{}
	case <-s.program.ended:
	case <-time.After(within):
	case <-ctx.Done():
	}
	select { // a line that came with the end counts
	case <-found:
		return outcome{}
	default:
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return differ(want, "the time is over")
	}
	last := s.program.out.tail(1)
	return differ(want, "none within %s; the last line is %s", within, excerpt([]byte(strings.Join(last, ""))))
}

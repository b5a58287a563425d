package check

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptrace"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lighten/lighten/internal/observe"
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

// Inside does what a container started this binary for: to be the supervisor of checks, or the tracer's trampoline. It returns false
// for every other start. Every program that runs trials calls it before anything else: nothing of its own may happen in
// the traced program's process.
func Inside(args []string) (code int, ok bool) {
	switch {
	case observe.IsTrampoline(args):
		return observe.TrampolineMain(args), true
	case IsSupervisor(args):
		return supervisorMain(args), true
	}
	return 0, false
}

func supervisorMain(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM)
	defer stop()
	if err := supervise(ctx, args[2], args[3], true); err != nil {
		fmt.Fprintln(os.Stderr, "lighten:", err)
		return 1
	}
	return 0
}

// Supervise runs the plan inside a container and writes the report. It needs
// no shell, nothing of the image but the program, and root only to become the
// users that the images name.
func Supervise(ctx context.Context, planFile, reportFile string) error {
	return supervise(ctx, planFile, reportFile, false)
}

// supervise is [Supervise]; contained says that everything else here belongs to the program, so that it may be limited and ended.
func supervise(ctx context.Context, planFile, reportFile string, contained bool) error {
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
	if contained {
		// The program may be root too: without this it could reach into our memory and files (ptrace(2), access mode checking).
		if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
			return fmt.Errorf("closing the supervisor to the program: %w", err)
		}
		ctx, s.guard = watch(ctx, p.Limits)
	}
	if p.Trace {
		if s.tracer, err = observe.New(observe.Options{MaxProcs: p.Limits.WithDefaults().Processes}); err != nil {
			return err
		}
		defer s.tracer.Close()
	}
	s.run(ctx)
	if contained {
		family.end() // nobody is left who could change what is written now
	}
	if s.tracer != nil {
		if err := writeRecord(filepath.Join(filepath.Dir(reportFile), RecordFile), s.tracer.Record()); err != nil {
			return err
		}
	}
	out, err := json.Marshal(s.report)
	if err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return writeOutput(reportFile, out)
}

// writeOutput writes a file in place of whatever the program may have put there.
func writeOutput(name string, b []byte) error {
	if err := os.RemoveAll(name); err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o644)
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	if _, err := f.Write(b); err != nil {
		return errors.Join(fmt.Errorf("writing %s: %w", name, err), f.Close())
	}
	return f.Close()
}

type supervisor struct {
	Plan
	tracer  *observe.Tracer // nil: nothing is traced
	report  Report
	guard   *guard // nil: nothing is limited
	program *running
	extra   output   // of commands other than the program
	failing []string // lines of those that did not do what was expected
	broke   *span    // of the program's lines: while it was first asked what it then failed
	calm    calm
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
	if slices.ContainsFunc(slices.Concat(s.Checks, s.Holdout), func(c Check) bool {
		return needsProgram(c) || c.Exec != nil && len(s.Program.argv()) > 0
	}) {
		r, err := s.Program.run(ctx, s.starter())
		if err != nil {
			s.report.Error = err.Error()
			s.report.Missing = findMisses([]string{err.Error()})
			s.skip("a program that starts")
			return
		}
		s.program = r
		defer func() {
			s.phase("stop") // what the program does at its end is evidence too
			r.stop(10 * time.Second)
		}()
	}
	s.checks(ctx, s.Checks, false)
	s.checks(ctx, s.Holdout, true)
	s.conclude()
}

// skip answers every check with the report's error.
func (s *supervisor) skip(expected string) {
	for i, c := range slices.Concat(s.Checks, s.Holdout) {
		s.report.Results = append(s.report.Results, Result{Name: c.String(), Kind: c.Kind(), Expected: expected, Found: s.report.Error, Holdout: i >= len(s.Checks)})
	}
}

// Killed is the report of a supervisor that could not write one, for the kernel killed it. Nothing else can kill the first process of a
// container, and the kernel does when the container's memory is used up: first the program that took it and then, before what that had is
// free again, whoever asks for more.
func (p *Plan) Killed() *Report {
	s := supervisor{Plan: *p, report: Report{Version: reportVersion, Error: p.Limits.WithDefaults().overMemory()}}
	s.skip(keepsLimits)
	return &s.report
}

func (s *supervisor) conclude() {
	if why := s.guard.exceeded(); why != "" {
		s.report.Error = why
	}
	failed := slices.ContainsFunc(s.report.Results, func(r Result) bool { return !r.Passed })
	if s.program != nil && slices.ContainsFunc(s.report.Results, func(r Result) bool { return r.Kind == "log" }) {
		s.program.out.settle()
	}
	lines, told := s.extra.tail(maxLines), s.failing
	if s.program != nil {
		s.report.RSSBytes = s.program.memory()
		said := s.program.out.tail(maxLines)
		lines, told = append(said, lines...), slices.Concat(said, told)
		select {
		case <-s.program.ended:
			s.report.ExitCode = &s.program.code
		default:
		}
	}
	s.report.Missing = findMisses(lines) // of a worker that is asked for any line, a traceback is one
	if failed {
		s.report.LogTail = s.quote(told)
	}
}

// quote picks the lines that a report shows of a run in which a check failed: the last ones, but of a program that went on and has said more since
// than is shown, those of the time when it first failed. Behind them stands only what others were answered.
func (s *supervisor) quote(told []string) []string {
	last := told[max(0, len(told)-logLines):]
	if s.broke == nil || s.report.ExitCode != nil || s.program.out.count()-s.broke.from <= logLines {
		return last
	}
	room := logLines - min(len(s.failing), logLines/2)
	from, to := s.broke.from, max(s.broke.to, s.broke.from+room) // a line may come after the answer
	said := s.program.out.between(max(from, to-room), to)
	if said == nil {
		return last
	}
	return slices.Concat(said, s.failing[max(0, len(s.failing)-(logLines-len(said))):])
}

// lines is how many the program has said.
func (s *supervisor) lines() int {
	if s.program == nil {
		return 0
	}
	return s.program.out.count()
}

// service starts a program beside the checked one and waits until it is ready.
func (s *supervisor) service(ctx context.Context, p Process) (*running, error) {
	devices(p.Root)
	r, err := p.run(ctx, (*exec.Cmd).Start)
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
	if root == "" { // the container's own is complete
		return
	}
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
	for i, c := range cs {
		began, said, at := time.Now(), s.extra.count(), s.lines()
		o := s.within(ctx, c, phaseName(i, c, holdout))
		r := Result{Name: c.String(), Kind: c.Kind(), Passed: o.passed(), Expected: o.expected, Found: o.found, Holdout: holdout, Millis: ms(time.Since(began))}
		if s.Answers {
			r.Answer = o.answer.without(c.Ignore)
		}
		if r.Passed && s.report.StartMillis == 0 {
			s.report.StartMillis = r.Millis
			if s.program != nil {
				s.report.StartMillis = ms(time.Since(s.program.start))
			}
		}
		s.report.Results = append(s.report.Results, r)
		if !r.Passed {
			if s.broke == nil && s.report.StartMillis != 0 && needsProgram(c) {
				s.broke = &span{at, s.lines()}
			}
			s.failing = append(s.failing, s.extra.tail(s.extra.count()-said)...)
			s.failing = s.failing[max(0, len(s.failing)-logLines):]
		}
	}
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

const keepsLimits = "a program that keeps to its limits"

// within asks one check, unless the programs have used more than they may.
func (s *supervisor) within(ctx context.Context, c Check, phase string) outcome {
	if why := s.guard.exceeded(); why != "" {
		return differ(keepsLimits, "%s", why)
	}
	o := s.one(ctx, c, phase)
	if why := s.guard.exceeded(); why != "" && !o.passed() {
		return differ(keepsLimits, "%s", why)
	}
	return o
}

func (s *supervisor) one(ctx context.Context, c Check, phase string) outcome {
	if !needsProgram(c) || s.report.StartMillis != 0 {
		s.phase(phase)
	}
	switch {
	case c.Log != nil:
		return s.log(ctx, c.Log)
	case c.Exec != nil:
		return s.exec(ctx, c.Exec, c.timeout())
	case c.Exit != nil:
		ctx, cancel := context.WithTimeout(ctx, c.timeout())
		defer cancel()
		return c.Exit.probe(ctx, s.Program, s.Program.with(c.Exit.Args), &s.extra, s.starter())
	}
	// The program is still starting until something accepts a connection.
	return s.poll(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { s.phase(phase) }}), c)
}

// with is the program's command with these arguments. Where there is an entry
// point they replace CMD, as `docker run IMAGE ARGS` does; else CMD is the
// program.
func (p Process) with(args []string) []string {
	switch {
	case len(args) == 0:
		return p.argv()
	case len(p.Entrypoint) > 0:
		return slices.Concat(p.Entrypoint, args)
	case len(p.Cmd) == 3 && p.Cmd[1] == "-c": // the shell form: arguments after it would be the shell's
		return slices.Concat(p.Cmd[:2], []string{p.Cmd[2] + ` "$@"`, p.Cmd[0]}, args)
	}
	return slices.Concat(p.Cmd, args)
}

// exec runs a command beside the program, again until it succeeds when the check gives it time.
func (s *supervisor) exec(ctx context.Context, e *Exec, timeout time.Duration) outcome {
	deadline := time.Now().Add(e.Within)
	for {
		once, cancel := context.WithTimeout(ctx, timeout)
		o := e.probe(once, s.Program, e.Args, &s.extra, s.starter())
		cancel()
		if o.passed() || ctx.Err() != nil || time.Now().After(deadline) {
			return o
		}
		select {
		case <-s.ended():
			return o
		case <-time.After(200 * time.Millisecond):
		}
		if s.hopeless() {
			return o
		}
	}
}

// ended closes when the program has ended; it never does without one.
func (s *supervisor) ended() <-chan struct{} {
	if s.program == nil {
		return nil
	}
	return s.program.ended
}

// afterStart is how long a check waits once the program had its time to start.
const afterStart = 2 * time.Second

// poll asks until something answers: a program needs time to listen, and a gateway in front of it to find it listening. Several programs
// in one image do not all start at once, so each check may wait until the time to start is over; of checks that were guessed, which may ask for
// what is never there, those before the first that passes. After that they get their answer at once or not at all.
func (s *supervisor) poll(ctx context.Context, c Check) outcome {
	var starting time.Time // until then
	if !s.Guessed || s.report.StartMillis == 0 {
		starting = s.program.start.Add(s.Start)
	}
	deadline, timeout := time.Now().Add(min(afterStart, s.Start)), c.timeout()
	if starting.After(deadline) {
		deadline = starting
		if s.report.StartMillis == 0 {
			timeout = max(timeout, time.Until(starting))
		}
	}
	for wait := 2 * time.Millisecond; ; {
		once, cancel := context.WithTimeout(ctx, timeout)
		var o outcome
		if c.HTTP != nil {
			o = c.HTTP.probe(once, s.Port)
		} else {
			o = c.TCP.probe(once)
		}
		cancel()
		if !o.retry && !(c.HTTP != nil && c.HTTP.unready(o) && time.Now().Before(starting)) {
			return o
		}
		longest := 10 * time.Millisecond // how long it took to start is known to that
		if !o.retry {
			longest = 100 * time.Millisecond // each question is work for the program
		}
		select {
		case <-s.program.ended:
			if !o.retry {
				return o
			}
			o.found = fmt.Sprintf("the program ended with code %d", s.program.code)
			return o
		case <-time.After(wait):
		}
		wait = min(wait*5/4, longest)
		hopeless := s.hopeless()
		if hopeless || time.Now().After(deadline) || ctx.Err() != nil {
			if !o.retry {
				return o
			}
			switch l := listening(); {
			case len(l) > 0:
				o.found += "; something listens on " + strings.Join(l, ", ")
			case hopeless:
				o.found += "; nothing listens after the program found something missing"
			default:
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
	over, look := time.After(within), time.NewTicker(lookEvery)
	defer look.Stop()
	for waiting := true; waiting; {
		select {
		case <-look.C:
			waiting = !s.hopeless()
			continue
		case <-found.done:
		case <-s.program.ended:
		case <-over:
		case <-ctx.Done():
		}
		waiting = false
	}
	select { // a line that came with the end counts
	case <-found.done:
		return outcome{answer: &Answer{Line: newPart([]byte(found.line))}}
	default:
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return differ(want, "the time is over")
	}
	last := quoted([]byte(strings.Join(s.program.out.tail(1), "")), "empty")
	select {
	case <-s.program.ended:
		return differ(want, "the program ended with code %d without it; the last line is %s", s.program.code, last)
	default:
	}
	return differ(want, "none within %s; the last line is %s", within, last)
}

package engine

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	gwpb "github.com/moby/buildkit/frontend/gateway/pb"
	solvererrors "github.com/moby/buildkit/solver/errdefs"
	digest "github.com/opencontainers/go-digest"
)

// BuildError is a build that failed for a reason in the Dockerfile or in what it names.
type BuildError struct {
	File     string   // the Dockerfile's name
	Line     int      // first line of the instruction, from 1; 0: not about a place
	EndLine  int      // its last line
	Step     string   // the step as the progress display names it; "" when none was running
	ExitCode int      // of a RUN that failed; 0: it was something else
	Log      []string // the failing step's last lines
	Hint     string   // what to do next; ""
	Message  string   // what went wrong, in one line
	Source   []byte   // the Dockerfile's text
	Err      error    // as the engine told it
}

func (e *BuildError) Unwrap() error { return e.Err }

// Error is the message with its place and what to do, in one line; [BuildError.Details] shows more.
func (e *BuildError) Error() string {
	var b strings.Builder
	b.WriteString("building " + e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d", e.Line)
	}
	b.WriteString(": " + e.Message)
	if e.Hint != "" {
		b.WriteString(": " + e.Hint)
	}
	return b.String()
}

// around is how many lines are shown before and after the place.
const around = 2

// Details are the place in the Dockerfile, marked, and the failing step's last lines.
func (e *BuildError) Details() string {
	var b strings.Builder
	if e.Line > 0 && len(e.Source) > 0 {
		lines := strings.Split(strings.TrimRight(string(e.Source), "\n"), "\n")
		end := max(e.EndLine, e.Line)
		for i := max(1, e.Line-around); i <= min(len(lines), end+around); i++ {
			mark := " "
			if i >= e.Line && i <= end {
				mark = ">"
			}
			fmt.Fprintf(&b, "%s %4d | %s\n", mark, i, strings.TrimRight(lines[i-1], "\r"))
		}
	}
	if len(e.Log) > 0 {
		b.WriteString("last lines of the step:\n")
		for _, l := range e.Log {
			b.WriteString("  " + l + "\n")
		}
	}
	return b.String()
}

// logLines is how many of a step's last lines an error shows.
const logLines = 20

// explain turns what the engine tells into a BuildError.
func (s *solve) explain(err error, b *Build) error {
	var done *BuildError
	if errors.As(err, &done) {
		return err
	}
	be := &BuildError{File: b.filename(), Source: b.Dockerfile, Err: err}
	if srcs := solvererrors.Sources(err); len(srcs) > 0 {
		be.place(srcs[len(srcs)-1])
	}
	var vx *solvererrors.VertexError
	full := false // of which the last lines need not speak: dpkg goes on with other packages
	if errors.As(err, &vx) {
		name, tail := s.logs.get(digest.Digest(vx.Digest))
		be.Step, be.Log = name, lastLines(tail, logLines)
		full = bytes.Contains(tail, []byte("No space left on device"))
	}
	var exit *gwpb.ExitError
	if errors.As(err, &exit) && exit.ExitCode != gwpb.UnknownExitStatus {
		be.ExitCode = int(exit.ExitCode)
	}
	be.Message, be.Hint = be.describe(err)
	if full && be.ExitCode != 0 {
		be.Message = fmt.Sprintf("the command ended with exit code %d: No space left on device", be.ExitCode)
		be.Hint = noSpace
	}
	if be.Hint == "" {
		be.Hint = b.ungiven(be.Step)
	}
	return be
}

var secretMount = regexp.MustCompile(`--mount=\S*type=secret\S*`)

// ungiven names what a step that failed asks for and nobody gave: BuildKit leaves such a mount out, and the
// command then fails for a reason of its own.
func (b *Build) ungiven(step string) string {
	if strings.Contains(step, "type=ssh") && len(b.SSH) == 0 {
		return "nothing is forwarded to --mount=type=ssh: give --ssh default"
	}
	for _, m := range secretMount.FindAllString(step, -1) {
		for f := range strings.SplitSeq(strings.TrimPrefix(m, "--mount="), ",") {
			id, ok := strings.CutPrefix(f, "id=")
			if ok && !slices.ContainsFunc(b.Secrets, func(s string) bool { return slices.Contains(strings.Split(s, ","), f) }) {
				return fmt.Sprintf("nothing is given to --mount=type=secret,id=%s: give --secret id=%s,src=FILE or env=NAME", id, id)
			}
		}
	}
	return ""
}

// place takes the location from what the engine attached to the error.
func (e *BuildError) place(src *solvererrors.Source) {
	for _, r := range src.Ranges {
		start, end := int(r.Start.GetLine()), int(r.End.GetLine())
		if start > 0 && (e.Line == 0 || start < e.Line) {
			e.Line = start
		}
		e.EndLine = max(e.EndLine, end, start)
	}
	if src.Info != nil && len(e.Source) == 0 {
		e.Source = src.Info.Data
	}
}

func lastLines(b []byte, n int) []string {
	s := strings.TrimRight(string(b), "\n")
	if s == "" {
		return nil
	}
	lines := strings.Split(s, "\n")
	if len(b) >= tailSize && len(lines) > 1 {
		lines = lines[1:] // cut in the middle
	}
	for i, l := range lines {
		l = strings.TrimRight(l, "\r")
		if at := strings.LastIndexByte(l, '\r'); at >= 0 {
			l = l[at+1:] // a progress bar: what was shown last
		}
		lines[i] = l
	}
	return lines[max(0, len(lines)-n):]
}

var noSecret = regexp.MustCompile(`secret (\S+): not found`)

// complains begins a line by which pip, apt, apk, npm, Go, cargo and shells say what is wrong.
var complains = regexp.MustCompile(`^\s*(ERROR:|error:|E:|npm (ERR!|error) [A-Za-z]|fatal:|go: \S|/bin/sh: )`)

// raises is how the last line of a Python program's traceback begins.
var raises = regexp.MustCompile(`^\s*([A-Za-z_]\w*\.)*[A-Z]\w*(Error|Exception|NotFound): `)

// complaint is the first line of a failed step's last ones that says what is wrong, or else the last that names an exception, cut short;
// "" when none does.
func complaint(log []string) string {
	at := slices.IndexFunc(log, complains.MatchString)
	for n := len(log) - 1; at < 0 && n >= 0; n-- {
		if raises.MatchString(log[n]) {
			at = n
		}
	}
	if at < 0 {
		return ""
	}
	l := strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, log[at]))
	if len([]rune(l)) > 160 {
		l = string([]rune(l)[:159]) + "…"
	}
	return l
}

// noSource is what the engine says of a file to copy that is not there.
var noSource = regexp.MustCompile(`(?:failed to calculate checksum of ref [^"]*"|lstat )/?([^":]+)"?: (?:not found|no such file or directory)`)

var copies = regexp.MustCompile(`(?i)^\s*(COPY|ADD)\s`)

var fromFlag = regexp.MustCompile(`--from=(\S+)`)

// text is the instruction at the error's place.
func (e *BuildError) text() string {
	lines := strings.Split(string(e.Source), "\n")
	if e.Line < 1 || e.Line > len(lines) {
		return ""
	}
	return strings.Join(lines[e.Line-1:min(len(lines), max(e.Line, e.EndLine))], "\n")
}

// describe says in one line what went wrong and what to do.
func (e *BuildError) describe(err error) (message, hint string) {
	raw := root(err)
	if e.ExitCode != 0 {
		message = fmt.Sprintf("the command ended with exit code %d%s", e.ExitCode, exitMeaning(e.ExitCode))
		if c := complaint(e.Log); c != "" {
			message += ": " + c
		}
		return message, ""
	}
	if m := noSecret.FindStringSubmatch(raw); m != nil {
		return raw, fmt.Sprintf("give --secret id=%s,src=FILE or env=NAME", m[1])
	}
	if strings.Contains(raw, "no SSH key") {
		return "the step asks for an SSH key, and none is forwarded", "give --ssh default, or --ssh ID=SOCKET"
	}
	if m := noSource.FindStringSubmatch(raw); m != nil && copies.MatchString(e.text()) {
		if f := fromFlag.FindStringSubmatch(e.text()); f != nil {
			return m[1] + " is not in " + f[1], "check the path there: it is taken from the root of that stage or image"
		}
		return m[1] + " is not in the build context", "check the path: it is taken from the project's directory, less what the .dockerignore keeps out"
	}
	low := strings.ToLower(raw)
	for _, k := range known {
		for _, w := range k.words {
			if strings.Contains(low, w) {
				return raw, k.hint
			}
		}
	}
	return raw, ""
}

const noSpace = "free some space (lighten cache prune), or keep the state elsewhere (--state DIR)"

// known are errors that users meet, by words of the engine's text, and what to do about them.
var known = []struct {
	words []string
	hint  string
}{
	{[]string{"429", "too many requests", "toomanyrequests"}, "the registry limits how often it may be asked: log in (docker login), wait, or name a mirror in the configuration file"},
	{[]string{"401 unauthorized", "authorization failed", "insufficient_scope", "access denied", "403 forbidden", "unauthorized"}, "log in to the registry (docker login HOST), and check the image's name"},
	{[]string{"404 not found", "manifest unknown", "name unknown", ": not found"}, "check the image's name and tag, and that the registry has it"},
	{[]string{"x509:", "certificate signed by unknown"}, "the registry's certificate is of an authority this machine does not trust: give it with --ca FILE"},
	{[]string{"server gave http response to https client"}, "the registry speaks plain http: list it under plain-http in the configuration file"},
	{[]string{"500 internal server error", "502 bad gateway", "503 service unavailable", "504 gateway"}, "the registry failed several times: try again later, or name a mirror in the configuration file"},
	{[]string{"unexpected eof", "failed size validation", "unexpected commit size", "unexpected commit digest", "connection reset"}, "the download was cut off several times: try again, or name a mirror in the configuration file"},
	{[]string{"no such host", "connection refused", "i/o timeout", "network is unreachable"}, "check the network, the proxy settings, and the registry's name"},
	{[]string{"no space left on device"}, noSpace},
	{[]string{"permission denied"}, "make the file readable, or leave it out of the context with .dockerignore"},
}

// root is the engine's text without the layers that say only that something failed.
func root(err error) string {
	s := err.Error()
	for _, p := range []string{"failed to run Build function: ", "failed to solve: ", "rpc error: code = Unknown desc = ", "dockerfile parse error on "} {
		for {
			i := strings.Index(s, p)
			if i < 0 {
				break
			}
			s = s[:i] + s[i+len(p):]
		}
	}
	return strings.TrimSpace(s)
}

func exitMeaning(code int) string {
	switch code {
	case 126:
		return " (the program can't be executed)"
	case 127:
		return " (the program was not found)"
	case 137:
		return " (killed, most often for want of memory)"
	case 139:
		return " (it crashed: segmentation fault)"
	}
	return ""
}

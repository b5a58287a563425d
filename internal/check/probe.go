package check

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	checkTimeout = 20 * time.Second // of one check that names none
	maxBody      = 4 << 20          // bytes read of an answer or of a command's output
)

// outcome is what a probe found: ok, or the difference.
type outcome struct {
	expected, found string
	retry           bool // nothing answered yet
	answer          *Answer
}

func (o outcome) passed() bool { return o.expected == "" }

func differ(expected, found string, args ...any) outcome {
	return outcome{expected: expected, found: fmt.Sprintf(found, args...)}
}

func compile(kind, re string) error {
	if _, err := regexp.Compile(re); err != nil {
		return fmt.Errorf("%s: matches: %w", kind, err)
	}
	return nil
}

func (h *HTTP) probe(ctx context.Context, port int) outcome {
	if h.Port != 0 {
		port = h.Port
	}
	var body io.Reader = strings.NewReader(h.Body)
	if h.JSON != nil {
		b, err := json.Marshal(h.JSON)
		if err != nil {
			return differ("a body", "%v", err)
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, h.method(), fmt.Sprintf("http://127.0.0.1:%d%s", port, h.path()), body)
	if err != nil {
		return differ("a request", "%v", err)
	}
	req.Host = fmt.Sprintf("localhost:%d", port)
	if h.JSON != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for k, v := range h.Headers {
		if strings.EqualFold(k, "host") {
			req.Host = v
		}
		req.Header.Set(k, v)
	}
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: func(*http.Request, []*http.Request) error {
		if h.Follow {
			return nil
		}
		return http.ErrUseLastResponse
	}}
	resp, err := c.Do(req)
	late := "none when its time was over; `timeout` in the check gives it more"
	if errors.Is(err, context.DeadlineExceeded) { // asked again, the program would do twice what it may still be doing
		return differ("an answer on port "+strconv.Itoa(port), "%s", late)
	}
	if err != nil {
		return outcome{expected: "an answer on port " + strconv.Itoa(port), found: refusal(err), retry: true}
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if errors.Is(err, context.DeadlineExceeded) {
		return differ("a body", "%s", late)
	}
	if err != nil {
		return differ("a body", "%v", err)
	}
	o := h.judge(resp.StatusCode, text)
	o.answer = &Answer{Status: resp.StatusCode, Type: resp.Header.Get("Content-Type"), Location: resp.Header.Get("Location"), Body: newPart(text)}
	return o
}

// unready tells the answer of a gateway that does not reach the program behind it yet, or of a program that is still loading (RFC 9110, 15.6.3
// and 15.6.4), where the check is not about that. To ask again does no harm then.
func (h *HTTP) unready(o outcome) bool {
	return !o.passed() && o.answer != nil && (o.answer.Status == http.StatusBadGateway || o.answer.Status == http.StatusServiceUnavailable) &&
		(h.method() == http.MethodGet || h.method() == http.MethodHead)
}

// refusal drops the address and the wrapping of a failed connection.
func refusal(err error) string {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err.Error()
	}
	return err.Error()
}

func (h *HTTP) judge(status int, body []byte) outcome {
	if want, ok := h.Status.fits(status); !ok {
		return differ("status "+want, "status %d: %s", status, excerpt(body))
	}
	if h.Contains != "" && !bytes.Contains(body, []byte(h.Contains)) {
		return differ(fmt.Sprintf("a body with %q", h.Contains), "%s", excerpt(body))
	}
	if h.Matches != "" && !regexp.MustCompile(h.Matches).Match(body) { // compiled once before, by Parse
		return differ(fmt.Sprintf("a body that matches %q", h.Matches), "%s", excerpt(body))
	}
	for _, p := range sortedKeys(h.JSONPath) {
		var doc any
		if err := json.Unmarshal(body, &doc); err != nil {
			return differ("a JSON body", "%s", excerpt(body))
		}
		got, err := jsonPath(doc, p)
		if err != nil {
			return differ(fmt.Sprintf("%s = %v", p, h.JSONPath[p]), "%v in %s", err, excerpt(body))
		}
		if !equalJSON(got, h.JSONPath[p]) {
			return differ(fmt.Sprintf("%s = %v", p, h.JSONPath[p]), "%v", got)
		}
	}
	return outcome{}
}

// fits compares a status; without an expectation anything below 400 is fine.
func (s Status) fits(got int) (string, bool) {
	if s == "" {
		s = "<400"
	}
	if below, ok := strings.CutPrefix(string(s), "<"); ok {
		n, _ := strconv.Atoi(below) // Parse let only numbers through
		return "below " + below, got < n
	}
	return string(s), strconv.Itoa(got) == string(s)
}

func excerpt(b []byte) string {
	return quoted(b, "an empty body")
}

// quoted is the beginning of b in one line, or what to say when it is empty.
func quoted(b []byte, empty string) string {
	s := strings.Join(strings.Fields(string(b)), " ")
	if s == "" {
		return empty
	}
	if len(s) > 200 {
		n := 200
		for n > 196 && !utf8.RuneStart(s[n]) {
			n--
		}
		s = s[:n] + "…"
	}
	return strconv.Quote(s)
}

func sortedKeys(m map[string]any) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

var pathStep = regexp.MustCompile(`^(?:\.([\w-]+)|\[(\d+)\])`)

// parsePath takes $.name.name[index] apart: a string is a name, an int an index.
func parsePath(p string) ([]any, error) {
	rest, ok := strings.CutPrefix(p, "$")
	if !ok {
		return nil, fmt.Errorf("path %q does not start with $", p)
	}
	var steps []any
	for rest != "" {
		m := pathStep.FindStringSubmatch(rest)
		if m == nil {
			return nil, fmt.Errorf("path %q is not understood at %q", p, rest)
		}
		rest = rest[len(m[0]):]
		if m[1] != "" {
			steps = append(steps, m[1])
			continue
		}
		n, err := strconv.Atoi(m[2])
		if err != nil {
			return nil, fmt.Errorf("path %q: %w", p, err)
		}
		steps = append(steps, n)
	}
	return steps, nil
}

// jsonPath follows $.name.name[index].
func jsonPath(doc any, p string) (any, error) {
	steps, err := parsePath(p)
	if err != nil {
		return nil, err
	}
	for _, step := range steps {
		switch step := step.(type) {
		case string:
			obj, _ := doc.(map[string]any)
			v, ok := obj[step]
			if !ok {
				return nil, fmt.Errorf("no %q", step)
			}
			doc = v
		case int:
			list, _ := doc.([]any)
			if step >= len(list) {
				return nil, fmt.Errorf("no element %d", step)
			}
			doc = list[step]
		}
	}
	return doc, nil
}

// equalJSON compares a decoded value with one of YAML, by their JSON forms.
func equalJSON(got, want any) bool {
	b, err := json.Marshal(want)
	if err != nil {
		return false
	}
	var w any
	return json.Unmarshal(b, &w) == nil && reflect.DeepEqual(got, w)
}

func (t *TCP) probe(ctx context.Context) outcome {
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", t.Port))
	if err != nil {
		return outcome{expected: fmt.Sprintf("a connection to port %d", t.Port), found: refusal(err), retry: true}
	}
	c.Close()
	return outcome{}
}

// probe runs the command; out receives what it printed, for the report.
func (e *Exec) probe(ctx context.Context, p Process, argv []string, out *output, start func(*exec.Cmd) error) outcome {
	c, err := p.command(ctx, argv)
	if err != nil {
		fmt.Fprintln(out, err)
		return differ("it runs", "%v", err)
	}
	var stdout, stderr head
	c.Stdin = strings.NewReader(e.Stdin)
	c.Stdout, c.Stderr = io.MultiWriter(&stdout, out), io.MultiWriter(&stderr, out)
	if err = family.start(c, start); err == nil {
		err = family.wait(c)
	}
	if c.ProcessState == nil {
		err = p.explain(err, c.Path)
		fmt.Fprintln(out, err)
		return differ("it runs", "%v", err)
	}
	code := exitCode(c.ProcessState)
	o := e.judge(errors.Is(ctx.Err(), context.DeadlineExceeded), code, stdout, stderr)
	o.answer = &Answer{Code: &code, Stdout: newPart(stdout), Stderr: newPart(stderr)}
	return o
}

func (e *Exec) judge(late bool, code int, stdout, stderr []byte) outcome {
	printed := quoted(slices.Concat(stderr, stdout), "no output")
	if late {
		return differ("it ends", "it still runs when its time is over (`timeout` in the check gives it more): %s", printed)
	}
	if code != e.Code {
		return differ(fmt.Sprintf("exit code %d", e.Code), "exit code %d: %s", code, printed)
	}
	if !bytes.Contains(stdout, []byte(e.Stdout)) {
		return differ(fmt.Sprintf("standard output with %q", e.Stdout), "%s", quoted(stdout, "no output"))
	}
	if !bytes.Contains(stderr, []byte(e.Stderr)) {
		return differ(fmt.Sprintf("standard error with %q", e.Stderr), "%s", quoted(stderr, "no output"))
	}
	return outcome{}
}

// head keeps the first [maxBody] bytes written to it.
type head []byte

func (h *head) Write(b []byte) (int, error) {
	*h = append(*h, b[:min(len(b), max(maxBody-len(*h), 0))]...)
	return len(b), nil
}

// listening lists the addresses on which something listens here, from the
// kernel's tables (proc(5), /proc/net/tcp).
func listening() []string {
	var out []string
	for _, f := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		b, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		for _, l := range strings.Split(string(b), "\n")[1:] {
			col := strings.Fields(l)
			if len(col) < 4 || col[3] != "0A" {
				continue
			}
			addr, port, _ := strings.Cut(col[1], ":")
			n, err := strconv.ParseUint(port, 16, 16)
			if err != nil {
				continue
			}
			host := "all addresses"
			switch {
			case len(addr) == 8 && strings.HasSuffix(addr, "7F"): // 127.0.0.0/8, in the byte order of the machine
				host = "loopback only"
			case addr == "00000000000000000000000001000000":
				host = "IPv6 loopback only"
			case strings.Trim(addr, "0") != "":
				host = "one address only"
			}
			out = append(out, fmt.Sprintf("%d (%s)", n, host))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

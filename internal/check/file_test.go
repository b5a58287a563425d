package check_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/lighten/lighten/internal/check"
)

const everything = `checks:
- name: front page
  http: {port: 8000, path: /a?b=c, method: put, headers: {X-A: "1"}, body: text, status: 201, contains: hi, matches: 'h.', jsonpath: {'$.a[0].b': 1}, follow: true}
- http: {json: {a: [1, true, null]}, status: <500}
- exec: [python, -c, print(1)]
- exec: {args: [ls, /], stdin: x, code: 2, stdout: a, stderr: b, within: 3s}
- tcp: {port: 6379}
- log: {matches: ^ready, within: 10s}
- exit: [--help]
- exit: {args: [x], code: 1, timeout: 1m}
- exit: {}
holdout:
- http: {path: /rare, status: "404"}
keep: [/app/data]
level: tight
budget: {pull: 30MB, disk: 1GiB}
services:
  db: {image: "postgres:15", env: {A: b}, port: 5432}
  own: {build: ./db}
env: {DEBUG: "1"}
start: {timeout: 1m30s}
network: host
`

func TestParse(t *testing.T) {
	want := check.File{
		Checks: []check.Check{
			{Name: "front page", HTTP: &check.HTTP{Port: 8000, Path: "/a?b=c", Method: "put", Headers: map[string]string{"X-A": "1"}, Body: "text",
				Status: "201", Contains: "hi", Matches: "h.", JSONPath: map[string]any{"$.a[0].b": uint64(1)}, Follow: true}},
			{HTTP: &check.HTTP{JSON: map[string]any{"a": []any{uint64(1), true, nil}}, Status: "<500"}},
			{Exec: &check.Exec{Args: []string{"python", "-c", "print(1)"}}},
			{Exec: &check.Exec{Args: []string{"ls", "/"}, Stdin: "x", Code: 2, Stdout: "a", Stderr: "b", Within: 3 * time.Second}},
			{TCP: &check.TCP{Port: 6379}},
			{Log: &check.Log{Matches: "^ready", Within: 10 * time.Second}},
			{Exit: &check.Exec{Args: []string{"--help"}}},
			{Exit: &check.Exec{Args: []string{"x"}, Code: 1, Timeout: time.Minute}},
			{Exit: &check.Exec{}},
		},
		Holdout:  []check.Check{{HTTP: &check.HTTP{Path: "/rare", Status: "404"}}},
		Keep:     []string{"/app/data"},
		Level:    "tight",
		Budget:   check.Budget{Pull: 30e6, Disk: 1 << 30},
		Services: map[string]check.Service{"db": {Image: "postgres:15", Env: map[string]string{"A": "b"}, Port: 5432}, "own": {Build: "./db"}},
		Env:      map[string]string{"DEBUG": "1"},
		Start:    check.Start{Timeout: 90 * time.Second},
		Network:  "host",
	}
	got, err := check.Parse("lighten.yaml", []byte(everything))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(*got, want) {
		t.Errorf("got  %+v\nwant %+v", *got, want)
	}
	again, err := check.Parse("again", got.YAML())
	if err != nil {
		t.Fatalf("%v in\n%s", err, got.YAML())
	}
	if !reflect.DeepEqual(again, got) {
		t.Errorf("written and read again: got %s\nwant %s", again.YAML(), got.YAML())
	}
	for i, name := range []string{"front page", "POST /", "python -c print(1)", "ls /", "port 6379", "log ^ready", "program --help", "program x", "program"} {
		if got := got.Checks[i].String(); got != name {
			t.Errorf("check %d: got name %q, want %q", i, got, name)
		}
	}
}

// What a report shows of a request can be written as the request.
func TestParseHTTPText(t *testing.T) {
	for text, want := range map[string]check.HTTP{
		"/":            {Path: "/"},
		"GET /":        {Method: "GET", Path: "/"},
		"/a?b=c":       {Path: "/a?b=c"},
		"POST  /items": {Method: "POST", Path: "/items"},
	} {
		f, err := check.Parse("lighten.yaml", []byte("checks:\n- http: "+text+"\n"))
		if err != nil || !reflect.DeepEqual(*f.Checks[0].HTTP, want) {
			t.Errorf("%q: got %+v, error %v; want %+v", text, f, err, want)
		}
	}
}

func TestParseNothing(t *testing.T) {
	for _, src := range []string{"", "\n", "# nothing\n", "---\n", "{}"} {
		if f, err := check.Parse("lighten.yaml", []byte(src)); err != nil || !reflect.DeepEqual(*f, check.File{}) {
			t.Errorf("%q: got %+v, error %v", src, f, err)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for _, c := range []struct{ src, want string }{
		{"chekcs: []", "lighten.yaml:1:1: unknown key \"chekcs\"; did you mean \"checks\"?\n  chekcs: []\n  ^"},
		{"checks:\n- http:\n    prot: 80\n", "lighten.yaml:3:5: unknown key \"prot\"; did you mean \"port\"?\n      prot: 80\n      ^"},
		{"checks:\n- exec: {argz: [a]}\n", "unknown key \"argz\"; did you mean \"args\"?"},
		{"holdout:\n- http: {within: 5s}\n", "unknown key \"within\"; it belongs to exec, log, exit"},
		{"checks:\n- http: {path: /a, ignore: x}\n", "unknown key \"ignore\"; it stands beside the kind of a check: {http: /, ignore: …}"},
		{"timeout: 5s", "unknown key \"timeout\"; it belongs to http, exec, exit, start"},
		{"checks:\n- http: {timeout: -5s}\n", "http: timeout -5s: want a time such as 30s"},
		{"zzzzzz: 1", "lighten.yaml:1:1: unknown key \"zzzzzz\"\n"},
		{"checks: 1", "lighten.yaml:1:9: "},
		{"checks: [", "lighten.yaml:1:9: "},
		{"env: {A: 1}\nenv: {B: 2}", "lighten.yaml:2:1: "},
		{"level: loose", `level "loose": want safe or tight`},
		{"network: bridge", `network "bridge": want none or host`},
		{"start: {timeout: soon}", "soon"},
		{"start: {timeout: -1s}", "start: timeout -1s"},
		{"budget: {pull: lots}", `reading size "lots"`},
		{"budget: {pull: 0}", `reading size "0"`},
		{"services: {db: {}}", `service "db": want either image or build`},
		{"services: {db: {image: a, build: b}}", `service "db": want either image or build`},
		{"services: {../db: {image: a}}", `service "../db": want a host name`},
		{"services: {db: {image: a, port: 70000}}", `service "db": port 70000`},
		{"checks: [{}]", "checks[0]: 0 kinds in one check"},
		{"holdout: [{tcp: {port: 1}, log: {matches: a}}]", "holdout[0]: 2 kinds in one check"},
		{"checks: [{http: {status: 20}}]", `status "20"`},
		{"checks: [{http: {status: 200 OK}}]", `status "200 OK"`},
		{"checks: [{http: {status: ok}}]", `status "ok"`},
		{"checks: [{http: items}]", `http "items": want a path such as /items`},
		{"checks: [{http: GET}]", `http "GET": want a path such as /items`},
		{"checks: [{http: 5000}]", `http "5000": want a path such as /items`},
		{"checks: [{http: {body: a, json: 1}}]", "body and json are both set"},
		{"checks: [{http: {port: -1}}]", "http: port -1"},
		{"checks: [{http: {matches: (}}]", "http: matches: error parsing regexp"},
		{"checks: [{http: {method: G T}}]", "http: net/http: invalid method"},
		{"checks: [{http: {jsonpath: {a.b: 1}}}]", `path "a.b" does not start with $`},
		{"checks: [{http: {jsonpath: {'$.a[x]': 1}}}]", `not understood at "[x]"`},
		{"checks: [{log: {}}]", "log: matches is missing"},
		{"checks: [{log: {matches: (}}]", "log: matches: error parsing regexp"},
		{"checks: [{tcp: {}}]", "tcp: port is missing"},
		{"checks: [{tcp: {port: 65536}}]", "tcp: port 65536"},
		{"checks: [{exec: []}]", "exec: the command is missing"},
		{"checks: [{exit: {within: 1s}}]", "exit: within is for exec"},
	} {
		_, err := check.Parse("lighten.yaml", []byte(c.src))
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "lighten.yaml:") {
			t.Errorf("%q: got %v, want %q", c.src, err, c.want)
		}
	}
	var e *check.Error
	if _, err := check.Parse("f", []byte("a: 1")); !errors.As(err, &e) || e.Line != 1 {
		t.Errorf("got %#v, want an *Error on line 1", err)
	}
}

func TestParseSize(t *testing.T) {
	for s, want := range map[string]check.Size{
		"30MB": 30e6, "30 MB": 30e6, "30mb": 30e6, "30MiB": 30 << 20, "1.5GB": 15e8, "1GiB": 1 << 30, "5k": 5000, "7": 7,
		"": 0, "0": 0, "-1MB": 0, "MB": 0, "1XB": 0, "NaN": 0,
	} {
		if got, err := check.ParseSize(s); got != want || (err == nil) != (want > 0) {
			t.Errorf("%q: got %d, error %v, want %d", s, got, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(everything))
	f.Add([]byte("checks:\n- http:\n    prot: 80\n"))
	f.Add([]byte("checks: [{http: {status: 20"))
	f.Fuzz(func(t *testing.T, src []byte) {
		got, err := check.Parse("lighten.yaml", src)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "lighten.yaml:") {
				t.Errorf("the error does not name the file: %v", err)
			}
			return
		}
		if _, err := check.Parse("again", got.YAML()); err != nil {
			t.Errorf("what was read is not valid when written: %v in\n%s", err, got.YAML())
		}
	})
}

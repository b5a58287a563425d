package check_test

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/lighten/lighten/internal/check"
)

func TestNormal(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"plain text, 42 items, version 3.11.2, 127.0.0.1", "plain text, 42 items, version 3.11.2, 127.0.0.1"},
		{`{"id": 7, "price": 12.50, "at": "2026-11-25T10:00:28.123456+00:00"}`, `{"id": 7, "price": 12.50, "at": "<time>"}`},
		{"2026-11-25 10:00:28,123 INFO up", "<time> INFO up"},
		{"2026/11/25 10:00:28 [notice] 7#7: start", "<time> [notice] <number>: start"},
		{"Wed, 25 Nov 2026 10:00:28 GMT", "<time>"},
		{"Wed Nov 25 10:00:28 UTC 2026.", "<time>."},
		{`[25/Nov/2026:10:00:28 +0000] "GET / HTTP/1.1" 200`, `[<time>] "GET / HTTP/1.1" 200`},
		{"Nov  5 10:00:28 host sshd[123]: hello", "<time> host sshd[<number>]: hello"},
		{`{"now": 1795600828, "ms": 1795600828123, "py": 1795600828.5}`, `{"now": <time>, "ms": <time>, "py": <time>}`},
		{"took 12.5 ms, then 3s and 7 seconds", "took <duration>, then <duration> and <duration>"},
		{"<object at 0x7f3a5c0012d0>, flags 0x10", "<object at <address>>, flags 0x10"},
		{"id 123e4567-e89b-12d3-a456-426614174000!", "id <uuid>!"},
		{"Listening on http://127.0.0.1:38211/", "Listening on http://127.0.0.1:<port>/"},
		{"Started server process [17], worker pid: 4", "Started server process [<number>], worker pid: <number>"},
		{"peer port 51234", "peer port <number>"},
	} {
		if got := check.Normal(c.in); got != c.want {
			t.Errorf("%q: got %q, want %q", c.in, got, c.want)
		}
	}
}

// Texts that differ in nothing but a time are the same, whatever is around it.
func FuzzNormal(f *testing.F) {
	for _, s := range []string{"", "at ", "2026-11-25T", "pid 1", "0x7f3a5c0012d0", "\xff", "Nov  5 "} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, before, after string) {
		one, two := check.Normal(before+" 10:00:28 "+after), check.Normal(before+" 11:22:33 "+after)
		if one != two {
			t.Errorf("got %q and %q", one, two)
		}
		if utf8.ValidString(before) && utf8.ValidString(after) && !utf8.ValidString(one) {
			t.Errorf("%q is no UTF-8 any more", one)
		}
	})
}

// part is an answer's part with this text.
func part(s string) *check.Part {
	p := &check.Part{Size: len(s), SHA256: fmt.Sprintf("%x", sha256.Sum256([]byte(s))), Binary: strings.Contains(s, "\x00")}
	if !p.Binary {
		p.Head = []byte(s[:min(len(s), 64<<10)])
	}
	return p
}

func body(s string) *check.Report {
	return &check.Report{Results: []check.Result{{Name: "c", Passed: true, Answer: &check.Answer{Status: 200, Type: "text/plain", Body: part(s)}}}}
}

func TestCompare(t *testing.T) {
	long := strings.Repeat("all work and no play\n", 5000)
	for _, c := range []struct {
		name     string
		original []string
		light    string
		want     string // the difference's texts; "": none
	}{
		{"the same", []string{"hello"}, "hello", ""},
		{"another word", []string{"hello world"}, "hello moon", `body: expected "hello world", found "hello moon"`},
		{"nothing", []string{"hello"}, "", `expected "hello", found nothing`},
		{"more", []string{"hello"}, "hello\nTraceback", `expected "hello (its end)", found "hello Traceback"`},
		{"a time", []string{"at 10:00:00"}, "at 10:00:01", ""},
		{"a word that changes by itself", []string{"token abcd end", "token efgh end"}, "token ijkl end", ""},
		{"its neighbour", []string{"token abcd end", "token efgh end"}, "token ijkl stop", `expected "token … end", found "token ijkl stop"`},
		{"several words for one", []string{"user a b is here now ok", "user c is here now ok"}, "user x y z is here now ok", ""},
		{"a line in the second run only", []string{"a\nb\nc\nd\n", "a\nb\nnote\nc\nd\n"}, "a\nb\nother\nc\nd\n", ""},
		{"lines in some runs only", []string{"a\nnote one\nb\nc\nd\n", "a\nb\nc\nd\n"}, "a\nnote two\nnote three\nb\nc\nd\n", ""},
		{"a line that stays", []string{"a\nx1\nb\nc\nd\n", "a\nx2\nb\nc\nd\n"}, "a\nx3\nb\nd\n", `expected "a … b c d", found "a x3 b d"`},
		{"lines in another order each time", []string{"copied a\ncopied b\ncopied c\ndone\n", "copied c\ncopied a\ncopied b\ndone\n"}, "copied b\ncopied c\ncopied a\ndone\n", ""},
		{"one of them is gone", []string{"copied a\ncopied b\ncopied c\ndone\n", "copied c\ncopied a\ncopied b\ndone\n"}, "copied b\ncopied c\ndone\n", `expected "copied a copied b copied c`},
		{"another line among them", []string{"copied a\ncopied b\ncopied c\ndone\n", "copied c\ncopied a\ncopied b\ndone\n"}, "copied b\ncopied c\nfailed a\ndone\n", `found "copied b copied c done failed a`},
		{"lines in one order each time", []string{"copied a\ncopied b\ncopied c\n", "copied a\ncopied b\ncopied c\n"}, "copied b\ncopied a\ncopied c\n", `found "copied b copied a`},
		{"lines in another order, with a number of the run", []string{"worker w1 copied a\nworker w2 copied b\nread 17 pages\nworker w3 copied c\n", "worker w3 copied c\nread 29 pages\nworker w1 copied a\nworker w2 copied b\n"}, "worker w2 copied b\nworker w1 copied a\nworker w3 copied c\nread 31 pages\n", ""},
		{"random letters have some in common", []string{"[q-w-e]", "[a-w-d]"}, "[1-2-3]", ""},
		{"bytes", []string{"\x00abc"}, "\x00abd", "4 bytes with sha256"},
		{"bytes that change", []string{"\x00abc", "\x00abd"}, "\x00abe", ""},
		{"bytes that change, of another length", []string{"\x00abc", "\x00abd"}, "\x00abef", "5 bytes with sha256"},
		{"bytes for text", []string{"abc"}, "\x00abc", `expected "abc", found 4 bytes`},
		{"long", []string{long}, long + "x", ""}, // beyond what is kept, and one run does not tell what changes
		{"long, known to stay", []string{long, long}, long + "x", "expected"},
		{"long, its beginning", []string{long, long + "x"}, "x" + long, "expected"},
		{"long instead of short", []string{"short\n"}, "short\n" + long, `found "short all`},
		{"short instead of long", []string{long}, "all work and no play\n", `found "all work and no play (its end)"`},
	} {
		var original []*check.Report
		for _, o := range c.original {
			original = append(original, body(o))
		}
		got := fmt.Sprint(check.Compare(original, body(c.light)))
		if (got == "[]") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: got %.300s, want %q", c.name, got, c.want)
		}
	}
}

// It is told of which checks the order of lines is not compared.
func TestUnordered(t *testing.T) {
	for _, c := range []struct {
		runs []string
		want string
	}{
		{[]string{"a one\nb two\n"}, "[]"},
		{[]string{"a one\nb two\n", "a one\nb two\n"}, "[]"},
		{[]string{"a one\nb two\n", "b two\na one\n"}, "[c]"},
		{[]string{"a one\nb two\n", "a one\nb three\n"}, "[]"},
		{[]string{"a one\nb two\n", "\x00"}, "[]"},
	} {
		var runs []*check.Report
		for _, r := range c.runs {
			runs = append(runs, body(r))
		}
		if got := fmt.Sprint(check.Unordered(runs)); got != c.want {
			t.Errorf("%q: got %s, want %s", c.runs, got, c.want)
		}
	}
}

// What changes from run to run of the lighter image changes by itself too, as long as most of its answer stays.
func TestCompareRunsOfBoth(t *testing.T) {
	original := []*check.Report{body("connections: 3, juggles: 93, errors: 0\n"), body("connections: 3, juggles: 93, errors: 0\n")}
	for _, c := range []struct {
		name  string
		light []string
		want  string
	}{
		{"a counter", []string{"connections: 3, juggles: 84, errors: 0\n", "connections: 3, juggles: 85, errors: 0\n"}, ""},
		{"a counter that stays", []string{"connections: 3, juggles: 84, errors: 0\n", "connections: 3, juggles: 84, errors: 0\n"}, "juggles: 84"},
		{"its neighbour", []string{"connections: 3, juggles: 84, errors: 1\n", "connections: 3, juggles: 85, errors: 1\n"}, "errors: 1"},
		{"a list in the order of a directory", []string{"errors: 0, juggles: 93, connections: 3\n", "connections: 3, errors: 0, juggles: 93\n"}, ""},
		{"a list in another order each time the same", []string{"errors: 0, juggles: 93, connections: 3\n", "errors: 0, juggles: 93, connections: 3\n"}, "errors: 0, juggles"},
		{"something else each time", []string{"cannot open a", "segmentation fault"}, "segmentation fault"},
	} {
		var light []*check.Report
		for _, l := range c.light {
			light = append(light, body(l))
		}
		got := fmt.Sprint(check.Compare(original, light...))
		if (got == "[]") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: got %s, want %q", c.name, got, c.want)
		}
	}
}

func TestCompareParts(t *testing.T) {
	zero, one := 0, 1
	of := func(r check.Result) *check.Report {
		r.Name = "c"
		return &check.Report{Results: []check.Result{r}}
	}
	answer := func(a check.Answer) *check.Report { return of(check.Result{Passed: true, Answer: &a}) }
	for _, c := range []struct {
		name     string
		original []*check.Report
		light    *check.Report
		want     string
	}{
		{"status", []*check.Report{answer(check.Answer{Status: 200})}, answer(check.Answer{Status: 204}), "[c: status: expected 200, found 204]"},
		{"a status that changes", []*check.Report{answer(check.Answer{Status: 200}), answer(check.Answer{Status: 204})}, answer(check.Answer{Status: 206}), "[]"},
		{"type", []*check.Report{answer(check.Answer{Type: "text/css"})}, answer(check.Answer{}), "[c: content type: expected text/css, found none]"},
		{"location", []*check.Report{answer(check.Answer{Location: "/?at=10:00:00"})}, answer(check.Answer{Location: "/?at=11:00:00"}), "[]"},
		{"exit code", []*check.Report{answer(check.Answer{Code: &zero})}, answer(check.Answer{Code: &one}), "[c: exit code: expected 0, found 1]"},
		{"no output", []*check.Report{answer(check.Answer{Code: &zero, Stderr: part("")})}, answer(check.Answer{Code: &zero, Stderr: part("warning")}), "[c: standard error: expected nothing, found \"warning\"]"},
		{"log", []*check.Report{answer(check.Answer{Line: part("up")})}, answer(check.Answer{Line: part("down")}), "[c: log line: expected \"up\", found \"down\"]"},
		{"failed", []*check.Report{answer(check.Answer{Status: 200})}, of(check.Result{Found: "the program ended"}), "[c: result: expected it passes, found the program ended]"},
		{"the original failed too", []*check.Report{of(check.Result{})}, of(check.Result{}), "[]"},
		{"not asked", []*check.Report{answer(check.Answer{})}, &check.Report{}, "[c: result: expected an answer, found it was not asked]"},
		{"no original", nil, of(check.Result{}), "[]"},
	} {
		if got := fmt.Sprint(check.Compare(c.original, c.light)); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

// An original is never different from itself, and what it shares with no other run is no reason to differ.
// Programs tell Prometheus of what they measure: the values are of the moment, the names and the labels are not.
func TestCompareSamples(t *testing.T) {
	metrics := func(kind, text string) *check.Report {
		r := body(text)
		r.Results[0].Answer.Type = kind
		return r
	}
	const one, two = "# TYPE up gauge\nup{a=\"x y\"} 7\nidle_seconds_total 12.5\n", "# TYPE up gauge\nup{a=\"x y\"} 8\nidle_seconds_total 1.2e+06 1395066363000\n"
	for _, c := range []struct {
		kind, light string
		same        bool
	}{
		{"text/plain; version=0.0.4; charset=utf-8", two, true},
		{"application/openmetrics-text; version=1.0.0", two, true},
		{"text/plain; version=0.0.4", strings.Replace(two, "x y", "z", 1), false},
		{"text/plain; version=0.0.4", strings.Replace(two, "idle", "busy", 1), false},
		{"text/plain; charset=utf-8", two, true}, // of a framework that was given the text
		{"text/plain", strings.Replace(two, "idle", "busy", 1), false},
		{"text/html", two, false},
	} {
		got := check.Compare([]*check.Report{metrics(c.kind, one), metrics(c.kind, one)}, metrics(c.kind, c.light))
		if (len(got) == 0) != c.same {
			t.Errorf("%s, %q: got %v", c.kind, c.light, got)
		}
	}
}

func FuzzCompare(f *testing.F) {
	f.Add("a b c", "a x c", "a y c")
	f.Add("", "\x00", "\n")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		for _, x := range []string{a, b} {
			if d := check.Compare([]*check.Report{body(a), body(b)}, body(x)); len(d) > 0 {
				t.Errorf("%q, a run of the original: %v", x, d)
			}
		}
		check.Compare([]*check.Report{body(a), body(b)}, body(c))
	})
}

// Answers are kept when they are asked for, as they were.
func TestSuperviseAnswers(t *testing.T) {
	port := freePort(t)
	plan := &check.Plan{Program: server(t, port), Port: port, Start: 20 * time.Second, Checks: []check.Check{
		{HTTP: &check.HTTP{Path: "/json"}},
		{HTTP: &check.HTTP{Path: "/old", Status: "302"}},
		{Exec: &check.Exec{Args: []string{"sh", "-c", "echo out; echo err >&2; exit 3"}, Code: 3}},
		{Log: &check.Log{Matches: "soon"}},
		{TCP: &check.TCP{Port: port}},
	}}
	for _, r := range supervise(t, plan).Results {
		if r.Answer != nil {
			t.Errorf("%s: an answer nobody asked for: %+v", r.Name, r.Answer)
		}
	}
	plan.Answers = true
	one := supervise(t, plan)
	if d := check.Compare([]*check.Report{one}, supervise(t, plan)); len(d) > 0 {
		t.Errorf("the second run differs: %v", d)
	}
	a := func(i int) *check.Answer {
		if one.Results[i].Answer == nil {
			return &check.Answer{}
		}
		return one.Results[i].Answer
	}
	text := func(p *check.Part) string {
		if p == nil || p.Size != len(p.Head) {
			return "?"
		}
		return string(p.Head)
	}
	got := fmt.Sprintf("%d %s %s|%d %s|%d %s %s|%s|%v", a(0).Status, a(0).Type, text(a(0).Body), a(1).Status, a(1).Location, *a(2).Code, text(a(2).Stdout), text(a(2).Stderr),
		text(a(3).Line), one.Results[4].Answer)
	want := "200 text/plain; charset=utf-8 {\"a\": [{\"b\": 1}], \"c\": \"x\", \"n\": null}|302 /|3 out\n err\n|listening soon|<nil>"
	if got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// What a check says is not to be compared stands in no answer, in text and in bytes; what it expects is looked for all the same.
func TestSuperviseIgnored(t *testing.T) {
	plan := &check.Plan{Program: server(t, freePort(t)), Start: 20 * time.Second, Answers: true, Checks: []check.Check{
		{Exec: &check.Exec{Args: []string{"sh", "-c", "date +used=%N; date +%N >&2; echo end"}, Stdout: "used"}, Ignore: `(used=)?\d+`},
		{Exec: &check.Exec{Args: []string{"sh", "-c", "date +used=%N; printf '\\0'"}, Stdout: "used"}, Ignore: `used=\d+`},
	}}
	one, two := supervise(t, plan), supervise(t, plan)
	if d := check.Compare([]*check.Report{one}, two); len(d) > 0 || !one.Passed() {
		t.Errorf("passed %v, the second run differs: %v", one.Passed(), d)
	}
	if got := string(one.Results[0].Answer.Stdout.Head); got != "<ignored>\nend\n" {
		t.Errorf("got %q", got)
	}
	_, err := check.Parse("lighten.yaml", []byte("checks:\n  - {http: /, ignore: '('}\n"))
	if err == nil || !strings.Contains(err.Error(), "http: ignore: ") {
		t.Errorf("error %v", err)
	}
}

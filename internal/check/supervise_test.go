package check_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lighten/lighten/internal/check"
	"github.com/lighten/lighten/internal/observe"
)

// programVar makes the test binary a web server on the address that it holds: the program under check.
const programVar = "LIGHTEN_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if observe.IsTrampoline(os.Args) {
		os.Exit(observe.TrampolineMain(os.Args))
	}
	if p := os.Getenv(programVar); p != "" {
		os.Exit(web(p))
	}
	os.Exit(m.Run())
}

// web serves what the checks of TestSupervise ask for.
func web(addr string) int {
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "hello world") })
	mux.HandleFunc("/json", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, `{"a": [{"b": 1}], "c": "x", "n": null}`) })
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		var b [100]byte
		n, _ := r.Body.Read(b[:])
		fmt.Fprintf(w, "%s %s %s %s %s", r.Method, r.Host, r.Header.Get("X-A"), r.Header.Get("Content-Type"), b[:n])
	})
	var asked atomic.Int32
	mux.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%d asked so far", asked.Add(1))
		if r.Method == http.MethodPost {
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}
	})
	var early atomic.Int32
	mux.HandleFunc("/gateway", func(w http.ResponseWriter, r *http.Request) {
		if early.Add(1) < 3 {
			http.Error(w, "nobody behind", http.StatusBadGateway)
		}
	})
	mux.HandleFunc("/full", func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, fmt.Sprint(early.Add(1), " asked so far"), http.StatusServiceUnavailable)
	})
	mux.Handle("/old", http.RedirectHandler("/", http.StatusFound))
	mux.HandleFunc("/fail", func(w http.ResponseWriter, r *http.Request) {
		fmt.Println("ModuleNotFoundError: No module named 'flask'")
		http.Error(w, "broken", http.StatusInternalServerError)
	})
	mux.HandleFunc("/chat", func(w http.ResponseWriter, r *http.Request) {
		fmt.Print(strings.Repeat("fine\n", 60))
	})
	fmt.Println("listening soon")
	fmt.Fprintln(os.Stderr, http.ListenAndServe(addr, mux))
	return 1
}

// freePort is one on which nothing listens.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// server is the test binary as a web server on a port.
func server(t *testing.T, port int) check.Process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return check.Process{Name: "web", Cmd: []string{self}, Dir: "/", Env: append(os.Environ(), fmt.Sprintf("%s=127.0.0.1:%d", programVar, port))}
}

func shell(script string) check.Process {
	return check.Process{Name: "program", Cmd: []string{"/bin/sh", "-c", script}, Dir: "/", Env: os.Environ()}
}

func supervise(t *testing.T, p *check.Plan) *check.Report {
	t.Helper()
	dir := t.TempDir()
	plan, out := filepath.Join(dir, "plan"), filepath.Join(dir, "report")
	b, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(plan, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := check.Supervise(context.Background(), plan, out); err != nil {
		t.Fatal(err)
	}
	if b, err = os.ReadFile(out); err != nil {
		t.Fatal(err)
	}
	r, err := check.ParseReport(b)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestSupervise(t *testing.T) {
	port := freePort(t)
	sh := func(script string) []string { return []string{"sh", "-c", script} }
	rows := []struct {
		check           check.Check
		expected, found string // "": it passes
	}{
		{check.Check{HTTP: &check.HTTP{}}, "", ""},
		{check.Check{HTTP: &check.HTTP{Status: "200", Contains: "hello", Matches: `w\w+d$`}}, "", ""},
		{check.Check{HTTP: &check.HTTP{Status: "404"}}, "status 404", `status 200: "hello world"`},
		{check.Check{HTTP: &check.HTTP{Path: "/none"}}, "status below 400", `status 404: "404 page not found"`},
		{check.Check{HTTP: &check.HTTP{Path: "none", Status: "<500"}}, "", ""},
		{check.Check{HTTP: &check.HTTP{Contains: "bye"}}, `a body with "bye"`, `"hello world"`},
		{check.Check{HTTP: &check.HTTP{Matches: "^w"}}, `a body that matches "^w"`, `"hello world"`},
		{check.Check{HTTP: &check.HTTP{Path: "/json", JSONPath: map[string]any{"$.a[0].b": 1, "$.c": "x", "$.n": nil}}}, "", ""},
		{check.Check{HTTP: &check.HTTP{Path: "/json", JSONPath: map[string]any{"$.c": "y"}}}, "$.c = y", "x"},
		{check.Check{HTTP: &check.HTTP{Path: "/json", JSONPath: map[string]any{"$.a[1]": 1}}}, "$.a[1] = 1", "no element 1 in"},
		{check.Check{HTTP: &check.HTTP{Path: "/json", JSONPath: map[string]any{"$.c.d": 1}}}, "$.c.d = 1", `no "d" in`},
		{check.Check{HTTP: &check.HTTP{JSONPath: map[string]any{"$.c": 1}}}, "a JSON body", `"hello world"`},
		{check.Check{HTTP: &check.HTTP{Path: "/echo", Method: "put", Body: "text", Headers: map[string]string{"X-A": "b", "Host": "here"}, Contains: "PUT here b  text"}}, "", ""},
		{check.Check{HTTP: &check.HTTP{Path: "/echo", JSON: map[string]any{"a": 1}, Contains: `POST localhost:` + itoa(port) + `  application/json {"a":1}`}}, "", ""},
		{check.Check{HTTP: &check.HTTP{Path: "/old", Status: "302"}}, "", ""},
		{check.Check{HTTP: &check.HTTP{Path: "/old", Follow: true, Status: "200", Contains: "hello"}}, "", ""},
		{check.Check{HTTP: &check.HTTP{Path: "/fail", Status: "<500"}}, "status below 500", `status 500: "broken"`},
		{check.Check{HTTP: &check.HTTP{Path: "/slow", Method: "POST", Timeout: 500 * time.Millisecond}}, "a body", "none when its time was over"},
		{check.Check{HTTP: &check.HTTP{Path: "/slow", Contains: "2 asked so far"}}, "", ""}, // what takes too long is not asked again
		{check.Check{TCP: &check.TCP{Port: port}}, "", ""},
		{check.Check{Log: &check.Log{Matches: "^listening"}}, "", ""},
		{check.Check{Log: &check.Log{Matches: "never", Within: time.Millisecond}}, `a line that matches "never"`, "none within 1ms; the last line is"},
		{check.Check{Exec: &check.Exec{Args: sh("cat; echo err >&2; exit 3"), Stdin: "in", Stdout: "in", Stderr: "err", Code: 3}}, "", ""},
		{check.Check{Exec: &check.Exec{Args: sh("echo why >&2; exit 3")}}, "exit code 0", `exit code 3: "why"`},
		{check.Check{Exec: &check.Exec{Args: sh("kill -9 $$")}}, "exit code 0", "exit code 137: no output"},
		{check.Check{Exec: &check.Exec{Args: sh("echo out"), Stdout: "in"}}, `standard output with "in"`, `"out"`},
		{check.Check{Exec: &check.Exec{Args: sh("echo out"), Stderr: "in"}}, `standard error with "in"`, "no output"},
		{check.Check{Exec: &check.Exec{Args: sh("echo out; exec sleep 600"), Timeout: 200 * time.Millisecond}}, "it ends", "it still runs when its time is over"},
		{check.Check{Exec: &check.Exec{Args: []string{"no-such-program"}}}, "it runs", `exec: "no-such-program": not found in PATH`},
		{check.Check{Exec: &check.Exec{Args: []string{"/no/such"}}}, "it runs", "no such file"},
	}
	p := &check.Plan{Program: server(t, port), Start: 20 * time.Second, Port: port}
	for _, r := range rows {
		p.Checks = append(p.Checks, r.check)
	}
	p.Holdout = []check.Check{{HTTP: &check.HTTP{Path: "/json"}}}
	got := supervise(t, p)
	if len(got.Results) != len(rows)+1 || got.Error != "" {
		t.Fatalf("got %d results, error %q, want %d", len(got.Results), got.Error, len(rows)+1)
	}
	for i, want := range rows {
		g := got.Results[i]
		if g.Passed != (want.expected == "") || g.Expected != want.expected || !strings.Contains(g.Found, want.found) || g.Holdout {
			t.Errorf("%s: got %+v, want expected %q, found %q", want.check, g, want.expected, want.found)
		}
	}
	if last := got.Results[len(rows)]; !last.Holdout || !last.Passed {
		t.Errorf("the held-out check: got %+v", last)
	}
	if got.StartMillis <= 0 || got.RSSBytes <= 0 || got.ExitCode != nil {
		t.Errorf("got start %v, memory %d, exit code %v of a program that runs", got.StartMillis, got.RSSBytes, got.ExitCode)
	}
	missing := fmt.Sprint(got.Missing)
	for _, want := range []string{"{module flask }", "{executable no-such-program }", "{executable /no/such }"} {
		if !strings.Contains(missing, want) {
			t.Errorf("missing: got %s, want %s among them", missing, want)
		}
	}
}

// A program that fails one request and answers others: the log shows what it said when it failed.
func TestSuperviseLogOfFailure(t *testing.T) {
	port := freePort(t)
	ask := func(path string) check.Check { return check.Check{HTTP: &check.HTTP{Port: port, Path: path}} }
	wrong := check.Check{Exec: &check.Exec{Args: []string{"sh", "-c", "echo wrong; exit 3"}}}
	said := check.Check{Log: &check.Log{Matches: "^fine"}} // what /chat says has arrived
	got := supervise(t, &check.Plan{Program: server(t, port), Checks: []check.Check{{Log: &check.Log{Matches: "soon"}}, ask("/"), ask("/fail"), ask("/chat"), said, wrong, ask("/chat")}, Start: 20 * time.Second})
	log := strings.Join(got.LogTail, "|")
	if want := "ModuleNotFoundError: No module named 'flask'|fine|fine|"; !strings.HasPrefix(log, want) || !strings.HasSuffix(log, "|fine|wrong") || len(got.LogTail) != 40 {
		t.Errorf("got log %q of %d lines, want it to begin with %q and to end with what the command said", log, len(got.LogTail), want)
	}
}

// Programs that do not do what their checks ask for, and what is said of them.
func TestSuperviseFailing(t *testing.T) {
	port := freePort(t)
	ask := check.Check{HTTP: &check.HTTP{Port: port}}
	for _, c := range []struct {
		name    string
		program check.Process
		checks  []check.Check
		found   string // of the last check
		log     string
		code    int // -1: none
		missing string
	}{
		{"it ends", shell("echo first; echo no port; exit 7"), []check.Check{ask}, "the program ended with code 7", "first|no port", 7, ""},
		{"it is killed", shell("kill -15 $$"), []check.Check{ask}, "the program ended with code 143", "", 143, ""},
		{"it never listens", shell("echo up; exec sleep 600"), []check.Check{ask, ask}, "connection refused; ", "up", -1, ""},
		{"it ends without the line", shell("printf done; exit 1"), []check.Check{{Log: &check.Log{Matches: "ready"}}},
			`the program ended with code 1 without it; the last line is "done"`, "done", 1, ""},
		{"it misses a library", shell("echo 'ImportError: libpq.so.5: cannot open shared object file: No such file or directory'; exit 1"),
			[]check.Check{ask}, "ended with code 1", "ImportError: libpq.so.5: cannot open shared object file: No such file or directory", 1, "{library libpq.so.5 }"},
		{"a command beside it fails, and another does not", shell("echo up; exec sleep 600"), []check.Check{
			{Log: &check.Log{Matches: "up"}}, {Exec: &check.Exec{Args: []string{"echo", "fine"}}}, {Exec: &check.Exec{Args: []string{"sh", "-c", "echo wrong; exit 3"}}},
		}, "exit code 3", "up|wrong", -1, ""},
		{"it is not there", check.Process{Cmd: []string{"/no/such"}, Dir: "/"}, []check.Check{ask}, "starting /no/such: ", "", -1, "{executable /no/such }"},
		{"it is not in PATH", check.Process{Cmd: []string{"no-such"}, Dir: "/", Env: []string{"PATH=/bin"}}, []check.Check{ask}, `exec: "no-such": not found in PATH /bin`, "", -1, "{executable no-such }"},
		{"its user is not there", check.Process{Cmd: []string{"/bin/true"}, Dir: "/", User: "nobody-here"}, []check.Check{ask}, `finding user "nobody-here"`, "", -1, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			start := 20 * time.Second
			if c.name == "it never listens" {
				start = time.Second // this one takes all of it
			}
			got := supervise(t, &check.Plan{Program: c.program, Checks: c.checks, Start: start})
			last := got.Results[len(got.Results)-1]
			if len(got.Results) != len(c.checks) || last.Passed || !strings.Contains(last.Found, c.found) {
				t.Errorf("got %+v, want found %q", got.Results, c.found)
			}
			if log := strings.Join(got.LogTail, "|"); log != c.log {
				t.Errorf("got log %q, want %q", log, c.log)
			}
			code := -1
			if got.ExitCode != nil {
				code = *got.ExitCode
			}
			if code != c.code {
				t.Errorf("got exit code %d, want %d", code, c.code)
			}
			if m := strings.Trim(fmt.Sprint(got.Missing), "[]"); m != c.missing {
				t.Errorf("got missing %q, want %q", m, c.missing)
			}
		})
	}
}

// A program that listens where the check does not ask is told apart from one that does not listen.
func TestSuperviseOtherPort(t *testing.T) {
	port, other := freePort(t), freePort(t)
	got := supervise(t, &check.Plan{Program: server(t, port), Start: 2 * time.Second,
		Checks: []check.Check{{Log: &check.Log{Matches: "listening"}}, {TCP: &check.TCP{Port: port}}, {TCP: &check.TCP{Port: other}}}})
	if r := got.Results[2]; r.Passed || !strings.Contains(r.Found, fmt.Sprintf("%d (loopback only)", port)) {
		t.Errorf("got %+v, want the port %d that does listen", r, port)
	}
}

// exit runs the program itself, with arguments and input, and starts nothing else.
func TestSuperviseExit(t *testing.T) {
	for _, c := range []struct {
		entrypoint, cmd, args []string
		want                  string
	}{
		{nil, []string{"echo", "a"}, nil, "a\n"},
		{nil, []string{"echo", "a"}, []string{"b"}, "a b\n"},
		{[]string{"echo"}, []string{"a"}, []string{"b"}, "b\n"},
		{[]string{"echo"}, []string{"a"}, nil, "a\n"},
		{nil, []string{"/bin/sh", "-c", "echo a"}, []string{"b c"}, "a b c\n"}, // the shell form
	} {
		for _, stdout := range []string{c.want, "x" + c.want} {
			got := supervise(t, &check.Plan{Program: check.Process{Entrypoint: c.entrypoint, Cmd: c.cmd, Dir: "/", Env: os.Environ()}, Start: time.Second,
				Checks: []check.Check{{Exit: &check.Exec{Args: c.args, Stdout: stdout}}}})
			if r := got.Results[0]; r.Passed != (stdout == c.want) {
				t.Errorf("%q %q with %q: got %+v, want %q", c.entrypoint, c.cmd, c.args, r, stdout)
			}
		}
	}
}

// A container has the directories that its image declares as volumes, whether the image holds them or not.
func TestSuperviseVolumes(t *testing.T) {
	data := filepath.Join(t.TempDir(), "lib", "data")
	p := shell("echo x > " + data + "/file && cat " + data + "/file")
	p.Volumes = []string{data}
	got := supervise(t, &check.Plan{Program: p, Start: time.Second, Checks: []check.Check{{Exit: &check.Exec{Stdout: "x"}}}})
	if !got.Results[0].Passed {
		t.Errorf("got %+v", got.Results[0])
	}
}

// What a program says right behind the line that was waited for belongs to it.
func TestSuperviseTraceback(t *testing.T) {
	p := shell("echo 'Traceback (most recent call last):'; sleep 0.05; echo \"ModuleNotFoundError: No module named 'extra'\"; exec sleep 600")
	got := supervise(t, &check.Plan{Program: p, Start: 10 * time.Second, Checks: []check.Check{{Log: &check.Log{Matches: "."}}}})
	if want := []check.Miss{{Kind: "module", Name: "extra"}}; !got.Results[0].Passed || !slices.Equal(got.Missing, want) {
		t.Errorf("got %+v, missing %+v, want %+v", got.Results[0], got.Missing, want)
	}
}

// A command is run beside the program, and again while the program gets ready.
func TestSuperviseExecWithin(t *testing.T) {
	file := filepath.Join(t.TempDir(), "runs")
	third := []string{"/bin/sh", "-c", "echo >> " + file + "; test $(wc -l < " + file + ") -ge 3"}
	got := supervise(t, &check.Plan{Program: shell("exec sleep 600"), Start: time.Second,
		Checks: []check.Check{{Exec: &check.Exec{Args: third}}, {Exec: &check.Exec{Args: third, Within: 20 * time.Second}}}})
	if got.Results[0].Passed || !got.Results[1].Passed {
		t.Errorf("got %+v, want the command to fail at first and to succeed when it is repeated", got.Results)
	}
}

// A gateway that answers before the program behind it does is asked again while all is starting, whichever check comes first, and not later.
func TestSuperviseGateway(t *testing.T) {
	port := freePort(t)
	get := func(path string) check.Check { return check.Check{HTTP: &check.HTTP{Port: port, Path: path}} }
	for _, c := range []struct {
		name    string
		guessed bool
		start   time.Duration
		checks  []check.Check
		want    string // of the second: what was found, "" when it passes
	}{
		{"the gateway first", false, 20 * time.Second, []check.Check{get("/gateway"), get("/")}, ""},
		{"the gateway later", false, 20 * time.Second, []check.Check{get("/"), get("/gateway")}, ""},
		{"a guess", true, 20 * time.Second, []check.Check{get("/"), get("/full")}, "1 asked so far"},
		{"the start is over", false, 3 * time.Second, []check.Check{{Exec: &check.Exec{Args: []string{"sleep", "3"}}}, get("/full")}, "1 asked so far"},
	} {
		got := supervise(t, &check.Plan{Program: server(t, port), Start: c.start, Guessed: c.guessed, Checks: c.checks})
		if r := got.Results; !r[0].Passed || r[1].Passed != (c.want == "") || !strings.Contains(r[1].Found, c.want) {
			t.Errorf("%s: got %+v", c.name, r)
		}
	}
	full := get("/full")
	full.HTTP.Status = "503"
	got := supervise(t, &check.Plan{Program: server(t, port), Start: 20 * time.Second, Checks: []check.Check{full}})
	if !got.Results[0].Passed {
		t.Errorf("got %+v, want the status that is expected", got.Results[0])
	}
}

// TestSuperviseHopeless holds that a form of an image whose program complains of something missing, and does nothing any more, is not waited
// for until the start is over, whatever is waited for; but one that still works is, and one that only complains as the original does.
func TestSuperviseHopeless(t *testing.T) {
	const long = time.Hour // the run ends long before, or the test does not
	port := freePort(t)
	full := check.Check{HTTP: &check.HTTP{Port: port, Path: "/full"}}
	refused := check.Check{TCP: &check.TCP{Port: freePort(t)}}
	line := check.Check{Log: &check.Log{Matches: "never said"}}
	command := check.Check{Exec: &check.Exec{Args: []string{"false"}, Within: long}}
	gateway := server(t, port)
	gateway.Cmd = []string{"/bin/sh", "-c", "echo 'sh: 1: worker: not found'; exec " + gateway.Cmd[0]}
	got := supervise(t, &check.Plan{Program: gateway, Start: long, Form: true, Checks: []check.Check{full, refused, line, command}})
	for _, r := range got.Results {
		if r.Passed || r.Found == "" {
			t.Errorf("got %+v", r)
		}
	}
	if len(got.Results) != 4 || len(got.Missing) != 1 {
		t.Errorf("got %+v", got)
	}
	ready := check.Check{Log: &check.Log{Matches: "ready"}}
	for name, p := range map[string]*check.Plan{
		"it still works":               {Form: true, Program: shell("echo 'sh: 1: worker: not found'; timeout 3 sh -c 'while :; do :; done'; echo ready; sleep 600")},
		"the original complains too":   {Form: true, Program: shell("echo 'sh: 1: worker: not found'; sleep 3; echo ready; sleep 600"), Known: []check.Miss{{Kind: "executable", Name: "worker"}}},
		"nothing is missing":           {Form: true, Program: shell("sleep 3; echo ready; sleep 600")},
		"it is no form of an original": {Program: shell("echo 'sh: 1: worker: not found'; sleep 3; echo ready; sleep 600")},
	} {
		p.Start, p.Checks = long, []check.Check{ready}
		if got := supervise(t, p); !got.Results[0].Passed {
			t.Errorf("%s: got %+v", name, got.Results[0])
		}
	}
}

func TestSuperviseServices(t *testing.T) {
	port := freePort(t)
	service := server(t, port)
	service.Name, service.Port = "web", port
	for _, c := range []struct {
		name    string
		service check.Process
		want    string // of the error; "": none
	}{
		{"it serves", service, ""},
		{"it ends", check.Process{Name: "db", Cmd: []string{"/bin/sh", "-c", "echo why; exit 4"}, Dir: "/", Port: freePort(t)}, `service "db" ended with code 4 before it accepted connections`},
		{"it never listens", check.Process{Name: "db", Cmd: []string{"/bin/sleep", "600"}, Dir: "/", Port: freePort(t)}, `service "db" does not accept connections on port`},
		{"it is not there", check.Process{Name: "db", Cmd: []string{"/no/such"}, Dir: "/"}, `service "db": starting /no/such`},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &check.Plan{Program: shell("exec sleep 600"), Services: []check.Process{c.service}, Start: 20 * time.Second,
				Checks: []check.Check{{TCP: &check.TCP{Port: port}}}}
			if c.name == "it never listens" {
				p.Start = 200 * time.Millisecond // this one takes all of it
			}
			got := supervise(t, p)
			if (got.Error == "") != (c.want == "") || !strings.Contains(got.Error, c.want) {
				t.Errorf("got error %q, want %q", got.Error, c.want)
			}
			if c.name == "it ends" && strings.Join(got.LogTail, "") != "why" {
				t.Errorf("got log %q, want the service's", got.LogTail)
			}
			if c.want == "" && !got.Results[0].Passed {
				t.Errorf("got %+v", got.Results)
			}
		})
	}
}

// execve says ENOENT for a missing interpreter too; the report names it.
func TestSuperviseInterpreter(t *testing.T) {
	file := filepath.Join(t.TempDir(), "run")
	if err := os.WriteFile(file, []byte("#!/no/such/shell -e\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	got := supervise(t, &check.Plan{Program: check.Process{Cmd: []string{file}, Dir: "/"}, Checks: []check.Check{{TCP: &check.TCP{Port: freePort(t)}}}, Start: time.Second})
	if want := "its interpreter /no/such/shell is not in the image"; !strings.Contains(got.Error, want) || fmt.Sprint(got.Missing) != "[{executable /no/such/shell }]" {
		t.Errorf("got error %q, missing %v, want %q", got.Error, got.Missing, want)
	}
}

func TestSuperviseErrors(t *testing.T) {
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad")
	if err := os.WriteFile(bad, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, plan := range []string{filepath.Join(dir, "none"), bad} {
		if err := check.Supervise(context.Background(), plan, filepath.Join(dir, "out")); err == nil || !strings.HasPrefix(err.Error(), "reading the plan: ") {
			t.Errorf("%s: got error %v", plan, err)
		}
	}
	if args := check.SupervisorArgs(); !check.IsSupervisor(args) || check.IsSupervisor([]string{"lighten", "build", "."}) {
		t.Errorf("%q is not told from other arguments", args)
	}
}

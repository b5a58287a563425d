package check_test

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lighten/lighten/internal/check"
)

func ports(p ...string) map[string]struct{} {
	m := map[string]struct{}{}
	for _, x := range p {
		m[x] = struct{}{}
	}
	return m
}

func health(test ...string) *v1.HealthConfig { return &v1.HealthConfig{Test: test} }

func TestGuess(t *testing.T) {
	for _, c := range []struct {
		name  string
		cfg   v1.Config
		hints check.Hints
		want  []string // kind, name, and what is particular
	}{
		{"nothing known", v1.Config{}, check.Hints{}, []string{"log log ."}},
		{"a command-line program", v1.Config{}, check.Hints{CLI: true}, []string{"exit program --help"}},
		{"a web port", v1.Config{ExposedPorts: ports("8080/tcp")}, check.Hints{}, []string{"http GET / :8080 <500"}},
		{"another port", v1.Config{ExposedPorts: ports("5432")}, check.Hints{}, []string{"tcp port 5432"}},
		{"a framework on another port", v1.Config{ExposedPorts: ports("7000")}, check.Hints{Framework: "flask"}, []string{"http GET / :7000 <500"}},
		{"a port of the sources", v1.Config{}, check.Hints{Framework: "flask", Port: 5000}, []string{"http GET / :5000 <500"}},
		{"the command's port before that of the sources", v1.Config{Cmd: []string{"gunicorn", "-b", "0.0.0.0:8000", "app:app"}}, check.Hints{Framework: "flask", Port: 5000}, []string{"http GET / :8000 <500"}},
		{"a command in shell form", v1.Config{Entrypoint: []string{"/bin/sh", "-c", "exec uvicorn app:app --port=8080"}}, check.Hints{Framework: "fastapi", Port: 8000}, []string{"http GET / :8080 <500"}},
		{"a port of a program that need not listen", v1.Config{Cmd: []string{"work", "--port", "5432"}}, check.Hints{}, []string{"log log ."}},
		{"a server's usual port, of an image alone", v1.Config{Cmd: []string{"nginx", "-g", "daemon off;"}}, check.Hints{}, []string{"http GET / :80 <500"}},
		{"a server's usual port that is none of the web", v1.Config{Entrypoint: []string{"docker-entrypoint.sh"}, Cmd: []string{"redis-server"}}, check.Hints{}, []string{"tcp port 6379"}},
		{"a broker of messages", v1.Config{Cmd: []string{"/usr/sbin/mosquitto", "-v"}}, check.Hints{}, []string{"tcp port 1883"}},
		{"a script that starts its server", v1.Config{Cmd: []string{"mariadbd-safe"}}, check.Hints{}, []string{"tcp port 3306"}},
		{"a server's port by its command, of an image alone", v1.Config{Cmd: []string{"gunicorn", "-b", "0.0.0.0:8080", "app:app"}}, check.Hints{}, []string{"http GET / :8080 <500"}},
		{"a server's configuration before the sources", v1.Config{Cmd: []string{"gunicorn", "-c", "conf.py", "app:app"}}, check.Hints{Framework: "flask", Port: 5000, Bind: 9000}, []string{"http GET / :9000 <500"}},
		{"a server's usual port before the framework's", v1.Config{Entrypoint: []string{"tini", "--"}, Cmd: []string{"/bin/sh", "-c", "exec /opt/venv/bin/gunicorn app:app"}}, check.Hints{Framework: "flask", Port: 5000}, []string{"http GET / :8000 <500"}},
		{"a command-line program in shell form", v1.Config{Cmd: []string{"/bin/sh", "-c", "python main.py"}}, check.Hints{CLI: true}, []string{"exit program --help"}},
		{"a loop, which takes no arguments", v1.Config{Cmd: []string{"sh", "-c", "while true; do python -m crawl --once; sleep 60; done"}}, check.Hints{CLI: true}, []string{"log log ."}},
		{"the image's port before that of the sources", v1.Config{ExposedPorts: ports("80")}, check.Hints{Port: 5000}, []string{"http GET / :80 <500"}},
		{"no TCP", v1.Config{ExposedPorts: ports("53/udp", "80/sctp")}, check.Hints{}, []string{"log log ."}},
		{"routes, five of them, each once", v1.Config{}, check.Hints{Framework: "flask", Port: 5000, Routes: []string{"/", "/a", "/b", "/c", "/d", "/e"}},
			[]string{"http GET / :5000 <500", "http GET /a :5000 <500", "http GET /b :5000 <500", "http GET /c :5000 <500", "http GET /d :5000 <500"}},
		{"two ports", v1.Config{ExposedPorts: ports("80", "8080")}, check.Hints{}, []string{"http GET / on port 80 :80 <500", "http GET / on port 8080 :8080 <500"}},
		{"a health check by address", v1.Config{ExposedPorts: ports("80"), Healthcheck: health("CMD-SHELL", "curl -f http://localhost/health?a=1 || exit 1")},
			check.Hints{}, []string{"http GET /health?a=1 :80 <400", "http GET / :80 <500"}},
		{"a health check is stricter than a guess", v1.Config{ExposedPorts: ports("8000"), Healthcheck: health("CMD", "wget", "-qO-", "http://127.0.0.1:8000/")},
			check.Hints{}, []string{"http GET / :8000 <400"}},
		{"a health check by shell", v1.Config{Healthcheck: health("CMD-SHELL", "pg_isready || exit 1")}, check.Hints{},
			[]string{"exec /bin/sh -c pg_isready || exit 1 within 30s"}},
		{"a health check by command", v1.Config{Healthcheck: health("CMD", "/ok", "-v")}, check.Hints{}, []string{"exec /ok -v within 30s"}},
		{"a health check with a variable", v1.Config{Healthcheck: health("CMD-SHELL", "curl http://localhost:$PORT/")}, check.Hints{},
			[]string{"exec /bin/sh -c curl http://localhost:$PORT/ within 30s"}},
		{"a health check that is off", v1.Config{Healthcheck: health("NONE")}, check.Hints{}, []string{"log log ."}},
	} {
		f, why := check.Guess(&v1.ConfigFile{Config: c.cfg}, c.hints)
		var got []string
		for i, x := range f.Checks {
			s := x.Kind() + " " + x.String()
			if x.HTTP != nil {
				s += " :" + itoa(x.HTTP.Port) + " " + string(x.HTTP.Status)
			}
			if x.Exec != nil {
				s += " within " + x.Exec.Within.String()
			}
			got = append(got, s)
			if i >= len(why) || !strings.HasPrefix(why[i], x.String()+": ") {
				t.Errorf("%s: check %q has no reason in %q", c.name, x, why)
			}
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
		if again, err := check.Parse("guess", f.YAML()); err != nil || !reflect.DeepEqual(again.Checks, f.Checks) || !bytes.Equal(again.YAML(), f.YAML()) {
			t.Errorf("%s: the guess is not what its yaml says: %v\n%s", c.name, err, f.YAML())
		}
	}
}

func TestSettle(t *testing.T) {
	guessed := func() *check.File {
		f, _ := check.Guess(&v1.ConfigFile{Config: v1.Config{ExposedPorts: ports("8000"), Healthcheck: health("CMD", "wget", "http://127.0.0.1:8000/live")}},
			check.Hints{Framework: "flask", Routes: []string{"/db"}})
		return f
	}
	ended := 1
	for _, c := range []struct {
		name   string
		report check.Report
		want   []string // the checks that stay
		left   int
	}{
		{"all pass", check.Report{Results: []check.Result{{Passed: true}, {Passed: true}, {Passed: true}}}, []string{"GET /live", "GET /", "GET /db"}, 0},
		{"a route fails", check.Report{Results: []check.Result{{Passed: true}, {Passed: true}, {Expected: "status <500", Found: "500"}}}, []string{"GET /live", "GET /"}, 1},
		{"the image's own HEALTHCHECK fails", check.Report{Results: []check.Result{{}, {Passed: true}, {}}}, []string{"GET /live", "GET /"}, 1},
		{"nothing passes", check.Report{Results: []check.Result{{}, {}, {}}}, []string{"GET /live", "GET /", "GET /db"}, 0},
		{"the program ended", check.Report{Results: []check.Result{{Passed: true}, {Passed: true}, {}}, ExitCode: &ended}, []string{"GET /live", "GET /", "GET /db"}, 0},
	} {
		f := guessed()
		left := f.Settle(&c.report)
		var got []string
		for _, x := range f.Checks {
			got = append(got, x.String())
		}
		if !reflect.DeepEqual(got, c.want) || len(left) != c.left || len(c.report.Results) != len(c.want) {
			t.Errorf("%s: got %q with %d results, left out %q; want %q", c.name, got, len(c.report.Results), left, c.want)
		}
	}
}

func TestGuessSaysWhy(t *testing.T) {
	for want, c := range map[string]struct {
		cfg   v1.Config
		hints check.Hints
	}{
		"port 5432: the image exposes port 5432":                                {v1.Config{ExposedPorts: ports("5432"), Cmd: []string{"postgres"}}, check.Hints{}},
		"port 6379: its server listens on port 6379 where nothing says another": {v1.Config{Cmd: []string{"redis-server"}}, check.Hints{}},
		"port 6380: the command names port 6380":                                {v1.Config{Cmd: []string{"redis-server", "--port", "6380"}}, check.Hints{}},
		"port 9001: its server's configuration names port 9001":                 {v1.Config{Cmd: []string{"gunicorn", "app"}}, check.Hints{Bind: 9001}},
		"port 7000: the sources name port 7000":                                 {v1.Config{Cmd: []string{"python", "a.py"}}, check.Hints{Port: 7000}},
		"log .: no port: the program must print a line":                         {v1.Config{Cmd: []string{"python", "a.py"}}, check.Hints{}},
	} {
		if _, why := check.Guess(&v1.ConfigFile{Config: c.cfg}, c.hints); len(why) != 1 || why[0] != want {
			t.Errorf("got %q, want %q", why, want)
		}
	}
}

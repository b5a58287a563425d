package check

import (
	"cmp"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Hints are what a program's sources tell about how to check it.
type Hints struct {
	Framework string   // flask, fastapi, django, or ""
	Port      int      // that the sources name; 0: none
	Bind      int      // that a server's configuration names; 0: none
	Routes    []string // paths that answer GET without parameters
	CLI       bool     // it reads arguments and ends
}

const maxRoutes = 5

// webPorts are the ports on which an unknown program most likely speaks HTTP.
var webPorts = []int{80, 3000, 4000, 5000, 8000, 8080, 8081, 8888}

// Guess makes checks from the image's configuration and the sources' hints,
// and says why, a line each. It never invents an answer: a status is expected
// to be below 500, which a program without its files does not manage.
func Guess(cfg *v1.ConfigFile, h Hints) (*File, []string) {
	f := &File{guessed: true}
	var why []string
	ports := exposed(cfg.Config)
	argv := append(slices.Clone(cfg.Config.Entrypoint), cfg.Config.Cmd...)
	// Of a program that listens, the command says it better than its server's configuration, and that better than the sources.
	if h.Port != 0 || usual(argv) != 0 {
		h.Port = cmp.Or(bound(argv), h.Bind, usual(argv), h.Port)
	}
	source := "the image exposes port %d"
	if len(ports) == 0 && h.Port != 0 {
		ports, source = []int{h.Port}, h.portSource(argv)
	}
	add := func(c Check, format string, args ...any) {
		if slices.ContainsFunc(f.Checks, func(o Check) bool { return sameQuestion(o, c) }) {
			return
		}
		if c.HTTP != nil && len(ports) > 1 { // the path alone would name several checks
			c.Name = fmt.Sprintf("%s on port %d", c, c.HTTP.Port)
		}
		f.Checks = append(f.Checks, c)
		why = append(why, c.String()+": "+fmt.Sprintf(format, args...))
	}
	health, ok := healthcheck(cfg.Config.Healthcheck)
	if ok && health.HTTP != nil { // before the same question with a lower expectation
		add(health, "HEALTHCHECK of the image")
	}
	for _, p := range ports {
		if h.Framework == "" && !slices.Contains(webPorts, p) {
			add(Check{TCP: &TCP{Port: p}}, source, p)
			continue
		}
		add(Check{HTTP: &HTTP{Port: p, Path: "/", Status: guessedStatus}}, "port %d, most likely HTTP", p)
		for _, r := range h.Routes[:min(len(h.Routes), maxRoutes)] {
			add(Check{HTTP: &HTTP{Port: p, Path: r, Status: guessedStatus}}, "a route of the %s program", h.Framework)
		}
	}
	if ok && health.HTTP == nil {
		add(health, "HEALTHCHECK of the image")
	}
	if len(f.Checks) > 0 {
		return f, why
	}
	if h.CLI && takesArguments(argv) {
		add(Check{Exit: &Exec{Args: []string{"--help"}}}, "no port; the program reads arguments")
	} else {
		add(Check{Log: &Log{Matches: "."}}, "no port: the program must print a line")
	}
	return f, why
}

// portSource says, for the port, who names it where the image exposes none.
func (h Hints) portSource(argv []string) string {
	switch h.Port {
	case bound(argv):
		return "the command names port %d"
	case h.Bind:
		return "its server's configuration names port %d"
	case usual(argv):
		return "its server listens on port %d where nothing says another"
	}
	return "the sources name port %d"
}

// Guessing returns f with the checks of a guess, for it has none of its own: what runs without checks proves nothing. A nil f has nothing else.
func (f *File) Guessing(guess *File) *File {
	if f == nil {
		return guess
	}
	out := *f
	out.Checks, out.guessed = guess.Checks, true
	return &out
}

// Settle takes those guesses out of f, and out of the report of the original, that were about a port or a route alone and that the
// original does not meet itself: a route that needs a database which is not there says nothing about a lighter form. It says what it
// left out, a line each. All stay when nothing passed, or when the program ended.
func (f *File) Settle(r *Report) (left []string) {
	if r.Error != "" || r.ExitCode != nil || len(r.Results) != len(f.Checks) || !slices.ContainsFunc(r.Results, func(x Result) bool { return x.Passed }) {
		return nil
	}
	var checks []Check
	var results []Result
	for i, x := range r.Results {
		c := f.Checks[i]
		if !x.Passed && (c.HTTP != nil && c.HTTP.Status == guessedStatus || c.TCP != nil) {
			left = append(left, fmt.Sprintf("%s: left out, for the original itself does not meet it: expected %s, found %s", c, x.Expected, x.Found))
			continue
		}
		checks, results = append(checks, c), append(results, x)
	}
	f.Checks, r.Results = checks, results
	return left
}

// guessedStatus is what any program gives that has its files.
const guessedStatus = "<500"

var bind = regexp.MustCompile(`(?:^|\s)(?:(?:-b|--bind)[\s=]\S*:|--port[\s=])(\d{2,5})(?:\s|$)`)

// bound is the port that a command is told to listen on, as gunicorn, uvicorn, hypercorn and flask are; 0 when none.
func bound(argv []string) int {
	m := bind.FindStringSubmatch(strings.Join(argv, " "))
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(m[1]) // of digits
	return n
}

// servers are commands that listen on a port of their own where nothing says another. Source: their manuals.
var servers = map[string]int{
	"apache2": 80, "apache2ctl": 80, "apachectl": 80, "beanstalkd": 11300, "daphne": 8000, "dovecot": 143, "etcd": 2379, "gunicorn": 8000, "httpd": 80, "hypercorn": 8000,
	"influxd": 8086, "lighttpd": 80, "mariadbd": 3306, "mariadbd-safe": 3306, "memcached": 11211, "mongod": 27017, "mosquitto": 1883, "mysqld": 3306, "mysqld_safe": 3306,
	"nats-server": 4222, "nginx": 80, "postgres": 5432, "rabbitmq-server": 5672, "redis-server": 6379, "slapd": 389, "squid": 3128, "sshd": 22, "streamlit": 8501,
	"uvicorn": 8000, "valkey-server": 6379, "varnishd": 6081, "vsftpd": 21, "waitress-serve": 8080,
}

// usual is the port on which the server that a command starts listens by itself; 0 when it starts none that is known.
func usual(argv []string) int {
	for _, a := range strings.Fields(strings.Join(argv, " ")) {
		if n := servers[path.Base(a)]; n != 0 {
			return n
		}
	}
	return 0
}

// takesArguments tells whether arguments reach the program that a command starts: not in a shell script of more than that.
func takesArguments(argv []string) bool {
	return len(argv) != 3 || argv[1] != "-c" || !strings.ContainsAny(argv[2], ";|&<>\n")
}

// sameQuestion tells whether two HTTP checks ask for the same thing.
func sameQuestion(a, b Check) bool {
	return a.HTTP != nil && b.HTTP != nil && a.HTTP.Port == b.HTTP.Port && a.HTTP.path() == b.HTTP.path()
}

// healthWithin is how long a HEALTHCHECK command may fail: the program needs time to start.
const healthWithin = defaultStart

var healthURL = regexp.MustCompile(`https?://(?:localhost|127\.0\.0\.1|0\.0\.0\.0)[^\s"'|;)]*`)

// healthcheck turns a HEALTHCHECK into a check. A command that asks for a local
// address becomes that question, because a lighter image may have no curl.
func healthcheck(h *v1.HealthConfig) (Check, bool) {
	if h == nil || len(h.Test) < 2 || h.Test[0] == "NONE" {
		return Check{}, false
	}
	if u, err := url.Parse(healthURL.FindString(strings.Join(h.Test[1:], " "))); err == nil && u.Scheme == "http" {
		port, err := strconv.Atoi(u.Port())
		if err != nil {
			port = 80
		}
		return Check{HTTP: &HTTP{Port: port, Path: u.RequestURI(), Status: "<400"}}, true
	}
	if h.Test[0] == "CMD-SHELL" {
		return Check{Exec: &Exec{Args: []string{"/bin/sh", "-c", h.Test[1]}, Within: healthWithin}}, true
	}
	return Check{Exec: &Exec{Args: h.Test[1:], Within: healthWithin}}, true
}

// Package check says what "it works" means for a program, and finds out: it
// reads or guesses checks, and runs them inside a candidate as supervisor and
// prober of the program.
package check

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/agext/levenshtein"
	"github.com/docker/go-units"
	"github.com/goccy/go-yaml"
)

// File is lighten.yaml. Every key is optional.
type File struct {
	Checks   []Check            `yaml:"checks,omitempty" json:"checks,omitempty"`     // what must hold; evidence may come from them
	Holdout  []Check            `yaml:"holdout,omitempty" json:"holdout,omitempty"`   // never traced; they only judge
	Keep     []string           `yaml:"keep,omitempty" json:"keep,omitempty"`         // paths that stay whatever the evidence
	Drop     []string           `yaml:"drop,omitempty" json:"drop,omitempty"`         // paths that go unless the evidence wants them
	Level    string             `yaml:"level,omitempty" json:"level,omitempty"`       // safe or tight
	Budget   Budget             `yaml:"budget,omitempty" json:"budget,omitempty"`     // limits of the result
	Services map[string]Service `yaml:"services,omitempty" json:"services,omitempty"` // programs that run beside it, reached at 127.0.0.1 or by their name
	Env      map[string]string  `yaml:"env,omitempty" json:"env,omitempty"`           // added to the program's environment
	Start    Start              `yaml:"start,omitempty" json:"start,omitempty"`       // how long the program may take
	Limits   Limits             `yaml:"limits,omitempty" json:"limits,omitzero"`      // of the program and everything beside it
	Network  string             `yaml:"network,omitempty" json:"network,omitempty"`   // none (default) or host

	guessed bool // by [Guess]
}

// Budget holds limits; what is not set is not limited. All but Pull and Disk are for `lighten inspect --ci` alone, which
// also says what they may be.
type Budget struct {
	Pull       Size              `yaml:"pull,omitempty" json:"pull,omitempty"`
	Disk       Size              `yaml:"disk,omitempty" json:"disk,omitempty"`
	Wasted     string            `yaml:"wasted,omitempty" json:"wasted,omitempty"`         // bytes that no container sees: 20MB
	Efficiency string            `yaml:"efficiency,omitempty" json:"efficiency,omitempty"` // at least: 95%
	Layers     string            `yaml:"layers,omitempty" json:"layers,omitempty"`         // 12
	Findings   map[string]string `yaml:"findings,omitempty" json:"findings,omitempty"`     // by rule: {apt-lists: 0, secrets: 0}
}

// Start bounds the start of the program.
type Start struct {
	Timeout time.Duration `yaml:"timeout,omitempty" json:"timeout,omitempty"` // until the first answer; default 30s
}

// Service is a program that the checks need, from an image or a directory with
// a Dockerfile.
type Service struct {
	Image string            `yaml:"image,omitempty" json:"image,omitempty"`
	Build string            `yaml:"build,omitempty" json:"build,omitempty"`
	Env   map[string]string `yaml:"env,omitempty" json:"env,omitempty"`
	Port  int               `yaml:"port,omitempty" json:"port,omitempty"` // it is ready when this port accepts connections
}

// Check is one check; exactly one kind is set.
type Check struct {
	Name   string `yaml:"name,omitempty" json:"name,omitempty"`
	HTTP   *HTTP  `yaml:"http,omitempty" json:"http,omitempty"`
	Exec   *Exec  `yaml:"exec,omitempty" json:"exec,omitempty"` // a command beside the running program
	TCP    *TCP   `yaml:"tcp,omitempty" json:"tcp,omitempty"`
	Log    *Log   `yaml:"log,omitempty" json:"log,omitempty"`
	Exit   *Exec  `yaml:"exit,omitempty" json:"exit,omitempty"`     // the program itself, started with these arguments
	Ignore string `yaml:"ignore,omitempty" json:"ignore,omitempty"` // regular expression: what matches it in the answer is not compared with the original's
}

// HTTP asks the program on its own loopback address. A plain text is what it asks for, as reports show it: /items or POST /items.
type HTTP struct {
	Port     int               `yaml:"port,omitempty" json:"port,omitempty"` // default: the only port that the image exposes
	Path     string            `yaml:"path,omitempty" json:"path,omitempty"` // default /
	Method   string            `yaml:"method,omitempty" json:"method,omitempty"`
	Headers  map[string]string `yaml:"headers,omitempty" json:"headers,omitempty"`
	Body     string            `yaml:"body,omitempty" json:"body,omitempty"`
	JSON     any               `yaml:"json,omitempty" json:"json,omitempty"` // the body, as JSON
	Status   Status            `yaml:"status,omitempty" json:"status,omitempty"`
	Contains string            `yaml:"contains,omitempty" json:"contains,omitempty"`
	Matches  string            `yaml:"matches,omitempty" json:"matches,omitempty"`   // regular expression
	JSONPath map[string]any    `yaml:"jsonpath,omitempty" json:"jsonpath,omitempty"` // $.a.b[0] → value
	Follow   bool              `yaml:"follow,omitempty" json:"follow,omitempty"`     // redirects
	Timeout  time.Duration     `yaml:"timeout,omitempty" json:"timeout,omitempty"`   // until the whole answer is there; default 20s
}

// Exec is a command: its arguments, input, and what must come out. A plain
// list is its arguments.
type Exec struct {
	Args   []string `yaml:"args,omitempty" json:"args,omitempty"`
	Stdin  string   `yaml:"stdin,omitempty" json:"stdin,omitempty"`
	Code   int      `yaml:"code,omitempty" json:"code,omitempty"`
	Stdout string   `yaml:"stdout,omitempty" json:"stdout,omitempty"` // text that it contains
	Stderr string   `yaml:"stderr,omitempty" json:"stderr,omitempty"`

	Timeout time.Duration `yaml:"timeout,omitempty" json:"timeout,omitempty"` // until it has ended, each time; default 20s

	// Within repeats a command that fails until it succeeds or the time is over,
	// as Docker repeats a HEALTHCHECK; 0: it is run once. Only for exec.
	Within time.Duration `yaml:"within,omitempty" json:"within,omitempty"`
}

// TCP connects to a port.
type TCP struct {
	Port int `yaml:"port" json:"port"`
}

// Log waits for a line of the program's output.
type Log struct {
	Matches string        `yaml:"matches" json:"matches"`                   // regular expression
	Within  time.Duration `yaml:"within,omitempty" json:"within,omitempty"` // default: the start timeout
}

// Status is an expected HTTP status, such as 200 or <500; "" is anything below 400.
type Status string

// UnmarshalYAML accepts a number or a text.
func (s *Status) UnmarshalYAML(b []byte) error {
	*s = Status(strings.Trim(strings.TrimSpace(string(b)), `"'`))
	if n, err := strconv.Atoi(strings.TrimPrefix(string(*s), "<")); err != nil || n < 100 || n > 600 {
		return fmt.Errorf("status %q: want a number such as 200, or <500", *s)
	}
	return nil
}

// Size is a number of bytes, written 30MB or 30MiB.
type Size int64

// UnmarshalYAML reads a size.
func (s *Size) UnmarshalYAML(b []byte) (err error) {
	*s, err = ParseSize(strings.Trim(strings.TrimSpace(string(b)), `"'`))
	return err
}

// Set reads a size, for a flag.
func (s *Size) Set(text string) (err error) {
	*s, err = ParseSize(text)
	return err
}

// String is the size in decimal units.
func (s *Size) String() string { return units.HumanSize(float64(*s)) }

// Type names what a flag takes.
func (s *Size) Type() string { return "SIZE" }

// ParseSize reads 30MB (decimal) or 30MiB (binary) into bytes.
func ParseSize(s string) (Size, error) {
	parse := units.FromHumanSize
	if strings.HasSuffix(strings.ToLower(s), "ib") {
		parse = units.RAMInBytes
	}
	n, err := parse(s)
	if err != nil || n <= 0 {
		return 0, fmt.Errorf("reading size %q: want a number with a unit, such as 30MB or 30MiB", s)
	}
	return Size(n), nil
}

// UnmarshalYAML accepts a list of arguments or the whole mapping.
func (e *Exec) UnmarshalYAML(unmarshal func(any) error) error {
	var args []string
	if unmarshal(&args) == nil {
		e.Args = args
		return nil
	}
	type plain Exec
	return unmarshal((*plain)(e))
}

// UnmarshalYAML accepts a path, a method and a path, or the whole mapping.
func (h *HTTP) UnmarshalYAML(unmarshal func(any) error) error {
	var text string
	if unmarshal(&text) == nil {
		h.Path = text
		if method, path, ok := strings.Cut(text, " "); ok {
			h.Method, h.Path = method, strings.TrimSpace(path)
		}
		if !strings.HasPrefix(h.Path, "/") {
			return fmt.Errorf("http %q: want a path such as /items, or a method and a path such as POST /items", text)
		}
		return nil
	}
	type plain HTTP
	return unmarshal((*plain)(h))
}

// Error is a mistake in lighten.yaml, with its place.
type Error struct {
	Name         string
	Line, Column int
	Message      string
	Source       string // the line
}

func (e *Error) Error() string {
	s := fmt.Sprintf("%s:%d:%d: %s", e.Name, e.Line, e.Column, e.Message)
	if e.Source != "" {
		s += "\n  " + e.Source + "\n  " + strings.Repeat(" ", max(e.Column-1, 0)) + "^"
	}
	return s
}

// Parse reads lighten.yaml. A mistake is an *Error with its place.
func Parse(name string, src []byte) (*File, error) {
	var f File
	if err := yaml.UnmarshalWithOptions(src, &f, yaml.Strict()); err != nil {
		return nil, located(name, src, err)
	}
	if err := f.validate(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &f, nil
}

func located(name string, src []byte, err error) error {
	var ye yaml.Error
	if !errors.As(err, &ye) || ye.GetToken() == nil || ye.GetToken().Position == nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	t := ye.GetToken()
	e := &Error{Name: name, Line: t.Position.Line, Column: t.Position.Column, Message: ye.GetMessage()}
	var unknown *yaml.UnknownFieldError
	if errors.As(err, &unknown) {
		e.Message = fmt.Sprintf("unknown key %q%s", t.Value, didYouMean(t.Value))
	}
	if lines := strings.Split(string(src), "\n"); e.Line >= 1 && e.Line <= len(lines) {
		e.Source = strings.TrimRight(lines[e.Line-1], "\r")
	}
	return e
}

// letters are those of a word, in order.
func letters(word string) string {
	b := []byte(word)
	slices.Sort(b)
	return string(b)
}

// didYouMean says what an unknown key may have been meant for: one of that name in another place, or one that is written like it.
func didYouMean(word string) string {
	if in := keys()[word]; len(in) > 0 {
		if word == "ignore" || word == "name" { // of the check itself, not of its kind
			return fmt.Sprintf("; it stands beside the kind of a check: {http: /, %s: …}", word)
		}
		return "; it belongs to " + strings.Join(in, ", ")
	}
	best, dist := "", 3
	for _, k := range slices.Sorted(maps.Keys(keys())) {
		// Of two that are as near, the one with the same letters: "prot" is port, not drop.
		if d := levenshtein.Distance(word, k, nil); d < dist || d == dist && letters(k) == letters(word) {
			best, dist = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// keys are all keys of lighten.yaml, each with what it belongs to.
var keys = sync.OnceValue(func() map[string][]string {
	found := map[string][]string{}
	var walk func(in string, t reflect.Type)
	walk = func(in string, t reflect.Type) {
		for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
			t = t.Elem()
		}
		if t.Kind() != reflect.Struct {
			return
		}
		for i := range t.NumField() {
			name, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
			if !slices.Contains(found[name], in) {
				found[name] = append(found[name], in)
				walk(name, t.Field(i).Type)
			}
		}
	}
	walk("the file itself", reflect.TypeFor[File]())
	return found
})

// serviceName is what a service may be called: it becomes a host name and a directory.
var serviceName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$`)

func (f *File) validate() error {
	if f.Start.Timeout < 0 {
		return fmt.Errorf("start: timeout %s: want a time such as 30s", f.Start.Timeout)
	}
	if err := f.Limits.validate(); err != nil {
		return err
	}
	if f.Level != "" && f.Level != "safe" && f.Level != "tight" {
		return fmt.Errorf("level %q: want safe or tight", f.Level)
	}
	if f.Network != "" && f.Network != "none" && f.Network != "host" {
		return fmt.Errorf("network %q: want none or host", f.Network)
	}
	for _, n := range slices.Sorted(maps.Keys(f.Services)) {
		s := f.Services[n]
		if !serviceName.MatchString(n) {
			return fmt.Errorf("service %q: want a host name: letters, digits, dots and dashes", n)
		}
		if s.Port != 0 && !validPort(s.Port) {
			return fmt.Errorf("service %q: port %d: want 1 to 65535", n, s.Port)
		}
		if (s.Image == "") == (s.Build == "") {
			return fmt.Errorf("service %q: want either image or build", n)
		}
	}
	for _, l := range []struct {
		name string
		list []Check
	}{{"checks", f.Checks}, {"holdout", f.Holdout}} {
		for i, c := range l.list {
			if err := c.validate(); err != nil {
				return fmt.Errorf("%s[%d]: %w", l.name, i, err)
			}
		}
	}
	return nil
}

// timeout is how long the check may take, each time that it is tried.
func (c Check) timeout() time.Duration {
	var t time.Duration
	switch {
	case c.HTTP != nil:
		t = c.HTTP.Timeout
	case c.Exec != nil:
		t = c.Exec.Timeout
	case c.Exit != nil:
		t = c.Exit.Timeout
	}
	if t == 0 {
		t = checkTimeout
	}
	return t
}

func (c Check) validate() error {
	n := 0
	for _, set := range []bool{c.HTTP != nil, c.Exec != nil, c.TCP != nil, c.Log != nil, c.Exit != nil} {
		if set {
			n++
		}
	}
	if n != 1 {
		return fmt.Errorf("%d kinds in one check; want exactly one of http, exec, tcp, log, exit", n)
	}
	if _, err := regexp.Compile(c.Ignore); err != nil {
		return fmt.Errorf("%s: ignore: %w", c.Kind(), err)
	}
	if t := c.timeout(); t < 0 {
		return fmt.Errorf("%s: timeout %s: want a time such as 30s", c.Kind(), t)
	}
	switch {
	case c.HTTP != nil:
		return c.HTTP.validate()
	case c.Log != nil && c.Log.Matches == "":
		return errors.New("log: matches is missing")
	case c.Log != nil && c.Log.Within < 0:
		return fmt.Errorf("log: within %s: want a time such as 10s", c.Log.Within)
	case c.Log != nil:
		return compile("log", c.Log.Matches)
	case c.TCP != nil && c.TCP.Port == 0:
		return errors.New("tcp: port is missing")
	case c.TCP != nil && !validPort(c.TCP.Port):
		return fmt.Errorf("tcp: port %d: want 1 to 65535", c.TCP.Port)
	case c.Exec != nil && len(c.Exec.Args) == 0:
		return errors.New("exec: the command is missing")
	case c.Exec != nil && c.Exec.Within < 0:
		return fmt.Errorf("exec: within %s: want a time such as 10s", c.Exec.Within)
	case c.Exit != nil && c.Exit.Within != 0:
		return errors.New("exit: within is for exec and log; the program itself is run once")
	}
	return nil
}

func (h *HTTP) validate() error {
	if h.Body != "" && h.JSON != nil {
		return errors.New("http: body and json are both set; want one")
	}
	if h.Port != 0 && !validPort(h.Port) {
		return fmt.Errorf("http: port %d: want 1 to 65535", h.Port)
	}
	for _, p := range sortedKeys(h.JSONPath) {
		if _, err := parsePath(p); err != nil {
			return fmt.Errorf("http: jsonpath: %w", err)
		}
	}
	// What net/http would not send fails here, not in every candidate.
	if _, err := http.NewRequest(h.method(), "http://127.0.0.1"+h.path(), nil); err != nil {
		return fmt.Errorf("http: %w", err)
	}
	return compile("http", h.Matches)
}

func validPort(n int) bool { return n >= 1 && n <= 65535 }

// YAML is the file as a user would keep it.
func (f *File) YAML() []byte {
	b, err := yaml.MarshalWithOptions(f, yaml.UseSingleQuote(false))
	if err != nil {
		panic(err) // the type has nothing that cannot be written
	}
	return b
}

// String is the check's name: the given one, or what it does.
func (c Check) String() string {
	switch {
	case c.Name != "":
		return c.Name
	case c.HTTP != nil:
		return strings.TrimSpace(c.HTTP.method() + " " + c.HTTP.path())
	case c.TCP != nil:
		return fmt.Sprintf("port %d", c.TCP.Port)
	case c.Log != nil:
		return "log " + c.Log.Matches
	case c.Exec != nil:
		return strings.Join(c.Exec.Args, " ")
	case c.Exit != nil:
		return strings.TrimSpace("program " + strings.Join(c.Exit.Args, " "))
	}
	return ""
}

// Kind is the key under which the check stands in lighten.yaml.
func (c Check) Kind() string {
	switch {
	case c.HTTP != nil:
		return "http"
	case c.TCP != nil:
		return "tcp"
	case c.Log != nil:
		return "log"
	case c.Exec != nil:
		return "exec"
	}
	return "exit"
}

func (h *HTTP) method() string {
	switch {
	case h.Method != "":
		return strings.ToUpper(h.Method)
	case h.Body != "" || h.JSON != nil:
		return "POST"
	}
	return "GET"
}

func (h *HTTP) path() string { return "/" + strings.TrimPrefix(h.Path, "/") }

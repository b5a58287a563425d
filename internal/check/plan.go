package check

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Names of the files by which the supervisor is told what to do and tells what
// it saw, and where an engine puts them.
const (
	PlanFile   = "plan.json"
	ReportFile = "report.json"
	RecordFile = "record.json.gz" // what the program looked up, when the plan says trace
	inDir      = "/dev/.lighten/in"
	outDir     = "/dev/.lighten/out"
	rootDir    = "/dev/.lighten/root"
)

const defaultStart = 30 * time.Second

// Plan is what the supervisor does inside a container.
type Plan struct {
	Program  Process   `json:"program"`
	Services []Process `json:"services,omitempty"`
	Checks   []Check   `json:"checks"`
	Holdout  []Check   `json:"holdout,omitempty"`
	Trace    bool      `json:"trace,omitempty"`   // record what the program, exec and exit checks look up; services are not traced
	Answers  bool      `json:"answers,omitempty"` // the report is to hold what was answered
	Limits   Limits    `json:"limits"`
	Start    time.Duration
	Guessed  bool   `json:"guessed,omitempty"` // the checks are guesses, some of which may be wrong
	Form     bool   `json:"form,omitempty"`    // the image is a lighter form of one that passed
	Known    []Miss `json:"known,omitempty"`   // of a form: what the original looked for in vain
	Port     int    `json:"port,omitempty"`    // for checks that name none
}

// Process is a program to start as its image says.
type Process struct {
	Name       string   `json:"name"`
	Root       string   `json:"root,omitempty"` // "": the container's own
	Entrypoint []string `json:"entrypoint,omitempty"`
	Cmd        []string `json:"cmd,omitempty"`
	Env        []string `json:"env,omitempty"`
	Dir        string   `json:"dir"`
	Volumes    []string `json:"volumes,omitempty"` // directories that a container has, whether the image has them or not
	User       string   `json:"user,omitempty"`
	Port       int      `json:"port,omitempty"` // a service's: ready when it accepts connections
	Signal     string   `json:"signal,omitempty"`
}

// NewPlan joins the checks with what the images' configurations say of how
// their programs start.
func NewPlan(f *File, cfg *v1.ConfigFile, services map[string]*v1.ConfigFile) (*Plan, error) {
	p := &Plan{Program: process("program", cfg.Config, f.Env), Checks: f.Checks, Holdout: f.Holdout, Limits: f.Limits, Start: f.Start.Timeout, Guessed: f.guessed}
	if p.Start == 0 {
		p.Start = defaultStart
	}
	if ports := exposed(cfg.Config); len(ports) > 0 {
		p.Port = ports[0]
	}
	ambiguous := len(exposed(cfg.Config)) > 1
	for _, c := range slices.Concat(f.Checks, f.Holdout) {
		if c.HTTP != nil && c.HTTP.Port == 0 && p.Port == 0 {
			return nil, fmt.Errorf("check %q: the image exposes no port; name one with the key port", c)
		}
		if c.HTTP != nil && c.HTTP.Port == 0 && ambiguous {
			return nil, fmt.Errorf("check %q: the image exposes ports %s; name one with the key port", c, portList(exposed(cfg.Config)))
		}
		if needsProgram(c) && len(p.Program.argv()) == 0 {
			return nil, fmt.Errorf("check %q: the image has neither ENTRYPOINT nor CMD, so there is no program to check", c)
		}
	}
	for _, n := range slices.Sorted(maps.Keys(services)) {
		s := process(n, services[n].Config, f.Services[n].Env)
		s.Root, s.Port = path.Join(rootDir, n), f.Services[n].Port
		if len(s.argv()) == 0 {
			return nil, fmt.Errorf("service %q: its image has neither ENTRYPOINT nor CMD", n)
		}
		p.Services = append(p.Services, s)
	}
	return p, nil
}

func process(name string, c v1.Config, env map[string]string) Process {
	p := Process{
		Name: name, Entrypoint: c.Entrypoint, Cmd: c.Cmd, Dir: c.WorkingDir, Volumes: slices.Sorted(maps.Keys(c.Volumes)), User: c.User, Signal: c.StopSignal,
		Env: slices.Clone(c.Env),
	}
	if p.Dir == "" {
		p.Dir = "/"
	}
	if !slices.ContainsFunc(p.Env, func(e string) bool { return strings.HasPrefix(e, "PATH=") }) {
		p.Env = append(p.Env, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
	}
	for _, k := range slices.Sorted(maps.Keys(env)) {
		p.Env = append(p.Env, k+"="+env[k])
	}
	return p
}

func (p Process) argv() []string { return slices.Concat(p.Entrypoint, p.Cmd) }

// exposed are the TCP ports that an image names, sorted.
func exposed(c v1.Config) []int {
	var out []int
	for k := range c.ExposedPorts {
		num, proto, _ := strings.Cut(k, "/")
		if n, err := strconv.Atoi(num); err == nil && (proto == "" || proto == "tcp") && validPort(n) {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func portList(ports []int) string {
	var s []string
	for _, p := range ports {
		s = append(s, strconv.Itoa(p))
	}
	return strings.Join(s, ", ")
}

// needsProgram tells whether a check makes no sense without the running
// program. A command (exec) runs beside it where the image has one.
func needsProgram(c Check) bool { return c.HTTP != nil || c.TCP != nil || c.Log != nil }

// Marshal is the plan as the supervisor reads it.
func (p *Plan) Marshal() ([]byte, error) { return json.MarshalIndent(p, "", " ") }

// Deadline bounds the whole run: the supervisor ends by then whatever happens.
func (p *Plan) Deadline() time.Duration {
	var waits time.Duration
	for _, c := range slices.Concat(p.Checks, p.Holdout) {
		waits += c.timeout() + afterStart
		switch {
		case c.Log != nil:
			waits += max(c.Log.Within, p.Start)
		case c.Exec != nil:
			waits += c.Exec.Within
		}
	}
	return p.Start*time.Duration(1+len(p.Services)) + waits + 15*time.Second
}

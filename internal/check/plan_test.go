package check_test

import (
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lighten/lighten/internal/check"
)

func itoa(n int) string { return strconv.Itoa(n) }

func image(c v1.Config) *v1.ConfigFile { return &v1.ConfigFile{Config: c} }

func TestNewPlan(t *testing.T) {
	f := &check.File{
		Checks:   []check.Check{{HTTP: &check.HTTP{}}, {Log: &check.Log{Matches: "x", Within: time.Minute}}},
		Services: map[string]check.Service{"db": {Image: "postgres", Env: map[string]string{"B": "2", "A": "1"}, Port: 5432}, "a": {Image: "a"}},
		Env:      map[string]string{"PORT": "80"},
	}
	got, err := check.NewPlan(f,
		image(v1.Config{Entrypoint: []string{"/run"}, Cmd: []string{"-v"}, Env: []string{"PATH=/bin"}, WorkingDir: "/app", User: "1000", StopSignal: "SIGINT", ExposedPorts: ports("80", "80/tcp", "53/udp"),
			Volumes: map[string]struct{}{"/var/lib/b": {}, "/data": {}}}),
		map[string]*v1.ConfigFile{"db": image(v1.Config{Cmd: []string{"postgres"}}), "a": image(v1.Config{Cmd: []string{"a"}})})
	if err != nil {
		t.Fatal(err)
	}
	const path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	want := &check.Plan{
		Program: check.Process{Name: "program", Entrypoint: []string{"/run"}, Cmd: []string{"-v"}, Env: []string{"PATH=/bin", "PORT=80"}, Dir: "/app", Volumes: []string{"/data", "/var/lib/b"}, User: "1000", Signal: "SIGINT"},
		Services: []check.Process{
			{Name: "a", Root: "/dev/.lighten/root/a", Cmd: []string{"a"}, Env: []string{path}, Dir: "/"},
			{Name: "db", Root: "/dev/.lighten/root/db", Cmd: []string{"postgres"}, Env: []string{path, "A=1", "B=2"}, Dir: "/", Port: 5432},
		},
		Checks: f.Checks, Start: 30 * time.Second, Port: 80,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if d := got.Deadline(); d < 3*got.Start+time.Minute {
		t.Errorf("got deadline %s, which is less than the program, two services and the log may take", d)
	}
	b, err := got.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	var again check.Plan
	if err := json.Unmarshal(b, &again); err != nil || !reflect.DeepEqual(&again, want) {
		t.Errorf("what the supervisor reads is %+v, error %v", again, err)
	}
}

func TestNewPlanErrors(t *testing.T) {
	run := v1.Config{Cmd: []string{"x"}}
	two := v1.Config{Cmd: []string{"x"}, ExposedPorts: ports("80", "443")}
	for _, c := range []struct {
		cfg   v1.Config
		check check.Check
		want  string
	}{
		{run, check.Check{HTTP: &check.HTTP{Port: 80}}, ""},
		{run, check.Check{HTTP: &check.HTTP{}}, "exposes no port"},
		{two, check.Check{HTTP: &check.HTTP{Port: 443}}, ""},
		{two, check.Check{HTTP: &check.HTTP{}}, "exposes ports 80, 443; name one"},
		{v1.Config{}, check.Check{TCP: &check.TCP{Port: 1}}, "neither ENTRYPOINT nor CMD"},
		{v1.Config{}, check.Check{Log: &check.Log{Matches: "."}}, "neither ENTRYPOINT nor CMD"},
		{v1.Config{}, check.Check{Exec: &check.Exec{Args: []string{"ls"}}}, ""},
	} {
		_, err := check.NewPlan(&check.File{Checks: []check.Check{c.check}}, image(c.cfg), nil)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want %q", c.check, err, c.want)
		}
	}
	f := &check.File{Services: map[string]check.Service{"db": {Image: "x"}}}
	if _, err := check.NewPlan(f, image(run), map[string]*v1.ConfigFile{"db": image(v1.Config{})}); err == nil || !strings.Contains(err.Error(), `service "db"`) {
		t.Errorf("a service without a program: got error %v", err)
	}
}

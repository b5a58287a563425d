package trial_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lighten/lighten/internal/check"
	"github.com/lighten/lighten/internal/engine"
	"github.com/lighten/lighten/internal/engine/enginetest"
	"github.com/lighten/lighten/internal/testimage"
	"github.com/lighten/lighten/internal/trial"
)

// try runs the checks in the image.
func try(t testing.TB, e *engine.Engine, img v1.Image, tr *trial.Trial, o trial.Options) *trial.Outcome {
	t.Helper()
	tr.Binary = binary(t)
	var out *trial.Outcome
	err := e.UseImage(t.Context(), img, "", nil, func(ctx context.Context, b *engine.Built) (err error) {
		out, err = tr.Run(ctx, b, o)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// results are the checks that were asked and what came of them, a line each.
func results(r *check.Report) string {
	var b strings.Builder
	for _, x := range r.Results {
		fmt.Fprintf(&b, "%s %v %v\n", x.Name, x.Passed, x.Holdout)
	}
	if r.Error != "" {
		fmt.Fprintln(&b, r.Error)
	}
	return b.String()
}

func TestRun(t *testing.T) {
	e := enginetest.Open(t)
	img := program(t, "web", v1.Config{ExposedPorts: map[string]struct{}{"80/tcp": {}}, Env: []string{"PORT=80"}})
	f := parse(t, `
checks: [{http: {contains: I am web}}, {log: {matches: serving}}]
holdout: [{http: {path: /other}}, {http: {path: /wrong, contains: you}}]
env: {NAME: web}
`)
	const checks = "GET / true false\nlog serving true false\n"
	for _, c := range []struct {
		o    trial.Options
		want string
	}{
		{trial.Options{}, checks},
		{trial.Options{Holdout: true}, checks + "GET /other true true\nGET /wrong false true\n"},
	} {
		out := try(t, e, img, &trial.Trial{File: f, Source: "lighten.yaml"}, c.o)
		if got := results(out.Report); got != c.want {
			t.Errorf("%+v: got\n%swant\n%s", c.o, got, c.want)
		}
	}
}

// A program that is asked several things is started as often as its checks say; it needs neither a port nor a shell.
func TestRunCommandLine(t *testing.T) {
	e := enginetest.Open(t)
	f := parse(t, `
checks:
  - exit: {args: [a], stdin: one, stdout: 'asked a, given "one"', code: 1}
  - exit: {args: [a, b], stdout: 'asked a b, given ""', code: 2}
holdout:
  - exit: {args: [a, b, c], code: 3}
`)
	out := try(t, e, program(t, "ask", v1.Config{}), &trial.Trial{File: f}, trial.Options{Holdout: true})
	if got, want := results(out.Report), "program a true false\nprogram a b true false\nprogram a b c true true\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// Services are started beside the program, from a Dockerfile or an image, and reached by their names.
func TestRunServices(t *testing.T) {
	e := enginetest.Open(t)
	project := t.TempDir()
	if err := os.Rename(contextDir(t), filepath.Join(project, "db")); err != nil {
		t.Fatal(err)
	}
	dockerfile := "FROM scratch\nCOPY program /program\nENV " + roleVar + "=web\nCMD [\"/program\"]\n"
	if err := os.WriteFile(filepath.Join(project, "db", "Dockerfile"), []byte(dockerfile), 0o600); err != nil {
		t.Fatal(err)
	}
	f := parse(t, `
checks: [{http: {port: 80, contains: I am db}}]
env: {PORT: "80", BEHIND: "http://db:81/"}
services: {db: {build: db, port: 81, env: {PORT: "81", NAME: db}}}
`)
	if testimage.Has("alpine:3.20") {
		f.Services["other"] = check.Service{Image: "alpine:3.20"}
	}
	services, err := trial.Services(f, "lighten.yaml", project)
	if err != nil {
		t.Fatal(err)
	}
	out := try(t, e, program(t, "web", v1.Config{}), &trial.Trial{File: f, Services: services}, trial.Options{})
	if got, want := results(out.Report), "GET / true false\n"; got != want {
		t.Errorf("got\n%s%+v\nwant\n%s", got, out.Report, want)
	}
	if _, err := trial.Services(f, "lighten.yaml", t.TempDir()); err == nil || !strings.Contains(err.Error(), `reading service "db" of lighten.yaml`) {
		t.Errorf("a service without a Dockerfile: %v", err)
	}
}

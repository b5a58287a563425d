package trial_test

import (
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lighten/lighten/internal/engine/enginetest"
	"github.com/lighten/lighten/internal/observe"
	"github.com/lighten/lighten/internal/trial"
)

func init() { roles["look"] = look }

// look looks for /data/start, for /data/PATH when it is asked for PATH, for /data/NAME when it has an argument, and for /data/stop
// when it is to end.
func look(args []string) int {
	for _, a := range args {
		_, _ = os.Stat("/data/" + a)
	}
	if len(args) > 0 {
		return 0
	}
	_, _ = os.Open("/data/start")
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		_, err := os.Open("/data" + r.URL.Path)
		fmt.Fprint(w, err)
	})
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	go func() { _ = http.ListenAndServe("127.0.0.1:80", nil) }()
	<-stop
	_, _ = os.Open("/data/stop")
	return 0
}

// What the program looks up is recorded with the time when it did, whichever user it is; services are not traced.
func TestRunTrace(t *testing.T) {
	e := enginetest.Open(t)
	f := parse(t, `
checks:
  - http: {port: 80, path: /one, contains: no such file}
  - exec: [/program, two]
  - exit: {args: [three]}
holdout: [{http: {port: 80, path: /four}}]
env: {`+roleVar+`: look}
`)
	for _, user := range []string{"", "1000:1000"} {
		t.Run("user "+user, func(t *testing.T) {
			img := program(t, "look", v1.Config{User: user})
			for _, holdout := range []bool{false, true} {
				out := try(t, e, img, &trial.Trial{File: f}, trial.Options{Trace: true, Holdout: holdout})
				if strings.Contains(results(out.Report), "false false") || out.Report.Error != "" {
					t.Errorf("got %+v", out.Report)
				}
				want := []string{"/data/one open check 1: GET /one", "/data/start open start", "/data/stop open stop", "/data/three stat check 3: program three", "/data/two stat check 2: /program two"}
				if holdout {
					want = append([]string{"/data/four open holdout 1: GET /four"}, want...)
				}
				if got := looked(out.Record, "/data/"); !slices.Equal(got, want) {
					t.Errorf("holdout %v: got\n%s\nwant\n%s", holdout, strings.Join(got, "\n"), strings.Join(want, "\n"))
				}
				if out.Record.Untraced != "" || !slices.Contains(out.Record.Listens, "tcp 127.0.0.1:80") {
					t.Errorf("untraced %q, listens %q", out.Record.Untraced, out.Record.Listens)
				}
			}
			if out := try(t, e, img, &trial.Trial{File: f}, trial.Options{}); out.Record != nil {
				t.Error("there is a record of a program that was not to be traced")
			}
		})
	}
}

func looked(r *observe.Record, prefix string) []string {
	var out []string
	for _, p := range r.Paths {
		if strings.HasPrefix(p.Name, prefix) {
			out = append(out, fmt.Sprintf("%s %s %s", p.Name, p.Ops, r.Phases[p.Phase]))
		}
	}
	return out
}

// Package bench measures lighten as its users run it: as a process, against Docker and against its own floor, in one
// run. Figures are reported, never asserted. `make bench` runs it with the base images served from loopback.
package bench

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lighten/lighten/internal/engine"
	"github.com/lighten/lighten/internal/testimage"
)

// usage is what one process took, with the processor time of the steps it ran. Memory is its own peak; children, such as
// runc, are not in it.
type usage struct {
	wall, cpu time.Duration
	rss       int64 // bytes
}

// lighten runs bin/lighten, which `make bench` built.
func lighten(b *testing.B, args ...string) usage {
	b.Helper()
	root, err := testimage.Root()
	if err != nil {
		b.Fatal(err)
	}
	return run(b, root, filepath.Join(root, "bin", "lighten"), args...)
}

func run(b *testing.B, dir, name string, args ...string) usage {
	b.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	start := time.Now()
	out, err := cmd.CombinedOutput()
	if err != nil {
		b.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	s := cmd.ProcessState
	u := usage{wall: time.Since(start), cpu: s.UserTime() + s.SystemTime()}
	if ru, ok := s.SysUsage().(*syscall.Rusage); ok {
		u.rss = ru.Maxrss << 10
	}
	return u
}

// cheap measures a command that builds nothing, in CPU time: its median of 20.
func cheap(b *testing.B, args ...string) {
	for b.Loop() {
		var all []time.Duration
		var rss int64
		for range 20 {
			u := lighten(b, args...)
			all, rss = append(all, u.cpu), max(rss, u.rss)
		}
		slices.Sort(all)
		b.ReportMetric(float64(all[len(all)/2].Microseconds())/1000, "cpu-ms")
		b.ReportMetric(float64(rss)/1e6, "rss-MB")
	}
}

func BenchmarkHelp(b *testing.B) { cheap(b, "--help") }

func BenchmarkList(b *testing.B) { cheap(b, "build", "examples/flask", "--list") }

// BenchmarkEngineUp measures the embedded engine until it takes builds, on a new state and on one that holds a build.
func BenchmarkEngineUp(b *testing.B) {
	testimage.Need(b, "root", "runc")
	for _, c := range []string{"new state", "kept state"} {
		b.Run(c, func(b *testing.B) {
			state := b.TempDir()
			if c == "kept state" {
				lighten(b, "build", "examples/cli", "--only", "original", "--no-checks", "--progress", "quiet", "--state", state)
			}
			for b.Loop() {
				start := time.Now()
				e, err := engine.Open(b.Context(), engine.Options{State: state})
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(time.Since(start).Microseconds())/1000, "up-ms")
				if err := e.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkOriginal builds the Flask service as it stands, with lighten, with `docker build` (BuildKit of dockerd) and with
// buildctl (buildkitd of the release that lighten embeds) in turn, from the same registry on loopback: cold, on an empty
// state, and warm, with everything in the cache. lighten also starts and stops its engine, exports the image and reads it
// file by file for its report; the daemons run already and do neither.
func BenchmarkOriginal(b *testing.B) {
	testimage.Need(b, "root", "runc", "base:python:3.11")
	peers := map[string]peer{}
	context := fixture(b)
	if d := startDocker(b, context); d != nil {
		peers["docker"] = d
	}
	if k := startBuildkit(b, context); k != nil {
		peers["buildctl"] = k
	}
	for b.Loop() {
		for range rounds {
			state := b.TempDir()
			args := []string{"build", "examples/flask", "--only", "original", "--no-checks", "--progress", "quiet", "--state", state}
			report(b, "lighten-cold", lighten(b, args...))
			report(b, "lighten-warm", lighten(b, args...))
			for _, name := range slices.Sorted(maps.Keys(peers)) {
				peers[name].clear(b)
				report(b, name+"-cold", peers[name].build(b))
				report(b, name+"-warm", peers[name].build(b))
			}
		}
		for name := range peers {
			ratio(b, "lighten-cold", name+"-cold")
			ratio(b, "lighten-warm", name+"-warm")
		}
	}
}

// rounds are how often each thing is measured; the fastest counts.
const rounds = 3

// peer builds the same Dockerfile by other means.
type peer interface {
	clear(*testing.B)
	build(*testing.B) usage
}

// BenchmarkLadder builds, checks and compares every form of the Flask service, against its original alone.
func BenchmarkLadder(b *testing.B) {
	testimage.Need(b, "root", "runc", "base:python:3.11")
	for b.Loop() {
		for range rounds {
			report(b, "original", lighten(b, "build", "examples/flask", "--only", "original", "--progress", "quiet", "--state", b.TempDir()))
			report(b, "all", lighten(b, "build", "examples/flask", "--progress", "quiet", "--state", b.TempDir()))
		}
		ratio(b, "all", "original")
	}
}

// best holds the fastest of each name: noise only ever adds. Time on the clock and processor time are kept apart: on a
// machine that does other things too, only the latter tells much.
var best = map[string]usage{}

func report(b *testing.B, name string, u usage) {
	b.Helper()
	b.Logf("%s: %.2f s, %.2f s of processor time, %.0f MB", name, u.wall.Seconds(), u.cpu.Seconds(), float64(u.rss)/1e6)
	if old, ok := best[name]; ok {
		u = usage{wall: min(u.wall, old.wall), cpu: min(u.cpu, old.cpu), rss: max(u.rss, old.rss)}
	}
	best[name] = u
	b.ReportMetric(u.wall.Seconds(), name+"-s")
	b.ReportMetric(u.cpu.Seconds(), name+"-cpu-s")
	if !strings.HasPrefix(name, "docker") && !strings.HasPrefix(name, "buildctl") { // the client's memory says nothing of the daemon's
		b.ReportMetric(float64(u.rss)/1e6, name+"-rss-MB")
	}
}

// ratio reports how much the one takes more than the other, on the clock and in processor time.
func ratio(b *testing.B, over, under string) {
	o, u := best[over], best[under]
	if u.wall > 0 && u.cpu > 0 {
		b.ReportMetric(o.wall.Seconds()/u.wall.Seconds(), over+"/"+under)
		b.ReportMetric(o.cpu.Seconds()/u.cpu.Seconds(), over+"/"+under+"-cpu")
	}
}

func writeJSON(b *testing.B, file string, v any) {
	b.Helper()
	dt, err := json.Marshal(v)
	if err == nil {
		err = os.WriteFile(file, dt, 0o644)
	}
	if err != nil {
		b.Fatal(err)
	}
}

package engine_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/lighten/lighten/internal/access"
	"github.com/lighten/lighten/internal/engine"
	"github.com/lighten/lighten/internal/engine/embedded"
	"github.com/lighten/lighten/internal/testimage"
)

// childBuild builds in a process of its own, to be killed: STATE REGISTRY CONTEXT DOCKERFILE STORE.
func childBuild(args []string) error {
	ctx := context.Background()
	reg := args[1]
	e, err := engine.Open(ctx, engine.Options{State: args[0], Access: access.Config{Mirrors: map[string][]string{"docker.io": {reg}}}})
	if err != nil {
		return err
	}
	p, err := engine.NewProgress(os.Stdout, "plain")
	if err != nil {
		return err
	}
	_, err = e.Build(ctx, engine.Build{Context: args[2], Dockerfile: []byte(args[3]), Store: args[4], Progress: p, Secrets: []string{"id=s,src=/etc/hostname"}}, nil)
	return err
}

// killed starts a child build, kills it when its output has the line, and returns its state and store.
func killed(t *testing.T, dockerfile, line string) (state, store string) {
	t.Helper()
	testimage.Need(t, "root", "runc", "bases")
	state, store = t.TempDir(), t.TempDir()
	cmd := exec.Command(testBinary(t), "role-build", state, testimage.Registry(t), t.TempDir(), dockerfile, store)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() })
	defer timer.Stop()
	sc := bufio.NewScanner(out)
	seen := false
	var all strings.Builder
	for sc.Scan() {
		all.WriteString(sc.Text() + "\n")
		if seen = strings.Contains(sc.Text(), line); seen {
			break
		}
	}
	cmd.Process.Kill()
	cmd.Wait()
	if !seen {
		t.Fatalf("the child never got to %q:\n%s%s", line, &all, &stderr)
	}
	return state, store
}

func reopen(t *testing.T, state string) *engine.Engine {
	t.Helper()
	e, err := engine.Open(context.Background(), engine.Options{State: state, Access: config(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

// leftovers are processes, mounts and files of an interrupted run.
func leftovers(t *testing.T, state, marker string) []string {
	t.Helper()
	var out []string
	procs, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, p := range procs {
		b, _ := os.ReadFile(p)
		if marker != "" && bytes.HasPrefix(b, []byte("sleep\x00"+marker)) {
			out = append(out, "process "+filepath.Dir(p))
		}
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range strings.Split(string(mounts), "\n") {
		// Below the state directory, or elsewhere with layers from it.
		if f := strings.Fields(l); len(f) > 4 && strings.Contains(l, state+"/") {
			out = append(out, "mount "+f[4])
		}
	}
	for _, g := range []string{"tmp/[^r]*", "tmp/ru[^n]*", "runc-*/executor/*", "runc-*/cachemounts/*"} {
		files, _ := filepath.Glob(filepath.Join(state, g))
		for _, f := range files {
			switch filepath.Base(f) {
			case "runc-log.json", "resolv.conf", "resolv-host.conf", "hosts":
			default:
				out = append(out, "file "+f)
			}
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	list, err := embedded.Containers(ctx, "runc")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range list {
		if strings.HasPrefix(c.Bundle, state+"/") {
			out = append(out, "container "+c.ID)
		}
	}
	return out
}

func TestKilledInRun(t *testing.T) {
	marker := "4242" + strconv.Itoa(os.Getpid())
	dockerfile := "FROM alpine:3.20\nRUN --mount=type=cache,target=/c --mount=type=secret,id=s echo started && sleep " + marker + "\n"
	state, _ := killed(t, dockerfile, "started")
	if left := leftovers(t, state, marker); len(left) < 3 {
		t.Fatalf("the killed run left only %q: this test shows nothing", left)
	}
	e := reopen(t, state)
	if left := leftovers(t, state, marker); len(left) > 0 {
		t.Errorf("after the next Open there still is: %s", strings.Join(left, "\n"))
	}
	ok := strings.Replace(dockerfile, "sleep "+marker, "sleep 0", 1)
	img, err := e.Build(context.Background(), engine.Build{Context: t.TempDir(), Dockerfile: []byte(ok), Secrets: []string{"id=s,src=/etc/hostname"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(img); err != nil {
		t.Error(err)
	}
}

func TestKilledInExport(t *testing.T) {
	dockerfile := "FROM alpine:3.20\nRUN dd if=/dev/urandom of=/big bs=1M count=200 2>/dev/null\n"
	state, store := killed(t, dockerfile, "exporting layers")
	e := reopen(t, state)
	if left := leftovers(t, state, ""); len(left) > 0 {
		t.Errorf("after the next Open there still is: %s", strings.Join(left, "\n"))
	}
	index, err := os.ReadFile(filepath.Join(store, "index.json"))
	if err != nil || bytes.Contains(index, []byte("digest")) {
		t.Errorf("the half exported image is in the index: %s, %v", index, err)
	}
	img, err := e.Build(context.Background(), engine.Build{Context: t.TempDir(), Dockerfile: []byte(dockerfile), Store: store}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(img); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(store, "ingest")); err == nil {
		t.Error("the store has an ingest directory")
	}
}

func TestInterrupt(t *testing.T) {
	e := open(t)
	marker := "4343" + strconv.Itoa(os.Getpid())
	ctx, cancel := context.WithCancelCause(context.Background())
	var out watch
	out.on("started", func() { cancel(errors.New("interrupted")) })
	p, err := engine.NewProgress(&out, "plain")
	if err != nil {
		t.Fatal(err)
	}
	_, err = e.Build(ctx, engine.Build{Context: t.TempDir(), Progress: p, Dockerfile: []byte("FROM alpine:3.20\nRUN echo started && sleep " + marker + "\n")}, nil)
	if err == nil || !strings.Contains(err.Error(), "interrupted") {
		t.Errorf("err = %v", err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	deadline := time.Now().Add(time.Minute) // the container is deleted behind the build's back
	for {
		procs := leftovers(t, "/nowhere", marker)
		if len(procs) == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("after the interrupt there still is: %q", procs)
		}
		time.Sleep(50 * time.Millisecond)
	}
	// The engine is still good.
	if _, err := e.Build(context.Background(), engine.Build{Context: t.TempDir(), Dockerfile: []byte("FROM alpine:3.20\nRUN true\n")}, nil); err != nil {
		t.Error(err)
	}
}

// watch calls back when a word was written.
type watch struct {
	bytes.Buffer
	word string
	f    func()
}

func (w *watch) on(word string, f func()) { w.word, w.f = word, f }

func (w *watch) Write(p []byte) (int, error) {
	n, err := w.Buffer.Write(p)
	// The step's name has the word as well: wait for it on a line of output ("#6 0.1 started").
	for _, l := range strings.Split(w.Buffer.String(), "\n") {
		if f := strings.Fields(l); w.f != nil && len(f) == 3 && f[2] == w.word {
			w.f()
			w.f = nil
		}
	}
	return n, err
}

func TestLock(t *testing.T) {
	state := t.TempDir()
	l, err := embedded.TakeLock(context.Background(), state, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	var held *embedded.HeldError
	if _, err := embedded.TakeLock(context.Background(), state, false, nil); !errors.As(err, &held) {
		t.Fatalf("err = %v, want who holds it", err)
	}
	if held.PID != os.Getpid() || !strings.Contains(held.Command, filepath.Base(os.Args[0])) {
		t.Errorf("held by %d %q", held.PID, held.Command)
	}
	if !strings.Contains(held.Error(), fmt.Sprint(os.Getpid())) || !strings.Contains(held.Error(), "--wait") {
		t.Errorf("message: %v", held)
	}

	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	if _, err := embedded.TakeLock(ctx, state, true, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("waiting ended with %v", err)
	}

	told := make(chan string, 1)
	got := make(chan error, 1)
	go func() {
		l2, err := embedded.TakeLock(context.Background(), state, true, func(s string) { told <- s })
		if err == nil {
			err = l2.Release()
		}
		got <- err
	}()
	if s := <-told; !strings.Contains(s, fmt.Sprint(os.Getpid())) {
		t.Errorf("told %q", s)
	}
	if err := l.Release(); err != nil {
		t.Fatal(err)
	}
	if err := <-got; err != nil {
		t.Error(err)
	}
}

package engine

import (
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/util/progress/progressui"
	digest "github.com/opencontainers/go-digest"
)

// Progress shows the steps of builds, several at a time.
type Progress struct {
	ch   chan *client.SolveStatus
	done chan error
	wg   sync.WaitGroup

	steps atomic.Int64 // numbers those of [Progress.Step]

	mu     sync.Mutex
	closed bool
}

// NewProgress shows progress on w as buildx does. Modes: auto (tty on a terminal, else plain), tty, plain, quiet, rawjson.
func NewProgress(w io.Writer, mode string) (*Progress, error) {
	switch progressui.DisplayMode(mode) {
	case progressui.DefaultMode, progressui.AutoMode, progressui.TtyMode, progressui.PlainMode, progressui.QuietMode, progressui.RawJSONMode:
	default:
		return nil, fmt.Errorf("reading --progress %s: unknown mode: give auto, tty, plain, quiet or rawjson", mode)
	}
	d, err := progressui.NewDisplay(w, progressui.DisplayMode(mode), progressui.WithPhase("lighten"))
	if err != nil {
		return nil, fmt.Errorf("showing progress in mode %s: %w: give --progress plain", mode, err)
	}
	p := &Progress{ch: make(chan *client.SolveStatus), done: make(chan error, 1)}
	go func() {
		// Not the build's context: what happened before an interrupt is still shown.
		_, err := d.UpdateFrom(context.Background(), p.ch)
		for range p.ch { // a display that failed must not hold up the builds
		}
		p.done <- err
	}()
	return p, nil
}

// Close waits for the builds to have told everything and finishes the display.
func (p *Progress) Close() error {
	if p == nil {
		return nil
	}
	p.mu.Lock()
	closed := p.closed
	p.closed = true
	p.mu.Unlock()
	if closed {
		return nil
	}
	p.wg.Wait()
	close(p.ch)
	return <-p.done
}

// attach returns the channel for one build's status, which the build closes, and a channel that is closed when all
// of it has been passed on. Steps show as "[name] step".
func (p *Progress) attach(name string, logs *logTail) (chan *client.SolveStatus, <-chan struct{}) {
	in := make(chan *client.SolveStatus)
	done := make(chan struct{})
	show := p != nil
	if show {
		p.mu.Lock()
		if show = !p.closed; show {
			p.wg.Add(1)
		}
		p.mu.Unlock()
	}
	go func() {
		defer close(done)
		if show {
			defer p.wg.Done()
		}
		for st := range in {
			logs.record(st)
			if show {
				p.ch <- prefixed(name, st)
			}
		}
	}()
	return in, done
}

// Step shows something that is done beside the builds as one of their steps, until end is called, which must be before Close. Unless it is
// nil, far tells how many bytes of how many (0: unknown) are done, from another goroutine.
func (p *Progress) Step(what string, far func() (done, all int64)) (end func()) {
	if p == nil {
		return func() {}
	}
	if far == nil {
		far = func() (done, all int64) { return 0, 0 }
	}
	in, told := p.attach("", newLogTail())
	now := time.Now()
	v := client.Vertex{Digest: digest.FromString(fmt.Sprint("step ", p.steps.Add(1))), Name: what, Started: &now}
	ended := make(chan struct{})
	go func() {
		defer close(in)
		tell := func(finished *time.Time) {
			at := v
			at.Completed = finished
			st := &client.SolveStatus{Vertexes: []*client.Vertex{&at}}
			if done, all := far(); done+all > 0 {
				st.Statuses = append(st.Statuses, &client.VertexStatus{ID: "content", Vertex: v.Digest, Current: done, Total: all, Timestamp: time.Now(), Started: &now, Completed: finished})
			}
			in <- st
		}
		tell(nil)
		tick := time.NewTicker(stepEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				tell(nil)
			case <-ended:
				at := time.Now()
				tell(&at)
				return
			}
		}
	}()
	return sync.OnceFunc(func() {
		close(ended)
		<-told
	})
}

// stepEvery is how often it is asked how far a step is.
const stepEvery = 300 * time.Millisecond

// prefixed is st with the build's name before each step's. Two builds may run the same step: digests are made
// different too, else one display would mix them up.
func prefixed(name string, st *client.SolveStatus) *client.SolveStatus {
	if name == "" {
		return st
	}
	own := func(d digest.Digest) digest.Digest {
		if d == "" {
			return d
		}
		return digest.FromString(name + "\x00" + string(d))
	}
	out := &client.SolveStatus{}
	for _, v := range st.Vertexes {
		c := *v
		c.Digest = own(v.Digest)
		c.Name = "[" + name + "] " + v.Name
		c.Inputs = make([]digest.Digest, len(v.Inputs))
		for i, in := range v.Inputs {
			c.Inputs[i] = own(in)
		}
		out.Vertexes = append(out.Vertexes, &c)
	}
	for _, s := range st.Statuses {
		c := *s
		c.Vertex = own(s.Vertex)
		out.Statuses = append(out.Statuses, &c)
	}
	for _, l := range st.Logs {
		c := *l
		c.Vertex = own(l.Vertex)
		out.Logs = append(out.Logs, &c)
	}
	for _, w := range st.Warnings {
		c := *w
		c.Vertex = own(w.Vertex)
		out.Warnings = append(out.Warnings, &c)
	}
	return out
}

// logTail keeps the last bytes that each step wrote.
type logTail struct {
	mu     sync.Mutex
	tails  map[digest.Digest][]byte
	names  map[digest.Digest]string
	failed map[digest.Digest]chan struct{} // closed when the step's failure has been told, its output with it
}

// tailSize is how much of a step's output is kept for an error.
const tailSize = 16 << 10

func newLogTail() *logTail {
	return &logTail{tails: map[digest.Digest][]byte{}, names: map[digest.Digest]string{}, failed: map[digest.Digest]chan struct{}{}}
}

func (t *logTail) record(st *client.SolveStatus) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, v := range st.Vertexes {
		t.names[v.Digest] = v.Name
		if v.Completed != nil && v.Error == "" {
			delete(t.tails, v.Digest)
		}
	}
	defer t.tell(st.Vertexes)
	for _, l := range st.Logs {
		b := append(t.tails[l.Vertex], l.Data...)
		if len(b) > tailSize {
			b = append([]byte(nil), b[len(b)-tailSize:]...)
		}
		t.tails[l.Vertex] = b
	}
}

// tell wakes those who wait for a failed step.
func (t *logTail) tell(vs []*client.Vertex) {
	for _, v := range vs {
		if v.Completed == nil || v.Error == "" {
			continue
		}
		if c := t.wait(v.Digest); !isClosed(c) {
			close(c)
		}
	}
}

func (t *logTail) wait(d digest.Digest) chan struct{} {
	if t.failed[d] == nil {
		t.failed[d] = make(chan struct{})
	}
	return t.failed[d]
}

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// get returns a failed step's name and the last it wrote. A step's error and its output come on two streams: the
// output may be behind by a moment.
func (t *logTail) get(d digest.Digest) (name string, tail []byte) {
	t.mu.Lock()
	c := t.wait(d)
	t.mu.Unlock()
	select {
	case <-c:
	case <-time.After(2 * time.Second):
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.names[d], t.tails[d]
}

package check

import (
	"os"
	"os/exec"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// family are the processes that this one started. As first process of a container it inherits orphans too, which it has to reap
// without taking the exit codes of its own.
var family = &parents{own: map[int]bool{}}

type parents struct {
	mu  sync.Mutex
	own map[int]bool // pids for which an exec.Cmd waits
}

// start starts a command by f, usually its own Start.
func (p *parents) start(c *exec.Cmd, f func(*exec.Cmd) error) error {
	p.mu.Lock() // held until the pid is known: it may have ended by then
	defer p.mu.Unlock()
	if err := f(c); err != nil {
		return err
	}
	p.own[c.Process.Pid] = true
	return nil
}

// wait waits for a started command.
func (p *parents) wait(c *exec.Cmd) error {
	err := c.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.own, c.Process.Pid)
	return err
}

// first tells whether this is the first process of its container: all others are in its care then.
func first() bool { return os.Getpid() == 1 }

// reap buries the orphans that have ended.
func (p *parents) reap() {
	if !first() {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, pid := range others() {
		if st := statOf(pid); st.state == 'Z' && st.parent == 1 && !p.own[pid] {
			_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil) // ended and ours: nothing can fail
		}
	}
}

// end kills every process of the container but this one. It does nothing unless this is the container's first process: the
// others are not in its care then.
func (p *parents) end() {
	if !first() {
		return
	}
	// One that forks while it is being killed may leave a child behind; killed ones stay until they are reaped.
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		if unix.Kill(-1, unix.SIGKILL) == unix.ESRCH {
			return
		}
		p.reap()
		if !alive(others()) {
			return
		}
	}
}

func alive(pids []int) bool {
	for _, pid := range pids {
		if st := statOf(pid).state; st != 'Z' && st != 'X' && st != 0 {
			return true
		}
	}
	return false
}

// others are the processes here but this one.
func others() []int {
	d, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer d.Close()
	names, _ := d.Readdirnames(-1) // what could be read is better than nothing
	self := os.Getpid()
	var out []int
	for _, n := range names {
		if pid, err := strconv.Atoi(n); err == nil && pid != self {
			out = append(out, pid)
		}
	}
	return out
}

// below are the processes that a process and its children started.
func below(top int) map[int]stat {
	all, found := map[int]stat{}, map[int]stat{}
	for _, pid := range others() {
		all[pid] = statOf(pid)
	}
	for pid := range all {
		for at, hops := pid, 0; at > 0 && hops < 64; at, hops = all[at].parent, hops+1 {
			if all[at].parent == top {
				found[pid] = all[pid]
				break
			}
		}
	}
	return found
}

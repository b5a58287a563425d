package embedded

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Names of the environment by which a step's definition tells its limits.
const (
	processesVar = "LIGHTEN_LIMIT_PROCESSES"
	memoryVar    = "LIGHTEN_LIMIT_MEMORY"
)

// cgroups is where the kernel's control groups are.
const cgroups = "/sys/fs/cgroup"

// limits of a container; 0: none.
type limits struct {
	processes int
	memory    int64 // bytes
}

func (l limits) any() bool { return l.processes > 0 || l.memory > 0 }

// Limit is the environment of a step of lighten's own with which its container is limited.
func Limit(processes int, memory int64) map[string]string {
	out := map[string]string{}
	if processes > 0 {
		out[processesVar] = strconv.Itoa(processes)
	}
	if memory > 0 {
		out[memoryVar] = strconv.FormatInt(memory, 10)
	}
	return out
}

func limitsOf(env []string) (l limits) {
	for _, kv := range env {
		switch k, v, _ := strings.Cut(kv, "="); k {
		case processesVar:
			l.processes, _ = strconv.Atoi(v) // Limit wrote it
		case memoryVar:
			l.memory, _ = strconv.ParseInt(v, 10, 64)
		}
	}
	return l
}

// whenStarted returns a channel to be closed when container id has been started, which then is limited before started is closed. done is
// to be called when the container has ended.
func (l limits) whenStarted(id string, started chan<- struct{}) (ch chan<- struct{}, done func()) {
	own, over, end := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(end)
		<-own
		l.apply(cgroups, id, over)
		if started != nil {
			close(started)
		}
	}()
	return own, func() { close(over); <-end } // BuildKit closes the channel of every container, started or not
}

// The share of the processors that a limited container gets of what all containers have, ten times that of a build's: how long a program
// takes to start is to tell of the program, not of what else is built meanwhile. Versions 2 and 1 of cgroups count in other units.
const (
	cpuWeight = "1000"  // of 100
	cpuShares = "10240" // of 1024
)

// A setting is a limit in the words of either version of cgroups: file -> value.
type setting map[string]string

// write reports whether the kernel took one of them.
func (s setting) write(root string) bool {
	for file, value := range s {
		if f, err := os.OpenFile(filepath.Join(root, file), os.O_WRONLY|os.O_TRUNC, 0); err == nil {
			_, err = f.WriteString(value)
			if err = errors.Join(err, f.Close()); err == nil {
				return true
			}
		}
	}
	return false
}

func (l limits) settings(id string) []setting {
	// The path that containerd gives a container without a parent: its namespace, which is BuildKit's, and its id.
	in := "buildkit/" + id
	all := []setting{{in + "/cpu.weight": cpuWeight, "cpu/" + in + "/cpu.shares": cpuShares}}
	if l.processes > 0 {
		n := strconv.Itoa(l.processes)
		all = append(all, setting{in + "/pids.max": n, "pids/" + in + "/pids.max": n})
	}
	if l.memory > 0 { // swap is no way out: version 2 counts it alone, version 1 with the memory
		n := strconv.FormatInt(l.memory, 10)
		all = append(all, setting{in + "/memory.max": n, "memory/" + in + "/memory.limit_in_bytes": n},
			setting{in + "/memory.swap.max": "0", "memory/" + in + "/memory.memsw.limit_in_bytes": n})
	}
	return all
}

// The runtime makes a container's cgroups some time after it was started itself; a machine may not offer all of them.
const (
	applyTries = 200
	applyPause = 10 * time.Millisecond
)

// apply limits the container's cgroups below root as soon as they are there, unless it is over before. BuildKit has no words for the number of
// processes, and runc refuses to start a container with limits that the machine's cgroups do not offer: those are left to the supervisor
// inside.
func (l limits) apply(root, id string, over <-chan struct{}) {
	left := l.settings(id)
	for range applyTries {
		left = slices.DeleteFunc(left, func(s setting) bool { return s.write(root) })
		if len(left) == 0 {
			return
		}
		select {
		case <-over:
			return
		case <-time.After(applyPause):
		}
	}
}

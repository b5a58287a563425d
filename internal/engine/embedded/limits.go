package embedded

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
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

// whenStarted returns a channel to be closed when container id has started, which then is limited before started is closed. done is
// to be called when the container has ended.
func (l limits) whenStarted(id string, started chan<- struct{}) (ch chan<- struct{}, done func()) {
	own, end := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(end)
		<-own
		l.apply(id)
		if started != nil {
			close(started)
		}
	}()
	return own, func() { <-end } // BuildKit closes the channel of every container, started or not
}

// apply limits the container's cgroup. BuildKit has no words for the number of processes, and runc refuses to start a container with
// limits that the machine's cgroups do not offer: those are left to the supervisor inside.
func (l limits) apply(id string) {
	set := func(v int64, files ...string) {
		for _, f := range files {
			if v > 0 && os.WriteFile(filepath.Join(cgroups, f), []byte(strconv.FormatInt(v, 10)), 0) == nil {
				return
			}
		}
	}
	// The path that containerd gives a container without a parent: its namespace, which is BuildKit's, and its id.
	in := filepath.Join("buildkit", id)
	set(int64(l.processes), filepath.Join(in, "pids.max"), filepath.Join("pids", in, "pids.max"))
	set(l.memory, filepath.Join(in, "memory.max"), filepath.Join("memory", in, "memory.limit_in_bytes"))
	if l.memory > 0 { // swap is no way out: version 2 counts it alone, version 1 with the memory
		_ = os.WriteFile(filepath.Join(cgroups, in, "memory.swap.max"), []byte("0"), 0)
		set(l.memory, filepath.Join("memory", in, "memory.memsw.limit_in_bytes"))
	}
}

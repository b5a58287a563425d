package embedded

import (
	"slices"
	"strconv"
	"strings"
	"sync"
)

// offerVar is the variable by which a step of lighten's own tells which program of the host it runs.
const offerVar = "LIGHTEN_PROGRAM"

// offered are the programs that steps of lighten's own may have from the host. They are mounted, not copied into the engine: this binary
// has 50 MB, and every check runs it.
type offered struct {
	mu    sync.Mutex
	files []string
}

// Offer returns a variable for the environment of a step of lighten's own, which has the step find the host's file as
// bin/lighten in [trust.Dir]. The file must stay until the step has ended.
func (e *Engine) Offer(file string) (name, value string) {
	o := e.offered
	o.mu.Lock()
	defer o.mu.Unlock()
	i := slices.Index(o.files, file)
	if i < 0 {
		i = len(o.files)
		o.files = append(o.files, file)
	}
	return offerVar, strconv.Itoa(i)
}

// file is the one that a step's environment names; "": none.
func (o *offered) file(env []string) string {
	for _, kv := range env {
		v, ok := strings.CutPrefix(kv, offerVar+"=")
		if !ok {
			continue
		}
		o.mu.Lock()
		defer o.mu.Unlock()
		if i, err := strconv.Atoi(v); err == nil && i >= 0 && i < len(o.files) {
			return o.files[i]
		}
	}
	return ""
}

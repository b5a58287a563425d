package embedded

import (
	"os"
	"slices"

	"github.com/moby/buildkit/worker/base"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// knownWorker is BuildKit's worker, but for how it compresses layers and for what costs every run some 15 ms: every build asks
// which platforms it runs, and it starts a program of each of ten to see. That is only worth it where emulators are registered. Steps on a
// variant of the machine's own platform run whatever is answered here.
type knownWorker struct {
	*base.Worker
	watch Watch // of the layers that are made; may be nil
}

// Platforms implements worker.Worker.
func (w knownWorker) Platforms(try bool) []ocispecs.Platform {
	return w.Worker.Platforms(try && emulators(binfmt))
}

// binfmt is where the kernel shows what it starts for programs that it does not know itself.
const binfmt = "/proc/sys/fs/binfmt_misc"

// emulators tells whether anything is registered in dir. When that can't be read, something may be.
func emulators(dir string) bool {
	all, err := os.ReadDir(dir)
	if os.IsNotExist(err) {
		return false
	}
	return err != nil || slices.ContainsFunc(all, func(e os.DirEntry) bool { return e.Name() != "register" && e.Name() != "status" })
}

package embedded

import (
	"os"
	"slices"
	"sync"

	"github.com/containerd/containerd/v2/core/mount"
)

// BuildKit mounts views, steps' inputs and secrets in the process's temporary directory. Below the state directory a
// later run finds what a killed one left mounted there: on a shared /tmp a secret would stay readable.
var temps struct {
	sync.Mutex
	original string
	open     []string
}

func useTemp(dir string) error {
	temps.Lock()
	defer temps.Unlock()
	if len(temps.open) == 0 {
		temps.original = os.Getenv("TMPDIR")
	}
	if err := mount.SetTempMountLocation(dir); err != nil {
		return err
	}
	temps.open = append(temps.open, dir)
	return os.Setenv("TMPDIR", dir)
}

func leaveTemp(dir string) error {
	temps.Lock()
	defer temps.Unlock()
	if i := slices.Index(temps.open, dir); i >= 0 {
		temps.open = slices.Delete(temps.open, i, i+1)
	}
	if n := len(temps.open); n > 0 {
		_ = mount.SetTempMountLocation(temps.open[n-1])
		return os.Setenv("TMPDIR", temps.open[n-1])
	}
	if temps.original == "" {
		_ = mount.SetTempMountLocation(os.TempDir())
		return os.Unsetenv("TMPDIR")
	}
	_ = mount.SetTempMountLocation(temps.original)
	return os.Setenv("TMPDIR", temps.original)
}

package embedded

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/containerd/containerd/v2/core/mount"
	bkexec "github.com/moby/buildkit/executor"
	resourcestypes "github.com/moby/buildkit/executor/resources/types"
	"github.com/moby/buildkit/identity"
	"github.com/moby/sys/user"

	"github.com/lighten/lighten/internal/engine/trust"
)

// executor adds the certificate authority to steps at the last moment, after the solver has made its cache keys: a
// step's key, layer and history are the same with an authority and without one. Lighten's own steps it limits.
type executor struct {
	bkexec.Executor
	trust   string // host file with the bundle; "": none
	offered *offered
}

// newTrust writes the bundle where the runtime can mount it from.
func newTrust(state string, pem []byte) (string, error) {
	file := filepath.Join(state, "ca.pem")
	if len(pem) == 0 {
		if err := os.Remove(file); err != nil && !os.IsNotExist(err) {
			return "", err
		}
		return "", nil
	}
	if err := os.WriteFile(file, pem, 0o444); err != nil {
		return "", fmt.Errorf("writing the certificate authority for build steps: %w", err)
	}
	return file, nil
}

// Run implements the executor.
func (e *executor) Run(ctx context.Context, id string, root bkexec.Mount, mounts []bkexec.Mount, p bkexec.ProcessInfo, started chan<- struct{}) (resourcestypes.Recorder, error) {
	if e.trust != "" && !ours(mounts) {
		p.Meta.Env = trust.Env(p.Meta.Env)
		mounts = append(append([]bkexec.Mount(nil), mounts...), bkexec.Mount{Src: file{name: e.trust}, Dest: trust.File, Readonly: true})
	}
	if ours(mounts) {
		if name := e.offered.file(p.Meta.Env); name != "" {
			mounts = append(append([]bkexec.Mount(nil), mounts...), bkexec.Mount{Src: file{name, true}, Dest: trust.Dir + "bin/lighten", Readonly: true})
		}
	}
	if l := limitsOf(p.Meta.Env); l.any() && ours(mounts) {
		if id == "" {
			id = identity.NewID()
		}
		var done func()
		started, done = l.whenStarted(id, started)
		defer done()
	}
	return e.Executor.Run(ctx, id, root, mounts, p, started)
}

// ours tells lighten's own steps (checks), which must see the image's world and nothing more.
func ours(mounts []bkexec.Mount) bool {
	for _, m := range mounts {
		if strings.HasPrefix(m.Dest, trust.Dir) {
			return true
		}
	}
	return false
}

// file is one read-only file of the host as a mount.
type file struct {
	name string
	runs bool // it is a program
}

// Mount implements the executor's Mountable.
func (f file) Mount(context.Context, bool) (bkexec.MountableRef, error) { return fileRef(f), nil }

type fileRef file

// Mount says how the runtime is to mount the file.
func (f fileRef) Mount() ([]mount.Mount, func() error, error) {
	options := []string{"rbind", "ro", "nosuid", "nodev"}
	if !f.runs {
		options = append(options, "noexec")
	}
	return []mount.Mount{{Type: "bind", Source: f.name, Options: options}}, func() error { return nil }, nil
}

// IdentityMapping says that users are not remapped.
func (f fileRef) IdentityMapping() *user.IdentityMapping { return nil }

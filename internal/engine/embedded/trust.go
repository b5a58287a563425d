package embedded

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

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
	trust   func() ([]bkexec.Mount, error) // of the bundle in all its forms; nil: none
	offered *offered
}

// newTrust returns what writes the bundle, once a step needs it, where the runtime can mount it from; nil when there is none.
func newTrust(dir string, pem []byte) (func() ([]bkexec.Mount, error), error) {
	var mounts []bkexec.Mount
	for _, f := range trust.Forms {
		name := filepath.Join(dir, "ca"+filepath.Ext(f.Place))         // swept by that name
		if err := os.Remove(name); err != nil && !os.IsNotExist(err) { // an earlier run's: it cannot be written to
			return nil, err
		}
		mounts = append(mounts, bkexec.Mount{Src: file{name: name}, Dest: f.Place, Readonly: true})
	}
	if len(pem) == 0 {
		return nil, nil
	}
	return sync.OnceValues(func() ([]bkexec.Mount, error) {
		secrets, err := trust.Secrets(pem)
		for i := 0; i < len(mounts) && err == nil; i++ {
			err = os.WriteFile(mounts[i].Src.(file).name, secrets[trust.Forms[i].ID], 0o444)
		}
		if err != nil {
			return nil, fmt.Errorf("writing the certificate authority for build steps: %w", err)
		}
		return mounts, nil
	}), nil
}

// Run implements the executor.
func (e *executor) Run(ctx context.Context, id string, root bkexec.Mount, mounts []bkexec.Mount, p bkexec.ProcessInfo, started chan<- struct{}) (resourcestypes.Recorder, error) {
	if e.trust != nil && !ours(mounts) {
		bundle, err := e.trust()
		if err != nil {
			return nil, err
		}
		p.Meta.Env = trust.Env(p.Meta.Env)
		mounts = slices.Concat(mounts, bundle)
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

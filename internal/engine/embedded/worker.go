package embedded

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/containerd/containerd/v2/core/diff/apply"
	ctdmetadata "github.com/containerd/containerd/v2/core/metadata"
	ctdsnapshot "github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/containerd/v2/core/snapshots/storage"
	"github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/containerd/containerd/v2/plugins/diff/walking"
	"github.com/containerd/containerd/v2/plugins/snapshots/native"
	"github.com/containerd/containerd/v2/plugins/snapshots/overlay"
	"github.com/containerd/containerd/v2/plugins/snapshots/overlay/overlayutils"
	"github.com/containerd/platforms"
	"github.com/moby/buildkit/cache/metadata"
	"github.com/moby/buildkit/executor/oci"
	"github.com/moby/buildkit/executor/resources"
	"github.com/moby/buildkit/executor/runcexecutor"
	containerdsnapshot "github.com/moby/buildkit/snapshot/containerd"
	"github.com/moby/buildkit/solver/pb"
	"github.com/moby/buildkit/util/db/boltutil"
	"github.com/moby/buildkit/util/leaseutil"
	"github.com/moby/buildkit/util/network"
	"github.com/moby/buildkit/worker/base"
	wlabel "github.com/moby/buildkit/worker/label"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	bolt "go.etcd.io/bbolt"
	"golang.org/x/sys/unix"
)

// stores are what a worker keeps its state in.
type stores struct {
	dir       string // of the worker
	snapshots ctdsnapshot.Snapshotter
	overlay   *storage.MetaStore // of the snapshotter, when that is overlayfs
}

// workerOpt puts a worker together as BuildKit's runc.NewWorkerOpt does, but for two things that cost time in every run
// and that a daemon pays once: it makes no certificate authority (a 2048-bit RSA key, 50 to 300 ms) for the network mode
// that records a step's downloads, which no frontend here asks for, and its databases are not synced at every
// transaction (see [unsynced]).
func workerOpt(state, runtime string) (base.WorkerOpt, *stores, error) {
	name := snapshotterName(state)
	root := filepath.Join(state, "runc-"+name)
	if err := os.MkdirAll(root, 0o700); err != nil {
		return base.WorkerOpt{}, nil, err
	}
	host := network.NewHostProvider()
	net := map[pb.NetMode]network.Provider{pb.NetMode_UNSET: host, pb.NetMode_HOST: host, pb.NetMode_NONE: network.NewNoneProvider()}
	monitor, err := resources.NewMonitor()
	if err != nil {
		return base.WorkerOpt{}, nil, err
	}
	exe, err := runcexecutor.New(runcexecutor.Opt{
		Root: filepath.Join(root, "executor"), CommandCandidates: []string{runtime}, ProcessMode: oci.ProcessSandbox, ResourceMonitor: monitor,
	}, net)
	if err != nil {
		return base.WorkerOpt{}, nil, err
	}
	st := &stores{dir: root}
	if err := st.openSnapshots(name); err != nil {
		return base.WorkerOpt{}, nil, err
	}
	blobs, err := local.NewStore(filepath.Join(root, "content"))
	if err != nil {
		return base.WorkerOpt{}, nil, err
	}
	db, err := boltutil.Open(filepath.Join(root, "containerdmeta.db"), 0o644, &bolt.Options{NoSync: true, FreelistType: bolt.FreelistMapType, NoFreelistSync: true})
	if err != nil {
		return base.WorkerOpt{}, nil, err
	}
	mdb := ctdmetadata.NewDB(db, blobs, map[string]ctdsnapshot.Snapshotter{name: st.snapshots})
	if err := mdb.Init(context.Background()); err != nil {
		return base.WorkerOpt{}, nil, err
	}
	md, err := metadata.NewStore(filepath.Join(root, "metadata_v2.db"))
	if err != nil {
		return base.WorkerOpt{}, nil, err
	}
	// It takes no options, but a transaction knows its database.
	if err := md.DB().View(func(tx *bolt.Tx) error { tx.DB().NoSync = true; return nil }); err != nil {
		return base.WorkerOpt{}, nil, err
	}
	id, err := base.ID(root)
	if err != nil {
		return base.WorkerOpt{}, nil, err
	}
	hostname, err := os.Hostname()
	if err != nil {
		hostname = "unknown"
	}
	content := containerdsnapshot.NewContentStore(mdb.ContentStore(), "buildkit")
	return base.WorkerOpt{
		ID: id, Root: root,
		Labels: map[string]string{
			wlabel.Executor: "oci", wlabel.Snapshotter: name, wlabel.Hostname: hostname, wlabel.Network: "host",
			wlabel.OCIProcessMode: oci.ProcessSandbox.String(), wlabel.SELinuxEnabled: "false",
		},
		MetadataStore: md, ContentMetadata: db, NetworkProviders: net, Executor: exe,
		Snapshotter:  containerdsnapshot.NewSnapshotter(name, mdb.Snapshotter(name), "buildkit", nil),
		ContentStore: content, Applier: apply.NewFileSystemApplier(content), Differ: walking.NewWalkingDiff(content),
		Platforms:      []ocispecs.Platform{platforms.Normalize(platforms.DefaultSpec())},
		LeaseManager:   leaseutil.WithNamespace(ctdmetadata.NewLeaseManager(mdb), "buildkit"),
		GarbageCollect: mdb.GarbageCollect, MountPoolRoot: filepath.Join(root, "cachemounts"), ResourceMonitor: monitor,
	}, st, nil
}

// snapshotterName is overlayfs where the state's file system supports it, else native: plain copies, slow, but possible
// anywhere. Trying it waits until all of that file system is on the disk, as unmounting an overlay does: what worked is remembered until
// the machine, or the state, is another one.
func snapshotterName(state string) string {
	name, here := filepath.Join(state, "overlayfs"), ""
	var st unix.Stat_t
	if unix.Stat(state, &st) == nil {
		here = fmt.Sprintf("%s %d %d", bootID(), st.Dev, st.Ino)
	}
	if b, err := os.ReadFile(name); err == nil && here != "" && string(b) == here {
		return "overlayfs"
	}
	if overlayutils.Supported(state) != nil {
		return "native"
	}
	_ = os.WriteFile(name, []byte(here), 0o644) // else it is tried again
	return "overlayfs"
}

func (s *stores) openSnapshots(name string) (err error) {
	root := filepath.Join(s.dir, "snapshots")
	if name == "native" {
		s.snapshots, err = native.NewSnapshotter(root)
		return err
	}
	s.overlay, err = storage.NewMetaStore(filepath.Join(root, "metadata.db"), func(o *bolt.Options) error { o.NoSync = true; return nil })
	if err != nil {
		return err
	}
	s.snapshots, err = overlay.NewSnapshotter(root, overlay.AsynchronousRemove, overlay.WithMetaStore(s.overlay))
	return err
}

// close closes the snapshotter, which the worker leaves open: a second engine on the state would wait for its database
// for ever. The worker's other databases are synced when it closes them.
func (s *stores) close() error {
	if err := s.snapshots.Close(); err != nil || s.overlay == nil {
		return err
	}
	return syncFile(filepath.Join(s.dir, "snapshots", "metadata.db"))
}

// syncFile waits until a file is on the disk; one that is not there is nothing to wait for.
func syncFile(name string) error {
	f, err := os.Open(name)
	if os.IsNotExist(err) {
		return nil
	} else if err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		f.Close()
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return f.Close()
}

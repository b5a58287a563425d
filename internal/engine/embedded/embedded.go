// Package embedded runs a whole BuildKit (controller, solver, one OCI worker) inside this process.
//
// Its client is an ordinary BuildKit client over an in-memory connection: the rest of the program cannot tell it from
// one made for a daemon.
package embedded

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/containerd/containerd/v2/defaults"
	"github.com/moby/buildkit/cache/remotecache"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/control"
	"github.com/moby/buildkit/frontend"
	"github.com/moby/buildkit/frontend/gateway"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/solver"
	"github.com/moby/buildkit/solver/bboltcachestorage"
	"github.com/moby/buildkit/util/db/boltutil"
	"github.com/moby/buildkit/util/grpcerrors"
	"github.com/moby/buildkit/util/resolver"
	"github.com/moby/buildkit/worker"
	"github.com/moby/buildkit/worker/base"
	"github.com/sirupsen/logrus"
	bolt "go.etcd.io/bbolt"
	"go.opentelemetry.io/otel/metric/noop"
	"google.golang.org/grpc"
	"google.golang.org/grpc/test/bufconn"

	"github.com/lighten/lighten/internal/access"
)

// ErrNoRuntime says that no program was found that can start a container.
var ErrNoRuntime = errors.New("no container runtime (runc) found: run \"apt-get install runc\" (or your distribution's equivalent), or use the BuildKit of a local Docker with --engine docker")

// ErrNotRoot says that this process may not mount file systems.
var ErrNotRoot = errors.New("the embedded engine mounts file systems and starts containers, which needs root: run it with sudo, or use the BuildKit of a local Docker with --engine docker, or of a buildkitd with --engine unix://SOCKET")

// Options say how an engine is made.
type Options struct {
	State  string        // its directory, kept between runs
	Access access.Config // mirrors, certificate authority
	Watch  Watch         // sees the layers that are unpacked and made; nil: nobody does
	Warn   func(string)  // receives what the user should know; nil: dropped
}

// Engine is a running BuildKit.
type Engine struct {
	ctrl    *control.Controller
	srv     *grpc.Server
	lis     *bufconn.Listener
	session *sessions
	state   string
	worker  *base.Worker
	stores  *stores
	offered *offered
	content string
	temp    string
	cancel  context.CancelFunc
}

// New starts an engine on a state directory which the caller has locked and swept ([Sweep]).
func New(o Options) (*Engine, error) {
	if os.Geteuid() != 0 {
		return nil, ErrNotRoot
	}
	runtime, err := Runtime()
	if err != nil {
		return nil, err
	}
	quiet()
	lost, err := openState(o.State, bootID())
	if err != nil {
		return nil, err
	}
	if lost && o.Warn != nil {
		o.Warn("the machine went down during an earlier run: the cache it left may be damaged and is made anew")
	}
	temp := Scratch(o.State)
	if err := os.MkdirAll(temp, 0o700); err != nil {
		return nil, fmt.Errorf("preparing the engine's state: %w", err)
	}
	if err := useTemp(temp); err != nil {
		return nil, fmt.Errorf("preparing the engine's state: %w", err)
	}
	e, err := start(o, runtime)
	if err != nil {
		return nil, errors.Join(err, leaveTemp(temp))
	}
	e.temp = temp
	return e, nil
}

func start(o Options, runtime string) (*Engine, error) {
	ca, err := newTrust(Scratch(o.State), o.Access.CA)
	if err != nil {
		return nil, err
	}
	// Resolvers are cached per process by image name, hosts included: those of an engine closed earlier in this process
	// may be configured otherwise.
	resolver.DefaultPool.Clear()
	hosts := Hosts(o.Access)
	wo, st, err := workerOpt(o.State, runtime)
	if err != nil {
		return nil, fmt.Errorf("preparing the engine's state in %s: %w", o.State, err)
	}
	wo.RegistryHosts = hosts
	offers := &offered{}
	wo.Executor = &executor{Executor: wo.Executor, trust: ca, offered: offers}
	wo.Applier = &applier{wo.Applier, o.Watch}
	wo.GCPolicy = gcPolicy(o.State)
	w, err := base.NewWorker(context.Background(), wo)
	if err != nil {
		return nil, fmt.Errorf("starting the engine's worker: %w", err)
	}
	if opened.Swap(true) {
		forgetSums(wo.MetadataStore)
	}
	e := &Engine{state: o.State, worker: w, stores: st, offered: offers, content: filepath.Join(st.dir, "content", "blobs")}
	if err := e.serve(o.State, o.Watch); err != nil {
		return nil, errors.Join(err, w.Close(), st.close())
	}
	return e, nil
}

// Runtime is the container runtime's program; [ErrNoRuntime] when there is none.
func Runtime() (string, error) {
	for _, name := range []string{"buildkit-runc", "runc"} {
		if p, err := exec.LookPath(name); err == nil {
			return p, nil
		}
	}
	// sbin is not in everybody's PATH, but is where distributions put it.
	for _, p := range []string{"/usr/sbin/runc", "/usr/local/sbin/runc"} {
		if st, err := os.Stat(p); err == nil && st.Mode()&0o111 != 0 {
			return p, nil
		}
	}
	return "", ErrNoRuntime
}

// quiet keeps BuildKit's own log, meant for a daemon's journal, from mixing with the progress display.
func quiet() {
	if os.Getenv("LIGHTEN_DEBUG") == "" {
		logrus.SetLevel(logrus.PanicLevel)
	} else {
		logrus.SetLevel(logrus.DebugLevel)
	}
}

// serve starts the controller on an in-memory connection.
func (e *Engine) serve(state string, watch Watch) error {
	sm, err := session.NewManager()
	if err != nil {
		return err
	}
	wc := &worker.Controller{}
	if err := wc.Add(knownWorker{e.worker, watch}); err != nil {
		return err
	}
	gw, err := gateway.NewGatewayFrontend(wc.Infos(), nil)
	if err != nil {
		return err
	}
	cache, err := bboltcachestorage.NewStore(filepath.Join(state, "cache.db"))
	if err != nil {
		return fmt.Errorf("opening %s: %w", filepath.Join(state, "cache.db"), err)
	}
	hist, err := boltutil.SafeOpen(filepath.Join(state, "history.db"), 0o600, &bolt.Options{NoSync: true, FreelistType: bolt.FreelistMapType, NoFreelistSync: true})
	if err != nil {
		return fmt.Errorf("opening %s: %w", filepath.Join(state, "history.db"), err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	e.session = &sessions{ctx, sm}
	ctrl, err := control.NewController(control.Opt{
		SessionManager: sm, WorkerController: wc,
		Frontends:                 map[string]frontend.Frontend{"gateway.v0": gw},
		CacheManager:              solver.NewCacheManager(context.Background(), "local", cache, worker.NewCacheResultStorage(wc)),
		ResolveCacheExporterFuncs: map[string]remotecache.ResolveCacheExporterFunc{},
		ResolveCacheImporterFuncs: map[string]remotecache.ResolveCacheImporterFunc{},
		Entitlements:              []string{"network.host"},
		MeterProvider:             noop.NewMeterProvider(),
		HistoryDB:                 hist, CacheStore: cache, LeaseManager: e.worker.LeaseManager(),
		ContentStore: e.worker.ContentStore(), GarbageCollect: e.worker.GarbageCollect, GracefulStop: ctx.Done(),
	})
	if err != nil {
		cancel()
		return fmt.Errorf("starting the engine's controller: %w", err)
	}
	e.ctrl, e.cancel = ctrl, cancel
	// The interceptors carry typed errors (place in the Dockerfile, exit code) across the connection.
	e.srv = grpc.NewServer(grpc.MaxRecvMsgSize(defaults.DefaultMaxRecvMsgSize), grpc.MaxSendMsgSize(defaults.DefaultMaxSendMsgSize),
		grpc.UnaryInterceptor(grpcerrors.UnaryServerInterceptor), grpc.StreamInterceptor(grpcerrors.StreamServerInterceptor))
	ctrl.Register(e.srv)
	e.lis = bufconn.Listen(1 << 20)
	go func() { _ = e.srv.Serve(e.lis) }() // ends with Close
	return nil
}

// Serve answers on another listener as well, as a buildkitd would.
func (e *Engine) Serve(l net.Listener) error { return e.srv.Serve(l) }

// Content is the directory that holds the engine's blobs, as in an OCI layout: ALGORITHM/HEX.
func (e *Engine) Content() string { return e.content }

// Client is a BuildKit client of this engine.
func (e *Engine) Client(ctx context.Context) (*client.Client, error) {
	return client.New(ctx, "passthrough:///embedded", client.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
		return e.lis.DialContext(ctx)
	}), client.WithSessionDialer(e.session.dial))
}

// Close stops the engine and frees its state directory.
func (e *Engine) Close() error {
	e.cancel()
	done := make(chan struct{})
	go func() { e.srv.GracefulStop(); close(done) }()
	select {
	case <-done:
	case <-time.After(2 * time.Second):
		e.srv.Stop()
	}
	err := errors.Join(e.ctrl.Close(), e.stores.close())
	if err == nil {
		err = closeState(e.state)
	}
	_, rmErr := newTrust(e.temp, nil)
	return errors.Join(err, rmErr, leaveTemp(e.temp))
}

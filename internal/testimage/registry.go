package testimage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// blobs serves blobs from where they lie and takes pushed ones into a directory: no image is held in memory.
type blobs struct {
	read []string // blobs/ directories of layouts, read only
	dir  string   // pushed ones
}

func (b *blobs) find(h v1.Hash) (string, fs.FileInfo, error) {
	for _, d := range append([]string{b.dir}, b.read...) {
		p := filepath.Join(d, h.Algorithm, h.Hex)
		if fi, err := os.Stat(p); err == nil {
			return p, fi, nil
		} else if !errors.Is(err, fs.ErrNotExist) {
			return "", nil, err
		}
	}
	return "", nil, registry.ErrNotFound
}

// Stat trusts a blob's name: hashing a large layer at every HEAD, as the library's own handler does, costs seconds.
func (b *blobs) Stat(_ context.Context, _ string, h v1.Hash) (int64, error) {
	_, fi, err := b.find(h)
	if err != nil {
		return 0, err
	}
	return fi.Size(), nil
}

func (b *blobs) Get(_ context.Context, _ string, h v1.Hash) (io.ReadCloser, error) {
	p, _, err := b.find(h)
	if err != nil {
		return nil, err
	}
	return os.Open(p)
}

func (b *blobs) Put(_ context.Context, _ string, h v1.Hash, rc io.ReadCloser) error {
	defer rc.Close()
	f, err := os.CreateTemp(b.dir, "push-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone by then when all went well
	if _, err := io.Copy(f, rc); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Close(); err != nil {
		return err
	}
	p := filepath.Join(b.dir, h.Algorithm, h.Hex)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		return err
	}
	return os.Rename(f.Name(), p)
}

// Handler returns a registry that serves the base images of the given layouts straight from their blobs:
// docker.io/library/alpine:3.20 as library/alpine:3.20, gcr.io/distroless/cc:latest as distroless/cc:latest. What
// is pushed goes to the directory uploads.
func Handler(uploads string, layouts ...string) (http.Handler, error) {
	bases, err := Bases(layouts...)
	if err != nil {
		return nil, err
	}
	store := &blobs{dir: uploads}
	for _, l := range layouts {
		store.read = append(store.read, filepath.Join(l, "blobs"))
	}
	h := registry.New(registry.WithBlobHandler(store), registry.Logger(log.New(io.Discard, "", 0)))
	for _, b := range bases {
		manifest, err := os.ReadFile(filepath.Join(b.Layout, "blobs", b.Digest.Algorithm, b.Digest.Hex))
		if err != nil {
			return nil, fmt.Errorf("reading the manifest of %s: %w", b.Ref, err)
		}
		_, repo, tag := split(b.Ref)
		req := httptest.NewRequest(http.MethodPut, "/v2/"+repo+"/manifests/"+tag, bytes.NewReader(manifest))
		req.Header.Set("Content-Type", b.MediaType)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		if w.Code != http.StatusCreated {
			return nil, fmt.Errorf("adding %s to the loopback registry: %s", b.Ref, w.Body)
		}
	}
	return &uploader{next: h, store: store}, nil
}

// Server is a loopback registry.
type Server struct {
	Host string // "127.0.0.1:PORT"
	srv  *http.Server
	dir  string
}

// URL returns the address as a mirror is written in lighten's configuration.
func (s *Server) URL() string { return "http://" + s.Host }

// Close stops the registry and forgets what was pushed to it.
func (s *Server) Close() error { return errors.Join(s.srv.Close(), os.RemoveAll(s.dir)) }

// Listen starts a registry with the base images of the given layouts on a free loopback port. Each wrap may stand
// in front of it (see [Status], [CutBlobs]).
func Listen(layouts []string, wrap ...func(http.Handler) http.Handler) (*Server, error) {
	dir, err := os.MkdirTemp("", "lighten-registry-")
	if err != nil {
		return nil, err
	}
	h, err := Handler(dir, layouts...)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	for _, w := range wrap {
		h = w(h)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starting the loopback registry: %w", err), os.RemoveAll(dir))
	}
	s := &Server{Host: l.Addr().String(), dir: dir, srv: &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}}
	go s.srv.Serve(l) // ends with Close
	return s, nil
}

// Serve starts a registry of its own for one test, with the images of the given layouts.
func Serve(t testing.TB, layouts []string, wrap ...func(http.Handler) http.Handler) *Server {
	t.Helper()
	s, err := Listen(layouts, wrap...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("closing the loopback registry: %v", err)
		}
	})
	return s
}

// shared is the registry of all tests that run now.
var shared struct {
	sync.Mutex
	server *Server
	users  int
}

// Registry returns the URL of the loopback registry that holds this machine's base images, the mirror of docker.io
// and gcr.io in tests. Tests that run at the same time share one; it ends with the last of them.
func Registry(t testing.TB) string {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.users == 0 {
		s, err := listenShared()
		if err != nil {
			t.Fatal(err)
		}
		shared.server = s
	}
	shared.users++
	t.Cleanup(func() {
		shared.Lock()
		defer shared.Unlock()
		if shared.users--; shared.users > 0 {
			return
		}
		if err := shared.server.Close(); err != nil {
			t.Errorf("closing the loopback registry: %v", err)
		}
	})
	return shared.server.URL()
}

func listenShared() (*Server, error) {
	dirs, err := Layouts()
	if err != nil {
		return nil, err
	}
	if len(dirs) == 0 {
		return nil, errNoBases()
	}
	if _, err := ServeAlpine(); err != nil {
		return nil, err
	}
	return Listen(dirs)
}

package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/docker/cli/cli/config"
	bkbuild "github.com/moby/buildkit/cmd/buildctl/build"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/auth/authprovider"
	"github.com/moby/buildkit/session/filesync"
	"github.com/moby/buildkit/session/secrets/secretsprovider"
	"github.com/moby/buildkit/session/sshforward/sshprovider"
	"github.com/tonistiigi/fsutil"
	fstypes "github.com/tonistiigi/fsutil/types"
)

// dirs are the local directories of a session. They may be added while it runs: a check's binary and a service's own
// Dockerfile are known only then.
type dirs struct {
	mu   sync.RWMutex
	byID map[string]fsutil.FS
}

// LookupDir implements filesync.DirSource.
func (d *dirs) LookupDir(id string) (fsutil.FS, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	fs, ok := d.byID[id]
	return fs, ok
}

// add shares a directory and returns its name in the session, which is the same for the same kind and path in every
// run: it is the key under which the engine keeps what it has of the directory already.
func (d *dirs) add(kind, path string) (string, error) { return d.addAs(kind, path, path) }

// addAs is add for a directory that is known by something else than its path.
func (d *dirs) addAs(kind, key, path string) (string, error) {
	st, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("opening the %s: %w", kind, err)
	}
	if !st.IsDir() {
		return "", fmt.Errorf("opening the %s: %s is not a directory", kind, path)
	}
	fs, err := fsutil.NewFS(path)
	if err != nil {
		return "", fmt.Errorf("opening the %s %s: %w", kind, path, err)
	}
	return d.addFS(kind, key, fs), nil
}

func (d *dirs) addFS(kind, key string, fs fsutil.FS) string {
	sum := sha256.Sum256([]byte(key))
	id := kind + "-" + hex.EncodeToString(sum[:6])
	d.mu.Lock()
	defer d.mu.Unlock()
	d.byID[id] = fs
	return id
}

// attachables are what the engine may ask this process for during a build.
func (e *Engine) attachables(b *Build, d *dirs) ([]session.Attachable, error) {
	secrets, err := e.secrets(b.Secrets)
	if err != nil {
		return nil, err
	}
	out := []session.Attachable{filesync.NewFSSyncProvider(d, ownedByRoot), secrets, e.credentials()}
	if len(b.SSH) > 0 {
		confs, err := bkbuild.ParseSSH(b.SSH)
		if err != nil {
			return nil, fmt.Errorf("reading --ssh %s: %w", strings.Join(b.SSH, " "), err)
		}
		p, err := sshprovider.NewSSHAgentProvider(confs)
		if err != nil {
			return nil, fmt.Errorf("reaching the SSH agent: %w: start one (ssh-agent) and set SSH_AUTH_SOCK, or give --ssh ID=SOCKET", err)
		}
		out = append(out, p)
	}
	return out, nil
}

// ownedByRoot hides the user who happens to run the build, as docker build does.
func ownedByRoot(_ string, o *fsutil.FilterOpt) error {
	prev := o.Map
	o.Map = func(p string, st *fstypes.Stat) fsutil.MapResult {
		st.Uid, st.Gid = 0, 0
		if prev != nil {
			return prev(p, st)
		}
		return fsutil.MapResultKeep
	}
	return nil
}

// secrets holds the build's secrets and, for an engine elsewhere, the certificate authority.
func (e *Engine) secrets(specs []string) (session.Attachable, error) {
	var srcs []secretsprovider.Source
	for _, s := range specs {
		src, err := parseSecret(s)
		if err != nil {
			return nil, err
		}
		srcs = append(srcs, src)
	}
	store, err := secretsprovider.NewStore(srcs)
	if err != nil {
		return nil, fmt.Errorf("reading --secret %s: %w", strings.Join(specs, " "), err)
	}
	own, err := e.trustSecrets()
	if err != nil {
		return nil, err
	}
	return secretsprovider.NewSecretProvider(secretStore{own: own, next: store.GetSecret}), nil
}

type secretStore struct {
	own  map[string][]byte
	next func(context.Context, string) ([]byte, error)
}

// GetSecret implements secrets.SecretStore.
func (s secretStore) GetSecret(ctx context.Context, id string) ([]byte, error) {
	if v, ok := s.own[id]; ok {
		return v, nil
	}
	b, err := s.next(ctx, id)
	return b, err
}

// parseSecret reads id=ID[,src=FILE|,env=NAME][,type=file|env], as buildx does.
func parseSecret(s string) (secretsprovider.Source, error) {
	var src secretsprovider.Source
	kind := ""
	for _, f := range strings.Split(s, ",") {
		k, v, ok := strings.Cut(f, "=")
		if !ok {
			return src, fmt.Errorf("reading --secret %s: %q is not KEY=VALUE: give id=ID,src=FILE or id=ID,env=NAME", s, f)
		}
		switch strings.ToLower(k) {
		case "id":
			src.ID = v
		case "src", "source":
			src.FilePath = v
		case "env":
			src.Env = v
		case "type":
			kind = v
		default:
			return src, fmt.Errorf("reading --secret %s: unknown key %q: give id=ID,src=FILE or id=ID,env=NAME", s, k)
		}
	}
	switch {
	case src.ID == "":
		return src, fmt.Errorf("reading --secret %s: it has no id", s)
	case kind == "env" && src.Env == "":
		src.Env, src.FilePath = src.FilePath, ""
		if src.Env == "" {
			src.Env = src.ID
		}
	case kind != "" && kind != "env" && kind != "file":
		return src, fmt.Errorf("reading --secret %s: unknown type %q: give file or env", s, kind)
	}
	if src.Env != "" {
		if _, ok := os.LookupEnv(src.Env); !ok {
			return src, fmt.Errorf("reading --secret %s: the environment variable %s is not set", s, src.Env)
		}
	}
	return src, nil
}

// credentials are those of Docker's configuration and its credential helpers.
func (e *Engine) credentials() session.Attachable {
	cfg := config.LoadDefaultConfigFile(warnWriter(e.opts.Warn))
	return authprovider.NewDockerAuthProvider(authprovider.DockerAuthProviderConfig{AuthConfigProvider: authprovider.LoadAuthConfig(cfg)})
}

// warnWriter passes lines on as warnings.
type warnWriter func(string)

func (w warnWriter) Write(p []byte) (int, error) {
	if s := strings.TrimSpace(string(p)); s != "" {
		w(s)
	}
	return len(p), nil
}

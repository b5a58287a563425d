package bench

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lighten/lighten/internal/engine"
	"github.com/lighten/lighten/internal/testimage"
)

// buildkit is a buildkitd of the benchmark's own, of the release that lighten embeds.
type buildkit struct {
	*daemon
	ctl, addr, context string
}

// buildkitPrograms are buildkitd and buildctl, kept in bin/. BuildKit's own go.mod excludes versions, which `go install
// PACKAGE@VERSION` refuses: a module that requires it is made for them.
func buildkitPrograms(root string) (d, ctl string, err error) {
	bin := filepath.Join(root, "bin", "buildkit-"+engine.Version)
	d, ctl = filepath.Join(bin, "buildkitd"), filepath.Join(bin, "buildctl")
	if _, err := os.Stat(ctl); err == nil {
		return d, ctl, nil
	}
	dir, err := os.MkdirTemp("", "lighten-bench-")
	if err != nil {
		return "", "", err
	}
	defer os.RemoveAll(dir)
	const cmd = "github.com/moby/buildkit/cmd/"
	for _, args := range [][]string{
		{"mod", "init", "bench"},
		{"get", cmd + "buildkitd@" + engine.Version, cmd + "buildctl@" + engine.Version},
		{"build", "-trimpath", "-ldflags", "-s -w", "-o", bin + "/", cmd + "buildkitd", cmd + "buildctl"},
	} {
		c := exec.Command("go", args...)
		c.Dir, c.Env = dir, append(os.Environ(), "CGO_ENABLED=0")
		if out, err := c.CombinedOutput(); err != nil {
			return "", "", fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
		}
	}
	return d, ctl, nil
}

// startBuildkit starts buildkitd on the registry that lighten uses; nil when it cannot be made here. Its context is docker's.
func startBuildkit(b *testing.B, context string) *buildkit {
	b.Helper()
	root, err := testimage.Root()
	if err != nil {
		b.Fatal(err)
	}
	prog, ctl, err := buildkitPrograms(root)
	if err != nil {
		b.Log("no buildkitd here:", err)
		return nil
	}
	dir := benchDir(b)
	mirror, err := url.Parse(testimage.Registry(b))
	if err != nil {
		b.Fatal(err)
	}
	config := filepath.Join(dir, "buildkitd.toml")
	text := fmt.Sprintf("[registry.\"docker.io\"]\nmirrors = [%q]\n[registry.%q]\nhttp = true\n", mirror.Host, mirror.Host)
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		b.Fatal(err)
	}
	k := &buildkit{ctl: ctl, addr: "unix://" + filepath.Join(dir, "buildkitd.sock"), context: context}
	k.daemon = startDaemon(b, dir, prog, "--config", config, "--addr", k.addr, "--root", filepath.Join(dir, "data"),
		"--containerd-worker=false", "--oci-worker-net=host", "--oci-worker-binary=runc")
	k.await(b, 10*time.Second, ctl, "--addr", k.addr, "debug", "workers")
	return k
}

func (k *buildkit) clear(b *testing.B) {
	run(b, k.context, k.ctl, "--addr", k.addr, "prune", "--all")
}

// build makes an image of the result among buildkitd's blobs, as lighten and docker build do.
func (k *buildkit) build(b *testing.B) usage {
	b.Helper()
	return k.measure(b, func() usage {
		return run(b, k.context, k.ctl, "--addr", k.addr, "build", "--progress", "plain", "--frontend", "dockerfile.v0",
			"--local", "context=.", "--local", "dockerfile=.", "--output", "type=image,name=bench")
	})
}

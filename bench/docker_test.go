package bench

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lighten/lighten/internal/testimage"
)

// docker is a dockerd of the benchmark's own.
type docker struct {
	*daemon
	host, context string
}

// startDocker starts dockerd with its own data and socket, on the registry that lighten uses; nil when it is not installed.
func startDocker(b *testing.B, context string) *docker {
	b.Helper()
	if _, err := exec.LookPath("dockerd"); err != nil {
		b.Log("no dockerd here: only lighten is measured")
		return nil
	}
	dir := benchDir(b)
	d := &docker{host: "unix://" + filepath.Join(dir, "docker.sock"), context: context}
	config := filepath.Join(dir, "daemon.json")
	writeJSON(b, config, map[string]any{"registry-mirrors": []string{testimage.Registry(b)}, "features": map[string]bool{"buildkit": true}})
	b.Cleanup(func() { _ = unix.Unmount(filepath.Join(dir, "exec", "netns", "default"), unix.MNT_DETACH) }) // dockerd leaves it behind
	d.daemon = startDaemon(b, dir, "dockerd", "--config-file", config, "--host", d.host, "--data-root", filepath.Join(dir, "data"),
		"--exec-root", filepath.Join(dir, "exec"), "--pidfile", filepath.Join(dir, "pid"), "--bridge=none", "--iptables=false")
	d.await(b, 10*time.Second, "docker", "--host", d.host, "version")
	return d
}

// fixture is a copy of the Flask service, with the certificates that pip needs here: the peers have no way to hand them in.
func fixture(b *testing.B) string {
	b.Helper()
	root, err := testimage.Root()
	if err != nil {
		b.Fatal(err)
	}
	dir := filepath.Join(b.TempDir(), "context")
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(root, "examples", "flask"))); err != nil {
		b.Fatal(err)
	}
	ca := testimage.Access(b).CA
	if len(ca) == 0 {
		return dir
	}
	file := filepath.Join(dir, "Dockerfile")
	src, err := os.ReadFile(file)
	if err != nil {
		b.Fatal(err)
	}
	src = append([]byte("FROM python:3.11\nCOPY ca.pem /ca.pem\nENV PIP_CERT=/ca.pem\n"), src[len("FROM python:3.11\n"):]...)
	for name, dt := range map[string][]byte{file: src, filepath.Join(dir, "ca.pem"): ca} {
		if err := os.WriteFile(name, dt, 0o644); err != nil {
			b.Fatal(err)
		}
	}
	return dir
}

// clear removes images and cache, so that the next build is cold.
func (d *docker) clear(b *testing.B) {
	run(b, d.context, "docker", "--host", d.host, "system", "prune", "--all", "--force")
	run(b, d.context, "docker", "--host", d.host, "builder", "prune", "--all", "--force")
}

func (d *docker) build(b *testing.B) usage {
	b.Helper()
	return d.measure(b, func() usage {
		return run(b, d.context, "docker", "--host", d.host, "build", "--network", "host", "--quiet", "--tag", "bench", ".")
	})
}

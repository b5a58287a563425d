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
	host, context string
}

// startDocker starts dockerd with its own data and socket, on the registry that lighten uses; nil when it is not installed.
func startDocker(b *testing.B) *docker {
	b.Helper()
	if _, err := exec.LookPath("dockerd"); err != nil {
		b.Log("no dockerd here: only lighten is measured")
		return nil
	}
	dir, err := os.MkdirTemp("/var/tmp", "lighten-bench-") // not on a tmpfs, as lighten's state is not
	if err != nil {
		b.Fatal(err)
	}
	d := &docker{host: "unix://" + filepath.Join(dir, "docker.sock"), context: filepath.Join(dir, "context")}
	config := filepath.Join(dir, "daemon.json")
	writeJSON(b, config, map[string]any{"registry-mirrors": []string{testimage.Registry(b)}, "features": map[string]bool{"buildkit": true}})
	cmd := exec.Command("dockerd", "--config-file", config, "--host", d.host, "--data-root", filepath.Join(dir, "data"),
		"--exec-root", filepath.Join(dir, "exec"), "--pidfile", filepath.Join(dir, "pid"), "--bridge=none", "--iptables=false")
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		b.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait() // it was told to end
		log.Close()
		_ = unix.Unmount(filepath.Join(dir, "exec", "netns", "default"), unix.MNT_DETACH) // dockerd leaves it behind
		if err := os.RemoveAll(dir); err != nil {
			b.Error(err)
		}
	})
	for n := 0; exec.Command("docker", "--host", d.host, "version").Run() != nil; n++ {
		if n == 100 {
			out, _ := os.ReadFile(log.Name())
			b.Fatalf("dockerd does not answer:\n%s", out)
		}
		time.Sleep(100 * time.Millisecond)
	}
	d.prepare(b)
	return d
}

// prepare copies the Flask service, with the certificates that pip needs here: docker build has no way to hand them in.
func (d *docker) prepare(b *testing.B) {
	b.Helper()
	root, err := testimage.Root()
	if err != nil {
		b.Fatal(err)
	}
	if err := os.CopyFS(d.context, os.DirFS(filepath.Join(root, "examples", "flask"))); err != nil {
		b.Fatal(err)
	}
	ca := testimage.Access(b).CA
	if len(ca) == 0 {
		return
	}
	file := filepath.Join(d.context, "Dockerfile")
	src, err := os.ReadFile(file)
	if err != nil {
		b.Fatal(err)
	}
	src = append([]byte("FROM python:3.11\nCOPY ca.pem /ca.pem\nENV PIP_CERT=/ca.pem\n"), src[len("FROM python:3.11\n"):]...)
	for name, dt := range map[string][]byte{file: src, filepath.Join(d.context, "ca.pem"): ca} {
		if err := os.WriteFile(name, dt, 0o644); err != nil {
			b.Fatal(err)
		}
	}
}

// clear removes images and cache, so that the next build is cold.
func (d *docker) clear(b *testing.B) {
	run(b, d.context, "docker", "--host", d.host, "system", "prune", "--all", "--force")
	run(b, d.context, "docker", "--host", d.host, "builder", "prune", "--all", "--force")
}

func (d *docker) build(b *testing.B) usage {
	b.Helper()
	return run(b, d.context, "docker", "--host", d.host, "build", "--network", "host", "--quiet", "--tag", "bench", ".")
}

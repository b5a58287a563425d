package image_test

import (
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/testimage"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// An image goes into podman by its service and comes back.
func TestPodman(t *testing.T) {
	testimage.Need(t, "root", "podman")
	dir := t.TempDir()
	socket := "unix://" + filepath.Join(dir, "podman.sock")
	service := exec.Command("podman", "--root", filepath.Join(dir, "root"), "--runroot", filepath.Join(dir, "run"), "--storage-driver", "vfs", "system", "service", "--time", "60", socket)
	if err := service.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = service.Process.Kill()
		_ = service.Wait() // it was killed
	}()
	t.Setenv("CONTAINER_HOST", socket)
	img := testimage.Image(t, v1.Config{}, testimage.Tree{"/a": "file 0644 12345"}, testimage.Tree{"/b": "file 0600 1"})
	var err error
	for range 100 { // until the service listens
		if err = image.Write(t.Context(), img, "podman:lighten-test/podman:1", image.WriteOptions{}); err == nil {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if err != nil {
		t.Fatal(err)
	}
	back := mustOpen(t, "podman:lighten-test/podman:1", image.Options{})
	tree := readTree(t, back)
	if e := tree.Get("/b"); len(tree.Layers) != 2 || e == nil || e.Size != 1 || tree.Get("/a").Size != 5 {
		t.Errorf("%d layers, /b is %+v", len(tree.Layers), e)
	}
}

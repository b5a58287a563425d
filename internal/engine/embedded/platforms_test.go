package embedded

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/containerd/platforms"
	"github.com/moby/buildkit/worker/base"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

func TestEmulators(t *testing.T) {
	for name, c := range map[string]struct {
		files []string
		want  bool
	}{
		"nothing is registered": {[]string{"register", "status"}, false},
		"not mounted":           {nil, false},
		"an emulator":           {[]string{"register", "status", "qemu-aarch64"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for _, f := range c.files {
				if err := os.WriteFile(filepath.Join(dir, f), nil, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if got := emulators(dir); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
	if emulators(filepath.Join(t.TempDir(), "absent")) {
		t.Error("there is no such directory, and yet an emulator in it")
	}
}

// Without an emulator nothing is tried: trying would find variants of the machine's own platform at least.
func TestPlatforms(t *testing.T) {
	if emulators(binfmt) {
		t.Skip("an emulator is registered")
	}
	own := platforms.DefaultSpec()
	w := knownWorker{&base.Worker{WorkerOpt: base.WorkerOpt{Platforms: []ocispecs.Platform{own}}}, nil}
	if got := w.Platforms(true); len(got) != 1 || platforms.Format(got[0]) != platforms.Format(own) {
		t.Errorf("got %v, want %v alone", got, own)
	}
}

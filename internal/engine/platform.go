package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/containerd/platforms"
)

// binfmtDir is where the kernel tells which emulators are registered.
const binfmtDir = "/proc/sys/fs/binfmt_misc"

// qemuNames are QEMU's names of Go's architectures, where they differ.
var qemuNames = map[string]string{"arm64": "aarch64", "386": "i386", "amd64": "x86_64", "loong64": "loongarch64", "mips64le": "mips64el", "ppc64le": "ppc64le", "riscv64": "riscv64", "s390x": "s390x", "arm": "arm"}

// CheckPlatform refuses a platform, OS/ARCH[/VARIANT], whose programs this machine can't run, before anything is fetched for it. What another
// machine's engine can run is not known here.
func (e *Engine) CheckPlatform(s string) error {
	if strings.Contains(s, ",") {
		return fmt.Errorf("reading the platform %q: give one platform", s)
	}
	want, err := platforms.Parse(s)
	if err != nil {
		return fmt.Errorf("reading the platform %q: %w", s, err)
	}
	if e.inner == nil {
		return nil // the engine's machine knows, this one does not
	}
	if platforms.Default().Match(want) {
		return nil
	}
	here := platforms.Format(platforms.Normalize(platforms.DefaultSpec()))
	if want.OS != "linux" {
		return fmt.Errorf("running %s: this engine runs linux only", s)
	}
	if emulated(want.Architecture) {
		return nil
	}
	return fmt.Errorf("running %s on a %s machine: no emulator is registered in %s: install one (apt-get install qemu-user-static binfmt-support), or use the engine of such a machine with --engine tcp://HOST:PORT", s, here, binfmtDir)
}

// emulated looks for an enabled entry named after the architecture, as QEMU's packages register them.
func emulated(arch string) bool {
	names := []string{arch}
	if n, ok := qemuNames[arch]; ok {
		names = append(names, n)
	}
	for _, n := range names {
		b, err := os.ReadFile(filepath.Join(binfmtDir, "qemu-"+n))
		if err == nil && strings.HasPrefix(string(b), "enabled") {
			return true
		}
	}
	return false
}

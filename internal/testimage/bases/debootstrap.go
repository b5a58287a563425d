package bases

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

const debianMirror = "http://deb.debian.org/debian"

// slimmed is what the official slim image leaves out
// (https://github.com/debuerreotype/debuerreotype, scripts/.slimify-excludes); copyright files stay.
const slimmed = `path-exclude /usr/share/doc/*
path-include /usr/share/doc/*/copyright
path-exclude /usr/share/groff/*
path-exclude /usr/share/info/*
path-exclude /usr/share/linda/*
path-exclude /usr/share/lintian/*
path-exclude /usr/share/locale/*
path-exclude /usr/share/man/*
`

// configured are the files that the official image adds to what debootstrap leaves
// (debuerreotype, scripts/debuerreotype-minimizing-config).
var configured = map[string]string{
	"etc/dpkg/dpkg.cfg.d/docker":                    slimmed,
	"etc/dpkg/dpkg.cfg.d/docker-apt-speedup":        "force-unsafe-io\n",
	"etc/apt/apt.conf.d/docker-no-languages":        "Acquire::Languages \"none\";\n",
	"etc/apt/apt.conf.d/docker-gzip-indexes":        "Acquire::GzipIndexes \"true\";\n",
	"etc/apt/apt.conf.d/docker-autoremove-suggests": "Apt::AutoRemove::SuggestsImportant \"false\";\n",
	"etc/apt/apt.conf.d/docker-clean": "DPkg::Post-Invoke { \"rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb /var/cache/apt/*.bin || true\"; };\n" +
		"Dir::Cache::pkgcache \"\";\nDir::Cache::srcpkgcache \"\";\n",
	"usr/sbin/policy-rc.d": "#!/bin/sh\nexit 101\n",
	"etc/apt/sources.list.d/debian.sources": `Types: deb
URIs: ` + debianMirror + `
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://deb.debian.org/debian-security
Suites: bookworm-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
`,
}

// emptied are directories whose content is the machine's or the download's, not the image's.
var emptied = []string{"dev", "proc", "sys", "run", "tmp", "var/cache/apt", "var/lib/apt/lists", "var/log", "var/cache/ldconfig", "var/cache/debconf"}

// debootstrapRecipe stands in recipe digests for what this file does.
const debootstrapRecipe = "debootstrap minbase bookworm, slimmed, 1\n" + slimmed

// debootstrap makes debian:bookworm-slim on the host. work is a directory for its use, on a file system that knows owners.
func debootstrap(ctx context.Context, work string) (v1.Image, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("running debootstrap: not root")
	}
	if _, err := exec.LookPath("debootstrap"); err != nil {
		return nil, fmt.Errorf("running debootstrap: %w (apt-get install debootstrap)", err)
	}
	root := filepath.Join(work, "root")
	if err := run(ctx, "debootstrap", "--variant=minbase", "bookworm", root, debianMirror); err != nil {
		return nil, err
	}
	if err := slim(root); err != nil {
		return nil, fmt.Errorf("slimming the Debian root: %w", err)
	}
	archive := filepath.Join(work, "root.tar")
	err := run(ctx, "tar", "--create", "--file", archive, "--directory", root, "--sort=name", "--numeric-owner", "--xattrs",
		"--xattrs-include=security.capability", "--mtime=@1735689600", "--pax-option=delete=atime,delete=ctime", "--format=pax", ".")
	if err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromFile(archive, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, fmt.Errorf("making the layer of the Debian root: %w", err)
	}
	img, err := mutate.Append(mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON),
		mutate.Addendum{Layer: layer, History: v1.History{CreatedBy: "debootstrap --variant=minbase bookworm", Comment: "slimmed as the official image is"}})
	if err != nil {
		return nil, err
	}
	cf, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	cf = cf.DeepCopy()
	cf.OS, cf.Architecture, cf.Config = "linux", "amd64", v1.Config{
		Env: []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}, Cmd: []string{"bash"},
	}
	return mutate.ConfigFile(img, cf)
}

func run(ctx context.Context, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	tail := &tailWriter{max: 2000}
	cmd.Stdout, cmd.Stderr = tail, tail
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("running %s: %w: %s", name, err, tail.text)
	}
	return nil
}

// tailWriter keeps the last bytes of what is written to it, for error messages.
type tailWriter struct {
	text []byte
	max  int
}

func (w *tailWriter) Write(p []byte) (int, error) {
	w.text = append(w.text, p...)
	if over := len(w.text) - w.max; over > 0 {
		w.text = append([]byte(nil), w.text[over:]...)
	}
	return len(p), nil
}

// slim makes of debootstrap's root what the official slim image holds.
func slim(root string) error {
	for name, content := range configured {
		p := filepath.Join(root, name)
		mode := os.FileMode(0o644)
		if filepath.Base(name) == "policy-rc.d" {
			mode = 0o755
		}
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(p, []byte(content), mode); err != nil {
			return err
		}
	}
	if err := os.Remove(filepath.Join(root, "etc/apt/sources.list")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for _, dir := range append([]string{"usr/share/groff", "usr/share/info", "usr/share/lintian", "usr/share/locale", "usr/share/man"}, emptied...) {
		if err := empties(filepath.Join(root, dir)); err != nil {
			return err
		}
	}
	for _, f := range []string{"etc/hostname", "etc/resolv.conf", "etc/machine-id", "etc/.pwd.lock"} {
		if err := os.Remove(filepath.Join(root, f)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return onlyCopyright(filepath.Join(root, "usr/share/doc"))
}

func empties(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

func onlyCopyright(doc string) error {
	return filepath.WalkDir(doc, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "copyright" {
			return err
		}
		return os.Remove(path)
	})
}

package ladder

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/lighten/lighten/internal/closure"
	"github.com/lighten/lighten/internal/dockerfile/rewrite"
	"github.com/lighten/lighten/internal/engine"
	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/inventory"
	"github.com/lighten/lighten/internal/stack"
)

// wheelRecord is where pip notes for which platform a distribution was built.
const wheelRecord = ".dist-info/WHEEL"

func wanted(p string, size int64) bool {
	return inventory.Want(p, size) || strings.HasSuffix(p, wheelRecord) || slices.Contains([]string{"/usr/lib/os-release", "/etc/passwd"}, p)
}

const wantedName = inventory.KeepName + "+evidence2"

var codename = regexp.MustCompile(`(?m)^VERSION_CODENAME=(\w+)`)

// evidence is what the built original tells the strategies.
func (c *climb) evidence(ctx context.Context, r *rung) (rewrite.Evidence, error) {
	e := rewrite.Evidence{Built: true, Env: r.tree.Config.Config.Env, IDs: ids(r.tree)}
	if b, ok := r.tree.Content("/usr/lib/os-release"); ok {
		if m := codename.FindSubmatch(b); m != nil {
			e.Codename = string(m[1])
		}
	}
	native := c.dists(ctx, r, &e)
	c.libraries(r, native, &e)
	if len(e.Libraries) == 0 {
		return e, nil
	}
	if base, ok := rewrite.SlimBase(r.Base); ok {
		have, err := c.packagesOf(ctx, base)
		if err != nil {
			return e, err
		}
		e.Slim = without(e.Libraries, have)
	}
	if strings.Contains(r.Base, "alpine") { // of whose libraries none is in Debian
		return e, nil
	}
	have, err := c.packagesOf(ctx, rewrite.DistrolessPython)
	e.Distroless = without(e.Libraries, have)
	return e, err
}

// ids are the numbers of the image's users.
func ids(t *image.Tree) map[string]string {
	out := map[string]string{}
	b, _ := t.Content("/etc/passwd")
	for l := range strings.Lines(string(b)) {
		if f := strings.Split(l, ":"); len(f) > 3 {
			out[f[0]] = f[2]
		}
	}
	return out
}

// dists finds the installed distributions and returns the compiled modules.
func (c *climb) dists(ctx context.Context, r *rung, e *rewrite.Evidence) (native []string) {
	owners, compiled, added := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for x := range r.tree.All() {
		p, owned := r.owners.Owner(x.Path)
		if x.ELF != nil && closure.Dependency(x.Path) && x.Layer >= r.base {
			native = append(native, x.Path)
			owners[p.Name] = true // of "" when nobody owns it
		}
		if owned && p.Ecosystem == inventory.PyPI && x.Layer >= r.base {
			added[p.Name] = true
			if dir, name := path.Split(x.Path); path.Base(dir) == "bin" { // of the image's Python, or of an environment
				e.Scripts = append(e.Scripts, name)
			}
		}
		if owned && strings.HasSuffix(x.Path, wheelRecord) {
			if b, ok := r.tree.Content(x.Path); ok && bytes.Contains(b, []byte("-linux_")) {
				compiled[p.Name] = true
			}
		}
	}
	transport, index := c.access.Transport(), stack.Index() // of all questions: connections are used again
	hashes := stack.Hashes(os.DirFS(c.Dir))
	on := stack.Target{Family: "musllinux", Python: e.Python(), Arch: r.tree.Config.Architecture}
	for _, p := range r.owners.Packages() {
		if p.Ecosystem != inventory.PyPI || !added[p.Name] { // what the base image has is no dependency of the program
			continue
		}
		d := rewrite.Dist{Name: p.Name, Version: p.Version, Native: owners[p.Name], Compiled: compiled[p.Name]}
		if d.Native && !d.Compiled {
			// an index that cannot be asked leaves it to the build to find out
			w, err := stack.HasWheel(ctx, transport, index, d.Name, d.Version, on, hashes)
			d.NoMusl = err == nil && w == stack.WheelsNone
			d.OtherHash = err == nil && w == stack.WheelsForbidden
		}
		e.Dists = append(e.Dists, d)
	}
	slices.Sort(e.Scripts)
	return native
}

// libraries finds the packages whose libraries the native modules load.
func (c *climb) libraries(r *rung, native []string, e *rewrite.Evidence) {
	found, _ := closure.Libraries(r.tree, native) // what the original lacks too is no loss
	for _, at := range found {
		x := r.tree.Resolve(at)
		if x == nil || closure.Dependency(x.Path) || strings.HasPrefix(x.Path, "/usr/local/lib/libpython") {
			continue
		}
		if p, ok := r.owners.Owner(x.Path); ok && (p.Ecosystem == inventory.Deb || p.Ecosystem == inventory.APK) {
			e.Libraries = append(e.Libraries, p.Name)
		} else if !ok {
			e.Unowned = append(e.Unowned, x.Path)
		}
	}
	slices.Sort(e.Libraries)
	e.Libraries = slices.Compact(e.Libraries)
	slices.Sort(e.Unowned)
	e.Unowned = slices.Compact(e.Unowned)
}

func without(all, have []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return slices.Contains(have, s) })
}

// packagesOf lists the Debian or Alpine packages of a base image, without exporting it. A
// base that cannot be had has none: its candidate says so when it is built.
func (c *climb) packagesOf(ctx context.Context, ref string) ([]string, error) {
	var out []string
	err := c.o.Engine.Use(ctx, ref, c.o.Build.Platform, c.o.Build.Progress, func(ctx context.Context, b *engine.Built) error {
		for _, db := range []struct{ path, name string }{{"/var/lib/dpkg/status", "Package: "}, {"/lib/apk/db/installed", "P:"}} {
			status, err := b.ReadFile(ctx, db.path)
			for l := range strings.Lines(string(status)) {
				if n, ok := strings.CutPrefix(l, db.name); ok {
					out = append(out, strings.TrimSpace(n))
				}
			}
			if !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		names, err := b.ReadDir(ctx, "/var/lib/dpkg/status.d")
		for _, n := range names {
			out = append(out, strings.TrimSuffix(path.Base(n), ".md5sums"))
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	var be *engine.BuildError
	if errors.As(err, &be) && ctx.Err() == nil {
		return nil, nil
	}
	return out, err
}

package vuln

import (
	"archive/zip"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/lighten/lighten/internal/inventory"
)

// maxEntry is the size of the largest record read, in bytes. That of the Linux kernel's busiest has some MB.
const maxEntry = 64 << 20

// Packages are those of one image.
type Packages struct {
	Distro   inventory.Distro
	Packages []inventory.Package
}

// Find returns for each image the vulnerabilities of its packages that the export at name knows, sorted by ID and package, each once. Name is a
// directory, of which all files below that end with .json are read, or a zip file. The export is read once, as a stream.
func Find(ctx context.Context, name string, images []Packages) ([][]Vulnerability, error) {
	w := wanted{}
	for _, i := range images {
		for _, p := range i.Packages {
			w.add(p, i.Distro)
		}
	}
	all, err := read(ctx, name, w)
	if err != nil {
		return nil, fmt.Errorf("reading the vulnerability database %s: %w", name, err)
	}
	byPackage := map[[4]string][]Vulnerability{}
	for _, f := range all {
		k := [4]string{f.ecosystem, f.Ecosystem, f.Package, f.Version}
		byPackage[k] = append(byPackage[k], f.Vulnerability)
	}
	out := make([][]Vulnerability, len(images))
	for n, i := range images {
		out[n] = []Vulnerability{}
		for _, p := range i.Packages {
			out[n] = append(out[n], byPackage[[4]string{nameOf(i.Distro, p), p.Ecosystem, p.Name, p.Version}]...)
		}
		out[n] = once(out[n])
	}
	return out, nil
}

// once sorts, and joins what several records say of the same vulnerability of a package.
func once(all []Vulnerability) []Vulnerability {
	slices.SortFunc(all, func(a, b Vulnerability) int {
		return cmp.Or(strings.Compare(a.ID, b.ID), strings.Compare(a.Ecosystem, b.Ecosystem), strings.Compare(a.Package, b.Package), strings.Compare(a.Version, b.Version),
			strings.Compare(b.Fixed, a.Fixed), strings.Compare(b.Severity, a.Severity), slices.Compare(a.Aliases, b.Aliases))
	})
	return slices.CompactFunc(all, func(a, b Vulnerability) bool {
		return a.ID == b.ID && a.Ecosystem == b.Ecosystem && a.Package == b.Package && a.Version == b.Version
	})
}

// read matches every record of an export, several at a time.
func read(ctx context.Context, name string, w wanted) ([]found, error) {
	files, closeAll, err := open(name)
	if err != nil {
		return nil, err
	}
	defer closeAll()
	var mu sync.Mutex
	var all []found
	g, ctx := errgroup.WithContext(ctx)
	work := make(chan string)
	g.Go(func() error {
		defer close(work)
		return fs.WalkDir(files, ".", func(p string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || path.Ext(p) != ".json" {
				return err
			}
			select {
			case work <- p:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	})
	for range runtime.GOMAXPROCS(0) {
		g.Go(func() error {
			for p := range work {
				f, err := matchFile(files, p, w)
				if err != nil {
					return fmt.Errorf("%s: %w", p, err)
				}
				mu.Lock()
				all = append(all, f...)
				mu.Unlock()
			}
			return nil
		})
	}
	return all, g.Wait()
}

func open(name string) (fs.FS, func(), error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, nil, err
	}
	if info.IsDir() {
		return os.DirFS(name), func() {}, nil
	}
	z, err := zip.OpenReader(name)
	if errors.Is(err, zip.ErrFormat) {
		return nil, nil, errors.New("neither a directory nor a zip file: it is an export of OSV, such as https://osv-vulnerabilities.storage.googleapis.com/Debian/all.zip")
	}
	if err != nil {
		return nil, nil, err
	}
	return z, func() { z.Close() }, nil
}

func matchFile(files fs.FS, p string, w wanted) ([]found, error) {
	f, err := files.Open(p)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxEntry+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxEntry {
		return nil, fmt.Errorf("a record of more than %d MiB", maxEntry>>20)
	}
	return w.match(b)
}

package inventory

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	rpmdb "github.com/anchore/go-rpmdb/pkg"

	"github.com/lighten/lighten/internal/image"
)

// isRPM tells rpm's database, which has a file for each of its three forms: Berkeley DB (to 2020), SQLite and ndb (SUSE).
func isRPM(dir, base string) bool {
	switch dir {
	case "/var/lib/rpm/", "/usr/lib/sysimage/rpm/", "/usr/share/rpm/":
		return base == "Packages" || base == "rpmdb.sqlite" || base == "Packages.db"
	}
	return false
}

// maxRPM is the size of the largest rpm database read, in bytes. One of 600 packages has 30 MB. What its headers say takes
// several times its size in memory at worst.
const maxRPM = 256 << 20

// examineRPM reads rpm's database.
func examineRPM(r io.ReaderAt, size int64) []string {
	all, err := readRPM(r, size)
	if err != nil {
		return []string{factFault + err.Error()}
	}
	return encode(all)
}

// readRPM puts a database where the library can open it, makes sure that it is sound, and reads its packages.
func readRPM(r io.ReaderAt, size int64) (all []record, err error) {
	if size > maxRPM {
		return nil, fmt.Errorf("the rpm database has %d MiB; %d are read", size>>20, maxRPM>>20)
	}
	dir, err := os.MkdirTemp("", "lighten-rpm-")
	if err != nil {
		return nil, fmt.Errorf("setting the rpm database aside: %w", err)
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "db")
	f, err := os.Create(file)
	if err != nil {
		return nil, fmt.Errorf("setting the rpm database aside: %w", err)
	}
	_, err = io.Copy(f, io.NewSectionReader(r, 0, size))
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return nil, fmt.Errorf("setting the rpm database aside: %w", err)
	}
	if err := soundRPM(r, size, file); err != nil {
		return nil, fmt.Errorf("the rpm database is damaged: %w", err)
	}
	packages, err := listRPM(file)
	if err != nil {
		return nil, fmt.Errorf("the rpm database is damaged: %w", err)
	}
	return rpmRecords(packages), nil
}

func listRPM(file string) (packages []*rpmdb.PackageInfo, err error) {
	defer func() {
		if p := recover(); p != nil { // the library does not check every number of a header
			err = fmt.Errorf("%v", p)
		}
	}()
	db, err := rpmdb.Open(file)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	return db.ListPackages()
}

// rpmRecords resolves what packages require to the packages that provide it: a name, or a path in one.
func rpmRecords(packages []*rpmdb.PackageInfo) []record {
	providers := map[string]string{}
	files := make([][]string, len(packages))
	for n, p := range packages {
		for _, what := range p.Provides {
			if providers[what] == "" {
				providers[what] = p.Name
			}
		}
		files[n] = rpmFiles(p)
		for _, f := range files[n] {
			if providers[f] == "" {
				providers[f] = p.Name
			}
		}
	}
	var all []record
	for n, p := range packages {
		if p.Name == "gpg-pubkey" {
			continue // a key, not a package
		}
		r := record{Name: p.Name, Version: p.Version + "-" + p.Release, Arch: p.Arch, Source: rpmSource(p.SourceRpm), Files: files[n]}
		if p.Epoch != nil && *p.Epoch != 0 {
			r.Version = fmt.Sprintf("%d:%s", *p.Epoch, r.Version)
		}
		for _, what := range p.Requires {
			if by := providers[what]; by != "" && by != p.Name {
				r.Depends = append(r.Depends, by)
			}
		}
		slices.Sort(r.Depends)
		r.Depends = slices.Compact(r.Depends)
		all = append(all, r)
	}
	slices.SortStableFunc(all, func(a, b record) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Version, b.Version))
	})
	return all
}

// rpmFiles joins the names and the directories of a package's files.
func rpmFiles(p *rpmdb.PackageInfo) []string {
	var files []string
	for n, base := range p.BaseNames {
		if n >= len(p.DirIndexes) {
			break
		}
		if d := p.DirIndexes[n]; d >= 0 && int(d) < len(p.DirNames) {
			files = append(files, path.Join("/", p.DirNames[d], base))
		}
	}
	return files
}

// rpmSource is the name in "bash-5.1.8-6.el9.src.rpm".
func rpmSource(s string) string {
	for range 2 {
		before, _, ok := cutLast(s, "-")
		if !ok {
			return ""
		}
		s = before
	}
	return s
}

func (i *Inventory) takeRPM(e *image.Entry, all []record) {
	for _, r := range all {
		pkg := i.add(Package{Ecosystem: RPM, Name: r.Name, Version: r.Version, Arch: r.Arch, Source: r.Source, Depends: r.Depends})
		for _, f := range r.Files {
			i.ownFile(f, pkg)
		}
	}
}

package inventory

import (
	"encoding/csv"
	"errors"
	"io"
	"path"
	"strings"

	"github.com/lighten/lighten/internal/image"
)

// wantPython tells a distribution's metadata among the files of a directory (its name ends with a slash).
func wantPython(dir, base string) bool {
	meta := path.Base(dir)
	switch {
	case strings.HasSuffix(meta, ".dist-info"):
		return base == "METADATA" || base == "RECORD" || base == "top_level.txt"
	case strings.HasSuffix(meta, ".egg-info") || meta == "EGG-INFO":
		return base == "PKG-INFO" || base == "installed-files.txt" || base == "top_level.txt" || base == "requires.txt"
	}
	return strings.HasSuffix(base, ".egg-info") // distutils: the metadata alone in a file
}

// readPython reads what pip, setuptools and distutils leave beside the modules.
func readPython(i *Inventory) error {
	for e := range i.tree.All() {
		base := path.Base(e.Path)
		var err error
		switch {
		case e.IsDir() && strings.HasSuffix(base, ".dist-info"):
			err = i.readDist(e, "METADATA", "RECORD")
		case e.IsDir() && strings.HasSuffix(base, ".egg-info"):
			err = i.readDist(e, "PKG-INFO", "installed-files.txt")
		case e.IsFile() && strings.HasSuffix(base, ".egg-info"):
			err = i.readDist(e, "", "")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// readDist reads a distribution of which meta holds or is the metadata; record lists its files.
func (i *Inventory) readDist(meta *image.Entry, metadata, record string) error {
	b, err := i.content(path.Join(meta.Path, metadata))
	if err != nil {
		return err
	}
	m := parseMetadata(b)
	if m.name == "" {
		return nil // a directory of that name without metadata is no distribution
	}
	pkg := i.add(Package{Ecosystem: PyPI, Name: m.name, Version: m.version, Depends: m.depends})
	site := path.Dir(meta.Path)
	var files []string
	if record != "" {
		list, err := i.content(path.Join(meta.Path, record))
		if err != nil {
			return err
		}
		if record == "RECORD" {
			files = parseRecord(list, site)
		} else {
			files = parseInstalledFiles(list, meta.Path)
		}
	}
	top, err := i.content(path.Join(meta.Path, "top_level.txt"))
	if err != nil {
		return err
	}
	tops := strings.Fields(string(top))
	if len(files) == 0 { // Debian strips RECORD: what the modules' names tell is left
		files = i.filesOf(site, tops)
	}
	for _, f := range files {
		i.ownFile(f, pkg)
	}
	i.own(meta.Path, pkg)
	for e := range i.tree.Under(meta.Path + "/") {
		i.ownFile(e.Path, pkg)
	}
	i.nameModules(pkg, site, tops, files)
	return nil
}

// filesOf lists what lies below a distribution's modules.
func (i *Inventory) filesOf(site string, tops []string) []string {
	var files []string
	for _, top := range tops {
		if top != path.Base(top) {
			continue
		}
		if e := i.tree.Get(path.Join(site, top+".py")); e != nil {
			files = append(files, e.Path)
		}
		for e := range i.tree.Under(path.Join(site, top) + "/") {
			files = append(files, e.Path)
		}
	}
	return files
}

// nameModules notes which modules a distribution brings: those it names itself and those its files make. A package
// without __init__.py is shared by several distributions (PEP 420); what is below it tells them apart.
func (i *Inventory) nameModules(pkg *Package, site string, tops, files []string) {
	claim := func(name string) {
		if name != "" && i.modules[name] == nil {
			i.modules[name] = pkg
		}
	}
	initialised := map[string]bool{}
	for _, f := range files {
		if rel, ok := strings.CutPrefix(f, site+"/"); ok && path.Base(rel) == "__init__.py" {
			initialised[path.Dir(rel)] = true
		}
	}
	for _, top := range tops {
		claim(top)
	}
	for _, f := range files {
		rel, ok := strings.CutPrefix(f, site+"/")
		if !ok {
			continue
		}
		module, ok := moduleOf(rel)
		if !ok {
			continue
		}
		parts := strings.Split(module, "/")
		for n := 1; n <= len(parts); n++ {
			claim(strings.Join(parts[:n], "."))
			if initialised[path.Join(parts[:n]...)] {
				break
			}
		}
	}
}

// moduleOf returns the module that a file is, with slashes: "PIL/_imaging" for PIL/_imaging.cpython-311-….so.
func moduleOf(rel string) (string, bool) {
	dir, base := path.Split(rel)
	name, rest, ok := strings.Cut(base, ".")
	if !ok || rest != "py" && !strings.HasSuffix("."+rest, ".so") || strings.Contains(dir, ".") || strings.Contains(dir, "__pycache__") {
		return "", false
	}
	if name == "__init__" {
		return path.Clean(dir), dir != ""
	}
	return dir + name, true
}

type metadata struct {
	name, version string
	depends       []string
}

// parseMetadata reads the header of core metadata; the description after it can be long.
func parseMetadata(b []byte) metadata {
	var m metadata
	for line := range strings.Lines(string(b)) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			break
		}
		key, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch strings.ToLower(key) {
		case "name":
			m.name = value
		case "version":
			m.version = value
		case "requires-dist":
			if d := requirement(value); d != "" {
				m.depends = append(m.depends, d)
			}
		}
	}
	return m
}

// requirement returns the name in "requests[socks] (>=2.8) ; python_version < '3.8'"; "" for what only an extra asks
// for.
func requirement(s string) string {
	spec, marker, _ := strings.Cut(s, ";")
	if strings.Contains(strings.ReplaceAll(marker, " ", ""), "extra==") {
		return ""
	}
	spec = strings.TrimSpace(spec)
	if end := strings.IndexAny(spec, " \t([<>=!~@"); end >= 0 {
		spec = spec[:end]
	}
	return spec
}

// parseRecord returns the paths of a RECORD (PEP 376): lines of path,hash,size, relative to the site directory.
func parseRecord(b []byte, site string) []string {
	r := csv.NewReader(strings.NewReader(string(b)))
	r.FieldsPerRecord, r.LazyQuotes, r.ReuseRecord = -1, true, true
	var files []string
	for {
		rec, err := r.Read()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil || len(rec) == 0 || rec[0] == "" {
			continue
		}
		files = append(files, below(site, rec[0]))
	}
}

// parseInstalledFiles returns the paths of setuptools' list, relative to the metadata's directory.
func parseInstalledFiles(b []byte, dir string) []string {
	var files []string
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimSpace(line); line != "" {
			files = append(files, below(dir, line))
		}
	}
	return files
}

// below makes a path of a list absolute.
func below(dir, p string) string {
	if path.IsAbs(p) {
		return path.Clean(p)
	}
	return path.Join(dir, p)
}

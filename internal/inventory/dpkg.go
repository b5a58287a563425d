package inventory

import (
	"bytes"
	"maps"
	"path"
	"slices"
	"strings"
)

const (
	dpkgStatus     = "/var/lib/dpkg/status"
	dpkgDiversions = "/var/lib/dpkg/diversions"
	DpkgInfo       = "/var/lib/dpkg/info/"
	dpkgStatusDir  = "/var/lib/dpkg/status.d/" // distroless: a file for each package, and its md5sums
)

// readDpkg reads dpkg's own database.
func readDpkg(i *Inventory) error {
	status, err := i.content(dpkgStatus)
	if err != nil {
		return err
	}
	var installed []map[string]string
	for _, f := range parseControl(status) {
		if want := strings.Fields(f["Status"]); len(want) == 3 && want[2] != "not-installed" && want[2] != "config-files" {
			installed = append(installed, f)
		}
	}
	packages := i.addDebs(installed)
	diversions, err := i.content(dpkgDiversions)
	if err != nil {
		return err
	}
	diverted := parseDiversions(diversions)
	for e := range i.tree.Under(DpkgInfo) {
		name, ext, ok := cutLast(path.Base(e.Path), ".")
		if !ok {
			continue
		}
		pkg := packages[name]
		if pkg == nil {
			continue
		}
		i.own(e.Path, pkg)
		if ext != "list" {
			continue
		}
		list, err := i.content(e.Path)
		if err != nil {
			return err
		}
		for p := range strings.Lines(string(list)) {
			p = strings.TrimSuffix(p, "\n")
			if d, ok := diverted[p]; ok && d.by != pkg.Name {
				p = d.to
			}
			i.ownFile(p, pkg)
		}
	}
	return nil
}

// merged are the directories that a merged /usr turned into links; packages list them as the directories they were.
var merged = set("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")

// ownFile gives a path to pkg unless it is a directory: those belong to everybody.
func (i *Inventory) ownFile(p string, pkg *Package) {
	if p == "" || p == "/." || merged[p] {
		return
	}
	p = i.realPath(p)
	if e := i.tree.Get(p); e != nil && !e.IsDir() && i.owners[p] == nil {
		i.owners[p] = pkg
	}
}

// addDebs adds the packages of some control paragraphs and returns them by name and by name:arch.
func (i *Inventory) addDebs(paragraphs []map[string]string) map[string]*Package {
	there := map[string]string{} // package or what it provides -> package
	for _, f := range paragraphs {
		for _, alternatives := range parseRelations(f["Provides"]) {
			for _, p := range alternatives {
				if there[p] == "" {
					there[p] = f["Package"]
				}
			}
		}
	}
	for _, f := range paragraphs {
		there[f["Package"]] = f["Package"]
	}
	byName := map[string]*Package{}
	for _, f := range paragraphs {
		source, version, _ := strings.Cut(f["Source"], " ") // "glibc (2.36-9)" when their versions differ
		p := Package{Ecosystem: Deb, Name: f["Package"], Version: f["Version"], Arch: f["Architecture"], Source: source, SourceVersion: strings.Trim(version, " ()")}
		for _, alternatives := range append(parseRelations(f["Pre-Depends"]), parseRelations(f["Depends"])...) {
			p.Depends = append(p.Depends, installedOf(alternatives, there))
		}
		pkg := i.add(p)
		byName[pkg.Name] = pkg
		byName[pkg.Name+":"+pkg.Arch] = pkg
	}
	return byName
}

// installedOf picks the alternative that is installed, the first if none is.
func installedOf(alternatives []string, there map[string]string) string {
	for _, a := range alternatives {
		if p := there[a]; p != "" {
			return p
		}
	}
	return alternatives[0]
}

// readStatusDir reads the database of distroless images.
func readStatusDir(i *Inventory) error {
	var paragraphs []map[string]string
	files := map[string]string{} // package -> its database file
	for e := range i.tree.Under(dpkgStatusDir) {
		if !e.IsFile() || strings.HasSuffix(e.Path, ".md5sums") {
			continue
		}
		b, err := i.content(e.Path)
		if err != nil {
			return err
		}
		for _, f := range parseControl(b) {
			paragraphs = append(paragraphs, f)
			files[f["Package"]] = e.Path
		}
	}
	packages := i.addDebs(paragraphs)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		pkg := packages[name]
		i.own(files[name], pkg)
		sums, err := i.content(files[name] + ".md5sums")
		if err != nil {
			return err
		}
		i.ownFile(files[name]+".md5sums", pkg)
		for line := range strings.Lines(string(sums)) {
			if _, p, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " "); ok {
				i.ownFile("/"+strings.TrimLeft(p, " *"), pkg)
			}
		}
	}
	return nil
}

// parseControl reads paragraphs of "Field: value" (deb-control(5)), those with a Package. Of a value that goes on in
// further lines the first one counts, except for relations, which may be folded.
func parseControl(b []byte) []map[string]string {
	var all []map[string]string
	fields := map[string]string{}
	field := ""
	flush := func() {
		if fields["Package"] != "" {
			all = append(all, fields)
		}
		fields, field = map[string]string{}, ""
	}
	for line := range bytes.Lines(b) {
		line = bytes.TrimRight(line, "\r\n")
		switch {
		case len(bytes.TrimSpace(line)) == 0:
			flush()
		case line[0] == ' ' || line[0] == '\t':
			if folded[field] {
				fields[field] += " " + string(bytes.TrimSpace(line))
			}
		default:
			name, value, ok := bytes.Cut(line, []byte(":"))
			if field = string(name); ok && wanted[field] {
				fields[field] = string(bytes.TrimSpace(value))
			}
		}
	}
	flush()
	return all
}

var (
	wanted = set("Package", "Version", "Architecture", "Status", "Source", "Depends", "Pre-Depends", "Provides")
	folded = set("Depends", "Pre-Depends", "Provides")
)

func set(names ...string) map[string]bool {
	m := map[string]bool{}
	for _, n := range names {
		m[n] = true
	}
	return m
}

// parseRelations reads "a (>= 1), b:any | c [amd64]" as its names: alternatives for each relation.
func parseRelations(s string) [][]string {
	var all [][]string
	for relation := range strings.SplitSeq(s, ",") {
		var alternatives []string
		for a := range strings.SplitSeq(relation, "|") {
			a = strings.TrimSpace(a)
			if end := strings.IndexAny(a, " \t([<:"); end >= 0 {
				a = a[:end]
			}
			if a != "" {
				alternatives = append(alternatives, a)
			}
		}
		if alternatives != nil {
			all = append(all, alternatives)
		}
	}
	return all
}

// diversion is a path that all packages but one put elsewhere (dpkg-divert(1)).
type diversion struct{ to, by string }

func parseDiversions(b []byte) map[string]diversion {
	lines := strings.Split(string(b), "\n")
	m := map[string]diversion{}
	for ; len(lines) >= 3; lines = lines[3:] {
		m[lines[0]] = diversion{lines[1], lines[2]}
	}
	return m
}

// cutLast cuts s around the last sep.
func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

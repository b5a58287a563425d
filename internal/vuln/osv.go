// Package vuln finds the known vulnerabilities of an image's packages in an export of the OSV database (ossf.github.io/osv-schema):
// a directory of JSON files, or the zip files that osv-vulnerabilities.storage.googleapis.com offers for each ecosystem and for all.
package vuln

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/lighten/lighten/internal/inventory"
)

// Vulnerability is a known one of a package.
type Vulnerability struct {
	ID        string   `json:"id"`                // of CVE where it has one, else the database's
	Aliases   []string `json:"aliases,omitempty"` // other names of it, sorted
	Ecosystem string   `json:"ecosystem"`         // of the package, as inventory calls it
	Package   string   `json:"package"`           // the installed package
	Version   string   `json:"version"`
	Fixed     string   `json:"fixed,omitempty"`    // the first version that is not affected
	Severity  string   `json:"severity,omitempty"` // as the database says: LOW, MEDIUM, HIGH, CRITICAL; or the CVSS vector
}

// entry is as much of a record of OSV as is needed.
type entry struct {
	ID               string     `json:"id"`
	Withdrawn        string     `json:"withdrawn"`
	Aliases          []string   `json:"aliases"`
	Upstream         []string   `json:"upstream"` // for the records of distributions: whose vulnerability it is
	Severity         []score    `json:"severity"`
	Affected         []affected `json:"affected"`
	DatabaseSpecific struct {
		Severity any `json:"severity"`
	} `json:"database_specific"`
}

type score struct {
	Type  string `json:"type"`
	Score string `json:"score"`
}

type affected struct {
	Package struct {
		Ecosystem string `json:"ecosystem"`
		Name      string `json:"name"`
	} `json:"package"`
	Ranges []struct {
		Type   string              `json:"type"`
		Events []map[string]string `json:"events"`
	} `json:"ranges"`
	Versions []string `json:"versions"`
	Severity []score  `json:"severity"`
}

// nameOf is what OSV calls the ecosystem that a package of an image of that distribution is from; "" when OSV has none of it.
func nameOf(d inventory.Distro, p inventory.Package) string {
	if !p.System() {
		return languages[p.Ecosystem]
	}
	major, _, _ := strings.Cut(d.Version, ".")
	switch d.ID {
	case "debian":
		return "Debian:" + d.Version
	case "ubuntu":
		return "Ubuntu:" + d.Version
	case "alpine":
		if parts := strings.Split(d.Version, "."); len(parts) >= 2 {
			return "Alpine:v" + parts[0] + "." + parts[1]
		}
	case "almalinux":
		return "AlmaLinux:" + major
	case "rocky":
		return "Rocky Linux:" + major
	case "rhel":
		return "Red Hat:enterprise_linux:" + major
	case "opensuse-leap":
		return "openSUSE:Leap " + d.Version
	case "wolfi":
		return "Wolfi"
	case "chainguard":
		return "Chainguard"
	case "azurelinux":
		return "Azure Linux:" + major
	case "mageia":
		return "Mageia:" + major
	}
	return ""
}

var languages = map[string]string{
	inventory.PyPI: "PyPI", inventory.NPM: "npm", inventory.Gem: "RubyGems", inventory.Composer: "Packagist", inventory.Go: "Go", inventory.Cargo: "crates.io", inventory.Maven: "Maven",
}

// canonical is a package's name as it is compared.
func canonical(ecosystem, name string) string {
	switch ecosystem {
	case inventory.PyPI:
		return strings.ToLower(strings.NewReplacer("_", "-", ".", "-").Replace(name))
	case inventory.Composer:
		return strings.ToLower(name)
	}
	return name
}

// wanted are installed packages by OSV's ecosystem (without its release) and name.
type wanted map[[2]string][]target

// target is a package under the name by which OSV may know it.
type target struct {
	inventory.Package
	ecosystem string // OSV's, with its release
	version   string // of what OSV knows: the source package, for Debian and Alpine
}

func (w wanted) add(p inventory.Package, d inventory.Distro) {
	eco := nameOf(d, p)
	if eco == "" || p.Version == "" {
		return
	}
	family, _, _ := strings.Cut(eco, ":")
	put := func(name, version string) {
		k := [2]string{family, canonical(p.Ecosystem, name)}
		t := target{p, eco, version}
		if !slices.ContainsFunc(w[k], func(x target) bool {
			return x.ecosystem == t.ecosystem && x.Name == t.Name && x.version == t.version && x.Version == t.Version
		}) {
			w[k] = append(w[k], t)
		}
	}
	switch p.Ecosystem {
	case inventory.Deb, inventory.APK:
		put(p.Source, p.SourceVersion)
	case inventory.RPM: // AlmaLinux and Red Hat list binary packages, Rocky Linux those of the source
		put(p.Name, p.Version)
		if p.Source != p.Name {
			put(p.Source, p.Version)
		}
	default:
		put(p.Name, p.Version)
	}
}

// match returns the vulnerabilities that a record tells of wanted packages, under the packages' releases.
func (w wanted) match(b []byte) ([]found, error) {
	var e entry
	if err := json.Unmarshal(b, &e); err != nil {
		return nil, err
	}
	if e.ID == "" || e.Withdrawn != "" {
		return nil, nil
	}
	var all []found
	for _, a := range e.Affected {
		family, _, _ := strings.Cut(a.Package.Ecosystem, ":")
		eco := family
		for own, osv := range languages {
			if osv == family {
				eco = own
			}
		}
		for _, t := range w[[2]string{family, canonical(eco, a.Package.Name)}] {
			if a.Package.Ecosystem != t.ecosystem && a.Package.Ecosystem != family && !strings.HasPrefix(a.Package.Ecosystem, t.ecosystem+":") {
				continue
			}
			if yes, fixed := a.covers(t.Package.Ecosystem, t.version); yes {
				v := Vulnerability{Ecosystem: t.Package.Ecosystem, Package: t.Name, Version: t.Version, Fixed: fixed, Severity: cmp.Or(text(e.DatabaseSpecific.Severity), vector(a.Severity), vector(e.Severity))}
				v.ID, v.Aliases = e.names()
				all = append(all, found{v, t.ecosystem})
			}
		}
	}
	return all, nil
}

// found is a vulnerability of a package, and the release for which it holds.
type found struct {
	Vulnerability
	ecosystem string
}

// names picks a record's name: that of CVE if it has one.
func (e *entry) names() (id string, aliases []string) {
	all := append([]string{e.ID}, e.Aliases...)
	if len(e.Upstream) > 0 && !strings.HasPrefix(e.ID, "CVE-") {
		for _, u := range e.Upstream { // "DEBIAN-CVE-2024-1" stands for CVE-2024-1; an advisory stands for several
			if len(e.Upstream) == 1 || strings.HasSuffix(e.ID, u) {
				all = append(all, u)
			}
		}
	}
	id = e.ID
	for _, n := range all {
		if strings.HasPrefix(n, "CVE-") {
			id = n
			break
		}
	}
	all = slices.DeleteFunc(all, func(n string) bool { return n == id })
	slices.Sort(all)
	return id, slices.Compact(all)
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

// vector is the newest CVSS vector.
func vector(all []score) string {
	best := score{}
	for _, s := range all {
		if s.Type > best.Type {
			best = s
		}
	}
	return best.Score
}

// covers evaluates the ranges as the schema's section "Evaluation" says. Events that cannot be compared, since one is no version,
// count as not affecting.
func (a *affected) covers(ecosystem, version string) (yes bool, fixed string) {
	yes = slices.Contains(a.Versions, version)
	for _, r := range a.Ranges {
		if r.Type == "GIT" {
			continue
		}
		inside, next := within(ecosystem, version, r.Events)
		yes = yes || inside
		if next != "" && (fixed == "" || less(ecosystem, next, fixed)) {
			fixed = next
		}
	}
	return yes, fixed
}

// within tells whether a version lies in a range, and which version after it is the first that is fixed.
func within(ecosystem, version string, events []map[string]string) (inside bool, fixed string) {
	type event struct{ kind, version string }
	var all []event
	for _, e := range events {
		for kind, v := range e {
			all = append(all, event{kind, v})
		}
	}
	slices.SortStableFunc(all, func(x, y event) int {
		switch {
		case x.version == y.version:
			return strings.Compare(y.kind, x.kind) // introduced before fixed
		case x.version == "0":
			return -1
		case y.version == "0":
			return 1
		}
		c, err := Compare(ecosystem, x.version, y.version)
		if err != nil {
			return strings.Compare(x.version, y.version)
		}
		return c
	})
	for _, e := range all {
		c := 1
		if e.version != "0" {
			var err error
			if c, err = Compare(ecosystem, version, e.version); err != nil {
				continue
			}
		}
		switch {
		case e.kind == "introduced" && c >= 0:
			inside = true
		case e.kind == "fixed" && c >= 0, e.kind == "last_affected" && c > 0:
			inside = false
		case e.kind == "fixed" && fixed == "":
			fixed = e.version
		}
	}
	return inside, fixed
}

func less(ecosystem, a, b string) bool {
	c, err := Compare(ecosystem, a, b)
	return err == nil && c < 0
}

// String is for a reader: "CVE-2024-1 in libssl3 3.0.1, fixed in 3.0.2".
func (v Vulnerability) String() string {
	s := fmt.Sprintf("%s in %s %s", v.ID, v.Package, v.Version)
	if v.Fixed != "" {
		s += ", fixed in " + v.Fixed
	}
	return s
}

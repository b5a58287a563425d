package vuln

import "github.com/lighten/lighten/internal/inventory"

// Match matches one record, for the fuzz target.
func Match(b []byte, d inventory.Distro, packages []inventory.Package) ([]Vulnerability, error) {
	w := wanted{}
	for _, p := range packages {
		w.add(p, d)
	}
	all, err := w.match(b)
	var out []Vulnerability
	for _, f := range all {
		out = append(out, f.Vulnerability)
	}
	return out, err
}

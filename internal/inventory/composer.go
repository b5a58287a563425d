package inventory

import (
	"encoding/json"
	"path"
	"strings"

	"github.com/lighten/lighten/internal/image"
)

// composer reads what Composer notes of a program's packages, VENDOR/composer/installed.json: since version 2 with the place
// of each, before that all lie in VENDOR/NAME.
var composer = ecosystem{Composer, func(dir, base string) bool {
	return base == "installed.json" && strings.HasSuffix(dir, "/composer/")
}, parseInstalled, func(i *Inventory, e *image.Entry, all []record, packages []*Package) {
	dir := path.Dir(e.Path)
	for n, pkg := range packages {
		at := path.Join(path.Dir(dir), all[n].Name)
		if len(all[n].Files) > 0 {
			at = path.Join(dir, all[n].Files[0])
		}
		i.claimDir(at, pkg)
	}
}}

func parseInstalled(b []byte) []record {
	type installed struct {
		Name    string         `json:"name"`
		Version string         `json:"version"`
		At      *string        `json:"install-path"`
		Require map[string]any `json:"require"`
	}
	var two struct {
		Packages []installed `json:"packages"`
	}
	if json.Unmarshal(b, &two) != nil {
		if json.Unmarshal(b, &two.Packages) != nil { // version 1: the list alone
			return nil
		}
	}
	var all []record
	for _, p := range two.Packages {
		r := record{Name: p.Name, Version: p.Version}
		if p.At != nil {
			r.Files = []string{*p.At}
		}
		for _, n := range names(p.Require) {
			if strings.Contains(n, "/") { // "php" and "ext-json" are the platform's
				r.Depends = append(r.Depends, n)
			}
		}
		if r.Name != "" {
			all = append(all, r)
		}
	}
	return all
}

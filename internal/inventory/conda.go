package inventory

import (
	"encoding/json"
	"path"
	"strings"

	"github.com/lighten/lighten/internal/image"
)

// conda reads PREFIX/conda-meta/NAME-VERSION-BUILD.json: each lists its files, relative to PREFIX.
var conda = ecosystem{Conda, func(dir, base string) bool {
	return strings.HasSuffix(dir, "/conda-meta/") && strings.HasSuffix(base, ".json")
}, parseCondaMeta, func(i *Inventory, e *image.Entry, all []record, packages []*Package) {
	prefix := path.Dir(path.Dir(e.Path))
	for _, f := range all[0].Files {
		i.ownFile(path.Join(prefix, f), packages[0])
	}
	i.own(e.Path, packages[0])
}}

func parseCondaMeta(b []byte) []record {
	var x struct {
		Name    string   `json:"name"`
		Version string   `json:"version"`
		Subdir  string   `json:"subdir"` // "linux-64", "noarch"
		Files   []string `json:"files"`
		Depends []string `json:"depends"`
	}
	if json.Unmarshal(b, &x) != nil || x.Name == "" {
		return nil
	}
	r := record{Name: x.Name, Version: x.Version, Arch: x.Subdir, Files: x.Files}
	for _, d := range x.Depends { // "python >=3.11,<3.12.0a0"
		if n, _, _ := strings.Cut(d, " "); n != "" && !strings.HasPrefix(n, "__") { // those are the machine's own: __glibc
			r.Depends = append(r.Depends, n)
		}
	}
	return []record{r}
}

package inventory

import (
	"encoding/json"
	"io"
	"path"
	"regexp"
	"strings"

	"github.com/lighten/lighten/internal/image"
)

// npm reads what npm, pnpm and yarn install: each package lies in a node_modules with its package.json. pnpm keeps the
// packages in node_modules/.pnpm/NAME@VERSION/node_modules/NAME and links to them.
var npm = ecosystem{NPM, isNodePackage, parsePackageJSON, func(i *Inventory, e *image.Entry, _ []record, packages []*Package) {
	i.claimDir(path.Dir(e.Path), packages[0])
}}

// isNodePackage tells the package.json of an installed package from those that lie somewhere in one, and from that of the program.
func isNodePackage(dir, base string) bool {
	if base != "package.json" {
		return false
	}
	at := strings.LastIndex(dir, "/node_modules/")
	if at < 0 {
		return false
	}
	name := strings.TrimSuffix(dir[at+len("/node_modules/"):], "/")
	if scope, rest, scoped := strings.Cut(name, "/"); scoped {
		return strings.HasPrefix(scope, "@") && rest != "" && !strings.Contains(rest, "/")
	}
	return name != "" && name[0] != '.' && name[0] != '@'
}

var pnpmStore = regexp.MustCompile(`/store/v\d+/files/[0-9a-f]{2}/$`)

// isPNPMStore tells pnpm's store, of which the files of all packages are hard links: in a layer, a package.json may have its content
// there, under the name of a digest.
func isPNPMStore(dir string) bool { return pnpmStore.MatchString(dir) }

func parsePackageJSON(b []byte) []record {
	var x struct {
		Name         string         `json:"name"`
		Version      string         `json:"version"`
		Dependencies map[string]any `json:"dependencies"`
		Optional     map[string]any `json:"optionalDependencies"`
	}
	if json.Unmarshal(b, &x) != nil || x.Name == "" {
		return nil
	}
	return []record{{Name: x.Name, Version: x.Version, Depends: append(names(x.Dependencies), names(x.Optional)...)}}
}

// isYarnCache tells the archives in which yarn (2 and later, "plug and play") keeps each package.
func isYarnCache(dir, base string) bool {
	return strings.HasSuffix(base, ".zip") && strings.HasSuffix(dir, "/.yarn/cache/")
}

func yarnArchive(r io.ReaderAt, size int64) []record {
	var u unzipper
	z, err := u.open(r, size)
	if err != nil {
		return nil
	}
	for _, f := range z.File {
		dir, base := path.Split("/" + f.Name)
		if !isNodePackage(dir, base) {
			continue
		}
		b, err := u.read(f, maxZipped)
		if err != nil {
			return nil
		}
		all := parsePackageJSON(b)
		for n := range all {
			all[n].Main, all[n].Kind = true, NPM
		}
		return all
	}
	return nil
}

package inventory

import (
	"path"
	"regexp"
	"strings"

	"github.com/lighten/lighten/internal/image"
)

// gem reads RubyGems' specifications: HOME/specifications/NAME-VERSION.gemspec describes HOME/gems/NAME-VERSION. Those in
// HOME/specifications/default come with Ruby and lie in its library.
var gem = ecosystem{Gem, func(dir, base string) bool {
	return strings.HasSuffix(base, ".gemspec") && (strings.HasSuffix(dir, "/specifications/") || strings.HasSuffix(dir, "/specifications/default/"))
}, parseGemspec, claimGem}

func claimGem(i *Inventory, e *image.Entry, all []record, packages []*Package) {
	pkg := packages[0]
	i.own(e.Path, pkg)
	full := strings.TrimSuffix(path.Base(e.Path), ".gemspec")
	dir := path.Dir(e.Path)
	if path.Base(dir) == "default" {
		// HOME is LIB/gems/VERSION, the library LIB/VERSION.
		home := path.Dir(path.Dir(dir))
		library := path.Join(path.Dir(path.Dir(home)), path.Base(home))
		for _, f := range all[0].Files {
			if f, ok := strings.CutPrefix(f, "lib/"); ok {
				i.ownFile(path.Join(library, f), pkg)
			}
		}
		i.claimDir(path.Join(home, "gems", full), pkg)
		return
	}
	home := path.Dir(dir)
	for _, d := range []string{"gems", "doc"} {
		i.claimDir(path.Join(home, d, full), pkg)
	}
	i.ownFile(path.Join(home, "cache", full+".gem"), pkg)
	for _, d := range i.gemExtensions(home)[full] {
		i.claimDir(d, pkg)
	}
}

// gemExtensions returns the directories of compiled extensions by the gems they are of: HOME/extensions/PLATFORM/ABI/NAME-VERSION.
func (i *Inventory) gemExtensions(home string) map[string][]string {
	if found, ok := i.extensions[home]; ok {
		return found
	}
	found := map[string][]string{}
	prefix := path.Join(home, "extensions") + "/"
	for x := range i.tree.Under(prefix) {
		if x.IsDir() && strings.Count(x.Path[len(prefix):], "/") == 2 {
			found[path.Base(x.Path)] = append(found[path.Base(x.Path)], x.Path)
		}
	}
	i.extensions[home] = found
	return found
}

var (
	// RubyGems begins each specification it installs with "# stub: rack 2.2.4 ruby lib" (Gem::StubSpecification).
	gemStub    = regexp.MustCompile(`(?m)^# stub: (\S+) (\S+) (\S+) `)
	gemName    = regexp.MustCompile(`(?m)^\s*\w+\.name\s*=\s*["']([^"'\n]+)["']`)
	gemVersion = regexp.MustCompile(`(?m)^\s*\w+\.version\s*=\s*(?:Gem::Version\.new\(?\s*)?["']([^"'\n]+)["']`)
	gemFiles   = regexp.MustCompile(`(?m)^\s*\w+\.files\s*=\s*\[([^\]\n]*)\]`)
	gemQuoted  = regexp.MustCompile(`"([^"\n]+)"`)
	gemNeeds   = regexp.MustCompile(`(?m)^\s*\w+\.add_(?:runtime_)?dependency\(?\s*(?:%q<([^>\n]+)>|["']([^"'\n]+)["'])`)
)

func parseGemspec(b []byte) []record {
	var r record
	if m := gemStub.FindSubmatch(b); m != nil {
		r.Name, r.Version = string(m[1]), string(m[2])
		if platform := string(m[3]); platform != "ruby" {
			r.Arch = platform
		}
	}
	if m := gemName.FindSubmatch(b); m != nil && r.Name == "" {
		r.Name = string(m[1])
	}
	if m := gemVersion.FindSubmatch(b); m != nil && r.Version == "" {
		r.Version = string(m[1])
	}
	if r.Name == "" || r.Version == "" {
		return nil
	}
	if m := gemFiles.FindSubmatch(b); m != nil {
		for _, q := range gemQuoted.FindAllSubmatch(m[1], -1) {
			r.Files = append(r.Files, string(q[1]))
		}
	}
	for _, m := range gemNeeds.FindAllSubmatch(b, -1) {
		r.Depends = append(r.Depends, string(m[1])+string(m[2]))
	}
	return []record{r}
}

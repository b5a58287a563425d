// Package sbom writes down what packages an image holds, as SPDX and CycloneDX documents. The same image gives the
// same bytes: nothing in them is random, and the time is the caller's.
package sbom

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/package-url/packageurl-go"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/inventory"
)

// Media types of the documents.
const (
	TypeSPDX      = "application/spdx+json"
	TypeCycloneDX = "application/vnd.cyclonedx+json"
)

// Bill is what an image holds.
type Bill struct {
	Image    string    // the image's name
	Created  time.Time // the image's own, so that the same image gives the same bytes
	Tool     string    // version of lighten
	Distro   inventory.Distro
	Packages []inventory.Package // sorted as inventory does
}

// Of returns the bill of an image: what its own databases and metadata say, which is what dpkg, apk, pip and the others answer in it. Its time is the
// image's own. Tool is the version of lighten.
func Of(ctx context.Context, img v1.Image, name, tool string) (*Bill, error) {
	t, err := image.ReadTree(ctx, img, inventory.Rules())
	if err != nil {
		return nil, fmt.Errorf("listing the packages of %s: %w", name, err)
	}
	inv, err := inventory.Read(t)
	if err != nil {
		return nil, fmt.Errorf("listing the packages of %s: %w", name, err)
	}
	created := t.Config.Created.Time
	if created.IsZero() {
		created = time.Unix(0, 0)
	}
	return &Bill{Image: name, Created: created, Tool: tool, Distro: inventory.ReadDistro(t), Packages: inv.Packages()}, nil
}

// key tells two packages apart: Debian installs one of several architectures at once, pip the same name in two places.
func key(p inventory.Package) string {
	return strings.Join([]string{p.Ecosystem, p.Name, p.Version, p.Arch}, "\x00")
}

// purl is the package's URL (package-url/purl-spec), by which scanners know it.
func (b *Bill) purl(p inventory.Package) string {
	namespace, name := namespaced(p)
	version, qualifiers := p.Version, map[string]string{}
	if p.Arch != "" {
		qualifiers[cmp.Or(archNames[p.Ecosystem], "arch")] = p.Arch
	}
	if p.System() {
		namespace = cmp.Or(b.Distro.ID, map[string]string{inventory.Deb: "debian", inventory.APK: "alpine"}[p.Ecosystem])
		if distro := strings.Trim(b.Distro.ID+"-"+b.Distro.Version, "-"); distro != "" {
			qualifiers["distro"] = distro
		}
	}
	if epoch, rest, ok := strings.Cut(version, ":"); ok && p.Ecosystem == inventory.RPM {
		qualifiers["epoch"], version = epoch, rest
	}
	return packageurl.NewPackageURL(p.Ecosystem, namespace, name, version, packageurl.QualifiersFromMap(qualifiers), "").ToString()
}

// archNames are the qualifiers by which some types call what a package was built for.
var archNames = map[string]string{inventory.Gem: "platform", inventory.Conda: "subdir"}

// namespaced takes a name apart where the purl type's definition wants it: "@scope/name", "vendor/name", "host/path/name",
// "group:artifact".
func namespaced(p inventory.Package) (namespace, name string) {
	sep := ""
	switch p.Ecosystem {
	case inventory.PyPI:
		return "", inventory.PyPIName(p.Name)
	case inventory.NPM, inventory.Composer, inventory.Go:
		sep = "/"
	case inventory.Maven:
		sep = ":"
	}
	if at := strings.LastIndex(p.Name, sep); sep != "" && at > 0 {
		return p.Name[:at], p.Name[at+1:]
	}
	return "", p.Name
}

// distinct returns the packages, each once: two of one key would need two identifiers for one thing.
func (b *Bill) distinct() []inventory.Package {
	return slices.CompactFunc(slices.Clone(b.Packages), func(x, y inventory.Package) bool { return key(x) == key(y) })
}

// depends returns for each package the indexes of those it depends on that are there, ascending.
func depends(packages []inventory.Package) [][]int {
	byName := map[string][]int{}
	name := func(eco, n string) string {
		if eco == inventory.PyPI {
			n = inventory.PyPIName(n)
		}
		return eco + "\x00" + n
	}
	for n, p := range packages {
		k := name(p.Ecosystem, p.Name)
		byName[k] = append(byName[k], n)
	}
	all := make([][]int, len(packages))
	for n, p := range packages {
		for _, d := range p.Depends {
			for _, m := range byName[name(p.Ecosystem, d)] {
				if m != n && (p.Arch == packages[m].Arch || len(byName[name(p.Ecosystem, d)]) == 1) {
					all[n] = append(all[n], m)
				}
			}
		}
		slices.Sort(all[n])
		all[n] = slices.Compact(all[n])
	}
	return all
}

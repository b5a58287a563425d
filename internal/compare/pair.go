package compare

import (
	"cmp"
	"slices"
	"strings"

	"github.com/lighten/lighten/internal/vuln"
)

// Pair is what changes from one image to another.
type Pair struct {
	From            int              `json:"from"` // indexes of the images, from 1
	To              int              `json:"to"`
	PullBytes       int64            `json:"pull_bytes"` // more in To; negative: less
	DiskBytes       int64            `json:"disk_bytes"`
	Packages        []PackageChange  `json:"packages"`
	Files           *Files           `json:"files,omitempty"` // absent when a side is known by a report alone
	Config          []Change         `json:"config"`
	Surface         []Change         `json:"surface"`
	Vulnerabilities *Vulnerabilities `json:"vulnerabilities,omitempty"` // absent when nobody looked on both sides
}

// PackageChange is a package that was added, removed, or has other versions.
type PackageChange struct {
	Ecosystem string   `json:"ecosystem"`
	Name      string   `json:"name"`
	Arch      string   `json:"arch,omitempty"`
	What      What     `json:"what"`
	Before    []string `json:"before"` // versions, ascending; npm and others have several at once
	After     []string `json:"after"`
	Bytes     int64    `json:"bytes"` // more on disk; negative: less
}

// What says what became of a package or a path.
type What string

// What became of it.
const (
	Added      What = "added"
	Removed    What = "removed"
	Upgraded   What = "upgraded"
	Downgraded What = "downgraded"
	Changed    What = "changed" // other versions, of which the order is not known; of a path: its content, type, mode or owner
)

// Vulnerabilities are those that only one of two images has.
type Vulnerabilities struct {
	Added   []vuln.Vulnerability `json:"added"`
	Removed []vuln.Vulnerability `json:"removed"`
}

// Between compares two of the images, by their indexes, without their files.
func Between(images []Image, from, to int) Pair {
	a, b := &images[from], &images[to]
	p := Pair{From: from + 1, To: to + 1, PullBytes: b.PullBytes - a.PullBytes, DiskBytes: b.DiskBytes - a.DiskBytes,
		Packages: packageChanges(a.Packages, b.Packages), Config: changes(a.configuration(), b.configuration()), Surface: surfaceChanges(a.Surface, b.Surface)}
	if a.Vulnerabilities != nil && b.Vulnerabilities != nil {
		p.Vulnerabilities = &Vulnerabilities{Added: without(b.Vulnerabilities, a.Vulnerabilities), Removed: without(a.Vulnerabilities, b.Vulnerabilities)}
	}
	return p
}

// without are the vulnerabilities of packages that the other image does not have. The same one in another version of the package is
// the same.
func without(all, others []vuln.Vulnerability) []vuln.Vulnerability {
	key := func(v vuln.Vulnerability) string { return v.ID + "\x00" + v.Ecosystem + "\x00" + v.Package }
	there := map[string]bool{}
	for _, v := range others {
		there[key(v)] = true
	}
	out := []vuln.Vulnerability{}
	for _, v := range all {
		if !there[key(v)] {
			out = append(out, v)
		}
	}
	return out
}

// installed is what an image has of a package.
type installed struct {
	first    Package
	versions []string
	bytes    int64
}

func byName(all []Package) map[string]*installed {
	m := map[string]*installed{}
	for _, p := range all {
		k := p.key()
		if m[k] == nil {
			m[k] = &installed{first: p}
		}
		m[k].versions = append(m[k].versions, p.Version)
		m[k].bytes += p.Bytes
	}
	for _, x := range m {
		slices.SortFunc(x.versions, func(v, w string) int { return cmp.Or(order(x.first.Ecosystem, v, w), strings.Compare(v, w)) })
		x.versions = slices.Compact(x.versions)
	}
	return m
}

// order is the ecosystem's, 0 where it cannot be told.
func order(ecosystem, a, b string) int {
	c, err := vuln.Compare(ecosystem, a, b)
	if err != nil {
		return 0
	}
	return c
}

func packageChanges(before, after []Package) []PackageChange {
	b, a := byName(before), byName(after)
	out := []PackageChange{}
	for k, x := range b {
		y := a[k]
		c := PackageChange{Ecosystem: x.first.Ecosystem, Name: x.first.Name, Arch: x.first.Arch, What: Removed, Before: x.versions, After: []string{}, Bytes: -x.bytes}
		if y != nil {
			if slices.Equal(x.versions, y.versions) {
				continue
			}
			c.What, c.After, c.Bytes = direction(x, y), y.versions, y.bytes-x.bytes
		}
		out = append(out, c)
	}
	for k, y := range a {
		if b[k] == nil {
			out = append(out, PackageChange{Ecosystem: y.first.Ecosystem, Name: y.first.Name, Arch: y.first.Arch, What: Added, Before: []string{}, After: y.versions, Bytes: y.bytes})
		}
	}
	slices.SortFunc(out, func(x, y PackageChange) int {
		return cmp.Or(strings.Compare(x.Ecosystem, y.Ecosystem), strings.Compare(x.Name, y.Name), strings.Compare(x.Arch, y.Arch))
	})
	return out
}

// Heaviest returns the changes by what they weigh, in either direction.
func Heaviest(all []PackageChange) []PackageChange {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(x, y PackageChange) int { return cmp.Compare(abs(y.Bytes), abs(x.Bytes)) })
	return all
}

func abs(n int64) int64 { return max(n, -n) }

func direction(x, y *installed) What {
	if len(x.versions) != 1 || len(y.versions) != 1 {
		return Changed
	}
	switch c := order(x.first.Ecosystem, x.versions[0], y.versions[0]); {
	case c < 0:
		return Upgraded
	case c > 0:
		return Downgraded
	}
	return Changed
}

// surfaceChanges names what is open on one side alone.
func surfaceChanges(a, b Surface) []Change {
	m := func(s Surface) map[string]string {
		m := map[string]string{"user": s.User, "shell": cmp.Or(s.Shell, "none"), "libc": s.Libc}
		for key, all := range map[string][]string{"port": s.Ports, "setuid": s.Setuid, "capabilities": s.Capabilities} {
			for _, x := range all {
				m[key+" "+x] = "yes"
			}
		}
		return m
	}
	return changes(m(a), m(b))
}

// configuration is the image's with the values that are not printed, or, of a report, as it was printed.
func (i *Image) configuration() map[string]string {
	if i.config != nil {
		return i.config
	}
	return i.Config
}

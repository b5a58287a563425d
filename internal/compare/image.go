// Package compare puts images side by side: what they weigh and share, and what one has that another has not. It computes only; an
// [Image] can be written down and compared with later ones.
package compare

import (
	"cmp"
	"encoding/binary"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/containerd/containerd/v2/pkg/cap"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/inventory"
	"github.com/lighten/lighten/internal/vuln"
)

// Image is what is compared of an image.
type Image struct {
	Name            string               `json:"name"`             // as asked for
	Digest          string               `json:"digest,omitempty"` // of the manifest; "" when the source holds none
	ID              string               `json:"id"`               // digest of the configuration
	Platform        string               `json:"platform"`
	PullBytes       int64                `json:"pull_bytes"`
	PullEstimated   bool                 `json:"pull_estimated,omitempty"` // the source holds layers uncompressed
	DiskBytes       int64                `json:"disk_bytes"`
	Files           int                  `json:"files"` // that a container sees
	Layers          []Layer              `json:"layers"`
	UniquePullBytes int64                `json:"unique_pull_bytes"` // of layers that no other image here has
	UniqueDiskBytes int64                `json:"unique_disk_bytes"`
	NewPullBytes    int64                `json:"new_pull_bytes"` // what is left to pull where the held images are; PullBytes when none are
	Packages        []Package            `json:"packages"`
	Config          map[string]string    `json:"config"` // what a container gets, by key: "env PATH", "cmd", "user", …
	Surface         Surface              `json:"surface"`
	Vulnerabilities []vuln.Vulnerability `json:"vulnerabilities"` // null: nobody looked
	Notes           []string             `json:"notes,omitempty"`

	config map[string]string // with values that nobody should print
}

// Layer is a layer of an image.
type Layer struct {
	Digest    string `json:"digest,omitempty"`
	DiffID    string `json:"diff_id"`
	PullBytes int64  `json:"pull_bytes"`
	DiskBytes int64  `json:"disk_bytes"`
	CreatedBy string `json:"created_by"`
	SharedBy  []int  `json:"shared_by"` // other images that have it, from 1
	Held      bool   `json:"held,omitempty"`
}

// Package is an installed package.
type Package struct {
	Ecosystem string `json:"ecosystem"`
	Name      string `json:"name"`
	Version   string `json:"version"`
	Arch      string `json:"arch,omitempty"`
	Files     int    `json:"files"`
	Bytes     int64  `json:"bytes"` // on disk
}

// Surface is what an attacker finds.
type Surface struct {
	User         string   `json:"user"`
	Root         bool     `json:"root"`
	Shell        string   `json:"shell"` // its path, "" when there is none
	Libc         string   `json:"libc"`
	Ports        []string `json:"ports"`        // that the configuration exposes
	Setuid       []string `json:"setuid"`       // programs that run as their owner or group
	Capabilities []string `json:"capabilities"` // files with capabilities: "/usr/bin/ping cap_net_raw"
}

// Of sums an image up. The tree must be read with [Rules].
func Of(name string, img v1.Image, t *image.Tree, inv *inventory.Inventory) (Image, error) {
	id, err := img.ConfigName()
	if err != nil {
		return Image{}, err
	}
	m := t.Measure()
	i := Image{
		Name: name, ID: id.String(), Platform: t.Config.Platform().String(), PullBytes: m.Pull, NewPullBytes: m.Pull, DiskBytes: m.Disk, Files: m.Files,
		Packages: packages(inv), config: config(t.Config), Notes: inv.Notes(), Surface: surface(t, m),
	}
	i.Config = maskedAll(i.config)
	for _, l := range t.Layers {
		x := Layer{DiffID: l.DiffID.String(), PullBytes: l.PullBytes, DiskBytes: l.DiskBytes, CreatedBy: l.CreatedBy, SharedBy: []int{}}
		if l.Estimated {
			i.PullEstimated = true
		} else {
			x.Digest = l.Digest.String()
		}
		i.Layers = append(i.Layers, x)
	}
	if !i.PullEstimated {
		d, err := img.Digest()
		if err != nil {
			return Image{}, err
		}
		i.Digest = d.String()
	}
	return i, nil
}

// Rules say what of an image's files is needed, for image.ReadTree.
func Rules() image.TreeOptions {
	o := inventory.Rules()
	o.Account = true // for the hashes of contents
	return o
}

func surface(t *image.Tree, m image.Size) Surface {
	s := Surface{User: m.User, Root: isRoot(m.User), Shell: m.Shell, Libc: m.Libc, Setuid: append([]string{}, m.Setuid...), Ports: []string{}, Capabilities: []string{}}
	s.Ports = append(s.Ports, slices.Sorted(maps.Keys(t.Config.Config.ExposedPorts))...)
	for e := range t.All() {
		if e.Caps != "" {
			s.Capabilities = append(s.Capabilities, e.Path+" "+capabilities(e.Caps))
		}
	}
	return s
}

func isRoot(user string) bool {
	name, _, _ := strings.Cut(user, ":")
	return name == "" || name == "0" || name == "root"
}

// capabilities decodes the attribute security.capability (linux/capability.h, struct vfs_cap_data): its permitted ones.
func capabilities(attribute string) string {
	b := []byte(attribute)
	if len(b) < 8 {
		return "unreadable capabilities"
	}
	set := uint64(binary.LittleEndian.Uint32(b[4:]))
	if len(b) >= 16 {
		set |= uint64(binary.LittleEndian.Uint32(b[12:])) << 32
	}
	names, _ := cap.FromBitmap(set)
	slices.Sort(names)
	return strings.ToLower(strings.Join(names, ","))
}

// packages lists each package once: the same modules may be in several programs.
func packages(inv *inventory.Inventory) []Package {
	list := []Package{}
	for _, p := range inv.Packages() {
		x := Package{p.Ecosystem, p.Name, p.Version, p.Arch, p.Paths, p.Bytes}
		if n := len(list) - 1; n >= 0 && list[n].key() == x.key() && list[n].Version == x.Version {
			list[n].Files += x.Files
			list[n].Bytes += x.Bytes
			continue
		}
		list = append(list, x)
	}
	slices.SortStableFunc(list, func(a, b Package) int {
		return cmp.Or(strings.Compare(a.Ecosystem, b.Ecosystem), strings.Compare(a.Name, b.Name), strings.Compare(a.Version, b.Version), strings.Compare(a.Arch, b.Arch))
	})
	return list
}

func (p Package) key() string { return p.Ecosystem + "\x00" + p.Name + "\x00" + p.Arch }

// config is what a container is started with, by key.
func config(c *v1.ConfigFile) map[string]string {
	m := map[string]string{"platform": c.Platform().String()}
	put := func(key, value string) {
		if value != "" {
			m[key] = value
		}
	}
	x := c.Config
	for _, v := range x.Env {
		name, value, _ := strings.Cut(v, "=")
		m["env "+name] = value
	}
	for k, v := range x.Labels {
		m["label "+k] = v
	}
	for p := range x.ExposedPorts {
		m["port "+p] = "exposed"
	}
	for v := range x.Volumes {
		m["volume "+v] = "declared"
	}
	put("entrypoint", list(x.Entrypoint))
	put("cmd", list(x.Cmd))
	put("shell", list(x.Shell))
	put("onbuild", list(x.OnBuild))
	put("user", x.User)
	put("workdir", x.WorkingDir)
	put("stopsignal", x.StopSignal)
	if h := x.Healthcheck; h != nil {
		s := list(h.Test)
		for _, d := range []struct {
			name string
			d    time.Duration
		}{{"interval", h.Interval}, {"timeout", h.Timeout}, {"start-period", h.StartPeriod}} {
			if d.d != 0 {
				s += " " + d.name + "=" + d.d.String()
			}
		}
		put("healthcheck", s)
	}
	return m
}

// Package base recognises the image that another was built from, and knows which newer or smaller ones there are.
package base

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/inventory"
)

// Annotations, or labels, by which builders name the base (image-spec, annotations.md).
const (
	annotationName   = "org.opencontainers.image.base.name"
	annotationDigest = "org.opencontainers.image.base.digest"
)

// How a base is recognised.
const (
	ByLayers     = "its layers"     // the first layers are those of a base that was named, exactly
	ByAnnotation = "an annotation"  // the builder wrote it down
	ByHistory    = "the history"    // a guess: an official image leaves variables and commands
	ByRelease    = "its os-release" // a guess: the distribution alone
)

// Base is the image that another was built from.
type Base struct {
	Name   string // "python:3.11-slim"
	Digest string // of its manifest; "" when nothing says
	How    string // ByLayers, …
	Guess  bool   // nothing states it
	Layers int    // how many of the first layers are its own; 0: not known
	Pull   int64  // bytes of these, compressed; 0: not known
	Disk   int64  // and on disk
	Others []Other
}

// Other is an image that could take the base's place.
type Other struct {
	Name string
	Why  string // "smaller", "newer"
	Note string // what else changes; "" for nothing
	Pull int64  // bytes of its layers, compressed; 0: it could not be asked for
}

// Open opens an image by its reference.
type Open func(ctx context.Context, ref string) (v1.Image, error)

// Recognise returns the base of an image with the given tree; nil when nothing tells. A base that is named must be the image's; it is an
// error when it is not. Open asks for the base and its other forms; nil: nobody is asked, and nothing of them is measured.
func Recognise(ctx context.Context, img v1.Image, t *image.Tree, named string, open Open) (*Base, error) {
	b, err := recognise(ctx, img, t, named, open)
	if b == nil || err != nil {
		return nil, err
	}
	for _, l := range t.Layers[:b.Layers] {
		b.Pull += l.PullBytes
		b.Disk += l.DiskBytes
	}
	b.others(ctx, t, open)
	return b, nil
}

func recognise(ctx context.Context, img v1.Image, t *image.Tree, named string, open Open) (*Base, error) {
	if named != "" {
		if open == nil {
			return nil, fmt.Errorf("opening the base %s: no registry may be asked", named)
		}
		x, err := open(ctx, named)
		if err != nil {
			return nil, fmt.Errorf("opening the base: %w", err)
		}
		n, err := shared(t, x)
		if err != nil {
			return nil, fmt.Errorf("reading the base %s: %w", named, err)
		}
		if n == 0 {
			return nil, fmt.Errorf("the image was not built on this %s: its first layers are others", named)
		}
		return &Base{Name: named, Digest: digest(x), How: ByLayers, Layers: n}, nil
	}
	if b := annotated(img, t); b != nil {
		if open != nil {
			if x, err := open(ctx, at(b.Name, b.Digest)); err == nil {
				b.Layers, _ = shared(t, x)
			}
		}
		return b, nil
	}
	return guess(t), nil
}

// at is a reference by its digest, where that is known.
func at(name, digest string) string {
	if digest == "" || strings.Contains(name, "@") {
		return name
	}
	if tag := strings.LastIndexByte(name, ':'); tag > strings.LastIndexByte(name, '/') {
		name = name[:tag]
	}
	return name + "@" + digest
}

// shared returns how many layers the base has if all are the first ones of the tree; 0 when they are not.
func shared(t *image.Tree, base v1.Image) (int, error) {
	cfg, err := base.ConfigFile()
	if err != nil {
		return 0, err
	}
	ids := cfg.RootFS.DiffIDs
	if len(ids) > len(t.Layers) {
		return 0, nil
	}
	for n, id := range ids {
		if t.Layers[n].DiffID != id {
			return 0, nil
		}
	}
	return len(ids), nil
}

func digest(img v1.Image) string {
	if d, err := img.Digest(); err == nil {
		return d.String()
	}
	return ""
}

func annotated(img v1.Image, t *image.Tree) *Base {
	annotations := map[string]string{}
	// An image of `docker save` has no manifest; to make one its layers would have to be compressed.
	if !slices.ContainsFunc(t.Layers, func(l image.LayerInfo) bool { return l.Estimated }) {
		if m, err := img.Manifest(); err == nil {
			annotations = m.Annotations
		}
	}
	labels := t.Config.Config.Labels
	name := cmp.Or(annotations[annotationName], labels[annotationName])
	if name == "" {
		return nil
	}
	return &Base{Name: name, Digest: cmp.Or(annotations[annotationDigest], labels[annotationDigest]), How: ByAnnotation, Layers: baseLayers(t)}
}

// official are variables that official images set, by which their name and version can be told.
var official = []struct{ variable, image string }{
	{"PYTHON_VERSION", "python"}, {"NODE_VERSION", "node"}, {"GOLANG_VERSION", "golang"}, {"RUBY_VERSION", "ruby"}, {"PHP_VERSION", "php"},
	{"RUST_VERSION", "rust"}, {"PERL_VERSION", "perl"}, {"NGINX_VERSION", "nginx"}, {"REDIS_VERSION", "redis"}, {"PG_VERSION", "postgres"},
	{"TOMCAT_VERSION", "tomcat"}, {"HTTPD_VERSION", "httpd"},
}

var release = regexp.MustCompile(`^\D*(\d+(?:\.\d+)?)`)

// guess tells the base by what an official image leaves: a variable in the configuration, and the distribution.
func guess(t *image.Tree) *Base {
	id, version := distribution(t)
	layers := baseLayers(t)
	for _, o := range official {
		v := variable(t, o.variable)
		m := release.FindStringSubmatch(v)
		if m == nil {
			continue
		}
		tag := m[1]
		if major, _, ok := strings.Cut(tag, "."); ok && o.image != "python" && o.image != "golang" && o.image != "rust" && o.image != "php" && o.image != "ruby" {
			tag = major // of these the first number names a release
		}
		switch {
		case id == "alpine":
			tag += "-alpine"
		case formsOf[o.image].slim && !built(t, layers):
			tag += "-slim"
		}
		return &Base{Name: o.image + ":" + tag, How: ByHistory, Guess: true, Layers: layers}
	}
	if id == "" {
		return nil
	}
	name := id
	switch {
	case isDistroless(t):
		name = "gcr.io/distroless/" + distrolessKind(t) + "-debian" + version
	case version != "":
		name += ":" + version
		if id == "debian" && t.Resolve("/etc/dpkg/dpkg.cfg.d/docker") != nil { // what debuerreotype-slimify leaves
			name += "-slim"
		}
	}
	return &Base{Name: name, How: ByRelease, Guess: true, Layers: layers}
}

// isDistroless tells images that have Debian's packages, but not its dpkg.
func isDistroless(t *image.Tree) bool {
	b, ok := t.Content("/etc/os-release")
	return ok && strings.Contains(string(b), "Distroless") || t.Resolve("/var/lib/dpkg/status.d") != nil && t.Resolve("/var/lib/dpkg/status") == nil
}

// distrolessKind is the least of the distroless images that has what this one has.
func distrolessKind(t *image.Tree) string {
	switch {
	case t.Resolve("/usr/bin/python3") != nil:
		return "python3"
	case t.Resolve("/var/lib/dpkg/status.d/libstdc++6") != nil:
		return "cc"
	case t.Measure().Libc != "none":
		return "base"
	}
	return "static"
}

// built reports whether a base has a compiler: the full forms of official images do.
func built(t *image.Tree, layers int) bool {
	for _, p := range []string{"/usr/bin/gcc", "/usr/bin/cc"} {
		if e := t.Resolve(p); e != nil && (layers == 0 || e.Layer < layers) {
			return true
		}
	}
	return false
}

func variable(t *image.Tree, name string) string {
	for _, v := range t.Config.Config.Env {
		if s, ok := strings.CutPrefix(v, name+"="); ok {
			return s
		}
	}
	return ""
}

// distribution is what os-release says; of Alpine's version as much as its tags have.
func distribution(t *image.Tree) (id, version string) {
	d := inventory.ReadDistro(t)
	if parts := strings.Split(d.Version, "."); d.ID == "alpine" && len(parts) > 2 {
		return d.ID, strings.Join(parts[:2], ".")
	}
	return d.ID, d.Version
}

// baseLayers guesses where the base ends in the history: an image ends with what it runs, so the last CMD or ENTRYPOINT after which
// another layer comes was the base's. 0 when there is none.
func baseLayers(t *image.Tree) int {
	layers, end := 0, 0
	for _, h := range t.Config.History {
		if !h.EmptyLayer {
			layers++
			continue
		}
		if command.MatchString(h.CreatedBy) && layers < len(t.Layers) {
			end = layers
		}
	}
	if layers != len(t.Layers) {
		return 0 // the history tells of other layers
	}
	return end
}

var command = regexp.MustCompile(`^(?:/bin/sh -c #\(nop\)\s+)?(?:CMD|ENTRYPOINT)\b`)

// Advice names the others in a sentence; "" when there are none.
func (b *Base) Advice(bytes func(int64) string) string {
	var parts []string
	for _, o := range b.Others {
		s := o.Name
		if o.Pull > 0 {
			s += ", " + bytes(o.Pull) + " to pull"
			if b.Pull > 0 {
				s += " instead of " + bytes(b.Pull)
			}
		}
		if o.Note != "" {
			s += " (" + o.Note + ")"
		}
		parts = append(parts, o.Why+": "+s)
	}
	return strings.Join(slices.Compact(parts), "; ")
}

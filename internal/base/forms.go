package base

import (
	"cmp"
	"context"
	"path"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/stack"
)

// forms are the smaller forms in which an official image is published.
type forms struct {
	slim, alpine bool
	distroless   string // of the last Debian release that has it; %s stands for the major version
}

// formsOf the images of Docker's official library, as their pages there list them, and of github.com/GoogleContainerTools/distroless.
var formsOf = map[string]forms{
	"python": {true, true, "gcr.io/distroless/python3-debian12"}, "node": {true, true, "gcr.io/distroless/nodejs%s-debian12"}, "ruby": {true, true, ""}, "rust": {true, true, ""},
	"perl": {true, false, ""}, "debian": {true, false, ""}, "openjdk": {true, false, "gcr.io/distroless/java%s-debian12"}, "golang": {false, true, "gcr.io/distroless/static-debian12"},
	"php": {false, true, ""}, "nginx": {false, true, ""}, "redis": {false, true, ""}, "postgres": {false, true, ""}, "httpd": {false, true, ""}, "eclipse-temurin": {false, true, "gcr.io/distroless/java%s-debian12"},
}

// others finds what could take the base's place.
func (b *Base) others(ctx context.Context, t *image.Tree, open Open) {
	name, tag := split(b.Name)
	if !b.Guess && b.How != ByLayers && open != nil {
		b.moved(ctx, t, open)
	}
	short := strings.TrimPrefix(strings.TrimPrefix(name, "docker.io/"), "library/")
	f, ok := formsOf[short]
	if !ok || strings.Contains(tag, "windows") {
		return
	}
	version := strings.TrimPrefix(release.FindString(tag), "-")
	add := func(ref, note string) {
		if ref == b.Name || slices.ContainsFunc(b.Others, func(o Other) bool { return o.Name == ref }) {
			return
		}
		o := Other{Name: ref, Why: "smaller", Note: note}
		if open != nil {
			x, err := open(ctx, ref)
			if err != nil {
				return // the registry does not have it, or does not answer: it is not known to be there
			}
			o.Pull = pullOf(x)
			if b.Pull > 0 && o.Pull >= b.Pull {
				return
			}
		}
		b.Others = append(b.Others, o)
	}
	if slim, ok := stack.SlimTag(tag); f.slim && ok {
		add(name+":"+slim, "")
	}
	if f.distroless != "" && (version != "" || !strings.Contains(f.distroless, "%s")) && !strings.Contains(tag, "alpine") {
		major, _, _ := strings.Cut(version, ".")
		add(strings.ReplaceAll(f.distroless, "%s", major), "no shell")
	}
	if f.alpine && version != "" && !strings.Contains(tag, "alpine") {
		add(name+":"+version+"-alpine", "musl instead of glibc")
	}
	slices.SortStableFunc(b.Others, func(x, y Other) int { return cmp.Compare(x.Pull, y.Pull) })
}

// moved notes that the base's name now means another image than the one that this was built on.
func (b *Base) moved(ctx context.Context, t *image.Tree, open Open) {
	x, err := open(ctx, b.Name)
	if err != nil {
		return
	}
	now := digest(x)
	n, err := shared(t, x)
	if err != nil || b.Digest == now || b.Digest == "" && n > 0 {
		return
	}
	b.Others = append(b.Others, Other{Name: b.Name + "@" + now, Why: "newer", Note: "the same name, built again since", Pull: pullOf(x)})
}

func pullOf(img v1.Image) int64 {
	m, err := img.Manifest()
	if err != nil {
		return 0
	}
	var sum int64
	for _, l := range m.Layers {
		sum += l.Size
	}
	return sum
}

// split takes a reference apart into its name and its tag, "latest" when it has none.
func split(ref string) (name, tag string) {
	ref, _, _ = strings.Cut(ref, "@")
	if base := path.Base(ref); strings.Contains(base, ":") {
		at := strings.LastIndexByte(ref, ':')
		return ref[:at], ref[at+1:]
	}
	return ref, "latest"
}

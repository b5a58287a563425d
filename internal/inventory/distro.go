package inventory

import (
	"strings"

	"github.com/lighten/lighten/internal/image"
)

// Distro is a distribution, as os-release calls it.
type Distro struct {
	ID      string // "debian"; "" when nothing says
	Version string // "12"; "" for rolling ones
}

// ReadDistro returns the distribution of a tree that holds the content [Want] asks for.
func ReadDistro(t *image.Tree) Distro {
	for _, p := range []string{"/etc/os-release", "/usr/lib/os-release"} {
		if b, ok := t.Content(p); ok {
			return Distro{releaseField(b, "ID"), releaseField(b, "VERSION_ID")}
		}
	}
	return Distro{}
}

// releaseField reads a variable of os-release(5). The two wanted here hold nothing that a shell would have to unquote.
func releaseField(b []byte, name string) string {
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, name+"="); ok {
			return strings.Trim(strings.TrimSpace(v), `"'`)
		}
	}
	return ""
}

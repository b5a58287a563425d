package closure

import (
	"bytes"
	"strings"

	"github.com/lighten/lighten/internal/inventory"
)

// Rewritten returns what a package database says once the entries of packages that are gone are cut out of it; false for
// files that stay as they are. What stays of it, stays to the byte.
func (k *Keep) Rewritten(path string) ([]byte, bool) {
	field, ecosystem := "", ""
	switch path {
	case "/var/lib/dpkg/status":
		field, ecosystem = "Package: ", inventory.Deb
	case "/lib/apk/db/installed", "/usr/lib/apk/db/installed":
		field, ecosystem = "P:", inventory.APK
	default:
		return nil, false
	}
	b, ok := k.tree.Content(path)
	if !ok {
		return nil, false
	}
	here := map[string]bool{}
	for _, p := range k.Packages() {
		if p.Ecosystem == ecosystem {
			here[p.Name] = true
		}
	}
	var out []byte
	for part := range bytes.SplitAfterSeq(b, []byte("\n\n")) { // paragraphs: deb-control(5), apk-package(5)
		if here[nameIn(part, field)] {
			out = append(out, part...)
		}
	}
	return out, true
}

// nameIn is the value of a field that begins a line.
func nameIn(paragraph []byte, field string) string {
	for line := range bytes.Lines(paragraph) {
		if v, ok := strings.CutPrefix(string(line), field); ok {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

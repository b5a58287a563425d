package stack

import (
	"bytes"
	"io/fs"
	"path"
	"regexp"
	"strings"

	"github.com/lighten/lighten/internal/inventory"
)

const maxRequirements = 4 << 20 // bytes of a file of requirements

var (
	pinned = regexp.MustCompile(`^\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*==`)
	listed = regexp.MustCompile(`--hash[=\s]\s*([a-z0-9]+):([0-9a-fA-F]+)`)
	goesOn = regexp.MustCompile(`\\[ \t]*\r?\n`)
)

// Hashes are the SHA-256 sums that files of requirements in dir, and in directories of it, list for each distribution (pip's
// hash-checking mode), by the name as PEP 503 compares it. Of what is fixed by another sum nothing is told.
func Hashes(dir fs.FS) map[string][]string {
	all := map[string][]string{}
	for _, pattern := range []string{"*.txt", "*/*.txt"} {
		files, _ := fs.Glob(dir, pattern) // the patterns are well-formed
		for _, f := range files {
			if info, err := fs.Stat(dir, f); err != nil || !info.Mode().IsRegular() || info.Size() > maxRequirements {
				continue
			}
			if b, err := fs.ReadFile(dir, path.Clean(f)); err == nil && bytes.Contains(b, []byte("--hash")) {
				hashesOf(b, all)
			}
		}
	}
	return all
}

func hashesOf(b []byte, all map[string][]string) {
	for line := range bytes.Lines(goesOn.ReplaceAll(b, []byte(" "))) {
		m := pinned.FindSubmatch(line)
		if m == nil {
			continue
		}
		name := inventory.PyPIName(string(m[1]))
		for _, h := range listed.FindAllSubmatch(line, -1) {
			if string(h[1]) == "sha256" {
				all[name] = append(all[name], strings.ToLower(string(h[2])))
			}
		}
	}
}

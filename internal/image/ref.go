package image

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
)

// The transports: where an image lies, and in which form.
const (
	transportRegistry      = "docker://"
	transportDaemon        = "docker-daemon:"
	transportPodman        = "podman:"
	transportContainerd    = "containerd:" // is read only
	transportDockerArchive = "docker-archive:"
	transportOCI           = "oci:"
	transportOCIArchive    = "oci-archive:"
	transportStream        = "-"
)

// location is a parsed image reference of any transport.
type location struct {
	transport string
	name      string // registry, daemon: the image's name; archives: an image in it, if given
	path      string // file or directory
	selector  string // oci: a tag (any text) or "sha256:…"; "" for none
}

// docker tells whether images lie there in Docker's own format: one platform, gzip, nothing attached.
func (l location) docker() bool {
	return l.transport == transportDockerArchive || l.daemon() || l.transport == transportStream
}

// daemon tells whether a local Docker, or podman in its place, holds the image.
func (l location) daemon() bool {
	return l.transport == transportDaemon || l.transport == transportPodman
}

func (l location) String() string {
	switch l.transport {
	case transportStream:
		return "standard input"
	case transportRegistry:
		return l.name
	case transportDaemon, transportPodman, transportContainerd:
		return l.transport + l.name
	}
	s := l.transport + l.path
	switch {
	case strings.HasPrefix(l.selector, "sha256:"):
		s += "@" + l.selector
	case l.selector != "":
		s += ":" + l.selector
	}
	return s
}

// parseLocation takes a reference apart. It looks at the file system for one thing: which part of oci:A:B:C is the
// directory, when several could be.
func parseLocation(ref string) (location, error) {
	if ref == "-" {
		return location{transport: transportStream}, nil
	}
	for _, t := range []string{transportDockerArchive, transportOCIArchive, transportOCI, transportDaemon, transportPodman, transportContainerd} {
		rest, ok := strings.CutPrefix(ref, t)
		if !ok {
			continue
		}
		l := location{transport: t}
		switch t {
		case transportDaemon, transportPodman, transportContainerd:
			l.name = rest
			if t != transportContainerd && !isImageID(rest) { // containerd's names may be anything
				if err := checkName(rest); err != nil {
					return l, fmt.Errorf("reading the image reference %q: %w", ref, err)
				}
			}
		case transportDockerArchive:
			l.path = rest
		default:
			l.path, l.selector = splitSelector(rest)
		}
		if l.path == "" && l.name == "" {
			return l, fmt.Errorf("reading the image reference %q: nothing after %q", ref, t)
		}
		return l, nil
	}
	rest := strings.TrimPrefix(ref, transportRegistry)
	if err := checkName(rest); err != nil {
		return location{}, fmt.Errorf("reading the image reference %q: %w; an image is NAME[:TAG|@DIGEST], docker-daemon:NAME, podman:NAME, containerd:NAME, docker-archive:FILE, oci:DIR[:TAG], oci-archive:FILE or -", ref, err)
	}
	return location{transport: transportRegistry, name: rest}, nil
}

// checkName says what is wrong with a name of an image. A path is taken for one by registries' libraries: they would ask a host called "." for it.
func checkName(s string) error {
	if s == "." || s == ".." || strings.HasPrefix(s, "/") || strings.HasPrefix(s, "./") || strings.HasPrefix(s, "../") || archiveName(s) {
		if info, err := os.Stat(s); err == nil && info.IsDir() {
			return fmt.Errorf("this is a directory: say oci:%s for an OCI layout in it", s)
		}
		return fmt.Errorf("this is a file's path: say docker-archive:%s for what docker save writes, or oci-archive:%s", s, s)
	}
	var err error
	if strings.Contains(s, "@") {
		_, err = name.NewDigest(s)
	} else {
		_, err = name.NewTag(s)
	}
	return err
}

// archiveName tells the name of an archive that is there.
func archiveName(s string) bool {
	for _, ext := range []string{".tar", ".tgz", ".tar.gz", ".tar.zst"} {
		if strings.HasSuffix(s, ext) {
			info, err := os.Stat(s)
			return err == nil && info.Mode().IsRegular()
		}
	}
	return false
}

// isImageID reports whether s is what `docker images -q` prints, which name.ParseReference would take for a name.
func isImageID(s string) bool {
	hex, ok := strings.CutPrefix(s, "sha256:")
	return ok && len(hex) == 64 && strings.Trim(hex, "0123456789abcdef") == ""
}

// splitSelector divides DIR, DIR:TAG and DIR@sha256:HEX. A tag may hold colons and slashes (a full reference), and so
// may a directory: the longest prefix that exists is the directory; where none does, it ends at the first colon, as
// for other tools.
func splitSelector(s string) (path, selector string) {
	if p, hex, ok := strings.Cut(s, "@sha256:"); ok {
		return p, "sha256:" + hex
	}
	for p := s; p != ""; {
		if _, err := os.Lstat(filepath.Clean(p)); err == nil {
			return p, strings.TrimPrefix(s[len(p):], ":")
		}
		i := strings.LastIndexByte(p, ':')
		if i < 0 {
			break
		}
		p = p[:i]
	}
	path, selector, _ = strings.Cut(s, ":")
	return path, selector
}

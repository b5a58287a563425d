package inventory

import (
	"archive/zip"
	"bytes"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"
)

// isArchive tells Java's archives by their names.
func isArchive(base string) bool {
	switch path.Ext(base) {
	case ".jar", ".war", ".ear":
		return true
	}
	return false
}

// Bounds on archives within an archive: those of Spring Boot hold all that the program needs in BOOT-INF/lib, those in them
// none.
const (
	maxInnerDepth = 3
	maxArtifacts  = 20_000
)

// javaArchive reads which artifacts an archive is and holds: Maven's pom.properties, else the manifest, else its name tell. Archives
// in it, as in the BOOT-INF/lib of Spring Boot, are parts of it.
func javaArchive(r io.ReaderAt, size int64, base string) []record {
	a := &archives{}
	a.archive(r, size, base, 0)
	for n := range a.all {
		a.all[n].Kind = Maven
	}
	if len(a.all) > 0 {
		a.all[0].Main = true
		for _, x := range a.all[1:] {
			a.all[0].Depends = append(a.all[0].Depends, x.Name)
		}
	}
	return a.all
}

type archives struct {
	unzipper
	all []record
}

func (a *archives) archive(r io.ReaderAt, size int64, base string, depth int) {
	z, err := a.open(r, size)
	if err != nil {
		return
	}
	a.all = append(a.all, a.artifacts(z, base)...)
	for _, f := range z.File {
		if !isArchive(path.Base(f.Name)) || depth == maxInnerDepth || len(a.all) >= maxArtifacts {
			continue
		}
		if f.Method == zip.Store { // where it lies it can be read in place
			if at, err := f.DataOffset(); err == nil && at >= 0 && f.UncompressedSize64 <= uint64(size) {
				a.archive(io.NewSectionReader(r, at, int64(f.UncompressedSize64)), int64(f.UncompressedSize64), path.Base(f.Name), depth+1)
			}
			continue
		}
		if b, err := a.read(f, maxInnerZip); err == nil {
			a.archive(bytes.NewReader(b), int64(len(b)), path.Base(f.Name), depth+1)
		}
	}
}

// artifacts returns what an archive is, and then, of one into which others were unpacked, those.
func (a *archives) artifacts(z *zip.Reader, base string) []record {
	var poms []record
	var manifest map[string]string
	for _, f := range z.File {
		switch {
		case f.Name == "META-INF/MANIFEST.MF":
			if b, err := a.read(f, maxZipped); err == nil {
				manifest = parseManifest(b)
			}
		case len(a.all)+len(poms) < maxArtifacts && strings.HasPrefix(f.Name, "META-INF/maven/") && path.Base(f.Name) == "pom.properties":
			if b, err := a.read(f, 64<<10); err == nil {
				poms = append(poms, parsePomProperties(b)...)
			}
		}
	}
	slices.SortFunc(poms, func(x, y record) int { return strings.Compare(x.Name+" "+x.Version, y.Name+" "+y.Version) })
	poms = slices.CompactFunc(poms, func(x, y record) bool { return x.Name == y.Name && x.Version == y.Version })
	name, version := archiveName(base)
	for n, p := range poms {
		if _, artifact, _ := strings.Cut(p.Name, ":"); artifact == name || len(poms) == 1 && version == p.Version {
			return append([]record{p}, slices.Delete(poms, n, n+1)...)
		}
	}
	return append([]record{fromManifest(manifest, name, version)}, poms...)
}

var jarVersion = regexp.MustCompile(`^(.+?)-(\d[\w.+-]*)$`)

// archiveName takes "spring-core-5.3.1.jar" apart.
func archiveName(base string) (name, version string) {
	base = strings.TrimSuffix(base, path.Ext(base))
	if m := jarVersion.FindStringSubmatch(base); m != nil {
		return m[1], m[2]
	}
	return base, ""
}

// fromManifest names an archive without pom.properties.
func fromManifest(m map[string]string, name, version string) record {
	r := record{Name: name, Version: version}
	if group := m["Implementation-Vendor-Id"]; group != "" && !strings.ContainsAny(group, " :") {
		r.Name = group + ":" + name
	}
	for _, key := range []string{"Implementation-Version", "Bundle-Version", "Specification-Version"} {
		if r.Version == "" {
			r.Version = m[key]
		}
	}
	return r
}

// parseManifest reads the main section of a manifest (JAR File Specification): "Name: value", continued by a line that begins with a
// space.
func parseManifest(b []byte) map[string]string {
	m := map[string]string{}
	last := ""
	for line := range strings.Lines(string(b)) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			break
		}
		if more, ok := strings.CutPrefix(line, " "); ok {
			if last != "" {
				m[last] += more
			}
			continue
		}
		key, value, _ := strings.Cut(line, ":")
		last = key
		m[key] = strings.TrimSpace(value)
	}
	return m
}

func parsePomProperties(b []byte) []record {
	m := map[string]string{}
	for line := range strings.Lines(string(b)) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(key, "#") {
			m[strings.TrimSpace(key)] = strings.TrimSpace(value)
		}
	}
	if m["groupId"] == "" || m["artifactId"] == "" {
		return nil
	}
	return []record{{Name: m["groupId"] + ":" + m["artifactId"], Version: m["version"]}}
}

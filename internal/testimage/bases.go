package testimage

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// refName is the annotation under which an OCI layout names a manifest (image-spec, annotations.md).
const refName = "org.opencontainers.image.ref.name"

// Base is one base image in a layout.
type Base struct {
	Ref       string // full reference: "docker.io/library/alpine:3.20"
	Layout    string // directory of the OCI layout that holds it
	Digest    v1.Hash
	MediaType string
}

// Root returns the directory of this repository: the closest parent of the working directory with a go.mod.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for d := dir; ; d = filepath.Dir(d) {
		if _, err := os.Stat(filepath.Join(d, "go.mod")); err == nil {
			return d, nil
		}
		if d == filepath.Dir(d) {
			return "", fmt.Errorf("looking for the repository: no go.mod in %s or above it", dir)
		}
	}
}

// Shared returns the directory of ready base images (oci/ and alpine/ in it), or "" when there is none:
// $LIGHTEN_SHARED if set ("none": none), else ../shared/bases beside the repository.
func Shared() string {
	dir := os.Getenv("LIGHTEN_SHARED")
	if dir == "none" {
		return ""
	}
	if dir == "" {
		root, err := Root()
		if err != nil {
			return ""
		}
		dir = filepath.Join(filepath.Dir(root), "shared", "bases")
	}
	if _, err := os.Stat(filepath.Join(dir, "oci", "index.json")); err != nil {
		return ""
	}
	return dir
}

// Cache returns the layout of base images assembled on this machine, which need not exist yet: $LIGHTEN_BASES if
// set, else .cache/bases in the repository.
func Cache() (string, error) {
	if dir := os.Getenv("LIGHTEN_BASES"); dir != "" {
		return filepath.Abs(dir)
	}
	root, err := Root()
	if err != nil {
		return "", err
	}
	return filepath.Join(root, ".cache", "bases"), nil
}

// Layouts returns the layouts that are there, the ready ones before the assembled ones.
func Layouts() ([]string, error) {
	var dirs []string
	if s := Shared(); s != "" {
		dirs = append(dirs, filepath.Join(s, "oci"))
	}
	c, err := Cache()
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(c, "index.json")); err == nil {
		dirs = append(dirs, c)
	}
	return dirs, nil
}

// ReadLayout returns the named images of the OCI layout in dir, sorted by reference.
func ReadLayout(dir string) ([]Base, error) {
	b, err := os.ReadFile(filepath.Join(dir, "index.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading base images: %s is no OCI layout: %w", dir, err)
	} else if err != nil {
		return nil, fmt.Errorf("reading base images: %w", err)
	}
	var idx v1.IndexManifest
	if err := json.Unmarshal(b, &idx); err != nil {
		return nil, fmt.Errorf("reading base images: %s/index.json: %w", dir, err)
	}
	var bases []Base
	for _, m := range idx.Manifests {
		if ref := m.Annotations[refName]; ref != "" {
			bases = append(bases, Base{Ref: ref, Layout: dir, Digest: m.Digest, MediaType: string(m.MediaType)})
		}
	}
	slices.SortFunc(bases, func(a, b Base) int { return strings.Compare(a.Ref, b.Ref) })
	return bases, nil
}

// Bases returns every base image of the given layouts; where two hold the same reference, the first one's.
func Bases(layouts ...string) ([]Base, error) {
	var all []Base
	seen := map[string]bool{}
	for _, dir := range layouts {
		bases, err := ReadLayout(dir)
		if err != nil {
			return nil, err
		}
		for _, b := range bases {
			if !seen[b.Ref] {
				seen[b.Ref] = true
				all = append(all, b)
			}
		}
	}
	return all, nil
}

// FullRef spells a reference as Dockerfiles write it out in full: "python:3.11" is
// "docker.io/library/python:3.11", "gcr.io/distroless/cc" is "gcr.io/distroless/cc:latest".
func FullRef(ref string) string {
	host, path, ok := strings.Cut(ref, "/")
	if !ok || !strings.ContainsAny(host, ".:") && host != "localhost" {
		host, path = "docker.io", ref
		if !ok {
			path = "library/" + ref
		}
	}
	if last := path[strings.LastIndex(path, "/")+1:]; !strings.ContainsAny(last, ":@") {
		path += ":latest"
	}
	return host + "/" + path
}

// split takes a full reference apart: the registry's host, the repository's path in it, and the tag.
func split(full string) (host, repo, tag string) {
	host, path, _ := strings.Cut(full, "/")
	i := strings.LastIndex(path, ":")
	return host, path[:i], path[i+1:]
}

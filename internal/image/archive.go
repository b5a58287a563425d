package image

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// maxArchiveEntries bounds the index of an archive; the largest real ones have some hundred entries.
const maxArchiveEntries = 1 << 20

// tarStore gives random access to the files of an uncompressed tar archive.
type tarStore struct {
	f     *os.File
	files map[string]section
	links map[string]string
}

type section struct{ offset, size int64 }

// openArchive opens an image of an archive, which may be compressed as a whole.
func openArchive(ctx context.Context, f *os.File, l location, o Options) (v1.Image, error) {
	s, err := openTar(ctx, f)
	if err != nil {
		return nil, err
	}
	docker, oci := s.has("manifest.json"), s.has("index.json")
	switch {
	case l.transport == transportOCIArchive && !oci:
		return nil, wrongArchive(docker, "no OCI archive: index.json is missing", "it is a docker-archive:")
	case l.transport == transportDockerArchive && !docker:
		return nil, wrongArchive(oci, "no docker archive: manifest.json is missing", "it is an oci-archive:")
	case !docker && !oci:
		return nil, errors.New("neither a docker nor an OCI archive: it holds no manifest.json and no index.json")
	}
	// `docker save` writes both since Docker 25; the OCI form keeps the image's own manifest.
	if l.transport == transportOCIArchive || l.transport == transportStream && oci {
		return openLayout(ctx, s, l.selector, o)
	}
	return openDockerArchive(ctx, s, l.name, o)
}

// openTar gives access to the files of an archive, which may be compressed as a whole.
func openTar(ctx context.Context, f *os.File) (*tarStore, error) {
	plain, err := plainArchive(ctx, f)
	if err != nil {
		return nil, err
	}
	s, err := indexArchive(ctx, plain)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, fmt.Errorf("reading the archive: %w: it ends in the middle; was it copied whole?", err)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the archive: %w", err)
	}
	return s, nil
}

func wrongArchive(other bool, what, instead string) error {
	if other {
		return fmt.Errorf("%s; %s", what, instead)
	}
	return errors.New(what)
}

// plainArchive returns f itself, or its decompressed content in a temporary file.
func plainArchive(ctx context.Context, f *os.File) (*os.File, error) {
	magic := make([]byte, 6)
	n, err := f.ReadAt(magic, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if n == 0 {
		return nil, errors.New("empty: not an archive")
	}
	if compressionOf(magic[:n]) == "" {
		return f, nil
	}
	defer f.Close()
	rc, err := decompress(f)
	if err != nil {
		return nil, fmt.Errorf("decompressing the archive: %w", err)
	}
	defer rc.Close()
	return spool(ctx, rc)
}

// indexArchive notes where the files of the archive lie. Reading a tar takes no more of f than it must, so that f's
// position after a header is where the content begins.
func indexArchive(ctx context.Context, f *os.File) (*tarStore, error) {
	s := &tarStore{f: f, files: map[string]section{}, links: map[string]string{}}
	tr := tar.NewReader(f)
	for n := 0; ; n++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return s, nil
		} else if err != nil {
			return nil, err
		}
		if n == maxArchiveEntries {
			return nil, fmt.Errorf("more than %d files, no image archive has as many", n)
		}
		file := path.Clean("/" + h.Name)[1:]
		switch h.Typeflag {
		case tar.TypeReg:
			at, err := f.Seek(0, io.SeekCurrent)
			if err != nil {
				return nil, err
			}
			s.files[file] = section{at, h.Size}
		case tar.TypeSymlink: // `docker save` before 25 links layers that are there twice
			s.links[file] = path.Join("/", path.Dir(file), h.Linkname)[1:]
		case tar.TypeLink:
			s.links[file] = path.Clean("/" + h.Linkname)[1:]
		}
	}
}

func (s *tarStore) find(name string) (section, bool) {
	name = path.Clean("/" + name)[1:]
	for range 8 {
		if sec, ok := s.files[name]; ok {
			return sec, true
		}
		to, ok := s.links[name]
		if !ok {
			break
		}
		name = to
	}
	return section{}, false
}

func (s *tarStore) has(name string) bool {
	_, ok := s.find(name)
	return ok
}

func (s *tarStore) open(name string) (io.ReadCloser, error) {
	sec, ok := s.find(name)
	if !ok {
		return nil, fmt.Errorf("%s is not in the archive: %w", name, fs.ErrNotExist)
	}
	return io.NopCloser(bufio.NewReaderSize(io.NewSectionReader(s.f, sec.offset, sec.size), 64<<10)), nil
}

// savedImage is an entry of manifest.json in an archive of `docker save`.
type savedImage struct {
	Config   string
	RepoTags []string
	Layers   []string
}

func openDockerArchive(ctx context.Context, s *tarStore, want string, o Options) (v1.Image, error) {
	b, err := readDocument(s, "manifest.json")
	if err != nil {
		return nil, err
	}
	var all []savedImage
	if err := json.Unmarshal(b, &all); err != nil {
		return nil, fmt.Errorf("reading manifest.json: %w", err)
	}
	saved, err := pickSaved(all, want)
	if err != nil {
		return nil, err
	}
	img, err := newSavedImage(ctx, s, saved)
	if err != nil {
		return nil, err
	}
	return img, checkImage(img, o)
}

// pickSaved chooses among the images of one archive: the one called want, else the only one.
func pickSaved(all []savedImage, want string) (savedImage, error) {
	if len(all) == 1 {
		return all[0], nil
	}
	ref, _ := name.ParseReference(want)
	var tags []string
	for _, m := range all {
		for _, t := range m.RepoTags {
			if have, err := name.ParseReference(t); err == nil && ref != nil && have.Name() == ref.Name() {
				return m, nil
			}
			tags = append(tags, t)
		}
	}
	if len(all) == 0 {
		return savedImage{}, errors.New("the archive holds no image")
	}
	return savedImage{}, fmt.Errorf("the archive holds %d images (%s); save one alone", len(all), strings.Join(tags, ", "))
}

// newSavedImage gives an image of `docker save` the manifest that the archive lacks. Layers that lie there
// uncompressed are compressed when somebody asks for their compressed form.
func newSavedImage(ctx context.Context, s *tarStore, saved savedImage) (v1.Image, error) {
	config, err := readDocument(s, saved.Config)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	cfg, err := v1.ParseConfigFile(bytes.NewReader(config))
	if err != nil {
		return nil, fmt.Errorf("reading the configuration %s: %w", saved.Config, err)
	}
	if len(cfg.RootFS.DiffIDs) != len(saved.Layers) {
		return nil, fmt.Errorf("manifest.json names %d layers, the configuration has %d diff IDs", len(saved.Layers), len(cfg.RootFS.DiffIDs))
	}
	var layers []v1.Layer
	for n, file := range saved.Layers {
		sec, ok := s.find(file)
		if !ok {
			return nil, fmt.Errorf("layer %s is missing in the archive", file)
		}
		l, err := newSavedLayer(ctx, s, file, sec, cfg.RootFS.DiffIDs[n])
		if err != nil {
			return nil, fmt.Errorf("layer %s: %w", file, err)
		}
		layers = append(layers, l)
	}
	return newLayeredImage(config, types.DockerManifestSchema2, types.DockerConfigJSON, layers, nil)
}

func newSavedLayer(ctx context.Context, s *tarStore, file string, sec section, diffID v1.Hash) (v1.Layer, error) {
	magic := make([]byte, min(6, sec.size))
	if _, err := s.f.ReadAt(magic, sec.offset); err != nil {
		return nil, err
	}
	raw := func() (io.ReadCloser, error) {
		rc, err := s.open(file)
		if err != nil {
			return nil, err
		}
		return readCloser{contextReader{ctx, rc}, rc}, nil
	}
	if compressionOf(magic) == "" {
		return newSpooledLayer(ctx, raw, diffID, Gzip, types.DockerLayer), nil
	}
	l := &foundLayer{raw: raw, size: sec.size, diffID: diffID, media: types.DockerLayer}
	if compressionOf(magic) == "zstd" {
		l.media = types.OCILayerZStd
	}
	return partial.CompressedToLayer(l)
}

type readCloser struct {
	io.Reader
	io.Closer
}

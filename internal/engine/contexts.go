package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/tonistiigi/fsutil"
)

func newDirs() *dirs { return &dirs{byID: map[string]fsutil.FS{}} }

// layoutsID names the session's OCI layouts; the engine refuses ids with ":" or "/".
const layoutsID = "layouts"

// namedContexts tells the frontend about b.Contexts.
func (s *solve) namedContexts(b *Build, g *gateway) error {
	names := make([]string, 0, len(b.Contexts))
	for n := range b.Contexts {
		names = append(names, n)
	}
	sort.Strings(names)
	for _, name := range names {
		v := b.Contexts[name]
		key := "context:" + name
		// The frontend looks image names up in full form, but stages as written.
		if ref, err := reference.ParseNormalizedNamed(name); err == nil {
			key = "context:" + strings.TrimSuffix(reference.FamiliarString(ref), ":latest")
		}
		kind, rest, isURL := strings.Cut(v, "://")
		switch {
		case kind == "oci-layout" && isURL:
			d, err := s.layouts.add(rest)
			if err != nil {
				return fmt.Errorf("opening the build context %s: %w", name, err)
			}
			g.opts[key] = "oci-layout://" + layoutsID + "@" + d.String()
		case isURL || strings.HasPrefix(v, "git@"):
			g.opts[key] = v
		default:
			id, err := s.dirs.add("context", v)
			if err != nil {
				return fmt.Errorf("opening the build context %s: %w", name, err)
			}
			g.opts[key] = "local:" + id
		}
	}
	return nil
}

// layouts are the OCI layouts of a session as one store; blobs are found by digest in any of them. It is read-only.
type layouts struct {
	mu     sync.RWMutex
	stores []blobs
}

// blobs is what a session store needs of each of its sources.
type blobs interface {
	content.InfoProvider
	content.Provider
	Walk(context.Context, content.WalkFunc, ...string) error
}

// add adds DIR[:TAG|@DIGEST] and returns the digest of the image it names. A tag may be a full reference.
func (l *layouts) add(spec string) (digest.Digest, error) {
	dir, sel := splitLayout(spec)
	src, err := os.ReadFile(filepath.Join(dir, ocispecs.ImageIndexFile))
	if err != nil {
		return "", fmt.Errorf("reading the OCI layout %s: %w", dir, err)
	}
	var idx ocispecs.Index
	if err := json.Unmarshal(src, &idx); err != nil {
		return "", fmt.Errorf("reading the OCI layout %s: %s: %w", dir, ocispecs.ImageIndexFile, err)
	}
	d, err := pick(idx, sel)
	if err != nil {
		return "", fmt.Errorf("reading the OCI layout %s: %w", dir, err)
	}
	store, err := openLayout(dir)
	if err != nil {
		return "", fmt.Errorf("reading the OCI layout %s: %w", dir, err)
	}
	l.addStore(store)
	return d, nil
}

func (l *layouts) addStore(b blobs) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stores = append(l.stores, b)
}

// splitLayout splits at the first place where what comes before is a layout: paths and tags may both hold colons.
func splitLayout(spec string) (dir, sel string) {
	for i, c := range spec {
		if c != ':' && c != '@' {
			continue
		}
		if _, err := os.Stat(filepath.Join(spec[:i], ocispecs.ImageIndexFile)); err == nil {
			return spec[:i], spec[i:]
		}
	}
	return spec, ""
}

// pick finds ":TAG", "@DIGEST" or, for "", the only image of an index.
func pick(idx ocispecs.Index, sel string) (digest.Digest, error) {
	if d, ok := strings.CutPrefix(sel, "@"); ok {
		dg, err := digest.Parse(d)
		if err != nil {
			return "", fmt.Errorf("digest %q: %w", d, err)
		}
		return dg, nil
	}
	if sel == "" {
		if len(idx.Manifests) == 1 {
			return idx.Manifests[0].Digest, nil
		}
		sel = ":latest"
	}
	tag := sel[1:]
	var have []string
	for _, m := range idx.Manifests {
		name := m.Annotations[ocispecs.AnnotationRefName]
		if name == tag {
			return m.Digest, nil
		}
		have = append(have, name)
	}
	sort.Strings(have)
	return "", fmt.Errorf("it has no image %q: it has %s", tag, strings.Join(have, ", "))
}

// openLayout opens a layout without writing to it, as containerd's store would on a directory that lacks its folders.
func openLayout(dir string) (content.Store, error) {
	if _, err := os.Stat(filepath.Join(dir, ocispecs.ImageBlobsDir)); err != nil {
		return nil, err
	}
	return local.NewStore(dir)
}

func (l *layouts) each(f func(blobs) error) error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	for _, s := range l.stores {
		if err := f(s); !errors.Is(err, errdefs.ErrNotFound) {
			return err
		}
	}
	return errdefs.ErrNotFound
}

// Info implements content.Store.
func (l *layouts) Info(ctx context.Context, d digest.Digest) (info content.Info, err error) {
	err = l.each(func(s blobs) (err error) { info, err = s.Info(ctx, d); return err })
	return info, err
}

// ReaderAt implements content.Store.
func (l *layouts) ReaderAt(ctx context.Context, desc ocispecs.Descriptor) (r content.ReaderAt, err error) {
	err = l.each(func(s blobs) (err error) { r, err = s.ReaderAt(ctx, desc); return err })
	return r, err
}

// Walk implements content.Store.
func (l *layouts) Walk(ctx context.Context, fn content.WalkFunc, filters ...string) error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	for _, s := range l.stores {
		if err := s.Walk(ctx, fn, filters...); err != nil {
			return err
		}
	}
	return nil
}

var errReadOnly = fmt.Errorf("an OCI layout used as a build context is read-only: %w", errdefs.ErrFailedPrecondition)

// Update implements content.Store: labels the engine sets are dropped.
func (l *layouts) Update(ctx context.Context, info content.Info, _ ...string) (content.Info, error) {
	return l.Info(ctx, info.Digest)
}

// Delete implements content.Store and refuses.
func (l *layouts) Delete(context.Context, digest.Digest) error { return errReadOnly }

// Writer implements content.Store and refuses.
func (l *layouts) Writer(context.Context, ...content.WriterOpt) (content.Writer, error) {
	return nil, errReadOnly
}

// Status implements content.Store: nothing is being written.
func (l *layouts) Status(context.Context, string) (content.Status, error) {
	return content.Status{}, errdefs.ErrNotFound
}

// ListStatuses implements content.Store: nothing is being written.
func (l *layouts) ListStatuses(context.Context, ...string) ([]content.Status, error) { return nil, nil }

// Abort implements content.Store: nothing is being written.
func (l *layouts) Abort(context.Context, string) error { return errdefs.ErrNotFound }

package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"
)

// layouts is held while an image is added to a layout: two at once would lose one from its index.
var layouts sync.Mutex

// Image reads the image an export left in the daemon into the OCI layout dir, and removes it from the daemon when it
// has no name there.
func (d *Daemon) Image(ctx context.Context, response map[string]string, dir string) (v1.Image, error) {
	id := response[exptypes.ExporterImageConfigDigestKey]
	if id == "" {
		id = response[exptypes.ExporterImageDigestKey] // a daemon without its containerd store means the image's id
	}
	if id == "" {
		return nil, fmt.Errorf("reading the image from %s: it did not say which it made", d)
	}
	archive, err := os.CreateTemp(dir, "docker-save-*.tmp") // several images may be on their way into dir
	if err != nil {
		return nil, fmt.Errorf("reading image %s from %s: %w", id, d, err)
	}
	defer os.Remove(archive.Name())
	if err := errors.Join(d.save(ctx, id, archive), archive.Close()); err != nil {
		return nil, fmt.Errorf("reading image %s from %s: %w", id, d, err)
	}
	img, err := tarball.ImageFromPath(archive.Name(), nil)
	if err != nil {
		return nil, fmt.Errorf("reading image %s from %s: %w", id, d, err)
	}
	layouts.Lock()
	defer layouts.Unlock()
	path, err := layout.FromPath(dir)
	if err != nil {
		if path, err = layout.Write(dir, empty.Index); err != nil {
			return nil, fmt.Errorf("making the image directory %s: %w", dir, err)
		}
	}
	if err := path.AppendImage(img); err != nil {
		return nil, fmt.Errorf("writing image %s to %s: %w", id, dir, err)
	}
	dg, err := img.Digest()
	if err != nil {
		return nil, err
	}
	d.removeNameless(ctx, id)
	return path.Image(dg)
}

// save writes what "docker save" would.
func (d *Daemon) save(ctx context.Context, id string, w io.Writer) error {
	resp, err := d.do(ctx, http.MethodGet, "/images/"+id+"/get")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(w, resp.Body)
	return err
}

// removeNameless removes an image that nobody gave a name; its layers stay in the build cache. Failing to is no harm.
func (d *Daemon) removeNameless(ctx context.Context, id string) {
	var img struct{ RepoTags, RepoDigests []string }
	if d.get(ctx, "/images/"+id+"/json", &img) != nil || len(img.RepoTags)+len(img.RepoDigests) > 0 {
		return
	}
	if resp, err := d.do(ctx, http.MethodDelete, "/images/"+id); err == nil {
		resp.Body.Close()
	}
}

package docker

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/lighten/lighten/internal/image"
)

// loadedName is what images are called while lighten uses them. The top-level domain "invalid" belongs to nobody (RFC 2606), so
// that no registry is ever asked for it.
const loadedName = "lighten.invalid/run"

// Load puts an image into the daemon under a name of its own and returns the name and what removes it again. Layers which the daemon
// has already are not stored twice.
func (d *Daemon) Load(ctx context.Context, img v1.Image) (ref string, remove func(), err error) {
	ref = loadedName + ":" + strings.ToLower(rand.Text())
	tag, err := name.NewTag(ref)
	if err != nil {
		return "", nil, err
	}
	// Docker before 23 reads no zstd.
	if img, err = image.Recompress(img, image.Gzip); err != nil {
		return "", nil, err
	}
	if img, err = placed(img); err != nil {
		return "", nil, err
	}
	if err := d.load(ctx, func(w io.Writer) error { return tarball.Write(tag, img, w) }); err != nil {
		return "", nil, fmt.Errorf("loading the image into %s: %w", d, err)
	}
	return ref, func() { d.remove(ref) }, nil
}

// placed says which platform an image is for when it does not: the daemon would not find it for any.
func placed(img v1.Image) (v1.Image, error) {
	c, err := img.ConfigFile()
	if err != nil || c.OS != "" && c.Architecture != "" {
		return img, err
	}
	c = c.DeepCopy()
	c.OS, c.Architecture = "linux", runtime.GOARCH
	return mutate.ConfigFile(img, c)
}

// load does what "docker load" does, with an archive that is made as it is sent.
func (d *Daemon) load(ctx context.Context, write func(io.Writer) error) error {
	pr, pw := io.Pipe()
	written := make(chan error, 1)
	go func() {
		err := write(pw)
		pw.CloseWithError(err)
		written <- err
	}()
	err := d.send(ctx, "/images/load?quiet=1", "application/x-tar", pr)
	pr.Close() // ends the writer when the daemon gave up early
	if werr := <-written; werr != nil && !errors.Is(werr, io.ErrClosedPipe) {
		return werr // the cause; the daemon saw but a broken stream
	}
	return err
}

// send posts a body and reads the messages of the answer: a failure after the headers is told in them alone.
func (d *Daemon) send(ctx context.Context, path, kind string, body io.Reader) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://docker"+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", kind)
	resp, err := d.answer(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	for dec := json.NewDecoder(resp.Body); ; {
		var m struct {
			Error string `json:"error"`
		}
		if err := dec.Decode(&m); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("reading the daemon's answer: %w", err)
		}
		if m.Error != "" {
			return errors.New(strings.TrimSpace(m.Error))
		}
	}
}

// remove takes the name away, and the image where it was its only one. Failing to is no harm.
func (d *Daemon) remove(ref string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // the caller's may be over
	defer cancel()
	if resp, err := d.do(ctx, http.MethodDelete, "/images/"+ref); err == nil {
		resp.Body.Close()
	}
}

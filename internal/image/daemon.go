package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/moby/client"
)

// dockerClient connects to the local Docker ($DOCKER_HOST, else its socket), or to podman, which speaks the same at a socket
// of its own, and finds out which API it speaks.
func dockerClient(ctx context.Context, transport string) (*client.Client, error) {
	if transport == transportPodman {
		return podmanClient(ctx)
	}
	c, err := client.New(client.FromEnv)
	if err != nil {
		return nil, fmt.Errorf("connecting to Docker: %w", err)
	}
	if _, err := c.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true}); err != nil {
		return nil, errors.Join(fmt.Errorf("connecting to Docker at %s: %w; is it running, and may this user use it? Without Docker write docker-archive:FILE", c.DaemonHost(), err), c.Close())
	}
	return c, nil
}

// podmanClient connects to podman's service: $CONTAINER_HOST, as podman itself does, else the socket of this user's, else the
// system's.
func podmanClient(ctx context.Context) (*client.Client, error) {
	host := os.Getenv("CONTAINER_HOST")
	if host == "" {
		socket := "/run/podman/podman.sock"
		if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
			if own := filepath.Join(dir, "podman", "podman.sock"); exists(own) {
				socket = own
			}
		}
		host = "unix://" + socket
	}
	c, err := client.New(client.WithHost(host))
	if err != nil {
		return nil, fmt.Errorf("connecting to podman: %w", err)
	}
	if _, err := c.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true}); err != nil {
		return nil, errors.Join(fmt.Errorf("connecting to podman at %s: %w; start its service with `podman system service` or `systemctl start podman.socket`, or name `podman save`'s docker-archive:FILE", host, err), c.Close())
	}
	return c, nil
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

// openDaemon saves the image from the local Docker to a temporary file: the daemon has no way to give one layer.
func openDaemon(ctx context.Context, l location, o Options) (v1.Image, error) {
	ref := l.name
	c, err := dockerClient(ctx, l.transport)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if _, err := c.ImageInspect(ctx, ref); err != nil {
		return nil, fmt.Errorf("asking Docker: %w", err)
	}
	rc, err := c.ImageSave(ctx, []string{ref})
	if err != nil {
		return nil, fmt.Errorf("saving from Docker: %w", err)
	}
	defer rc.Close()
	f, err := spool(ctx, rc)
	if err != nil {
		return nil, err
	}
	return openArchive(ctx, f, location{transport: transportDockerArchive, name: ref}, o)
}

// loadDaemon hands an archive in `docker save`'s format to the local Docker as it is made.
func loadDaemon(ctx context.Context, transport string, write func(io.Writer) error) error {
	c, err := dockerClient(ctx, transport)
	if err != nil {
		return err
	}
	defer c.Close()
	pr, pw := io.Pipe()
	defer pr.Close() // ends the writer when Docker gives up early
	written := make(chan error, 1)
	go func() {
		err := write(pw)
		pw.CloseWithError(err)
		written <- err
	}()
	resp, err := c.ImageLoad(ctx, pr)
	if err == nil {
		err = loadResult(resp)
		resp.Close()
	}
	pr.Close()
	if werr := <-written; werr != nil && !errors.Is(werr, io.ErrClosedPipe) {
		return werr // the cause; Docker saw but a broken stream
	}
	if err != nil {
		return fmt.Errorf("loading into Docker: %w", err)
	}
	return nil
}

// loadResult reads the messages of a load. A failure after the headers is told in them alone.
func loadResult(r io.Reader) error {
	dec := json.NewDecoder(r)
	for {
		var m struct {
			Error string `json:"error"`
		}
		if err := dec.Decode(&m); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("reading Docker's answer: %w", err)
		}
		if m.Error != "" {
			return errors.New(strings.TrimSpace(m.Error))
		}
	}
}

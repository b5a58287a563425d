// Package docker reaches the BuildKit inside a Docker daemon, and the images it makes.
package docker

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/moby/buildkit/client"
)

// deadline is how long the daemon may take to answer what it has at hand.
const deadline = 10 * time.Second

// Daemon is a Docker daemon.
type Daemon struct {
	socket  string
	version string
	http    *http.Client
}

// DefaultSocket is $DOCKER_HOST when it is a socket, else Docker's usual place.
func DefaultSocket() string {
	if s, ok := strings.CutPrefix(os.Getenv("DOCKER_HOST"), "unix://"); ok {
		return s
	}
	return "/var/run/docker.sock"
}

// Open reaches the daemon at a socket; "": [DefaultSocket].
func Open(ctx context.Context, socket string) (*Daemon, error) {
	if socket == "" {
		socket = DefaultSocket()
	}
	d := &Daemon{socket: socket}
	d.http = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return d.dial(ctx) }}}
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	var v struct{ Version string }
	if err := d.get(ctx, "/version", &v); err != nil {
		return nil, fmt.Errorf("reaching the Docker daemon at %s: %w: check that it runs and that you may use its socket", socket, err)
	}
	d.version = v.Version
	return d, nil
}

// String names the daemon and its version.
func (d *Daemon) String() string { return "Docker " + d.version }

// Close drops idle connections.
func (d *Daemon) Close() error {
	d.http.CloseIdleConnections()
	return nil
}

func (d *Daemon) dial(ctx context.Context) (net.Conn, error) {
	return (&net.Dialer{Timeout: deadline}).DialContext(ctx, "unix", d.socket)
}

// do asks the daemon; the caller closes the body.
func (d *Daemon) do(ctx context.Context, method, path string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://docker"+path, nil)
	if err != nil {
		return nil, err
	}
	return d.answer(req)
}

// answer is the daemon's answer to a request; one that is no success is an error with the daemon's words.
func (d *Daemon) answer(req *http.Request) (*http.Response, error) {
	resp, err := d.http.Do(req)
	if err != nil {
		var ue *url.Error
		if errors.As(err, &ue) {
			err = ue.Err
		}
		return nil, err
	}
	if resp.StatusCode >= 300 {
		defer resp.Body.Close()
		b, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
		var m struct{ Message string }
		if json.Unmarshal(b, &m) == nil && m.Message != "" {
			return nil, fmt.Errorf("%s: %s", resp.Status, m.Message)
		}
		return nil, errors.New(resp.Status)
	}
	return resp, nil
}

func (d *Daemon) get(ctx context.Context, path string, v any) error {
	resp, err := d.do(ctx, http.MethodGet, path)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return json.NewDecoder(io.LimitReader(resp.Body, 16<<20)).Decode(v)
}

// Client is a BuildKit client of the daemon's BuildKit.
func (d *Daemon) Client(ctx context.Context) (*client.Client, error) {
	c, err := client.New(ctx, "passthrough:///docker",
		client.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return d.hijack(ctx, "/grpc", "h2c", nil) }),
		client.WithSessionDialer(func(ctx context.Context, proto string, meta map[string][]string) (net.Conn, error) {
			return d.hijack(ctx, "/session", proto, meta)
		}))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	if _, err := c.ListWorkers(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("reaching the BuildKit of %s: %w: it needs Docker 18.09 or later", d, err), c.Close())
	}
	return c, nil
}

// hijack turns one request to the daemon into a raw connection.
func (d *Daemon) hijack(ctx context.Context, path, proto string, meta map[string][]string) (net.Conn, error) {
	c, err := d.dial(ctx)
	if err != nil {
		return nil, err
	}
	fail := func(err error) (net.Conn, error) { return nil, errors.Join(err, c.Close()) }
	if err := c.SetDeadline(time.Now().Add(deadline)); err != nil {
		return fail(err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://docker"+path, nil)
	if err != nil {
		return fail(err)
	}
	for k, v := range meta {
		req.Header[http.CanonicalHeaderKey(k)] = v
	}
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", proto)
	if err := req.Write(c); err != nil {
		return fail(err)
	}
	br := bufio.NewReader(c)
	resp, err := http.ReadResponse(br, req)
	if err != nil {
		return fail(err)
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		return fail(fmt.Errorf("%s: %s", path, resp.Status))
	}
	if err := c.SetDeadline(time.Time{}); err != nil {
		return fail(err)
	}
	return &bufConn{Conn: c, r: br}, nil
}

// bufConn reads first what came together with the daemon's answer.
type bufConn struct {
	net.Conn
	r *bufio.Reader
}

func (b *bufConn) Read(p []byte) (int, error) { return b.r.Read(p) }

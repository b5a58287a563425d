// Package access says how this machine reaches registries and package indexes: mirrors, plain http, a company's own
// certificate authority, proxies. It opens nothing itself; engine and image act on it.
package access

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/buildkit/util/suggest"
	"go.yaml.in/yaml/v3"
)

// Config is what the configuration file and the environment say. The zero value is a machine with direct access and
// public certificate authorities only.
type Config struct {
	Mirrors   map[string][]string // registry host ("docker.io") -> mirrors in order: "host[:port][/path]", "http://…" or "https://…"
	PlainHTTP []string            // hosts ("host[:port]") spoken to without TLS; loopback always may be
	CA        []byte              // PEM bundle handed to RUN steps and trusted for registries; nil: none
	CAFrom    string              // where CA came from, for messages
	CASetting string              // the configuration file's ca: as an absolute file name, "none", or ""
	Proxy     map[string]string   // HTTP_PROXY, HTTPS_PROXY, NO_PROXY, FTP_PROXY, ALL_PROXY as found; nil: those of the environment
}

// Endpoint is one place where a registry's content can be had.
type Endpoint struct {
	Host      string // "host[:port]"; Docker Hub is "docker.io" here, whatever name its API answers to
	Path      string // prefix of repository names there, without slashes at its ends: "proxy/hub"; "" for most
	PlainHTTP bool   // speak http, not https
}

// keys are the configuration file's, in the order they are documented.
var keys = []string{"mirrors", "plain-http", "ca"}

// DefaultPath returns where the configuration file is looked for when no name is given: $LIGHTEN_CONFIG, else
// lighten/config.yaml in $XDG_CONFIG_HOME or ~/.config; "" when there is no home either.
func DefaultPath() string {
	if p := os.Getenv("LIGHTEN_CONFIG"); p != "" {
		return p
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "lighten", "config.yaml")
}

// Load reads the configuration file at path, or at [DefaultPath] when path is "", and takes the proxies from the
// environment. A file that nobody named need not exist. It does not look for a certificate authority: call
// [Config.FindCA].
func Load(path string) (Config, error) {
	named := path != "" || os.Getenv("LIGHTEN_CONFIG") != ""
	if path == "" {
		path = DefaultPath()
	}
	c := Config{Proxy: ProxyFromEnv()}
	if path == "" {
		return c, nil
	}
	src, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && !named {
		return c, nil
	} else if err != nil {
		return c, fmt.Errorf("reading the configuration: %w", err)
	}
	if err := c.parse(path, src); err != nil {
		return c, fmt.Errorf("reading the configuration: %w", err)
	}
	return c, nil
}

// parse sets what the YAML document src says; name is the file's, for messages and relative file names.
func (c *Config) parse(name string, src []byte) error {
	var doc yaml.Node
	if err := yaml.NewDecoder(bytes.NewReader(src)).Decode(&doc); errors.Is(err, io.EOF) {
		return nil // empty, or comments alone
	} else if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	root := doc.Content[0]
	if root.Kind == yaml.ScalarNode && root.Tag == "!!null" {
		return nil
	}
	if root.Kind != yaml.MappingNode {
		return fmt.Errorf("%s:%d:%d: want keys (%s)", name, root.Line, root.Column, strings.Join(keys, ", "))
	}
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		if err := c.set(name, key.Value, value); err != nil {
			return fmt.Errorf("%s:%d:%d: %w", name, key.Line, key.Column, err)
		}
	}
	return nil
}

func (c *Config) set(file, key string, value *yaml.Node) error {
	switch key {
	case "mirrors":
		var m map[string]list
		if err := value.Decode(&m); err != nil {
			return fmt.Errorf("mirrors wants registry: mirror, or registry: [mirror, …]: %w", err)
		}
		c.Mirrors = map[string][]string{}
		for _, host := range slices.Sorted(maps.Keys(m)) {
			for _, mirror := range m[host] {
				if _, err := parseEndpoint(mirror); err != nil {
					return fmt.Errorf("mirror of %s: %w", host, err)
				}
			}
			c.Mirrors[hubName(host)] = append(c.Mirrors[hubName(host)], m[host]...)
		}
	case "plain-http":
		if err := value.Decode(&c.PlainHTTP); err != nil {
			return fmt.Errorf("plain-http wants a list of host[:port]: %w", err)
		}
		for _, h := range c.PlainHTTP {
			if e, err := parseEndpoint(h); err != nil || strings.Contains(h, "://") || e.Path != "" {
				return fmt.Errorf("plain-http: %q is no host[:port]", h)
			}
		}
	case "ca":
		if err := value.Decode(&c.CASetting); err != nil {
			return fmt.Errorf("ca wants a file name or none: %w", err)
		}
		if c.CASetting != "" && c.CASetting != "none" && !filepath.IsAbs(c.CASetting) {
			c.CASetting = filepath.Join(filepath.Dir(file), c.CASetting)
		}
	default:
		err := fmt.Errorf("unknown key %q; known: %s", key, strings.Join(keys, ", "))
		return suggest.WrapError(err, key, keys, true)
	}
	return nil
}

// list is a list of texts; a single one may be written without brackets.
type list []string

func (l *list) UnmarshalYAML(value *yaml.Node) error {
	if value.Kind == yaml.ScalarNode && value.Tag != "!!null" {
		*l = list{value.Value}
		return nil
	}
	return value.Decode((*[]string)(l))
}

// hubName spells Docker Hub as references do; its API has two other names.
func hubName(host string) string {
	switch host {
	case "index.docker.io", "registry-1.docker.io":
		return "docker.io"
	}
	return host
}

// Endpoints returns where images of the registry host are had, best first: its mirrors, then host itself.
func (c Config) Endpoints(host string) []Endpoint {
	host = hubName(host)
	var es []Endpoint
	for _, m := range c.Mirrors[host] {
		e, err := parseEndpoint(m)
		if err != nil {
			continue // Load refuses it; a Config made by hand can hold one
		}
		e.PlainHTTP = e.PlainHTTP || !strings.HasPrefix(m, "https://") && c.plain(e.Host)
		es = append(es, e)
	}
	return append(es, Endpoint{Host: host, PlainHTTP: c.plain(host)})
}

// plain reports whether host is spoken to without TLS.
func (c Config) plain(host string) bool {
	return slices.Contains(c.PlainHTTP, host) || IsLoopback(host)
}

// IsLoopback reports whether host ("name[:port]") is this machine by name or address.
func IsLoopback(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// parseEndpoint reads "[http://|https://]host[:port][/path]".
func parseEndpoint(s string) (Endpoint, error) {
	var e Endpoint
	rest := s
	if scheme, r, ok := strings.Cut(s, "://"); ok {
		if scheme != "http" && scheme != "https" {
			return e, fmt.Errorf("%q: want http:// or https://, not %s://", s, scheme)
		}
		e.PlainHTTP, rest = scheme == "http", r
	}
	e.Host, e.Path, _ = strings.Cut(rest, "/")
	e.Path = strings.Trim(e.Path, "/")
	if e.Host == "" || strings.ContainsAny(rest, " \t\r\n?#@\\") {
		return e, fmt.Errorf("%q is no [http://]host[:port][/path]", s)
	}
	return e, nil
}

package embedded

import (
	"net/http"
	"path"

	"github.com/containerd/containerd/v2/core/remotes/docker"

	"github.com/lighten/lighten/internal/access"
)

// Hosts says where the images of a registry are fetched: its mirrors in order, then the registry itself.
func Hosts(a access.Config) docker.RegistryHosts {
	rt := access.Retry(a.Transport())
	return func(host string) ([]docker.RegistryHost, error) {
		var out []docker.RegistryHost
		for _, e := range a.Endpoints(host) {
			h := docker.RegistryHost{
				Client: &http.Client{Transport: rt}, Host: e.Host, Scheme: "https", Path: path.Join("/v2", e.Path),
				Capabilities: docker.HostCapabilityPull | docker.HostCapabilityResolve,
			}
			if e.PlainHTTP {
				h.Scheme = "http"
			}
			if h.Host == "docker.io" {
				h.Host = "registry-1.docker.io" // Docker Hub's API answers under another name
			}
			out = append(out, h)
		}
		return out, nil
	}
}

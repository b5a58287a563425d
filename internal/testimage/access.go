package testimage

import (
	"testing"

	"github.com/lighten/lighten/internal/access"
)

// mirrored are the registries whose images the loopback registry stands in for.
var mirrored = []string{"docker.io", "gcr.io"}

// Mirrors returns the mirrors part of a configuration that has every image come from the registry at url.
func Mirrors(url string) map[string][]string {
	m := map[string][]string{}
	for _, host := range mirrored {
		m[host] = []string{url}
	}
	return m
}

// Access returns how this machine's base images are reached in tests: by the loopback registry, with the
// certificate authority and the proxies of the host, which package indexes may need.
func Access(t testing.TB) access.Config {
	t.Helper()
	c := access.Config{Mirrors: Mirrors(Registry(t)), Proxy: access.ProxyFromEnv()}
	if err := c.FindCA(""); err != nil {
		t.Fatal(err)
	}
	return c
}

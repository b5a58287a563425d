package access

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/http/httpproxy"
)

// proxyNames are the variables that programs read, upper case first: where both are set, Docker, Go and curl differ,
// and the upper case one is what `docker build` hands on.
var proxyNames = []string{"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "FTP_PROXY", "ALL_PROXY"}

// ProxyFromEnv returns the proxy variables of this process under their upper case names; those set in either case.
func ProxyFromEnv() map[string]string {
	m := map[string]string{}
	for _, n := range proxyNames {
		for _, v := range []string{os.Getenv(n), os.Getenv(strings.ToLower(n))} {
			if v != "" {
				m[n] = v
				break
			}
		}
	}
	return m
}

// Transport returns a new transport for registries: it trusts c.CA beside the system's authorities and goes through
// c.Proxy.
func (c Config) Transport() http.RoundTripper {
	return &transport{plain: c.transport(nil), tls: sync.OnceValue(func() *http.Transport { return c.transport(c.roots()) })}
}

// transport reads the certificate authorities when they are first needed: that takes longer than a build whose registry
// is on loopback, or that needs none.
type transport struct {
	plain *http.Transport
	tls   func() *http.Transport
}

// RoundTrip implements [http.RoundTripper].
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme == "http" {
		return t.plain.RoundTrip(r)
	}
	return t.tls().RoundTrip(r)
}

func (c Config) transport(roots *x509.CertPool) *http.Transport {
	return &http.Transport{
		Proxy:                 c.proxy(),
		DialContext:           (&net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		ForceAttemptHTTP2:     true,
		MaxIdleConns:          100,
		MaxIdleConnsPerHost:   16,
		IdleConnTimeout:       90 * time.Second,
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: 2 * time.Minute, // a registry that accepts and never answers must not hang a build
		ExpectContinueTimeout: time.Second,
		TLSClientConfig:       &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
	}
}

// roots returns nil, the system's authorities, when nothing needs to be added to them.
func (c Config) roots() *x509.CertPool {
	pool, err := x509.SystemCertPool()
	bare := err != nil || pool.Equal(x509.NewCertPool())
	if !bare && len(c.CA) == 0 {
		return nil
	}
	if bare { // a machine without ca-certificates: a container from scratch
		pool = x509.NewCertPool()
		for _, der := range publicRoots() {
			if cert, err := x509.ParseCertificate(der); err == nil {
				pool.AddCert(cert)
			}
		}
	}
	pool.AppendCertsFromPEM(c.CA)
	return pool
}

func (c Config) proxy() func(*http.Request) (*url.URL, error) {
	p := c.Proxy
	if p == nil {
		p = ProxyFromEnv()
	}
	first := func(names ...string) string {
		for _, n := range names {
			if p[n] != "" {
				return p[n]
			}
		}
		return ""
	}
	f := (&httpproxy.Config{
		HTTPProxy:  first("HTTP_PROXY", "ALL_PROXY"),
		HTTPSProxy: first("HTTPS_PROXY", "ALL_PROXY"),
		NoProxy:    p["NO_PROXY"],
	}).ProxyFunc()
	return func(r *http.Request) (*url.URL, error) { return f(r.URL) }
}

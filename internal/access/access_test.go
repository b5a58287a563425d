package access_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/x509roots/fallback/bundle"

	"github.com/lighten/lighten/internal/access"
)

func write(t testing.TB, name, content string) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(p, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestLoad(t *testing.T) {
	for _, tt := range []struct {
		src  string
		want access.Config
		err  string
	}{
		{src: ""},
		{src: "# nothing\n"},
		{src: "mirrors:\n  docker.io: [http://127.0.0.1:5000, mirror.example/proxy/hub]\n  index.docker.io: [second]\n",
			want: access.Config{Mirrors: map[string][]string{"docker.io": {"http://127.0.0.1:5000", "mirror.example/proxy/hub", "second"}}}},
		{src: "plain-http: [registry:5000]\nca: none\n", want: access.Config{PlainHTTP: []string{"registry:5000"}, CASetting: "none"}},
		{src: "mirors: {}\n", err: `config.yaml:1:1: unknown key "mirors"; known: mirrors, plain-http, ca (did you mean mirrors?)`},
		{src: "ca: none\nplain_http: [x]\n", err: "config.yaml:2:1: unknown key"},
		{src: "mirrors:\n  docker.io: [ftp://x]\n", err: "want http:// or https://"},
		{src: "mirrors:\n  docker.io: http://x\n", want: access.Config{Mirrors: map[string][]string{"docker.io": {"http://x"}}}},
		{src: "mirrors:\n  docker.io: {a: b}\n", err: "mirrors wants"},
		{src: "mirrors:\n  docker.io: http\n  gcr.io: ftp://x\n", err: "want http:// or https://"},
		{src: "plain-http: [http://x]\n", err: "no host[:port]"},
		{src: "- a\n", err: "want keys"},
		{src: "a: [\n", err: "config.yaml"},
	} {
		c, err := access.Load(write(t, "config.yaml", tt.src))
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%q: got error %v, want one with %q", tt.src, err, tt.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", tt.src, err)
		}
		if c.Proxy = nil; !reflect.DeepEqual(c, tt.want) {
			t.Errorf("%q: got %+v, want %+v", tt.src, c, tt.want)
		}
	}
}

func TestLoadPlaces(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", dir)
	t.Setenv("LIGHTEN_CONFIG", "")
	if _, err := access.Load(""); err != nil {
		t.Errorf("no file: %v", err)
	}
	if err := os.MkdirAll(dir+"/lighten", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/lighten/config.yaml", []byte("ca: own.pem\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if c, err := access.Load(""); err != nil || c.CASetting != dir+"/lighten/own.pem" {
		t.Errorf("got %+v, %v; want ca beside the file", c, err)
	}
	t.Setenv("LIGHTEN_CONFIG", dir+"/gone.yaml")
	if _, err := access.Load(""); err == nil || !strings.Contains(err.Error(), "gone.yaml") {
		t.Errorf("a named file that is not there: %v", err)
	}
}

func TestEndpoints(t *testing.T) {
	c := access.Config{Mirrors: map[string][]string{"docker.io": {"http://a:5000/", "b/proxy/hub/", "https://127.0.0.1:1", "localhost:2", "plain"}}, PlainHTTP: []string{"plain", "quay.io"}}
	want := []access.Endpoint{{Host: "a:5000", PlainHTTP: true}, {Host: "b", Path: "proxy/hub"}, {Host: "127.0.0.1:1"},
		{Host: "localhost:2", PlainHTTP: true}, {Host: "plain", PlainHTTP: true}, {Host: "docker.io"}}
	for _, host := range []string{"docker.io", "index.docker.io", "registry-1.docker.io"} {
		if got := c.Endpoints(host); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, want %+v", host, got, want)
		}
	}
	for host, plain := range map[string]bool{"gcr.io": false, "quay.io": true, "[::1]:5000": true, "127.9.9.9": true, "x.localhost:1": true, "127.0.0.1.example.com": false} {
		if got := c.Endpoints(host); !reflect.DeepEqual(got, []access.Endpoint{{Host: host, PlainHTTP: plain}}) {
			t.Errorf("%s: got %+v", host, got)
		}
	}
}

func TestProxyFromEnv(t *testing.T) {
	for _, n := range []string{"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "FTP_PROXY", "ALL_PROXY"} {
		t.Setenv(n, "")
		t.Setenv(strings.ToLower(n), "")
	}
	if got := access.ProxyFromEnv(); len(got) != 0 {
		t.Errorf("got %v", got)
	}
	t.Setenv("https_proxy", "http://low")
	t.Setenv("HTTP_PROXY", "http://up")
	t.Setenv("http_proxy", "http://other")
	want := map[string]string{"HTTPS_PROXY": "http://low", "HTTP_PROXY": "http://up"}
	if got := access.ProxyFromEnv(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// authority returns the PEM form of an authority of our own.
func authority(t testing.TB) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "A company"}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return encode(der)
}

func encode(der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func TestFindCA(t *testing.T) {
	own := authority(t)
	var public string
	count := 0
	for r := range bundle.Roots() {
		public += encode(r.Certificate)
		count++
	}
	find := func(setting string) access.Config {
		t.Helper()
		var c access.Config
		if err := c.FindCA(setting); err != nil {
			t.Fatal(err)
		}
		return c
	}
	t.Setenv("SSL_CERT_FILE", write(t, "public.pem", public))
	if c := find(""); c.CA != nil || c.CAFrom != "" {
		t.Errorf("a host with public authorities alone: %d bytes from %q", len(c.CA), c.CAFrom)
	}
	mixed := write(t, "mixed.pem", public+"# a comment\n"+own)
	t.Setenv("SSL_CERT_FILE", mixed)
	if c := find(""); string(c.CA) != public+own || c.CAFrom != mixed {
		t.Errorf("a host with an authority of its own: %d bytes from %q", len(c.CA), c.CAFrom)
	}
	if c := find("none"); c.CA != nil {
		t.Error("none is some")
	}
	file := write(t, "own.pem", own)
	if c := find(file); !strings.HasPrefix(string(c.CA), own) || strings.Count(string(c.CA), "BEGIN CERTIFICATE") != count+1 || c.CAFrom != file {
		t.Errorf("a file: %d certificates from %q", strings.Count(string(c.CA), "BEGIN CERTIFICATE"), c.CAFrom)
	}
	c := access.Config{CASetting: file}
	if err := c.FindCA(""); err != nil || c.CAFrom != file {
		t.Errorf("the configuration's file: %q, %v", c.CAFrom, err)
	}
	for setting, want := range map[string]string{"/gone.pem": "no such file", write(t, "x", "text"): "holds no PEM certificate", write(t, "y", encode([]byte("x"))): "certificate 1"} {
		if err := c.FindCA(setting); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error with %q", setting, err, want)
		}
	}
}

func TestTransport(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	defer s.Close()
	get := func(c access.Config) error {
		resp, err := (&http.Client{Transport: c.Transport()}).Get(s.URL)
		if err != nil {
			return err
		}
		return resp.Body.Close()
	}
	none := map[string]string{}
	if err := get(access.Config{Proxy: none}); err == nil {
		t.Error("an unknown authority is trusted")
	}
	ca := []byte(encode(s.Certificate().Raw))
	if err := get(access.Config{CA: ca, Proxy: none}); err != nil {
		t.Error(err)
	}
	var asked string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.Method + " " + r.URL.String()
		w.WriteHeader(http.StatusTeapot)
	}))
	defer proxy.Close()
	for name, p := range map[string]map[string]string{"HTTP_PROXY": {"HTTP_PROXY": proxy.URL}, "ALL_PROXY": {"ALL_PROXY": proxy.URL}} {
		asked = ""
		resp, err := (&http.Client{Transport: access.Config{Proxy: p}.Transport()}).Get("http://registry.example/v2/")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if asked != "GET http://registry.example/v2/" {
			t.Errorf("%s: the proxy was asked %q", name, asked)
		}
	}
}

func FuzzLoad(f *testing.F) {
	f.Add("mirrors: {docker.io: [http://x]}\nplain-http: [a]\nca: none\n")
	f.Add("a: &a [*a]\n")
	f.Fuzz(func(t *testing.T, src string) {
		c, err := access.Load(write(t, "c.yaml", src))
		if err != nil {
			return
		}
		for host, m := range c.Mirrors {
			if got := c.Endpoints(host); len(got) != len(m)+1 {
				t.Errorf("%s: %d mirrors, %d endpoints", host, len(m), len(got))
			}
		}
	})
}

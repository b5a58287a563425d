package engine_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lighten/lighten/internal/access"
	"github.com/lighten/lighten/internal/engine"
	"github.com/lighten/lighten/internal/engine/embedded"
	"github.com/lighten/lighten/internal/testimage"
)

// remote is a buildkitd on a Unix socket: an embedded engine of another state, served there.
func remote(t testing.TB) (address, state string) {
	t.Helper()
	testimage.Need(t, "root", "runc", "bases")
	state = t.TempDir()
	inner, err := embedded.New(embedded.Options{State: state, Access: config(t)})
	if err != nil {
		t.Fatal(err)
	}
	sock := filepath.Join(t.TempDir(), "b.sock")
	l, err := net.Listen("unix", sock)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- inner.Serve(l) }()
	t.Cleanup(func() {
		if err := inner.Close(); err != nil {
			t.Errorf("closing the remote engine: %v", err)
		}
		<-served
	})
	return "unix://" + sock, state
}

// private is a TLS server whose authority nobody knows but who is handed it.
func private(t testing.TB) (url string, ca []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "lighten test"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "inside") }))
	srv.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	srv.Config.ErrorLog = log.New(io.Discard, "", 0) // clients that do not trust it are what is tested
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return srv.URL, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// fetch is a Dockerfile whose step needs the authority.
func fetch(url string) []byte {
	return []byte(fmt.Sprintf(`FROM python:3.11-slim
RUN python3 -c 'import urllib.request as u; open("/got", "wb").write(u.urlopen("%s").read())'
RUN CURL_CA_BUNDLE=own sh -c 'echo $CURL_CA_BUNDLE' > /own
ENV PIP_CERT=mine
RUN echo $PIP_CERT > /kept
`, url))
}

func TestTrust(t *testing.T) {
	for _, kind := range []string{"embedded", "remote"} {
		t.Run(kind, func(t *testing.T) {
			url, ca := private(t)
			address, state := "", t.TempDir()
			if kind == "remote" {
				address, state = remote(t)
			}
			own := state
			if kind == "remote" {
				own = t.TempDir()
			}
			epoch := time.Unix(1700000000, 0)
			build := func(ca []byte, noCache bool) (v1.Image, string, error) {
				testimage.Need(t, "root", "runc", "bases")
				a := config(t)
				a.CA = ca
				e, err := engine.Open(context.Background(), engine.Options{Address: address, State: own, Access: a})
				if err != nil {
					t.Fatal(err)
				}
				defer e.Close()
				var out bytes.Buffer
				p, _ := engine.NewProgress(&out, "plain")
				store := t.TempDir()
				img, err := e.Build(context.Background(), engine.Build{Context: t.TempDir(), Dockerfile: fetch(url), Epoch: &epoch, NoCache: noCache, Progress: p, Store: store},
					func(ctx context.Context, b *engine.Built) error {
						for name, want := range map[string]string{"/got": "inside", "/own": "own\n", "/kept": "mine\n"} {
							if got, err := b.ReadFile(ctx, name); err != nil || string(got) != want {
								t.Errorf("%s = %q, %v", name, got, err)
							}
						}
						out, err := b.Run(ctx, engine.Run{Args: []string{"x", "role-look"}, Binary: testBinary(t), Outputs: []string{"report"}})
						if err == nil && !strings.Contains(string(out["report"]), "ca=false env=\"\"") {
							t.Errorf("a check sees the authority: %s", out["report"])
						}
						return err
					})
				p.Close()
				return img, out.String(), err
			}
			var be *engine.BuildError
			if _, _, err := build(nil, false); !errors.As(err, &be) || !strings.Contains(be.Details(), "CERTIFICATE_VERIFY_FAILED") {
				t.Fatalf("without the authority: err = %v", err)
			}
			img, _, err := build(ca, false)
			if err != nil {
				t.Fatal(err)
			}
			noTrace(t, img, ca)
			noTraceBelow(t, state, ca)
			if kind == "embedded" {
				// The key of the step is the same without the authority: nothing runs, the image is the same.
				again, out, err := build(nil, false)
				if err != nil {
					t.Fatal(err)
				}
				if strings.Count(out, "CACHED") < 3 {
					t.Errorf("steps ran again:\n%s", out)
				}
				d1, _ := img.Digest()
				d2, _ := again.Digest()
				if d1 != d2 {
					t.Errorf("digests differ: %s and %s", d1, d2)
				}
			}
			// Another authority's step is the same step, and the same image when run again.
			_, ca2 := private(t)
			other, out, err := build(append(ca2, ca...), false)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Count(out, "CACHED") < 3 {
				t.Errorf("steps ran again with another bundle:\n%s", out)
			}
			fresh, _, err := build(ca, true)
			if err != nil {
				t.Fatal(err)
			}
			d1, _ := other.Digest()
			d2, _ := fresh.Digest()
			if d1 != d2 {
				t.Errorf("the same input and epoch gave %s and %s", d1, d2)
			}
		})
	}
}

// traces are what an authority could leave.
func traces(ca []byte) [][]byte {
	return [][]byte{bytes.Split(ca, []byte("\n"))[1], []byte("lighten-ca"), []byte(".lighten"), []byte("REQUESTS_CA_BUNDLE"), []byte("NODE_EXTRA_CA_CERTS"), []byte("MAVEN_OPTS")}
}

func noTrace(t *testing.T, img v1.Image, ca []byte) {
	t.Helper()
	man, err := img.RawManifest()
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := img.RawConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	places := map[string][]byte{"manifest": man, "config": cfg}
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	for i, l := range layers {
		if i < len(layers)-3 {
			continue // the base's: what its programs mention by themselves is no trace
		}
		rc, err := l.Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(rc)
		if err != nil {
			t.Fatal(err)
		}
		rc.Close()
		places[fmt.Sprintf("layer %d", i)] = b
	}
	for place, b := range places {
		for _, tr := range traces(ca) {
			if bytes.Contains(b, tr) {
				t.Errorf("%s contains %q", place, tr)
			}
		}
	}
	var cf v1.ConfigFile
	if err := json.Unmarshal(cfg, &cf); err != nil || len(cf.History) == 0 {
		t.Errorf("history: %v, %v", cf.History, err)
	}
}

// noTraceBelow looks for the certificate in everything the engine keeps.
func noTraceBelow(t *testing.T, state string, ca []byte) {
	t.Helper()
	files := 0
	der, _ := pem.Decode(ca)
	err := filepath.WalkDir(state, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		files++
		if bytes.Contains(b, traces(ca)[0]) || bytes.Contains(b, der.Bytes) {
			t.Errorf("%s contains the certificate", p)
		}
		return nil
	})
	if err != nil || files < 10 {
		t.Errorf("looked into %d files: %v", files, err)
	}
}

// TestPip installs from the real index, as the flask example does.
func TestPip(t *testing.T) {
	a := testimage.Access(t)
	if os.Getenv("LIGHTEN_TEST_OFFLINE") == "1" {
		t.Skip("LIGHTEN_TEST_OFFLINE=1: no package index")
	}
	e := open(t, func(o *engine.Options) { o.Access = a })
	_, err := e.Build(context.Background(), engine.Build{Context: t.TempDir(), Dockerfile: []byte("FROM python:3.11-slim\nRUN pip install --no-cache-dir itsdangerous==2.2.0\n")},
		func(ctx context.Context, b *engine.Built) error {
			_, err := b.ReadFile(ctx, "/usr/local/lib/python3.11/site-packages/itsdangerous/__init__.py")
			return err
		})
	if err != nil {
		t.Fatal(err)
	}
}

// TestProxy hands the proxies to steps without a trace.
func TestProxy(t *testing.T) {
	e := open(t, func(o *engine.Options) {
		o.Access = access.Config{Mirrors: o.Access.Mirrors, Proxy: map[string]string{"HTTP_PROXY": "http://secret-proxy:1", "NO_PROXY": "127.0.0.1"}}
	})
	img, err := e.Build(context.Background(), engine.Build{Context: t.TempDir(), Dockerfile: []byte("FROM alpine:3.20\nRUN case $HTTP_PROXY in *secret*proxy:1) ;; *) exit 1;; esac && test $http_proxy = $HTTP_PROXY && echo yes > /ok\n")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := img.RawConfigFile()
	if err != nil || bytes.Contains(cfg, []byte("secret-proxy")) {
		t.Errorf("the configuration tells the proxy: %s, %v", cfg, err)
	}
}

package trust_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pavlo-v-chernykh/keystore-go/v4"

	"github.com/lighten/lighten/internal/engine/trust"
)

func TestEnv(t *testing.T) {
	env := []string{"PATH=/bin", "PIP_CERT=mine", "MAVEN_OPTS=-Xmx1g", "GRADLE_OPTS=-Djavax.net.ssl.trustStore=/own"}
	got := trust.Env(env)
	for _, want := range []string{
		"PATH=/bin", "PIP_CERT=mine", "SSL_CERT_FILE=" + trust.File, "GRADLE_OPTS=-Djavax.net.ssl.trustStore=/own",
		"MAVEN_OPTS=-Xmx1g -Djavax.net.ssl.trustStore=" + trust.Store + " -Djavax.net.ssl.trustStoreType=jks",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("%s is missing in %q", want, got)
		}
	}
	if env[2] != "MAVEN_OPTS=-Xmx1g" {
		t.Error("the step's own environment was changed")
	}
}

// What is no certificate is left out; the rest is in the store as it is, the same bytes every time. Java's keytool, where there is one,
// reads it without a password, as Java's TLS does.
func TestKeyStore(t *testing.T) {
	var bundle bytes.Buffer
	var want [][]byte
	for range 3 {
		der := certificate(t)
		want = append(want, der)
		bundle.WriteString("# a comment\n")
		for _, b := range []*pem.Block{{Type: "CERTIFICATE", Bytes: der}, {Type: "CERTIFICATE", Bytes: []byte("torn")}, {Type: "PRIVATE KEY", Bytes: der}} {
			if err := pem.Encode(&bundle, b); err != nil {
				t.Fatal(err)
			}
		}
	}
	b, err := trust.KeyStore(bundle.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if again, err := trust.KeyStore(bundle.Bytes()); err != nil || !bytes.Equal(again, b) {
		t.Errorf("the same bundle gave other bytes: %v", err)
	}
	store := keystore.New(keystore.WithOrderedAliases())
	if err := store.Load(bytes.NewReader(b), []byte("changeit")); err != nil {
		t.Fatal(err)
	}
	var got [][]byte
	for _, alias := range store.Aliases() {
		e, err := store.GetTrustedCertificateEntry(alias)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, e.Certificate.Content)
	}
	if !slices.EqualFunc(got, want, bytes.Equal) {
		t.Errorf("%d certificates, want the %d of the bundle", len(got), len(want))
	}
	keytool, err := exec.LookPath("keytool")
	if err != nil {
		return
	}
	file := filepath.Join(t.TempDir(), "ca.jks")
	if err := os.WriteFile(file, b, 0o644); err != nil {
		t.Fatal(err)
	}
	list := exec.Command(keytool, "-list", "-keystore", file, "-storetype", "jks")
	list.Stdin = strings.NewReader("\n")
	if out, err := list.CombinedOutput(); err != nil || strings.Count(string(out), "trustedCertEntry") != len(want) {
		t.Errorf("keytool: %v\n%s", err, out)
	}
}

func certificate(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "lighten test"}, NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<32, 0), IsCA: true}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

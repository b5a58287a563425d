package trust

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"time"

	"github.com/pavlo-v-chernykh/keystore-go/v4"

	"github.com/lighten/lighten/internal/access"
)

// KeyStore is a PEM bundle as a JKS key store of trusted certificates, which every release of Java reads, without a password too. What is no
// certificate is left out. The same bundle gives the same bytes.
func KeyStore(bundle []byte) ([]byte, error) {
	store := keystore.New(keystore.WithOrderedAliases())
	for n, der := range access.Certificates(bundle) {
		if _, err := x509.ParseCertificate(der); err != nil {
			continue
		}
		entry := keystore.TrustedCertificateEntry{CreationTime: time.Unix(0, 0), Certificate: keystore.Certificate{Type: "X.509", Content: der}}
		if err := store.SetTrustedCertificateEntry(fmt.Sprintf("ca%05d", n), entry); err != nil {
			return nil, fmt.Errorf("certificates for Java: %w", err)
		}
	}
	var out bytes.Buffer
	if err := store.Store(&out, []byte("changeit")); err != nil { // what Java's own store has
		return nil, fmt.Errorf("certificates for Java: %w", err)
	}
	return out.Bytes(), nil
}

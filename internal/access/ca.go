package access

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// hostBundles are the files in which distributions keep the authorities that a machine trusts, as crypto/x509 looks
// for them; $SSL_CERT_FILE comes before all.
var hostBundles = []string{
	"/etc/ssl/certs/ca-certificates.crt",                // Debian, Ubuntu, Gentoo, Arch, Alpine
	"/etc/pki/tls/certs/ca-bundle.crt",                  // Fedora, RHEL 6
	"/etc/ssl/ca-bundle.pem",                            // openSUSE
	"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // CentOS, RHEL 7
	"/etc/ssl/cert.pem",
}

// distributed is where Debian's family keeps the public authorities it ships. A bundle may hold some that Mozilla
// has dropped since; they are no sign of a company's own.
var distributed = "/usr/share/ca-certificates"

// added is where an administrator of Debian's family puts others, for update-ca-certificates(8).
var added = "/usr/local/share/ca-certificates"

// FindCA sets c.CA. The setting is a bundle's file name (the public authorities are added to what it holds), "none"
// for no CA, or "": what the configuration file says, else the host's bundle if it holds authorities that are not
// public ones.
func (c *Config) FindCA(setting string) error {
	if setting == "" {
		setting = c.CASetting
	}
	c.CA, c.CAFrom = nil, ""
	switch setting {
	case "none":
		return nil
	case "":
		return c.findHostCA()
	}
	src, err := os.ReadFile(setting)
	if err != nil {
		return fmt.Errorf("reading the certificate authorities: %w", err)
	}
	own := Certificates(src)
	if len(own) == 0 {
		return fmt.Errorf("reading the certificate authorities: %s holds no PEM certificate; give a file with -----BEGIN CERTIFICATE----- blocks, or none", setting)
	}
	for i, der := range own {
		if _, err := x509.ParseCertificate(der); err != nil {
			return fmt.Errorf("reading the certificate authorities: %s: certificate %d: %w", setting, i+1, err)
		}
	}
	c.CA, c.CAFrom = encode(append(own, publicRoots()...)), setting
	return nil
}

func (c *Config) findHostCA() error {
	files := hostBundles
	if f := os.Getenv("SSL_CERT_FILE"); f != "" {
		files = []string{f}
	}
	for _, f := range files {
		src, err := os.ReadFile(f)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return fmt.Errorf("reading the host's certificate authorities: %w; --ca none goes without", err)
		}
		certs := Certificates(src)
		if hasPrivate(certs) {
			c.CA, c.CAFrom = encode(certs), f
		}
		return nil
	}
	return nil
}

// hasPrivate reports whether any of certs is neither Mozilla's nor shipped by the distribution.
func hasPrivate(certs [][]byte) bool {
	public := map[[32]byte]bool{}
	for _, der := range publicRoots() {
		public[sha256.Sum256(der)] = true
	}
	var unknown [][32]byte
	for _, der := range certs {
		if sum := sha256.Sum256(der); !public[sum] {
			unknown = append(unknown, sum)
		}
	}
	if len(unknown) == 0 {
		return false
	}
	own := readCertificates(added)
	if slices.ContainsFunc(unknown, func(sum [32]byte) bool { return own[sum] }) {
		return true
	}
	// Only now: reading some 140 files costs more than the rest together.
	distributed := readCertificates(distributed)
	return slices.ContainsFunc(unknown, func(sum [32]byte) bool { return !distributed[sum] })
}

// readCertificates are the sums of the certificates in the files below a directory.
func readCertificates(dir string) map[[32]byte]bool {
	found := map[[32]byte]bool{}
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil // what cannot be read is not there
		}
		if src, err := os.ReadFile(path); err == nil {
			for _, der := range Certificates(src) {
				found[sha256.Sum256(der)] = true
			}
		}
		return nil
	})
	return found
}

func publicRoots() [][]byte {
	var ders [][]byte
	for r := range bundle.Roots() {
		ders = append(ders, r.Certificate)
	}
	return ders
}

// Certificates returns the DER form of every certificate of a PEM bundle, in order.
func Certificates(src []byte) [][]byte {
	var ders [][]byte
	for {
		var b *pem.Block
		if b, src = pem.Decode(src); b == nil {
			return ders
		}
		if b.Type == "CERTIFICATE" || b.Type == "TRUSTED CERTIFICATE" {
			ders = append(ders, b.Bytes)
		}
	}
}

// encode writes a bundle without names and comments, each certificate once.
func encode(ders [][]byte) []byte {
	var b bytes.Buffer
	seen := map[[32]byte]bool{}
	for _, der := range ders {
		if sum := sha256.Sum256(der); !seen[sum] {
			seen[sum] = true
			pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: der}) // a bytes.Buffer never fails
		}
	}
	return b.Bytes()
}

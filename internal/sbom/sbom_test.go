package sbom_test

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/CycloneDX/cyclonedx-go"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/package-url/packageurl-go"
	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdxlib"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/inventory"
	"github.com/lighten/lighten/internal/sbom"
	"github.com/lighten/lighten/internal/testimage"
)

var update = flag.Bool("update", false, "write the golden files anew")

// debian is an image with packages of Debian and PyPI.
var debian = testimage.Tree{
	"/etc/os-release": "file 0644 PRETTY_NAME=\"Debian\"\nID=debian\nVERSION_ID=\"12\"\n",
	"/var/lib/dpkg/status": "file 0644 Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nSource: glibc\nVersion: 2.36-9+deb12u10\n\n" +
		"Package: curl\nStatus: install ok installed\nArchitecture: amd64\nDepends: libc6 (>= 2.34), tzdata\nVersion: 7.88.1-10\n\n" +
		"Package: tzdata\nStatus: install ok installed\nArchitecture: all\nVersion: 2024a-0+deb12u1\n",
	"/var/lib/dpkg/info/libc6:amd64.list": "file 0644 /.\n/usr/lib/libc.so.6\n",
	"/var/lib/dpkg/info/curl.list":        "file 0644 /.\n/usr/bin/curl\n",
	"/var/lib/dpkg/info/tzdata.list":      "file 0644 /.\n/usr/share/zoneinfo/UTC\n",
	"/usr/lib/libc.so.6":                  "file 0755 x",
	"/usr/bin/curl":                       "file 0755 x",
	"/usr/share/zoneinfo/UTC":             "file 0644 x",
	"/usr/lib/python3/site-packages/Flask_Login-1.0.dist-info/METADATA": "file 0644 Metadata-Version: 2.1\nName: Flask_Login\nVersion: 1.0\n",
	"/usr/lib/python3/site-packages/Flask_Login-1.0.dist-info/RECORD":   "file 0644 flask_login.py,,\nFlask_Login-1.0.dist-info/METADATA,,\n",
	"/usr/lib/python3/site-packages/flask_login.py":                     "file 0644 x",
}

func billOf(t testing.TB, img v1.Image) *sbom.Bill {
	t.Helper()
	b, err := sbom.Of(t.Context(), img, "example.org/app:1", "1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDocuments(t *testing.T) {
	b := billOf(t, testimage.Image(t, v1.Config{}, debian))
	golden(t, "spdx.json", write(t, b.SPDX))
	golden(t, "cyclonedx.json", write(t, b.CycloneDX))
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs (go test -update writes it anew):\n%s", file, got)
	}
}

// Package URLs are spelled as the types' definitions say (package-url/purl-spec, types-doc).
func TestPackageURL(t *testing.T) {
	for want, p := range map[string]inventory.Package{
		"pkg:deb/debian/libc6@2.36-9?arch=amd64&distro=debian-12":         {Ecosystem: inventory.Deb, Name: "libc6", Version: "2.36-9", Arch: "amd64"},
		"pkg:rpm/debian/bash@4.4-19?arch=x86_64&distro=debian-12&epoch=2": {Ecosystem: inventory.RPM, Name: "bash", Version: "2:4.4-19", Arch: "x86_64"},
		"pkg:pypi/flask-login@1":                          {Ecosystem: inventory.PyPI, Name: "Flask_Login", Version: "1"},
		"pkg:npm/%40types/node@20.1.0":                    {Ecosystem: inventory.NPM, Name: "@types/node", Version: "20.1.0"},
		"pkg:npm/ms@2.0.0":                                {Ecosystem: inventory.NPM, Name: "ms", Version: "2.0.0"},
		"pkg:gem/nokogiri@1.16.0?platform=x86_64-linux":   {Ecosystem: inventory.Gem, Name: "nokogiri", Version: "1.16.0", Arch: "x86_64-linux"},
		"pkg:composer/monolog/monolog@3.1.0":              {Ecosystem: inventory.Composer, Name: "monolog/monolog", Version: "3.1.0"},
		"pkg:conda/zlib@1.3.1?subdir=linux-64":            {Ecosystem: inventory.Conda, Name: "zlib", Version: "1.3.1", Arch: "linux-64"},
		"pkg:golang/github.com/google/uuid@v1.6.0":        {Ecosystem: inventory.Go, Name: "github.com/google/uuid", Version: "v1.6.0"},
		"pkg:golang/stdlib@1.26.8":                        {Ecosystem: inventory.Go, Name: "stdlib", Version: "1.26.8"},
		"pkg:cargo/itoa@1.0.9":                            {Ecosystem: inventory.Cargo, Name: "itoa", Version: "1.0.9"},
		"pkg:maven/org.springframework/spring-core@6.1.0": {Ecosystem: inventory.Maven, Name: "org.springframework:spring-core", Version: "6.1.0"},
		"pkg:maven/plain@1.4":                             {Ecosystem: inventory.Maven, Name: "plain", Version: "1.4"},
	} {
		b := sbom.Bill{Image: "x", Distro: inventory.Distro{ID: "debian", Version: "12"}, Packages: []inventory.Package{p}}
		if got := string(write(t, b.CycloneDX)); !strings.Contains(got, `"purl": "`+want+`"`) {
			t.Errorf("want %s, got\n%s", want, got)
		}
	}
}

// The documents of real images are what the libraries read and hold valid, the same every time, with every package.
func TestBases(t *testing.T) {
	for _, ref := range []string{"python:3.11-slim", "python:3.11-alpine", "gcr.io/distroless/python3", "gcr.io/distroless/static"} {
		t.Run(ref, func(t *testing.T) {
			img, err := image.Open(t.Context(), testimage.BaseRef(t, ref), image.Options{})
			if err != nil {
				t.Fatal(err)
			}
			b := billOf(t, img)
			one, two := write(t, b.SPDX), write(t, billOf(t, img).SPDX)
			if !bytes.Equal(one, two) {
				t.Error("two SPDX documents of one image differ")
			}
			doc, err := spdxjson.Read(bytes.NewReader(one))
			if err != nil {
				t.Fatal(err)
			}
			if err := spdxlib.ValidateDocument(doc); err != nil {
				t.Error(err)
			}
			if len(doc.Packages) != len(b.Packages)+1 {
				t.Errorf("%d SPDX packages for %d", len(doc.Packages), len(b.Packages))
			}
			ids := map[string]bool{}
			for _, p := range doc.Packages {
				if ids[string(p.PackageSPDXIdentifier)] {
					t.Errorf("identifier %s twice", p.PackageSPDXIdentifier)
				}
				ids[string(p.PackageSPDXIdentifier)] = true
			}
			var bom cyclonedx.BOM
			if err := cyclonedx.NewBOMDecoder(bytes.NewReader(write(t, b.CycloneDX)), cyclonedx.BOMFileFormatJSON).Decode(&bom); err != nil {
				t.Fatal(err)
			}
			refs := map[string]bool{"image": true}
			for _, c := range *bom.Components {
				if refs[c.BOMRef] {
					t.Errorf("reference %s twice", c.BOMRef)
				}
				refs[c.BOMRef] = true
				if _, err := packageurl.FromString(c.PackageURL); err != nil && c.Type == cyclonedx.ComponentTypeLibrary {
					t.Errorf("%s: %v", c.PackageURL, err)
				}
			}
			for _, d := range *bom.Dependencies {
				if !refs[d.Ref] {
					t.Errorf("dependencies of %s, which is not there", d.Ref)
				}
			}
		})
	}
}

func write(t testing.TB, f func(io.Writer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := f(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

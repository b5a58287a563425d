package sbom

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"regexp"
	"time"

	"github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx/v2/common"
	"github.com/spdx/tools-golang/spdx/v2/v2_3"
	"github.com/spdx/tools-golang/spdxlib"
)

const noAssertion = "NOASSERTION" // we do not say; SPDX wants that said

// SPDX writes the bill as an SPDX 2.3 document in JSON.
func (b *Bill) SPDX(w io.Writer) error {
	doc := b.spdx()
	if err := spdxlib.ValidateDocument(doc); err != nil {
		return fmt.Errorf("writing an SPDX document: %w", err)
	}
	// A document's name space has to be its own; the same content may share it.
	var text bytes.Buffer
	if err := json.Write(doc, &text); err != nil {
		return fmt.Errorf("writing an SPDX document: %w", err)
	}
	doc.DocumentNamespace = fmt.Sprintf("https://spdx.org/spdxdocs/lighten-%x", sha256.Sum256(text.Bytes()))
	if err := json.Write(doc, w, json.Indent("  "), json.EscapeHTML(false)); err != nil {
		return fmt.Errorf("writing an SPDX document: %w", err)
	}
	return nil
}

func (b *Bill) spdx() *v2_3.Document {
	const root = common.ElementID("Image")
	doc := &v2_3.Document{
		SPDXVersion: v2_3.Version, DataLicense: v2_3.DataLicense, SPDXIdentifier: "DOCUMENT", DocumentName: b.Image,
		CreationInfo: &v2_3.CreationInfo{Created: b.Created.UTC().Format(time.RFC3339),
			Creators: []common.Creator{{CreatorType: "Tool", Creator: "lighten-" + b.Tool}}},
		Packages: []*v2_3.Package{{PackageName: b.Image, PackageSPDXIdentifier: root, PackageDownloadLocation: noAssertion, PrimaryPackagePurpose: "CONTAINER"}},
	}
	relate := func(x common.ElementID, how string, y common.ElementID) {
		doc.Relationships = append(doc.Relationships, &v2_3.Relationship{RefA: common.MakeDocElementID("", string(x)), RefB: common.MakeDocElementID("", string(y)), Relationship: how})
	}
	relate("DOCUMENT", common.TypeRelationshipDescribe, root)
	packages := b.distinct()
	id := func(n int) common.ElementID {
		p := packages[n]
		return common.ElementID(fmt.Sprintf("Package-%d-%s", n+1, notInID.ReplaceAllString(p.Ecosystem+"-"+p.Name, "-")))
	}
	needs := depends(packages)
	for n, p := range packages {
		pkg := &v2_3.Package{
			PackageName: p.Name, PackageSPDXIdentifier: id(n), PackageVersion: p.Version, PackageDownloadLocation: noAssertion,
			PackageLicenseConcluded: noAssertion, PackageLicenseDeclared: noAssertion, PackageCopyrightText: noAssertion,
			PackageExternalReferences: []*v2_3.PackageExternalReference{{Category: common.CategoryPackageManager, RefType: common.TypePackageManagerPURL, Locator: b.purl(p)}},
		}
		if p.Source != "" && p.Source != p.Name {
			pkg.PackageSourceInfo = "built from the source package " + p.Source
		}
		doc.Packages = append(doc.Packages, pkg)
		relate(root, common.TypeRelationshipContains, id(n))
		for _, m := range needs[n] {
			relate(id(n), common.TypeRelationshipDependsOn, id(m))
		}
	}
	return doc
}

// notInID is what an SPDX identifier must not hold.
var notInID = regexp.MustCompile(`[^A-Za-z0-9.-]+`)

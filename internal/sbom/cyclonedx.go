package sbom

import (
	"fmt"
	"io"
	"time"

	"github.com/CycloneDX/cyclonedx-go"
)

// CycloneDX writes the bill as a CycloneDX 1.6 document in JSON.
func (b *Bill) CycloneDX(w io.Writer) error {
	e := cyclonedx.NewBOMEncoder(w, cyclonedx.BOMFileFormatJSON).SetPretty(true).SetEscapeHTML(false)
	if err := e.EncodeVersion(b.cyclonedx(), cyclonedx.SpecVersion1_6); err != nil {
		return fmt.Errorf("writing a CycloneDX document: %w", err)
	}
	return nil
}

func (b *Bill) cyclonedx() *cyclonedx.BOM {
	const root = "image"
	bom := cyclonedx.NewBOM()
	bom.Metadata = &cyclonedx.Metadata{
		Timestamp: b.Created.UTC().Format(time.RFC3339),
		Tools:     &cyclonedx.ToolsChoice{Components: &[]cyclonedx.Component{{Type: cyclonedx.ComponentTypeApplication, Name: "lighten", Version: b.Tool}}},
		Component: &cyclonedx.Component{BOMRef: root, Type: cyclonedx.ComponentTypeContainer, Name: b.Image},
	}
	packages := b.distinct()
	ref := func(n int) string { return fmt.Sprintf("package-%d", n+1) }
	components, dependencies := []cyclonedx.Component{}, []cyclonedx.Dependency{{Ref: root}}
	if b.Distro.ID != "" {
		components = append(components, cyclonedx.Component{BOMRef: "os", Type: cyclonedx.ComponentTypeOS, Name: b.Distro.ID, Version: b.Distro.Version})
	}
	var all []string
	for n, needs := range depends(packages) {
		p := packages[n]
		components = append(components, cyclonedx.Component{BOMRef: ref(n), Type: cyclonedx.ComponentTypeLibrary, Name: p.Name, Version: p.Version, PackageURL: b.purl(p)})
		all = append(all, ref(n))
		d := cyclonedx.Dependency{Ref: ref(n)}
		if len(needs) > 0 {
			var on []string
			for _, m := range needs {
				on = append(on, ref(m))
			}
			d.Dependencies = &on
		}
		dependencies = append(dependencies, d)
	}
	if len(all) > 0 {
		dependencies[0].Dependencies = &all
	}
	bom.Components, bom.Dependencies = &components, &dependencies
	return bom
}

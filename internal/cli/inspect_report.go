package cli

import (
	"archive/tar"
	"cmp"
	"fmt"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/inventory"
	"github.com/lighten/lighten/internal/provenance"
	"github.com/lighten/lighten/internal/report"
	"github.com/lighten/lighten/internal/waste"
)

// inspectReport writes an analysis down; with files every path of every layer.
func inspectReport(ref string, img v1.Image, a *waste.Analysis, files bool) (*report.Inspect, error) {
	id, err := img.ConfigName()
	if err != nil {
		return nil, err
	}
	r := &report.Inspect{
		Schema: report.InspectSchema, Image: ref, ID: id.String(), Platform: a.Tree.Config.Platform().String(),
		PullBytes: a.Size.Pull, DiskBytes: a.Size.Disk, VisibleBytes: a.Seen.Bytes, WastedBytes: a.Wasted.Bytes, WastedPullBytes: a.Wasted.Pull, Efficiency: a.Efficiency(), Exact: a.Exact,
		FileCount: a.Size.Files, Packages: len(a.Inventory.Packages()), Libc: a.Size.Libc, User: a.Size.User, Shell: a.Size.Shell,
		Layers: []report.InspectLayer{}, Findings: []report.InspectFinding{}, Owners: []report.InspectOwner{},
	}
	if at := a.Tree.Config.Created.Time; !at.IsZero() {
		r.Created = at.UTC().Format(time.RFC3339)
	}
	for i := range a.Layers {
		l := inspectLayer(i, &a.Layers[i])
		r.PullEstimated = r.PullEstimated || l.PullEstimated
		r.Layers = append(r.Layers, l)
	}
	if !r.PullEstimated {
		d, err := img.Digest()
		if err != nil {
			return nil, err
		}
		r.Digest = d.String()
	}
	for _, f := range a.Findings {
		r.Findings = append(r.Findings, inspectFinding(f))
	}
	for _, o := range a.Owners {
		x := report.InspectOwner{Files: o.Files, Bytes: o.Bytes, PullBytes: o.Pull}
		if p := o.Package; p != nil {
			x.Ecosystem, x.Name, x.Version = p.Ecosystem, p.Name, p.Version
		} else {
			x.Name, x.Layer = a.Layers[o.Layer].Step, o.Layer+1
		}
		r.Owners = append(r.Owners, x)
	}
	if files {
		r.Files = inspectFiles(a)
	}
	return r, nil
}

func inspectLayer(i int, l *waste.Layer) report.InspectLayer {
	x := report.InspectLayer{
		Index: i + 1, DiffID: l.DiffID.String(), CreatedBy: waste.Redact(l.CreatedBy), Step: l.Step, PullBytes: l.PullBytes, PullEstimated: l.Estimated, DiskBytes: l.DiskBytes,
		Files: l.Seen().Files + l.Hidden().Files, VisibleBytes: l.Seen().Bytes, HiddenBytes: l.Hidden().Bytes, HiddenPullBytes: l.Hidden().Pull, HidesBytes: l.Hiding().Bytes,
		HiddenByKind: []report.InspectAmount{}, HidesByKind: []report.InspectAmount{},
	}
	if !l.Estimated {
		x.Digest = l.Digest.String()
	}
	for _, k := range waste.Hidden {
		if h := l.By[k]; h.Files > 0 {
			x.HiddenByKind = append(x.HiddenByKind, report.InspectAmount{Kind: k.String(), Files: h.Files, Bytes: h.Bytes, PullBytes: h.Pull})
		}
		if h := l.Hides[k]; h.Files > 0 {
			x.HidesByKind = append(x.HidesByKind, report.InspectAmount{Kind: k.String(), Files: h.Files, Bytes: h.Bytes, PullBytes: h.Pull})
		}
	}
	return x
}

// addSources adds to the layers the lines of the Dockerfile that they were made from, where provenance beside the image tells. What
// is wrong with it comes back as notes: the image is as good without.
func addSources(layers []report.InspectLayer, img v1.Image) (notes []string) {
	statements, err := image.Statements(img, provenance.Predicates...)
	if err != nil {
		notes = append(notes, fmt.Sprintf("the provenance beside the image is left out: %v", err))
	}
	if len(statements) == 0 {
		return notes
	}
	m, err := img.Manifest()
	if err != nil || len(m.Layers) != len(layers) {
		return notes
	}
	digests := make([]v1.Hash, len(layers))
	for i, l := range m.Layers {
		digests[i] = l.Digest
	}
	for _, s := range statements {
		lines, err := provenance.Lines(s, digests)
		if err != nil {
			notes = append(notes, fmt.Sprintf("the provenance beside the image is left out: %v", err))
		}
		for i, line := range lines {
			layers[i].Source = cmp.Or(layers[i].Source, line)
		}
	}
	return notes
}

func inspectFinding(f waste.Finding) report.InspectFinding {
	x := report.InspectFinding{
		Rule: f.Rule, Title: f.Title, Class: string(f.Class), Advice: f.Advice, Files: f.Files, Bytes: f.Bytes, PullBytes: f.Pull, Exact: f.Exact,
		Places: []report.InspectPlace{}, Others: f.Others,
	}
	for _, p := range f.Places {
		x.Places = append(x.Places, report.InspectPlace{Path: p.Path, Note: p.Note, Layer: p.Layer + 1, HiddenBy: p.By + 1, Files: p.Files, Bytes: p.Bytes, PullBytes: p.Pull})
	}
	return x
}

// inspectFiles lists every path of every layer.
func inspectFiles(a *waste.Analysis) []report.InspectFile {
	packages, layers := map[*inventory.Package]int{}, map[int]int{}
	for n, o := range a.Owners {
		if o.Package != nil {
			packages[o.Package] = n
		} else {
			layers[o.Layer] = n
		}
	}
	n := 0
	for i := range a.Layers {
		n += a.Tree.LayerLen(i)
	}
	all := make([]report.InspectFile, 0, n)
	for i := range a.Layers {
		for f := range a.Files(i) {
			x := report.InspectFile{
				Path: f.Path, Type: fileTypes[f.Type], Mode: f.Permissions(), UID: f.UID, GID: f.GID, Layer: i + 1, Bytes: f.Stored(), PullBytes: f.Pull, Target: f.Linkname, Owner: -1,
			}
			if x.Type == "" {
				x.Type = "other"
			}
			if f.Linked {
				x.Bytes = 0
			}
			if f.Category != nil {
				x.Category, x.Wasted = f.Category.Rule, f.Wasted()
			}
			if f.Kind != waste.Seen {
				x.Hidden, x.HiddenBy = f.Kind.String(), f.By+1
			} else if !f.IsDir() {
				x.Owner = layers[i]
				if p := a.Inventory.OwnerOf(f.Entry); p != nil {
					x.Owner = packages[p]
				}
			}
			all = append(all, x)
		}
	}
	return all
}

var fileTypes = map[byte]string{tar.TypeReg: "file", tar.TypeLink: "link", tar.TypeSymlink: "symlink", tar.TypeDir: "dir"}

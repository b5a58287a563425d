package cli

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/spf13/cobra"

	"github.com/lighten/lighten/internal/access"
	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/report"
	"github.com/lighten/lighten/internal/sbom"
)

// output are the flags of a verb that makes an image: where it goes, and what goes with it.
type output struct {
	dests, bills     []string
	tag, compression string
	load             bool
}

// flags adds the flags; what is the image's name in their descriptions, tag the default of --tag.
func (o *output) flags(c *cobra.Command, what, tag string) {
	f := c.Flags()
	f.StringArrayVarP(&o.dests, "output", "o", nil, "write "+what+": REFERENCE, docker-archive:FILE, oci:DIR[:TAG], oci-archive:FILE, docker-daemon:NAME or -")
	f.BoolVar(&o.load, "load", false, "load "+what+" into the local Docker, as --tag")
	f.StringVarP(&o.tag, "tag", "t", "", "name of the result (default: "+tag+")")
	f.StringVar(&o.compression, "compression", "gzip", "of the layers written: gzip or zstd")
	f.StringArrayVar(&o.bills, "sbom", nil, "list the packages of "+what+": spdx or cyclonedx, attached to it in registries and OCI layouts; or spdx=FILE, cyclonedx=FILE")
	fixed(c, map[string][]string{"compression": {"gzip", "zstd"}, "sbom": {"spdx", "cyclonedx"}})
}

// bill is one list of packages that is wanted.
type bill struct {
	format string
	file   string // "": attached to the image
}

// billKinds are the formats of --sbom.
var billKinds = map[string]struct {
	media, file string
	write       func(*sbom.Bill, io.Writer) error
}{
	"spdx":      {sbom.TypeSPDX, "sbom.spdx.json", (*sbom.Bill).SPDX},
	"cyclonedx": {sbom.TypeCycloneDX, "sbom.cdx.json", (*sbom.Bill).CycloneDX},
}

// wanted reads the values of --sbom.
func (o *output) wanted() ([]bill, error) {
	var all []bill
	for _, s := range o.bills {
		format, file, named := strings.Cut(s, "=")
		if _, ok := billKinds[format]; !ok || named && file == "" {
			return nil, fmt.Errorf("reading --sbom %q: want spdx or cyclonedx, or one of them with =FILE", s)
		}
		if !slices.Contains(all, bill{format, file}) {
			all = append(all, bill{format, file})
		}
	}
	return all, nil
}

// check finds mistakes before anything is done.
func (o *output) check() error {
	if _, err := image.ParseCompression(o.compression); err != nil {
		return fmt.Errorf("reading --compression: %w", err)
	}
	for _, d := range o.dests {
		if err := image.CheckDestination(d); err != nil {
			return err
		}
	}
	if o.tag != "" {
		if err := image.CheckDestination("docker-daemon:" + o.tag); err != nil {
			return fmt.Errorf("reading --tag %q: want a name such as shop:light: %w", o.tag, cmp.Or(errors.Unwrap(err), err))
		}
	}
	bills, err := o.wanted()
	if err != nil {
		return err
	}
	for _, b := range bills {
		if b.file != "" {
			if err := canSave(b.file); err != nil {
				return err
			}
			continue
		}
		if !slices.ContainsFunc(o.dests, image.TakesAttachments) {
			return fmt.Errorf("reading --sbom %s: there is no --output to attach it to (a registry, oci: or oci-archive: takes it); --sbom %s=FILE writes it to a file", b.format, b.format)
		}
	}
	return nil
}

// to are the places where the image goes.
func (o *output) to(name string) []string {
	if o.load {
		return append(slices.Clone(o.dests), "docker-daemon:"+name)
	}
	return o.dests
}

// write brings img to where the flags say, with the lists of its packages, and returns what is where.
func (o *output) write(c *cobra.Command, a access.Config, img v1.Image, name string) ([]report.Written, []report.Bill, error) {
	attach, listed, err := o.list(c, img, name, "")
	if err != nil {
		return nil, nil, err
	}
	var written []report.Written
	for _, d := range o.to(name) {
		w, err := o.one(c, img, d, image.WriteOptions{Options: image.Options{Access: a}, Name: name, Attach: attach, Stdout: c.OutOrStdout()})
		if err != nil {
			return nil, nil, err
		}
		written = append(written, w)
		listed = append(listed, o.attached(d)...)
	}
	return written, listed, nil
}

// attached are the lists that go with an image to dest.
func (o *output) attached(dest string) []report.Bill {
	var all []report.Bill
	for _, b := range o.bills {
		if _, named := billKinds[b]; named && image.TakesAttachments(dest) {
			all = append(all, report.Bill{Format: b, Dest: dest, Attached: true})
		}
	}
	return all
}

// list makes the lists of img's packages: those with a file are written, the others returned. Platform is "" unless there are several.
func (o *output) list(c *cobra.Command, img v1.Image, name, platform string) ([]image.Attachment, []report.Bill, error) {
	bills, err := o.wanted()
	if err != nil || len(bills) == 0 {
		return nil, nil, err
	}
	b, err := sbom.Of(c.Context(), img, name, version())
	if err != nil {
		return nil, nil, err
	}
	var attach []image.Attachment
	var files []report.Bill
	for _, want := range bills {
		kind := billKinds[want.format]
		var text bytes.Buffer
		if err := kind.write(b, &text); err != nil {
			return nil, nil, err
		}
		if want.file == "" {
			attach = append(attach, image.Attachment{Type: kind.media, Name: kind.file, Content: text.Bytes()})
			continue
		}
		file := ofPlatform(want.file, platform)
		if err := save(file, text.Bytes()); err != nil {
			return nil, nil, err
		}
		files = append(files, report.Bill{Format: want.format, Dest: file})
	}
	return attach, files, nil
}

// one writes img to one place.
func (o *output) one(c *cobra.Command, img v1.Image, dest string, w image.WriteOptions) (report.Written, error) {
	w.Compression = image.Compression(o.compression)
	if !image.TakesAttachments(dest) {
		w.Compression, w.Attach = image.Gzip, nil // all that Docker's own format knows
	}
	out, err := image.Recompress(img, w.Compression)
	if err != nil {
		return report.Written{}, err
	}
	if err := image.Write(c.Context(), out, dest, w); err != nil {
		return report.Written{}, err
	}
	d, err := out.Digest()
	if err != nil {
		return report.Written{}, err
	}
	n, err := pulled(out)
	return report.Written{Dest: dest, Digest: d.String(), PullBytes: n}, err
}

// pulled is how many bytes an image is over the network.
func pulled(img v1.Image) (int64, error) {
	m, err := img.Manifest()
	if err != nil {
		return 0, err
	}
	n, err := img.Size()
	n += m.Config.Size
	for _, l := range m.Layers {
		n += l.Size
	}
	return n, err
}

// parts writes images, each of its platform, as an index to where the flags say.
func (o *output) parts(c *cobra.Command, a access.Config, parts []image.Part, annotations map[string]string, name string) (written []report.Written, listed []report.Bill, err error) {
	total := int64(0)
	for n := range parts {
		p := &parts[n]
		if p.Image, err = image.Recompress(p.Image, image.Compression(o.compression)); err != nil {
			return nil, nil, err
		}
		size, err := pulled(p.Image)
		if err != nil {
			return nil, nil, err
		}
		total += size
		var files []report.Bill
		if p.Attach, files, err = o.list(c, p.Image, name, p.Entry.Platform.String()); err != nil {
			return nil, nil, err
		}
		listed = append(listed, files...)
	}
	for _, dest := range o.dests {
		w := image.WriteOptions{Options: image.Options{Access: a}, Name: name, Compression: image.Compression(o.compression)}
		d, err := image.WriteIndex(c.Context(), parts, annotations, dest, w)
		if err != nil {
			return nil, nil, err
		}
		written = append(written, report.Written{Dest: dest, Digest: d.Digest.String(), PullBytes: total + d.Size, Platforms: len(parts)})
		listed = append(listed, o.attached(dest)...)
	}
	return written, listed, nil
}

// ofPlatform is the name of a file of which every platform has its own: lighten.lock is lighten.linux-arm64.lock for linux/arm64.
func ofPlatform(file, platform string) string {
	if platform == "" {
		return file
	}
	ext := filepath.Ext(file)
	return strings.TrimSuffix(file, ext) + "." + strings.ReplaceAll(platform, "/", "-") + ext
}

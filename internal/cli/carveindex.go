package cli

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lighten/lighten/internal/heal"
	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/report"
)

// index carves the images of an index that the flags name, and makes an index of them.
func (r *carveRun) index() error {
	if i := slices.IndexFunc(r.out.to(""), func(d string) bool { return !image.TakesAttachments(d) }); i >= 0 {
		return fmt.Errorf("reading --platform %s: %s takes one platform; write the index to a registry, oci: or oci-archive:, or name one platform", r.platform, strings.TrimSuffix(r.out.to("")[i], ":"))
	}
	list, entries, err := r.entries(r.c, r.access, r.ref)
	if err != nil {
		return err
	}
	rep := &report.CarveIndex{Schema: report.CarveIndexSchema, Image: r.ref, Left: list.Left}
	if !r.locked {
		if err := r.open(); err != nil {
			return err
		}
		var left []string
		if entries, left, err = r.runnable(entries, r.engine.CheckPlatform, ", or carve it there with --lock, and here with --locked, which runs nothing"); err != nil {
			return err
		}
		rep.Left = append(rep.Left, left...)
	}
	var parts []image.Part
	var errs []error
	for _, e := range entries {
		part, err := r.part(e, rep)
		if err != nil && !errors.Is(err, heal.ErrOriginal) {
			return fmt.Errorf("carving for %s: %w", e.Platform, err)
		}
		errs = append(errs, err)
		parts = append(parts, part)
	}
	return errors.Join(errors.Join(errs...), r.deliverIndex(rep, parts, list.Annotations))
}

// part carves the image of one platform.
func (r *carveRun) part(e v1.Descriptor, rep *report.CarveIndex) (image.Part, error) {
	platform, start := e.Platform.String(), time.Now()
	if r.progress != "quiet" && r.progress != "rawjson" {
		fmt.Fprintln(r.c.ErrOrStderr(), "lighten: carving for", platform)
	}
	img, err := openImage(r.c, r.access, r.ref, platform)
	if err != nil {
		return image.Part{}, err
	}
	done, err := r.one(img, platform)
	if done == nil {
		return image.Part{}, err
	}
	done.report.Seconds = time.Since(start).Seconds()
	rep.Platforms = append(rep.Platforms, done.report)
	return image.Part{Image: done.result.Image, Entry: e}, err
}

// deliverIndex writes the index when each of its images may be used, prints the report, and turns it into an exit code.
func (r *carveRun) deliverIndex(rep *report.CarveIndex, parts []image.Part, annotations map[string]string) error {
	usable := !slices.ContainsFunc(rep.Platforms, func(c *report.Carve) bool { return c.Verdict == report.Failed })
	if name := cmp.Or(r.out.tag, lightName(r.ref)); usable {
		var err error
		if rep.Written, rep.Bills, err = r.out.parts(r.c, r.access, parts, annotations, name); err != nil {
			return err
		}
	}
	rep.Seconds = time.Since(r.start).Seconds()
	if err := rep.Write(r.c.OutOrStdout(), r.format); err != nil {
		return err
	}
	for _, c := range rep.Platforms {
		if err := found(c); err != nil {
			return err
		}
	}
	return nil
}

package heal

import (
	"context"
	"fmt"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lighten/lighten/internal/carve"
	"github.com/lighten/lighten/internal/check"
	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/trial"
)

// before counts the hold-out checks that pass without healing, and answer as in the original: a check may expect less than the answer says.
// One that fails while the image is observed may fail for that, or for a decoy: then the image is asked as it is. One that answers
// otherwise, although nothing was missed while it was asked, may have an answer that changes by itself, and what is put back for other
// checks must not hide that: then both images are asked again.
func (h *healer) before(ctx context.Context, observed *check.Report) error {
	h.res.Helped = h.wrong(observed)
	defer func() { h.res.Before = h.res.Holdouts - len(h.res.Helped) }()
	if len(h.res.Helped) == 0 {
		return nil
	}
	plain, err := h.run(ctx, h.res.Image, trial.Options{Holdout: true, Answers: true})
	if err != nil {
		return fmt.Errorf("checking the carved image before healing: %w", err)
	}
	lights := []*check.Report{observed, plain.Report}
	h.res.Helped = h.wrong(lights...)
	doubtful := func(name string) bool { return !h.missedIn(name) && !failed(plain.Report, name) }
	if !slices.ContainsFunc(h.res.Helped, doubtful) {
		return nil
	}
	return h.askBoth(ctx, lights, func(lights []*check.Report) bool {
		wrong := h.wrong(lights...)
		h.res.Helped = slices.DeleteFunc(h.res.Helped, func(name string) bool { return doubtful(name) && !slices.Contains(wrong, name) })
		return slices.ContainsFunc(h.res.Helped, doubtful)
	})
}

// withoutDecoys counts as not passing before healing what passed in the first carved image only while that was observed: a list of modules
// has those in it that are gone.
func (h *healer) withoutDecoys() {
	for _, x := range h.res.Light.Results {
		differs := slices.ContainsFunc(h.res.Differences, func(d check.Difference) bool { return d.Check == x.Name })
		if x.Holdout && (!x.Passed || differs) && !slices.Contains(h.res.Helped, x.Name) {
			h.res.Helped = append(h.res.Helped, x.Name)
		}
	}
	h.res.Before = h.res.Holdouts - len(h.res.Helped)
}

// missedIn tells whether something was missed while a hold-out check was asked.
func (h *healer) missedIn(name string) bool {
	return slices.ContainsFunc(h.res.Misses, func(m Miss) bool { return m.Holdout && strings.HasSuffix(m.Phase, ": "+name) })
}

func failed(r *check.Report, name string) bool {
	return slices.ContainsFunc(r.Results, func(x check.Result) bool { return x.Name == name && !x.Passed })
}

// wrong names the hold-out checks that fail in the last of several runs of a carved image, or answer otherwise than in the original in all.
func (h *healer) wrong(light ...*check.Report) (names []string) {
	differ := map[string]bool{}
	for _, d := range check.Compare(h.answers, light...) {
		differ[d.Check] = true
	}
	for _, x := range light[len(light)-1].Results {
		if x.Holdout && (!x.Passed || differ[x.Name]) {
			names = append(names, x.Name)
		}
	}
	return names
}

// again asks both images more often when their answers differ: two runs do not show all that changes by itself, nor what depends on
// which of two things happens first. A difference stands that shows every time, against all that both have answered by then.
func (h *healer) again(ctx context.Context) error {
	return h.askBoth(ctx, []*check.Report{h.res.Light}, func(lights []*check.Report) bool {
		if last := lights[len(lights)-1]; !last.Passed() {
			h.res.Light, h.res.After = last, holdoutsPassed(last)
			return false
		}
		now := check.Compare(h.answers, lights...)
		h.res.Differences = slices.DeleteFunc(h.res.Differences, func(d check.Difference) bool {
			return !slices.ContainsFunc(now, func(n check.Difference) bool { return n.Check == d.Check && n.Part == d.Part })
		})
		return len(h.res.Differences) > 0
	})
}

const repeats = 3

// askBoth asks the original and the light image again as long as more is to be known by the answers of the latter, at most a few times.
func (h *healer) askBoth(ctx context.Context, lights []*check.Report, more func([]*check.Report) bool) error {
	other, err := h.layeredAlike(ctx)
	if err != nil {
		return err
	}
	for n := range repeats {
		h.step("checking both images again, because their answers differ", nil)
		original, err := h.run(ctx, h.img, trial.Options{Holdout: true, Answers: true})
		if err != nil {
			return fmt.Errorf("checking the original again: %w", err)
		}
		if original.Report.Passed() {
			h.answers = append(h.answers, original.Report)
		}
		light, err := h.run(ctx, []v1.Image{other, h.res.Image}[n%2], trial.Options{Holdout: true, Answers: true})
		if err != nil {
			return fmt.Errorf("checking the light image again: %w", err)
		}
		if lights = append(lights, light.Report); !more(lights) {
			return nil
		}
	}
	return nil
}

// layeredAlike is the light image with each file in the layer that it has in the original. In which order a directory is listed depends on
// the layers that it is made of (overlayfs), and programs print lists as they get them: layered so, they print them as in the original.
func (h *healer) layeredAlike(ctx context.Context) (v1.Image, error) {
	t, err := image.ReadTree(ctx, h.res.Image, image.TreeOptions{})
	if err != nil {
		return nil, fmt.Errorf("reading the light image: %w", err)
	}
	o := carve.Options{Plain: true}
	for _, l := range h.res.Tree.Layers {
		o.Layers = append(o.Layers, l.Name())
	}
	o.Keep = func(e *image.Entry) (int, bool) {
		if was := h.res.Tree.Get(e.Path); was != nil {
			return was.Layer, true
		}
		return max(0, len(o.Layers)-1), true
	}
	return carve.Carve(ctx, h.res.Image, t, o)
}

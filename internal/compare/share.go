package compare

import (
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Together is what several images take at once.
type Together struct {
	PullBytes   int64 `json:"pull_bytes"` // each layer once
	DiskBytes   int64 `json:"disk_bytes"`
	SharedBytes int64 `json:"shared_disk_bytes"` // of layers that several have, each once
	Layers      int   `json:"layers"`
}

// Share finds out which layers the images share, fills in what each has for itself, and returns what all take. Layers are the same by
// their diff IDs. Of two that are compressed otherwise, all take both to pull.
func Share(images []Image, held []v1.Image) (Together, error) {
	there, err := layersOf(held)
	if err != nil {
		return Together{}, err
	}
	var all Together
	seen, blobs := map[string]bool{}, map[string]bool{}
	for n := range images {
		i := &images[n]
		i.UniquePullBytes, i.UniqueDiskBytes, i.NewPullBytes = 0, 0, i.PullBytes
		mine := map[string]bool{} // blobs of this image
		all.PullBytes += i.PullBytes
		for k := range i.Layers {
			l := &i.Layers[k]
			l.SharedBy, l.Held = sharers(images, n, *l), there[l.DiffID]
			repeated := mine[l.blob()]
			mine[l.blob()] = true
			if len(l.SharedBy) == 0 {
				i.UniqueDiskBytes += l.DiskBytes
				if !repeated {
					i.UniquePullBytes += l.PullBytes
				}
			} else if !seen[l.DiffID] {
				all.SharedBytes += l.DiskBytes
			}
			if l.Held && !repeated {
				i.NewPullBytes -= l.PullBytes
			}
			if blobs[l.blob()] && !repeated {
				all.PullBytes -= l.PullBytes
			}
			if !seen[l.DiffID] {
				all.DiskBytes += l.DiskBytes
				all.Layers++
			}
			seen[l.DiffID] = true
		}
		for b := range mine {
			blobs[b] = true
		}
	}
	return all, nil
}

// blob names what is pulled of a layer, as far as it is known.
func (l Layer) blob() string {
	if l.Digest != "" {
		return l.Digest
	}
	return l.DiffID
}

// sharers are the other images that have a layer, from 1.
func sharers(images []Image, n int, l Layer) []int {
	out := []int{}
	for m := range images {
		if m != n && slices.ContainsFunc(images[m].Layers, func(x Layer) bool { return x.DiffID == l.DiffID }) {
			out = append(out, m+1)
		}
	}
	return out
}

func layersOf(held []v1.Image) (map[string]bool, error) {
	there := map[string]bool{}
	for _, img := range held {
		cfg, err := img.ConfigFile()
		if err != nil {
			return nil, err
		}
		for _, id := range cfg.RootFS.DiffIDs {
			there[id.String()] = true
		}
	}
	return there, nil
}

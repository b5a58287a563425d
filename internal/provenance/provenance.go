// Package provenance reads where a build's provenance says that layers come from.
//
// BuildKit attaches SLSA provenance to what it builds. With mode=max (`docker buildx build --provenance=mode=max`) it tells
// the layers after each step and the lines of the Dockerfile that the step was made from; the default, mode=min, tells neither.
package provenance

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Predicates are the types of the statements that [Lines] reads.
var Predicates = []string{"https://slsa.dev/provenance/v1", "https://slsa.dev/provenance/v0.2"}

// ErrOther tells that a statement knows layers, but none of the image.
var ErrOther = errors.New("it names none of the image's layers, which may have been compressed anew")

// statement is what of an in-toto statement is read. The two versions of SLSA provenance have BuildKit's part at
// different places (moby/buildkit, solver/llbsolver/provenance/types).
type statement struct {
	PredicateType string `json:"predicateType"`
	Predicate     struct {
		RunDetails struct {
			Metadata struct {
				BuildKit metadata `json:"buildkit_metadata"`
			} `json:"metadata"`
		} `json:"runDetails"` // v1
		Metadata struct {
			BuildKit metadata `json:"https://mobyproject.org/buildkit@v1#metadata"`
		} `json:"metadata"` // v0.2
	} `json:"predicate"`
}

type metadata struct {
	Source struct {
		Locations map[string]struct {
			Locations []location `json:"locations"`
		} `json:"locations"` // by step
		Infos []struct {
			Filename string `json:"filename"`
		} `json:"infos"`
	} `json:"source"`
	Layers map[string][][]struct {
		Digest string `json:"digest"`
	} `json:"layers"` // by STEP:OUTPUT; chains of layers from the first on
}

type location struct {
	SourceIndex int `json:"sourceIndex"`
	Ranges      []struct {
		Start struct {
			Line int `json:"line"` // from 1
		} `json:"start"`
	} `json:"ranges"`
}

// Lines returns for each of the layers of an image, given by their digests, the place that it was made from as FILE:LINE, ""
// where the statement does not tell; nil when it tells of no layer at all. A base's layers have the line of its FROM.
func Lines(src []byte, layers []v1.Hash) ([]string, error) {
	var s statement
	if err := json.Unmarshal(src, &s); err != nil {
		return nil, fmt.Errorf("reading the statement: %w", err)
	}
	var m metadata
	switch s.PredicateType {
	case Predicates[0]:
		m = s.Predicate.RunDetails.Metadata.BuildKit
	case Predicates[1]:
		m = s.Predicate.Metadata.BuildKit
	default:
		return nil, fmt.Errorf("reading the statement: its predicate %.100q is no provenance of SLSA", s.PredicateType)
	}
	steps := m.steps(layers)
	if len(m.Layers) > 0 && !slices.ContainsFunc(steps, func(s string) bool { return s != "" }) {
		return nil, ErrOther
	}
	if len(m.Layers) == 0 {
		return nil, nil
	}
	lines := make([]string, len(layers))
	for i, step := range steps {
		lines[i] = m.line(step)
	}
	return lines, nil
}

// steps returns the step that made each of the layers: the one after which the layers are those up to it, else the one with the
// fewest layers among which it is. That is the source of a base, and a COPY --link, which knows nothing of what is below.
func (m *metadata) steps(layers []v1.Hash) []string {
	outputs := make([]string, 0, len(m.Layers))
	for o := range m.Layers {
		outputs = append(outputs, o)
	}
	slices.SortFunc(outputs, func(a, b string) int { return cmp.Or(len(a)-len(b), cmp.Compare(a, b)) }) // step9 before step10
	type best struct {
		step string
		of   int // layers
	}
	holds := map[string]best{}
	for _, l := range layers {
		holds[l.String()] = best{}
	}
	steps := make([]string, len(layers))
	for _, o := range outputs {
		step, _, _ := strings.Cut(o, ":")
		for _, chain := range m.Layers[o] {
			same := len(chain) <= len(layers)
			for i, d := range chain {
				same = same && d.Digest == layers[i].String()
				if b, ok := holds[d.Digest]; ok && (b.of == 0 || len(chain) < b.of) {
					holds[d.Digest] = best{step, len(chain)}
				}
			}
			if n := len(chain); same && n > 0 && steps[n-1] == "" {
				steps[n-1] = step
			}
		}
	}
	for i, l := range layers {
		steps[i] = cmp.Or(steps[i], holds[l.String()].step)
	}
	return steps
}

// maxFilename bounds the name of a Dockerfile, as Linux bounds paths.
const maxFilename = 4096

// line returns where a step begins, "" when that is not known. A step that several instructions share has the first of their places.
func (m *metadata) line(step string) string {
	for _, l := range m.Source.Locations[step].Locations {
		if l.SourceIndex < 0 || l.SourceIndex >= len(m.Source.Infos) {
			continue
		}
		file, line := m.Source.Infos[l.SourceIndex].Filename, 0
		for _, r := range l.Ranges {
			if n := r.Start.Line; n > 0 && (line == 0 || n < line) {
				line = n
			}
		}
		if line > 0 && file != "" && len(file) <= maxFilename {
			return fmt.Sprintf("%s:%d", file, line)
		}
	}
	return ""
}

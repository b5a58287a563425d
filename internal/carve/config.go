package carve

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lighten/lighten/internal/image"
)

// assemble makes an image of the new layers and img's configuration.
func assemble(img v1.Image, p *plan, layers []v1.Layer, o *Options) (v1.Image, error) {
	m, err := img.Manifest()
	if err != nil {
		return nil, fmt.Errorf("reading the manifest: %w", err)
	}
	raw, err := img.RawConfigFile()
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	config, err := reconfigured(raw, p, layers, o)
	if err != nil {
		return nil, fmt.Errorf("changing the configuration: %w", err)
	}
	annotations := maps.Clone(m.Annotations)
	if annotations == nil && len(o.Annotations) > 0 {
		annotations = map[string]string{}
	}
	maps.Copy(annotations, o.Annotations)
	return image.New(config, layers, annotations)
}

// object is a JSON object of which some fields are known.
type object map[string]json.RawMessage

func (c object) set(key string, v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	c[key] = bytes.TrimSpace(b.Bytes())
	return nil
}

// get reads a field, unless it is absent or null.
func (c object) get(key string, v any) error {
	if len(c[key]) == 0 {
		return nil
	}
	if err := json.Unmarshal(c[key], v); err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	return nil
}

// reconfigured returns the configuration with other layers, history and labels. All else stays, known or not.
func reconfigured(raw []byte, p *plan, layers []v1.Layer, o *Options) ([]byte, error) {
	var config object
	if err := json.Unmarshal(raw, &config); err != nil {
		return nil, err
	}
	diffIDs := make([]v1.Hash, len(layers))
	for n, l := range layers {
		var err error
		if diffIDs[n], err = l.DiffID(); err != nil {
			return nil, err
		}
	}
	if err := config.set("rootfs", v1.RootFS{Type: "layers", DiffIDs: diffIDs}); err != nil {
		return nil, err
	}
	if err := config.history(p, o.Comment); err != nil {
		return nil, err
	}
	if err := config.labels(o.Labels); err != nil {
		return nil, err
	}
	all := object{}
	err := all.set("config", config)
	return all["config"], err
}

// history makes the entries there ones without a layer and adds those of the new layers.
func (c object) history(p *plan, comment string) error {
	var entries []object
	if err := c.get("history", &entries); err != nil {
		return err
	}
	for n := range entries {
		if entries[n] == nil { // null
			entries[n] = object{}
		}
		entries[n]["empty_layer"] = json.RawMessage("true")
	}
	for _, l := range p.layers {
		h := object{}
		if created := c["created"]; len(created) > 0 && string(created) != "null" {
			h["created"] = created
		}
		if err := h.set("created_by", "lighten carve: "+l.name); err != nil {
			return err
		}
		if comment != "" {
			if err := h.set("comment", comment); err != nil {
				return err
			}
		}
		entries = append(entries, h)
	}
	if entries == nil {
		return nil
	}
	return c.set("history", entries)
}

// labels adds labels to those there.
func (c object) labels(add map[string]string) error {
	if len(add) == 0 {
		return nil
	}
	config, labels := object{}, map[string]string{}
	if err := c.get("config", &config); err != nil {
		return err
	}
	if config == nil {
		config = object{}
	}
	if err := config.get("Labels", &labels); err != nil {
		return err
	}
	if labels == nil {
		labels = map[string]string{}
	}
	maps.Copy(labels, add)
	if err := config.set("Labels", labels); err != nil {
		return err
	}
	return c.set("config", config)
}

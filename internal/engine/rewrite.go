package engine

import (
	"fmt"

	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"
)

// rewriteDefinition applies edit to a copy of every operation and returns the definition with what changed. Operations
// name their inputs by the digest of the input's bytes, so the digests of everything downstream of a change, and the
// keys of metadata and source locations, follow.
func rewriteDefinition(def *pb.Definition, edit func(*pb.Op) bool) (*pb.Definition, error) {
	if def == nil || len(def.Def) == 0 {
		return def, nil
	}
	ops := make(map[string]*pb.Op, len(def.Def))
	raw := make(map[string][]byte, len(def.Def))
	order := make([]string, 0, len(def.Def))
	for _, dt := range def.Def {
		var op pb.Op
		if err := op.UnmarshalVT(dt); err != nil {
			return nil, fmt.Errorf("reading a build definition: %w", err)
		}
		d := string(digest.FromBytes(dt))
		ops[d], raw[d] = &op, dt
		order = append(order, d)
	}
	r := &rewriter{ops: ops, raw: raw, edit: edit, now: map[string]string{}, out: map[string][]byte{}}
	for _, d := range order {
		if _, err := r.visit(d, 0); err != nil {
			return nil, err
		}
	}
	return r.definition(def, order), nil
}

type rewriter struct {
	ops  map[string]*pb.Op
	raw  map[string][]byte
	edit func(*pb.Op) bool
	now  map[string]string // old digest -> new digest
	out  map[string][]byte // old digest -> new bytes
}

// visit rewrites an operation after its inputs, which may come later in the definition.
func (r *rewriter) visit(d string, depth int) (string, error) {
	if n, ok := r.now[d]; ok {
		return n, nil
	}
	op, ok := r.ops[d]
	if !ok {
		return d, nil // an input that lives elsewhere keeps its name
	}
	if depth > len(r.ops) {
		return "", fmt.Errorf("reading a build definition: operation %s is its own input", d)
	}
	changed := false
	for _, in := range op.Inputs {
		n, err := r.visit(in.Digest, depth+1)
		if err != nil {
			return "", err
		}
		if n != in.Digest {
			in.Digest, changed = n, true
		}
	}
	// edit runs first: it must see every operation. The form is the deterministic one, as the engine's own: it names
	// operations by the digest of that when it looks for their place in the Dockerfile.
	changed = r.edit(op) || changed
	dt := r.raw[d]
	if changed {
		var err error
		if dt, err = op.Marshal(); err != nil {
			return "", fmt.Errorf("writing a build definition: %w", err)
		}
	}
	n := string(digest.FromBytes(dt))
	r.now[d], r.out[d] = n, dt
	return n, nil
}

func (r *rewriter) definition(def *pb.Definition, order []string) *pb.Definition {
	out := &pb.Definition{Metadata: make(map[string]*pb.OpMetadata, len(def.Metadata))}
	for _, d := range order {
		out.Def = append(out.Def, r.out[d])
	}
	for d, md := range def.Metadata {
		out.Metadata[r.name(d)] = md
	}
	if def.Source != nil {
		out.Source = &pb.Source{Infos: def.Source.Infos, Locations: make(map[string]*pb.Locations, len(def.Source.Locations))}
		for d, loc := range def.Source.Locations {
			out.Source.Locations[r.name(d)] = loc
		}
	}
	return out
}

func (r *rewriter) name(d string) string {
	if n, ok := r.now[d]; ok {
		return n
	}
	return d
}

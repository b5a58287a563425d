package ladder

import "github.com/rogpeppe/go-internal/diff"

// Diff shows how a candidate's Dockerfile differs from the project's, as
// diff -u does; "" when it does not.
func (p *Project) Diff(name string, text []byte) string {
	if name == Original {
		return ""
	}
	return string(diff.Diff(p.File, p.Doc.Source, p.File+" ("+name+")", text))
}

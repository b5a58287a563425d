package check

import (
	"regexp"
	"strings"
)

// sample is a line of the text formats in which programs tell Prometheus of themselves: a name, labels, a value, the time of it
// (https://prometheus.io/docs/instrumenting/exposition_formats/).
var sample = regexp.MustCompile(`(?m)^([A-Za-z_:][A-Za-z0-9_:]*(?:\{.*\})?) [^ \n]+(?: [0-9.]+)?$`)

// declared is how a text of it begins, whatever type the answer says: frameworks that are given a text leave the version out of it.
var declared = regexp.MustCompile(`^(?:# HELP [^\n]*\n)?# TYPE [A-Za-z_:][A-Za-z0-9_:]* (?:counter|gauge|histogram|summary|untyped|unknown|info)\r?\n`)

// samples tells these formats by the type that an answer says, or by how its text begins.
func samples(contentType string, body *Part) bool {
	kind, parameters, _ := strings.Cut(contentType, ";")
	return kind == "application/openmetrics-text" ||
		kind == "text/plain" && (strings.Contains(parameters, "version=0.0.4") || body != nil && declared.Match(body.Head))
}

// withoutValues are parts in such a format less its values, which measure the moment: some stand still between two runs and have moved on in a third.
func withoutValues(parts []*Part) []*Part {
	out := make([]*Part, len(parts))
	for i, p := range parts {
		if p == nil || p.Binary {
			out[i] = p
			continue
		}
		head := sample.ReplaceAll(p.Head, []byte("$1 <value>"))
		out[i] = &Part{Head: head, Size: len(head) + p.Size - len(p.Head), SHA256: p.SHA256}
	}
	return out
}

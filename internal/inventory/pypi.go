package inventory

import (
	"strings"

	"github.com/lighten/lighten/internal/lazy"
)

var pypiSeparators = lazy.MustCompile(`[-_.]+`)

// PyPIName is a Python distribution's name as indexes spell it, and as names are compared (PEP 503).
func PyPIName(name string) string { return strings.ToLower(pypiSeparators.ReplaceAllString(name, "-")) }

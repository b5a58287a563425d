package waste_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lighten/lighten/internal/testimage"
	"github.com/lighten/lighten/internal/waste"
)

// docs/inspect.md names every category.
func TestDocumented(t *testing.T) {
	root, err := testimage.Root()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(root, "docs", "inspect.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, what := range waste.Limited() {
		if !strings.Contains(string(b), "`"+what+"`") && !strings.Contains(string(b), what+":") {
			t.Errorf("docs/inspect.md does not name %s", what)
		}
	}
}

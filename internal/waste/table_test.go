package waste_test

import (
	"regexp"
	"slices"
	"testing"

	"github.com/lighten/lighten/internal/waste"
)

// Every category can be named in a budget, tells what to do, and is of a class that reports know.
func TestCategories(t *testing.T) {
	seen := map[string]bool{}
	rule := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	for _, c := range waste.Categories {
		if !rule.MatchString(c.Rule) || seen[c.Rule] || c.Title == "" || len(c.Advice) < 20 || !slices.Contains(waste.Classes, c.Class) {
			t.Errorf("%+v", c)
		}
		if seen[c.Rule] = true; waste.Find(c.Rule) != c {
			t.Errorf("%s is not found", c.Rule)
		}
	}
	if len(waste.Categories) > 254 {
		t.Error("more categories than a byte tells apart")
	}
}

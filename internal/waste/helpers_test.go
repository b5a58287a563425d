package waste_test

import (
	"context"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/inventory"
	"github.com/lighten/lighten/internal/testimage"
	"github.com/lighten/lighten/internal/waste"
)

// v1Config is a configuration that says nothing.
var v1Config v1.Config

// analyse takes an image apart.
func analyse(t testing.TB, img v1.Image) *waste.Analysis {
	t.Helper()
	tree, err := image.ReadTree(context.Background(), img, waste.Options())
	if err != nil {
		t.Fatal(err)
	}
	inv, err := inventory.Read(tree)
	if err != nil {
		t.Fatal(err)
	}
	return waste.Analyse(tree, inv)
}

// analyseTrees takes an image with a layer for each tree apart.
func analyseTrees(t testing.TB, layers ...testimage.Tree) *waste.Analysis {
	t.Helper()
	return analyse(t, testimage.Image(t, v1.Config{}, layers...))
}

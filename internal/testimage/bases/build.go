package bases

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lighten/lighten/internal/access"
	"github.com/lighten/lighten/internal/engine"
	"github.com/lighten/lighten/internal/testimage"
)

// build makes an image from its Dockerfile. It uses the state directory that lighten itself uses by default, so that
// what was unpacked and built here need not be fetched and unpacked again when the image is a base.
func (a *assembler) build(ctx context.Context, r *recipe, work string) (img v1.Image, err error) {
	dockerfile, err := files.ReadFile(r.file)
	if err != nil {
		return nil, err
	}
	layouts, err := testimage.Layouts()
	if err != nil {
		return nil, err
	}
	reg, err := testimage.Listen(layouts)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, reg.Close()) }()
	acc := access.Config{Mirrors: testimage.Mirrors(reg.URL()), Proxy: access.ProxyFromEnv()}
	if err := acc.FindCA(""); err != nil {
		return nil, err
	}
	e, err := engine.Open(ctx, engine.Options{Wait: true, Access: acc, Warn: func(s string) { fmt.Fprintln(a.progress, s) }})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	progress, err := engine.NewProgress(a.progress, a.mode)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, progress.Close()) }()
	build := engine.Build{
		Name: r.name(), Context: filepath.Join(work, "context"), Dockerfile: dockerfile, Filename: r.file, Target: r.target,
		Progress: progress, Store: filepath.Join(work, "store"),
	}
	if err := os.Mkdir(build.Context, 0o755); err != nil {
		return nil, err
	}
	return e.Build(ctx, build, nil)
}

// name is what the recipe is called in the progress display.
func (r *recipe) name() string {
	if r.target != "" {
		return r.target
	}
	return r.file[:len(r.file)-len(".Dockerfile")]
}

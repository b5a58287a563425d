package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lighten/lighten/internal/dockerfile/rewrite"
	"github.com/lighten/lighten/internal/ladder"
	"github.com/lighten/lighten/internal/report"
	"github.com/spf13/cobra"
)

// show prints the candidates as far as they can be known without building.
func (b *buildFlags) show(c *cobra.Command, p *ladder.Project) error {
	if err := p.ScanContext(); err != nil {
		return err
	}
	all := append([]ladder.Candidate{p.First()}, p.Candidates(rewrite.Evidence{})...)
	if len(b.only) > 0 {
		all = slices.DeleteFunc(all, func(x ladder.Candidate) bool { return !slices.Contains(b.only, x.Name) })
	}
	if b.write != "" {
		if len(all) != 1 {
			return fmt.Errorf("reading --write: name the one candidate to save with --only; %d fit", len(all))
		}
		if x := all[0]; x.Refused != "" {
			return fmt.Errorf("reading --write: there is no %s to save: %s", x.Name, x.Refused)
		}
		return save(b.write, all[0].Dockerfile)
	}
	out := c.OutOrStdout()
	if b.format == "json" {
		rep := report.Build{Schema: report.BuildSchema, Project: p.Dir, Context: p.ContextReport()}
		for _, x := range all {
			rep.Candidates = append(rep.Candidates, report.Candidate{Name: x.Name, Source: x.Source, Base: x.Base, Reason: x.Refused, Notes: x.Notes, Setuid: []string{}, Dockerfile: string(x.Dockerfile)})
		}
		return rep.Write(out, b.format, 0)
	}
	wide := len(ladder.Carved)
	for _, x := range all {
		wide = max(wide, len(x.Name))
	}
	for _, x := range all {
		base := x.Base
		if x.Refused != "" {
			base = "refused: " + x.Refused
		}
		fmt.Fprintf(out, "%-*s  %s\n", wide, report.Clean(x.Name), report.Clean(base))
		for _, n := range x.Notes {
			fmt.Fprintf(out, "  · %s\n", report.Clean(n))
		}
		if b.diff && x.Name != ladder.Original && x.Dockerfile != nil {
			fmt.Fprintln(out, strings.TrimRight(p.Diff(x.Name, x.Dockerfile), "\n"))
		}
	}
	if len(b.only) == 0 || slices.Contains(b.only, ladder.Carved) {
		fmt.Fprintf(out, "%-*s  the lightest of those that pass, cut down to what its program needs\n", wide, ladder.Carved)
	}
	rep := report.Build{Context: p.ContextReport()}
	_, err := io.WriteString(out, "\n"+strings.TrimSuffix(rep.ContextText(), "\n"))
	return err
}

// canSave finds what would keep save from writing a file, before the work is done that is to be in it.
func canSave(path string) error {
	dir := filepath.Dir(path)
	switch fi, err := os.Stat(dir); {
	case err != nil:
		return fmt.Errorf("writing %s: %w", path, err)
	case !fi.IsDir():
		return fmt.Errorf("writing %s: %s is no directory", path, dir)
	}
	if fi, err := os.Stat(path); err == nil && fi.IsDir() {
		return fmt.Errorf("writing %s: it is a directory, name a file in it", path)
	}
	return nil
}

// save writes a file whole or not at all.
func save(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	defer os.Remove(f.Name()) // gone already when all went well
	if _, err = f.Write(content); err == nil {
		err = f.Chmod(0o644)
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

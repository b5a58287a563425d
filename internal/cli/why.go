package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/lighten/lighten/internal/heal"
	"github.com/lighten/lighten/internal/lock"
	"github.com/lighten/lighten/internal/report"
)

const whyLong = `Say why a path of a carved image was kept, or what dropped it: the chain of
reasons from the path back to the evidence, or the rule.

An image that was carved with --guard answers by itself, without the original.
With --lock, IMAGE is the original that the lock was made from.`

const whyExamples = `  lighten why oci:light /usr/bin/perl
  lighten why shop:light /app /usr/share/doc/bash --format json
  lighten why shop:1 /bin/sh --lock lighten.lock`

// whyCommand is `lighten why`.
func whyCommand(g *global) *cobra.Command {
	var lockFile, platform, format string
	c := &cobra.Command{
		Use: "why IMAGE PATH...", Short: "Say why a path was kept or dropped",
		Long: whyLong, Example: whyExamples, Args: cobra.MinimumNArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			if format != "table" && format != "json" {
				return fmt.Errorf("reading --format %q: want table or json", format)
			}
			o, err := oracle(c, g, args[0], lockFile, platform)
			if err != nil {
				return err
			}
			answers := make([]lock.Answer, 0, len(args)-1)
			for _, p := range args[1:] {
				answers = append(answers, o.Why(p))
			}
			if format == "json" {
				return json.NewEncoder(c.OutOrStdout()).Encode(answers)
			}
			for _, a := range answers {
				writeAnswer(c.OutOrStdout(), a)
			}
			return nil
		},
	}
	f := c.Flags()
	f.StringVar(&lockFile, "lock", "", "answer by this lock instead of the image's label")
	f.StringVar(&platform, "platform", "", "OS/ARCH of an index (default: this machine's)")
	f.StringVar(&format, "format", "table", "table or json")
	fixed(c, map[string][]string{"format": {"table", "json"}})
	return c
}

// oracle opens what answers for an image: its own label, or a lock.
func oracle(c *cobra.Command, g *global, ref, lockFile, platform string) (*lock.Oracle, error) {
	a, err := g.access()
	if err != nil {
		return nil, err
	}
	img, err := openImage(c, a, ref, platform)
	if err != nil {
		return nil, err
	}
	t, inv, err := heal.Read(c.Context(), img, filepath.Join(g.stateDir(), "layers"))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", ref, err)
	}
	if lockFile != "" {
		f, err := readLock(lockFile)
		if err != nil {
			return nil, err
		}
		k, err := f.Keep(lockFile, t, inv)
		if err != nil {
			return nil, err
		}
		return lock.OracleOf(k, t, inv), nil
	}
	label := t.Config.Config.Labels[lock.Label]
	if label == "" {
		return nil, fmt.Errorf("%s does not say what was kept of its original: carve it with --guard, or name the lock with --lock", ref)
	}
	guard, err := lock.ParseGuard(label)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", ref, err)
	}
	return guard.Oracle(t, inv), nil
}

func writeAnswer(w io.Writer, a lock.Answer) {
	name := report.Clean(a.Path)
	if a.Real != "" {
		name += " (" + report.Clean(a.Real) + ")"
	}
	switch a.State {
	case lock.Kept:
		fmt.Fprintf(w, "%s is kept\n", name)
		for _, s := range a.Chain {
			fmt.Fprintf(w, "  %s: %s", report.Clean(s.Path), report.Clean(s.Rule))
			if s.Note != "" {
				fmt.Fprintf(w, ", %s", report.Clean(s.Note))
			}
			fmt.Fprintln(w)
		}
	case lock.Dropped:
		fmt.Fprintf(w, "%s was dropped: %s\n", name, report.Clean(a.Rule))
		if a.Directory != "" {
			fmt.Fprintf(w, "  with all of %s\n", report.Clean(a.Directory))
		}
		if a.Unsure {
			fmt.Fprintln(w, "  if the original had it: the image does not remember the names of such files")
		}
		if a.Package != "" {
			fmt.Fprintf(w, "  it belonged to package %s\n", report.Clean(a.Package))
		}
		fmt.Fprintf(w, "  --keep '%s' keeps it, and so does a check that looks it up\n", report.Clean(a.Path))
	default:
		fmt.Fprintf(w, "%s: the original does not have it\n", name)
	}
}

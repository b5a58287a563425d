package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/docker/go-units"
	"github.com/lighten/lighten/internal/engine"
	"github.com/lighten/lighten/internal/report"
	"github.com/spf13/cobra"
)

func cacheCommand(g *global) *cobra.Command {
	c := &cobra.Command{
		Use: "cache", Short: "Show or clear what the engine keeps between runs",
		Example: "  lighten cache du\n  lighten cache prune --keep 10GB",
		Args:    cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error { return c.Help() }, // without one, any word would be taken
	}
	c.AddCommand(duCommand(g), pruneCommand(g))
	return c
}

func duCommand(g *global) *cobra.Command {
	format := "table"
	c := &cobra.Command{
		Use: "du", Short: "Show what is kept, the largest first", Args: cobra.NoArgs,
		Example: "  lighten cache du\n  lighten cache du --format json",
		RunE: func(c *cobra.Command, _ []string) error {
			if format != "table" && format != "json" {
				return fmt.Errorf("reading --format %q: want table or json", format)
			}
			e, err := openPlain(c, g)
			if err != nil {
				return err
			}
			defer e.Close()
			all, err := e.Usage(c.Context())
			if err != nil {
				return err
			}
			if format == "json" {
				return json.NewEncoder(c.OutOrStdout()).Encode(all)
			}
			return writeUsage(c.OutOrStdout(), all)
		},
	}
	c.Flags().StringVar(&format, "format", format, "table or json (json lists small entries too)")
	fixed(c, map[string][]string{"format": {"table", "json"}})
	return c
}

// smallUsage is below which [writeUsage] lists no entry by itself: each run of checks leaves a dozen of a few kB.
const smallUsage = 1e6

// writeUsage writes what the engine keeps, the largest first, and sums up what is small.
func writeUsage(out io.Writer, all []engine.Usage) error {
	var sum, small int64
	var smaller int
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	for _, u := range all {
		sum += u.Bytes
		if u.Bytes < smallUsage {
			small += u.Bytes
			smaller++
			continue
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", report.Bytes(u.Bytes), u.Kind, report.Clean(u.Description))
	}
	if smaller > 0 {
		fmt.Fprintf(w, "%s\tsmall\t%d of less than %s each\n", report.Bytes(small), smaller, report.Bytes(smallUsage))
	}
	fmt.Fprintf(w, "%s\tall\t\n", report.Bytes(sum))
	return w.Flush()
}

func pruneCommand(g *global) *cobra.Command {
	var all bool
	var keep string
	var older time.Duration
	c := &cobra.Command{
		Use: "prune", Short: "Remove what is not in use", Args: cobra.NoArgs,
		Example: "  lighten cache prune\n  lighten cache prune --older-than 168h --keep 10GB",
		RunE: func(c *cobra.Command, _ []string) error {
			limit, err := size(keep)
			if err != nil {
				return fmt.Errorf("reading --keep: %w", err)
			}
			e, err := openPlain(c, g)
			if err != nil {
				return err
			}
			defer e.Close()
			n, err := e.Prune(c.Context(), engine.PruneOptions{All: all, KeepBytes: limit, OlderThan: older})
			if err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "freed %s\n", report.Bytes(n))
			return nil
		},
	}
	c.Flags().BoolVar(&all, "all", false, "also the engine's own records")
	c.Flags().StringVar(&keep, "keep", "", "stop when so much is left, such as 10GB")
	c.Flags().DurationVar(&older, "older-than", 0, "only what was not used for so long, such as 168h")
	return c
}

func openPlain(c *cobra.Command, g *global) (*engine.Engine, error) {
	a, err := g.access()
	if err != nil {
		return nil, err
	}
	return g.open(c, a, nil)
}

// size reads a size such as 10GB; "" is 0.
func size(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	return units.FromHumanSize(s)
}

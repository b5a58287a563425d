// Package explore is the terminal program that shows a report of `lighten inspect`: the layers and what each brings,
// changes, removes and hides, as a tree; what was found; who brought what. It reads a report and writes nothing.
package explore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	tea "charm.land/bubbletea/v2"
	"golang.org/x/term"

	"github.com/lighten/lighten/internal/report"
)

// Check tells, before anything is read for it, whether the program can be shown on out.
func Check(out io.Writer) error {
	if f, ok := out.(*os.File); !ok || !term.IsTerminal(int(f.Fd())) {
		return errors.New("opening the terminal program: standard output is no terminal: leave -i out, or give it one (ssh -t, docker run -it)")
	}
	return nil
}

// Run shows a report with its Files until the user quits. Keys come from the terminal, even when standard input is
// something else. However it ends, the terminal is as it was before.
func Run(ctx context.Context, r *report.Inspect, out io.Writer) error {
	if err := Check(out); err != nil {
		return err
	}
	env := os.Environ()
	if os.Getenv("NO_COLOR") != "" {
		env = append(env, "NO_COLOR=1") // whatever its value (no-color.org): the library wants one that is true
	}
	_, err := tea.NewProgram(New(r, asciiOnly(os.Getenv)), tea.WithContext(ctx), tea.WithOutput(out), tea.WithEnvironment(env), tea.WithoutSignalHandler()).Run()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return fmt.Errorf("showing the terminal program: %w", err)
	}
	return nil
}

// asciiOnly reports whether the locale (locale(7)) or the terminal rules out other characters. A locale that is not set
// says nothing: over ssh it often is not.
func asciiOnly(env func(string) string) bool {
	switch env("TERM") {
	case "dumb", "vt100", "vt102", "vt220":
		return true
	}
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := strings.ToLower(env(name)); v != "" {
			return !strings.Contains(v, "utf-8") && !strings.Contains(v, "utf8")
		}
	}
	return false
}

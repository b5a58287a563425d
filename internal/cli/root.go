// Package cli is the command line: one file a verb, each flags → one library
// call → print.
package cli

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"

	"github.com/lighten/lighten/internal/access"
	"github.com/lighten/lighten/internal/engine"
	"github.com/spf13/cobra"
)

// Exit codes of every verb.
const (
	ExitFine     = 0
	ExitFindings = 1 // a failed check, no candidate that passes, a budget that is exceeded
	ExitUnable   = 2 // the job could not be done
)

// findings is the error of a job that was done and found something; what was
// found is printed already.
type findings struct{ what string }

func (f findings) Error() string { return f.what }

// Run runs the command line and returns the exit code.
func Run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := Root()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return ExitFine
	}
	if ctx.Err() != nil {
		fmt.Fprintln(stderr, "lighten: interrupted")
		return 130
	}
	fmt.Fprintln(stderr, "lighten:", err)
	var be *engine.BuildError
	if errors.As(err, &be) {
		fmt.Fprint(stderr, be.Details())
	}
	if errors.As(err, &findings{}) {
		return ExitFindings
	}
	return ExitUnable
}

// global holds the flags that every verb takes.
type global struct {
	engine, state, ca, config string
	wait                      bool
	mirrors, plain            []string
}

// Root is the whole command tree.
func Root() *cobra.Command {
	g := &global{}
	c := &cobra.Command{
		Use:           "lighten",
		Short:         "Make container images light, and prove that they still work",
		Version:       version(),
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	f := c.PersistentFlags()
	f.StringVar(&g.engine, "engine", "embedded", "what builds: embedded, docker, tcp://HOST:PORT or unix://SOCKET of a buildkitd")
	f.StringVar(&g.state, "state", "", "directory of the embedded engine (default $LIGHTEN_STATE, or lighten in the user's state directory)")
	f.BoolVar(&g.wait, "wait", false, "wait while another run holds the state directory, instead of failing")
	f.StringVar(&g.ca, "ca", "", "certificates for RUN steps and registries: a PEM file, or none (default: the host's, when it holds private ones)")
	f.StringVar(&g.config, "config", "", "configuration file with mirrors, plain-http and ca (default $LIGHTEN_CONFIG, or lighten/config.yaml in the user's configuration directory)")
	f.StringArrayVar(&g.mirrors, "mirror", nil, "ask this registry first: HOST=MIRROR, such as docker.io=http://127.0.0.1:5000")
	f.StringArrayVar(&g.plain, "plain-http", nil, "speak plain HTTP with this registry HOST[:PORT]")
	fixed(c, map[string][]string{"engine": {"embedded", "docker"}})
	c.AddCommand(buildCommand(g), carveCommand(g), verifyCommand(g), whyCommand(g), compareCommand(g), inspectCommand(g), cacheCommand(g))
	c.SetFlagErrorFunc(func(c *cobra.Command, err error) error { // of all below too
		return fmt.Errorf("reading the flags: %w: %s", err, wanted(c))
	})
	explainArgs(c)
	return c
}

// explainArgs has errors about arguments say what is wanted.
func explainArgs(c *cobra.Command) {
	for _, sub := range c.Commands() {
		if fits := sub.Args; fits != nil {
			sub.Args = func(c *cobra.Command, args []string) error {
				if fits(c, args) != nil {
					return fmt.Errorf("reading the arguments: got %d: %s", len(args), wanted(c))
				}
				return nil
			}
		}
		explainArgs(sub)
	}
}

// wanted is how a verb is called, and where more stands.
func wanted(c *cobra.Command) string {
	return "want " + c.UseLine() + "; see " + c.CommandPath() + " --help"
}

func version() string {
	if bi, ok := debug.ReadBuildInfo(); ok && bi.Main.Version != "" {
		return bi.Main.Version + " (BuildKit " + engine.Version + ")"
	}
	return "unknown"
}

// access joins the configuration file and the flags.
func (g *global) access() (access.Config, error) {
	a, err := access.Load(g.config)
	if err != nil {
		return a, err
	}
	for _, m := range g.mirrors {
		host, mirror, ok := strings.Cut(m, "=")
		if !ok || host == "" || mirror == "" {
			return a, fmt.Errorf("reading --mirror %q: want HOST=MIRROR, such as docker.io=http://127.0.0.1:5000", m)
		}
		if a.Mirrors == nil {
			a.Mirrors = map[string][]string{}
		}
		a.Mirrors[host] = append(a.Mirrors[host], mirror)
	}
	a.PlainHTTP = append(a.PlainHTTP, g.plain...)
	if g.ca != "" || a.CA == nil {
		err = a.FindCA(g.ca)
	}
	return a, err
}

// open starts the engine that the flags name. What it unpacks, watch sees.
func (g *global) open(c *cobra.Command, a access.Config, watch engine.Watch) (*engine.Engine, error) {
	return engine.Open(c.Context(), engine.Options{
		Address: g.engine, State: g.stateDir(), Wait: g.wait, Access: a, Watch: watch,
		Warn: func(s string) { fmt.Fprintln(c.ErrOrStderr(), "lighten:", s) },
	})
}

func (g *global) stateDir() string {
	if g.state != "" {
		return g.state
	}
	return engine.DefaultState()
}

// self is this program's file, which runs inside candidates as supervisor.
func self() (string, error) {
	p, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("finding this program's own file: %w", err)
	}
	f, err := elf.Open(p)
	if err != nil {
		return "", fmt.Errorf("reading this program's own file: %w", err)
	}
	defer f.Close()
	for _, s := range f.Progs {
		if s.Type == elf.PT_INTERP {
			return "", fmt.Errorf("reading this program's own file: %s needs a C library, which not every candidate has, so it cannot run the checks there: build it with CGO_ENABLED=0", p)
		}
	}
	return p, nil
}

// progressKinds are the values of --progress.
var progressKinds = []string{"auto", "tty", "plain", "quiet", "rawjson"}

// fixed has the shell offer the values of flags that take few.
func fixed(c *cobra.Command, values map[string][]string) {
	for flag, v := range values {
		_ = c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(v, cobra.ShellCompDirectiveNoFileComp)) // fails only for unknown flags
	}
}

// With-bases runs a command with base images at hand: those of a real registry where one answers, else ready ones
// from a directory beside the repository, else ones assembled from Debian's packages. It says on standard error
// which.
//
//	with-bases [--need python:3.11,…] [--progress auto|plain|quiet] [-- COMMAND [ARG…]]
//
// COMMAND finds a lighten configuration in $LIGHTEN_CONFIG whose mirrors are a loopback registry with these images.
// Its exit code is passed through. Without COMMAND, the images that are needed are assembled and kept.
//
// LIGHTEN_REGISTRY=none does as if no registry answered, LIGHTEN_SHARED=DIR|none says where the ready images are,
// LIGHTEN_BASES=DIR where assembled ones are kept.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"go.yaml.in/yaml/v3"

	"github.com/lighten/lighten/internal/access"
	"github.com/lighten/lighten/internal/testimage"
	"github.com/lighten/lighten/internal/testimage/bases"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code, err := run(ctx, os.Args[1:], os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "with-bases:", err)
		code = 2
	}
	os.Exit(code)
}

func run(ctx context.Context, args []string, stderr io.Writer) (int, error) {
	fs := flag.NewFlagSet("with-bases", flag.ContinueOnError)
	fs.SetOutput(stderr)
	need := fs.String("need", "", "base images that COMMAND builds on, separated by commas; what is missing is assembled")
	progress := fs.String("progress", "auto", "how assembling is shown: auto, plain, quiet")
	if err := fs.Parse(args); errors.Is(err, flag.ErrHelp) {
		return 0, nil
	} else if err != nil {
		return 0, err
	}
	var refs []string
	for _, r := range strings.Split(*need, ",") {
		if r = strings.TrimSpace(r); r != "" {
			refs = append(refs, r)
		}
	}
	if host := answering(ctx); host != "" {
		fmt.Fprintf(stderr, "base images: from the real registry (%s answers)\n", host)
		return command(ctx, fs.Args(), os.Environ())
	}
	res, err := bases.Ensure(ctx, bases.Options{Need: refs, Progress: stderr, Mode: *progress})
	if err != nil {
		return 0, err
	}
	describe(stderr, res)
	if fs.NArg() == 0 {
		return 0, nil
	}
	return withMirror(ctx, fs.Args())
}

// answering returns the registry that answers for Docker Hub's images on this machine, or "". It asks for a
// manifest, not for the version alone: a proxy may answer to anything.
func answering(ctx context.Context) string {
	if os.Getenv("LIGHTEN_REGISTRY") == "none" {
		return ""
	}
	acc, err := access.Load("")
	if err != nil || acc.FindCA("") != nil {
		return "" // lighten itself will say what is wrong with the configuration
	}
	ctx, cancel := context.WithTimeout(ctx, 8*time.Second)
	defer cancel()
	for _, e := range acc.Endpoints("docker.io") {
		var opts []name.Option
		if e.PlainHTTP {
			opts = append(opts, name.Insecure)
		}
		ref, err := name.ParseReference(strings.TrimSuffix(e.Host+"/"+e.Path, "/")+"/library/python:3.11-slim", opts...)
		if err != nil {
			continue
		}
		_, err = remote.Head(ref, remote.WithContext(ctx), remote.WithTransport(acc.Transport()),
			remote.WithRetryStatusCodes(), remote.WithRetryBackoff(remote.Backoff{Steps: 1}))
		if err == nil {
			return e.Host
		}
	}
	return ""
}

func describe(w io.Writer, res bases.Result) {
	fmt.Fprintln(w, "base images: no registry answers; stand-ins are used, so sizes are close to the official images', not the same")
	line := func(what string, refs []string) {
		if len(refs) > 0 {
			fmt.Fprintf(w, "  %s: %s\n", what, strings.Join(refs, ", "))
		}
	}
	if s := testimage.Shared(); s != "" {
		line("ready in "+s, res.Ready)
	}
	line("assembled before from Debian's packages", res.Cached)
	line("assembled now from Debian's packages", res.Assembled)
	line("not to be had here (what builds on it will say that its base is unknown)", res.Unknown)
}

// withMirror runs a command with a configuration that has images come from a loopback registry.
func withMirror(ctx context.Context, args []string) (code int, err error) {
	layouts, err := testimage.Layouts()
	if err != nil {
		return 0, err
	}
	if _, err := testimage.ServeAlpine(); err != nil {
		return 0, err
	}
	reg, err := testimage.Listen(layouts)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, reg.Close()) }()
	dir, err := os.MkdirTemp("", "lighten-config-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	config, err := yaml.Marshal(map[string]any{"mirrors": testimage.Mirrors(reg.URL())})
	if err != nil {
		return 0, err
	}
	file := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(file, config, 0o644); err != nil {
		return 0, err
	}
	return command(ctx, args, append(os.Environ(), "LIGHTEN_CONFIG="+file))
}

// command runs args and returns its exit code; an interrupt is passed on, and the command ends by itself.
func command(ctx context.Context, args, env []string) (int, error) {
	if len(args) == 0 {
		return 0, nil
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.Env = os.Stdin, os.Stdout, os.Stderr, env
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 30 * time.Second
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() >= 0 {
		return exit.ExitCode(), nil
	} else if err != nil {
		return 0, fmt.Errorf("running %s: %w", args[0], err)
	}
	return 0, nil
}

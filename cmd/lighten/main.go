// Command lighten makes container images light, and proves that they still
// work. Inside a candidate the same binary is the supervisor of its checks.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/lighten/lighten/internal/check"
	"github.com/lighten/lighten/internal/cli"
)

func main() {
	os.Exit(run())
}

func run() int {
	if code, ok := check.Inside(os.Args); ok {
		return code
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return cli.Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
}

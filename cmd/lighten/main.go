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
	"github.com/lighten/lighten/internal/observe"
)

func main() {
	os.Exit(run())
}

func run() int {
	if observe.IsTrampoline(os.Args) { // first: nothing of ours may happen in the traced program's process
		return observe.TrampolineMain(os.Args)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if check.IsSupervisor(os.Args) {
		return check.SupervisorMain(ctx, os.Args)
	}
	return cli.Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
}

// Command server is the standalone job system: the HTTP API, the planner and the workers in one process on an embedded SQLite file.
//
//	go run ./examples/server
//
// It prints its address, and on the first start the password of the user admin. SIGTERM and SIGINT drain: new runs are refused, running
// steps get -grace to finish, and the API goes on until they have. A second signal ends the process at once; what was running then is
// taken up again by the next start.
//
// "server tenant" lists, adds and removes tenants.
//
// Exit codes: 0 after a drain, 1 if it cannot start or could not end in order, 2 for flags that are wrong, 130 after a second signal.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // the same zones on every machine
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "tenant" {
		os.Exit(tenantCommand(context.Background(), os.Args[2:], os.Getenv, os.Stdin, os.Stdout, os.Stderr))
	}
	settings, err := readSettings(os.Args[1:], os.Getenv)
	if help, ok := errors.AsType[helpAsked](err); ok {
		fmt.Print(help)
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "server:", err)
		os.Exit(2)
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go endOnSignal(stop)
	if err := run(ctx, settings); err != nil {
		fmt.Fprintln(os.Stderr, "server:", err)
		os.Exit(1)
	}
}

// endOnSignal drains on the first signal and ends the process on the second.
func endOnSignal(drain func()) {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	<-signals
	drain()
	<-signals
	os.Exit(130)
}

// run serves until ctx ends, and then drains.
func run(ctx context.Context, s settings) error {
	log := s.logger()
	slog.SetDefault(log)
	sys, err := open(ctx, s, log)
	if sys == nil && ctx.Err() != nil {
		return nil //nolint:nilerr // told to end before it had begun, which is no fault
	}
	if err != nil {
		return err
	}
	sys.announce()
	return errors.Join(sys.run(ctx), sys.close())
}

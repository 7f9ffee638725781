// Command server is the standalone job system: the HTTP API, the planner and the workers in one process on an embedded SQLite file.
//
//	go run ./examples/server
//
// It prints its address, and on the first start the password of the user admin. SIGTERM and SIGINT drain: running steps get
// 30 s to finish. A second signal ends the process at once; what was running then is taken up again by the next start.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
	_ "time/tzdata" // the same zones on every machine

	"github.com/carillon-go/carillon/httpapi"
)

func main() {
	settings, err := readSettings(os.Args[1:], os.Getenv)
	switch {
	case errors.Is(err, errHelp):
		return
	case err != nil:
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
	if err != nil {
		return err
	}
	var api *httpapi.API
	parts := []part{}
	if s.mode != modeWorker {
		if api, err = sys.api(); err != nil {
			return errors.Join(err, sys.close())
		}
		listener, err := net.Listen("tcp", s.addr)
		if err != nil {
			return errors.Join(fmt.Errorf("cannot listen on -addr: %w", err), sys.close())
		}
		parts = append(parts, part{"api", func(ctx context.Context) error { return serve(ctx, listener, api, log) }})
		fmt.Printf("Carillon listens on http://%s/api\n", listener.Addr())
	}
	if s.mode != modeAPI {
		parts = append(parts, part{"worker", sys.engine.Run})
		fmt.Printf("A worker for %d runs at a time is active\n", s.concurrency)
	}
	sys.announce()
	return errors.Join(runParts(ctx, parts), sys.close())
}

// part is something that runs until its context ends.
type part struct {
	name string
	run  func(context.Context) error
}

// runParts runs all parts until ctx ends or one of them fails, and waits for all.
func runParts(ctx context.Context, parts []part) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, len(parts))
	for _, p := range parts {
		go func() {
			err := p.run(ctx)
			if err != nil {
				err = fmt.Errorf("%s: %w", p.name, err)
			}
			ended <- err
			cancel() // one part alone is no system
		}()
	}
	var all error
	for range parts {
		all = errors.Join(all, <-ended)
	}
	return all
}

// serve answers requests until ctx ends; then live streams end at once, other requests get 10 s.
func serve(ctx context.Context, listener net.Listener, api *httpapi.API, log *slog.Logger) error {
	server := &http.Server{
		Handler:           api,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       60 * time.Second,
		IdleTimeout:       120 * time.Second,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	api.Close()
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	err := server.Shutdown(grace)
	<-failed
	return err
}

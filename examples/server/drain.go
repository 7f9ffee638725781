package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"
)

// run works until ctx ends, or a part fails. The API outlives the worker: who watches or waits for a run learns how it ended.
func (sys *system) run(ctx context.Context) error {
	working, endWork := context.WithCancel(context.WithoutCancel(ctx))
	serving, shut := context.WithCancel(context.WithoutCancel(ctx))
	defer shut()
	drain := func() {
		sys.service.Drain() // first: nothing is accepted that the worker does not see any more
		endWork()
	}
	defer drain()
	stop := context.AfterFunc(ctx, drain)
	defer stop()
	ended := make(chan error, 2)
	go func() {
		ended <- sys.work(working)
		shut()
	}()
	go func() {
		ended <- sys.serve(serving)
		drain()
	}()
	return errors.Join(<-ended, <-ended)
}

// work executes runs until ctx ends and they have drained.
func (sys *system) work(ctx context.Context) error {
	if sys.engine == nil {
		<-ctx.Done()
		return nil
	}
	if err := sys.engine.Run(ctx); err != nil {
		return fmt.Errorf("worker: %w", err)
	}
	return nil
}

// serve answers requests until ctx ends; then live streams end at once, other requests get 10 s.
func (sys *system) serve(ctx context.Context) error {
	if sys.api == nil {
		<-ctx.Done()
		return nil
	}
	server := &http.Server{
		Handler:           sys.api,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       60 * time.Second,
		IdleTimeout:       120 * time.Second,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(sys.log.Handler(), slog.LevelDebug),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(sys.listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("api: %w", err)
	case <-ctx.Done():
	}
	sys.api.Close()
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := server.Shutdown(grace); err != nil {
		sys.log.Warn("requests are cut off: they took too long", "err", err)
		return server.Close()
	}
	return nil
}

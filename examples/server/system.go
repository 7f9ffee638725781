package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/carillon-go/carillon/drivers"
	"github.com/carillon-go/carillon/drivers/builtin"
	"github.com/carillon-go/carillon/drivers/mail"
	"github.com/carillon-go/carillon/drivers/safehttp"
	"github.com/carillon-go/carillon/httpapi"
	"github.com/carillon-go/carillon/httpapi/identity"
	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/scheduler"
	"github.com/carillon-go/carillon/storage/sqlite"
)

// version is shown with the workers of this program.
const version = "0.1.0"

// system is everything that this process is made of.
type system struct {
	settings settings
	log      *slog.Logger
	store    *sqlite.Store
	service  *jobs.Service
	accounts *identity.Accounts
	engine   *scheduler.Scheduler
	// password of the user admin, on the first start alone.
	password string
}

// open puts the parts together. What is wrong with files, flags or keys is an error here, before anything runs.
func open(ctx context.Context, s settings, log *slog.Logger) (*system, error) {
	if err := os.MkdirAll(s.data, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make the folder of -data: %w", err)
	}
	keys, err := jobs.OpenKeyFile(filepath.Join(s.data, "carillon.key"))
	if err != nil {
		return nil, fmt.Errorf("key of the secrets: %w", err)
	}
	store, err := sqlite.Open(ctx, filepath.Join(s.data, "carillon.db"), sqlite.Options{Logger: log})
	if err != nil {
		return nil, err
	}
	sys := &system{settings: s, log: log, store: store}
	if err := sys.assemble(ctx, keys); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return sys, nil
}

func (sys *system) assemble(ctx context.Context, keys jobs.KeyWrapper) error {
	s := sys.settings
	registry, err := registryOf(s)
	if err != nil {
		return err
	}
	sys.accounts, err = identity.New(sys.store, identity.Options{
		DefaultTenant: s.tenant, CookiePath: "/api", SuperToken: s.token, Logger: sys.log,
	})
	if err != nil {
		return err
	}
	if sys.password, _, err = sys.accounts.EnsureAdmin(ctx, s.tenant, "admin"); err != nil {
		return fmt.Errorf("first user: %w", err)
	}
	sys.service = jobs.NewService(sys.store, registry, jobs.ServiceOptions{
		Keys: keys, Directory: sys.accounts, Logger: sys.log,
	})
	if err := sys.service.Vault().Probe(ctx, s.tenant); err != nil {
		return fmt.Errorf("secrets cannot be sealed and opened with the key in %s: %w", s.data, err)
	}
	if err := sys.setBeat(ctx); err != nil {
		return err
	}
	sys.engine, err = scheduler.New(sys.store, registry, scheduler.Options{
		Concurrency: s.concurrency, Logger: sys.log, Version: version, Vault: sys.service.Vault(),
	})
	return err
}

// registryOf are the drivers of this program: the built-in ones.
func registryOf(s settings) (*drivers.Registry, error) {
	o := builtin.Options{HTTP: safehttp.Policy{AllowPrivate: s.allowPrivate}}
	if s.smtp != "" {
		server, err := mail.ParseURL(s.smtp.Reveal())
		if err != nil {
			return nil, fmt.Errorf("-smtp: %w", err)
		}
		o.Mail = &server
	}
	list, err := builtin.Drivers(o)
	if err != nil {
		return nil, err
	}
	return drivers.NewRegistry(list...)
}

// setBeat stores heartbeat and time-out for the cluster, if they were given.
func (sys *system) setBeat(ctx context.Context) error {
	s := sys.settings
	if s.heartbeat == 0 && s.timeout == 0 {
		return nil
	}
	patch := jobs.LimitsPatch{}
	if s.heartbeat != 0 {
		patch.HeartbeatSeconds = jobs.Value(int(s.heartbeat.Seconds()))
	}
	if s.timeout != 0 {
		patch.TimeoutSeconds = jobs.Value(int(s.timeout.Seconds()))
	}
	if _, err := sys.service.As(jobs.System(s.tenant)).SetLimits(ctx, patch); err != nil {
		return fmt.Errorf("-heartbeat, -timeout: %w", err)
	}
	return nil
}

// api is the handler with the built-in identity.
func (sys *system) api() (*httpapi.API, error) {
	return httpapi.New(sys.service, httpapi.Options{Accounts: sys.accounts, Logger: sys.log})
}

// announce tells what a person needs to know once.
func (sys *system) announce() {
	if sys.password != "" {
		fmt.Printf("First start: the user admin has the password %s\nIt is shown this once.\n", sys.password)
	}
	if sys.settings.token != "" {
		fmt.Println("The token of -token acts as a superuser")
	}
}

func (sys *system) close() error { return sys.store.Close() }

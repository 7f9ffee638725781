package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"

	"github.com/carillon-go/carillon/drivers"
	"github.com/carillon-go/carillon/drivers/builtin"
	"github.com/carillon-go/carillon/drivers/safehttp"
	"github.com/carillon-go/carillon/httpapi"
	"github.com/carillon-go/carillon/httpapi/identity"
	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/scheduler"
	"github.com/carillon-go/carillon/storage/folder"
)

// version is shown with the workers of this program.
const version = "0.1.0"

// system is everything that this process is made of.
type system struct {
	settings settings
	log      *slog.Logger
	store    jobs.Store
	files    *folder.Store
	service  *jobs.Service
	accounts *identity.Accounts

	listener net.Listener         // nil in mode worker
	api      *httpapi.API         // nil in mode worker
	engine   *scheduler.Scheduler // nil in mode api
}

// open puts the parts together. What is wrong with flags, address, files or keys is an error here, before anything runs; what can be
// wrong without a file being made comes first.
func open(ctx context.Context, s settings, log *slog.Logger) (_ *system, err error) {
	sys := &system{settings: s, log: log}
	defer func() {
		if err != nil {
			err = errors.Join(err, sys.close())
		}
	}()
	registry, err := registryOf(s)
	if err != nil {
		return nil, err
	}
	templates, err := templatesOf(s, registry)
	if err != nil {
		return nil, err
	}
	if s.mode != modeWorker {
		if sys.listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", s.addr); err != nil {
			return nil, fmt.Errorf("cannot listen on -addr: %w", err)
		}
	}
	if err := os.MkdirAll(s.data, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make the folder of -data: %w", err)
	}
	keys, err := sys.openFiles(ctx)
	if err != nil {
		return nil, err
	}
	if sys.files, err = folder.Open(s.filesFolder()); err != nil {
		return nil, fmt.Errorf("-files: %w", err)
	}
	if err := sys.assemble(ctx, registry, templates, keys); err != nil {
		return nil, err
	}
	// The password is shown as soon as it exists: nothing that could fail comes in between.
	if s.mode != modeWorker {
		if err := sys.firstUser(ctx); err != nil {
			return nil, err
		}
	}
	return sys, nil
}

func (sys *system) assemble(ctx context.Context, registry *drivers.Registry, templates *jobs.Templates, keys jobs.KeyWrapper) (err error) {
	s := sys.settings
	sys.accounts, err = identity.New(sys.store, identity.Options{
		DefaultTenant: s.tenant, CookiePath: "/api", SuperToken: s.token, Logger: sys.log,
	})
	if err != nil {
		return err
	}
	service := jobs.NewService(sys.store, registry, jobs.ServiceOptions{
		Keys: keys, Templates: templates, Blobs: sys.files, Directory: sys.accounts, Logger: sys.log,
	})
	sys.service = service
	if err := service.Vault().Probe(ctx, s.tenant); err != nil {
		return fmt.Errorf("secrets cannot be sealed and opened with the key in %s: %w", s.data, err)
	}
	if err := setBeat(ctx, service, s); err != nil {
		return err
	}
	if s.mode != modeAPI {
		sys.engine, err = scheduler.New(sys.store, registry, scheduler.Options{
			Concurrency: s.concurrency, Grace: s.grace, Logger: sys.log, Version: version, Vault: service.Vault(), Blobs: sys.files,
		})
		if err != nil {
			return err
		}
	}
	if s.mode != modeWorker {
		sys.api, err = httpapi.New(service, httpapi.Options{Accounts: sys.accounts, Logger: sys.log})
	}
	return err
}

// registryOf are the drivers of this program: the built-in ones.
func registryOf(s settings) (*drivers.Registry, error) {
	list, err := builtin.Drivers(builtin.Options{HTTP: safehttp.Policy{AllowPrivate: s.allowPrivate}, Mail: s.mail, Files: true})
	if err != nil {
		return nil, err
	}
	return drivers.NewRegistry(list...)
}

// templatesOf are the templates of the drivers and of the folder of -templates. The error has all that is wrong with any of them.
func templatesOf(s settings, registry *drivers.Registry) (*jobs.Templates, error) {
	var sources []jobs.TemplateSource
	var unread error
	if s.templates != "" {
		sources, unread = jobs.ReadTemplates(os.DirFS(s.templates))
	}
	templates, err := jobs.NewTemplates(registry, sources...)
	if err := errors.Join(unread, err); err != nil {
		return nil, fmt.Errorf("-templates: %w", err)
	}
	return templates, nil
}

// setBeat stores heartbeat and time-out for the cluster, if they were given.
func setBeat(ctx context.Context, service *jobs.Service, s settings) error {
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
	if _, err := service.As(jobs.System(s.tenant)).SetLimits(ctx, patch); err != nil {
		return fmt.Errorf("-heartbeat, -timeout: %w", err)
	}
	return nil
}

// firstUser makes the user admin on the first start and prints its password, this once.
func (sys *system) firstUser(ctx context.Context) error {
	password, created, err := sys.accounts.EnsureAdmin(ctx, sys.settings.tenant, "admin")
	if err != nil {
		return fmt.Errorf("first user: %w", err)
	}
	if created {
		fmt.Printf("First start: the user admin has the password %s\nIt is shown this once.\n", password)
	}
	return nil
}

// announce tells what this process does.
func (sys *system) announce() {
	if sys.settings.token != "" && sys.api != nil {
		fmt.Println("The token of -token acts as a superuser")
	}
	if sys.engine != nil {
		fmt.Printf("A worker for %d runs at a time is active\n", sys.settings.concurrency)
	}
	if sys.api != nil {
		fmt.Printf("Carillon listens on http://%s/api\n", sys.listener.Addr())
	}
}

// close ends what open has opened; the store last (reliability section 6).
func (sys *system) close() error {
	var faults []error
	if sys.listener != nil {
		if err := sys.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) { // the server closes it too
			faults = append(faults, err)
		}
	}
	if sys.files != nil {
		faults = append(faults, sys.files.Close())
	}
	if sys.store != nil {
		faults = append(faults, sys.store.Close())
	}
	return errors.Join(faults...)
}

package jobs

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"
)

// Service holds the use cases. It checks rules and permissions; what it writes and reads is the store's. Safe for concurrent use.
type Service struct {
	store     Store
	drivers   Drivers
	vault     *Vault
	directory Directory
	options   ServiceOptions
	changing  changeLocks
	draining  atomic.Bool
}

// ServiceOptions change what a Service allows. The zero value works.
type ServiceOptions struct {
	// Keys wraps the data keys under which secrets are sealed. Nil: settings with secrets are refused.
	Keys KeyWrapper

	// Directory knows users and teams. Nil: names are the ids, and every id is a principal.
	Directory Directory

	// Datasets are those of the host. Nil: naming one is refused.
	Datasets Datasets
	// Reports and Libraries are those of the host, for those who choose one. Nil: there are none to choose from.
	Reports   Reports
	Libraries Libraries

	// Templates are ready-made starts for jobs, those of drivers too (NewTemplates). Nil: there are none.
	Templates *Templates

	// Blobs keeps uploaded files; API and workers need the same. Nil: uploads are refused with a *ConflictError.
	Blobs Blobs
	// MaxUpload is the largest upload, in bytes; 0 means MaxUpload, 25 MiB.
	MaxUpload int64

	// MinInterval is the shortest time between two fires that a schedule may have; zero is no bound.
	MinInterval time.Duration

	// Logger is for what no caller is told; nil is slog.Default().
	Logger *slog.Logger
}

// NewService makes the use cases over a store and a set of drivers.
func NewService(store Store, drivers Drivers, o ServiceOptions) *Service {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	s := &Service{store: store, drivers: drivers, directory: o.Directory, options: o, changing: newChangeLocks()}
	if o.Keys != nil {
		s.vault = NewVault(store, o.Keys)
	}
	return s
}

// Vault opens the secrets of this system for the engine; nil without keys.
func (s *Service) Vault() *Vault { return s.vault }

// As gives the client that acts as p. Every method of the client checks what p may do.
func (s *Service) As(p Principal) *Client { return &Client{service: s, principal: p} }

// Drain is for a process that is about to end (reliability section 6): from now on callers start no run, retry or backfill through this
// Service, which is ErrUnavailable; everything else goes on, and so do schedules and other processes. There is no way back.
func (s *Service) Drain() { s.draining.Store(true) }

// takesRuns is the last check before a run is started: who may not start it, or asks for something wrong, is told that first.
func (s *Service) takesRuns() error {
	if s.draining.Load() {
		return &UnavailableError{Reason: "the server is shutting down"}
	}
	return nil
}

// Client is the service as one principal sees it. Go programs and HTTP handlers use the same. Safe for concurrent use.
type Client struct {
	service   *Service
	principal Principal
}

// Principal is who the client acts as.
func (c *Client) Principal() Principal { return c.principal }

// now is the moment that a use case stores: whole milliseconds, UTC, without the monotonic reading.
func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

// identified is the first check of every use case.
func (c *Client) identified() error {
	if c.principal.User == "" || c.principal.Tenant == "" {
		return ErrUnauthenticated
	}
	return nil
}

// readable reads a job that the principal may read, or ErrNotFound: unknown, of another tenant, and not shared all look the same.
func (c *Client) readable(ctx context.Context, ref JobRef) (*Job, error) {
	return c.permitted(ctx, ref, PermissionRead)
}

// permitted reads a job on which the principal has a permission.
func (c *Client) permitted(ctx context.Context, ref JobRef, perm Permission) (*Job, error) {
	if err := c.identified(); err != nil {
		return nil, err
	}
	j, err := c.service.store.Job(ctx, c.principal.Tenant, ref)
	if err != nil {
		return nil, err
	}
	if ref.ID == "" && !j.hasPrefix(ref.Prefix) {
		return nil, NotFound("job")
	}
	if err := c.allowed(ctx, j, perm); err != nil {
		return nil, err
	}
	return j, nil
}

// allowed is the check of a permission on a job that was read. Refusals are written down.
func (c *Client) allowed(ctx context.Context, j *Job, perm Permission) error {
	if err := c.principal.check(j, perm); err != nil {
		return c.denied(ctx, err, AuditAction(perm), "job", string(j.ID), j.ID)
	}
	return nil
}

// hasPrefix reports whether a natural id may write the job with that prefix: its tenant or its owner, with or without the owner's
// "team:" or "user:" (contract 1.4).
func (j *Job) hasPrefix(prefix string) bool {
	if prefix == string(j.Tenant) || prefix == j.OwnerID.Bare() {
		return true
	}
	return ParsePrincipalID(prefix) == j.OwnerID
}

// superuser is the check of the routes of group S.
func (c *Client) superuser(ctx context.Context) error {
	if err := c.identified(); err != nil {
		return err
	}
	if !c.principal.Superuser {
		return c.denied(ctx, Forbidden("only a superuser may do this"), "superuser", "", "", "")
	}
	return nil
}

// writes refuses principals of read-only tokens.
func (c *Client) writes(ctx context.Context) error {
	if c.principal.ReadOnly {
		return c.denied(ctx, Forbidden("the token is read-only"), "write", "", "", "")
	}
	return nil
}

// Names gives the display names of principals; an id without one stands for itself.
func (c *Client) Names(ctx context.Context, ids []PrincipalID) (map[PrincipalID]string, error) {
	names := make(map[PrincipalID]string, len(ids))
	for _, id := range ids {
		names[id] = string(id)
	}
	if c.service.directory == nil || len(ids) == 0 {
		return names, nil
	}
	known, err := c.service.directory.Principals(ctx, c.principal.Tenant, ids)
	if err != nil {
		return nil, err
	}
	for _, p := range known {
		if p.Name != "" {
			names[p.ID] = p.Name
		}
	}
	return names, nil
}

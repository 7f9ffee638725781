package scheduler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// Store is what the engine needs of a store; every jobs.Store has it.
type Store interface {
	jobs.WorkerStore
	jobs.PlanStore
	jobs.Watcher
	jobs.FileStore
	Pruner
	Steerer
}

// Pruner is the part of jobs.RunStore that the engine uses.
type Pruner interface {
	// Prune is that of jobs.RunStore.
	Prune(ctx context.Context, now time.Time, keep jobs.Retention, limit int) (int, error)
}

// Steerer is the part of jobs.WorkerAdminStore that the engine uses: a worker that shuts down shows itself as draining.
type Steerer interface {
	// SteerWorker is that of jobs.WorkerAdminStore.
	SteerWorker(ctx context.Context, id jobs.WorkerID, status jobs.WorkerStatus, concurrency int) error
}

var _ Store = jobs.Store(nil)

// Options of a Scheduler; the zero value works.
type Options struct {
	// Concurrency is the most runs at a time, 1 to 1000; 0 means 10. Operators can change it while the worker lives.
	Concurrency int
	// Grace is how long running work may go on when the scheduler is to end; then contexts are cancelled. 0 means 30 s.
	Grace time.Duration
	// Retention bounds ended runs of jobs that set no bound themselves; zero keeps all.
	Retention jobs.Retention

	// Vault opens the secrets of settings. Nil: a step with secrets fails.
	Vault *jobs.Vault

	// Datasets are those of the host. Nil: a run of a job with datasets fails.
	Datasets jobs.Datasets
	// Blobs keeps the uploaded files that attachments send, the same as that of the service. The engine also removes from it what nothing
	// needs any more. Nil: a step with an uploaded file fails.
	Blobs jobs.Blobs

	// Hostname and Version are shown to operators. An empty Hostname is that of the machine.
	Hostname string
	Version  string
	// Logger gets what operators should know; nil means slog.Default(). Logs of runs go to the store.
	Logger *slog.Logger
}

// Figures that are rules, not options.
const (
	// stopTime is how long a driver may take to return when its context has ended (reliability section 6).
	stopTime = 10 * time.Second
	// lastTime is how long, after all work has ended, a scheduler that shuts down tries to record the last results.
	lastTime = 5 * time.Second
	// maxConcurrency is the bound of contract 12.3.
	maxConcurrency     = 1000
	defaultConcurrency = 10
	defaultGrace       = 30 * time.Second
)

// Scheduler is one engine in one process. Run it once.
type Scheduler struct {
	store   Store
	drivers jobs.Drivers
	options Options
	log     *slog.Logger
	clock   clock
	health  health

	started atomic.Bool
	// occupied counts slots that are taken by work which no run of the worker stands for any more: drivers that ignore their context,
	// and runs that were taken away and have not stopped yet.
	occupied atomic.Int64
	// freed holds one signal: a slot is occupied no more.
	freed chan struct{}
	// limits are the latest that an exchange has told; observer and planner read them. newLimits holds one signal: they have changed.
	limits    atomic.Pointer[jobs.Limits]
	newLimits chan struct{}
	// executors are the goroutines of runs; each ends at most stopTime after its context.
	executors sync.WaitGroup

	// What follows is set by the simulation alone: rest lets everything else come to rest before an exchange is composed, so that the
	// same seed composes the same; broken names a rule that the engine is to break, so that the simulation can prove that it would notice.
	rest   func(*outbox)
	broken string
}

// New checks the options and starts nothing. An option out of range is an error that names it.
func New(store Store, drivers jobs.Drivers, options Options) (*Scheduler, error) {
	var f jobs.Faults
	if store == nil {
		f.Add("store", "is nil")
	}
	if drivers == nil {
		f.Add("drivers", "is nil")
	}
	if options.Concurrency < 0 || options.Concurrency > maxConcurrency {
		f.Add("Concurrency", "is %d; 1 to %d, or 0 for %d", options.Concurrency, maxConcurrency, defaultConcurrency)
	}
	if options.Grace < 0 {
		f.Add("Grace", "is %s; it cannot be negative", options.Grace)
	}
	if options.Retention.KeepDays < 0 || options.Retention.KeepRuns < 0 {
		f.Add("Retention", "is negative; 0 keeps all")
	}
	if err := f.Err(); err != nil {
		return nil, fmt.Errorf("new scheduler: %w", err)
	}
	if options.Concurrency == 0 {
		options.Concurrency = defaultConcurrency
	}
	if options.Grace == 0 {
		options.Grace = defaultGrace
	}
	if options.Logger == nil {
		options.Logger = slog.Default()
	}
	if options.Hostname == "" {
		host, err := os.Hostname()
		if err != nil {
			return nil, fmt.Errorf("new scheduler: host name: %w", err)
		}
		options.Hostname = host
	}
	s := &Scheduler{store: store, drivers: drivers, options: options, log: options.Logger, freed: make(chan struct{}, 1), newLimits: make(chan struct{}, 1)}
	limits := jobs.DefaultLimits()
	s.limits.Store(&limits)
	return s, nil
}

// Run works until ctx ends and everything that it started has ended: it claims nothing more, lets running work go on for
// Options.Grace, then cancels it with jobs.ErrShutdown, and leaves after 10 s more at the latest what does not return. Steps that may
// be repeated are put back for other workers, others end with an error. Nil means that all of it was recorded; an error, that
// other workers will find this one lost. A database that fails is no reason to return: Run tries again, see Health.
func (s *Scheduler) Run(ctx context.Context) error {
	if !s.started.CompareAndSwap(false, true) {
		return errors.New("the scheduler was run before")
	}
	s.health.begin()
	defer s.health.end()
	var loops sync.WaitGroup
	loops.Go(func() { s.plan(ctx) })
	loops.Go(func() { s.observe(ctx) })
	loops.Go(func() { s.prune(ctx) })
	err := s.work(ctx)
	loops.Wait()
	s.executors.Wait()
	return err
}

// work lives one life of a worker after another: one that was given up by others begins anew under a new id (R3).
func (s *Scheduler) work(ctx context.Context) error {
	for {
		w, err := s.register(ctx)
		if err != nil {
			return nil //nolint:nilerr // ctx ended before there was anything to end in order
		}
		again, err := w.live(ctx)
		if !again {
			return err
		}
		s.log.Warn("worker was given up by others, registering anew", "worker_id", w.id)
	}
}

// release gives back a slot that was occupied.
func (s *Scheduler) release() {
	s.occupied.Add(-1)
	select {
	case s.freed <- struct{}{}:
	default: // one signal is enough
	}
}

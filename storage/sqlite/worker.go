package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// workerLocks are the signs of life of the workers that were registered through this store: a locked file each, beside the
// database (R7).
type workerLocks struct {
	prefix string
	log    *slog.Logger

	mu   sync.Mutex // guards the field below
	held map[jobs.WorkerID]*os.File
}

func newWorkerLocks(database string, log *slog.Logger) *workerLocks {
	return &workerLocks{prefix: database + "-worker-", log: log, held: map[jobs.WorkerID]*os.File{}}
}

// path is made of the id with everything escaped that a file name cannot have.
func (l *workerLocks) path(id jobs.WorkerID) string {
	return l.prefix + url.PathEscape(string(id)) + ".lock"
}

func (l *workerLocks) take(id jobs.WorkerID) error {
	f, err := lockFile(l.path(id))
	if err != nil || f == nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held[id] = f
	return nil
}

// dead reports whether the process of a worker is known to have ended; never for a worker of this store.
func (l *workerLocks) dead(id jobs.WorkerID) bool {
	l.mu.Lock()
	_, own := l.held[id]
	l.mu.Unlock()
	return !own && lockFree(l.path(id))
}

// remove gives up a lock and removes its file. The worker's row is final by now, so nobody asks for it any more; a file that stays
// is litter, not an error.
func (l *workerLocks) remove(id jobs.WorkerID) {
	l.mu.Lock()
	f := l.held[id]
	delete(l.held, id)
	l.mu.Unlock()
	err := os.Remove(l.path(id))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if f != nil {
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		l.log.Warn("lock file of a worker could not be removed", slog.String("worker_id", string(id)), slog.Any("err", err))
	}
}

// closeAll gives up all locks and leaves their files: their workers did not stop, so they count as dead.
func (l *workerLocks) closeAll() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs []error
	for id, f := range l.held {
		errs = append(errs, f.Close())
		delete(l.held, id)
	}
	return errors.Join(errs...)
}

// RegisterWorker is jobs.WorkerStore. The lock is taken before the row exists, so a live row never has a free lock while its process
// lives.
func (s *Store) RegisterWorker(ctx context.Context, now time.Time, w jobs.Worker) error {
	if err := s.db.Ready(); err != nil {
		return err
	}
	if err := s.workers.take(w.ID); err != nil {
		if _, readErr := s.core.Worker(ctx, w.ID, ""); readErr == nil {
			return jobs.Conflict("the worker %s exists already", w.ID)
		}
		return fmt.Errorf("register worker %s: %w", w.ID, err)
	}
	err := s.core.RegisterWorker(ctx, now, w)
	if err != nil && !errors.Is(err, jobs.ErrUnavailable) { // after that the row may exist all the same
		s.workers.remove(w.ID)
	}
	return err
}

// Beats is jobs.WorkerStore. Dead is known at once on systems that have locks of files which end with their process.
func (s *Store) Beats(ctx context.Context) ([]jobs.WorkerBeat, error) {
	beats, err := s.core.Beats(ctx)
	for i := range beats {
		beats[i].Dead = s.workers.dead(beats[i].ID)
	}
	return beats, err
}

// TakeOver is jobs.WorkerStore.
func (s *Store) TakeOver(ctx context.Context, now time.Time, id jobs.WorkerID, seen int64, reason string) ([]jobs.RunID, error) {
	runs, err := s.core.TakeOver(ctx, now, id, seen, reason)
	if err == nil {
		s.forget(ctx, id)
	}
	return runs, err
}

// StopWorker is jobs.WorkerStore.
func (s *Store) StopWorker(ctx context.Context, now time.Time, id jobs.WorkerID) error {
	err := s.core.StopWorker(ctx, now, id)
	if err == nil {
		s.workers.remove(id)
	}
	return err
}

// forget removes the lock file of a worker that is not live any more. The lock of a paused process of ours is kept until it ends.
func (s *Store) forget(ctx context.Context, id jobs.WorkerID) {
	w, err := s.core.Worker(ctx, id, "")
	if err == nil && w.Status.Live() {
		return
	}
	s.workers.remove(id)
}

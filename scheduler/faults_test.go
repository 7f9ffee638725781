package scheduler_test

import (
	"context"
	"sync"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// faults is a store that fails on demand and counts.
type faults struct {
	jobs.Store
	// before runs before an exchange; an error is its answer, and it is not applied. After runs when it was applied: an error is the
	// answer in place of the true one. Set them before an engine starts.
	before func(*jobs.ExchangeRequest) error
	after  func(*jobs.ExchangeRequest) error

	mu sync.Mutex // guards the fields below
	// down is the answer to everything but Exchange, if it is set.
	down   error
	counts map[string]int
}

func newFaults(s jobs.Store) *faults { return &faults{Store: s, counts: map[string]int{}} }

var errDown = &jobs.UnavailableError{Reason: "the database is down"}

func (f *faults) note(call string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.counts[call]++
	return f.down
}

func (f *faults) setDown(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down = err
}

func (f *faults) count(call string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.counts[call]
}

func (f *faults) Exchange(ctx context.Context, r jobs.ExchangeRequest) (*jobs.ExchangeResult, error) {
	if err := f.note("Exchange"); err != nil {
		return nil, err
	}
	if f.before != nil {
		if err := f.before(&r); err != nil {
			return nil, err
		}
	}
	result, err := f.Store.Exchange(ctx, r)
	if f.after != nil {
		if err := f.after(&r); err != nil {
			return nil, err
		}
	}
	return result, err
}

func (f *faults) HeldRuns(ctx context.Context, id jobs.WorkerID) (jobs.Worker, []jobs.Claim, error) {
	if err := f.note("HeldRuns"); err != nil {
		return jobs.Worker{}, nil, err
	}
	return f.Store.HeldRuns(ctx, id)
}

func (f *faults) Beats(ctx context.Context) ([]jobs.WorkerBeat, error) {
	if err := f.note("Beats"); err != nil {
		return nil, err
	}
	return f.Store.Beats(ctx)
}

func (f *faults) RegisterWorker(ctx context.Context, now time.Time, w jobs.Worker) error {
	if err := f.note("RegisterWorker"); err != nil {
		return err
	}
	return f.Store.RegisterWorker(ctx, now, w)
}

func (f *faults) StopWorker(ctx context.Context, now time.Time, id jobs.WorkerID) error {
	if err := f.note("StopWorker"); err != nil {
		return err
	}
	return f.Store.StopWorker(ctx, now, id)
}

func (f *faults) TakeOver(ctx context.Context, now time.Time, id jobs.WorkerID, seen int64, reason string) ([]jobs.RunID, error) {
	if err := f.note("TakeOver"); err != nil {
		return nil, err
	}
	return f.Store.TakeOver(ctx, now, id, seen, reason)
}

func (f *faults) Plan(ctx context.Context, now time.Time, limit int) (jobs.PlanResult, error) {
	if err := f.note("Plan"); err != nil {
		return jobs.PlanResult{}, err
	}
	return f.Store.Plan(ctx, now, limit)
}

func (f *faults) NextDue(ctx context.Context) (time.Time, error) {
	if err := f.note("NextDue"); err != nil {
		return time.Time{}, err
	}
	return f.Store.NextDue(ctx)
}

func (f *faults) Prune(ctx context.Context, now time.Time, keep jobs.Retention, limit int) (int, error) {
	if err := f.note("Prune"); err != nil {
		return 0, err
	}
	return f.Store.Prune(ctx, now, keep, limit)
}

func (f *faults) SteerWorker(ctx context.Context, id jobs.WorkerID, status jobs.WorkerStatus, concurrency int) error {
	if err := f.note("SteerWorker"); err != nil {
		return err
	}
	return f.Store.SteerWorker(ctx, id, status, concurrency)
}

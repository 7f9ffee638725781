package scheduler_test

import (
	"context"
	"sync/atomic"

	"github.com/carillon-go/carillon/jobs"
)

// backup is a store that, once restored, knows the workers that it knew as they were earlier.
type backup struct {
	*faults
	restored atomic.Bool
	old      atomic.Pointer[jobs.WorkerID]
}

func (b *backup) Exchange(ctx context.Context, r jobs.ExchangeRequest) (*jobs.ExchangeResult, error) {
	if !b.restored.Load() {
		b.old.Store(&r.Worker)
	} else if id := b.old.Load(); id != nil && *id == r.Worker {
		return nil, jobs.ErrFenced
	}
	return b.faults.Exchange(ctx, r)
}

func (b *backup) HeldRuns(ctx context.Context, id jobs.WorkerID) (jobs.Worker, []jobs.Claim, error) {
	row, held, err := b.faults.HeldRuns(ctx, id)
	if b.restored.Load() {
		row.Beat -= 2
	}
	return row, held, err
}

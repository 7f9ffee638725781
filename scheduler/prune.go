package scheduler

import (
	"context"
	"runtime/debug"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

const (
	// pruneEvery is the time between two rounds, ± half of it, so that several schedulers do not prune at once.
	pruneEvery = 5 * time.Minute
	// pruneLimit is how many runs one transaction removes (T9), prunePause the time that it leaves to others before the next.
	pruneLimit = 500
	prunePause = time.Second
)

// prune removes what retention gives up, until ctx ends.
func (s *Scheduler) prune(ctx context.Context) {
	var again backoff
	sweep := jobs.Sweep{Store: s.store, Blobs: s.options.Blobs}
	wait := pruneEvery/2 + upTo(pruneEvery)
	for pause(ctx, wait) {
		n, err := s.store.Prune(ctx, s.clock.now(), s.options.Retention, pruneLimit)
		if err == nil && s.options.Blobs != nil {
			s.sweep(ctx, &sweep)
		}
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			s.health.storeError("pruner", err)
			if again.tries == 0 {
				s.log.Warn("old runs cannot be removed, trying again", "err", err)
			}
			wait = again.next()
			continue
		case n >= pruneLimit:
			wait = prunePause
		default:
			wait = pruneEvery/2 + upTo(pruneEvery)
		}
		s.health.storeWorks("pruner")
		again.reset()
	}
}

// sweep removes contents of files that nothing needs. What fails is found again by the next round.
func (s *Scheduler) sweep(ctx context.Context, sweep *jobs.Sweep) {
	defer func() {
		if v := recover(); v != nil { // of the host's place of files
			s.log.Error("the place of files panicked", "panic", v, "stack", string(debug.Stack()))
		}
	}()
	if _, err := sweep.Step(ctx, s.clock.now(), pruneLimit); err != nil && ctx.Err() == nil {
		s.log.Warn("contents of files that nothing needs cannot be removed, trying again later", "err", err)
	}
}

package scheduler

import (
	"context"
	"math/rand/v2"
	"time"
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
	wait := pruneEvery/2 + rand.N(pruneEvery)
	for pause(ctx, wait) {
		n, err := s.store.Prune(ctx, s.clock.now(), s.options.Retention, pruneLimit)
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
			wait = pruneEvery/2 + rand.N(pruneEvery)
		}
		s.health.storeWorks("pruner")
		again.reset()
	}
}

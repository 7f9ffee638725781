package scheduler

import (
	"context"
	"fmt"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// sighting is what the observer knows of another worker.
type sighting struct {
	beat int64
	// still is how long the beat has stood still, counted while the observer itself was well.
	still time.Duration
}

// observe finds workers that are lost and takes over their runs, until ctx ends. A worker is lost if its beat stands still for the
// whole time-out by the observer's own clock (R5), or if its process is known to be dead (R7). Stored times decide nothing.
func (s *Scheduler) observe(ctx context.Context) {
	seen := map[jobs.WorkerID]sighting{}
	var last time.Time // of the last successful read; zero after a failed one
	var again backoff
	for {
		limits := *s.limits.Load()
		wait := limits.Heartbeat
		asked := time.Now()
		beats, err := s.store.Beats(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			gap := time.Duration(0)
			if !last.IsZero() {
				// A process that was itself stopped for a while must not take the others for lost: a pause counts for little.
				gap = min(asked.Sub(last), 2*limits.Heartbeat)
			}
			last = asked
			err = s.judgeBeats(ctx, seen, beats, gap, limits)
		} else {
			last = time.Time{}
		}
		if err != nil && ctx.Err() == nil {
			s.health.storeError("observer", err)
			if again.tries == 0 {
				s.log.Warn("other workers cannot be watched, trying again", "err", err)
			}
			wait = again.next()
		} else {
			s.health.storeWorks("observer")
			again.reset()
		}
		if !s.untilNextLook(ctx, wait) {
			return
		}
	}
}

// untilNextLook lets the time between two looks pass; a change of the limits ends it, so that a shorter heartbeat holds at once. False:
// ctx has ended.
func (s *Scheduler) untilNextLook(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
	case <-s.newLimits:
	}
	return true
}

// judgeBeats notes what was seen after a gap and takes over who is lost.
func (s *Scheduler) judgeBeats(
	ctx context.Context, seen map[jobs.WorkerID]sighting, beats []jobs.WorkerBeat, gap time.Duration, limits jobs.Limits,
) error {
	live := make(map[jobs.WorkerID]bool, len(beats))
	var first error
	for _, b := range beats {
		live[b.ID] = true
		now, known := seen[b.ID]
		switch {
		case !known || now.beat != b.Beat:
			now = sighting{beat: b.Beat}
		default:
			now.still += gap
		}
		seen[b.ID] = now
		patience := limits.Timeout
		if s.broken == "R5" {
			patience = limits.Heartbeat
		}
		reason := ""
		switch {
		case b.Dead:
			reason = "worker lost: its process has ended"
		case now.still >= patience:
			reason = fmt.Sprintf("worker lost: no heartbeat for %d s", int(limits.Timeout.Seconds()))
		default:
			continue
		}
		if err := s.takeOver(ctx, b, reason); err != nil && first == nil {
			first = err
		}
	}
	for id := range seen {
		if !live[id] {
			delete(seen, id)
		}
	}
	return first
}

// takeOver gives the runs of a lost worker to whoever claims them. The store refuses if the beat has moved on.
func (s *Scheduler) takeOver(ctx context.Context, b jobs.WorkerBeat, reason string) error {
	runs, err := s.store.TakeOver(ctx, s.clock.now(), b.ID, b.Beat, reason)
	if err != nil {
		return fmt.Errorf("take over worker %s: %w", b.ID, err)
	}
	s.health.note(func(h *Health) { h.LostWorkers++; h.TakenOver += int64(len(runs)) })
	s.log.Warn("worker lost", "worker_id", b.ID, "reason", reason, "runs", len(runs))
	return nil
}

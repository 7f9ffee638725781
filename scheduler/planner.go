package scheduler

import (
	"context"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

const (
	// planLimit is how many jobs one pass plans in one transaction (R25).
	planLimit = 500
	// planLook is how long the planner sleeps at most: a signal of another process can get lost.
	planLook = 30 * time.Second
	// planYield is the pause after a pass that found the due jobs taken by the planner of another process.
	planYield = 100 * time.Millisecond
)

// plan turns due fires into runs until ctx ends. Between fires it sleeps on one timer; a changed schedule wakes it.
func (s *Scheduler) plan(ctx context.Context) {
	wake, stop := s.store.Watch(jobs.TopicPlan, "")
	defer stop()
	var again backoff
	for {
		wait, err := s.planDue(ctx)
		if ctx.Err() != nil {
			return
		}
		woken := wake
		if err != nil {
			s.health.storeError("planner", err)
			if again.tries == 0 {
				s.log.Warn("due jobs cannot be planned, trying again", "err", err)
			}
			wait, woken = again.next(), nil // signals would make it try without a pause
		} else {
			s.health.storeWorks("planner")
			again.reset()
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-woken:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// planDue plans all that is due, pass after pass, and tells how long it is to the next fire.
func (s *Scheduler) planDue(ctx context.Context) (time.Duration, error) {
	next, err := s.store.NextDue(ctx)
	for err == nil && !next.IsZero() && !next.After(s.clock.now()) {
		var done jobs.PlanResult
		done, err = s.store.Plan(ctx, s.clock.now(), planLimit)
		for id, reason := range done.Disabled {
			s.log.Error("job disabled: its schedule cannot be evaluated", "job_id", id, "reason", reason)
		}
		if err == nil && done.Jobs == 0 {
			return planYield, nil
		}
		next = done.Next
	}
	if err != nil {
		return 0, err
	}
	if next.IsZero() {
		return planLook, nil
	}
	return min(max(next.Sub(s.clock.now()), 0), planLook), nil
}

package storagetest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

func watchRules() []rule {
	return []rule{
		{"a start wakes those who watch the queue", watchQueue},
		{"a cancel of a running run, a limit and an order wake those who watch workers", watchWorker},
		{"a changed next fire wakes those who watch the plan", watchPlan},
		{"every change of a run wakes those who watch it", watchRun},
		{"a delete by force wakes those who watch a run that goes with the job", watchDelete},
		{"a run that is let go wakes those who watch the queue", watchLetGo},
		{"many commits give at least one signal, and nobody has to take it", watchCoalesced},
		{"a refused write wakes nobody who watches another run", watchOtherRun},
		{"after stop nothing is kept", watchStop},
	}
}

// woken waits for a signal. The bound is for stores that never give it.
func woken(ctx context.Context, wake <-chan struct{}, what string) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	select {
	case <-wake:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s: no signal after %s", place(), what)
	}
}

func drain(wake <-chan struct{}) {
	for {
		select {
		case <-wake:
		default:
			return
		}
	}
}

// wakes does something and waits for its signal.
func wakes(ctx context.Context, s jobs.Store, topics jobs.Topic, run jobs.RunID, what string, act func()) error {
	wake, stop := s.Watch(topics, run)
	defer stop()
	act()
	return woken(ctx, wake, what)
}

func watchQueue(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	return wakes(ctx, s, jobs.TopicQueue, "", "a start", func() { givenRun(ctx, s, j, t0) })
}

func watchWorker(ctx context.Context, s jobs.Store) error {
	givenRun(ctx, s, givenJob(ctx, s, "stock"), t0)
	h := givenWorker(ctx, s, "node-a")
	c := h.take(ctx, s, t0)
	return errors.Join(
		wakes(ctx, s, jobs.TopicWorker, "", "a cancel", func() { must(s.CancelRun(ctx, at(1), tenant, c.Run.ID, clerk)) }),
		wakes(ctx, s, jobs.TopicWorker|jobs.TopicPlan, "", "a limit", func() { done(s.SetLimits(ctx, tenant, narrow(3, 30), true)) }),
		wakes(ctx, s, jobs.TopicWorker, "", "an order", func() { done(s.SteerWorker(ctx, h.id, jobs.WorkerDraining, 0)) }),
	)
}

func watchPlan(ctx context.Context, s jobs.Store) error {
	j := newJob("stock", minutely)
	return errors.Join(
		wakes(ctx, s, jobs.TopicPlan, "", "a new job", func() { done(s.InsertJob(ctx, t0, j)) }),
		wakes(ctx, s, jobs.TopicPlan, "", "a changed job", func() {
			j.NextRunAt = at(9)
			done(s.SaveJob(ctx, t0, j, 1))
		}),
		wakes(ctx, s, jobs.TopicQueue, "", "a fire", func() { must(s.Plan(ctx, at(9), 10)) }),
	)
}

func watchRun(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", acting("webhook"))
	h := givenWorker(ctx, s, "node-a")
	r := givenRun(ctx, s, j, t0)
	var c jobs.Claim
	return errors.Join(
		wakes(ctx, s, jobs.TopicRun, r.ID, "a claim", func() { c = h.take(ctx, s, t0) }),
		wakes(ctx, s, jobs.TopicRun, r.ID, "a log entry", func() { h.turn(ctx, s, t0, 0, withLog(outcome(c), "hello")) }),
		wakes(ctx, s, jobs.TopicRun, r.ID, "a step", func() { h.turn(ctx, s, t0, 0, proceeds(c, t0)) }),
		wakes(ctx, s, jobs.TopicRun, r.ID, "a cancel", func() { must(s.CancelRun(ctx, t0, tenant, r.ID, clerk)) }),
		wakes(ctx, s, jobs.TopicRun, r.ID, "an end", func() { h.turn(ctx, s, t0, 0, ends(c, jobs.RunCanceled, t0)) }),
		wakes(ctx, s, jobs.TopicRun, "", "a start, for those who watch all runs", func() { givenRun(ctx, s, j, t0) }),
	)
}

func watchDelete(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", overlap(jobs.OverlapQueue))
	r := givenRun(ctx, s, j, t0)
	givenWorker(ctx, s, "node-a").take(ctx, s, t0)
	waiting := givenRun(ctx, s, j, t0)
	first, stop := s.Watch(jobs.TopicRun, r.ID)
	defer stop()
	second, stop := s.Watch(jobs.TopicRun, waiting.ID)
	defer stop()
	done(s.DeleteJob(ctx, t0, tenant, j.ID, 0, true))
	return errors.Join(woken(ctx, first, "a delete of the job of a running run"), woken(ctx, second, "a delete of the job of a waiting run"))
}

func watchLetGo(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", overlap(jobs.OverlapQueue))
	h := givenWorker(ctx, s, "node-a")
	givenRun(ctx, s, j, t0)
	c := h.take(ctx, s, t0)
	givenRun(ctx, s, j, t0)
	return wakes(ctx, s, jobs.TopicQueue, "", "the end of the run before", func() { h.turn(ctx, s, at(1), 0, ends(c, jobs.RunSuccess, at(1))) })
}

func watchCoalesced(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", allowing(99))
	wake, stop := s.Watch(jobs.TopicQueue, "")
	defer stop()
	for i := range 50 {
		givenRun(ctx, s, j, at(i)) // must not block, although nobody takes the signal
	}
	if err := woken(ctx, wake, "many starts"); err != nil {
		return err
	}
	drain(wake)
	givenRun(ctx, s, j, at(60))
	return woken(ctx, wake, "one more start")
}

func watchOtherRun(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", allowing(99))
	r := givenRun(ctx, s, j, t0)
	wake, stop := s.Watch(jobs.TopicRun, r.ID)
	defer stop()
	_, err := s.CancelRun(ctx, t0, foreign, r.ID, clerk)
	quiet := true
	select {
	case <-wake:
		quiet = false
	default:
	}
	return errors.Join(refused("CancelRun", err, jobs.ErrNotFound), holds(quiet, "a write that was refused gave a signal"))
}

func watchStop(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", allowing(99))
	wake, stop := s.Watch(jobs.TopicQueue, "")
	other, stopOther := s.Watch(jobs.TopicQueue, "")
	defer stopOther()
	stop()
	stop() // as a deferred call after an early one
	givenRun(ctx, s, j, t0)
	if err := woken(ctx, other, "a start"); err != nil {
		return err
	}
	select {
	case _, open := <-wake:
		return holds(!open, "a signal after stop")
	default:
		return nil
	}
}

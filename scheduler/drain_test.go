package scheduler_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/scheduler"
)

func TestScheduler_shutdown(t *testing.T) {
	repeatable := func(j *jobs.Job) { j.Idempotent = true }
	cases := []struct {
		name   string
		work   func(context.Context, *jobs.Task) (jobs.Output, error)
		job    func(*jobs.Job)
		status jobs.RunStatus
		steps  string
		err    string
		took   time.Duration
	}{
		{"work that ends within the grace", sleeps(29 * time.Second), nil, jobs.RunSuccess, "success, success", "", 28 * time.Second},
		{"a step that may be repeated is put back", sleeps(time.Hour), repeatable, jobs.RunQueued, "interrupted, pending", "", 30 * time.Second},
		{
			"a step that may not be repeated fails", sleeps(time.Hour), nil, jobs.RunError,
			`error: interrupted by shutdown (step "work"), skipped: the run was interrupted`, `interrupted by shutdown (step "work")`, 30 * time.Second,
		},
		{"a step that takes its time to stop", func(ctx context.Context, _ *jobs.Task) (jobs.Output, error) {
			<-ctx.Done()
			time.Sleep(9 * time.Second)
			return jobs.Output{}, context.Cause(ctx)
		}, repeatable, jobs.RunQueued, "interrupted, pending", "", 39 * time.Second},
		{"a result that comes after the grace counts", func(ctx context.Context, _ *jobs.Task) (jobs.Output, error) {
			<-ctx.Done()
			return jobs.Output{Message: "done"}, nil
		}, nil, jobs.RunQueued, "success: done, pending", "", 30 * time.Second},
		{"a pause before a retry is left to others", func(context.Context, *jobs.Task) (jobs.Output, error) {
			return jobs.Output{}, errors.New("boom")
		}, func(j *jobs.Job) { j.Policies.Driver.MaxRetries = 1 }, jobs.RunQueued, "interrupted: boom, pending", "", 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.work(c.work)
				w.action("act", nothing)
				j := w.job(func(j *jobs.Job) {
					j.Actions = []jobs.Action{action("act", nil)}
					if c.job != nil {
						c.job(j)
					}
				})
				e := w.engine(w.store, scheduler.Options{})
				id := w.queue(j)
				time.Sleep(time.Second)
				begin := time.Now()
				e.stop()
				w.equal("time of the shutdown", time.Since(begin), c.took)
				r := w.run(id)
				w.equal("status", r.Status, c.status)
				w.equal("steps", stepsOf(r), c.steps)
				w.equal("error", r.Error, c.err)
				if c.status == jobs.RunQueued { // another worker goes on at once, and nothing is done twice
					w.work(func(_ context.Context, task *jobs.Task) (jobs.Output, error) {
						w.equal("resumed", task.Resumed, c.steps == "interrupted, pending")
						w.equal("attempt", task.Attempt, 2)
						return jobs.Output{}, nil
					})
					next := w.engine(w.store, scheduler.Options{})
					w.ended(id, jobs.RunSuccess)
					next.stop()
				}
			})
		})
	}
}

func TestScheduler_shutdownWithAStubbornDriver(t *testing.T) {
	inWorld(t, func(w *world) {
		release := make(chan struct{})
		w.work(func(context.Context, *jobs.Task) (jobs.Output, error) { <-release; return jobs.Output{}, nil })
		e := w.engine(w.store, scheduler.Options{Grace: 5 * time.Second})
		id := w.queue(w.job(func(j *jobs.Job) { j.Idempotent = true }))
		time.Sleep(time.Second)
		begin := time.Now()
		e.stop()
		w.equal("time of the shutdown", time.Since(begin), 15*time.Second)
		// It is not put back although it may be repeated: its work may still be going on.
		r := w.run(id)
		w.equal("status", r.Status, jobs.RunError)
		w.equal("error", r.Error, "did not stop (interrupted by shutdown)")
		w.equal("leaks", e.Health().Leaks, 1)
		close(release)
	})
}

func TestScheduler_shutdownClaimsNothing(t *testing.T) {
	inWorld(t, func(w *world) {
		w.work(sleeps(20 * time.Second))
		f := newFaults(w.store)
		e := w.engine(f, scheduler.Options{})
		first := w.queue(w.job(nil))
		time.Sleep(time.Second)
		e.cancel()
		time.Sleep(time.Second)
		second := w.queue(w.job(nil))
		e.stop()
		w.equal("the run that was going on", w.run(first).Status, jobs.RunSuccess)
		w.equal("the run that came later", w.run(second).Status, jobs.RunQueued)
		w.equal("calls that show the worker as draining", f.count("SteerWorker"), 1)
		workers, _, err := w.store.HeldRuns(context.Background(), w.run(first).WorkerID)
		if err != nil || workers.Status != jobs.WorkerStopped {
			t.Errorf("the worker is %s (%v), want stopped", workers.Status, err)
		}
	})
}

// A claim whose exchange was under way when the shutdown began is given back untouched.
func TestScheduler_shutdownGivesBackLateClaims(t *testing.T) {
	inWorld(t, func(w *world) {
		var c calls
		w.work(func(_ context.Context, task *jobs.Task) (jobs.Output, error) { c.note(task); return jobs.Output{}, nil })
		f := newFaults(w.store)
		var e *engine
		f.before = func(r *jobs.ExchangeRequest) error {
			if r.Beat == 2 {
				e.cancel()
				time.Sleep(time.Second) // the loop has seen the end of its context by now
			}
			return nil
		}
		e = w.engine(f, scheduler.Options{})
		time.Sleep(time.Second)
		id := w.queue(w.job(nil))
		time.Sleep(time.Minute)
		e.stop()
		r := w.run(id)
		w.equal("status", r.Status, jobs.RunQueued)
		w.equal("steps", stepsOf(r), "pending")
		w.equal("attempts", r.Steps[0].Attempt, 0)
		w.equal("calls", len(c.all()), 0)
	})
}

func TestScheduler_shutdownWithoutAStore(t *testing.T) {
	inWorld(t, func(w *world) {
		w.work(sleeps(10 * time.Second))
		f := newFaults(w.store)
		e := w.engine(f, scheduler.Options{})
		id := w.queue(w.job(nil))
		time.Sleep(time.Second)
		f.setDown(errDown)
		e.cancel()
		begin := time.Now()
		<-e.done
		if err := e.err; err == nil || !strings.Contains(err.Error(), "1 runs are left to others") {
			t.Errorf("Run gave %v, want an error that tells of the run", err)
		}
		if took := time.Since(begin); took < 14*time.Second || took > 15*time.Second {
			t.Errorf("the shutdown took %s, want 9 s of work and 5 s of trying", took)
		}
		w.equal("the run", w.run(id).Status, jobs.RunRunning)
	})
}

func TestScheduler_runsOnce(t *testing.T) {
	inWorld(t, func(w *world) {
		e := w.engine(w.store, scheduler.Options{})
		time.Sleep(time.Second)
		if err := e.Run(context.Background()); err == nil {
			t.Error("a second Run beside the first one gave no error")
		}
		w.equal("health while it runs", e.Health().Status, scheduler.HealthOK)
		e.stop()
		w.equal("health after the end", e.Health().Status, scheduler.HealthFailed)
	})
}

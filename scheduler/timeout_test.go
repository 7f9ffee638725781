package scheduler_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/scheduler"
)

func TestScheduler_timeouts(t *testing.T) {
	onError := `{"match":"all","rules":[{"field":"run.status","operator":"eq","value":"error"}]}`
	cases := []struct {
		name   string
		job    func(*jobs.Job)
		status jobs.RunStatus
		steps  string
		took   time.Duration
	}{
		{"a step within its time", func(j *jobs.Job) { j.Policies.Driver.Timeout = 11 * time.Second }, jobs.RunSuccess, "success, success", 10 * time.Second},
		{
			"a step beyond its time", func(j *jobs.Job) { j.Policies.Driver.Timeout = 9 * time.Second }, jobs.RunError,
			"error: timed out after 9 s, skipped: not met: run.status ne error", 9 * time.Second,
		},
		{"each attempt has the whole time", func(j *jobs.Job) {
			j.Policies.Driver.Timeout, j.Policies.Driver.MaxRetries, j.Policies.Driver.RetryDelay = 9*time.Second, 1, time.Second
		}, jobs.RunError, "error: timed out after 9 s, skipped: not met: run.status ne error", 19 * time.Second},
		{"a run within its time", func(j *jobs.Job) { j.Policies.Timeout = 11 * time.Second }, jobs.RunSuccess, "success, success", 10 * time.Second},
		{
			"a run beyond its time", func(j *jobs.Job) { j.Policies.Timeout = 5 * time.Second }, jobs.RunError,
			"error: timed out because the run took longer than 5 s, skipped: not met: run.status ne error", 5 * time.Second,
		},
		{"no attempt is made that the run has no time for", func(j *jobs.Job) {
			j.Policies.Timeout, j.Policies.Driver.Timeout = 20*time.Second, 9*time.Second
			j.Policies.Driver.MaxRetries, j.Policies.Driver.RetryDelay = 5, 12*time.Second
		}, jobs.RunError, "error: timed out after 9 s, skipped: not met: run.status ne error", 9 * time.Second},
		{"an alert runs after the run has timed out", func(j *jobs.Job) {
			j.Policies.Timeout = 5 * time.Second
			j.Actions[0].Condition = condition(t, onError)
		}, jobs.RunError, "error: timed out because the run took longer than 5 s, success", 5 * time.Second},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.work(sleeps(10 * time.Second))
				w.action("act", nothing)
				j := w.job(func(j *jobs.Job) {
					j.Actions = []jobs.Action{action("act", nil)}
					c.job(j)
				})
				e := w.engine(w.store, scheduler.Options{})
				defer e.stop()
				r := w.ended(w.queue(j), c.status)
				w.equal("steps", stepsOf(r), c.steps)
				w.equal("time", r.EndedAt.Sub(r.StartedAt), c.took)
			})
		})
	}
}

func TestScheduler_causeOfATimeout(t *testing.T) {
	inWorld(t, func(w *world) {
		var cause error
		w.work(func(ctx context.Context, _ *jobs.Task) (jobs.Output, error) {
			<-ctx.Done()
			cause = context.Cause(ctx)
			return jobs.Output{}, nil // a result that comes too late does not count
		})
		j := w.job(func(j *jobs.Job) { j.Policies.Driver.Timeout = time.Second })
		e := w.engine(w.store, scheduler.Options{})
		defer e.stop()
		w.ended(w.queue(j), jobs.RunError)
		if !errors.Is(cause, jobs.ErrTimeout) {
			t.Errorf("the cause is %v, want %v", cause, jobs.ErrTimeout)
		}
	})
}

func TestScheduler_timeoutOfAStubbornDriver(t *testing.T) {
	inWorld(t, func(w *world) {
		release := make(chan struct{})
		w.work(func(context.Context, *jobs.Task) (jobs.Output, error) { <-release; return jobs.Output{}, nil })
		w.driver(jobs.DriverInfo{ID: "other", Kind: jobs.DriverJob}, nothing)
		j := w.job(func(j *jobs.Job) { j.Policies.Driver.Timeout, j.Policies.Driver.MaxRetries = 5*time.Second, 3 })
		e := w.engine(w.store, scheduler.Options{Concurrency: 1})
		defer e.stop()
		r := w.ended(w.queue(j), jobs.RunError)
		w.equal("steps", stepsOf(r), "error: timed out after 5 s and did not stop")
		w.equal("time", r.EndedAt.Sub(r.StartedAt), 15*time.Second)
		h := e.Health()
		if h.Status != scheduler.HealthFailed || h.LeakedSlots != 1 {
			t.Errorf("health with the only slot leaked is %+v", h)
		}
		id := w.queue(w.job(func(j *jobs.Job) { j.Type = "other" }))
		time.Sleep(time.Hour)
		w.equal("a run that waits for the leaked slot", w.run(id).Status, jobs.RunQueued)
		close(release)
		w.ended(id, jobs.RunSuccess)
		h = e.Health()
		if h.Status != scheduler.HealthOK || h.LeakedSlots != 0 || h.Leaks != 1 {
			t.Errorf("health after the driver returned is %+v", h)
		}
	})
}

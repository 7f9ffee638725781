package scheduler_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/scheduler"
)

func (w *world) cancel(id jobs.RunID) {
	w.Helper()
	if _, err := w.store.CancelRun(context.Background(), now(), tenant, id, "mara"); err != nil {
		w.Fatal("CancelRun:", err)
	}
}

func TestScheduler_cancel(t *testing.T) {
	cases := []struct {
		name  string
		work  func(context.Context, *jobs.Task) (jobs.Output, error)
		at    time.Duration
		steps string
		took  time.Duration
	}{
		{
			"while the driver works", sleeps(time.Minute), 20 * time.Second,
			"error: canceled, skipped: the run was canceled, skipped: the run was canceled", 20 * time.Second,
		},
		{"while an action works", sleeps(10 * time.Second), 20 * time.Second, "success, error: canceled, skipped: the run was canceled", 20 * time.Second},
		{
			"in the pause before a retry", func(context.Context, *jobs.Task) (jobs.Output, error) { return jobs.Output{}, errors.New("boom") }, 20 * time.Second,
			"error: canceled, skipped: the run was canceled, skipped: the run was canceled", 20 * time.Second,
		},
		{"a driver that takes its time", func(ctx context.Context, _ *jobs.Task) (jobs.Output, error) {
			<-ctx.Done()
			time.Sleep(9 * time.Second)
			return jobs.Output{}, nil
		}, 20 * time.Second, "error: canceled, skipped: the run was canceled, skipped: the run was canceled", 29 * time.Second},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.work(c.work)
				w.action("act", sleeps(time.Minute))
				j := w.job(func(j *jobs.Job) {
					j.Policies.Driver.MaxRetries = 3
					always := condition(t, `{"match":"any","rules":[{"field":"run.status","operator":"exists","value":true}]}`)
					j.Actions = []jobs.Action{action("act", nil), action("act", func(a *jobs.Action) { a.Condition = always })}
				})
				e := w.engine(w.store, scheduler.Options{})
				defer e.stop()
				id := w.queue(j)
				time.Sleep(c.at)
				w.cancel(id)
				r := w.ended(id, jobs.RunCanceled)
				w.equal("steps", stepsOf(r), c.steps)
				w.equal("error", r.Error, "canceled")
				w.equal("time", r.EndedAt.Sub(r.StartedAt), c.took)
			})
		})
	}
}

func TestScheduler_cancelOfAStubbornDriver(t *testing.T) {
	inWorld(t, func(w *world) {
		release := make(chan struct{})
		w.work(func(ctx context.Context, task *jobs.Task) (jobs.Output, error) {
			<-release
			task.Log.Warn("too late")
			task.Progress(99, "too late")
			return jobs.Output{}, nil
		})
		e := w.engine(w.store, scheduler.Options{Concurrency: 2})
		defer e.stop()
		id := w.queue(w.job(nil))
		time.Sleep(time.Second)
		w.cancel(id)
		r := w.ended(id, jobs.RunCanceled)
		w.equal("steps", stepsOf(r), "error: canceled, but the driver did not stop")
		w.equal("time", r.EndedAt.Sub(r.StartedAt), 11*time.Second)
		if h := e.Health(); h.Status != scheduler.HealthDegraded || h.LeakedSlots != 1 {
			t.Errorf("health with one of two slots leaked is %+v", h)
		}
		close(release)
		w.until("the slot is given back", func() bool { return e.Health().LeakedSlots == 0 })
		time.Sleep(time.Minute)
		w.equal("entries of the log", len(w.logs(id)), 0)
		w.equal("the run", w.run(id), r)
	})
}

func TestScheduler_cancelOfAQueuedRun(t *testing.T) {
	inWorld(t, func(w *world) {
		w.work(sleeps(time.Minute))
		e := w.engine(w.store, scheduler.Options{Concurrency: 1})
		defer e.stop()
		first := w.queue(w.job(nil))
		w.status(first, jobs.RunRunning)
		second := w.queue(w.job(nil))
		w.cancel(second)
		w.ended(first, jobs.RunSuccess)
		time.Sleep(time.Minute)
		w.equal("status", w.run(second).Status, jobs.RunCanceled)
		w.equal("start", w.run(second).StartedAt, time.Time{})
	})
}

func TestScheduler_cancelBetweenSteps(t *testing.T) {
	inWorld(t, func(w *world) {
		var c calls
		w.work(sleeps(time.Second))
		w.action("act", func(_ context.Context, task *jobs.Task) (jobs.Output, error) { c.note(task); return jobs.Output{}, nil })
		j := w.job(func(j *jobs.Job) { j.Actions = []jobs.Action{action("act", nil)} })
		var id jobs.RunID
		// The cancel is committed before the exchange that starts the action, and the engine hears of it only there.
		f := newFaults(w.store)
		f.before = func(r *jobs.ExchangeRequest) error {
			if len(r.Outcomes) == 1 && r.Outcomes[0].Starts {
				w.cancel(id)
			}
			return nil
		}
		e := w.engine(f, scheduler.Options{})
		defer e.stop()
		id = w.queue(j)
		r := w.ended(id, jobs.RunCanceled)
		w.equal("steps", stepsOf(r), "success, skipped: the run was canceled")
		w.equal("calls of the action", len(c.all()), 0)
	})
}

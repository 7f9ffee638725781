package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/scheduler"
)

// R3, R4: whatever happens to an exchange, each step is called once, each run ends once, and the worker stays the same.
func TestScheduler_lostExchanges(t *testing.T) {
	for seed := range uint64(100) {
		in := inMemory
		if seed < 3 {
			in = inWorld
		}
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			in(t, func(w *world) {
				var c calls
				call := func(_ context.Context, task *jobs.Task) (jobs.Output, error) {
					c.note(task)
					task.Log.Info("hello")
					time.Sleep(time.Duration(len(c.all())%7) * 100 * time.Millisecond)
					return jobs.Output{}, nil
				}
				w.work(call)
				w.action("act", call)
				var ids []jobs.RunID
				for range 12 {
					ids = append(ids, w.queue(w.job(func(j *jobs.Job) { j.Actions = []jobs.Action{action("act", nil), action("act", nil)} })))
				}
				dice := rand.New(rand.NewPCG(seed, 0))
				f := newFaults(w.store)
				var calm atomic.Bool // a store that fails all the time may well keep a worker from leaving in time
				fail := func(*jobs.ExchangeRequest) error {
					if !calm.Load() && dice.IntN(3) == 0 {
						return errDown
					}
					return nil
				}
				f.before, f.after = fail, fail
				e := w.engine(f, scheduler.Options{Concurrency: 4})
				for _, id := range ids {
					r := w.ended(id, jobs.RunSuccess)
					w.equal("attempt of the run", r.Attempt, 1)
					w.equal("entries of the log", len(w.logs(id)), 3)
				}
				w.equal("calls", len(c.all()), 12*3)
				w.equal("restarts", e.Health().Restarts, 0)
				calm.Store(true)
				e.stop()
				w.equal("refusals", e.Health().FenceRefusals, 0)
			})
		})
	}
}

// R4: an exchange is never repeated under a new number before the store was asked.
func TestScheduler_numbersOfExchanges(t *testing.T) {
	inWorld(t, func(w *world) {
		w.work(nothing)
		f := newFaults(w.store)
		var beats []int64
		n := 0
		f.before = func(r *jobs.ExchangeRequest) error {
			beats = append(beats, r.Beat)
			if n++; n == 2 || n == 3 {
				return errDown
			}
			return nil
		}
		f.after = func(*jobs.ExchangeRequest) error {
			if n == 5 {
				return errDown
			}
			return nil
		}
		e := w.engine(f, scheduler.Options{})
		defer e.stop()
		time.Sleep(59 * time.Second)
		synctest.Wait()
		w.equal("numbers", beats, []int64{1, 2, 2, 2, 3, 4, 5})
		w.equal("questions", f.count("HeldRuns"), 3)
	})
}

func TestScheduler_registersThroughErrors(t *testing.T) {
	inWorld(t, func(w *world) {
		w.work(nothing)
		f := newFaults(w.store)
		f.setDown(errDown)
		e := w.engine(f, scheduler.Options{})
		time.Sleep(4 * time.Second)
		w.equal("health at first", e.Health().Status, scheduler.HealthOK)
		time.Sleep(2 * time.Second)
		w.equal("health after 5 s", e.Health().Status, scheduler.HealthDegraded)
		f.setDown(nil)
		w.ended(w.queue(w.job(nil)), jobs.RunSuccess)
		w.until("health", func() bool { return e.Health().Status == scheduler.HealthOK })
		e.stop()

		// An engine that is stopped before it could register has nothing to tell.
		f.setDown(errDown)
		e = w.engine(f, scheduler.Options{})
		time.Sleep(time.Minute)
		e.stop()
	})
}

// A worker whose row is another than it was told must be a restored backup: it begins anew.
func TestScheduler_restoredBackup(t *testing.T) {
	inWorld(t, func(w *world) {
		causes := make(chan error, 10)
		w.work(func(ctx context.Context, task *jobs.Task) (jobs.Output, error) {
			if task.Attempt > 1 {
				return jobs.Output{}, nil
			}
			<-ctx.Done()
			causes <- context.Cause(ctx)
			return jobs.Output{}, nil
		})
		b := &backup{faults: newFaults(w.store)}
		e := w.engine(b, scheduler.Options{})
		id := w.queue(w.job(func(j *jobs.Job) { j.Idempotent = true }))
		time.Sleep(40 * time.Second)
		b.restored.Store(true)
		time.Sleep(time.Minute)
		if n, cause := len(causes), <-causes; n != 1 || !errors.Is(cause, jobs.ErrFenced) {
			t.Errorf("the work ended %d times, with %v, want once with %v", n, cause, jobs.ErrFenced)
		}
		w.equal("restarts", e.Health().Restarts, 1)
		b.restored.Store(false)
		w.ended(id, jobs.RunSuccess)
		e.stop()
	})
}

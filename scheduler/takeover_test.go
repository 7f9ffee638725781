package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/scheduler"
)

// pausing is a store that stands still for one engine between two moments, as a stopped process or a cut network does.
type pausing struct {
	*faults
	resume chan struct{}
}

func TestScheduler_takeOver(t *testing.T) {
	for _, repeatable := range []bool{true, false} {
		t.Run(fmt.Sprintf("repeatable %v", repeatable), func(t *testing.T) {
			inWorld(t, func(w *world) {
				var causes gathered[error]
				var attempts gathered[string]
				w.work(func(ctx context.Context, task *jobs.Task) (jobs.Output, error) {
					attempts.add(fmt.Sprint(task.Attempt, " ", task.Resumed))
					if task.Attempt > 1 {
						return jobs.Output{}, nil
					}
					<-ctx.Done()
					causes.add(context.Cause(ctx))
					return jobs.Output{}, nil
				})
				j := w.job(func(j *jobs.Job) { j.Idempotent = repeatable })
				// The first engine is cut off from the store for good once it has its run.
				f := newFaults(w.store)
				cut := w.engine(f, scheduler.Options{Hostname: "cut"})
				id := w.queue(j)
				w.status(id, jobs.RunRunning)
				begin := time.Now()
				f.setDown(errDown)
				other := w.engine(w.store, scheduler.Options{Hostname: "other"})
				defer other.stop()
				want := jobs.RunSuccess
				if !repeatable {
					want = jobs.RunError
				}
				r := w.ended(id, want)
				// P8: noticed within the time-out and two heartbeats.
				if took := r.EndedAt.Sub(begin.UTC()); took < 60*time.Second || took > 90*time.Second {
					t.Errorf("the run ended %s after the cut, want 60 to 90 s", took)
				}
				if got := causes.all(); len(got) != 1 || !errors.Is(got[0], jobs.ErrFenced) {
					t.Errorf("the cut off driver ended with %v, want %v", got, jobs.ErrFenced)
				}
				if repeatable {
					w.equal("losses", r.Losses, 1)
					w.equal("attempts", attempts.all(), []string{"1 false", "2 true"})
				} else {
					w.equal("error", r.Error, `worker lost: no heartbeat for 60 s (step "work")`)
					w.equal("attempts", attempts.all(), []string{"1 false"})
				}
				h := other.Health()
				w.equal("lost workers", fmt.Sprint(h.LostWorkers, h.TakenOver), "1 1")
				w.equal("health of the cut off engine", cut.Health().Status, scheduler.HealthFailed)

				// It comes back, learns that it was given up, and works again under a new id; the run stays as it is.
				f.setDown(nil)
				w.until("the engine is well again", func() bool { return cut.Health().Status == scheduler.HealthOK })
				w.equal("restarts", cut.Health().Restarts, 1)
				w.equal("the run afterwards", w.run(id), r)
				other.cancel()
				next := w.queue(w.job(func(j *jobs.Job) { j.Idempotent = true; j.Policies.Driver.OnInterrupt = jobs.OnInterruptRetry }))
				time.Sleep(time.Second)
				if r := w.run(next); r.Status != jobs.RunRunning || r.WorkerID == "" {
					t.Errorf("the engine that came back does not work: the run is %s", r.Status)
				}
				w.cancel(next)
				w.ended(next, jobs.RunCanceled)
				cut.stop()
			})
		})
	}
}

// R6: a worker that cannot reach the store stops its work before others may take it over.
func TestScheduler_stopsItself(t *testing.T) {
	inWorld(t, func(w *world) {
		var ended atomic.Pointer[time.Time]
		w.work(func(ctx context.Context, task *jobs.Task) (jobs.Output, error) {
			if task.Attempt > 1 {
				return jobs.Output{}, nil
			}
			<-ctx.Done()
			at := time.Now()
			ended.Store(&at)
			return jobs.Output{}, context.Cause(ctx)
		})
		f := newFaults(w.store)
		var last time.Time
		f.before = func(*jobs.ExchangeRequest) error { last = time.Now(); return nil }
		e := w.engine(f, scheduler.Options{})
		defer e.stop()
		id := w.queue(w.job(func(j *jobs.Job) { j.Idempotent = true }))
		time.Sleep(20 * time.Second)
		synctest.Wait()
		f.setDown(errDown)
		time.Sleep(30 * time.Second)
		synctest.Wait()
		w.equal("work while others cannot take over yet", ended.Load() == nil, true)
		time.Sleep(20 * time.Second)
		synctest.Wait()
		w.equal("time from the start of the last exchange to the end of the work", ended.Load().Sub(last), 45*time.Second)
		w.equal("status while nothing can be written", w.run(id).Status, jobs.RunRunning)
		w.equal("health", e.Health().Status, scheduler.HealthFailed)
		// Nobody has taken it over: the worker lives on under its id, puts the run back, and takes it again.
		f.setDown(nil)
		r := w.ended(id, jobs.RunSuccess)
		w.equal("attempts", r.Steps[0].Attempt, 2)
		w.equal("losses", r.Losses, 0)
		w.equal("restarts", e.Health().Restarts, 0)
		w.until("health", func() bool { return e.Health().Status == scheduler.HealthOK })
	})
}

// R5: what stands still while the observer itself cannot read is not lost.
func TestScheduler_observerCountsOnlyWhatItSees(t *testing.T) {
	inWorld(t, func(w *world) {
		w.work(sleeps(10 * time.Minute))
		a := newFaults(w.store)
		first := w.engine(a, scheduler.Options{Hostname: "a"})
		id := w.queue(w.job(func(j *jobs.Job) { j.Idempotent = true }))
		w.status(id, jobs.RunRunning)
		b := newFaults(w.store)
		second := w.engine(b, scheduler.Options{Hostname: "b"})
		time.Sleep(time.Minute)
		// The database is gone for both for longer than the time-out, and the observer is the first to come back.
		a.setDown(errDown)
		b.setDown(errDown)
		time.Sleep(70 * time.Second)
		b.setDown(nil)
		time.Sleep(16 * time.Second)
		a.setDown(nil)
		r := w.ended(id, jobs.RunSuccess)
		w.equal("losses", r.Losses, 0)
		w.equal("workers given up", b.count("TakeOver"), 0)
		w.equal("restarts", first.Health().Restarts, 0)
		first.stop()
		second.stop()
	})
}

// P5: whatever a worker does that was paused for longer than the time-out, the store takes nothing from it.
func TestScheduler_lateResultIsRefused(t *testing.T) {
	inWorld(t, func(w *world) {
		w.work(func(_ context.Context, task *jobs.Task) (jobs.Output, error) {
			return jobs.Output{Message: fmt.Sprint("attempt ", task.Attempt)}, nil
		})
		p := pausing{faults: newFaults(w.store), resume: make(chan struct{})}
		p.before = func(r *jobs.ExchangeRequest) error {
			if len(r.Outcomes) > 0 {
				<-p.resume // its result is on its way when the network stops
			}
			return nil
		}
		paused := w.engine(p, scheduler.Options{Hostname: "paused"})
		id := w.queue(w.job(func(j *jobs.Job) { j.Idempotent = true }))
		w.status(id, jobs.RunRunning)
		other := w.engine(w.store, scheduler.Options{Hostname: "other"})
		r := w.ended(id, jobs.RunSuccess)
		w.equal("steps", stepsOf(r), "success: attempt 2")
		close(p.resume)
		time.Sleep(time.Minute)
		w.equal("the run after the late result", w.run(id), r)
		w.equal("restarts", paused.Health().Restarts, 1)
		other.stop()
		paused.stop()
	})
}

// A run that is taken away alone (its job was deleted by force) stops, and the worker goes on.
func TestScheduler_fencedRun(t *testing.T) {
	inWorld(t, func(w *world) {
		var cause error
		w.work(func(ctx context.Context, task *jobs.Task) (jobs.Output, error) {
			for ctx.Err() == nil {
				task.Log.Info("working")
				if !sleepCtx(ctx, time.Second) {
					break
				}
			}
			cause = context.Cause(ctx)
			return jobs.Output{}, nil
		})
		f := newFaults(w.store)
		e := w.engine(f, scheduler.Options{Concurrency: 1})
		defer e.stop()
		j := w.job(nil)
		id := w.queue(j)
		w.status(id, jobs.RunRunning)
		if err := w.store.DeleteJob(context.Background(), now(), tenant, j.ID, 1, true); err != nil {
			t.Fatal("DeleteJob:", err)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if !errors.Is(cause, jobs.ErrFenced) {
			t.Errorf("the driver ended with %v, want %v", cause, jobs.ErrFenced)
		}
		w.equal("refusals", e.Health().FenceRefusals, 1)
		w.work(nothing)
		w.ended(w.queue(w.job(nil)), jobs.RunSuccess)
		w.equal("restarts", e.Health().Restarts, 0)
	})
}

func sleepCtx(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// P8: the stored limits hold from the start, and lowered ones at once: nobody waits for the end of a look at the old pace.
func TestScheduler_takeOver_by_stored_limits(t *testing.T) {
	inWorld(t, func(w *world) {
		l := jobs.DefaultLimits()
		l.Heartbeat, l.Timeout = time.Second, 3*time.Second
		if err := w.store.SetLimits(context.Background(), tenant, l, true); err != nil {
			t.Fatal("SetLimits:", err)
		}
		w.work(func(ctx context.Context, task *jobs.Task) (jobs.Output, error) {
			if task.Attempt == 1 {
				<-ctx.Done()
			}
			return jobs.Output{}, nil
		})
		f := newFaults(w.store)
		cut := w.engine(f, scheduler.Options{Hostname: "cut"})
		defer cut.stop()
		id := w.queue(w.job(func(j *jobs.Job) { j.Idempotent = true }))
		w.status(id, jobs.RunRunning)
		other := w.engine(w.store, scheduler.Options{Hostname: "other"})
		defer other.stop()
		time.Sleep(500 * time.Millisecond)
		begin := time.Now()
		f.setDown(errDown)
		r := w.ended(id, jobs.RunSuccess)
		if took := r.EndedAt.Sub(begin.UTC()); took > l.Timeout+2*l.Heartbeat {
			t.Errorf("the run was taken over %s after the cut, want at most %s", took, l.Timeout+2*l.Heartbeat)
		}
		f.setDown(nil)
		w.until("the engine that was cut off is well again", func() bool { return cut.Health().Status == scheduler.HealthOK })
	})
}

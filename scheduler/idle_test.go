package scheduler_test

import (
	"context"
	"testing"
	"time"

	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/scheduler"
)

// An idle engine leaves the store alone: a heartbeat and a look at the others in 15 s, a look for lost signals in 30 s, retention in
// some minutes.
func TestScheduler_idle(t *testing.T) {
	inWorld(t, func(w *world) {
		w.work(nothing)
		f := newFaults(w.store)
		e := w.engine(f, scheduler.Options{})
		defer e.stop()
		w.job(every(60, now().Add(24*time.Hour)))
		w.ended(w.queue(w.job(nil)), jobs.RunSuccess)
		time.Sleep(time.Minute + 7*time.Second) // the hour begins between two heartbeats
		before := map[string]int{}
		calls := []string{"Exchange", "Beats", "NextDue", "Prune", "Plan", "HeldRuns", "TakeOver", "SteerWorker", "RegisterWorker"}
		for _, call := range calls {
			before[call] = f.count(call)
		}
		time.Sleep(time.Hour)
		most := map[string]int{"Exchange": 240, "Beats": 240, "NextDue": 120, "Prune": 24}
		for _, call := range calls {
			if n := f.count(call) - before[call]; n > most[call] {
				t.Errorf("%d calls of %s in an idle hour, want at most %d", n, call, most[call])
			}
		}
		w.equal("heartbeats", f.count("Exchange")-before["Exchange"], 240)
	})
}

// A lone run costs two exchanges: the claim, and the end.
func TestScheduler_costOfARun(t *testing.T) {
	inWorld(t, func(w *world) {
		w.work(nothing)
		f := newFaults(w.store)
		e := w.engine(f, scheduler.Options{})
		defer e.stop()
		j := w.job(nil)
		time.Sleep(time.Second)
		before := f.count("Exchange")
		begin := time.Now()
		w.ended(w.queue(j), jobs.RunSuccess)
		w.equal("virtual time from start to end", time.Since(begin) <= 5*time.Millisecond, true)
		time.Sleep(time.Second)
		w.equal("exchanges", f.count("Exchange")-before, 2)
	})
}

// Retention is carried out in small portions.
func TestScheduler_prunes(t *testing.T) {
	inWorld(t, func(w *world) {
		w.wide()
		w.work(nothing)
		f := newFaults(w.store)
		e := w.engine(f, scheduler.Options{Concurrency: 100, Retention: jobs.Retention{KeepRuns: 10}})
		defer e.stop()
		j := w.job(many)
		ids := w.queueMany(j, 1200)
		w.ended(ids[len(ids)-1], jobs.RunSuccess)
		time.Sleep(10 * time.Minute)
		page, err := w.store.Runs(context.Background(), jobs.RunQuery{Tenant: tenant, JobID: j.ID, Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		w.equal("runs that are kept", page.Total, 10)
		if n := f.count("Prune"); n < 3 {
			t.Errorf("%d rounds, want at least 3 of 500 runs", n)
		}
	})
}

// A heartbeat may be half of the time-out; the worker does not take its own pauses for silence of the store then.
func TestScheduler_shortestTimeout(t *testing.T) {
	inWorld(t, func(w *world) {
		l := jobs.DefaultLimits()
		l.Heartbeat, l.Timeout = time.Second, 2*time.Second
		if err := l.Validate(); err != nil {
			t.Fatal(err)
		}
		if err := w.store.SetLimits(context.Background(), tenant, l, true); err != nil {
			t.Fatal(err)
		}
		w.work(sleeps(time.Minute))
		e := w.engine(w.store, scheduler.Options{})
		defer e.stop()
		j := w.job(nil)
		w.equal("attempts", w.ended(w.queue(j), jobs.RunSuccess).Attempt, 1)
		w.equal("health", e.Health().Status, scheduler.HealthOK)
	})
}

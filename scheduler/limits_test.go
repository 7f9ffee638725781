package scheduler_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/scheduler"
)

// gauge counts how many drivers work at a time.
type gauge struct{ now, max atomic.Int64 }

func (g *gauge) work(d time.Duration) func(context.Context, *jobs.Task) (jobs.Output, error) {
	return func(ctx context.Context, _ *jobs.Task) (jobs.Output, error) {
		n := g.now.Add(1)
		for m := g.max.Load(); n > m && !g.max.CompareAndSwap(m, n); m = g.max.Load() {
		}
		defer g.now.Add(-1)
		return sleeps(d)(ctx, nil)
	}
}

func many(j *jobs.Job) { j.Policies.Overlap, j.Policies.MaxConcurrent = jobs.OverlapAllow, 10_000 }

func (w *world) wide() {
	w.Helper()
	l := jobs.DefaultLimits()
	l.TenantConcurrency, l.ClusterConcurrency = 1000, 1000
	if err := w.store.SetLimits(context.Background(), tenant, l, true); err != nil {
		w.Fatal("SetLimits:", err)
	}
}

func TestScheduler_concurrency(t *testing.T) {
	inWorld(t, func(w *world) {
		w.wide()
		var g gauge
		w.work(g.work(10 * time.Second))
		ids := w.queueMany(w.job(many), 30)
		begin := time.Now()
		e := w.engine(w.store, scheduler.Options{Concurrency: 7})
		defer e.stop()
		for _, id := range ids {
			w.ended(id, jobs.RunSuccess)
		}
		w.equal("most at a time", g.max.Load(), 7)
		// 30 runs of 10 s on 7 slots take five rounds: no slot stays free while a run waits.
		if took := time.Since(begin); took > 52*time.Second {
			t.Errorf("30 runs took %s, want 50 s", took)
		}
	})
}

func TestScheduler_tenantLimit(t *testing.T) {
	inWorld(t, func(w *world) {
		l := jobs.DefaultLimits()
		l.TenantConcurrency = 3
		if err := w.store.SetLimits(context.Background(), tenant, l, true); err != nil {
			t.Fatal(err)
		}
		var g gauge
		w.work(g.work(10 * time.Second))
		ids := w.queueMany(w.job(many), 9)
		begin := time.Now()
		a, b := w.engine(w.store, scheduler.Options{}), w.engine(w.store, scheduler.Options{})
		for _, id := range ids {
			w.ended(id, jobs.RunSuccess)
		}
		w.equal("most at a time", g.max.Load(), 3)
		if took := time.Since(begin); took > 35*time.Second {
			t.Errorf("9 runs took %s, want 30 s", took)
		}
		a.stop()
		b.stop()
	})
}

func TestScheduler_obeysOperators(t *testing.T) {
	inWorld(t, func(w *world) {
		w.wide()
		var g gauge
		w.work(g.work(time.Minute))
		ids := w.queueMany(w.job(many), 40)
		f := newFaults(w.store)
		var id jobs.WorkerID
		f.before = func(r *jobs.ExchangeRequest) error { id = r.Worker; return nil }
		e := w.engine(f, scheduler.Options{Concurrency: 2})
		defer e.stop()
		steer := func(status jobs.WorkerStatus, concurrency int) {
			if err := w.store.SteerWorker(context.Background(), id, status, concurrency); err != nil {
				t.Fatal("SteerWorker:", err)
			}
			time.Sleep(time.Second)
		}
		time.Sleep(time.Second)
		w.equal("at first", g.now.Load(), 2)
		steer("", 5)
		w.equal("with more slots", g.now.Load(), 5)
		steer("", 1)
		time.Sleep(2 * time.Minute)
		w.equal("with one slot", g.now.Load(), 1)
		steer(jobs.WorkerDraining, 0)
		time.Sleep(2 * time.Minute)
		w.equal("while draining", g.now.Load(), 0)
		w.equal("health", e.Health().Status, scheduler.HealthOK)
		steer(jobs.WorkerActive, 40)
		w.equal("active again", g.now.Load() > 25, true)
		for _, id := range ids {
			w.ended(id, jobs.RunSuccess)
		}
	})
}

func TestScheduler_obeysLimits(t *testing.T) {
	inWorld(t, func(w *world) {
		w.work(nothing)
		f := newFaults(w.store)
		e := w.engine(f, scheduler.Options{})
		defer e.stop()
		time.Sleep(time.Second)
		l := jobs.DefaultLimits()
		l.Heartbeat, l.Timeout = 2*time.Second, 6*time.Second
		if err := w.store.SetLimits(context.Background(), tenant, l, true); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		before := f.count("Exchange")
		time.Sleep(20 * time.Second)
		w.equal("exchanges in 20 s", f.count("Exchange")-before, 10)
	})
}

func TestScheduler_missingDriver(t *testing.T) {
	inWorld(t, func(w *world) {
		w.work(nothing)
		foreign := w.queue(w.job(func(j *jobs.Job) { j.Type = "elsewhere" }))
		e := w.engine(w.store, scheduler.Options{})
		defer e.stop()
		w.ended(w.queue(w.job(nil)), jobs.RunSuccess)
		time.Sleep(time.Minute)
		w.equal("a run whose driver nobody has", w.run(foreign).Status, jobs.RunQueued)
	})
}

func TestNew_options(t *testing.T) {
	cases := []struct {
		name    string
		options scheduler.Options
		want    string
	}{
		{"concurrency", scheduler.Options{Concurrency: -1}, `new scheduler: "Concurrency" is -1; 1 to 1000, or 0 for 10`},
		{"concurrency above the limit", scheduler.Options{Concurrency: 1001}, `new scheduler: "Concurrency" is 1001; 1 to 1000, or 0 for 10`},
		{"grace", scheduler.Options{Grace: -1}, `new scheduler: "Grace" is -1ns; it cannot be negative`},
		{"retention", scheduler.Options{Retention: jobs.Retention{KeepDays: -1}}, `new scheduler: "Retention" is negative; 0 keeps all`},
		{"all is well", scheduler.Options{Concurrency: 1000}, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := scheduler.New(newFakeStore(), &registry{}, c.options)
			got := ""
			if err != nil {
				got = err.Error()
			}
			if got != c.want {
				t.Errorf("New gave %q, want %q", got, c.want)
			}
		})
	}
	if _, err := scheduler.New(nil, nil, scheduler.Options{}); err == nil {
		t.Error("New without store and drivers gave no error")
	}
}

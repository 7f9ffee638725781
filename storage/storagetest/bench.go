package storagetest

import (
	"context"
	"fmt"
	"testing"

	"github.com/carillon-go/carillon/jobs"
)

// Bench measures what a store costs the engine. Open gives an empty store; Bench closes it.
func Bench(b *testing.B, open func(t testing.TB) jobs.Store) {
	b.Run("cycle of one run", func(b *testing.B) { benchCycle(b, open, 1) })
	b.Run("cycle of 100 runs", func(b *testing.B) { benchCycle(b, open, 100) })
	b.Run("start", func(b *testing.B) { benchStart(b, open, 1) })
	b.Run("start of 100", func(b *testing.B) { benchStart(b, open, 100) })
	b.Run("idle exchange beside a long queue", func(b *testing.B) { benchIdle(b, open) })
	b.Run("page of runs", func(b *testing.B) { benchRuns(b, open) })
	b.Run("page of jobs", func(b *testing.B) { benchJobs(b, open) })
	b.Run("plan", func(b *testing.B) { benchPlan(b, open) })
}

// measured opens a store and turns a helper that gives up into the end of the benchmark.
func measured(b *testing.B, open func(t testing.TB) jobs.Store, part func(ctx context.Context, s jobs.Store)) {
	s := open(b)
	err := attempt(func() error {
		part(b.Context(), s)
		return nil
	})
	if fault := s.Close(); fault != nil {
		b.Errorf("close: %v", fault)
	}
	if err != nil {
		b.Fatal(err)
	}
}

// benchCycle is the life of n runs: they are started, claimed, and ended by the exchange that claims the next ones.
func benchCycle(b *testing.B, open func(t testing.TB) jobs.Store, n int) {
	measured(b, open, func(ctx context.Context, s jobs.Store) {
		done(s.SetLimits(ctx, tenant, wide(), true))
		j := givenJob(ctx, s, "bench", allowing(10_000))
		h := givenWorker(ctx, s, "node-a")
		a := ask(j)
		a.Params = many(n)
		var outcomes []jobs.Outcome
		runs := 0
		for b.Loop() {
			must(s.StartRuns(ctx, t0, a))
			r := h.turn(ctx, s, t0, n, outcomes...)
			outcomes = outcomes[:0]
			for _, c := range r.Claimed {
				outcomes = append(outcomes, ends(c, jobs.RunSuccess, t0))
			}
			runs += len(r.Claimed)
		}
		b.ReportMetric(float64(runs)/b.Elapsed().Seconds(), "runs/s")
	})
}

func benchStart(b *testing.B, open func(t testing.TB) jobs.Store, n int) {
	measured(b, open, func(ctx context.Context, s jobs.Store) {
		var a jobs.Start
		runs := 0
		for b.Loop() {
			if runs%50_000 == 0 { // below the most queued runs of a tenant
				b.StopTimer()
				j := givenJob(ctx, s, "bench", allowing(10_000), of(jobs.TenantID(fmt.Sprint("tenant-", runs))))
				a = ask(j)
				a.Params = many(n)
				b.StartTimer()
			}
			must(s.StartRuns(ctx, t0, a))
			runs += n
		}
		b.ReportMetric(float64(runs)/b.Elapsed().Seconds(), "runs/s")
	})
}

// benchIdle is the turn of a worker that finds nothing to do although much waits: its cost may not grow with the queue.
func benchIdle(b *testing.B, open func(t testing.TB) jobs.Store) {
	measured(b, open, func(ctx context.Context, s jobs.Store) {
		done(s.SetLimits(ctx, tenant, narrow(1, 100), true))
		givenRuns(ctx, s, givenJob(ctx, s, "bench", allowing(10_000)), t0, 20_000)
		h := givenWorker(ctx, s, "node-a")
		h.take(ctx, s, t0)
		for b.Loop() {
			h.turn(ctx, s, t0, 8)
		}
	})
}

func benchRuns(b *testing.B, open func(t testing.TB) jobs.Store) {
	measured(b, open, func(ctx context.Context, s jobs.Store) {
		done(s.SetLimits(ctx, tenant, wide(), true))
		j := givenJob(ctx, s, "bench", allowing(10_000))
		h := givenWorker(ctx, s, "node-a")
		for minute := range 10 {
			givenRuns(ctx, s, j, at(minute), 500)
			var outcomes []jobs.Outcome
			for _, c := range h.claim(ctx, s, at(minute), 500) {
				outcomes = append(outcomes, ends(c, jobs.RunSuccess, at(minute)))
			}
			h.turn(ctx, s, at(minute), 0, outcomes...)
		}
		for b.Loop() {
			must(s.Runs(ctx, jobs.RunQuery{Tenant: tenant, JobID: j.ID, Limit: 20}))
		}
	})
}

func benchJobs(b *testing.B, open func(t testing.TB) jobs.Store) {
	measured(b, open, func(ctx context.Context, s jobs.Store) {
		for i := range 500 {
			givenJob(ctx, s, fmt.Sprint("job-", i), named(fmt.Sprint("Job ", i)))
		}
		for b.Loop() {
			must(s.Jobs(ctx, jobs.JobQuery{Tenant: tenant, Words: []string{"job"}, Start: 40, Limit: 20}))
		}
	})
}

func benchPlan(b *testing.B, open func(t testing.TB) jobs.Store) {
	measured(b, open, func(ctx context.Context, s jobs.Store) {
		for i := range 100 {
			givenJob(ctx, s, fmt.Sprint("job-", i), minutely)
		}
		minute, fires := 0, 0
		for b.Loop() {
			minute++
			fires += must(s.Plan(ctx, at(minute), 500)).Jobs
		}
		b.ReportMetric(float64(fires)/b.Elapsed().Seconds(), "fires/s")
	})
}

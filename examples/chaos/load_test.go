//go:build unix

package chaos_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// TestChaos_many_due_jobs: after a pause 100,000 jobs are due at once. Each fires once, and memory does not grow with them (R25).
func TestChaos_many_due_jobs(t *testing.T) {
	needWhole(t)
	t.Parallel()
	const total, tenants, memory = 100_000, 10, 256
	begin(t, rowDue, 1, fmt.Sprintf("each has one run, which succeeded; the node needed at most %d MiB; the store's own check", memory))
	w := newWorld(t, onSQLite.make(t))
	// The time-outs are those of every day: it is about the load.
	if err := w.store.SetLimits(t.Context(), tenant, jobs.Limits{TenantConcurrency: 100, ClusterConcurrency: 1000, Heartbeat: 15 * time.Second, Timeout: time.Minute}, true); err != nil {
		t.Fatal(err)
	}
	at := time.Now().UTC().Add(-time.Minute).Truncate(time.Second)
	fillDue(w, total, tenants, at)
	n := w.start(nodeConfig{Concurrency: 200})
	for i := range tenants {
		who := jobs.TenantID(fmt.Sprint("due-", i))
		w.within(3*patience, time.Second, "all runs have ended", func(ctx context.Context) (bool, error) {
			page, err := w.store.Runs(ctx, jobs.RunQuery{Tenant: who, Statuses: []jobs.RunStatus{jobs.RunSuccess}, Summary: true, Limit: 1})
			return page.Total >= total/tenants, err
		})
		checkOneEach(w, who, total/tenants)
	}
	kib := n.must(order{Do: "memory"}).N
	note(rowDue, "the node needed %d MiB", kib>>10)
	if kib > memory<<10 {
		t.Errorf("the node needed %d KiB", kib)
	}
	w.over(n)
}

// fillDue stores jobs that were due at a moment of the past.
func fillDue(w *world, total, tenants int, at time.Time) {
	w.t.Helper()
	like, err := w.client.Job(w.t.Context(), jobs.JobRef{ID: w.newOnce()})
	if err != nil {
		w.t.Fatal(err)
	}
	const writers = 100
	var all sync.WaitGroup
	faults := make(chan error, writers)
	for writer := range writers {
		all.Go(func() {
			for i := writer; i < total; i += writers {
				j := *like
				j.ID, j.Tenant, j.Slug, j.NextRunAt = jobs.ID(jobs.NewID()), jobs.TenantID(fmt.Sprint("due-", i%tenants)), fmt.Sprint("job-", i), at
				if err := w.store.InsertJob(w.t.Context(), at, &j); err != nil {
					faults <- err
					return
				}
			}
		})
	}
	all.Wait()
	close(faults)
	for err := range faults {
		w.t.Fatal(err)
	}
	for i := range tenants {
		if err := w.store.SetLimits(w.t.Context(), jobs.TenantID(fmt.Sprint("due-", i)), limits, false); err != nil {
			w.t.Fatal(err)
		}
	}
}

// checkOneEach demands one run for each job of a tenant.
func checkOneEach(w *world, who jobs.TenantID, want int) {
	w.t.Helper()
	of := map[jobs.ID]int{}
	for start := 0; start < want; start += 1000 {
		page, err := w.store.Runs(w.t.Context(), jobs.RunQuery{Tenant: who, Summary: true, Start: start, Limit: 1000})
		if err != nil {
			w.t.Fatal(err)
		}
		if page.Total != want {
			w.t.Errorf("%s has %d runs, want %d", who, page.Total, want)
		}
		for _, run := range page.Items {
			of[run.JobID]++
		}
	}
	if len(of) != want {
		w.t.Errorf("%d jobs of %s have a run, want %d", len(of), who, want)
	}
}

// TestChaos_flood: one tenant has thousands of runs in the queue; the runs of another one go on in turn (R11).
func TestChaos_flood(t *testing.T) {
	needWhole(t)
	t.Parallel()
	for _, k := range both {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			const flood, few = 3000, 20
			begin(t, rowFlood, 1, checkAll+"; the other tenant's runs ended while most of the flood was waiting")
			w := newWorld(t, k.make(t))
			loud := w.newFree()
			if _, err := w.client.RunMany(t.Context(), jobs.JobRef{ID: loud}, many(flood)); err != nil {
				t.Fatal(err)
			}
			registry, err := newRegistry("")
			if err != nil {
				t.Fatal(err)
			}
			quiet := jobs.NewService(w.store, registry, jobs.ServiceOptions{}).As(jobs.System("quiet"))
			j, err := quiet.CreateJob(t.Context(), freeSpec())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := quiet.RunMany(t.Context(), jobs.JobRef{ID: j.ID}, many(few)); err != nil {
				t.Fatal(err)
			}
			n := w.start(nodeConfig{Concurrency: 4})
			w.eventually("the few runs have ended", func(ctx context.Context) (bool, error) {
				page, err := w.store.Runs(ctx, jobs.RunQuery{Tenant: "quiet", Statuses: []jobs.RunStatus{jobs.RunSuccess}, Summary: true, Limit: few})
				if err != nil || page.Total < few {
					return false, err
				}
				last := time.Time{}
				for _, run := range page.Items {
					if run.StartedAt.After(last) {
						last = run.StartedAt
					}
				}
				before := 0
				for _, run := range w.history(loud) {
					if !run.StartedAt.IsZero() && run.StartedAt.Before(last) {
						before++
					}
				}
				if before > flood/10 {
					t.Errorf("%d runs of the flood began before the last of the few", before)
				}
				return true, nil
			})
			w.eventually("the flood has ended", func(ctx context.Context) (bool, error) {
				total, err := w.count(ctx, loud, jobs.RunSuccess)
				return total == flood, err
			})
			w.over(n)
		})
	}
}

// many is a list of empty params.
func many(n int) []json.RawMessage {
	list := make([]json.RawMessage, n)
	for i := range list {
		list[i] = json.RawMessage(`{}`)
	}
	return list
}

// freeSpec is a job whose runs need not wait for each other and which does nothing.
func freeSpec() jobs.JobSpec {
	policies := jobs.DefaultPolicies()
	policies.Overlap, policies.MaxConcurrent = jobs.OverlapAllow, 10_000
	return jobs.JobSpec{Type: "nothing", Name: "Free", Policies: &policies}
}

// newFree makes a job of freeSpec.
func (w *world) newFree() jobs.ID {
	w.t.Helper()
	j, err := w.client.CreateJob(w.t.Context(), freeSpec())
	if err != nil {
		w.t.Fatal(err)
	}
	return j.ID
}

// newOnce makes a job that fires once, in an hour.
func (w *world) newOnce() jobs.ID {
	w.t.Helper()
	spec := freeSpec()
	spec.Schedule = jobs.Once(time.Now().Add(time.Hour))
	j, err := w.client.CreateJob(w.t.Context(), spec)
	if err != nil {
		w.t.Fatal(err)
	}
	return j.ID
}

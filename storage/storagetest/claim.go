package storagetest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

func claimRules() []rule {
	return []rule{
		{"a claimed run is running with its first step started", claimRun},
		{"a claimed run is not claimed again", claimOnce},
		{"no more runs are claimed than wanted, and More tells of the others", claimWant},
		{"More does not tell of runs that cannot be taken", claimNoMore},
		{"runs of higher priority are claimed first, then older ones", claimOrder},
		{"a changed priority holds for runs that wait", claimPriorityChanged},
		{"a run is claimed only by a worker that has all its drivers", claimDrivers},
		{"runs for which a driver is missing do not hold up others", claimDriversSkipped},
		{"drivers of one name and another kind are told apart", claimKinds},
		{"the limit of a tenant is kept", claimTenantLimit},
		{"the limit of the cluster is kept", claimClusterLimit},
		{"a worker never holds more runs than its concurrency", claimWorkerLimit},
		{"a place under a limit is free in the exchange that ends a run", claimFreedPlace},
		{"a run in a pause takes no place under a limit", claimPausedPlace},
		{"tenants are served in turn", claimFair},
		{"a tenant at its limit does not hold up others", claimFairAtLimit},
		{"a draining worker claims nothing", claimDraining},
		{"NextDue is the earliest moment at which a queued run is due", claimNextDue},
		{"each claim has a greater fence", claimFences},
	}
}

func claimRun(ctx context.Context, s jobs.Store) error {
	j := fullJob()
	done(s.InsertJob(ctx, t0, j))
	queued := givenRun(ctx, s, j, at(1))
	h := givenWorker(ctx, s, "node-a")
	c := h.take(ctx, s, at(2))
	want := queued
	want.Status, want.WorkerID, want.Fence, want.StartedAt, want.UpdatedAt = jobs.RunRunning, h.id, c.Run.Fence, at(2), at(2)
	want.Steps, want.Seq = jobs.FirstSteps(&j.Definition, at(2)), c.Run.Seq
	for i := range want.Steps {
		want.Steps[i].Seq = c.Run.Steps[i].Seq
	}
	return errors.Join(same("the claimed run", c.Run, want), holds(c.Run.Fence > 0, "the fence is %d", c.Run.Fence),
		same("the definition", *c.Definition, j.Definition), same("Resumed", c.Resumed, false),
		same("the stored run", *must(s.Run(ctx, tenant, queued.ID)), c.Run), instant("StartedAt", c.Run.StartedAt, at(2)))
}

func claimOnce(ctx context.Context, s jobs.Store) error {
	givenRun(ctx, s, givenJob(ctx, s, "stock"), t0)
	a, b := givenWorker(ctx, s, "node-a"), givenWorker(ctx, s, "node-b")
	a.take(ctx, s, t0)
	return errors.Join(same("claimed by the same worker", len(a.turn(ctx, s, at(99), 5).Claimed), 0),
		same("claimed by another", len(b.turn(ctx, s, at(99), 5).Claimed), 0))
}

func claimWant(ctx context.Context, s jobs.Store) error {
	givenRuns(ctx, s, givenJob(ctx, s, "stock", allowing(99)), t0, 5)
	h := givenWorker(ctx, s, "node-a")
	none, two, three := h.turn(ctx, s, t0, 0), h.turn(ctx, s, t0, 2), h.turn(ctx, s, t0, 3)
	empty := h.turn(ctx, s, t0, 3)
	return errors.Join(same("claimed for 0", len(none.Claimed), 0), same("claimed for 2", len(two.Claimed), 2), same("More after 2 of 5", two.More, true),
		same("claimed for 3", len(three.Claimed), 3), same("claimed of none", len(empty.Claimed), 0), same("More of none", empty.More, false))
}

func claimNoMore(ctx context.Context, s jobs.Store) error {
	full, other := givenJob(ctx, s, "stock", overlap(jobs.OverlapQueue)), givenJob(ctx, s, "other", typed("email"))
	givenRun(ctx, s, full, t0)
	h := givenWorker(ctx, s, "node-a")
	h.has = func(kind jobs.DriverKind, id string) bool { return id == "report" }
	h.take(ctx, s, t0)
	givenRun(ctx, s, full, t0)  // waits for the run before
	givenRun(ctx, s, other, t0) // has no driver here
	late := givenJob(ctx, s, "late")
	a := ask(late)
	a.NotBefore = at(60)
	must(s.StartRuns(ctx, t0, a))
	r := h.turn(ctx, s, at(1), 1)
	return errors.Join(same("claimed", len(r.Claimed), 0), same("More", r.More, false), same("NextDue", r.NextDue, at(60)))
}

func claimOrder(ctx context.Context, s jobs.Store) error {
	low, high := givenJob(ctx, s, "low", allowing(9), priority(-5)), givenJob(ctx, s, "high", allowing(9), priority(5))
	plain := givenJob(ctx, s, "plain", allowing(9))
	var want []jobs.RunID
	delayed := ask(plain)
	delayed.NotBefore = at(5)
	second := must(s.StartRuns(ctx, t0, delayed))[0].ID
	lowest := givenRun(ctx, s, low, t0).ID
	first := givenRun(ctx, s, plain, at(4)).ID
	third := givenRun(ctx, s, plain, at(6)).ID
	highest := []jobs.RunID{givenRun(ctx, s, high, at(7)).ID, givenRun(ctx, s, high, at(7)).ID}
	want = append(append(want, highest...), first, second, third, lowest)
	h := givenWorker(ctx, s, "node-a")
	var got []jobs.RunID
	for range 3 {
		got = append(got, claimIDs(h.claim(ctx, s, at(9), 2))...)
	}
	return same("claimed", got, want)
}

func claimPriorityChanged(ctx context.Context, s jobs.Store) error {
	a, b := givenJob(ctx, s, "a"), givenJob(ctx, s, "b")
	givenRun(ctx, s, a, t0)
	second := givenRun(ctx, s, b, at(1))
	givenRevision(ctx, s, b, 2, priority(50))
	c := givenWorker(ctx, s, "node-a").take(ctx, s, at(3))
	return errors.Join(same("claimed", c.Run.ID, second.ID), same("Priority", c.Run.Priority, 50))
}

func claimDrivers(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", acting("webhook"), attaching(givenFile(ctx, s, 1, t0)))
	givenRun(ctx, s, j, t0)
	for _, missing := range []string{"job/report", "action/webhook", "action/email", "attachment/file"} {
		h := givenWorker(ctx, s, missing)
		h.has = func(kind jobs.DriverKind, id string) bool { return string(kind)+"/"+id != missing }
		if err := same("claimed without "+missing, len(h.turn(ctx, s, t0, 5).Claimed), 0); err != nil {
			return err
		}
	}
	givenWorker(ctx, s, "node-a").take(ctx, s, t0)
	return nil
}

func claimDriversSkipped(ctx context.Context, s jobs.Store) error {
	givenRuns(ctx, s, givenJob(ctx, s, "foreign", allowing(999), typed("exotic"), priority(9)), t0, 50)
	want := givenRun(ctx, s, givenJob(ctx, s, "stock"), at(1))
	h := givenWorker(ctx, s, "node-a")
	h.has = func(_ jobs.DriverKind, id string) bool { return id != "exotic" }
	return same("claimed", claimIDs(h.turn(ctx, s, at(2), 5).Claimed), []jobs.RunID{want.ID})
}

func claimKinds(ctx context.Context, s jobs.Store) error {
	givenRun(ctx, s, givenJob(ctx, s, "a", typed("email")), t0)
	givenRun(ctx, s, givenJob(ctx, s, "c", acting("file")), t0)
	want := givenRun(ctx, s, givenJob(ctx, s, "b", acting("email")), at(1))
	h := givenWorker(ctx, s, "node-a")
	h.has = func(kind jobs.DriverKind, id string) bool {
		return kind == jobs.DriverAction && id != "file" || id == "report"
	}
	return same("claimed", claimIDs(h.turn(ctx, s, at(2), 5).Claimed), []jobs.RunID{want.ID})
}

// wide are limits that are in nobody's way.
func wide() jobs.Limits {
	l := jobs.DefaultLimits()
	l.TenantConcurrency, l.ClusterConcurrency = 10_000, 100_000
	return l
}

// narrow are limits with these bounds of concurrency.
func narrow(tenant, cluster int) jobs.Limits {
	l := jobs.DefaultLimits()
	l.TenantConcurrency, l.ClusterConcurrency = tenant, cluster
	return l
}

func claimTenantLimit(ctx context.Context, s jobs.Store) error {
	done(s.SetLimits(ctx, tenant, narrow(3, 100), true))
	givenRuns(ctx, s, givenJob(ctx, s, "stock", allowing(99)), t0, 9)
	givenRuns(ctx, s, givenJob(ctx, s, "other", allowing(99)), t0, 9)
	a, b := givenWorker(ctx, s, "node-a"), givenWorker(ctx, s, "node-b")
	first, second := a.turn(ctx, s, t0, 2), b.turn(ctx, s, t0, 5)
	third := a.turn(ctx, s, t0, 5)
	return errors.Join(same("claimed first", len(first.Claimed), 2), same("claimed second", len(second.Claimed), 1),
		same("claimed third", len(third.Claimed), 0), same("More at the limit", third.More, false))
}

func claimClusterLimit(ctx context.Context, s jobs.Store) error {
	done(s.SetLimits(ctx, tenant, narrow(10, 4), true))
	givenRuns(ctx, s, givenJob(ctx, s, "stock", allowing(99)), t0, 9)
	givenRuns(ctx, s, givenJob(ctx, s, "other", allowing(99), of(foreign)), t0, 9)
	a, b := givenWorker(ctx, s, "node-a"), givenWorker(ctx, s, "node-b")
	first, second := a.turn(ctx, s, t0, 3), b.turn(ctx, s, t0, 5)
	return errors.Join(same("claimed first", len(first.Claimed), 3), same("claimed second", len(second.Claimed), 1),
		same("claimed third", len(a.turn(ctx, s, t0, 5).Claimed), 0))
}

func claimWorkerLimit(ctx context.Context, s jobs.Store) error {
	givenRuns(ctx, s, givenJob(ctx, s, "stock", allowing(99)), t0, 9)
	h := givenWorker(ctx, s, "node-a")
	done(s.SteerWorker(ctx, h.id, "", 3))
	first, second := h.turn(ctx, s, t0, 2), h.turn(ctx, s, t0, 2)
	if len(second.Claimed) == 0 {
		return holds(false, "no run was claimed with 2 of 3")
	}
	full := h.turn(ctx, s, t0, 2)
	freed := h.turn(ctx, s, t0, 2, ends(first.Claimed[0], jobs.RunSuccess, t0))
	return errors.Join(same("claimed first", len(first.Claimed), 2), same("claimed second", len(second.Claimed), 1),
		same("claimed with 3 of 3", len(full.Claimed), 0), same("claimed with 2 of 3", len(freed.Claimed), 1))
}

func claimFreedPlace(ctx context.Context, s jobs.Store) error {
	done(s.SetLimits(ctx, tenant, narrow(1, 1), true))
	givenRuns(ctx, s, givenJob(ctx, s, "stock", allowing(99)), t0, 2)
	h := givenWorker(ctx, s, "node-a")
	c := h.take(ctx, s, t0)
	return same("claimed", len(h.turn(ctx, s, at(1), 5, ends(c, jobs.RunSuccess, at(1))).Claimed), 1)
}

func claimPausedPlace(ctx context.Context, s jobs.Store) error {
	done(s.SetLimits(ctx, tenant, narrow(1, 100), true))
	givenRuns(ctx, s, givenJob(ctx, s, "stock", allowing(99)), t0, 2)
	h := givenWorker(ctx, s, "node-a")
	o := outcome(h.take(ctx, s, t0))
	o.Requeue = &jobs.Requeue{NotBefore: at(60)}
	return same("claimed", len(h.turn(ctx, s, at(1), 5, o).Claimed), 1)
}

func claimFair(ctx context.Context, s jobs.Store) error {
	done(s.SetLimits(ctx, tenant, wide(), true))
	tenants := []jobs.TenantID{"a", "b", "c"}
	for i, t := range tenants {
		done(s.SetLimits(ctx, t, wide(), false))
		givenRuns(ctx, s, givenJob(ctx, s, "stock", allowing(999), of(t)), at(i), 40/(1+i*i))
	}
	h := givenWorker(ctx, s, "node-a")
	count := func(want int) string {
		n := map[jobs.TenantID]int{}
		for _, c := range h.claim(ctx, s, at(9), want) {
			n[c.Run.Tenant]++
		}
		return fmt.Sprint(n["a"], n["b"], n["c"])
	}
	return errors.Join(same("the first 9 by tenant", count(9), "3 3 3"), same("the next 6 by tenant", count(6), "2 2 2"))
}

func claimFairAtLimit(ctx context.Context, s jobs.Store) error {
	done(s.SetLimits(ctx, tenant, narrow(1, 100), true))
	givenRuns(ctx, s, givenJob(ctx, s, "stock", allowing(999), priority(9)), t0, 200)
	givenRuns(ctx, s, givenJob(ctx, s, "stock", allowing(999), of(foreign)), at(5), 3)
	n := map[jobs.TenantID]int{}
	for _, c := range givenWorker(ctx, s, "node-a").turn(ctx, s, at(9), 4).Claimed {
		n[c.Run.Tenant]++
	}
	return same("claimed by tenant", n, map[jobs.TenantID]int{tenant: 1, foreign: 3})
}

func claimDraining(ctx context.Context, s jobs.Store) error {
	givenRun(ctx, s, givenJob(ctx, s, "stock"), t0)
	h := givenWorker(ctx, s, "node-a")
	done(s.SteerWorker(ctx, h.id, jobs.WorkerDraining, 0))
	draining := h.turn(ctx, s, at(1), 5)
	done(s.SteerWorker(ctx, h.id, jobs.WorkerActive, 0))
	return errors.Join(same("claimed while draining", len(draining.Claimed), 0), same("Status", draining.Status, jobs.WorkerDraining),
		same("claimed when active again", len(h.turn(ctx, s, at(2), 5).Claimed), 1))
}

func claimNextDue(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", allowing(9))
	h := givenWorker(ctx, s, "node-a")
	none := h.turn(ctx, s, t0, 1)
	for _, minute := range []int{30, 20, 40} {
		a := ask(j)
		a.NotBefore = at(minute).Add(7 * time.Millisecond)
		must(s.StartRuns(ctx, t0, a))
	}
	r := h.turn(ctx, s, t0, 1)
	return errors.Join(same("NextDue of none", none.NextDue, time.Time{}), instant("NextDue", r.NextDue, at(20).Add(7*time.Millisecond)))
}

func claimFences(ctx context.Context, s jobs.Store) error {
	givenRun(ctx, s, givenJob(ctx, s, "stock", idempotent), t0)
	h := givenWorker(ctx, s, "node-a")
	var fence int64
	for i := range 5 {
		c := h.take(ctx, s, at(i))
		if c.Run.Fence <= fence {
			return fmt.Errorf("claim %d has fence %d, the one before %d", i+1, c.Run.Fence, fence)
		}
		fence = c.Run.Fence
		o := outcome(c)
		o.Requeue = &jobs.Requeue{NotBefore: at(i)}
		h.turn(ctx, s, at(i), 0, o)
		if err := same("Fenced after the run was put back", h.turn(ctx, s, at(i), 0, ends(c, jobs.RunError, at(i))).Fenced, []jobs.RunID{c.Run.ID}); err != nil {
			return err
		}
	}
	return nil
}

package storagetest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

func fireRules() []rule {
	return []rule{
		{"a ledger is filtered by outcome and moment, sorted and paged", fireQuery},
		{"a ledger of another tenant is not read", fireForeign},
		{"runs by hand are not in the ledger", fireByHand},
		{"a fire whose run ended is in the ledger as before", fireEnded},
		{"a fire whose run was canceled before its start is withdrawn", fireWithdrawn},
		{"a fire whose run was canceled while it ran has run", fireCanceled},
		{"a fire whose run was deleted keeps its place without a run", fireDeleted},
		{"a fire whose run was pruned keeps its place without a run", firePruned},
		{"a changed next fire withdraws the one that was due and not planned", fireReplaced},
		{"a changed next fire that was not due leaves no line", fireNotDue},
		{"a moment that has a line does not fire again", fireTwice},
	}
}

func fireQuery(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", minutely)
	for minute := 1; minute <= 5; minute++ {
		must(s.Plan(ctx, at(minute), 10))
	}
	get := func(q jobs.FireQuery) string {
		q.Tenant, q.JobID = tenant, j.ID
		page, text := must(s.Fires(ctx, q)), ""
		for _, f := range page.Items {
			text += fmt.Sprintf(" %d", int(f.At.Sub(t0)/time.Minute))
		}
		return fmt.Sprintf("%d:%s", page.Total, text)
	}
	return errors.Join(
		same("newest first", get(jobs.FireQuery{}), "5: 5 4 3 2 1"),
		same("oldest first", get(jobs.FireQuery{Ascending: true}), "5: 1 2 3 4 5"),
		same("skipped", get(jobs.FireQuery{Outcome: jobs.FireSkipped}), "4: 5 4 3 2"),
		same("ran", get(jobs.FireQuery{Outcome: jobs.FireRan}), "1: 1"),
		same("missed", get(jobs.FireQuery{Outcome: jobs.FireMissed}), "0:"),
		same("from 2 to 4", get(jobs.FireQuery{From: at(2), To: at(4)}), "2: 3 2"),
		same("a page", get(jobs.FireQuery{Start: 1, Limit: 2}), "5: 4 3"),
		same("a page, oldest first", get(jobs.FireQuery{Start: 3, Limit: 9, Ascending: true}), "5: 4 5"),
		same("skipped from 3", get(jobs.FireQuery{Outcome: jobs.FireSkipped, From: at(3)}), "3: 5 4 3"),
	)
}

func fireForeign(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", minutely)
	must(s.Plan(ctx, at(1), 10))
	must(s.Plan(ctx, at(2), 10))
	page, err := s.Fires(ctx, jobs.FireQuery{Tenant: foreign, JobID: j.ID})
	return holds(errors.Is(err, jobs.ErrNotFound) || err == nil && page.Total == 0 && len(page.Items) == 0,
		"another tenant reads %d of %d lines (%v)", len(page.Items), page.Total, err)
}

func fireByHand(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", minutely, allowing(9))
	givenRun(ctx, s, j, at(1))
	must(s.Plan(ctx, at(1), 10))
	return errors.Join(same("the ledger", ledger(ctx, s, j), " 1r"), same("runs", must(s.Runs(ctx, jobs.RunQuery{Tenant: tenant})).Total, 2))
}

func fireEnded(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", minutely)
	h := givenWorker(ctx, s, "node-a")
	must(s.Plan(ctx, at(1).Add(5*time.Millisecond), 10))
	before := must(s.Fires(ctx, jobs.FireQuery{Tenant: tenant, JobID: j.ID}))
	c := h.take(ctx, s, at(1).Add(6*time.Millisecond))
	h.turn(ctx, s, at(2), 0, ends(c, jobs.RunError, at(2)))
	return same("the ledger", must(s.Fires(ctx, jobs.FireQuery{Tenant: tenant, JobID: j.ID})), before)
}

func fireWithdrawn(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", minutely)
	must(s.Plan(ctx, at(1), 10))
	r := runsByFire(ctx, s, j)[1]
	must(s.CancelRun(ctx, at(2), tenant, r.ID, clerk))
	page := must(s.Fires(ctx, jobs.FireQuery{Tenant: tenant, JobID: j.ID, Outcome: jobs.FireWithdrawn}))
	ran := must(s.Fires(ctx, jobs.FireQuery{Tenant: tenant, JobID: j.ID, Outcome: jobs.FireRan}))
	if len(page.Items) != 1 {
		return fmt.Errorf("%d fires are withdrawn, want 1", len(page.Items))
	}
	return errors.Join(same("the run", page.Items[0].RunID, r.ID), holds(page.Items[0].Reason != "", "the withdrawn fire has no reason"), same("fires that ran", ran.Total, 0))
}

func fireCanceled(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", minutely)
	h := givenWorker(ctx, s, "node-a")
	must(s.Plan(ctx, at(1), 10))
	c := h.take(ctx, s, at(1))
	must(s.CancelRun(ctx, at(1), tenant, c.Run.ID, clerk))
	h.turn(ctx, s, at(2), 0, ends(c, jobs.RunCanceled, at(2)))
	return same("the ledger", ledger(ctx, s, j), " 1r")
}

// emptied are the lines of a ledger whose runs were removed.
func emptied(ctx context.Context, s jobs.Store, j *jobs.Job) error {
	for _, f := range must(s.Fires(ctx, jobs.FireQuery{Tenant: tenant, JobID: j.ID})).Items {
		if f.RunID == "" {
			continue
		}
		if _, err := s.Run(ctx, tenant, f.RunID); err != nil {
			return fmt.Errorf("the fire %s names run %s: %w", f.At, f.RunID, err)
		}
	}
	return nil
}

func fireDeleted(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", minutely)
	h := givenWorker(ctx, s, "node-a")
	for minute := 1; minute <= 3; minute++ {
		must(s.Plan(ctx, at(minute), 10))
		h.turn(ctx, s, at(minute), 0, ends(h.take(ctx, s, at(minute)), jobs.RunSuccess, at(minute)))
	}
	done(s.DeleteRun(ctx, tenant, j.ID, runsByFire(ctx, s, j)[2].ID))
	one := ledger(ctx, s, j)
	done(s.DeleteRuns(ctx, tenant, j.ID, at(99)))
	return errors.Join(same("the ledger after one", one, " 1r 2r 3r"), same("the ledger after all", ledger(ctx, s, j), " 1r 2r 3r"), emptied(ctx, s, j),
		same("runs", must(s.Runs(ctx, jobs.RunQuery{Tenant: tenant})).Total, 0))
}

func firePruned(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", minutely)
	h := givenWorker(ctx, s, "node-a")
	for minute := 1; minute <= 3; minute++ {
		must(s.Plan(ctx, at(minute), 10))
		h.turn(ctx, s, at(minute), 0, ends(h.take(ctx, s, at(minute)), jobs.RunSuccess, at(minute)))
	}
	n := must(s.Prune(ctx, at(4), jobs.Retention{KeepRuns: 1}, 10))
	return errors.Join(same("removed", n, 2), same("the ledger", ledger(ctx, s, j), " 1r 2r 3r"), emptied(ctx, s, j))
}

func fireReplaced(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", minutely)
	j.NextRunAt = at(30)
	done(s.SaveJob(ctx, at(2), j, 1))
	off := givenJob(ctx, s, "off", minutely)
	off.NextRunAt, off.Enabled = time.Time{}, false
	done(s.SaveJob(ctx, at(1), off, 1))
	fires := must(s.Fires(ctx, jobs.FireQuery{Tenant: tenant, JobID: j.ID})).Items
	return errors.Join(same("the ledger", ledger(ctx, s, j), " 1w"), same("the ledger of the disabled job", ledger(ctx, s, off), " 1w"),
		same("the run", fires[0].RunID, jobs.RunID("")), holds(fires[0].Reason != "", "the withdrawn fire has no reason"),
		same("the pass", must(s.Plan(ctx, at(3), 10)), jobs.PlanResult{Next: at(30)}))
}

func fireNotDue(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", minutely)
	same1 := *j
	same1.UpdatedAt = at(5)
	done(s.SaveJob(ctx, at(5), &same1, 1)) // due, but not changed
	kept := ledger(ctx, s, j)
	must(s.Plan(ctx, at(5), 10))
	next := readJob(ctx, s, j)
	next.NextRunAt = at(30)
	done(s.SaveJob(ctx, at(5), next, 1))
	after := must(s.Fires(ctx, jobs.FireQuery{Tenant: tenant, JobID: j.ID, Outcome: jobs.FireWithdrawn}))
	return errors.Join(same("the ledger after an unchanged fire", kept, ""), same("withdrawn fires", after.Total, 0))
}

func fireTwice(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", minutely, allowing(9))
	must(s.Plan(ctx, at(1), 10))
	again := readJob(ctx, s, j)
	again.NextRunAt = at(1)
	if err := s.SaveJob(ctx, at(1), again, 1); err != nil {
		return fmt.Errorf("save a job with a fire that has a line: %w", err)
	}
	if _, err := s.Plan(ctx, at(2), 10); err != nil {
		return fmt.Errorf("plan a fire that has a line: %w", err)
	}
	return errors.Join(same("the ledger", ledger(ctx, s, j), " 1r 2r"), same("runs", must(s.Runs(ctx, jobs.RunQuery{Tenant: tenant})).Total, 2))
}

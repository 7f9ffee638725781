package storagetest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

func planRules() []rule {
	return []rule{
		{"a due fire becomes a run, and the next fire is set", planDue},
		{"before its time nothing fires", planEarly},
		{"jobs that are disabled or drafts do not fire", planDisabled},
		{"a pass takes up to its limit of jobs, oldest fire first", planLimit},
		{"the next due moment is the least of all enabled jobs", planNextDue},
		{"several fires in the grace are all decided", planSeveral},
		{"skip: a fire beside a live run is skipped and names it", planSkip},
		{"queue: the waiting run of an older fire is replaced and withdrawn", planQueue},
		{"cancel: a fire cancels the running run and waits", planCancel},
		{"allow: fires run beside each other up to the bound", planAllow},
		{"misfire latest: one run for the newest, the others are coalesced", planMisfireLatest},
		{"misfire skip: all are missed", planMisfireSkip},
		{"misfire all: each has a run, oldest first", planMisfireAll},
		{"fires older than the window are missed", planMisfireWindow},
		{"after a long outage older fires are one line with a count", planOutage},
		{"a schedule that has ended fires no more", planEnd},
		{"a job that fires once fires once", planOnce},
		{"two planners at once plan each fire once", planRace},
		{"planners and exchanges at once: each fire runs once", planRaceClaims},
		{"a job whose schedule is broken does not hold up the others", planBroken},
		{"a fire of a job with offset is that of its effective schedule", planJitter},
		{"fires of all tenants are planned", planTenants},
	}
}

func planDue(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", minutely, priority(3), acting("webhook"))
	now := at(1).Add(1500 * time.Millisecond)
	r := must(s.Plan(ctx, now, 10))
	page := must(s.Runs(ctx, jobs.RunQuery{Tenant: tenant}))
	if len(page.Items) != 1 {
		return fmt.Errorf("%d runs were queued, want 1", len(page.Items))
	}
	got := page.Items[0]
	want := jobs.Run{
		ID: got.ID, Tenant: tenant, JobID: j.ID, OwnerID: owner, Revision: 1, Status: jobs.RunQueued, Trigger: jobs.TriggerSchedule, Priority: 3,
		FireAt: at(1), NotBefore: got.NotBefore, Attempt: 1, Params: got.Params, Steps: jobs.NewSteps(&j.Definition), Seq: got.Seq, CreatedAt: now, UpdatedAt: now,
	}
	fires := must(s.Fires(ctx, jobs.FireQuery{Tenant: tenant, JobID: j.ID})).Items
	return errors.Join(same("Jobs", r.Jobs, 1), same("Runs", r.Runs, 1), same("Next", r.Next, at(2)), same("Disabled", len(r.Disabled), 0), same("the run", *got, want),
		instant("FireAt", got.FireAt, at(1)), instant("NextRunAt", readJob(ctx, s, j).NextRunAt, at(2)), same("NextDue", must(s.NextDue(ctx)), at(2)),
		same("the ledger", fires, []jobs.Fire{{JobID: j.ID, At: at(1), Outcome: jobs.FireRan, RunID: got.ID, Late: 1500 * time.Millisecond}}),
		same("claimed", claimIDs(givenWorker(ctx, s, "node-a").turn(ctx, s, now, 5).Claimed), []jobs.RunID{got.ID}))
}

func planEarly(ctx context.Context, s jobs.Store) error {
	givenJob(ctx, s, "stock", minutely)
	r := must(s.Plan(ctx, at(1).Add(-time.Millisecond), 10))
	return errors.Join(same("the pass", r, jobs.PlanResult{Next: at(1)}), same("runs", must(s.Runs(ctx, jobs.RunQuery{Tenant: tenant})).Total, 0))
}

func planDisabled(ctx context.Context, s jobs.Store) error {
	off := givenJob(ctx, s, "off", minutely, func(j *jobs.Job) { j.Enabled = false })
	givenJob(ctx, s, "", draftOf(off), minutely, func(j *jobs.Job) { j.NextRunAt = time.Time{} })
	r := must(s.Plan(ctx, at(5), 10))
	return errors.Join(same("the pass", r, jobs.PlanResult{}), same("NextDue", must(s.NextDue(ctx)), time.Time{}))
}

func planLimit(ctx context.Context, s jobs.Store) error {
	for i := range 5 {
		givenJob(ctx, s, fmt.Sprint("job-", i), minutely, func(j *jobs.Job) { j.NextRunAt = at(6 - i) })
	}
	now := at(6)
	first := must(s.Plan(ctx, now, 2))
	fired := map[string]bool{}
	for _, r := range must(s.Runs(ctx, jobs.RunQuery{Tenant: tenant})).Items {
		fired[must(s.Job(ctx, tenant, jobs.JobRef{ID: r.JobID})).Slug] = true
	}
	second, third := must(s.Plan(ctx, now, 10)), must(s.Plan(ctx, now, 10))
	return errors.Join(same("jobs of the first pass", first.Jobs, 2), same("its jobs", fired, map[string]bool{"job-3": true, "job-4": true}),
		same("Next of the first pass", first.Next, at(4)), same("jobs of the second pass", second.Jobs, 3), same("Next of the second pass", second.Next, at(7)),
		same("the third pass", third, jobs.PlanResult{Next: at(7)}))
}

func planNextDue(ctx context.Context, s jobs.Store) error {
	none := must(s.NextDue(ctx))
	j := givenJob(ctx, s, "a", minutely, func(j *jobs.Job) { j.NextRunAt = at(30) })
	givenJob(ctx, s, "b", minutely, func(j *jobs.Job) { j.NextRunAt = at(20) }, of(foreign))
	givenJob(ctx, s, "c", minutely, func(j *jobs.Job) { j.NextRunAt, j.Enabled = at(10), false })
	two := must(s.NextDue(ctx))
	j.NextRunAt = at(5).Add(3 * time.Millisecond)
	done(s.SaveJob(ctx, t0, j, 1))
	return errors.Join(same("of no job", none, time.Time{}), instant("of two jobs", two, at(20)), same("after a change", must(s.NextDue(ctx)), j.NextRunAt))
}

// ledger writes a ledger in words, oldest first: the minutes after t0, a range for lines that stand for many, and the outcome.
func ledger(ctx context.Context, s jobs.Store, j *jobs.Job) string {
	text := ""
	for _, f := range must(s.Fires(ctx, jobs.FireQuery{Tenant: j.Tenant, JobID: j.ID, Ascending: true})).Items {
		text += fmt.Sprintf(" %d", int(f.At.Sub(t0)/time.Minute))
		if !f.Until.IsZero() {
			text += fmt.Sprintf("-%d(%d)", int(f.Until.Sub(t0)/time.Minute), f.Count)
		}
		text += string(f.Outcome[0])
	}
	return text
}

// runsByFire are all runs of fires, by the minutes after t0.
func runsByFire(ctx context.Context, s jobs.Store, j *jobs.Job) map[int]*jobs.Run {
	byFire := map[int]*jobs.Run{}
	for _, r := range must(s.Runs(ctx, jobs.RunQuery{Tenant: j.Tenant, JobID: j.ID})).Items {
		byFire[int(r.FireAt.Sub(t0)/time.Minute)] = r
	}
	return byFire
}

func grace(d time.Duration) func(*jobs.Job) { return func(j *jobs.Job) { j.Policies.MisfireGrace = d } }

func planSeveral(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", minutely, allowing(9), grace(time.Hour))
	r := must(s.Plan(ctx, at(4), 10))
	return errors.Join(same("Runs", r.Runs, 4), same("the ledger", ledger(ctx, s, j), " 1r 2r 3r 4r"), same("Next", r.Next, at(5)))
}

func planSkip(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", minutely)
	must(s.Plan(ctx, at(1), 10))
	c := givenWorker(ctx, s, "node-a").take(ctx, s, at(1))
	r := must(s.Plan(ctx, at(2), 10))
	newest := must(s.Fires(ctx, jobs.FireQuery{Tenant: tenant, JobID: j.ID})).Items[0]
	return errors.Join(same("Jobs", r.Jobs, 1), same("Runs", r.Runs, 0), same("the ledger", ledger(ctx, s, j), " 1r 2s"),
		same("the run in the way", newest.RunID, c.Run.ID), holds(newest.Reason != "", "the skipped fire has no reason"))
}

func planQueue(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", minutely, overlap(jobs.OverlapQueue))
	h := givenWorker(ctx, s, "node-a")
	must(s.Plan(ctx, at(1), 10))
	c := h.take(ctx, s, at(1))
	must(s.Plan(ctx, at(2), 10))
	must(s.Plan(ctx, at(3), 10))
	byFire := runsByFire(ctx, s, j)
	h.turn(ctx, s, at(4), 0, ends(c, jobs.RunSuccess, at(4)))
	return errors.Join(same("the ledger", ledger(ctx, s, j), " 1r 2w 3r"), same("the replaced run", byFire[2].Status, jobs.RunCanceled),
		same("claimed", claimIDs(h.turn(ctx, s, at(4), 5).Claimed), []jobs.RunID{byFire[3].ID}))
}

func planCancel(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", minutely, overlap(jobs.OverlapCancel))
	h := givenWorker(ctx, s, "node-a")
	must(s.Plan(ctx, at(1), 10))
	c := h.take(ctx, s, at(1))
	must(s.Plan(ctx, at(2), 10))
	return errors.Join(same("the ledger", ledger(ctx, s, j), " 1r 2r"), same("told", h.turn(ctx, s, at(2), 5).CancelRequested, []jobs.RunID{c.Run.ID}),
		holds(runsByFire(ctx, s, j)[2].Blocked, "the new run does not wait"))
}

func planAllow(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", minutely, allowing(2))
	for minute := 1; minute <= 3; minute++ {
		must(s.Plan(ctx, at(minute), 10))
	}
	byFire := runsByFire(ctx, s, j)
	return errors.Join(same("the ledger", ledger(ctx, s, j), " 1r 2r 3r"), holds(!byFire[1].Blocked && !byFire[2].Blocked && byFire[3].Blocked,
		"Blocked is %t %t %t, want false false true", byFire[1].Blocked, byFire[2].Blocked, byFire[3].Blocked))
}

func planMisfireLatest(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", minutely)
	r := must(s.Plan(ctx, at(10).Add(30*time.Second), 10))
	fires := must(s.Fires(ctx, jobs.FireQuery{Tenant: tenant, JobID: j.ID, Outcome: jobs.FireCoalesced})).Items
	byFire := runsByFire(ctx, s, j)
	var errs []error
	for _, f := range fires {
		errs = append(errs, same("the run that stands for a fire", f.RunID, byFire[9].ID))
	}
	return errors.Join(append(errs, same("Runs", r.Runs, 1), same("Trigger", byFire[9].Trigger, jobs.TriggerCatchup),
		same("the ledger", ledger(ctx, s, j), " 1c 2c 3c 4c 5c 6c 7c 8c 9r 10s"), same("Next", r.Next, at(11)))...)
}

func misfire(m jobs.Misfire) func(*jobs.Job) { return func(j *jobs.Job) { j.Policies.Misfire = m } }

func planMisfireSkip(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", minutely, misfire(jobs.MisfireSkip))
	r := must(s.Plan(ctx, at(4).Add(30*time.Second), 10))
	return errors.Join(same("Runs", r.Runs, 1), same("the ledger", ledger(ctx, s, j), " 1m 2m 3m 4r"))
}

func planMisfireAll(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", minutely, misfire(jobs.MisfireAll))
	h := givenWorker(ctx, s, "node-a")
	must(s.Plan(ctx, at(5).Add(30*time.Second), 10))
	var order []int
	for range 4 {
		c := h.turn(ctx, s, at(6), 5).Claimed
		if len(c) != 1 {
			return fmt.Errorf("%d runs were claimed, want one after another", len(c))
		}
		order = append(order, int(c[0].Run.FireAt.Sub(t0)/time.Minute))
		h.turn(ctx, s, at(6), 0, ends(c[0], jobs.RunSuccess, at(6)))
	}
	return errors.Join(same("fires in the order of their runs", order, []int{1, 2, 3, 4}), same("the ledger", ledger(ctx, s, j), " 1r 2r 3r 4r 5s"))
}

func planMisfireWindow(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", minutely, func(j *jobs.Job) { j.Policies.MisfireWindow = 5 * time.Minute })
	must(s.Plan(ctx, at(10).Add(30*time.Second), 10))
	return same("the ledger", ledger(ctx, s, j), " 1m 2m 3m 4m 5m 6c 7c 8c 9r 10s")
}

func planOutage(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", minutely)
	must(s.Plan(ctx, at(100_000).Add(30*time.Second), 10))
	page := must(s.Fires(ctx, jobs.FireQuery{Tenant: tenant, JobID: j.ID, Ascending: true}))
	first := page.Items[0]
	return errors.Join(holds(page.Total < 500, "the ledger has %d lines", page.Total), same("the first line", first.At, at(1)),
		holds(first.Until.After(at(98_000)), "it stands for fires until %s", first.Until), same("its count, too many to be counted", first.Count, 0))
}

func planEnd(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", minutely, allowing(9), func(j *jobs.Job) { j.Schedule.EndOn = at(2) })
	must(s.Plan(ctx, at(1), 10))
	r := must(s.Plan(ctx, at(2), 10))
	got := readJob(ctx, s, j)
	return errors.Join(same("the pass", r, jobs.PlanResult{Jobs: 1, Runs: 1}), same("NextRunAt", got.NextRunAt, time.Time{}), same("Enabled", got.Enabled, true),
		same("the ledger", ledger(ctx, s, j), " 1r 2r"), same("a later pass", must(s.Plan(ctx, at(9), 10)), jobs.PlanResult{}))
}

func planOnce(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", func(j *jobs.Job) {
		j.Schedule, j.NextRunAt = jobs.Schedule{IntervalType: jobs.IntervalOnce, StartOn: at(3)}, at(3)
	})
	must(s.Plan(ctx, at(3), 10))
	must(s.Plan(ctx, at(4), 10))
	return errors.Join(same("the ledger", ledger(ctx, s, j), " 3r"), same("NextRunAt", readJob(ctx, s, j).NextRunAt, time.Time{}))
}

func planRace(ctx context.Context, s jobs.Store) error {
	var all []*jobs.Job
	for i := range 20 {
		// A planner that is behind the others finds fires that are minutes late: that is no misfire here.
		all = append(all, givenJob(ctx, s, fmt.Sprint("job-", i), minutely, allowing(50), grace(time.Hour)))
	}
	runs := make([]int, 8)
	errs := together(len(runs), func(i int) error {
		for minute := 1; minute <= 3; minute++ {
			r, err := s.Plan(ctx, at(minute), 7)
			if err != nil {
				return err
			}
			runs[i] += r.Runs
		}
		return nil
	})
	sum := 0
	for _, n := range runs {
		sum += n
	}
	for {
		rest := must(s.Plan(ctx, at(3), 7))
		if rest.Jobs == 0 {
			break
		}
		sum += rest.Runs
	}
	for _, j := range all {
		errs = append(errs, holds(len(runsByFire(ctx, s, j)) == 3 && ledger(ctx, s, j) == " 1r 2r 3r", "the ledger of %s is%s", j.Slug, ledger(ctx, s, j)))
	}
	total := must(s.Runs(ctx, jobs.RunQuery{Tenant: tenant})).Total
	return errors.Join(append(errs, same("runs", total, 60), same("runs that the planners count", sum, 60))...)
}

func planRaceClaims(ctx context.Context, s jobs.Store) error {
	done(s.SetLimits(ctx, tenant, wide(), true))
	j := givenJob(ctx, s, "stock", minutely, allowing(1000))
	hands := []*hand{givenWorker(ctx, s, "a"), givenWorker(ctx, s, "b")}
	errs := together(4, func(i int) error {
		for minute := 1; minute <= 10; minute++ {
			if i >= 2 {
				if _, err := s.Plan(ctx, at(minute), 5); err != nil {
					return err
				}
				continue
			}
			r, err := hands[i].try(ctx, s, at(10), 3)
			if err != nil {
				return err
			}
			for _, c := range r.Claimed {
				if _, err := hands[i].try(ctx, s, at(10), 0, ends(c, jobs.RunSuccess, at(10))); err != nil {
					return err
				}
			}
		}
		return nil
	})
	for {
		c := hands[0].turn(ctx, s, at(10), 5).Claimed
		if len(c) == 0 {
			break
		}
		for i := range c {
			hands[0].turn(ctx, s, at(10), 0, ends(c[i], jobs.RunSuccess, at(10)))
		}
	}
	ended := must(s.Runs(ctx, jobs.RunQuery{Tenant: tenant, Statuses: []jobs.RunStatus{jobs.RunSuccess}})).Total
	return errors.Join(append(errs, same("ended runs", ended, 10), same("the ledger", ledger(ctx, s, j), " 1r 2r 3r 4r 5r 6r 7r 8r 9r 10r"))...)
}

func planBroken(ctx context.Context, s jobs.Store) error {
	broken := givenJob(ctx, s, "broken", minutely, func(j *jobs.Job) { j.Schedule.Interval, j.Schedule.Timezone = "5-1 * * * *", "Mars/Olympus" })
	fine := givenJob(ctx, s, "fine", minutely)
	r := must(s.Plan(ctx, at(1), 10))
	got := readJob(ctx, s, broken)
	var err error
	if reason, named := r.Disabled[broken.ID]; named {
		line := must(s.Fires(ctx, jobs.FireQuery{Tenant: tenant, JobID: broken.ID})).Items
		err = errors.Join(holds(reason != "" && !got.Enabled, "the broken job is enabled: %t, for the reason %q", got.Enabled, reason),
			same("the ledger of the broken job", ledger(ctx, s, broken), " 1m"), holds(len(line) == 1 && line[0].Reason != "", "its line has no reason"))
	}
	again := must(s.Plan(ctx, at(1), 10))
	return errors.Join(err, same("the ledger of the other", ledger(ctx, s, fine), " 1r"), same("jobs due after the pass", again.Jobs, 0),
		same("NextRunAt of the broken job", got.Enabled && !got.NextRunAt.IsZero(), false))
}

func planJitter(ctx context.Context, s jobs.Store) error {
	j := newJob("stock", minutely, func(j *jobs.Job) { j.Policies.Jitter = 30 * time.Second })
	first, _ := j.EffectiveSchedule().Next(t0)
	second, _ := j.EffectiveSchedule().Next(first)
	j.NextRunAt = first
	done(s.InsertJob(ctx, t0, j))
	r := must(s.Plan(ctx, first, 10))
	return errors.Join(same("Runs", r.Runs, 1), instant("NextRunAt", readJob(ctx, s, j).NextRunAt, second))
}

func planTenants(ctx context.Context, s jobs.Store) error {
	givenJob(ctx, s, "stock", minutely)
	givenJob(ctx, s, "stock", minutely, of(foreign))
	r := must(s.Plan(ctx, at(1), 10))
	mine, theirs := must(s.Runs(ctx, jobs.RunQuery{Tenant: tenant})), must(s.Runs(ctx, jobs.RunQuery{Tenant: foreign}))
	return errors.Join(same("Runs", r.Runs, 2), same("runs of one", mine.Total, 1), same("runs of the other", theirs.Total, 1))
}

package storagetest

import (
	"context"
	"errors"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

func backfillRules() []rule {
	return []rule{
		{"a backfill gives each fire of the range its run, oldest first", backfillRuns},
		{"a dry run tells of the fires and stores nothing", backfillDry},
		{"fires that were missed, coalesced or skipped get their run in place of their line", backfillLines},
		{"a line of many fires keeps those that get no run", backfillLongLine},
		{"fires that have or had a run, and those to be planned, are left out, so that a repeat starts nothing", backfillRepeat},
		{"runs of a backfill go on one after another, whatever the policy", backfillChain},
		{"other runs of the job go on beside a backfill and before what waits of it", backfillBeside},
		{"a start is not refused, replaced or canceled because of a backfill", backfillPolicies},
		{"a backfill of too many fires is a fault of the range", backfillTooMany},
		{"a job without a schedule, a draft and an unknown job have no backfill", backfillRefused},
	}
}

func fill(j *jobs.Job, from, to time.Time) jobs.Backfill {
	return jobs.Backfill{Tenant: j.Tenant, JobID: j.ID, TriggeredBy: clerk, From: from, To: to}
}

// stopped is a job that fires every minute and whose schedule does not go on: its fires are all past.
func stopped(j *jobs.Job) {
	minutely(j)
	j.Enabled, j.NextRunAt = false, time.Time{}
}

// ledger gives the lines of the fires of a job, oldest first.
func lines(ctx context.Context, s jobs.Store, j *jobs.Job) []jobs.Fire {
	return must(s.Fires(ctx, jobs.FireQuery{Tenant: j.Tenant, JobID: j.ID, Ascending: true})).Items
}

func backfillRuns(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", stopped, priority(4))
	runs := must(s.BackfillRuns(ctx, at(60), fill(j, at(2), at(5))))
	if len(runs) != 3 {
		return same("number of runs", len(runs), 3)
	}
	var errs []error
	for i, r := range runs {
		got := *must(s.Run(ctx, tenant, r.RunID))
		want := jobs.Run{
			ID: r.RunID, Tenant: tenant, JobID: j.ID, OwnerID: owner, Revision: 1, Status: jobs.RunQueued, Trigger: jobs.TriggerBackfill,
			TriggeredBy: clerk, Priority: 4, NotBefore: at(60), FireAt: at(2 + i), Blocked: i > 0, Attempt: 1, Params: []byte("{}"),
			Steps: jobs.NewSteps(&j.Definition), CreatedAt: at(60), UpdatedAt: at(60),
		}
		errs = append(errs, same("the fire", r.At, at(2+i)), same("the run", got, want))
	}
	for i, line := range lines(ctx, s, j) {
		errs = append(errs, same("the line", line, jobs.Fire{
			JobID: j.ID, At: at(2 + i), Outcome: jobs.FireRan, RunID: runs[i].RunID, Late: time.Duration(58-i) * time.Minute,
		}))
	}
	return errors.Join(errs...)
}

func backfillDry(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", stopped)
	b := fill(j, at(2), at(4))
	b.DryRun = true
	got := must(s.BackfillRuns(ctx, at(60), b))
	return errors.Join(same("what would be started", got, []jobs.BackfillRun{{At: at(2)}, {At: at(3)}}),
		same("runs", must(s.Runs(ctx, jobs.RunQuery{Tenant: tenant})).Total, 0), same("lines", len(lines(ctx, s, j)), 0))
}

func backfillLines(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", minutely)
	must(s.Plan(ctx, at(10), 9)) // 1 to 8 are coalesced by the run of 9, and 10 is skipped beside it
	before := lines(ctx, s, j)
	runs := must(s.BackfillRuns(ctx, at(10), fill(j, at(3), at(11))))
	after := lines(ctx, s, j)
	var errs []error
	ran := 0
	for i, line := range after {
		errs = append(errs, same("the moment", line.At, before[i].At))
		if line.Outcome == jobs.FireRan {
			ran++
		} else {
			errs = append(errs, same("a line outside of the range", line, before[i]), holds(line.At.Before(at(3)), "the fire at %s has no run", line.At))
		}
	}
	return errors.Join(append(errs, same("number of lines", len(after), len(before)), same("fires with a run", ran, len(runs)+1))...)
}

func backfillLongLine(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", minutely, func(j *jobs.Job) { j.Policies.Misfire = jobs.MisfireSkip })
	must(s.Plan(ctx, at(300), 9))
	long := lines(ctx, s, j)[0]
	must(s.BackfillRuns(ctx, at(300), fill(j, at(50), at(53))))
	got := lines(ctx, s, j)[:5]
	first, last := got[0], got[4]
	head := long
	head.Until, head.Count = at(49), 49
	tail := long
	tail.At, tail.Late, tail.Count = at(53), long.Late-52*time.Minute, long.Count-52
	var whole []error
	must(s.BackfillRuns(ctx, at(300), fill(j, t0, at(50))))
	for _, line := range lines(ctx, s, j)[:52] {
		whole = append(whole, same("the outcome of "+line.At.String(), line.Outcome, jobs.FireRan))
	}
	return errors.Join(holds(long.Count > 60, "the long line has %d fires", long.Count), same("the line before", first, head), same("the line behind", last, tail),
		same("a fire between them", got[2].Outcome, jobs.FireRan), errors.Join(whole...))
}

func backfillRepeat(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", minutely)
	must(s.Plan(ctx, at(1), 9))
	h := givenWorker(ctx, s, "node-a")
	c := h.take(ctx, s, at(1))
	h.turn(ctx, s, at(1), 0, ends(c, jobs.RunSuccess, at(1)))
	done(s.DeleteRun(ctx, tenant, j.ID, c.Run.ID))
	must(s.Plan(ctx, at(2), 9))
	due := must(s.BackfillRuns(ctx, at(60), fill(j, at(1), at(60)))) // the fires from 3 on are the planner's
	stop := givenJob(ctx, s, "stopped", stopped)
	first := must(s.BackfillRuns(ctx, at(60), fill(stop, at(1), at(4))))
	second := must(s.BackfillRuns(ctx, at(61), fill(stop, at(1), at(6))))
	return errors.Join(same("fires that ran or are to be planned", due, []jobs.BackfillRun{}), same("the first time", len(first), 3), same("the second time", len(second), 2),
		same("the third time", len(must(s.BackfillRuns(ctx, at(62), fill(stop, at(1), at(6))))), 0))
}

func backfillChain(ctx context.Context, s jobs.Store) error {
	var errs []error
	for name, policy := range map[string]func(*jobs.Job){"skip": overlap(jobs.OverlapSkip), "allow": allowing(9)} {
		j := givenJob(ctx, s, name, stopped, policy)
		runs := must(s.BackfillRuns(ctx, at(60), fill(j, at(1), at(4))))
		h := givenWorker(ctx, s, "node-"+name)
		for i, want := range runs {
			r := h.turn(ctx, s, at(61+i), 9)
			errs = append(errs, same(name+": claimed", claimIDs(r.Claimed), []jobs.RunID{want.RunID}))
			if len(r.Claimed) == 1 {
				h.turn(ctx, s, at(61+i), 0, ends(r.Claimed[0], jobs.RunError, at(61+i)))
			}
		}
	}
	j := givenJob(ctx, s, "canceled", stopped)
	runs := must(s.BackfillRuns(ctx, at(60), fill(j, at(1), at(4))))
	must(s.CancelRun(ctx, at(61), tenant, runs[0].RunID, clerk))
	wait := must(s.Waits(ctx, at(61), jobs.WaitQuery{Tenant: tenant, Runs: []jobs.RunID{runs[2].RunID}}))[runs[2].RunID]
	return errors.Join(append(errs, same("after a cancel the next one may start", must(s.Run(ctx, tenant, runs[1].RunID)).Blocked, false),
		same("the reason of the last one", wait.Reason, jobs.WaitBlocked), same("runs before it", wait.Ahead, 1))...)
}

func backfillBeside(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", minutely, func(j *jobs.Job) { j.NextRunAt = at(60) })
	runs := must(s.BackfillRuns(ctx, at(59), fill(j, at(1), at(4))))
	h := givenWorker(ctx, s, "node-a")
	c := h.take(ctx, s, at(59))
	must(s.Plan(ctx, at(60), 9))
	var fire jobs.Fire
	for _, line := range lines(ctx, s, j) {
		if line.At.Equal(at(60)) {
			fire = line
		}
	}
	r := h.turn(ctx, s, at(60), 9, ends(c, jobs.RunSuccess, at(60)))
	if err := errors.Join(same("the outcome of the fire", fire.Outcome, jobs.FireRan), same("claimed next", claimIDs(r.Claimed), []jobs.RunID{fire.RunID})); err != nil {
		return err
	}
	must(s.Plan(ctx, at(61), 9)) // beside the live run of the schedule its policy holds
	r = h.turn(ctx, s, at(61), 9, ends(r.Claimed[0], jobs.RunSuccess, at(61)))
	skipped := must(s.Fires(ctx, jobs.FireQuery{Tenant: tenant, JobID: j.ID, Outcome: jobs.FireSkipped})).Total
	return errors.Join(same("claimed after it", claimIDs(r.Claimed), []jobs.RunID{runs[1].RunID}), same("skipped fires", skipped, 1))
}

func backfillPolicies(ctx context.Context, s jobs.Store) error {
	var errs []error
	for _, policy := range []jobs.Overlap{jobs.OverlapSkip, jobs.OverlapQueue, jobs.OverlapCancel} {
		j := givenJob(ctx, s, string(policy), stopped, overlap(policy))
		runs := must(s.BackfillRuns(ctx, at(60), fill(j, at(1), at(3))))
		c := givenWorker(ctx, s, "node-"+string(policy)).take(ctx, s, at(60))
		r := givenRun(ctx, s, j, at(61))
		first, second := must(s.Run(ctx, tenant, runs[0].RunID)), must(s.Run(ctx, tenant, runs[1].RunID))
		errs = append(errs, same(string(policy)+": the claimed run", c.Run.ID, runs[0].RunID), holds(r.Blocked, "%s: the start does not wait", policy),
			holds(first.Status == jobs.RunRunning && !first.CancelRequested, "%s: the running run is %s, cancel requested %t", policy, first.Status, first.CancelRequested),
			same(string(policy)+": the waiting run", second.Status, jobs.RunQueued))
	}
	j := givenJob(ctx, s, "allow", stopped, allowing(2))
	must(s.BackfillRuns(ctx, at(60), fill(j, at(1), at(4))))
	return errors.Join(append(errs, holds(!givenRun(ctx, s, j, at(61)).Blocked, "allow: a start within the bound waits"),
		holds(givenRun(ctx, s, j, at(61)).Blocked, "allow: a start beyond the bound does not wait"))...)
}

func backfillTooMany(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", stopped)
	to := at(1 + jobs.MaxBackfillFires)
	_, err := s.BackfillRuns(ctx, at(9999), fill(j, at(1), to.Add(time.Minute)))
	b := fill(j, at(1), to)
	b.DryRun = true
	most := must(s.BackfillRuns(ctx, at(9999), b))
	return errors.Join(refused("a range of too many fires", err, jobs.ErrInvalid), same("the most fires", len(most), jobs.MaxBackfillFires),
		same("runs", must(s.Runs(ctx, jobs.RunQuery{Tenant: tenant})).Total, 0))
}

func backfillRefused(ctx context.Context, s jobs.Store) error {
	byHand := givenJob(ctx, s, "hand")
	draft := givenJob(ctx, s, "", draftOf(byHand))
	stolen := fill(givenJob(ctx, s, "stock", stopped), t0, at(9))
	stolen.Tenant = foreign
	_, hand := s.BackfillRuns(ctx, at(60), fill(byHand, t0, at(9)))
	_, of := s.BackfillRuns(ctx, at(60), fill(draft, t0, at(9)))
	_, other := s.BackfillRuns(ctx, at(60), stolen)
	_, unknown := s.BackfillRuns(ctx, at(60), fill(newJob("none"), t0, at(9)))
	return errors.Join(conflict("of a job without a schedule", hand, "", ""), conflict("of a draft", of, "", ""),
		refused("by another tenant", other, jobs.ErrNotFound), refused("of an unknown job", unknown, jobs.ErrNotFound))
}

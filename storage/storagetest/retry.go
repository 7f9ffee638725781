package storagetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

func retryRules() []rule {
	return []rule{
		{"a retry is a new run with the params of the old one, and names it", retryRun},
		{"a retry goes on at the step that failed, with the results before it", retryFailed},
		{"a retry from the start has no results", retryStart},
		{"a retry executes the revision of the old run, whatever becomes of the job", retrySame},
		{"a retry with the current revision has its steps and drivers", retryCurrent},
		{"a retry from the start with the current revision is like any other start", retryCurrentStart},
		{"a retry needs the drivers of the revision that it executes", retryDrivers},
		{"live runs, and runs without a failure, are not retried", retryRefused},
		{"a retry of an old revision that had another owner is refused", retryOwner},
		{"an unknown run, or one of another job or tenant, is not retried", retryUnknown},
		{"a retry goes in as the overlap policy says", retryOverlap},
		{"a key gives the first retry again, and starts no second one", retryKey},
	}
}

// again is a retry from the failure with the revision of the run.
func again(j *jobs.Job, run jobs.RunID) jobs.Retry {
	return jobs.Retry{Tenant: j.Tenant, JobID: j.ID, RunID: run, TriggeredBy: clerk}
}

// givenFailed is an ended run whose driver step succeeded and whose first action failed.
func givenFailed(ctx context.Context, s jobs.Store, h *hand, j *jobs.Job, now time.Time) jobs.Run {
	a := ask(j)
	a.Params = []json.RawMessage{json.RawMessage(`{"day":"monday"}`)}
	done2(s.StartRuns(ctx, now, a))
	c := h.take(ctx, s, now)
	o := proceeds(c, now)
	h.turn(ctx, s, now, 0, o)
	c.Run.Steps, c.Run.Seq = o.Steps, o.Seq
	e := ends(c, jobs.RunError, now)
	h.turn(ctx, s, now, 0, e)
	return *must(s.Run(ctx, tenant, c.Run.ID))
}

func done2[T any](_ T, err error) { done(err) }

func retryRun(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", acting("webhook", "email"), priority(3))
	h := givenWorker(ctx, s, "node-a")
	old := givenFailed(ctx, s, h, j, t0)
	r := must(s.RetryRun(ctx, at(5), again(j, old.ID)))
	want := jobs.Run{
		ID: r.ID, Tenant: tenant, JobID: j.ID, OwnerID: owner, Revision: 1, Status: jobs.RunQueued, Trigger: jobs.TriggerManual, TriggeredBy: clerk,
		RetryOf: old.ID, Pinned: true, Priority: 3, NotBefore: at(5), Attempt: 1, Params: old.Params, Steps: r.Steps, CreatedAt: at(5), UpdatedAt: at(5),
	}
	c := h.take(ctx, s, at(6))
	h.turn(ctx, s, at(7), 0, ends(c, jobs.RunSuccess, at(7)))
	ended := must(s.Run(ctx, tenant, r.ID))
	return errors.Join(same("the retry", *r, want), holds(r.ID != old.ID, "the retry is the old run"),
		same("the claimed retry", c.Run.RetryOf, old.ID), same("the ended retry", ended.RetryOf, old.ID),
		same("the old run", *must(s.Run(ctx, tenant, old.ID)), old))
}

func retryFailed(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", acting("webhook", "email"))
	h := givenWorker(ctx, s, "node-a")
	old := givenFailed(ctx, s, h, j, t0)
	r := must(s.RetryRun(ctx, at(5), again(j, old.ID)))
	want := jobs.NewSteps(&j.Definition)
	want[0] = old.Steps[0]
	want[0].Seq = 0
	stored := must(s.Run(ctx, tenant, r.ID)).Steps
	c := h.take(ctx, s, at(6))
	claimed := append([]jobs.Step(nil), want...)
	claimed[1].State, claimed[1].Attempt, claimed[1].StartedAt, claimed[1].Seq = jobs.StepStarted, 1, at(6), c.Run.Seq
	return errors.Join(same("the steps of the retry", r.Steps, want), same("its stored steps", stored, want),
		same("its steps when it is claimed", c.Run.Steps, claimed), same("Resumed", c.Resumed, false))
}

func retryStart(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", acting("webhook"))
	h := givenWorker(ctx, s, "node-a")
	old := givenEnded(ctx, s, h, j, t0, jobs.RunSuccess)
	a := again(j, old.ID)
	a.FromStart = true
	r := must(s.RetryRun(ctx, at(5), a))
	c := h.take(ctx, s, at(6))
	return errors.Join(same("the steps of the retry", r.Steps, jobs.NewSteps(&j.Definition)), same("the claimed step", c.Run.Steps[0].State, jobs.StepStarted),
		same("RetryOf", c.Run.RetryOf, old.ID))
}

func retrySame(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", acting("webhook"), overlap(jobs.OverlapQueue))
	h := givenWorker(ctx, s, "node-a")
	old := givenFailed(ctx, s, h, j, t0)
	first := j.Definition
	j = givenRevision(ctx, s, j, 1, func(j *jobs.Job) { j.Name, j.Actions = "two", nil })
	r := must(s.RetryRun(ctx, at(2), again(j, old.ID)))
	givenRevision(ctx, s, j, 3, func(j *jobs.Job) { j.Name, j.Policies.Priority = "three", 9 })
	queued := must(s.Run(ctx, tenant, r.ID))
	c := h.take(ctx, s, at(4))
	return errors.Join(same("the revision of the retry", r.Revision, int64(1)), same("its revision after a change", queued.Revision, int64(1)),
		same("its priority after a change", queued.Priority, 9), same("the definition that it executes", *c.Definition, first), same("number of steps", len(c.Run.Steps), 2))
}

func retryCurrent(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", acting("webhook", "email"))
	h := givenWorker(ctx, s, "node-a")
	old := givenFailed(ctx, s, h, j, t0)
	j = givenRevision(ctx, s, j, 1, func(j *jobs.Job) {
		j.Actions = append(append([]jobs.Action(nil), j.Actions...), newJob("x", acting("webhook")).Actions...)
		j.Actions[0].Name = "renamed"
	})
	a := again(j, old.ID)
	a.Current = true
	r := must(s.RetryRun(ctx, at(2), a))
	givenRevision(ctx, s, j, 3, func(j *jobs.Job) { j.Actions = nil })
	c := h.take(ctx, s, at(4))
	return errors.Join(same("its revision", c.Run.Revision, int64(2)), same("number of steps", len(r.Steps), 4), same("the kept result", r.Steps[0].State, jobs.StepSuccess),
		same("the name of the failed step", r.Steps[1].Name, "renamed"), same("the claimed steps", len(c.Run.Steps), 4))
}

func retryCurrentStart(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	h := givenWorker(ctx, s, "node-a")
	old := givenEnded(ctx, s, h, j, t0, jobs.RunError)
	a := again(j, old.ID)
	a.FromStart, a.Current = true, true
	r := must(s.RetryRun(ctx, at(1), a))
	givenRevision(ctx, s, j, 2, func(j *jobs.Job) { j.Name = "two" })
	return errors.Join(same("Pinned", r.Pinned, false), same("its revision after a change", must(s.Run(ctx, tenant, r.ID)).Revision, int64(2)))
}

func retryDrivers(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", typed("scan"))
	all := givenWorker(ctx, s, "node-a")
	old := givenEnded(ctx, s, all, j, t0, jobs.RunError)
	j = givenRevision(ctx, s, j, 1, typed("report"))
	r := must(s.RetryRun(ctx, at(2), again(j, old.ID)))
	lacking := givenWorker(ctx, s, "node-b")
	lacking.has = func(_ jobs.DriverKind, id string) bool { return id != "scan" }
	return errors.Join(same("claimed without the driver", len(lacking.turn(ctx, s, at(3), 5).Claimed), 0),
		same("claimed with it", claimIDs(all.turn(ctx, s, at(3), 5).Claimed), []jobs.RunID{r.ID}))
}

func retryRefused(ctx context.Context, s jobs.Store) error {
	a := givenAlbum(ctx, s)
	var errs []error
	for i, want := range map[int]string{0: "", 1: "", 4: string(a.runs[4]), 5: string(a.runs[5])} {
		_, err := s.RetryRun(ctx, at(9), again(a.job, a.runs[i]))
		key := ""
		if want != "" {
			key = "historyId"
		}
		errs = append(errs, conflict(fmt.Sprintf("a retry of run %d", i), err, key, want))
	}
	before := must(s.Runs(ctx, jobs.RunQuery{Tenant: tenant})).Total
	for _, i := range []int{2, 3} {
		done2(s.RetryRun(ctx, at(9), again(a.job, a.runs[i])))
	}
	live := again(a.job, a.runs[4])
	live.FromStart = true
	_, err := s.RetryRun(ctx, at(9), live)
	return errors.Join(errors.Join(errs...), same("runs after refusals", before, 6), conflict("a retry of a live run from the start", err, "historyId", ""))
}

func retryOwner(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	h := givenWorker(ctx, s, "node-a")
	old := givenEnded(ctx, s, h, j, t0, jobs.RunError)
	j = givenRevision(ctx, s, j, 1, ownedBy(clerk))
	_, err := s.RetryRun(ctx, at(2), again(j, old.ID))
	a := again(j, old.ID)
	a.Current = true
	r := must(s.RetryRun(ctx, at(2), a))
	return errors.Join(conflict("a retry of the revision of another owner", err, "", ""), same("the owner of the retry", r.OwnerID, clerk))
}

func retryUnknown(ctx context.Context, s jobs.Store) error {
	j, other := givenJob(ctx, s, "stock"), givenJob(ctx, s, "other")
	old := givenEnded(ctx, s, givenWorker(ctx, s, "node-a"), j, t0, jobs.RunError)
	stolen := again(j, old.ID)
	stolen.Tenant = foreign
	var errs []error
	for what, a := range map[string]jobs.Retry{
		"an unknown run": again(j, jobs.NewRunID()), "a run of another job": again(other, old.ID), "a run of another tenant": stolen,
		"an unknown job": again(newJob("none"), old.ID),
	} {
		_, err := s.RetryRun(ctx, at(1), a)
		errs = append(errs, refused(what, err, jobs.ErrNotFound))
	}
	return errors.Join(append(errs, same("runs", must(s.Runs(ctx, jobs.RunQuery{Tenant: tenant})).Total, 1))...)
}

func retryOverlap(ctx context.Context, s jobs.Store) error {
	skip, queue := givenJob(ctx, s, "skip"), givenJob(ctx, s, "queue", overlap(jobs.OverlapQueue))
	h := givenWorker(ctx, s, "node-a")
	first, second := givenEnded(ctx, s, h, skip, t0, jobs.RunError), givenEnded(ctx, s, h, queue, t0, jobs.RunError)
	blocker := givenRun(ctx, s, skip, at(1))
	givenRun(ctx, s, queue, at(1))
	_, err := s.RetryRun(ctx, at(2), again(skip, first.ID))
	waits := must(s.RetryRun(ctx, at(2), again(queue, second.ID)))
	return errors.Join(conflict("a retry beside a live run", err, "historyId", string(blocker.ID)), holds(waits.Blocked, "the retry does not wait"))
}

func retryKey(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	h := givenWorker(ctx, s, "node-a")
	old := givenEnded(ctx, s, h, j, t0, jobs.RunError)
	a := again(j, old.ID)
	a.Key = "k"
	key := keyed(j, "k")
	none := must(s.StartedRun(ctx, at(1), key))
	first := must(s.RetryRun(ctx, at(1), a))
	known := must(s.StartedRun(ctx, at(2), key))
	second := must(s.RetryRun(ctx, at(2), a))
	h.turn(ctx, s, at(3), 0, ends(h.take(ctx, s, at(3)), jobs.RunSuccess, at(3)))
	done(s.DeleteRun(ctx, tenant, j.ID, first.ID))
	_, removed := s.StartedRun(ctx, at(4), key)
	_, retried := s.RetryRun(ctx, at(4), a)
	expired := must(s.StartedRun(ctx, at(1).Add(jobs.IdempotencyWindow), key))
	return errors.Join(holds(none == nil, "a key is known before it was used"), same("the run of the key", known.ID, first.ID), same("the second retry", second.ID, first.ID),
		conflict("a key whose run was removed", removed, "historyId", string(first.ID)), conflict("a retry with it", retried, "historyId", string(first.ID)),
		holds(expired == nil, "the key is known after its window"))
}

package sqlstore

import (
	"context"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// RetryRun is jobs.RetryStore (T2). After it the run and the idempotency record are stored, or nothing is.
func (c *Core) RetryRun(ctx context.Context, now time.Time, r jobs.Retry) (*jobs.Run, error) {
	start := jobs.Start{Tenant: r.Tenant, JobID: r.JobID, TriggeredBy: r.TriggeredBy, Key: r.Key}
	var run *jobs.Run
	err := c.write(ctx, "retry run", func(t *Tx) error {
		run = nil
		job, err := t.job(r.Tenant, r.JobID)
		if err != nil {
			return err
		}
		if r.Key != "" {
			before, err := c.startedBefore(t, now, start)
			if err != nil || before != nil {
				run, t.nothingDone = before, true
				return err
			}
		}
		old, err := anyRun(t, r.Tenant, r.RunID)
		if err != nil {
			return err
		}
		if old.JobID != r.JobID {
			return jobs.NotFound("run")
		}
		if run, err = c.retry(t, now, job, old, r); err != nil || r.Key == "" {
			return err
		}
		_, err = t.exec(sqlPutIdempotency, r.Tenant, r.JobID, r.TriggeredBy, r.Key, run.ID, toMillis(now))
		return err
	})
	if err != nil {
		return nil, err
	}
	return run, nil
}

// retry inserts the run that repeats an old one.
func (c *Core) retry(t *Tx, now time.Time, job *jobRow, old *runRow, r jobs.Retry) (*jobs.Run, error) {
	before, err := c.readRun(t, old)
	if err != nil {
		return nil, err
	}
	if err := jobs.Retryable(before); err != nil && (!r.FromStart || !before.Status.Terminal()) {
		return nil, err
	}
	revision := old.Revision
	if r.Current {
		revision = job.Revision
	}
	if revision != job.Revision && old.OwnerID != job.OwnerID {
		return nil, jobs.Conflict("the job belongs to somebody else now; retry with the current revision")
	}
	d, fault, err := c.definition(t, job.ID, revision)
	if err != nil {
		return nil, err
	}
	if fault != "" {
		return nil, jobs.Conflict("revision %d cannot be executed any more: %s", revision, fault)
	}
	run := newRun(job, d, now)
	run.Trigger, run.TriggeredBy, run.Params = jobs.TriggerManual, r.TriggeredBy, before.Params
	run.RetryOf, run.Revision, run.Pinned = before.ID, revision, !r.FromStart || !r.Current
	stored := "" // those of the definition
	if !r.FromStart {
		if run.Steps, err = jobs.RetrySteps(before.Steps, d); err != nil {
			return nil, err
		}
		if stored, err = storedSteps(run.Steps); err != nil {
			return nil, err
		}
		for i := range run.Steps {
			run.Warnings = run.Warnings || run.Steps[i].State == jobs.StepWarning
		}
	}
	return &run, c.admit(t, now, job, d, &run, stored)
}

// admit inserts a run outside the schedule beside the live ones of its job, as the overlap policy allows.
func (c *Core) admit(t *Tx, now time.Time, job *jobRow, d *jobs.Definition, run *jobs.Run, steps string) error {
	if err := t.checkQueue(job.Tenant, 1); err != nil {
		return err
	}
	live, room, err := t.beside(job, 1)
	if err != nil {
		return err
	}
	decision := jobs.DecideStart(job.policies(), live)
	if !decision.Admit {
		return liveConflict(decision.Blocker)
	}
	if _, err := c.makeRoom(t, now, job, decision); err != nil {
		return err
	}
	run.Blocked = decision.Blocked || room == 0
	set, err := c.sets.id(t, driversOf(d))
	if err != nil {
		return err
	}
	return t.insertRunWith(job, run, set, steps)
}

func liveConflict(by jobs.RunID) error {
	return &jobs.ConflictError{Reason: "a run of the job is queued or running", Data: map[string]any{"historyId": string(by)}}
}

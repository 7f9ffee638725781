package sqlstore

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

const (
	// sqlGetIdempotency: lookup by primary key.
	sqlGetIdempotency = `
	SELECT run_id
	FROM   idempotency
	WHERE  tenant = ? AND job_id = ? AND caller = ? AND key = ? AND created_at > ?`
	sqlPutIdempotency = `
	INSERT INTO idempotency (tenant, job_id, caller, key, run_id, created_at)
	VALUES (?, ?, ?, ?, ?, ?)
	ON CONFLICT (tenant, job_id, caller, key) DO UPDATE SET run_id = excluded.run_id, created_at = excluded.created_at`
)

// StartRuns is jobs.StartStore (T2). After it the runs and the idempotency record are stored, or nothing is.
func (c *Core) StartRuns(ctx context.Context, now time.Time, s jobs.Start) ([]jobs.Run, error) {
	if s.Key != "" && len(s.Params) != 1 {
		return nil, jobs.Invalid("Idempotency-Key", "is for one run, not for %d", len(s.Params))
	}
	var runs []jobs.Run
	err := c.write(ctx, "start runs", func(t *Tx) error {
		runs = nil
		job, err := t.job(s.Tenant, s.JobID)
		if err != nil {
			return err
		}
		if s.Key != "" {
			before, err := c.startedBefore(t, now, s)
			if err != nil {
				return err
			}
			if before != nil {
				runs, t.nothingDone = []jobs.Run{*before}, true
				return nil
			}
		}
		if job.EditingID != "" {
			return jobs.Conflict("the job is a draft; commit it first")
		}
		if err := t.checkQueue(s.Tenant, len(s.Params)); err != nil {
			return err
		}
		runs, err = c.startAll(t, now, job, s)
		if err != nil || s.Key == "" {
			return err
		}
		_, err = t.exec(sqlPutIdempotency, s.Tenant, s.JobID, s.TriggeredBy, s.Key, runs[0].ID, toMillis(now))
		return err
	})
	if err != nil {
		return nil, err
	}
	return runs, nil
}

// startedBefore gives the run of an earlier start with the same key; nil if there was none.
func (c *Core) startedBefore(g getter, now time.Time, s jobs.Start) (*jobs.Run, error) {
	var id jobs.RunID
	ok, err := g.get(&id, sqlGetIdempotency, s.Tenant, s.JobID, s.TriggeredBy, s.Key, toMillis(now.Add(-jobs.IdempotencyWindow)))
	if err != nil || !ok {
		return nil, err
	}
	row, err := anyRun(g, s.Tenant, id)
	if errors.Is(err, jobs.ErrNotFound) {
		return nil, &jobs.ConflictError{
			Reason: "the run of this Idempotency-Key was removed", Data: map[string]any{"historyId": string(id)},
		}
	}
	if err != nil {
		return nil, err
	}
	return c.readRun(g, row)
}

// StartedRun is jobs.StartStore.
func (c *Core) StartedRun(ctx context.Context, now time.Time, s jobs.Start) (*jobs.Run, error) {
	var run *jobs.Run
	err := c.read(ctx, "look for a start", func(v *View) error {
		var err error
		run, err = c.startedBefore(v, now, s)
		return err
	})
	return run, err
}

func (c *Core) startAll(t *Tx, now time.Time, job *jobRow, s jobs.Start) ([]jobs.Run, error) {
	d, fault, err := c.definition(t, job.ID, job.Revision)
	if err != nil {
		return nil, err
	}
	if fault != "" {
		return nil, jobs.Conflict(unreadableDefinition)
	}
	live, room, err := t.beside(job, len(s.Params))
	if err != nil {
		return nil, err
	}
	policies := job.policies()
	runs := make([]jobs.Run, len(s.Params))
	var replaced []jobs.RunID
	for i, params := range s.Params {
		decision := jobs.DecideStart(policies, live)
		if !decision.Admit {
			return nil, liveConflict(decision.Blocker)
		}
		gone, err := c.makeRoom(t, now, job, decision)
		if err != nil {
			return nil, err
		}
		live = without(live, gone)
		run := newRun(job, d, now)
		run.Trigger, run.TriggeredBy, run.Blocked, run.Params = s.Trigger, s.TriggeredBy, decision.Blocked || i >= room, params
		if len(params) == 0 {
			run.Params = json.RawMessage("{}")
		}
		if s.NotBefore.After(now) {
			run.NotBefore = fromMillis(toMillis(s.NotBefore))
		}
		if job.Overlap != jobs.OverlapAllow { // decisions are about those that are stored
			if err := t.insertRun(job, &run); err != nil {
				return nil, err
			}
		}
		runs[i] = run
		if job.Overlap != jobs.OverlapAllow {
			live = append(live, jobs.LiveRun{ID: run.ID, Status: run.Status, Trigger: run.Trigger, Blocked: run.Blocked})
		}
		replaced = append(replaced, gone...)
	}
	if job.Overlap == jobs.OverlapAllow {
		return runs, c.insertRuns(t, job, runs)
	}
	return runs, c.refresh(t, runs, replaced)
}

// refresh reads again those runs of one start that a later run of it has replaced.
func (c *Core) refresh(t *Tx, runs []jobs.Run, replaced []jobs.RunID) error {
	for i := range runs {
		if !slices.Contains(replaced, runs[i].ID) {
			continue
		}
		row, err := anyRun(t, runs[i].Tenant, runs[i].ID)
		if err != nil {
			return err
		}
		run, err := c.readRun(t, row)
		if err != nil {
			return err
		}
		runs[i] = *run
	}
	return nil
}

func without(live []jobs.LiveRun, gone []jobs.RunID) []jobs.LiveRun {
	if len(gone) == 0 {
		return live
	}
	set := map[jobs.RunID]bool{}
	for _, id := range gone {
		set[id] = true
	}
	var out []jobs.LiveRun
	for _, r := range live {
		if !set[r.ID] {
			out = append(out, r)
		}
	}
	return out
}

// sqlRequestCancel: lookup by primary key.
const sqlRequestCancel = `
	UPDATE runs
	SET    cancel_requested = 1, updated_at = ?
	WHERE  id = ? AND status = 'running' AND cancel_requested = 0`

// requestCancel marks a running run; its worker learns of it with its next exchange. A repeat changes nothing.
func (t *Tx) requestCancel(id jobs.RunID, now time.Time) error {
	n, err := t.exec(sqlRequestCancel, toMillis(now), id)
	if n > 0 {
		t.news.run(id)
		t.news.add(jobs.TopicWorker)
	}
	return err
}

// makeRoom does what a decision says to the live runs of the job, and gives those that have ended.
func (c *Core) makeRoom(t *Tx, now time.Time, job *jobRow, d jobs.StartDecision) ([]jobs.RunID, error) {
	for _, id := range d.Cancel {
		if err := t.requestCancel(id, now); err != nil {
			return nil, err
		}
	}
	for _, id := range d.Replace {
		var row runRow
		ok, err := t.get(&row, sqlGetLive, id, job.Tenant)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue // ended already: a fire of this plan whose line was there before
		}
		if err := c.endQueued(t, &row, now, "a newer run of the job took its place"); err != nil {
			return nil, err
		}
	}
	return d.Replace, nil
}

// CancelRun is jobs.StartStore (T6).
func (c *Core) CancelRun(ctx context.Context, now time.Time, tenant jobs.TenantID, id jobs.RunID, by jobs.PrincipalID) (*jobs.Run, error) {
	var run *jobs.Run
	err := c.write(ctx, "cancel run", func(t *Tx) error {
		row, err := anyRun(t, tenant, id)
		if err != nil {
			return err
		}
		switch row.Status {
		case jobs.RunQueued:
			if err := c.endQueued(t, row, now, "canceled by "+string(by)); err != nil {
				return err
			}
			if err := t.promoteAll([]jobs.ID{row.JobID}); err != nil {
				return err
			}
		case jobs.RunRunning:
			if err := t.requestCancel(id, now); err != nil {
				return err
			}
		default:
			return jobs.Conflict("the run has ended already")
		}
		if row, err = anyRun(t, tenant, id); err != nil {
			return err
		}
		run, err = c.readRun(t, row)
		return err
	})
	if err != nil {
		return nil, err
	}
	return run, nil
}

package sqlstore

import (
	"context"
	"fmt"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// sqlBeat is the first statement of an exchange (R3): lookup by primary key. No row: the worker is lost, stopped or unknown, or
// this exchange was applied before.
const sqlBeat = `
	UPDATE job_workers
	SET    beat = ?, heartbeat_at = ?
	WHERE  id = ? AND beat = ? AND status IN ('active', 'draining')
	RETURNING status, concurrency`

// Exchange is jobs.WorkerStore: the one pipe through which a worker records and claims. One transaction does, in this order:
// the beat, the outcomes (T4, T5, sqlInsertEnded, sqlRecord), the runs that may start now because others ended, the claim (T3,
// sqlClaim). If the process dies before the commit nothing of it has happened, and the worker's runs are found by take-over.
func (c *Core) Exchange(ctx context.Context, r jobs.ExchangeRequest) (*jobs.ExchangeResult, error) {
	outcomes, err := prepareOutcomes(r.Outcomes)
	if err != nil {
		return nil, err
	}
	var result *jobs.ExchangeResult
	err = c.write(ctx, "exchange", func(t *Tx) error {
		result = new(jobs.ExchangeResult)
		alive := false
		err := t.returning(sqlBeat, func(row scanner) error {
			alive = true
			return row.Scan(&result.Status, &result.Concurrency)
		}, r.Beat, toMillis(r.Now), r.Worker, r.Beat-1)
		if err != nil {
			return err
		}
		if !alive {
			return jobs.ErrFenced
		}
		if err := c.record(t, r, outcomes, result); err != nil {
			return err
		}
		if result.Limits, err = t.limits(); err != nil {
			return err
		}
		if err := c.claim(t, r, result); err != nil {
			return err
		}
		return t.all(&result.CancelRequested, sqlListCancelRequested, r.Worker)
	})
	if err != nil {
		return nil, err
	}
	return result, nil
}

// sqlListCancelRequested: index runs_cancel, empty as a rule.
const sqlListCancelRequested = `
	SELECT id
	FROM   runs
	WHERE  worker_id = ? AND cancel_requested = 1 AND status = 'running'
	ORDER  BY id`

// outcome is an Outcome with its documents written, outside of the transaction. Steps are empty if they do not change.
type outcome struct {
	*jobs.Outcome
	steps string
	// held is what is stored instead of steps if a cancel was requested (I7).
	held string
}

func prepareOutcomes(in []jobs.Outcome) ([]outcome, error) {
	out := make([]outcome, len(in))
	for i := range in {
		o := &in[i]
		if o.End != nil && o.Requeue != nil {
			return nil, fmt.Errorf("outcome of run %s ends it and gives it back", o.RunID)
		}
		if o.End != nil && !jobs.RunRunning.CanBecome(o.End.Status) || o.End != nil && !o.End.Status.Terminal() {
			return nil, fmt.Errorf("outcome of run %s: a running run cannot end as %q", o.RunID, o.End.Status)
		}
		out[i].Outcome = o
		if o.Steps == nil {
			continue
		}
		text, err := storedSteps(o.Steps)
		if err != nil {
			return nil, err
		}
		out[i].steps, out[i].held = text, text
		if o.Starts {
			if text, err = storedSteps(unstarted(o.Steps)); err != nil {
				return nil, err
			}
			out[i].held = text
		}
	}
	return out, nil
}

// unstarted puts the last started step back to pending: its start has not been told to anybody yet.
func unstarted(steps []jobs.Step) []jobs.Step {
	out := append([]jobs.Step(nil), steps...)
	for i := len(out) - 1; i >= 0; i-- {
		s := &out[i]
		if s.State != jobs.StepStarted {
			continue
		}
		s.State = jobs.StepPending
		if s.Attempt > 0 {
			s.Attempt--
		}
		if s.Attempt == 0 {
			s.StartedAt = time.Time{}
		}
		break
	}
	return out
}

const (
	// sqlRecord: lookup by primary key; no row: the run was taken away (P5).
	sqlRecord = `
	UPDATE runs
	SET    steps = CASE WHEN cancel_requested = 1 THEN COALESCE(NULLIF(?, ''), steps) ELSE COALESCE(NULLIF(?, ''), steps) END,
	       warnings = GREATEST(warnings, ?), seq = GREATEST(seq, ?), updated_at = ?
	WHERE  id = ? AND worker_id = ? AND fence = ? AND status = 'running'`
	// sqlListEnding: lookups by primary key, once for all ends of the exchange; no row: the run was taken away (P5). A run with a worker
	// is running (a CHECK of the table). Saying so here again would make the database walk all runs of the worker.
	sqlListEnding = `
	SELECT ` + liveColumns + `
	FROM   runs
	WHERE  id IN LIST(?) AND worker_id = ?`
	// sqlDeleteEnded: lookups by primary key, once for all ends of the exchange. The rows have gone to run_history by then
	// (sqlInsertEnded). An INSERT from a SELECT would do both at once, but make SQLite keep a journal for each run.
	sqlDeleteEnded = `
	DELETE FROM runs
	WHERE  id IN LIST(?) AND worker_id = ?`
	// sqlGetHeld: lookup by primary key.
	sqlGetHeld = `
	SELECT ` + liveColumns + `
	FROM   runs
	WHERE  id = ? AND worker_id = ? AND fence = ? AND status = 'running'`
)

// record writes the outcomes. Those of runs that were taken away are dropped and named in the result.
func (c *Core) record(t *Tx, r jobs.ExchangeRequest, outcomes []outcome, result *jobs.ExchangeResult) error {
	now := toMillis(r.Now)
	held, err := t.ending(r.Worker, outcomes)
	if err != nil {
		return err
	}
	var ended []jobs.RunID
	var freed []jobs.ID
	var rows []*runRow
	for i := range outcomes {
		o := &outcomes[i]
		var n int
		var err error
		switch {
		case o.End != nil:
			row, ok := held[o.RunID]
			if !ok {
				break
			}
			n = 1
			t.endHeld(o, row)
			ended, freed, rows = append(ended, o.RunID), append(freed, row.JobID), append(rows, row)
		case o.Requeue != nil:
			n, err = c.giveBack(t, r, o, &freed)
		default:
			n, err = t.exec(sqlRecord, o.held, o.steps, toInt(o.Warnings), o.Seq, now, o.RunID, r.Worker, o.Fence)
		}
		if err != nil {
			return fmt.Errorf("outcome of run %s: %w", o.RunID, err)
		}
		if n == 0 {
			result.Fenced = append(result.Fenced, o.RunID)
			continue
		}
		t.news.run(o.RunID)
		if err := t.appendLogs(o.RunID, o.Logs); err != nil {
			return err
		}
	}
	if len(ended) > 0 {
		if err := c.insertAllEnded(t, rows); err != nil {
			return err
		}
		n, err := t.exec(sqlDeleteEnded, texts(ended), r.Worker)
		if err != nil {
			return err
		}
		if n != len(ended) {
			return fmt.Errorf("%d runs have ended and %d were live", len(ended), n)
		}
	}
	if len(freed) > 0 {
		c.roomFreed(t)
	}
	return t.promoteAll(freed)
}

// ending are the rows of the runs that the outcomes end, as far as the worker still holds them under that fence.
func (t *Tx) ending(worker jobs.WorkerID, outcomes []outcome) (map[jobs.RunID]*runRow, error) {
	var ids []jobs.RunID
	fences := map[jobs.RunID]int64{}
	for i := range outcomes {
		if o := &outcomes[i]; o.End != nil {
			ids = append(ids, o.RunID)
			fences[o.RunID] = o.Fence
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	rows := make([]runRow, 0, len(ids))
	err := t.each(sqlListEnding, func(s scanner) error {
		rows = append(rows, runRow{})
		return rows[len(rows)-1].scan(s)
	}, texts(ids), worker)
	held := make(map[jobs.RunID]*runRow, len(rows))
	for i := range rows {
		if r := &rows[i]; r.Fence == fences[r.ID] {
			held[r.ID] = r
		}
	}
	return held, err
}

// scan reads the columns of liveColumns in their order; it is for the two places where a row costs.
func (r *runRow) scan(s scanner) error {
	return s.Scan(&r.ID, &r.Tenant, &r.JobID, &r.OwnerID, &r.Revision, &r.Status, &r.Trigger, &r.TriggeredBy, &r.RetryOf, &r.Pinned,
		&r.WorkerID, &r.Fence, &r.Urgency, &r.NotBefore, &r.FireAt, &r.Blocked, &r.Losses, &r.Attempt, &r.Resumed, &r.CancelRequested, &r.Params, &r.Steps,
		&r.Warnings, &r.Error, &r.Seq, &r.CreatedAt, &r.UpdatedAt, &r.StartedAt, &r.EndedAt)
}

// endHeld makes the row of the history of a run that its worker has ended (T5).
func (t *Tx) endHeld(o *outcome, row *runRow) {
	row.Status, row.Error, row.EndedAt = o.End.Status, o.End.Error, toMillis(o.End.At)
	row.UpdatedAt = row.EndedAt // so that one index serves both orders
	row.Warnings = row.Warnings || o.Warnings
	row.Seq = max(row.Seq, o.Seq)
	if o.Steps != nil {
		row.Steps = o.steps
	}
	t.noteEnded(row)
}

// sqlRequeue: lookup by primary key. The run keeps its exclusive key: the job stays locked.
const sqlRequeue = `
	UPDATE runs
	SET    status = 'queued', worker_id = NULL, steps = ?, warnings = ?, seq = ?, not_before = ?, delayed = ?, losses = ?, fence = ?,
	       updated_at = ?
	WHERE  id = ? AND status = 'running'`

// giveBack puts a run into the queue again (R21, drain). If its cancel was requested it ends here, for nobody would start its
// next step.
func (c *Core) giveBack(t *Tx, r jobs.ExchangeRequest, o *outcome, freed *[]jobs.ID) (int, error) {
	var row runRow
	ok, err := t.get(&row, sqlGetHeld, o.RunID, r.Worker, o.Fence)
	if err != nil || !ok {
		return 0, err
	}
	run, err := c.run(t, &row)
	if err != nil {
		return 0, err
	}
	steps := run.Steps
	if o.Steps != nil {
		steps = o.Steps
	}
	row.Warnings = row.Warnings || o.Warnings
	seq := max(row.Seq, o.Seq)
	if row.CancelRequested {
		at := fromMillis(toMillis(r.Now))
		*freed = append(*freed, row.JobID)
		steps, seq = moveSteps(steps, at, seq, "canceled")
		return 1, c.end(t, &row, jobs.RunCanceled, steps, "canceled", seq+1, at)
	}
	notBefore := max(toMillis(o.Requeue.NotBefore), row.NotBefore)
	// Steps that cannot be read are none from now on: the next claim ends the run.
	return 1, t.requeue(&row, steps, seq, notBefore, row.Fence, r.Now)
}

// requeue puts a running run back. Fence is the new one: it grows with each claim, and with a take-over already.
func (t *Tx) requeue(row *runRow, steps []jobs.Step, seq, notBefore, fence int64, now time.Time) error {
	text, err := storedSteps(steps)
	if err != nil {
		return err
	}
	ms := toMillis(now)
	n, err := t.exec(sqlRequeue, text, toInt(row.Warnings), seq, notBefore, toInt(notBefore > ms), row.Losses, fence, ms, row.ID)
	if err != nil {
		return err
	}
	if n != 1 {
		return fmt.Errorf("put back run %s: it is not running any more", row.ID)
	}
	t.addQueued(row.Tenant, 1)
	t.news.run(row.ID)
	t.news.add(jobs.TopicQueue)
	t.changedRun(row.Tenant, row.JobID, row.ID, jobs.RunQueued)
	return nil
}

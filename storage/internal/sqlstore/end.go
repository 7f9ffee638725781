package sqlstore

import (
	"fmt"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

const (
	// sqlMoveRun: lookup by primary key. The row of run_history never changes after it.
	sqlMoveRun = `
	INSERT INTO run_history (id, tenant, job_id, owner_id, revision, status, trigger_kind, triggered_by, worker_id, fence, urgency,
	       not_before, fire_at, losses, attempt, cancel_requested, params, steps, warnings, error, seq, created_at, updated_at,
	       started_at, ended_at)
	SELECT id, tenant, job_id, owner_id, revision, ?, trigger_kind, triggered_by, worker_id, fence, urgency,
	       not_before, fire_at, ?, attempt, cancel_requested, params, ?, ?, ?, ?, created_at, ?,
	       started_at, ?
	FROM   runs
	WHERE  id = ? AND status = ?`
	sqlDeleteLive = `
	DELETE FROM runs
	WHERE  id = ?`
)

// end moves a run to its final state when its worker does not do so itself (that is Exchange): a cancel before the start, a
// lost worker, a cancel of a run that was given back. The caller promotes blocked runs of the job afterwards.
func (c *Core) end(t *Tx, row *runRow, status jobs.RunStatus, steps []jobs.Step, message string, seq int64, at time.Time) error {
	if !row.Status.CanBecome(status) {
		return fmt.Errorf("run %s cannot become %s: it is %s", row.ID, status, row.Status)
	}
	text, err := storedSteps(steps)
	if err != nil {
		return err
	}
	ms := toMillis(at)
	n, err := t.exec(sqlMoveRun, status, row.Losses, text, toInt(row.Warnings), message, seq, ms, ms, row.ID, row.Status)
	if err != nil {
		return err
	}
	if n != 1 {
		return fmt.Errorf("end run %s: it is not %s any more", row.ID, row.Status)
	}
	if _, err := t.exec(sqlDeleteLive, row.ID); err != nil {
		return err
	}
	if row.Status == jobs.RunQueued {
		t.addQueued(row.Tenant, -1)
	}
	t.news.run(row.ID)
	if c.limited.Swap(false) {
		t.news.add(jobs.TopicQueue)
	}
	return nil
}

// endQueued ends a queued run as canceled, for that reason.
func (c *Core) endQueued(t *Tx, row *runRow, at time.Time, reason string) error {
	run, _, err := c.run(t, row)
	if err != nil {
		return err
	}
	at = fromMillis(toMillis(at))
	steps, seq := moveSteps(run.Steps, at, run.Seq, "canceled")
	return c.end(t, row, jobs.RunCanceled, steps, reason, seq+1, at)
}

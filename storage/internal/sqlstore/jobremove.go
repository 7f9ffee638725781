package sqlstore

import (
	"context"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// sqlDeleteJob removes what belongs to a job, in the order of references.
var sqlDeleteJob = []string{
	`DELETE FROM run_logs WHERE run_id IN (SELECT id FROM run_history WHERE job_id = ?)`,
	`DELETE FROM run_logs WHERE run_id IN (SELECT id FROM runs WHERE job_id = ? AND blocked = 0)`,
	`DELETE FROM run_logs WHERE run_id IN (SELECT id FROM runs WHERE job_id = ? AND blocked = 1)`,
	`DELETE FROM run_history WHERE job_id = ?`,
	`DELETE FROM run_totals WHERE job_id = ?`,
	`DELETE FROM last_runs WHERE job_id = ?`,
	`DELETE FROM runs WHERE job_id = ? AND blocked = 0`,
	`DELETE FROM runs WHERE job_id = ? AND blocked = 1`,
	`DELETE FROM fires WHERE job_id = ?`,
	`DELETE FROM job_shares WHERE job_id = ?`,
	`DELETE FROM job_tags WHERE job_id = ?`,
	`DELETE FROM job_favorites WHERE job_id = ?`,
	`DELETE FROM job_handovers WHERE job_id = ?`,
	`DELETE FROM job_revisions WHERE job_id = ?`,
	`DELETE FROM jobs WHERE id = ?`,
}

const sqlDeleteIdempotencyOfJob = `
	DELETE FROM idempotency
	WHERE  tenant = ? AND job_id = ?`

// DeleteJob is jobs.JobStore. Workers that hold runs of the job learn with their next exchange that those are gone.
func (c *Core) DeleteJob(ctx context.Context, now time.Time, tenant jobs.TenantID, id jobs.ID, base int64, force bool) error {
	return c.write(ctx, "delete job", func(t *Tx) error {
		job, err := t.job(tenant, id)
		if err != nil {
			return err
		}
		if base != 0 && job.Revision != base {
			return jobs.ErrPrecondition
		}
		var live jobs.RunID
		ok, err := t.get(&live, sqlGetLiveRun, id, id)
		if err != nil {
			return err
		}
		if ok && !force {
			return &jobs.ConflictError{Reason: "a run of the job is live", Data: map[string]any{"historyId": string(live)}}
		}
		var drafts []jobs.ID
		if err := t.all(&drafts, sqlListDrafts, id); err != nil {
			return err
		}
		if job.EditingID != "" {
			return c.dropDraft(t, job)
		}
		var readers []jobs.PrincipalID
		if err := t.all(&readers, sqlListReaders, id, id); err != nil {
			return err
		}
		t.changedJob(tenant, id, readers...)
		for _, gone := range append(drafts, id) {
			if err := c.removeJob(t, tenant, gone); err != nil {
				return err
			}
		}
		if _, err := t.exec(sqlAddJobs, tenant, -1); err != nil {
			return err
		}
		c.defs.clear() // the id could be used again
		t.news.add(jobs.TopicPlan | jobs.TopicWorker | jobs.TopicRun)
		return nil
	})
}

func (c *Core) removeJob(t *Tx, tenant jobs.TenantID, id jobs.ID) error {
	var live []liveRow
	if err := t.all(&live, sqlListLive, id, id); err != nil {
		return err
	}
	for _, r := range live {
		t.news.run(r.ID) // its listeners wait for an end that no longer comes
		if r.Status == jobs.RunQueued {
			t.addQueued(tenant, -1)
		}
	}
	if len(live) > 0 {
		c.roomFreed(t)
	}
	if _, err := t.exec(sqlDeleteIdempotencyOfJob, tenant, id); err != nil {
		return err
	}
	for _, statement := range sqlDeleteJob {
		if _, err := t.exec(statement, id); err != nil {
			return err
		}
	}
	return nil
}

package sqlstore

import (
	"context"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// removedReason is the reason of a fire whose run is not kept any more.
const removedReason = "its run was removed"

const (
	// sqlKeepFires: lookups by primary key. A fire keeps its line when its run goes.
	sqlKeepFires = `
	INSERT INTO fires (job_id, at, until, count, outcome, reason, run_id, late_ms)
	SELECT job_id, fire_at, 0, 0, CASE WHEN started_at = 0 THEN 'withdrawn' ELSE 'ran' END,
	       CASE WHEN started_at = 0 THEN COALESCE(NULLIF(error, ''), 'its run was canceled before it started') ELSE ? END,
	       '', created_at - fire_at
	FROM   run_history
	WHERE  id IN LIST(?) AND fire_at IS NOT NULL
	ON CONFLICT (job_id, at) DO NOTHING`
	sqlDeleteLogs = `
	DELETE FROM run_logs
	WHERE  run_id IN LIST(?)`
	// sqlCountHistory: lookups by primary key.
	sqlCountHistory = `
	SELECT tenant, job_id, revision, status, count(*) AS runs
	FROM   run_history
	WHERE  id IN LIST(?)
	GROUP  BY tenant, job_id, revision, status`
	sqlDeleteHistory = `
	DELETE FROM run_history
	WHERE  id IN LIST(?)`
)

// removeRuns removes ended runs with their logs, and gives how many there were.
func (t *Tx) removeRuns(ids []jobs.RunID) (int, error) {
	if len(ids) == 0 {
		return 0, nil
	}
	names := texts(ids)
	if _, err := t.exec(sqlKeepFires, removedReason, names); err != nil {
		return 0, err
	}
	if _, err := t.exec(sqlDeleteLogs, names); err != nil {
		return 0, err
	}
	var counts []struct {
		Tenant   jobs.TenantID  `db:"tenant"`
		JobID    jobs.ID        `db:"job_id"`
		Revision int64          `db:"revision"`
		Status   jobs.RunStatus `db:"status"`
		Runs     int            `db:"runs"`
	}
	if err := t.all(&counts, sqlCountHistory, names); err != nil {
		return 0, err
	}
	for _, c := range counts {
		t.addEnded(endedOf{c.JobID, c.Revision, c.Status}, -c.Runs)
		t.lastOf(c.JobID).removed = true
		t.changedJob(c.Tenant, c.JobID)
	}
	t.news.add(jobs.TopicRun)
	for _, id := range ids {
		t.news.run(id)
	}
	return t.exec(sqlDeleteHistory, names)
}

// DeleteRun is jobs.RunStore.
func (c *Core) DeleteRun(ctx context.Context, tenant jobs.TenantID, job jobs.ID, id jobs.RunID) error {
	return c.write(ctx, "delete run", func(t *Tx) error {
		row, err := anyRun(t, tenant, id)
		if err != nil {
			return err
		}
		if row.JobID != job {
			return jobs.NotFound("run")
		}
		if !row.Status.Terminal() {
			return jobs.Conflict("the run is %s", row.Status)
		}
		_, err = t.removeRuns([]jobs.RunID{id})
		return err
	})
}

// sqlListCreatedBefore: index run_history_created.
const sqlListCreatedBefore = `
	SELECT id
	FROM   run_history
	WHERE  job_id = ? AND tenant = ? AND created_at < ?`

// DeleteRuns is jobs.RunStore.
func (c *Core) DeleteRuns(ctx context.Context, tenant jobs.TenantID, job jobs.ID, before time.Time) error {
	return c.write(ctx, "delete runs", func(t *Tx) error {
		var ids []jobs.RunID
		if err := t.all(&ids, sqlListCreatedBefore, job, tenant, toMillis(before)); err != nil {
			return err
		}
		_, err := t.removeRuns(ids)
		return err
	})
}

const (
	// sqlListRetention: all jobs whose runs are bounded; a job that sets a bound itself has its own bounds only.
	sqlListRetention = `
	SELECT id, CASE WHEN keep_days > 0 OR keep_runs > 0 THEN keep_days ELSE ?1 END AS days,
	       CASE WHEN keep_days > 0 OR keep_runs > 0 THEN keep_runs ELSE ?2 END AS runs
	FROM   jobs
	WHERE  keep_days > 0 OR keep_runs > 0 OR ?1 > 0 OR ?2 > 0
	ORDER  BY id`
	// sqlListOld: index run_history_ended, from the end that is given up; the newest run is left out.
	sqlListOld = `
	SELECT id
	FROM   run_history
	WHERE  job_id = ?1 AND ended_at < ?2
	       AND id <> (SELECT id FROM run_history WHERE job_id = ?1 ORDER BY ended_at DESC, id DESC LIMIT 1)
	ORDER  BY ended_at, id
	LIMIT  ?3`
	// sqlListSurplus: index run_history_ended, beyond the newest runs.
	sqlListSurplus = `
	SELECT id
	FROM   run_history
	WHERE  job_id = ?
	ORDER  BY ended_at DESC, id DESC
	LIMIT  ? OFFSET ?`
	// sqlDeleteExpiredKeys: index idempotency_age.
	sqlDeleteExpiredKeys = `
	DELETE FROM idempotency
	WHERE  created_at <= ?`
	sqlListStillEnded = `
	SELECT h.id
	FROM   run_history h
	WHERE  h.id IN LIST(?)
	       AND h.id <> (SELECT l.id FROM run_history l WHERE l.job_id = h.job_id ORDER BY l.ended_at DESC, l.id DESC LIMIT 1)`
)

// Prune is jobs.RunStore (T9). What goes is chosen by a reader, so that the writer is held up only as long as it removes; ended
// runs never change, and the writer looks again that none is the last one of its job.
func (c *Core) Prune(ctx context.Context, now time.Time, keep jobs.Retention, limit int) (int, error) {
	var victims []jobs.RunID
	err := c.read(ctx, "choose runs to prune", func(v *View) error {
		var err error
		victims, err = v.surplus(now, keep, limit)
		return err
	})
	if err != nil {
		return 0, err
	}
	var removed int
	err = c.write(ctx, "prune", func(t *Tx) error {
		if _, err := t.exec(sqlDeleteExpiredKeys, toMillis(now.Add(-jobs.IdempotencyWindow))); err != nil {
			return err
		}
		if err := t.pruneAudit(now, limit); err != nil {
			return err
		}
		var ids []jobs.RunID
		if err := t.all(&ids, sqlListStillEnded, texts(victims)); err != nil {
			return err
		}
		var err error
		removed, err = t.removeRuns(ids)
		return err
	})
	return removed, err
}

func (v *View) surplus(now time.Time, keep jobs.Retention, limit int) ([]jobs.RunID, error) {
	var bounds []struct {
		ID   jobs.ID `db:"id"`
		Days int     `db:"days"`
		Runs int     `db:"runs"`
	}
	if err := v.all(&bounds, sqlListRetention, keep.KeepDays, keep.KeepRuns); err != nil {
		return nil, err
	}
	var victims []jobs.RunID
	seen := map[jobs.RunID]bool{}
	for _, b := range bounds {
		var ids []jobs.RunID
		left := limit - len(victims)
		if left <= 0 {
			break
		}
		if b.Days > 0 {
			if err := v.all(&ids, sqlListOld, b.ID, toMillis(now.AddDate(0, 0, -b.Days)), left); err != nil {
				return nil, err
			}
		}
		if b.Runs > 0 {
			var more []jobs.RunID
			if err := v.all(&more, sqlListSurplus, b.ID, left, b.Runs); err != nil {
				return nil, err
			}
			ids = append(ids, more...)
		}
		for _, id := range ids {
			if !seen[id] && len(victims) < limit {
				seen[id] = true
				victims = append(victims, id)
			}
		}
	}
	return victims, nil
}

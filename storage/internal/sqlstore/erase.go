package sqlstore

import (
	"context"

	"github.com/carillon-go/carillon/jobs"
)

const (
	sqlEraseLive = `
	SELECT id, status
	FROM   runs
	WHERE  tenant = ?
	LIMIT  ?`
	sqlEraseRuns = `
	DELETE FROM runs
	WHERE  id IN LIST(?)`
	// sqlEraseEnded: index run_history_tenant.
	sqlEraseEnded = `
	SELECT id
	FROM   run_history
	WHERE  tenant = ?
	LIMIT  ?`
	// sqlEraseJobs: drafts before the jobs that they are of.
	sqlEraseJobs = `
	SELECT id, editing_id IS NOT NULL AS draft
	FROM   jobs
	WHERE  tenant = ?
	ORDER  BY editing_id IS NULL
	LIMIT  ?`
	// sqlEraseFiles: index files_tenant.
	sqlEraseFiles = `
	SELECT key
	FROM   files
	WHERE  tenant = ?
	LIMIT  ?`
	sqlDeleteFiles = `
	DELETE FROM files
	WHERE  key IN LIST(?)`
	sqlDeleteTenant = `
	DELETE FROM tenants
	WHERE  id = ?`
)

// sqlEraseRows are the tables whose rows name their tenant and are nothing more than rows, in the order of references. A test finds tables
// that are missing here.
var sqlEraseRows = []string{
	`DELETE FROM idempotency WHERE (job_id, caller, key) IN (SELECT job_id, caller, key FROM idempotency WHERE tenant = ?1 LIMIT ?2) AND tenant = ?1`,
	`DELETE FROM job_favorites WHERE (user_id, job_id) IN (SELECT user_id, job_id FROM job_favorites WHERE tenant = ?1 LIMIT ?2) AND tenant = ?1`,
	`DELETE FROM tags WHERE id IN (SELECT id FROM tags WHERE tenant = ?1 LIMIT ?2)`,
	`DELETE FROM team_members WHERE (team_id, user_id) IN (SELECT team_id, user_id FROM team_members WHERE tenant = ?1 LIMIT ?2) AND tenant = ?1`,
	`DELETE FROM teams WHERE id IN (SELECT id FROM teams WHERE tenant = ?1 LIMIT ?2) AND tenant = ?1`,
	`DELETE FROM sessions WHERE hash IN (SELECT hash FROM sessions WHERE tenant = ?1 LIMIT ?2)`,
	`DELETE FROM tokens WHERE hash IN (SELECT hash FROM tokens WHERE tenant = ?1 LIMIT ?2)`,
	`DELETE FROM users WHERE id IN (SELECT id FROM users WHERE tenant = ?1 LIMIT ?2) AND tenant = ?1`,
	`DELETE FROM removed_principals WHERE id IN (SELECT id FROM removed_principals WHERE tenant = ?1 LIMIT ?2) AND tenant = ?1`,
	`DELETE FROM tenant_keys WHERE id IN (SELECT id FROM tenant_keys WHERE tenant = ?1 LIMIT ?2)`,
	`DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE tenant = ?1 LIMIT ?2)`,
}

// EraseTenant is jobs.TenantStore.
func (c *Core) EraseTenant(ctx context.Context, tenant jobs.TenantID, limit int) (jobs.TenantErasure, error) {
	var result jobs.TenantErasure
	err := c.write(ctx, "erase tenant", func(t *Tx) error {
		e := erasing{core: c, tx: t, tenant: tenant, left: limit}
		if err := e.closed(); err != nil {
			return err
		}
		for _, step := range []func(*erasing) error{(*erasing).live, (*erasing).ended, (*erasing).jobs, (*erasing).files, (*erasing).rows} {
			if err := step(&e); err != nil {
				return err
			}
			if e.left == 0 {
				break
			}
		}
		result = jobs.TenantErasure{Removed: limit - e.left, Files: e.keys}
		if result.Removed > 0 {
			t.nothingDone = true // the audit row is that of the whole
			return nil
		}
		result.Done = true
		_, err := t.exec(sqlDeleteTenant, tenant)
		return err
	})
	return result, err
}

// erasing is one transaction of a removal; left is how much it may still remove.
type erasing struct {
	core   *Core
	tx     *Tx
	tenant jobs.TenantID
	left   int
	keys   []jobs.BlobKey
}

func (e *erasing) closed() error {
	var closed int64
	known, err := e.tx.get(&closed, sqlGetClosed, e.tenant)
	switch {
	case err != nil:
		return err
	case !known:
		return jobs.NotFound("tenant")
	case closed == 0:
		return jobs.Conflict("the tenant is not closed")
	}
	return nil
}

// live removes runs that have not ended.
func (e *erasing) live() error {
	var rows []liveRow
	if err := e.tx.all(&rows, sqlEraseLive, e.tenant, e.left); err != nil || len(rows) == 0 {
		return err
	}
	ids := make([]jobs.RunID, len(rows))
	for i, r := range rows {
		ids[i] = r.ID
		e.tx.news.run(r.ID) // its listeners wait for an end that no longer comes
		if r.Status == jobs.RunQueued {
			e.tx.addQueued(e.tenant, -1)
		}
	}
	e.tx.news.add(jobs.TopicWorker | jobs.TopicRun)
	if e.core.limited.Swap(false) {
		e.tx.news.add(jobs.TopicQueue)
	}
	return e.remove(len(ids), texts(ids), sqlDeleteLogs, sqlEraseRuns)
}

// ended removes the history.
func (e *erasing) ended() error {
	var ids []jobs.RunID
	if err := e.tx.all(&ids, sqlEraseEnded, e.tenant, e.left); err != nil {
		return err
	}
	n, err := e.tx.removeRuns(ids)
	e.left -= n
	return err
}

// jobs removes jobs with all that is theirs; their runs are gone already.
func (e *erasing) jobs() error {
	var rows []struct {
		ID    jobs.ID `db:"id"`
		Draft bool    `db:"draft"`
	}
	if err := e.tx.all(&rows, sqlEraseJobs, e.tenant, e.left); err != nil || len(rows) == 0 {
		return err
	}
	e.core.defs.clear()
	for _, r := range rows {
		if err := e.core.removeJob(e.tx, e.tenant, r.ID); err != nil {
			return err
		}
		if r.Draft {
			continue
		}
		if _, err := e.tx.exec(sqlAddJobs, e.tenant, -1); err != nil {
			return err
		}
	}
	e.left -= len(rows)
	return nil
}

// files forgets contents: no revision names them any more.
func (e *erasing) files() error {
	if err := e.tx.all(&e.keys, sqlEraseFiles, e.tenant, e.left); err != nil || len(e.keys) == 0 {
		return err
	}
	return e.remove(len(e.keys), texts(e.keys), sqlDeleteFiles)
}

// rows removes what is left in the other tables.
func (e *erasing) rows() error {
	for _, statement := range sqlEraseRows {
		if e.left == 0 {
			return nil
		}
		n, err := e.tx.exec(statement, e.tenant, e.left)
		if err != nil {
			return err
		}
		e.left -= n
	}
	return nil
}

func (e *erasing) remove(n int, ids string, statements ...string) error {
	for _, statement := range statements {
		if _, err := e.tx.exec(statement, ids); err != nil {
			return err
		}
	}
	e.left -= n
	return nil
}

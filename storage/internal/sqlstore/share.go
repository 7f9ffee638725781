package sqlstore

import (
	"context"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// sqlListShares: primary key.
const sqlListShares = `
	SELECT job_id, principal_id, level, created_at, updated_at
	FROM   job_shares
	WHERE  job_id IN LIST(?)
	ORDER  BY job_id, principal_id`

type shareRow struct {
	JobID       jobs.ID          `db:"job_id"`
	PrincipalID jobs.PrincipalID `db:"principal_id"`
	Level       jobs.Level       `db:"level"`
	CreatedAt   int64            `db:"created_at"`
	UpdatedAt   int64            `db:"updated_at"`
}

func (r *shareRow) toShare() jobs.Share {
	return jobs.Share{
		JobID: r.JobID, PrincipalID: r.PrincipalID, Level: r.Level, CreatedAt: fromMillis(r.CreatedAt), UpdatedAt: fromMillis(r.UpdatedAt),
	}
}

// addShares adds their shares to jobs whose ids are names.
func (v *View) addShares(byID map[jobs.ID]*jobs.Job, names string) error {
	var rows []shareRow
	if err := v.all(&rows, sqlListShares, names); err != nil {
		return err
	}
	for i := range rows {
		j := byID[rows[i].JobID]
		j.Shares = append(j.Shares, rows[i].toShare())
	}
	return nil
}

const (
	// sqlGetShare: lookup by primary key.
	sqlGetShare = `
	SELECT job_id, principal_id, level, created_at, updated_at
	FROM   job_shares
	WHERE  job_id = ? AND principal_id = ?`
	// sqlCountShares: primary key.
	sqlCountShares = `
	SELECT count(*)
	FROM   job_shares
	WHERE  job_id = ?`
	sqlInsertShare = `
	INSERT INTO job_shares (job_id, principal_id, level, created_at, updated_at)
	VALUES (?, ?, ?, ?, ?)`
	// sqlUpdateShare: lookup by primary key.
	sqlUpdateShare = `
	UPDATE job_shares
	SET    level = ?, updated_at = ?
	WHERE  job_id = ? AND principal_id = ?`
	sqlDeleteShare = `
	DELETE FROM job_shares
	WHERE  job_id = ? AND principal_id = ?`
	// sqlTouchJob: lookup by primary key.
	sqlTouchJob = `
	UPDATE jobs
	SET    updated_at = ?
	WHERE  id = ?`
)

// insertShares stores the shares that a new job comes with.
func (t *Tx) insertShares(j *jobs.Job) error {
	if j.IsDraft() {
		return nil
	}
	if len(j.Shares) > jobs.MaxShares {
		return jobs.Conflict("the job has %d shares; at most %d", len(j.Shares), jobs.MaxShares)
	}
	for _, s := range j.Shares {
		if s.PrincipalID == j.OwnerID {
			return jobs.Conflict("the owner of the job has every level: %q", s.PrincipalID)
		}
		if _, err := t.exec(sqlInsertShare, j.ID, s.PrincipalID, s.Level, toMillis(s.CreatedAt), toMillis(s.UpdatedAt)); err != nil {
			return err
		}
	}
	return nil
}

// share reads a job of the tenant and its share with a principal, which has level none if there is none.
func (t *Tx) share(tenant jobs.TenantID, id jobs.ID, p jobs.PrincipalID) (*jobRow, shareRow, error) {
	var row shareRow
	job, err := t.job(tenant, id)
	if err != nil {
		return nil, row, err
	}
	_, err = t.get(&row, sqlGetShare, id, p)
	return job, row, err
}

// touchJob moves the UpdatedAt of a job whose definition stays, always to a later one.
func (t *Tx) touchJob(job *jobRow, now time.Time) error {
	t.changedJob(job.Tenant, listed(job.ID, job.EditingID))
	_, err := t.exec(sqlTouchJob, max(toMillis(now), job.UpdatedAt+1), job.ID)
	return err
}

// PutShare is jobs.ShareStore. The level that the caller saw is compared inside the transaction, so nobody overwrites what they did not see.
func (c *Core) PutShare(
	ctx context.Context, now time.Time, tenant jobs.TenantID, id jobs.ID, p jobs.PrincipalID, level, was jobs.Level,
) error {
	return c.write(ctx, "put share", func(t *Tx) error {
		job, row, err := t.share(tenant, id, p)
		switch {
		case err != nil:
			return err
		case row.Level != was:
			return jobs.ErrPrecondition
		case job.EditingID != "":
			return jobs.Conflict("a draft has no shares")
		case job.OwnerID == p:
			return jobs.Conflict("the owner of the job has every level: %q", p)
		case row.Level == level:
			t.nothingDone = true
			return nil
		case row.Level != jobs.LevelNone:
			_, err = t.exec(sqlUpdateShare, level, max(toMillis(now), row.UpdatedAt), id, p)
		default:
			if err := t.stillThere(tenant, p); err != nil {
				return err
			}
			var n int
			if _, err := t.get(&n, sqlCountShares, id); err != nil {
				return err
			}
			if n >= jobs.MaxShares {
				return jobs.Conflict("the job has %d shares already", n)
			}
			_, err = t.exec(sqlInsertShare, id, p, level, toMillis(now), toMillis(now))
		}
		if err != nil {
			return err
		}
		return t.touchJob(job, now)
	})
}

// DeleteShare is jobs.ShareStore.
func (c *Core) DeleteShare(ctx context.Context, now time.Time, tenant jobs.TenantID, id jobs.ID, p jobs.PrincipalID, was jobs.Level) error {
	return c.write(ctx, "delete share", func(t *Tx) error {
		job, row, err := t.share(tenant, id, p)
		switch {
		case err != nil:
			return err
		case row.Level == jobs.LevelNone:
			return jobs.NotFound("share")
		case row.Level != was:
			return jobs.ErrPrecondition
		}
		if _, err := t.exec(sqlDeleteShare, id, p); err != nil {
			return err
		}
		t.changedJob(tenant, id, p)
		return t.touchJob(job, now)
	})
}

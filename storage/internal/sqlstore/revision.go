package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

const sqlInsertRevision = `
	INSERT INTO job_revisions (job_id, revision, definition, created_at, created_by, owner_id, changes)
	VALUES (?, ?, ?, ?, ?, ?, ?)`

// insertRevision stores the definition of a job under its revision, and lets the one go that is no longer among the newest.
func (t *Tx) insertRevision(j *jobs.Job, definition string, now time.Time) error {
	changes := j.Note.Changes
	if changes == nil {
		changes = []string{}
	}
	text, err := json.Marshal(changes)
	if err != nil {
		return fmt.Errorf("write note of revision: %w", err)
	}
	if _, err := t.exec(sqlInsertRevision, j.ID, j.Revision, definition, toMillis(now), j.Note.By, j.OwnerID, string(text)); err != nil {
		return err
	}
	if err := t.nameFiles(j); err != nil {
		return err
	}
	return t.releaseRevision(j.ID, j.Revision-jobs.KeptRevisions)
}

// sqlReleaseRevision: lookup by primary key; then indexes runs_open, runs_blocked and jobs_editor, primary key of run_totals.
const sqlReleaseRevision = `
	DELETE FROM job_revisions
	WHERE  job_id = ?1 AND revision = ?2
	       AND revision <= (SELECT j.revision FROM jobs j WHERE j.id = ?1) - ?3
	       AND (revision > 1 OR NOT EXISTS (SELECT 1 FROM jobs j WHERE j.id = ?1 AND j.editing_id IS NOT NULL))
	       AND NOT EXISTS (SELECT 1 FROM run_totals e WHERE e.job_id = ?1 AND e.revision = ?2)
	       AND NOT EXISTS (SELECT 1 FROM jobs d WHERE d.editing_id = ?1 AND (d.base_revision = ?2 OR d.base_source = ?2))
	       AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.job_id = ?1 AND r.blocked = 0 AND r.revision = ?2)
	       AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.job_id = ?1 AND r.blocked = 1 AND r.revision = ?2)`

// releaseRevision removes a revision that nothing keeps any more: it is not among the newest, and neither a run nor a draft is of it. It is
// called for the one that may have become free, whenever something that kept it goes, so that nobody ever has to look through all of them.
func (t *Tx) releaseRevision(job jobs.ID, revision int64) error {
	if revision < 1 {
		return nil
	}
	_, err := t.exec(sqlReleaseRevision, job, revision, jobs.KeptRevisions)
	return err
}

type revisionRow struct {
	Number     int64            `db:"revision"`
	OwnerID    jobs.PrincipalID `db:"owner_id"`
	CreatedAt  int64            `db:"created_at"`
	CreatedBy  jobs.PrincipalID `db:"created_by"`
	Changes    string           `db:"changes"`
	Definition string           `db:"definition"`
}

func (r *revisionRow) toRevision(job jobs.ID) (jobs.Revision, error) {
	out := jobs.Revision{
		JobID: job, Number: r.Number, OwnerID: r.OwnerID, CreatedAt: fromMillis(r.CreatedAt), RevisionNote: jobs.RevisionNote{By: r.CreatedBy},
	}
	if err := json.Unmarshal([]byte(r.Changes), &out.Changes); err != nil {
		return out, fmt.Errorf("read note of revision %d of %s: %w", r.Number, job, err)
	}
	return out, nil
}

const (
	// sqlCountRevisions, sqlListRevisions: the automatic index of the primary key.
	sqlCountRevisions = `
	SELECT count(*)
	FROM   job_revisions
	WHERE  job_id = ?`
	sqlListRevisions = `
	SELECT revision, owner_id, created_at, created_by, changes, '' AS definition
	FROM   job_revisions
	WHERE  job_id = ?
	ORDER  BY revision DESC
	LIMIT  ? OFFSET ?`
	sqlGetRevision = `
	SELECT revision, owner_id, created_at, created_by, changes, definition
	FROM   job_revisions
	WHERE  job_id = ? AND revision = ?`
)

// ofTenant tells whether a job exists in a tenant.
func (v *View) ofTenant(tenant jobs.TenantID, id jobs.ID) (bool, error) {
	var of jobs.TenantID
	ok, err := v.get(&of, sqlGetJobTenant, id)
	return ok && of == tenant, err
}

// Revisions is jobs.RevisionStore.
func (c *Core) Revisions(ctx context.Context, q jobs.RevisionQuery) (jobs.Page[jobs.Revision], error) {
	var page jobs.Page[jobs.Revision]
	err := c.read(ctx, "list revisions", func(v *View) error {
		ok, err := v.ofTenant(q.Tenant, q.JobID)
		if err != nil || !ok {
			return err
		}
		if _, err := v.get(&page.Total, sqlCountRevisions, q.JobID); err != nil {
			return err
		}
		limit := q.Limit
		if limit == 0 {
			limit = math.MaxInt
		}
		var rows []revisionRow
		if err := v.all(&rows, sqlListRevisions, q.JobID, limit, q.Start); err != nil {
			return err
		}
		page.Items = make([]jobs.Revision, len(rows))
		for i := range rows {
			if page.Items[i], err = rows[i].toRevision(q.JobID); err != nil {
				return err
			}
		}
		return nil
	})
	return page, err
}

// Revision is jobs.RevisionStore.
func (c *Core) Revision(ctx context.Context, tenant jobs.TenantID, id jobs.ID, number int64) (*jobs.Revision, error) {
	var out *jobs.Revision
	err := c.read(ctx, "read revision", func(v *View) error {
		ok, err := v.ofTenant(tenant, id)
		if err != nil {
			return err
		}
		var row revisionRow
		if ok {
			if ok, err = v.get(&row, sqlGetRevision, id, number); err != nil {
				return err
			}
		}
		if !ok {
			return jobs.NotFound("revision")
		}
		revision, err := row.toRevision(id)
		if err != nil {
			return err
		}
		d, fault := parseDefinition(row.Definition)
		if fault != "" {
			return jobs.Conflict("%s", fault)
		}
		revision.Definition = d
		out = &revision
		return nil
	})
	return out, err
}

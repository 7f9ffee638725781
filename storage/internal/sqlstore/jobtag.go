package sqlstore

import (
	"context"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// sqlListJobTags: for each job the primary key of job_tags, for each tag that of tags.
const sqlListJobTags = `
	SELECT a.id AS association, a.job_id, t.id, t.tenant, t.name, t.color, t.created_at, t.updated_at
	FROM   job_tags a JOIN tags t ON t.id = a.tag_id
	WHERE  a.job_id IN LIST(?)
	ORDER  BY a.job_id, a.id`

type jobTagRow struct {
	Association string  `db:"association"`
	JobID       jobs.ID `db:"job_id"`
	tagRow
}

// addTags adds their tags to jobs whose ids are names.
func (v *View) addTags(byID map[jobs.ID]*jobs.Job, names string) error {
	var rows []jobTagRow
	if err := v.all(&rows, sqlListJobTags, names); err != nil {
		return err
	}
	for i := range rows {
		j := byID[rows[i].JobID]
		j.Tags = append(j.Tags, jobs.JobTag{ID: rows[i].Association, JobID: rows[i].JobID, Tag: rows[i].toTag()})
	}
	return nil
}

const (
	// sqlCountJobTags: primary key.
	sqlCountJobTags = `
	SELECT count(*)
	FROM   job_tags
	WHERE  job_id = ?`
	// sqlGetJobTag: lookup by primary key.
	sqlGetJobTag = `
	SELECT id
	FROM   job_tags
	WHERE  job_id = ? AND tag_id = ?`
	sqlInsertJobTag = `
	INSERT INTO job_tags (id, job_id, tag_id)
	VALUES (?, ?, ?)`
	sqlDeleteJobTag = `
	DELETE FROM job_tags
	WHERE  job_id = ? AND tag_id = ?`
)

// insertTags stores the tags that a new job comes with.
func (t *Tx) insertTags(j *jobs.Job) error {
	if j.IsDraft() {
		return nil
	}
	for _, k := range j.Tags {
		if _, err := t.tag(j.Tenant, k.Tag.ID); err != nil {
			return err
		}
		if _, err := t.insertTag(j.ID, k.Tag.ID); err != nil {
			return err
		}
	}
	return nil
}

// insertTag gives a job one tag more; false if it has it already.
func (t *Tx) insertTag(job jobs.ID, tag jobs.TagID) (bool, error) {
	var id string
	has, err := t.get(&id, sqlGetJobTag, job, tag)
	if err != nil || has {
		return false, err
	}
	var n int
	if _, err := t.get(&n, sqlCountJobTags, job); err != nil {
		return false, err
	}
	if n >= jobs.MaxTags {
		return false, jobs.Conflict("the job has %d tags already", n)
	}
	_, err = t.exec(sqlInsertJobTag, jobs.NewUUID(), job, tag)
	return err == nil, err
}

// PutJobTag is jobs.TagStore.
func (c *Core) PutJobTag(ctx context.Context, now time.Time, tenant jobs.TenantID, id jobs.ID, tag jobs.TagID) error {
	return c.write(ctx, "put tag of job", func(t *Tx) error {
		job, err := t.job(tenant, id)
		if err != nil {
			return err
		}
		if _, err := t.tag(tenant, tag); err != nil {
			return err
		}
		if job.EditingID != "" {
			return jobs.Conflict("a draft has no tags")
		}
		added, err := t.insertTag(id, tag)
		if err != nil || !added {
			t.nothingDone = !added
			return err
		}
		return t.touchJob(job, now)
	})
}

// DeleteJobTag is jobs.TagStore.
func (c *Core) DeleteJobTag(ctx context.Context, now time.Time, tenant jobs.TenantID, id jobs.ID, tag jobs.TagID) error {
	return c.write(ctx, "delete tag of job", func(t *Tx) error {
		job, err := t.job(tenant, id)
		if err != nil {
			return err
		}
		n, err := t.exec(sqlDeleteJobTag, id, tag)
		if err != nil {
			return err
		}
		if n == 0 {
			return jobs.NotFound("tag")
		}
		return t.touchJob(job, now)
	})
}

package sqlstore

import (
	"context"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// sqlGetOriginal: lookup by primary key.
const sqlGetOriginal = `
	SELECT COALESCE(editing_id, '')
	FROM   jobs
	WHERE  id = ? AND tenant = ?`

// secondDraft is why a draft is refused.
const secondDraft = "there is a draft of this job already"

// checkDraft refuses a draft of nothing, one of a draft, and a second one of the same user.
func (t *Tx) checkDraft(draft *jobs.Job) error {
	var editing jobs.ID
	ok, err := t.get(&editing, sqlGetOriginal, draft.EditingID, draft.Tenant)
	if err != nil {
		return err
	}
	if !ok || editing != "" {
		return jobs.NotFound("job")
	}
	var row jobRow
	if ok, err = t.get(&row, sqlGetDraft, draft.EditingID, draft.OwnerID, draft.Tenant); err != nil || !ok {
		return err
	}
	return &jobs.ConflictError{Reason: secondDraft, Data: map[string]any{"draftId": string(row.ID)}}
}

// sqlGetDraft: index jobs_editor.
const sqlGetDraft = `
	SELECT ` + jobColumns + `
	FROM   jobs
	WHERE  editing_id = ? AND owner_id = ? AND tenant = ?`

// Draft is jobs.DraftStore.
func (c *Core) Draft(ctx context.Context, tenant jobs.TenantID, original jobs.ID, user jobs.PrincipalID) (*jobs.Job, error) {
	var draft *jobs.Job
	err := c.read(ctx, "read draft", func(v *View) error {
		var row jobRow
		ok, err := v.get(&row, sqlGetDraft, original, user, tenant)
		if err != nil {
			return err
		}
		if !ok {
			return jobs.NotFound("draft")
		}
		full, err := v.complete([]jobRow{row})
		if err != nil {
			return err
		}
		draft = full[0]
		return nil
	})
	return draft, err
}

// sqlListDraftsOf: index jobs_drafts.
const sqlListDraftsOf = `
	SELECT ` + jobColumns + `
	FROM   jobs
	WHERE  tenant = ? AND owner_id = ? AND editing_id IS NOT NULL
	ORDER  BY updated_at DESC, id`

// Drafts is jobs.DraftStore.
func (c *Core) Drafts(ctx context.Context, tenant jobs.TenantID, user jobs.PrincipalID) ([]jobs.Draft, error) {
	var out []jobs.Draft
	err := c.read(ctx, "list drafts", func(v *View) error {
		var rows []jobRow
		if err := v.all(&rows, sqlListDraftsOf, tenant, user); err != nil {
			return err
		}
		drafts, err := v.complete(rows)
		if err != nil {
			return err
		}
		ids := make([]jobs.ID, len(drafts))
		for i, d := range drafts {
			ids[i] = d.EditingID
		}
		if rows, err = v.jobRows(ids); err != nil {
			return err
		}
		originals, err := v.complete(rows)
		if err != nil {
			return err
		}
		out = make([]jobs.Draft, len(drafts))
		for i, d := range drafts {
			out[i] = jobs.Draft{Job: d, Original: originals[i]} // one draft of each original: the rows are in the order of ids
		}
		return nil
	})
	return out, err
}

// sqlListEditors: index jobs_editor.
const sqlListEditors = `
	SELECT id, owner_id, created_at, updated_at
	FROM   jobs
	WHERE  editing_id = ? AND tenant = ?
	ORDER  BY created_at, id`

// Editors is jobs.DraftStore.
func (c *Core) Editors(ctx context.Context, tenant jobs.TenantID, original jobs.ID) ([]jobs.Editor, error) {
	var out []jobs.Editor
	err := c.read(ctx, "list editors", func(v *View) error {
		var rows []struct {
			ID        jobs.ID          `db:"id"`
			OwnerID   jobs.PrincipalID `db:"owner_id"`
			CreatedAt int64            `db:"created_at"`
			UpdatedAt int64            `db:"updated_at"`
		}
		if err := v.all(&rows, sqlListEditors, original, tenant); err != nil {
			return err
		}
		for _, r := range rows {
			out = append(out, jobs.Editor{DraftID: r.ID, User: r.OwnerID, CreatedAt: fromMillis(r.CreatedAt), UpdatedAt: fromMillis(r.UpdatedAt)})
		}
		return nil
	})
	return out, err
}

// CommitDraft is jobs.DraftStore. The revisions of both jobs are looked at in the transaction that writes, so of two commits, or of a
// commit and a save, one comes first and the other is told. If the process dies before the commit of the transaction, there is the old
// definition and the draft; after it the new definition and no draft.
func (c *Core) CommitDraft(ctx context.Context, now time.Time, j *jobs.Job, base int64, draft jobs.ID, draftRevision int64) error {
	s, err := newSaving(j, base)
	if err != nil {
		return err
	}
	return c.write(ctx, "commit draft", func(t *Tx) error {
		row, err := t.draft(j.Tenant, draft, j.ID, draftRevision)
		if err != nil {
			return err
		}
		if err := c.save(t, now, s); err != nil {
			return err
		}
		return c.dropDraft(t, row)
	})
}

// draft reads a draft of a job that has to be at a revision.
func (t *Tx) draft(tenant jobs.TenantID, id, original jobs.ID, revision int64) (*jobRow, error) {
	row, err := t.job(tenant, id)
	if err != nil {
		return nil, err
	}
	if row.EditingID != original {
		return nil, jobs.NotFound("draft")
	}
	if row.Revision != revision {
		return nil, jobs.ErrPrecondition
	}
	return row, nil
}

// ReplaceDraft is jobs.DraftStore.
func (c *Core) ReplaceDraft(ctx context.Context, now time.Time, old jobs.ID, oldRevision int64, draft *jobs.Job) error {
	s, err := newSaving(draft, draft.Revision)
	if err != nil {
		return err
	}
	return c.write(ctx, "replace draft", func(t *Tx) error {
		row, err := t.draft(draft.Tenant, old, draft.EditingID, oldRevision)
		if err != nil {
			return err
		}
		if err := c.dropDraft(t, row); err != nil {
			return err
		}
		return c.insert(t, now, s)
	})
}

// dropDraft removes a draft, and lets go the revisions that were kept for it.
func (c *Core) dropDraft(t *Tx, draft *jobRow) error {
	if err := c.removeJob(t, draft.Tenant, draft.ID); err != nil {
		return err
	}
	c.defs.clear() // the id could be used again
	t.changedJob(draft.Tenant, draft.EditingID)
	for _, revision := range []int64{draft.BaseRevision, draft.BaseSource} {
		if err := t.releaseRevision(draft.EditingID, revision); err != nil {
			return err
		}
	}
	return nil
}

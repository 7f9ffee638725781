package jobs

import (
	"context"
	"errors"
)

// Revisions lists the kept revisions of a job without their definitions, newest first, with the job.
func (c *Client) Revisions(ctx context.Context, ref JobRef, start, limit int) (*Job, Page[Revision], error) {
	j, err := c.readable(ctx, ref)
	if err != nil {
		return nil, Page[Revision]{}, err
	}
	page, err := c.service.store.Revisions(ctx, RevisionQuery{Tenant: j.Tenant, JobID: j.ID, Start: start, Limit: limit})
	return j, page, err
}

// Revision reads one revision, the job as it would be with its definition, and the number of the current one. ErrNotFound if it is not kept.
func (c *Client) Revision(ctx context.Context, ref JobRef, number int64) (j *Job, r *Revision, current int64, err error) {
	if j, err = c.readable(ctx, ref); err != nil {
		return nil, nil, 0, err
	}
	if r, err = c.service.store.Revision(ctx, j.Tenant, j.ID, number); err != nil {
		return nil, nil, 0, err
	}
	current = j.Revision
	j.Definition, j.Revision, j.Broken = *r.Definition, r.Number, ""
	return j, r, current, nil
}

// CanRestore is nil if RestoreRevision would be allowed: else ErrNotFound or ErrForbidden, as it would say. Who may read the job is told first
// that a revision is not kept.
func (c *Client) CanRestore(ctx context.Context, ref JobRef, number int64) error {
	original, _, err := c.original(ctx, ref, PermissionRead)
	if err != nil {
		return err
	}
	if _, err := c.service.store.Revision(ctx, original.Tenant, original.ID, number); errors.Is(err, ErrNotFound) {
		return err
	}
	return c.allowed(ctx, original, PermissionEdit)
}

// RestoreRevision makes a draft of a job from one of its revisions; to publish it is the caller's next step. ref names the job, or the
// caller's draft of it, whose own revisions are not meant. If the caller has a draft already,
// it is a *ConflictError with Data["draftId"]; with force the new one takes its place. ErrNotFound if the revision is not kept.
func (c *Client) RestoreRevision(ctx context.Context, ref JobRef, number int64, force bool) (*Job, error) {
	original, draft, err := c.original(ctx, ref, PermissionEdit)
	if err != nil {
		return nil, err
	}
	r, err := c.service.store.Revision(ctx, original.Tenant, original.ID, number)
	if err != nil {
		return nil, err
	}
	if draft == nil {
		draft, err = c.service.store.Draft(ctx, original.Tenant, original.ID, c.principal.User)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return nil, err
		}
	}
	if draft != nil && !force {
		return nil, &ConflictError{
			Reason: "you have a draft of this job already; discard it first, or restore with force to put the revision in its place",
			Data:   map[string]any{"draftId": string(draft.ID)},
		}
	}
	restored, err := c.newDraft(ctx, original, number, r.OwnerID, r.Definition)
	if err != nil {
		return nil, err
	}
	row := auditDraft(AuditEdit, original, restored)
	if draft == nil {
		err = c.service.store.InsertJob(c.audited(ctx, row), restored.CreatedAt, restored)
	} else {
		restored.OwnerID = draft.OwnerID
		discarded := AuditRow{Action: AuditDiscard, Kind: "draft", Object: string(draft.ID), JobID: original.ID}
		err = c.service.store.ReplaceDraft(c.audited(ctx, discarded, row), restored.CreatedAt, draft.ID, draft.Revision, restored)
	}
	if errors.Is(err, ErrPrecondition) || errors.Is(err, ErrNotFound) {
		return nil, Conflict("the draft was changed at the same time; look at it again")
	}
	if err != nil {
		return nil, err
	}
	return c.service.store.Job(ctx, original.Tenant, JobRef{ID: restored.ID})
}

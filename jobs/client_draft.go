package jobs

import (
	"context"
	"errors"
	"time"
)

// EditJob gives the caller's draft of a job, and makes it if there is none (contract 5.1). ref may name the draft itself.
func (c *Client) EditJob(ctx context.Context, ref JobRef) (*Job, error) {
	original, draft, err := c.original(ctx, ref, PermissionEdit)
	if err != nil || draft != nil {
		return draft, err
	}
	draft, err = c.service.store.Draft(ctx, original.Tenant, original.ID, c.principal.User)
	if !errors.Is(err, ErrNotFound) {
		return draft, err
	}
	if draft, err = c.newDraft(ctx, original, original.Revision, original.OwnerID, &original.Definition); err != nil {
		return nil, err
	}
	err = c.service.store.InsertJob(c.audited(ctx, auditDraft(AuditEdit, original, draft)), draft.CreatedAt, draft)
	if err != nil && !errors.Is(err, ErrConflict) {
		return nil, err
	}
	// A conflict is a draft that the same user made at the same time.
	return c.service.store.Draft(ctx, original.Tenant, original.ID, c.principal.User)
}

// CanEdit is nil if EditJob and CommitDraft would be allowed: else ErrNotFound or ErrForbidden, as they would say.
func (c *Client) CanEdit(ctx context.Context, ref JobRef) error {
	_, _, err := c.original(ctx, ref, PermissionEdit)
	return err
}

// original reads the job that ref means for drafts: the job itself, or the original of a draft, which is given too. A draft is read by its
// maker and by superusers only. Who has lost the sight of the original knows of it by the draft, so that is forbidden and not unknown.
func (c *Client) original(ctx context.Context, ref JobRef, perm Permission) (original, draft *Job, err error) {
	j, err := c.readable(ctx, ref)
	if err != nil {
		return nil, nil, err
	}
	if !j.IsDraft() {
		return j, nil, c.allowed(ctx, j, perm)
	}
	original, err = c.service.store.Job(ctx, j.Tenant, JobRef{ID: j.EditingID})
	if err != nil {
		return nil, nil, err
	}
	if c.principal.LevelOn(original) < LevelRead {
		err = c.denied(ctx, Forbidden("%s is not allowed", perm), AuditAction(perm), "job", string(original.ID), original.ID)
		return nil, nil, err
	}
	return original, j, c.allowed(ctx, original, perm)
}

// newDraft makes a draft of a job from one of its revisions, whose owner was that one. Secrets of a former owner stay behind (R45).
func (c *Client) newDraft(ctx context.Context, original *Job, source int64, owner PrincipalID, d *Definition) (*Job, error) {
	if original.Broken != "" {
		return nil, Conflict("%s; the job can only be removed", original.Broken)
	}
	at := now()
	draft := &Job{
		ID: NewID(), Tenant: original.Tenant, OwnerID: c.principal.User, EditingID: original.ID, Enabled: original.Enabled, Revision: 1,
		CreatedAt: at, UpdatedAt: at, DefnUpdatedAt: at, Note: RevisionNote{By: c.principal.User},
		Base: DraftBase{
			Revision: original.Revision, Source: source, DefnUpdatedAt: original.DefnUpdatedAt, OwnerID: original.OwnerID, Enabled: original.Enabled,
		},
	}
	move := c.service.reseal
	if owner != original.OwnerID {
		move = dropSecrets
	}
	place := SecretRef{Tenant: original.Tenant}
	from, to := place, place
	from.Job, to.Job = original.ID, draft.ID
	var err error
	draft.Definition, err = copyDefinition(ctx, d, copying{from: from, to: to, rename: newActionIDs(), origins: true, secrets: move})
	if errors.Is(err, ErrUnopenable) {
		// A draft without it would take it away with its commit, although the key may come back.
		return nil, &ConflictError{Reason: "a stored secret cannot be read any longer; enter it again first: " + err.Error()}
	}
	return draft, err
}

func auditDraft(action AuditAction, original, draft *Job) AuditRow {
	return AuditRow{Action: action, Kind: "draft", Object: string(draft.ID), JobID: original.ID, Revision: original.Revision}
}

// Draft reads the caller's draft of a job (contract 5.3); ErrNotFound without one. ref may name the draft itself.
func (c *Client) Draft(ctx context.Context, ref JobRef) (*Job, error) {
	j, err := c.readable(ctx, ref)
	if err != nil || j.IsDraft() {
		return j, err
	}
	return c.service.store.Draft(ctx, j.Tenant, j.ID, c.principal.User)
}

// CanDiscard is nil if DiscardDraft would be allowed: else ErrNotFound or ErrForbidden, as it would say.
func (c *Client) CanDiscard(ctx context.Context, ref JobRef) error {
	if _, err := c.readable(ctx, ref); err != nil {
		return err
	}
	return c.writes(ctx)
}

// DiscardDraft removes the caller's draft of a job (contract 5.4); ErrNotFound without one. ref may name the draft itself.
func (c *Client) DiscardDraft(ctx context.Context, ref JobRef, expect Precondition) error {
	draft, err := c.Draft(ctx, ref)
	if err != nil {
		return err
	}
	if err := c.writes(ctx); err != nil {
		return err
	}
	return c.DeleteJob(ctx, JobRef{ID: draft.ID}, false, expect)
}

// Drafts lists the caller's drafts, the one changed last first (contract 5.6). Original is nil where the caller cannot read it any more.
func (c *Client) Drafts(ctx context.Context) ([]Draft, error) {
	if err := c.identified(); err != nil {
		return nil, err
	}
	drafts, err := c.service.store.Drafts(ctx, c.principal.Tenant, c.principal.User)
	for i := range drafts {
		if c.principal.LevelOn(drafts[i].Original) < LevelRead {
			drafts[i].Original = nil
		}
	}
	return drafts, err
}

// Editors lists who has a draft of a job that was read, the caller too. Who may not edit the job sees the own draft only.
func (c *Client) Editors(ctx context.Context, j *Job) ([]Editor, error) {
	if j.IsDraft() {
		return nil, nil
	}
	editors, err := c.service.store.Editors(ctx, j.Tenant, j.ID)
	if err != nil || c.principal.LevelOn(j) >= LevelEdit {
		return editors, err
	}
	for _, e := range editors {
		if e.User == c.principal.User {
			return []Editor{e}, nil
		}
	}
	return nil, nil
}

// CommitDraft publishes the caller's draft of a job (contract 5.2): its definition becomes the next revision of the original, and the draft is
// gone. ref names the original, or the draft. A draft that is not valid as a whole is a *ValidationError with all faults; an original whose
// definition has changed since the draft was made is, without force, a *ConflictError with Data["draftBase"] and Data["original"].
func (c *Client) CommitDraft(ctx context.Context, ref JobRef, force bool) (*Job, error) {
	for range changeTries {
		original, draft, err := c.original(ctx, ref, PermissionEdit)
		if err != nil {
			return nil, err
		}
		if draft == nil {
			if draft, err = c.service.store.Draft(ctx, original.Tenant, original.ID, c.principal.User); err != nil {
				return nil, err
			}
		}
		committed, err := c.commit(ctx, original, draft, force)
		if !errors.Is(err, ErrPrecondition) {
			return committed, err
		}
		// The original or the draft was changed in between: look again.
	}
	return nil, &UnavailableError{Reason: "the job is being changed by others all the time"}
}

func (c *Client) commit(ctx context.Context, original, draft *Job, force bool) (*Job, error) {
	unlock, err := c.service.changing.lock(ctx, original.Tenant, JobRef{ID: original.ID})
	if err != nil {
		return nil, err
	}
	defer unlock()
	if becomes := (&landing{draft: draft, original: original}).enabled(); becomes && !original.Enabled {
		if err := c.mayEnable(ctx, original); err != nil {
			return nil, err
		}
	}
	for _, j := range []*Job{original, draft} {
		if j.Broken != "" {
			return nil, Conflict("%s; it can only be removed", j.Broken)
		}
	}
	var f Faults
	if err := c.checkDatasets(ctx, &f, original.ID, &original.Definition, &draft.Definition, datasetPath); err != nil {
		return nil, err
	}
	if err := f.Merge("", c.recheck(ctx, draft)); err != nil {
		return nil, err
	}
	if err := f.Err(); err != nil {
		return nil, err
	}
	if !force && !original.DefnUpdatedAt.Equal(draft.Base.DefnUpdatedAt) {
		return nil, &ConflictError{
			Reason: "the job was changed after the draft was made; look at the changes of both, and commit with force to put the draft in their place",
			Data:   map[string]any{"draftBase": FormatTime(draft.Base.DefnUpdatedAt), "original": FormatTime(original.DefnUpdatedAt)},
		}
	}
	next, err := c.landed(ctx, original, draft)
	if err != nil {
		return nil, err
	}
	rows, err := auditCommit(original, next, draft)
	if err != nil {
		return nil, err
	}
	err = c.service.store.CommitDraft(c.audited(ctx, rows...), next.UpdatedAt, next, original.Revision, draft.ID, draft.Revision)
	if err != nil {
		return nil, err
	}
	return c.service.store.Job(ctx, original.Tenant, JobRef{ID: original.ID})
}

// landed is the original as the commit stores it: at the same revision if nothing changes.
func (c *Client) landed(ctx context.Context, original, draft *Job) (*Job, error) {
	l, err := c.landing(ctx, original, draft)
	if err != nil {
		return nil, err
	}
	at := now()
	if !at.After(original.UpdatedAt) {
		at = original.UpdatedAt.Add(time.Millisecond)
	}
	next := *original
	if next.Definition, err = l.definition(ctx, at, c.service.reseal); err != nil {
		return nil, err
	}
	next.Enabled = l.enabled()
	if next.Enabled != original.Enabled || next.Policies.Jitter != original.Policies.Jitter || !sameSchedule(next.Schedule, original.Schedule) {
		next.NextRunAt = next.nextRun(at)
	}
	same, err := sameJob(original, &next)
	if err != nil || same {
		next.UpdatedAt = original.UpdatedAt
		return &next, err
	}
	next.Revision, next.UpdatedAt, next.DefnUpdatedAt = original.Revision+1, at, at
	next.Note, err = c.note(original, &next)
	return &next, err
}

// auditCommit gives the rows of a commit: what a change of the same kind would have, as a commit.
func auditCommit(original, next, draft *Job) ([]AuditRow, error) {
	if next.Revision == original.Revision {
		return []AuditRow{auditDraft(AuditCommit, next, draft)}, nil
	}
	rows, err := auditChange(original, next)
	if err != nil {
		return nil, err
	}
	rows[0].Action, rows[0].Kind, rows[0].Object = AuditCommit, "draft", string(draft.ID)
	return rows, nil
}

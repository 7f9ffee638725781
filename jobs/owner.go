package jobs

import (
	"context"
	"errors"
	"time"
)

// OwnerStore hands jobs over.
type OwnerStore interface {
	// HandOver is SaveJob of a job whose OwnerID has changed and that is not Enabled. With it the share of the new owner goes, the former owner
	// gets one of LevelFull if keep is true, and the job is HandedOver until a SaveJob enables it. A draft, a share beyond MaxShares, and a removed
	// owner as with InsertJob are a *ConflictError.
	HandOver(ctx context.Context, now time.Time, j *Job, base int64, keep bool) error
}

// HandOver makes a job belong to another user or to a team (contract 14.5, R45). It is switched off and loses its secrets, for nobody lends
// another's rights; the new owner, a member of the team that may edit its jobs, or a superuser switches it on. Runs that are queued or going
// on keep the rights that they were started with. With keep the former owner keeps every level by a share. To the owner that it has is no
// change.
func (c *Client) HandOver(ctx context.Context, ref JobRef, owner PrincipalID, keep bool, expect Precondition) (*Job, error) {
	for range changeTries {
		j, err := c.permitted(ctx, ref, PermissionChangeOwner)
		if err != nil {
			return nil, err
		}
		if owner.IsTeam() && !c.principal.mayOwn(owner) {
			return nil, c.denied(ctx, Forbidden("you may not own jobs for %q", owner), AuditHandOver, "job", string(j.ID), j.ID)
		}
		var f Faults
		if err := c.checkKnown(ctx, &f, "ownerId", owner); err != nil {
			return nil, err
		}
		if err := f.Err(); err != nil {
			return nil, err
		}
		switch {
		case j.Broken != "":
			return nil, Conflict("%s; the job can only be removed", j.Broken)
		case j.IsDraft():
			return nil, Conflict("a draft is its maker's alone; hand over the job that it was made of")
		case expect.Revision != 0 && expect.Revision != j.Revision:
			return nil, ErrPrecondition
		case owner == j.OwnerID:
			return j, nil
		}
		err = c.handOver(ctx, j, owner, keep)
		if errors.Is(err, ErrPrecondition) {
			continue
		}
		if err != nil {
			return nil, err
		}
		return c.service.store.Job(ctx, j.Tenant, JobRef{ID: j.ID})
	}
	return nil, &UnavailableError{Reason: "the job is being changed by others all the time"}
}

// handOver stores what a job that was read becomes.
func (c *Client) handOver(ctx context.Context, old *Job, owner PrincipalID, keep bool) error {
	at := now()
	if !at.After(old.UpdatedAt) {
		at = old.UpdatedAt.Add(time.Millisecond)
	}
	j := *old
	definition, err := copyDefinition(ctx, &old.Definition, copying{
		from: old.secretRef(""), to: old.secretRef(""), rename: func(a *Action) ActionID { return a.ID }, back: true, secrets: dropSecrets,
	})
	if err != nil {
		return err
	}
	j.Definition = definition
	j.Ensured = old.Ensured
	j.OwnerID, j.Enabled, j.NextRunAt = owner, false, time.Time{}
	j.Revision, j.UpdatedAt, j.DefnUpdatedAt = old.Revision+1, at, at
	if j.Note, err = c.note(old, &j); err != nil {
		return err
	}
	rows := []AuditRow{auditJob(AuditHandOver, &j, "ownerId")}
	if old.Enabled {
		rows = append(rows, auditJob(AuditDisable, &j))
	}
	if gone := newSecrets(old, &j); len(gone) > 0 {
		rows = append(rows, auditJob(AuditSetSecret, &j, gone...))
	}
	return c.service.store.HandOver(c.audited(ctx, rows...), at, &j, old.Revision, keep)
}

// mayEnable refuses to switch a job on that was handed over, unless its new owner does it, a member of the team that may edit its jobs, or a
// superuser.
func (c *Client) mayEnable(ctx context.Context, j *Job) error {
	if !j.HandedOver || c.principal.mayOwn(j.OwnerID) {
		return nil
	}
	return c.denied(ctx, Forbidden("the job was handed over to %q, who has to switch it on", j.OwnerID), AuditEnable, "job", string(j.ID), j.ID)
}

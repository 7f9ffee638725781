package jobs

import (
	"context"
	"encoding/json"
	"slices"
	"time"
)

// AttachmentRef names an attachment below its job and action.
type AttachmentRef struct {
	Job    JobRef
	Action ActionID
	ID     AttachmentID
}

// AttachmentIn is an attachment in its job: the job, the action and where it stands.
type AttachmentIn struct {
	Job    *Job
	Action *Action
	Index  int
}

// Attachment is the attachment itself.
func (a AttachmentIn) Attachment() *Attachment { return &a.Action.Attachments[a.Index] }

// Attachment reads one attachment.
func (c *Client) Attachment(ctx context.Context, ref AttachmentRef) (AttachmentIn, error) {
	j, err := c.readable(ctx, ref.Job)
	if err != nil {
		return AttachmentIn{}, err
	}
	return j.attachment(ref)
}

// attachment finds an attachment, or says which part of the way to it is missing.
func (j *Job) attachment(ref AttachmentRef) (AttachmentIn, error) {
	a, _, ok := j.Action(ref.Action)
	if !ok {
		return AttachmentIn{}, NotFound("action")
	}
	_, i, ok := a.Attachment(ref.ID)
	if !ok {
		return AttachmentIn{}, NotFound("attachment")
	}
	return AttachmentIn{Job: j, Action: a, Index: i}, nil
}

// AddAttachment adds an attachment to an action (contract 8.3). ref.ID is not looked at.
func (c *Client) AddAttachment(ctx context.Context, ref AttachmentRef, spec AttachmentSpec) (AttachmentIn, error) {
	j, err := c.change(ctx, ref.Job, Precondition{}, func(j *Job, at time.Time) error {
		_, i, ok := j.Action(ref.Action)
		if !ok {
			return NotFound("action")
		}
		action := j.ownAction(i)
		if !c.takesAttachments(action.Type) {
			return Invalid("type", "cannot be attached here: the action driver %q takes no attachments", action.Type)
		}
		var f Faults
		index := len(action.Attachments)
		if spec.Index != nil {
			index = *spec.Index
			checkRange(&f, "index", index, 0, len(action.Attachments))
		}
		a, err := c.buildAttachment(ctx, j, action.ID, spec, nil, at)
		if err := f.Merge("", err); err != nil {
			return err
		}
		if err := f.Err(); err != nil {
			return err
		}
		if len(action.Attachments) >= MaxAttachments {
			return Conflict("the action has %d attachments already", MaxAttachments)
		}
		ref.ID = a.ID
		action.Attachments = slices.Insert(action.Attachments, index, a)
		action.UpdatedAt = at
		return nil
	})
	if err != nil {
		return AttachmentIn{}, err
	}
	return j.attachment(ref)
}

// UpdateAttachment changes an attachment partially (contract 8.5).
func (c *Client) UpdateAttachment(ctx context.Context, ref AttachmentRef, patch AttachmentPatch, expect Precondition) (AttachmentIn, error) {
	return c.changeAttachment(ctx, ref, expect, func(j *Job, action *Action, i int, at time.Time) error {
		old := action.Attachments[i]
		a, index, err := c.patchAttachment(ctx, j, action, i, patch)
		if err != nil {
			return err
		}
		if index == i && sameAttachment(&old, &a) {
			return nil
		}
		a.UpdatedAt, action.UpdatedAt = at, at
		action.Attachments = slices.Insert(slices.Delete(action.Attachments, i, i+1), index, a)
		return nil
	})
}

// DeleteAttachment removes an attachment (contract 8.6). Its contents go when no revision that is kept needs them.
func (c *Client) DeleteAttachment(ctx context.Context, ref AttachmentRef, expect Precondition) error {
	_, err := c.change(ctx, ref.Job, Precondition{}, func(j *Job, at time.Time) error {
		action, i, err := j.ownAttachment(ref)
		if err != nil {
			return err
		}
		if err := expect.attachment(&action.Attachments[i]); err != nil {
			return err
		}
		action.Attachments = slices.Delete(action.Attachments, i, i+1)
		action.UpdatedAt = at
		return nil
	})
	return err
}

// changeAttachment changes one attachment of a job. Faults of the input come before a precondition that fails.
func (c *Client) changeAttachment(
	ctx context.Context, ref AttachmentRef, expect Precondition, f func(j *Job, action *Action, i int, at time.Time) error,
) (AttachmentIn, error) {
	j, err := c.change(ctx, ref.Job, Precondition{}, func(j *Job, at time.Time) error {
		action, i, err := j.ownAttachment(ref)
		if err != nil {
			return err
		}
		old := action.Attachments[i]
		if err := f(j, action, i, at); err != nil {
			return err
		}
		return expect.attachment(&old)
	})
	if err != nil {
		return AttachmentIn{}, err
	}
	return j.attachment(ref)
}

// ownAction is an action of a job that is being changed, with a list of attachments of its own: what was read may be shared.
func (j *Job) ownAction(i int) *Action {
	action := &j.Actions[i]
	action.Attachments = slices.Clone(action.Attachments)
	return action
}

func (j *Job) ownAttachment(ref AttachmentRef) (*Action, int, error) {
	in, err := j.attachment(ref)
	if err != nil {
		return nil, 0, err
	}
	in.Action.Attachments = slices.Clone(in.Action.Attachments)
	return in.Action, in.Index, nil
}

func (p Precondition) attachment(a *Attachment) error {
	if !p.UpdatedAt.IsZero() && !p.UpdatedAt.Equal(a.UpdatedAt) {
		return ErrPrecondition
	}
	return nil
}

func sameAttachment(a, b *Attachment) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}

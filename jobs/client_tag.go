package jobs

import (
	"context"
	"errors"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Tags lists the tags of the tenant whose name holds a text, by name.
func (c *Client) Tags(ctx context.Context, name string) ([]Tag, error) {
	if err := c.identified(); err != nil {
		return nil, err
	}
	return c.service.store.Tags(ctx, c.principal.Tenant, name)
}

// Tag reads one tag of the tenant.
func (c *Client) Tag(ctx context.Context, id TagID) (Tag, error) {
	if err := c.identified(); err != nil {
		return Tag{}, err
	}
	return c.service.store.Tag(ctx, c.principal.Tenant, id)
}

// MayManageTags is nil if the principal may make, change and remove tags of the tenant.
func (c *Client) MayManageTags(ctx context.Context) error {
	if err := c.identified(); err != nil {
		return err
	}
	if err := c.writes(ctx); err != nil {
		return err
	}
	if !c.principal.Superuser && !c.principal.Rights.CreateTags {
		return c.denied(ctx, Forbidden("tags:create is not allowed"), "tags:create", "tag", "", "")
	}
	return nil
}

// CreateTag makes a tag of the tenant (contract 14.4). Color is #RRGGBB or empty.
func (c *Client) CreateTag(ctx context.Context, name, color string) (Tag, error) {
	if err := c.MayManageTags(ctx); err != nil {
		return Tag{}, err
	}
	at := now()
	k := Tag{ID: NewTagID(), Tenant: c.principal.Tenant, CreatedAt: at, UpdatedAt: at}
	if err := k.set(name, color); err != nil {
		return Tag{}, err
	}
	return k, c.service.store.InsertTag(c.audited(ctx, auditTag(AuditCreate, k.ID, "")), k)
}

// UpdateTag changes name and color of a tag partially, anew if somebody else changed it in between.
func (c *Client) UpdateTag(ctx context.Context, id TagID, p TagPatch) (Tag, error) {
	if err := c.MayManageTags(ctx); err != nil {
		return Tag{}, err
	}
	for range changeTries {
		before, err := c.Tag(ctx, id)
		if err != nil {
			return Tag{}, err
		}
		k := before
		var f Faults
		name, color := required(&f, "name", p.Name, k.Name), required(&f, "color", p.Color, k.Color)
		if err := f.Merge("", k.set(name, color)); err != nil {
			return Tag{}, err
		}
		if err := f.Err(); err != nil || k == before {
			return k, err
		}
		if k.UpdatedAt = now(); !k.UpdatedAt.After(before.UpdatedAt) {
			k.UpdatedAt = before.UpdatedAt.Add(time.Millisecond)
		}
		changed := setFields(map[string]bool{"name": k.Name != before.Name, "color": k.Color != before.Color})
		err = c.service.store.SaveTag(c.audited(ctx, auditTag(AuditUpdate, id, "", changed...)), k, before.UpdatedAt)
		if !errors.Is(err, ErrPrecondition) {
			return k, err
		}
	}
	return Tag{}, &UnavailableError{Reason: "the tag is being changed by others all the time"}
}

// DeleteTag removes a tag of the tenant, and takes it off all jobs.
func (c *Client) DeleteTag(ctx context.Context, id TagID) error {
	if err := c.MayManageTags(ctx); err != nil {
		return err
	}
	return c.service.store.DeleteTag(c.audited(ctx, auditTag(AuditDelete, id, "")), now(), c.principal.Tenant, id)
}

// set checks name and color and takes them over. Colors are kept with capital digits.
func (k *Tag) set(name, color string) error {
	var f Faults
	k.Name = strings.TrimSpace(name)
	switch n := utf8.RuneCountInString(k.Name); {
	case n == 0:
		f.Add("name", "is required")
	case !utf8.ValidString(k.Name), strings.ContainsFunc(k.Name, unicode.IsControl):
		f.Add("name", "holds a character that is not of one line of text")
	case n > MaxTagName:
		f.Add("name", "has %d characters; at most %d", n, MaxTagName)
	}
	if k.Color = strings.ToUpper(color); !validColor(color) {
		f.Add("color", "is %q; six hexadecimal digits as in #2E7D32, or empty", color)
	}
	return f.Err()
}

func validColor(color string) bool {
	digits, ok := strings.CutPrefix(color, "#")
	if !ok || len(digits) != 6 {
		return color == ""
	}
	return strings.Trim(digits, "0123456789abcdefABCDEF") == ""
}

// JobTags gives the job, whose Tags are in the order in which it got them.
func (c *Client) JobTags(ctx context.Context, ref JobRef) (*Job, error) { return c.readable(ctx, ref) }

// JobTag reads one association of a job with a tag.
func (c *Client) JobTag(ctx context.Context, ref JobRef, id TagID) (JobTag, error) {
	j, err := c.readable(ctx, ref)
	if err != nil {
		return JobTag{}, err
	}
	k, ok := j.TagOf(id)
	if !ok {
		return JobTag{}, NotFound("tag")
	}
	return k, nil
}

// CanTag is nil if PutJobTag would be allowed: else ErrNotFound, for the job or the tag, or ErrForbidden, as it would say.
func (c *Client) CanTag(ctx context.Context, ref JobRef, id TagID) error {
	_, err := c.taggable(ctx, ref, func(*Job) error {
		_, err := c.service.store.Tag(ctx, c.principal.Tenant, id)
		return err
	})
	return err
}

// CanUntag is CanTag for DeleteJobTag.
func (c *Client) CanUntag(ctx context.Context, ref JobRef, id TagID) error {
	_, err := c.taggable(ctx, ref, func(j *Job) error { return j.hasTag(id) })
	return err
}

func (j *Job) hasTag(id TagID) error {
	if _, ok := j.TagOf(id); !ok && !j.IsDraft() {
		return NotFound("tag")
	}
	return nil
}

// taggable reads a job whose tags the principal may change. What does not exist is said before what is not allowed.
func (c *Client) taggable(ctx context.Context, ref JobRef, exists func(*Job) error) (*Job, error) {
	j, err := c.readable(ctx, ref)
	if err != nil {
		return nil, err
	}
	if err := exists(j); err != nil {
		return nil, err
	}
	return j, c.allowed(ctx, j, PermissionAssignTags)
}

var errDraftTagged = Conflict("a draft has no tags; they belong to the job that it was made of")

// PutJobTag gives a tag to a job (contract 14.3). One that it has already is no error.
func (c *Client) PutJobTag(ctx context.Context, ref JobRef, id TagID) (JobTag, error) {
	j, err := c.taggable(ctx, ref, func(*Job) error {
		_, err := c.service.store.Tag(ctx, c.principal.Tenant, id)
		return err
	})
	if err != nil {
		return JobTag{}, err
	}
	if j.IsDraft() {
		return JobTag{}, errDraftTagged
	}
	if err := c.service.store.PutJobTag(c.audited(ctx, auditTag(AuditTag, id, j.ID)), now(), j.Tenant, j.ID, id); err != nil {
		return JobTag{}, err
	}
	return c.JobTag(ctx, ref, id)
}

// DeleteJobTag takes a tag off a job.
func (c *Client) DeleteJobTag(ctx context.Context, ref JobRef, id TagID) error {
	j, err := c.taggable(ctx, ref, func(j *Job) error { return j.hasTag(id) })
	if err != nil {
		return err
	}
	if j.IsDraft() {
		return errDraftTagged
	}
	return c.service.store.DeleteJobTag(c.audited(ctx, auditTag(AuditUntag, id, j.ID)), now(), j.Tenant, j.ID, id)
}

// auditTag is the row of what is done to a tag; with a job, of what that job gets or loses.
func auditTag(action AuditAction, id TagID, job ID, fields ...string) AuditRow {
	return AuditRow{Action: action, Kind: "tag", Object: string(id), JobID: job, Fields: fields}
}

// buildTags finds the tags of a new job. Unknown ones and those of other tenants are the same fault (R43); one that is named twice counts once.
func (c *Client) buildTags(ctx context.Context, f *Faults, j *Job, ids []TagID) error {
	if len(ids) > MaxTags {
		f.Add("tags", "has %d entries; at most %d", len(ids), MaxTags)
		return nil
	}
	for i, id := range ids {
		if _, has := j.TagOf(id); has {
			continue
		}
		k, err := c.service.store.Tag(ctx, j.Tenant, id)
		switch {
		case errors.Is(err, ErrNotFound):
			f.Add(indexPath("tags", i), "is not a tag of this tenant")
		case err != nil:
			return err
		default:
			j.Tags = append(j.Tags, JobTag{JobID: j.ID, Tag: k})
		}
	}
	return nil
}
